"""The audit of staged silver rows: which rules they break, and the partitions split where rows must go.

Clean data is looked at once: all rules of rows in one scan, together with the content hash, then the references by their
distinct values. Only what was found to be broken is counted and split.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lake_assets.compute import audit
from lake_assets.compute.audit import Judgement, Keys
from lake_assets.contract.layers import BATCH_COLUMN, BRONZE, SILVER, LakeTable
from lake_assets.contract.model import Table
from lake_assets.contract.rules import Rule, Scope, rules_of
from lake_assets.engine.broken_rows import Findings
from lake_assets.engine.staging import read_columns, read_objects
from lake_assets.lake.task import Task, Violation


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

    def sets(self, rows: DataFrame, partition_column: str, findings: Findings) -> None:
        """Rules about all rows of a dimension together."""
        key, scd2 = self.source.business_key, self.source.scd2
        broken: list[DataFrame] = []
        for rule in self.rules("set"):
            if rule.kind == "unique":
                broken.append(self._told(rule, audit.repeated_values(rows, rule.columns), partition_column))
            elif scd2 and key:
                find = audit.open_twice if rule.subject == "one_open_version" else audit.overlapping
                broken.append(self._told(rule, find(rows, key, scd2), partition_column))
        if broken:
            findings.add_rows(reduce(DataFrame.unionAll, broken), partition_column)

    def repeats(self, frame: DataFrame, partition_column: str, findings: Findings) -> None:
        """Rows that were removed because another has their key."""
        for rule in self.rules("repeats"):
            findings.add_rows(self._told(rule, frame, partition_column), partition_column)

    def _told(self, rule: Rule, broken: DataFrame, partition_column: str) -> DataFrame:
        """Rows that break a rule, as `Findings.add_rows` takes them."""
        sample = audit.values(self.source.primary_key).alias("_sample")
        return broken.select(partition_column, F.lit(rule.name).alias("_rule"), sample)
