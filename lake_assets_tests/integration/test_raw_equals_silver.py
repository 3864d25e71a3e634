"""Every row and every column of the source stands unchanged in bronze and in silver, by an independent reader.

The 99 queries read only a part of the columns and of the rows; this closes the gap. The columns come from DuckDB's
`tpcds` extension, not from the project's contract.
"""

from __future__ import annotations

import duckdb
import pytest

from lake_assets.contract.tables import TABLES
from lake_assets_tests.support.row_difference import row_difference

EVERY_TABLE = pytest.mark.parametrize("table", TABLES)


def _columns(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> dict[str, str]:
    """Column names of a table to DuckDB types, in order."""
    rows = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ?"
        " ORDER BY column_index",
        [schema, table],
    ).fetchall()
    return dict(rows)


def _as_delivered(columns: dict[str, str]) -> str:
    return ", ".join(columns)


def _cleaned(columns: dict[str, str]) -> str:
    """Text without trailing blanks, and NULL when nothing is left."""
    return ", ".join(
        f"nullif(rtrim({name}, ' '), '') AS {name}" if kind == "VARCHAR" else name for name, kind in columns.items()
    )


@EVERY_TABLE
def test_bronze_holds_the_source_as_delivered(database: duckdb.DuckDBPyConnection, table: str) -> None:
    columns = _columns(database, "raw", table)
    assert list(_columns(database, "bronze", table)) == [*columns, "source_batch"]
    raw, bronze = (f"SELECT {_as_delivered(columns)} FROM {schema}.{table}" for schema in ("raw", "bronze"))
    assert row_difference(database, raw, bronze) == []


@EVERY_TABLE
def test_silver_holds_the_source_with_trimmed_text(database: duckdb.DuckDBPyConnection, table: str) -> None:
    columns = _columns(database, "raw", table)
    assert list(_columns(database, "silver", table))[: len(columns)] == list(columns)
    raw = f"SELECT {_cleaned(columns)} FROM raw.{table}"
    silver = f"SELECT {_as_delivered(columns)} FROM silver.{table}"
    assert row_difference(database, raw, silver) == []


def test_a_doubled_and_a_changed_row_are_reported(database: duckdb.DuckDBPyConnection) -> None:
    columns = _as_delivered(_columns(database, "raw", "income_band"))
    raw = f"SELECT {columns} FROM raw.income_band"
    doubled = f"{raw} UNION ALL {raw} WHERE ib_income_band_sk = 7"
    changed = f"SELECT * REPLACE (nullif(ib_upper_bound, 80000) AS ib_upper_bound) FROM ({raw})"
    assert [row[-1] for row in row_difference(database, raw, doubled)] == [-1]
    assert sorted(row[-1] for row in row_difference(database, raw, changed)) == [-1, 1]
