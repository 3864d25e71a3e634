"""The lake that Sail built and the lake that classic Spark built hold the same rows, table by table."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from lake_assets.contract.layers import LAKE_TABLES, LOAD_TIMESTAMP, LakeTable
from lake_assets.lake.lake import Lake
from lake_assets.settings import Settings
from lake_assets_tests.conftest import BuiltLake
from lake_assets_tests.support.row_difference import row_difference

pytestmark = pytest.mark.spark

EVERY_TABLE = pytest.mark.parametrize("table", [pytest.param(table, id=table.identifier) for table in LAKE_TABLES])


@pytest.fixture(scope="module")
def catalogs(built_lake: BuiltLake, spark_lake: BuiltLake) -> Iterator[duckdb.DuckDBPyConnection]:
    """The catalog file of each lake, as databases `sail` and `spark`."""
    with duckdb.connect() as connection:
        for built in (built_lake, spark_lake):
            connection.execute(f"ATTACH '{built.root / 'lake.duckdb'}' AS {built.engine} (READ_ONLY)")
        yield connection


def _ledger(built: BuiltLake, table: LakeTable) -> dict[str, tuple[object, ...]]:
    """Per partition what the ledger measured: rows, content hash, dates and schema."""
    entries = Lake(Settings(root=built.root, source=built.source)).ledger.entries(table)
    return {
        partition: (
            known.rows,
            known.content,
            known.first_date_sk,
            known.last_date_sk,
            known.schema_fingerprint,
            sorted(stored.key for stored in known.objects),
        )
        for partition, versioned in entries.items()
        if (known := versioned.settled)
    }


@EVERY_TABLE
def test_the_ledgers_name_the_same_rows_and_content_hash_for_each_partition(
    built_lake: BuiltLake, spark_lake: BuiltLake, table: LakeTable
) -> None:
    ours, theirs = _ledger(built_lake, table), _ledger(spark_lake, table)
    other = {partition for partition in ours.keys() | theirs.keys() if ours.get(partition) != theirs.get(partition)}
    assert other == set()
    assert ours


@EVERY_TABLE
def test_the_rows_are_equal_in_every_column_but_the_load_timestamp(
    catalogs: duckdb.DuckDBPyConnection, table: LakeTable
) -> None:
    columns = [*table.content_columns, *((table.partition_column,) if table.partition_column else ())]
    sail, spark = (f"SELECT {', '.join(columns)} FROM {engine}.{table.identifier}" for engine in ("sail", "spark"))
    assert row_difference(catalogs, sail, spark) == []


@EVERY_TABLE
def test_the_columns_have_the_same_names_and_types(catalogs: duckdb.DuckDBPyConnection, table: LakeTable) -> None:
    sail, spark = (
        catalogs.execute(f"SELECT column_name, column_type FROM (DESCRIBE {engine}.{table.identifier})").fetchall()
        for engine in ("sail", "spark")
    )
    assert sail == spark
    partition = (table.partition_column,) if table.partition_column else ()
    assert [name for name, _ in sail] == [*(column.name for column in table.columns), *partition]
    assert table.layer == "bronze" or LOAD_TIMESTAMP.name in dict(sail)
