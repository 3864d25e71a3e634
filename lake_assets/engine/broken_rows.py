"""Rows that break rules, staged once.

What is counted, shown as an example, taken out and put into quarantine is all read from these few rows, so that the rows of
the table are compared with other tables no more than once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from lake_assets.compute import audit
from lake_assets.compute.audit import LEAVES
from lake_assets.contract.rules import SAMPLES
from lake_assets.lake.task import Violation

STAGED = "_staged"


@dataclass
class Findings:
    """Rows that break a rule, by partition and rule, with the keys of a few of them."""

    rows: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    samples: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def add_rows(self, broken: DataFrame, partition_column: str) -> None:
        """Count rows of (partition, `_rule`, `_sample`), and keep the first few samples of each."""
        # Of a single partition and a single rule both columns are constants, over which Sail cannot plan a window or a sort.
        nothing = F.substring(F.coalesce("_sample", F.lit("")), 1, 0)
        names = (partition_column, "_rule")
        varying = broken.select(*(F.concat(F.col(name), nothing).alias(name) for name in names), "_sample")
        group = Window.partitionBy(*names)
        few = varying.withColumns(
            {"_n": F.row_number().over(group.orderBy("_sample")), "_rows": F.count(F.lit(1)).over(group)}
        ).where(F.col("_n") <= SAMPLES)
        for row in sorted(few.collect(), key=lambda row: (row[partition_column], row["_rule"], row["_n"])):
            first = row["_n"] == 1
            self.rows[row[partition_column]][row["_rule"]] += row["_rows"] if first else 0
            self.samples[row[partition_column]][row["_rule"]].append(row["_sample"])

    def of(self, partition: str) -> tuple[Violation, ...]:
        return tuple(
            Violation(rule=rule, rows=rows, samples=tuple(self.samples[partition][rule][:SAMPLES]))
            for rule, rows in self.rows[partition].items()
        )


class BrokenRows:
    """Rows with the columns of `Judgement.broken_rows`, and `STAGED`: whether the row is one of the staged partitions'."""

    def __init__(self, rows: DataFrame, partition_column: str, primary_key: tuple[str, ...]) -> None:
        self._rows = rows
        self._column = partition_column
        self._key = primary_key

    def findings(self) -> Findings:
        found = Findings()
        broken = self._rows.select(
            self._column, F.explode("rules").alias("_rule"), audit.values(self._key).alias("_sample")
        )
        found.add_rows(broken, self._column)
        return found

    def leaving(self) -> DataFrame:
        """The rows for the quarantine."""
        return self._rows.where(F.col(LEAVES)).drop(LEAVES, STAGED)

    @cached_property
    def _leaving(self) -> dict[bool, dict[str, int]]:
        """Rows that must go by partition, those that are staged (True) and those that never were."""
        counted = self._rows.where(F.col(LEAVES)).groupBy(self._column, STAGED).agg(F.count(F.lit(1)).alias("n"))
        found: dict[bool, dict[str, int]] = {True: {}, False: {}}
        for row in counted.collect():
            found[row[STAGED]][row[self._column]] = row["n"]
        return found

    def leaving_by_partition(self) -> dict[str, int]:
        partitions = {partition for counts in self._leaving.values() for partition in counts}
        return {name: sum(counts.get(name, 0) for counts in self._leaving.values()) for name in sorted(partitions)}

    def partitions_left(self) -> list[str]:
        """The partitions from which a staged row must go."""
        return sorted(self._leaving[True])

    def without_leaving(self, staged: DataFrame) -> DataFrame:
        """The staged rows that may stay."""
        keys = self._rows.where(F.col(LEAVES) & F.col(STAGED)).select(*self._key)
        # A join on names brings these to the front, and stored columns have an order.
        return staged.join(keys, list(self._key), "left_anti").select(*staged.columns)
