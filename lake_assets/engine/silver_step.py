"""Silver: bronze objects become partitions of clean, keyed rows; what was taken out is counted partition by partition."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lake_assets.compute import silver
from lake_assets.compute.audit import LEAVES, broken
from lake_assets.compute.expressions import any_of, month_from_sk
from lake_assets.compute.profile import profile
from lake_assets.contract.layers import BATCH_COLUMN, BRONZE, SILVER, WHOLE_TABLE, LakeTable
from lake_assets.contract.model import Table
from lake_assets.contract.rules import Rule
from lake_assets.engine.broken_rows import STAGED, BrokenRows, Findings
from lake_assets.engine.silver_audit import SilverAudit
from lake_assets.engine.staging import (
    BROKEN,
    DATA,
    KEPT,
    QUARANTINE,
    read_objects,
    read_staged,
    read_written,
    write_partitions,
)
from lake_assets.lake.task import PartitionResult, Result, StagedObject, Task

_PART = "part"
# What a value takes while its row is decoded, shuffled and sorted: 27 to 39 bytes, measured at SF1 on Sail.
_BYTES_PER_VALUE = 40


def run_silver(spark: SparkSession, task: Task) -> Result:
    """Build and audit the partitions asked for, in as many passes over the inputs as the task's memory demands."""
    table = SILVER[task.table]
    source = _source_of(table)
    audit = SilverAudit(spark, task, table, source)
    if not any(item.rows for item in task.inputs):
        empty = tuple(PartitionResult(partition=partition, rows=0) for partition in task.partitions)
        return Result(partitions=empty, seconds=0, source_rows=0, unevaluated=audit.unevaluated)
    rows = _Rows.split(read_objects(spark, task.inputs, BRONZE[task.table], BATCH_COLUMN), audit)
    results: list[PartitionResult] = []
    seconds = 0.0
    for number, partitions in enumerate(_passes(task, table)):
        work = _Pass(task, audit, rows, partitions, number)
        results += work.run()
        seconds += work.audit_seconds
    return Result(
        partitions=tuple(results),
        seconds=0,
        source_rows=rows.look.rows,
        unevaluated=audit.unevaluated,
        audit_seconds=round(seconds, 3),
    )


def _source_of(table: LakeTable) -> Table:
    if table.source is None:
        raise ValueError(f"{table.identifier} has no source table")
    return table.source


def _passes(task: Task, table: LakeTable) -> Iterator[Sequence[str]]:
    """Consecutive slices of the partitions, each small enough for the memory."""
    share = len(task.partitions) / len(table.partitions)
    needed = sum(item.rows for item in task.inputs) * len(table.columns) * _BYTES_PER_VALUE * share
    count = max(1, math.ceil(needed / (task.memory_gb * (1 << 30))))
    size = math.ceil(len(task.partitions) / count)
    for start in range(0, len(task.partitions), size):
        yield task.partitions[start : start + size]


@dataclass(frozen=True)
class _Rows:
    """All rows of the table, split as far as the look at them found reason to.

    `unplaced` rows have no key or no place among the partitions. `repeats` are those of the `duplicates` that count as a fault.
    """

    look: silver.Look
    kept: DataFrame
    unplaced: DataFrame | None
    duplicates: DataFrame | None
    repeats: DataFrame | None

    @classmethod
    def split(cls, everything: DataFrame, audit: SilverAudit) -> _Rows:
        source = audit.source
        unplaced = any_of(broken(rule, source) for rule in audit.rules("placement"))
        look = silver.look(everything, source, unplaced)
        kept = everything.where(~unplaced) if look.rejected else everything
        rejected = everything.where(unplaced) if look.rejected else None
        if not look.keys_repeated:
            return cls(look, kept, rejected, None, None)
        ranked = silver.ranked(kept, source)
        losers = silver.losers(ranked)
        repeats = losers if source.is_fact else silver.repeated_within_batch(kept, source)
        return cls(look, silver.winners(ranked), rejected, losers, repeats)


