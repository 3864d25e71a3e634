"""Gold: published silver partitions become business tables."""

from __future__ import annotations

import time

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lake_assets.compute.audit import count
from lake_assets.compute.profile import profile
from lake_assets.contract.layers import GOLD, LakeTable
from lake_assets.contract.rules import rules_of
from lake_assets.engine.gold_builders import build
from lake_assets.engine.staging import DATA, read_staged, write_partitions
from lake_assets.lake.task import PartitionResult, Result, StagedObject, Task, Violation

_PART = "part"
_UNIQUE = "unique__primary_key"


def run_gold(spark: SparkSession, task: Task) -> Result:
    """Build and audit the partitions asked for in one pass."""
    table = GOLD[task.table]
    column = table.partition_column or _PART
    built = build(spark, task)
    uri = f"{task.staging}/{DATA}"
    write_partitions(built.rows, column, table.sort, uri, table.codec)
    started = time.monotonic()
    staged = read_staged(spark, uri, table, column)
    required = [rule for rule in rules_of(table) if rule.kind == "not_null"]
    missing = {rule.name: count(F.col(rule.columns[0]).isNull()) for rule in required}
    repeated = {row[column]: row["n"] for row in _repeated(staged, table, column).collect()}
    found: dict[str, PartitionResult] = {}
    for row in profile(staged, column, table.content_columns, missing).collect():
        broken = {rule.name: row[rule.name] for rule in required} | {_UNIQUE: repeated.get(row[column], 0)}
        violations = tuple(Violation(rule=name, rows=rows) for name, rows in broken.items() if rows)
        result = _result(row[column], row["rows"], row["content"], column)
        found[row[column]] = result.model_copy(update={"violations": violations})
    return Result(
        partitions=tuple(
            found.get(partition, PartitionResult(partition=partition, rows=0)) for partition in task.partitions
        ),
        seconds=0,
        audit_seconds=round(time.monotonic() - started, 3),
        figures=built.figures,
    )


def _repeated(staged: DataFrame, table: LakeTable, column: str) -> DataFrame:
    """Rows per partition whose key another row has."""
    several = staged.groupBy(column, *table.primary_key).agg(F.count(F.lit(1)).alias("rows")).where("rows > 1")
    return several.groupBy(column).agg(F.sum("rows").alias("n"))


def _result(partition: str, rows: int, content: str, column: str) -> PartitionResult:
    folder = f"{DATA}/{column}={partition}"
    return PartitionResult(
        partition=partition, rows=rows, content=content, objects=(StagedObject(folder=folder, rows=rows),)
    )
