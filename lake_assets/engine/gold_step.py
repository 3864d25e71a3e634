"""Gold: published silver partitions become business tables."""

from __future__ import annotations

import time

from pyspark.sql import SparkSession

from lake_assets.contract.layers import GOLD
from lake_assets.engine.gold_audit import audit
from lake_assets.engine.gold_builders import Silver, build
from lake_assets.engine.staging import DATA, read_staged, write_partitions
from lake_assets.lake.task import PartitionResult, Result, Task

_PART = "part"
_SHARED = "shared"


def run_gold(spark: SparkSession, task: Task) -> Result:
    """Build and audit the partitions asked for in one pass."""
    table = GOLD[task.table]
    column = table.partition_column or _PART
    silver = Silver(spark, task)
    built = build(silver)
    uri = f"{task.staging}/{DATA}"
    write_partitions(built.rows, column, table.sort, uri, table.codec)
    started = time.monotonic()
    staged = read_staged(spark, uri, table, column)
    audited = audit(spark, table, staged, column, silver.rows, scratch=f"{task.staging}/{_SHARED}")
    found = {item.partition: item for item in audited}
    return Result(
        partitions=tuple(
            found.get(partition, PartitionResult(partition=partition, rows=0)) for partition in task.partitions
        ),
        seconds=0,
        audit_seconds=round(time.monotonic() - started, 3),
        figures=built.figures,
    )
