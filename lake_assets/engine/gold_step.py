"""Gold: published silver partitions become business tables."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame, SparkSession

from lake_assets.compute.gold.daily_sales_summary import daily_sales_summary
from lake_assets.compute.profile import profile
from lake_assets.compute.silver import month_of_row
from lake_assets.contract.layers import GOLD, SILVER
from lake_assets.contract.model import Channel
from lake_assets.contract.tables import FACTS, TABLES
from lake_assets.engine.staging import DATA, read_staged, uris_with_rows, write_partitions
from lake_assets.lake.task import PartitionResult, StagedObject, Task

_PART = "part"


def run_gold(spark: SparkSession, task: Task) -> tuple[PartitionResult, ...]:
    """Build the partitions asked for in one pass."""
    table = GOLD[task.table]
    column = table.partition_column or _PART
    rows = _BUILDERS[table.name](spark, task)
    uri = f"{task.staging}/{DATA}"
    write_partitions(rows, column, table.sort, uri, table.codec)
    staged = profile(read_staged(spark, uri, table, column), column, table.content_columns, {}).collect()
    found = {row[column]: _result(row[column], row["rows"], row["content"], column) for row in staged}
    return tuple(found.get(partition, PartitionResult(partition=partition, rows=0)) for partition in task.partitions)


def _result(partition: str, rows: int, content: str, column: str) -> PartitionResult:
    folder = f"{DATA}/{column}={partition}"
    return PartitionResult(
        partition=partition, rows=rows, content=content, objects=(StagedObject(folder=folder, rows=rows),)
    )


def _daily_sales_summary(spark: SparkSession, task: Task) -> DataFrame:
    sales: dict[Channel, DataFrame] = {}
    returns: dict[Channel, DataFrame] = {}
    for fact in FACTS:
        if fact.channel:
            frames = sales if fact.order else returns
            frames[fact.channel] = _silver(spark, task, fact.name)
    return daily_sales_summary(
        months=task.partitions,
        sales=sales,
        returns=returns,
        date_dim=_silver(spark, task, "date_dim"),
        sold_range={channel: task.sold_range.get(channel) for channel in sales},
        load_timestamp=task.load_timestamp,
    )


def _silver(spark: SparkSession, task: Task, name: str) -> DataFrame:
    """Rows of the silver partitions among the inputs, with a fact's month in its partition column.

    One read of all files: the month follows from the row itself, and a read per partition would make the engine plan
    hundreds of scans.
    """
    table = SILVER[name]
    inputs = [item for item in task.inputs if item.table == name]
    rows = spark.read.parquet(*uris_with_rows(inputs))
    return rows.withColumn(table.partition_column, month_of_row(TABLES[name])) if table.partition_column else rows


_BUILDERS: dict[str, Callable[[SparkSession, Task], DataFrame]] = {"daily_sales_summary": _daily_sales_summary}
