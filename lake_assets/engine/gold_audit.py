"""The audit of staged gold: its rows in one scan, what holds of them together and against silver in one query."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lake_assets.compute.profile import profile
from lake_assets.contract.invariants import SHARED, TABLE, tables_of
from lake_assets.contract.layers import LakeTable
from lake_assets.contract.rules import rules_of
from lake_assets.engine.staging import DATA, read_written
from lake_assets.lake.task import PartitionResult, StagedObject, Violation


def audit(
    spark: SparkSession,
    table: LakeTable,
    staged: DataFrame,
    column: str,
    silver: Callable[[str], DataFrame],
    *,
    scratch: str,
) -> Iterator[PartitionResult]:
    """Every partition among the staged rows, or named by a violation; `silver` gives the inputs of the task by table.

    `scratch` is a folder that does not exist yet, for what several rules have in common.
    """
    violations = _violations_together(spark, table, staged, silver, scratch)
    conditions = {
        rule.name: F.sum(F.when(F.expr(rule.invariant.condition), 1).otherwise(0))
        for rule in rules_of(table)
        if rule.invariant and rule.invariant.condition
    }
    for row in profile(staged, column, table.content_columns, conditions).collect():
        partition, rows = row[column], row["rows"]
        found = {name: row[name] for name in conditions if row[name]} | violations.pop(partition, {})
        yield PartitionResult(
            partition=partition,
            rows=rows,
            content=row["content"],
            objects=(StagedObject(folder=f"{DATA}/{column}={partition}", rows=rows),),
            violations=_told(found),
        )
    for partition, found in violations.items():
        yield PartitionResult(partition=partition, rows=0, violations=_told(found))


def _told(found: Mapping[str, int]) -> tuple[Violation, ...]:
    return tuple(Violation(rule=name, rows=rows) for name, rows in found.items())


def _violations_together(
    spark: SparkSession, table: LakeTable, staged: DataFrame, silver: Callable[[str], DataFrame], scratch: str
) -> dict[str, dict[str, int]]:
    """Violations by partition and rule, of the rules that look at several rows."""
    query = " UNION ALL ".join(
        f"SELECT '{rule.name}' AS rule, part, SUM(n) AS n FROM ({rule.invariant.query}) AS broken GROUP BY part"
        for rule in rules_of(table)
        if rule.invariant and rule.invariant.query
    )
    names = tables_of(query) - {table.identifier}
    frames = {table.identifier: staged} | {name: silver(name.partition(".")[2]) for name in names}
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with _views(spark, frames) as views, _views(spark, _shared(spark, query, views, scratch)) as shared:
        for subquery, view in shared.items():
            query = query.replace(subquery, view)
        for row in spark.sql(_over(views, query)).collect():
            found[row["part"]][row["rule"]] = int(row["n"])
    return dict(found)


def _over(views: Mapping[str, str], query: str) -> str:
    return TABLE.sub(lambda name: views[name[0]], query)


def _shared(spark: SparkSession, query: str, views: Mapping[str, str], scratch: str) -> dict[str, DataFrame]:
    """Rows of the subqueries that stand several times in a query: stored, or an engine computes them each time."""
    found: dict[str, DataFrame] = {}
    for subquery in SHARED:
        if query.count(subquery) > 1:
            rows, uri = spark.sql(f"SELECT * FROM {_over(views, subquery)}"), f"{scratch}/{len(found)}"
            rows.write.parquet(uri)
            found[subquery] = read_written(spark, uri, rows)
    return found


@contextmanager
def _views(spark: SparkSession, frames: Mapping[str, DataFrame]) -> Iterator[dict[str, str]]:
    """Temporary views of the frames, under names that no other task of the session has."""
    names = {name: f"audited_{uuid.uuid4().hex}" for name in frames}
    for name, frame in frames.items():
        frame.createOrReplaceTempView(names[name])
    try:
        yield names
    finally:
        for view in names.values():
            spark.catalog.dropTempView(view)
