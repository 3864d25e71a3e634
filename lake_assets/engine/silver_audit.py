"""The audit of staged silver rows: which rules they break, and the partitions split where rows must go.

Clean data is looked at once: all rules of rows in one scan, together with the content hash, then the references by their
distinct values. Only what was found to be broken is counted and split.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from lake_assets.compute import audit
from lake_assets.compute.audit import Judgement, Keys
from lake_assets.contract.layers import BATCH_COLUMN, BRONZE, SILVER, LakeTable
from lake_assets.contract.model import Table
from lake_assets.contract.rules import SAMPLES, Rule, Scope, rules_of
from lake_assets.engine.staging import read_columns, read_objects
from lake_assets.lake.task import Task, Violation


@dataclass
class Findings:
    """Rows that break a rule, by partition and rule, with the keys of a few of them."""

    rows: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    samples: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def add(self, partition: str, rule: str, rows: int | None, samples: Iterable[str] = ()) -> None:
        if rows:
            self.rows[partition][rule] += rows
        self.samples[partition][rule] += samples

    def of(self, partition: str) -> tuple[Violation, ...]:
        return tuple(
            Violation(rule=rule, rows=rows, samples=tuple(self.samples[partition][rule][:SAMPLES]))
            for rule, rows in self.rows[partition].items()
        )

    def partitions_with(self, rules: Iterable[str]) -> list[str]:
        wanted = set(rules)
        return sorted(partition for partition, found in self.rows.items() if wanted & set(found))

    @property
    def rules(self) -> set[str]:
        return {rule for found in self.rows.values() for rule in found}


class SilverAudit:
    """The rules of one silver table, and the tables that its rows are compared with."""

    def __init__(self, spark: SparkSession, task: Task, table: LakeTable, source: Table) -> None:
        self.spark = spark
        self.table = table
        self.source = source
        self._actions = task.actions
        self._rules = rules_of(table)
        by_table = {
            item.table: [other for other in task.references if other.table == item.table] for item in task.references
        }
        self._keys = {
            name: Keys.of(read_columns(spark, by_table[name], SILVER[name]), name, task.reference_keys.get(name))
            for name in source.dimensions
            if name in by_table
        }
        link = source.sale
        self._sales = (
            read_objects(spark, by_table[link.sales], BRONZE[link.sales], BATCH_COLUMN)
            if link and link.sales in by_table
            else None
        )

    def rules(self, *scopes: Scope) -> tuple[Rule, ...]:
        """Rules of these scopes that can be evaluated."""
        return tuple(rule for rule in self._rules if rule.scope in scopes and rule.name not in self.unevaluated)

    @cached_property
    def unevaluated(self) -> dict[str, str]:
        """Rules that compare with a table of which nothing is there yet."""
        missing = {rule.name: self.compared_with(rule) for rule in self._rules if self._lacks(rule)}
        return {name: f"nothing of {table} has been published yet" for name, table in missing.items()}

    def _lacks(self, rule: Rule) -> bool:
        if rule.foreign_key:
            return rule.foreign_key.references not in self._keys
        return rule.scope == "sale" and self._sales is None

    def compared_with(self, rule: Rule) -> str | None:
        """Name of the table that a rule compares with."""
        if rule.foreign_key:
            return rule.foreign_key.references
        return self.source.sale.sales if rule.scope == "sale" and self.source.sale else None

    def waits_for(self, violations: Iterable[Violation]) -> tuple[str, ...]:
        """Tables whose rows could make a row in quarantine valid, or that a rule waits for."""
        broken = {violation.rule for violation in violations}
        names = {
            self.compared_with(rule)
            for rule in self._rules
            if rule.name in self.unevaluated or (rule.name in broken and self._removes(rule))
        }
        return tuple(sorted(name for name in names if name))

    def _removes(self, rule: Rule) -> bool:
        return self._actions[rule.name] == "quarantine"

    def judgement(self, rules: Sequence[Rule]) -> Judgement:
        return Judgement(self.source, tuple(rules), frozenset(rule.name for rule in rules if self._removes(rule)))

    @cached_property
    def by_range(self) -> tuple[Rule, ...]:
        """Rules about references that need no other rows: the keys referred to fill a range."""
        return tuple(
            rule
            for rule in self.rules("reference")
            if rule.foreign_key and self._keys[rule.foreign_key.references].range
        )

    def with_ranges(self, rows: DataFrame) -> DataFrame:
        """Rows with the columns that the rules `by_range` need."""
        return audit.with_references(rows, self.by_range, self._keys)

    def broken_comparisons(self, rows: DataFrame) -> tuple[Rule, ...]:
        """Rules about other tables that at least one row breaks, but for those `by_range`."""
        references = [rule for rule in self.rules("reference") if rule not in self.by_range]
        found = set(audit.dangling(rows, references, self._keys))
        broken = [rule for rule in references if rule.name in found]
        sale = self.rules("sale")
        if sale and self.source.sale and self._sales is not None:
            # Also the older versions of a sale count here: what none of them breaks, the one that stays does not.
            counts = self.judgement(sale).counts().items()
            lines = audit.with_sale(rows, self.source.sale, self._sales)
            told = lines.agg(*(count.alias(name) for name, count in counts)).collect()[0]
            if any(told[rule.name] for rule in sale):
                broken += sale
        return tuple(broken)

    def compared(self, rows: DataFrame, rules: Sequence[Rule]) -> DataFrame:
        """Rows with the columns that these rules about other tables need."""
        rows = audit.with_references(rows, rules, self._keys)
        if any(rule.scope == "sale" for rule in rules) and self.source.sale and self._sales is not None:
            latest = audit.latest_sales(self._sales, self.source.sale, rows)
            rows = audit.with_sale(rows, self.source.sale, latest)
        return rows

    def count(self, rows: DataFrame, partition_column: str, rules: Sequence[Rule], findings: Findings) -> None:
        """Add to the findings the rows that break these rules, by partition."""
        if not rules:
            return
        counts = self.judgement(rules).counts().items()
        for row in rows.groupBy(partition_column).agg(*(count.alias(name) for name, count in counts)).collect():
            for rule in rules:
                findings.add(row[partition_column], rule.name, row[rule.name])

    def sample(self, rows: DataFrame, partition_column: str, rules: Sequence[Rule], findings: Findings) -> None:
        """Add to the findings the keys of a few rows that break these rules."""
        if not rules:
            return
        conditions = {rule.name: audit.broken(rule, self.source) for rule in rules}
        names = F.split(
            F.concat_ws(",", *(F.when(condition, F.lit(name)) for name, condition in conditions.items())), ","
        )
        broken = rows.where(audit.breaks_any(conditions.values())).select(
            partition_column,
            F.explode(names).alias("_rule"),
            audit.values(self.source.primary_key).alias("_sample"),
        )
        self._add_samples(broken, partition_column, findings)

    def _add_samples(self, broken: DataFrame, partition_column: str, findings: Findings) -> None:
        first = Window.partitionBy(partition_column, "_rule").orderBy("_sample")
        few = broken.withColumn("_n", F.row_number().over(first)).where(F.col("_n") <= SAMPLES)
        for row in few.orderBy(partition_column, "_rule", "_sample").collect():
            findings.add(row[partition_column], row["_rule"], None, [row["_sample"]])

    def sets(self, rows: DataFrame, partition: str, findings: Findings) -> None:
        """Rules about all rows of a dimension together."""
        key, scd2 = self.source.business_key, self.source.scd2
        frames: dict[str, DataFrame] = {}
        for rule in self.rules("set"):
            if rule.kind == "unique":
                frames[rule.name] = audit.repeated_values(rows, rule.columns)
            elif scd2 and key:
                find = audit.open_twice if rule.subject == "one_open_version" else audit.overlapping
                frames[rule.name] = find(rows, key, scd2)
        self._add_frames(frames, partition, findings)

    def repeats(self, frame: DataFrame | None, partition_column: str, findings: Findings) -> None:
        """Rows that were removed because another has their key."""
        for rule in self.rules("repeats"):
            if frame is None:
                continue
            counted = frame.groupBy(partition_column).agg(F.count(F.lit(1)).alias("n")).collect()
            for row in counted:
                findings.add(row[partition_column], rule.name, row["n"])
            if counted:
                sample = audit.values(self.source.primary_key).alias("_sample")
                self._add_samples(
                    frame.select(partition_column, F.lit(rule.name).alias("_rule"), sample), partition_column, findings
                )

    def _add_frames(self, frames: Mapping[str, DataFrame], partition: str, findings: Findings) -> None:
        if not frames:
            return
        counted = None
        for name, frame in frames.items():
            one = frame.agg(F.count(F.lit(1)).alias("n")).select(F.lit(name).alias("rule"), "n")
            counted = one if counted is None else counted.unionAll(one)
        for row in counted.collect() if counted is not None else []:
            if row["n"]:
                sample = audit.values(self.source.primary_key).alias("_sample")
                few = frames[row["rule"]].select(sample).orderBy("_sample").limit(SAMPLES).collect()
                findings.add(partition, row["rule"], row["n"], [found["_sample"] for found in few])
