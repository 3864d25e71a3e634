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
from lake_assets.compute.audit import broken
from lake_assets.compute.expressions import any_of, month_from_sk
from lake_assets.compute.profile import profile
from lake_assets.contract.layers import BATCH_COLUMN, BRONZE, SILVER, WHOLE_TABLE, LakeTable
from lake_assets.contract.model import Table
from lake_assets.contract.rules import Rule
from lake_assets.engine.silver_audit import Findings, SilverAudit
from lake_assets.engine.staging import DATA, KEPT, QUARANTINE, read_objects, read_staged, write_partitions
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
        findings = Findings()
        in_scan = (*self._audit.rules("row", "order"), *self._audit.by_range)
        found = self._scan(staged, data, in_scan, findings)
        comparisons = self._audit.broken_comparisons(staged)
        compared = self._audit.compared(staged, comparisons)
        self._audit.count(compared, self._column, comparisons, findings)
        judged = (*in_scan, *comparisons)
        self._audit.sample(compared, self._column, [rule for rule in judged if rule.name in findings.rules], findings)
        leaving = findings.partitions_with(self._audit.judgement(judged).removing)
        if leaving:
            found |= self._without(leaving, compared, judged)
        quarantined = self._quarantine(leaving, compared, judged, findings)
        duplicates = self._duplicates(findings)
        if self._table.partition_column is None and WHOLE_TABLE in found and found[WHOLE_TABLE].rows:
            self._audit.sets(self._read(self._folder_of(found[WHOLE_TABLE])), WHOLE_TABLE, findings)
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
        self, staged: DataFrame, data: str, rules: Sequence[Rule], findings: Findings
    ) -> dict[str, PartitionResult]:
        """One scan: rows, content and bounds of each partition, and into `findings` what breaks the rules."""
        bounds = self._bounds()
        extra = bounds | self._audit.judgement(rules).counts()
        results: dict[str, PartitionResult] = {}
        for row in profile(staged, self._column, self._table.content_columns, extra).collect():
            partition, rows = str(row[self._column]), int(row["rows"])
            results[partition] = PartitionResult(
                partition=partition,
                rows=rows,
                content=row["content"],
                objects=(StagedObject(folder=f"{data}/{self._column}={partition}", rows=rows),),
                **{name: row[name] for name in bounds},
            )
            for rule in rules:
                findings.add(partition, rule.name, row[rule.name])
        return results

    def _bounds(self) -> dict[str, Column]:
        """The first and last day of a fact, the lowest and highest key of a dimension."""
        if self._source.month is None:
            (key,) = self._source.primary_key
            return {"first_key": F.min(key), "last_key": F.max(key)}
        day = "sold_date_sk_resolved" if self._source.order else self._source.month.column
        return {"first_date_sk": F.min(day), "last_date_sk": F.max(day)}

    def _without(
        self, leaving: Sequence[str], compared: DataFrame, judged: Sequence[Rule]
    ) -> dict[str, PartitionResult]:
        """The partitions staged anew without the rows that must go."""
        kept = f"{KEPT}/{self._number}"
        stays = compared.where(F.col(self._column).isin(*leaving)).where(~self._audit.judgement(judged).must_go)
        columns = [column.name for column in self._table.columns]
        self._write(stays.select(*columns, self._column), self._table.sort, kept)
        empty = {partition: PartitionResult(partition=partition, rows=0) for partition in leaving}
        return empty | self._scan(self._read(kept), kept, (), Findings())

    def _quarantine(
        self, leaving: Sequence[str], compared: DataFrame, judged: Sequence[Rule], findings: Findings
    ) -> dict[str, StagedObject]:
        stamp = self._task.load_timestamp
        frames: list[DataFrame] = []
        if leaving:
            judgement = self._audit.judgement(judged)
            leave = compared.where(F.col(self._column).isin(*leaving)).where(judgement.must_go)
            frames.append(judgement.quarantined(leave, self._column, stamp))
        if self._rows.unplaced is not None:
            rules = self._audit.rules("placement", "row", "reference", "sale")
            comparisons = self._audit.rules("reference", "sale")
            rows = self._audit.compared(self._within(self._rows.unplaced, silver.raw_month), comparisons)
            self._audit.count(rows, self._column, rules, findings)
            self._audit.sample(rows, self._column, rules, findings)
            frames.append(self._audit.judgement(rules).quarantined(rows, self._column, stamp))
        if not frames:
            return {}
        folder = f"{QUARANTINE}/{self._number}"
        self._write(reduce(DataFrame.unionByName, frames), (BATCH_COLUMN, *self._source.primary_key), folder)
        # Counted as it was written, which is also cheaper than judging the rows once more.
        written = self._audit.spark.read.schema(f"{BATCH_COLUMN} string, `{self._column}` string")
        return {
            partition: StagedObject(folder=f"{folder}/{self._column}={partition}", rows=rows)
            for partition, rows in self._counts(written.parquet(f"{self._task.staging}/{folder}")).items()
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
