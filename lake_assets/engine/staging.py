"""Reading inputs and writing staged files, within what all engines do alike."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING, cast

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lake_assets.contract.layers import LakeTable
from lake_assets.contract.types import spark_ddl
from lake_assets.lake.task import ObjectInput, Task
from lake_assets.location import S3Folder, location

if TYPE_CHECKING:
    from lake_assets.lake.s3_store import S3Store

DATA = "data"
KEPT = "kept"
BROKEN = "broken"
QUARANTINE = "quarantine"


def read_objects(
    spark: SparkSession, inputs: Iterable[ObjectInput], table: LakeTable, partition_column: str
) -> DataFrame:
    """Rows of published objects of a table with the partition each belongs to, in the column `partition_column`.

    One read per partition with the key as a literal: engines differ in whether a list of files keeps the columns that
    stand in the path. In the declared columns, so that no engine has to look into a file before it is asked for rows.
    """
    by_partition: dict[str, list[ObjectInput]] = defaultdict(list)
    for item in _with_rows(list(inputs)):
        by_partition[item.partition].append(item)
    frames = [
        read_columns(spark, items, table).withColumn(partition_column, F.lit(partition))
        for partition, items in by_partition.items()
    ]
    return reduce(DataFrame.unionByName, frames)


def read_columns(spark: SparkSession, inputs: Iterable[ObjectInput], table: LakeTable) -> DataFrame:
    """Rows of published objects of a table in its columns."""
    return spark.read.schema(spark_ddl(table.columns)).parquet(*(item.uri for item in _with_rows(list(inputs))))


def _with_rows(inputs: list[ObjectInput]) -> list[ObjectInput]:
    """Without the objects that are known to be empty, unless all are: one is needed for its schema."""
    return [item for item in inputs if item.rows] or inputs[:1]


def read_staged(spark: SparkSession, uri: str, table: LakeTable, partition_column: str) -> DataFrame:
    """Rows that `write_partitions` wrote, with their partition as text.

    In the declared columns, not the files': of no rows an engine writes no file, and a year alone would become a number.
    """
    return spark.read.schema(f"{spark_ddl(table.columns)}, `{partition_column}` string").parquet(uri)


def read_written(spark: SparkSession, uri: str, frame: DataFrame) -> DataFrame:
    """Rows of a frame that was written. In its columns, not the files': of no rows an engine writes no file."""
    return spark.read.schema(frame.schema).parquet(uri)


def write_partitions(frame: DataFrame, column: str, sort: Iterable[str], uri: str, codec: str) -> None:
    """One file per value of `column` below `uri`, its rows sorted by `sort`.

    `uri` is a fresh folder: writing over a table folder is not atomic on any engine, and wipes it on Sail.
    """
    keys = [column, *sort]
    (
        frame.repartition(column)
        .sortWithinPartitions(*keys)
        .write.partitionBy(column)
        .option("compression", codec)
        .parquet(uri)
    )


def write_single(frame: DataFrame, column: str, value: str, uri: str, codec: str) -> None:
    """One file in the folder `column=value` below `uri`, in the order of the rows.

    Through a constant partition column, because an unpartitioned write of many rows gives several files on Sail.
    """
    frame.coalesce(1).withColumn(column, F.lit(value)).write.partitionBy(column).option("compression", codec).parquet(
        f"{uri}"
    )


def staging_store(task: Task) -> S3Store:
    """The staging folder of a task on S3, as the task wants it written: in whose bucket, and encrypted by what."""
    # Here, because a local lake needs no client of AWS.
    from lake_assets.aws import shared_aws
    from lake_assets.lake.s3_store import S3Store

    return S3Store(cast(S3Folder, location(task.staging)), shared_aws(), task.owner, task.kms_key)


def remove(task: Task, folder: str) -> None:
    """Remove a folder of staging, which a first attempt left in part."""
    place = location(task.staging)
    if isinstance(place, S3Folder):
        staging_store(task).remove_folder(folder)
    else:
        shutil.rmtree(place / folder, ignore_errors=True)