class _Pass:
    """One pass over the inputs for a slice of the partitions."""

    def __init__(self, task: Task, audit: SilverAudit, rows: _Rows, partitions: Sequence[str], number: int) -> None:
        self._task = task
        self._audit = audit
        self._table = audit.table
        self._source = audit.source
        self._rows = rows
        self._partitions = partitions
        self._number = number
        self._column = self._table.partition_column or _PART
        self.audit_seconds = 0.0

    def run(self) -> list[PartitionResult]:
        data = f"{DATA}/{self._number}"
        self._write(self._staged_rows(), self._table.sort, data)
        started = time.monotonic()
        staged = self._audit.with_ranges(self._read(data))
        in_scan = (*self._audit.rules("row", "order"), *self._audit.by_range)
        found, suspects = self._scan(staged, data, in_scan)
        comparisons = self._audit.broken_comparisons(staged)
        # A comparison was made over all partitions at once, so that any of them may hold the rows that broke it.
        within = list(found) if comparisons else suspects
        findings, quarantined = Findings(), {}
        broken = self._broken(
            staged.where(F.col(self._column).isin(*within)), (*in_scan, *comparisons) if within else ()
        )
        if broken:
            findings = broken.findings()
            found |= self._without(broken, staged)
            quarantined = self._quarantine(broken)
        duplicates = self._duplicates(findings)
        if self._table.partition_column is None and WHOLE_TABLE in found and found[WHOLE_TABLE].rows:
            self._audit.sets(self._read(self._folder_of(found[WHOLE_TABLE])), self._column, findings)
        self.audit_seconds = time.monotonic() - started
        return [self._result(partition, found, quarantined, duplicates, findings) for partition in self._partitions]

    def _result(
        self,
        partition: str,
        found: dict[str, PartitionResult],
        quarantined: dict[str, StagedObject],
        duplicates: dict[str, int],
        findings: Findings,
    ) -> PartitionResult:
        violations = findings.of(partition)
        return found.get(partition, PartitionResult(partition=partition, rows=0)).model_copy(
            update={
                "quarantine": quarantined.get(partition),
                "quarantined": quarantined[partition].rows if partition in quarantined else 0,
                "duplicates": duplicates.get(partition, 0),
                "violations": violations,
                "waits_for": self._audit.waits_for(violations),
            }
        )

    def _within(self, frame: DataFrame, month: Callable[[Table], Column]) -> DataFrame:
        """The rows of the partitions of this pass, with their partition in the partition column."""
        if self._table.partition_column is None:
            return frame.withColumn(_PART, F.lit(WHOLE_TABLE))
        placed = frame.withColumn(self._column, month(self._source))
        complete = len(self._partitions) == len(self._table.partitions)
        return placed if complete else placed.where(F.col(self._column).isin(*self._partitions))

    def _staged_rows(self) -> DataFrame:
        stamp = self._task.load_timestamp
        if self._source.order is None:
            return self._within(silver.silver_rows(self._rows.kept, self._table, stamp), silver.raw_month)
        guess = self._task.actions["order_header__date"] == "warn"
        lines = silver.with_resolved_order(self._rows.kept, self._source.order, guess=guess)
        rows = silver.silver_rows(lines, self._table, stamp, silver.PLACED)
        return self._within(rows, lambda _: month_from_sk(F.col(silver.PLACED))).drop(silver.PLACED)

    def _write(self, frame: DataFrame, sort: Iterable[str], folder: str) -> None:
        write_partitions(frame, self._column, sort, f"{self._task.staging}/{folder}", self._table.codec)

    def _read(self, folder: str) -> DataFrame:
        return read_staged(self._audit.spark, f"{self._task.staging}/{folder}", self._table, self._column)

    def _folder_of(self, result: PartitionResult) -> str:
        return result.objects[0].folder.rpartition("/")[0]

    def _scan(
        self, staged: DataFrame, data: str, rules: Sequence[Rule]
    ) -> tuple[dict[str, PartitionResult], list[str]]:
        """One scan: rows, content and bounds of each partition, and the partitions in which a row breaks one of the rules."""
        bounds = self._bounds()
        extra = bounds | self._audit.judgement(rules).counts()
        results: dict[str, PartitionResult] = {}
        suspects: list[str] = []
        for row in profile(staged, self._column, self._table.content_columns, extra).collect():
            partition, rows = str(row[self._column]), int(row["rows"])
            results[partition] = PartitionResult(
                partition=partition,
                rows=rows,
                content=row["content"],
                objects=(StagedObject(folder=f"{data}/{self._column}={partition}", rows=rows),),
                **{name: row[name] for name in bounds},
            )
            if any(row[rule.name] for rule in rules):
                suspects.append(partition)
        return results, suspects

    def _bounds(self) -> dict[str, Column]:
        """The first and last day of a fact, the lowest and highest key of a dimension."""
        if self._source.month is None:
            (key,) = self._source.primary_key
            return {"first_key": F.min(key), "last_key": F.max(key)}
        day = "sold_date_sk_resolved" if self._source.order else self._source.month.column
        return {"first_date_sk": F.min(day), "last_date_sk": F.max(day)}

    def _broken(self, suspects: DataFrame, rules: Sequence[Rule]) -> BrokenRows | None:
        """The rows that break rules, staged: those of `suspects`, and all that have no place among the partitions."""
        stamp = self._task.load_timestamp
        frames: list[DataFrame] = []
        if rules:
            compared = self._audit.compared(suspects, [rule for rule in rules if rule not in self._audit.by_range])
            broken = self._audit.judgement(rules).broken_rows(compared, self._column, stamp)
            frames.append(broken.withColumn(STAGED, F.lit(True)))
        if self._rows.unplaced is not None:
            unplaced = self._within(self._rows.unplaced, silver.raw_month)
            compared = self._audit.compared(unplaced, self._audit.rules("reference", "sale"))
            every = self._audit.rules("placement", "row", "reference", "sale")
            broken = self._audit.judgement(every).broken_rows(compared, self._column, stamp)
            frames.append(broken.withColumn(LEAVES, F.lit(True)).withColumn(STAGED, F.lit(False)))
        if not frames:
            return None
        folder = f"{BROKEN}/{self._number}"
        self._write(reduce(DataFrame.unionByName, frames), self._quarantine_order, folder)
        uri = f"{self._task.staging}/{folder}"
        return BrokenRows(read_written(self._audit.spark, uri, frames[0]), self._column, self._source.primary_key)

    @property
    def _quarantine_order(self) -> tuple[str, ...]:
        return (BATCH_COLUMN, *self._source.primary_key)

    def _without(self, broken: BrokenRows, staged: DataFrame) -> dict[str, PartitionResult]:
        """The partitions from which rows must go, staged anew without these."""
        leaving = broken.partitions_left()
        if not leaving:
            return {}
        kept = f"{KEPT}/{self._number}"
        columns = [column.name for column in self._table.columns]
        rows = staged.where(F.col(self._column).isin(*leaving)).select(*columns, self._column)
        self._write(broken.without_leaving(rows), self._table.sort, kept)
        empty = {partition: PartitionResult(partition=partition, rows=0) for partition in leaving}
        return empty | self._scan(self._read(kept), kept, ())[0]

    def _quarantine(self, broken: BrokenRows) -> dict[str, StagedObject]:
        counts = broken.leaving_by_partition()
        folder = f"{QUARANTINE}/{self._number}"
        if counts:
            self._write(broken.leaving(), self._quarantine_order, folder)
        return {
            partition: StagedObject(folder=f"{folder}/{self._column}={partition}", rows=rows)
            for partition, rows in counts.items()
        }

    def _duplicates(self, findings: Findings) -> dict[str, int]:
        if self._rows.duplicates is None:
            return {}
        if self._rows.repeats is not None:
            self._audit.repeats(self._within(self._rows.repeats, silver.raw_month), self._column, findings)
        return self._counts(self._within(self._rows.duplicates, silver.raw_month))

    def _counts(self, placed: DataFrame) -> dict[str, int]:
        counted = placed.groupBy(self._column).agg(F.count(F.lit(1)).alias("rows")).collect()
        return {row[self._column]: row["rows"] for row in counted}
