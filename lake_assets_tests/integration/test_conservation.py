"""What a whole build leaves behind: every line accounted for, and the ledger, the files and the layout in agreement.

Checked on the lake of each engine, since each writes its own Parquet files. Layout, partition keys and the types inside
the files are written out here, so that a change of them is seen.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from lake_assets.contract.layers import (
    BATCH_COLUMN,
    GOLD,
    LAKE_TABLES,
    SILVER,
    SILVER_FACTS,
    LakeTable,
)
from lake_assets.contract.model import Column
from lake_assets.contract.tables import TABLES
from lake_assets.contract.types import arrow_schema
from lake_assets.lake.balance import Balance, balance
from lake_assets.lake.lake import Lake
from lake_assets.lake.records import Publication
from lake_assets.query.duckdb import connect
from lake_assets.settings import Settings
from lake_assets_tests.conftest import BuiltLake

BATCH = "batch-000001"
MONTHS = ["undated", *(f"{year}-{month:02d}" for year in range(1998, 2004) for month in range(1, 13))]
QUALITY = "quality/results"
"""Folder of the history of the audits."""
CODECS = {"bronze": "SNAPPY", "silver": "ZSTD", "gold": "ZSTD"}
DATE_OF_SILVER_ROW = {
    "store_sales": "sold_date_sk_resolved",
    "catalog_sales": "sold_date_sk_resolved",
    "web_sales": "sold_date_sk_resolved",
    "store_returns": "sr_returned_date_sk",
    "catalog_returns": "cr_returned_date_sk",
    "web_returns": "wr_returned_date_sk",
    "inventory": "inv_date_sk",
}


def _each(tables: Iterator[LakeTable]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("table", [pytest.param(table, id=table.identifier) for table in tables])


EVERY_TABLE = _each(iter(LAKE_TABLES))
EVERY_SORTED_TABLE = _each(table for table in LAKE_TABLES if table.sort)
EVERY_FACT = _each(iter(SILVER_FACTS))
EVERY_STAMPED_TABLE = _each(table for table in LAKE_TABLES if table.layer != "bronze")
EVERY_SOURCE = pytest.mark.parametrize("name", TABLES)


@pytest.fixture(scope="module", params=["built_lake", pytest.param("spark_lake", marks=pytest.mark.spark)])
def built(request: pytest.FixtureRequest) -> BuiltLake:
    lake: BuiltLake = request.getfixturevalue(request.param)
    return lake


@pytest.fixture(scope="module")
def lake(built: BuiltLake) -> Lake:
    return Lake(Settings(root=built.root, source=built.source))


@pytest.fixture(scope="module")
def connection(built: BuiltLake) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(built.root) as opened:
        yield opened


def _publications(lake: Lake, table: LakeTable) -> dict[str, Publication]:
    """Per partition what is published; fails when a partition is not settled."""
    found: dict[str, Publication] = {}
    for partition, versioned in lake.ledger.entries(table).items():
        assert versioned.settled is not None, f"{table.identifier} {partition}"
        found[partition] = versioned.settled
    return found


@cache
def _footer(path: Path) -> pq.FileMetaData:
    return pq.read_metadata(path)


def _files(root: Path, table: LakeTable) -> list[Path]:
    """Every file in the folder of a table, whatever its name."""
    return sorted(path for path in (root / table.layer / table.name).rglob("*") if path.is_file())


def _expected_keys(built: BuiltLake, table: LakeTable) -> dict[str, set[str]]:
    """Per partition the keys of the objects that the layout promises."""
    folder = f"{table.layer}/{table.name}"
    if table.layer == "bronze":
        sources = (built.source / table.name).glob("*.gz")
        return {BATCH: {f"{folder}/source_batch={BATCH}/{path.name.removesuffix('.gz')}.parquet" for path in sources}}
    if table.partition_column is None:
        return {"all": {f"{folder}/{table.name}.parquet"}}
    return {key: {f"{folder}/{table.partition_column}={key}/{table.name}.parquet"} for key in table.partitions}


@EVERY_SOURCE
def test_every_line_of_the_source_is_published_once_and_none_is_missing(
    built: BuiltLake, lake: Lake, name: str
) -> None:
    lines = sum(gzip.decompress(path.read_bytes()).count(b"\n") for path in (built.source / name).glob("*.gz"))
    found = balance(lake.planner(), name)
    assert found == Balance(source=lines, published=lines, quarantined=0, duplicates=0, superseded=0)
    assert found.missing == 0


@EVERY_TABLE
def test_no_row_is_quarantined_or_removed_and_each_partition_keeps_what_it_read(lake: Lake, table: LakeTable) -> None:
    for partition, known in _publications(lake, table).items():
        assert (known.quarantined, known.duplicates, known.quarantine) == (0, 0, None), partition
        assert known.source_rows == known.rows, partition


@EVERY_TABLE
def test_ledger_parquet_footers_and_queries_count_the_same_rows(
    lake: Lake, connection: duckdb.DuckDBPyConnection, table: LakeTable
) -> None:
    published = _publications(lake, table)
    ledger = {partition: known.rows for partition, known in published.items()}
    objects = {partition: sum(each.rows for each in known.objects) for partition, known in published.items()}
    footers = {
        partition: sum(_footer(lake.settings.local_root / each.key).num_rows for each in known.objects)
        for partition, known in published.items()
    }
    partition = table.partition_column or "'all'"
    queried = dict.fromkeys(published, 0) | dict(
        connection.execute(f"SELECT {partition}, count(*) FROM {table.identifier} GROUP BY 1").fetchall()
    )
    assert ledger == objects == footers == queried


@EVERY_TABLE
def test_the_objects_of_a_table_are_exactly_those_of_the_layout(built: BuiltLake, lake: Lake, table: LakeTable) -> None:
    expected = _expected_keys(built, table)
    ledger = {
        partition: {stored.key for stored in known.objects} for partition, known in _publications(lake, table).items()
    }
    assert ledger == expected
    files = {path.relative_to(built.root).as_posix() for path in _files(built.root, table)}
    assert files == set().union(*expected.values())


@EVERY_TABLE
def test_checksums_and_sizes_in_the_ledger_are_those_of_the_files(lake: Lake, table: LakeTable) -> None:
    for known in _publications(lake, table).values():
        for stored in known.objects:
            content = (lake.settings.local_root / stored.key).read_bytes()
            assert stored.bytes == len(content), stored.key
            assert stored.checksum == f"sha256:{hashlib.sha256(content).hexdigest()}", stored.key


def _parquet_type(column: Column) -> tuple[str, dict[str, Any]]:
    """Physical and logical Parquet type of a contract column."""
    base, _, arguments = column.type.rstrip(")").partition("(")
    if base == "DECIMAL":
        precision, scale = (int(number) for number in arguments.split(","))
        physical = "INT32" if precision <= 9 else "INT64"
        return physical, {"Type": "Decimal", "precision": precision, "scale": scale}
    timestamp = {"Type": "Timestamp", "isAdjustedToUTC": True, "timeUnit": "microseconds"}
    types: dict[str, tuple[str, dict[str, Any]]] = {
        "BIGINT": ("INT64", {"Type": "None"}),
        "INT": ("INT32", {"Type": "None"}),
        "BOOLEAN": ("BOOLEAN", {"Type": "None"}),
        "DATE": ("INT32", {"Type": "Date"}),
        "TIMESTAMP": ("INT64", timestamp),
        "CHAR": ("BYTE_ARRAY", {"Type": "String"}),
        "VARCHAR": ("BYTE_ARRAY", {"Type": "String"}),
    }
    return types[base]


def _stored_columns(path: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """Columns of a file as (name, physical type, logical type)."""
    schema = _footer(path).schema
    columns = (schema.column(position) for position in range(len(schema)))
    kept = ("Type", "precision", "scale", "isAdjustedToUTC", "timeUnit")
    found = []
    for column in columns:
        logical = json.loads(column.logical_type.to_json())
        found.append(
            (column.path, column.physical_type, {name: value for name, value in logical.items() if name in kept})
        )
    return found


@EVERY_TABLE
def test_every_file_has_the_columns_of_the_contract_in_order_and_type(built: BuiltLake, table: LakeTable) -> None:
    expected = [(column.name, *_parquet_type(column)) for column in table.columns]
    other = {str(path): found for path in _files(built.root, table) if (found := _stored_columns(path)) != expected}
    assert other == {}
    assert table.partition_column not in [name for name, _, _ in expected]


@EVERY_TABLE
def test_every_file_reads_in_arrow_as_the_contract_says(built: BuiltLake, table: LakeTable) -> None:
    """Readers that trust the Arrow schema inside a file must see the same types as those that do not."""
    expected = [(field.name, field.type) for field in arrow_schema(table.columns)]
    for path in _files(built.root, table):
        assert [(field.name, field.type) for field in pq.read_schema(path)] == expected, path


@EVERY_TABLE
def test_every_column_is_compressed_with_the_codec_of_the_layer(built: BuiltLake, table: LakeTable) -> None:
    codecs = {
        footer.row_group(group).column(column).compression
        for footer in map(_footer, _files(built.root, table))
        if footer.num_rows
        for group in range(footer.num_row_groups)
        for column in range(footer.num_columns)
    }
    assert codecs == {CODECS[table.layer]}


@EVERY_SORTED_TABLE
def test_the_rows_of_every_file_are_sorted(
    built: BuiltLake, connection: duckdb.DuckDBPyConnection, table: LakeTable
) -> None:
    order = ", ".join(f"{name} NULLS FIRST" for name in table.sort)
    misplaced = connection.execute(
        f"""
        SELECT filename, count(*) FROM (
            SELECT filename, file_row_number AS found,
                row_number() OVER (PARTITION BY filename ORDER BY {order}) - 1 AS wanted
            FROM read_parquet($paths, filename = true, file_row_number = true)
        ) WHERE found <> wanted GROUP BY filename
        """,
        {"paths": [str(path) for path in _files(built.root, table)]},
    ).fetchall()
    assert misplaced == []


@EVERY_FACT
def test_every_row_of_a_silver_month_belongs_to_it(connection: duckdb.DuckDBPyConnection, table: LakeTable) -> None:
    day = f"DATE '1970-01-01' + ({DATE_OF_SILVER_ROW[table.name]} - 2440588)::INTEGER"
    astray = f"""
        SELECT {table.partition_column}, count(*) FROM {table.identifier}
        WHERE {table.partition_column} <> coalesce(strftime({day}, '%Y-%m'), 'undated') GROUP BY ALL
    """
    assert connection.execute(astray).fetchall() == []


def test_every_row_of_a_gold_month_belongs_to_it(connection: duckdb.DuckDBPyConnection) -> None:
    astray = """
        SELECT sales_month, count(*) FROM gold.daily_sales_summary
        WHERE sales_month <> coalesce(strftime(sale_date, '%Y-%m'), 'undated')
            OR date_sk <> coalesce(sale_date - DATE '1970-01-01' + 2440588, -1)
        GROUP BY ALL
    """
    assert connection.execute(astray).fetchall() == []


@EVERY_FACT
def test_the_ledger_knows_the_first_and_last_day_of_each_month(
    lake: Lake, connection: duckdb.DuckDBPyConnection, table: LakeTable
) -> None:
    day, month = DATE_OF_SILVER_ROW[table.name], table.partition_column
    stored = connection.execute(f"SELECT {month}, min({day}), max({day}) FROM {table.identifier} GROUP BY 1").fetchall()
    ledger = {key: (each.first_date_sk, each.last_date_sk) for key, each in _publications(lake, table).items()}
    assert ledger == dict.fromkeys(MONTHS, (None, None)) | {key: (first, last) for key, first, last in stored}


@EVERY_STAMPED_TABLE
def test_rows_carry_the_load_timestamp_of_their_publication(
    lake: Lake, connection: duckdb.DuckDBPyConnection, table: LakeTable
) -> None:
    partition = table.partition_column or "'all'"
    stored = connection.execute(
        f"SELECT DISTINCT {partition}, epoch_us(load_timestamp) FROM {table.identifier} ORDER BY ALL"
    ).fetchall()
    ledger = [
        (key, round(known.load_timestamp.timestamp() * 1_000_000))
        for key, known in sorted(_publications(lake, table).items())
        if known.rows
    ]
    assert stored == ledger


@pytest.mark.parametrize("table", SILVER)
def test_silver_rows_name_the_batch_that_delivered_them(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    batches = connection.execute(f"SELECT DISTINCT {BATCH_COLUMN} FROM silver.{table}").fetchall()
    assert batches == [(BATCH,)]


def test_the_lake_has_the_52_tables_of_the_contract_the_history_of_their_audits_and_nothing_else(
    built: BuiltLake,
) -> None:
    folders = {path.relative_to(built.root).as_posix() for path in built.root.glob("*/*") if path.is_dir()}
    tables = {folder for folder in folders if not folder.startswith("_")}
    assert tables == {f"{table.layer}/{table.name}" for table in LAKE_TABLES} | {QUALITY}
    assert len(tables) == 52 + 1
    assert len(GOLD) == 4


def test_no_staged_and_no_quarantined_file_is_left(built: BuiltLake) -> None:
    left = [path for folder in ("_staging", "quarantine") for path in (built.root / folder).rglob("*")]
    assert [path for path in left if path.is_file()] == []
