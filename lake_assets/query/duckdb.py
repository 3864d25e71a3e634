"""SQL over a local lake. Every connection has views of its own, so a query never waits for a publish or hinders one."""

from __future__ import annotations

import re
import time
from pathlib import Path

import duckdb

from lake_assets.catalog.views import SCHEMAS, all_view_statements, view_name
from lake_assets.contract.layers import LAKE_TABLES
from lake_assets.errors import QueryError
from lake_assets.query.result import QueryResult


def connect(root: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory connection with the schemas `bronze`, `silver`, `gold` and `quarantine` as views over the lake.

    Raises `QueryError` naming a table whose objects are damaged.
    """
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    # DuckDB draws its own bar after two seconds, also into a pipe.
    connection.execute("SET enable_progress_bar = false")
    for schema in SCHEMAS:
        connection.execute(f"CREATE SCHEMA {schema}")
    for name, statement in all_view_statements(root).items():
        try:
            connection.execute(statement)
        except duckdb.Error as error:
            connection.close()
            raise QueryError(f"The table {name} of the lake cannot be read: {_first_line(error)}") from error
    return connection


def query(root: Path, sql: str) -> QueryResult:
    """Run one statement. Raises `QueryError` naming an unknown table and those there are, or the error in the SQL."""
    started = time.monotonic()
    with connect(root) as connection:
        try:
            # DuckDB answers a text without a statement with nothing at all.
            cursor: duckdb.DuckDBPyConnection | None = connection.execute(sql)
            if cursor is None:
                raise QueryError("The query is empty. Give one SQL statement, e.g. SELECT COUNT(*) FROM silver.item.")
            description = cursor.description or []
            rows = tuple(cursor.fetchall()) if description else ()
        except duckdb.CatalogException as error:
            raise QueryError(_explain(root, str(error))) from error
        except duckdb.Error as error:
            raise QueryError(f"The query failed: {_without_position(error)}") from error
    columns = tuple(str(column[0]) for column in description)
    types = tuple(str(column[1]) for column in description)
    return QueryResult(columns, types, rows, time.monotonic() - started)


def _explain(root: Path, message: str) -> str:
    missing = re.search(r"Table with name \"?([\w.]+)\"? does not exist", message)
    if not missing:
        return f"The query failed: {_without_position(message)}"
    published = sorted(all_view_statements(root))
    if not published:
        return f"Nothing is published in the lake at {root} yet. Run `lake-assets run` first."
    names = {view_name(table) for table in LAKE_TABLES} - set(published)
    asked = missing.group(1)
    unpublished = sorted(name for name in names if name == asked or name.endswith(f".{asked}"))
    if unpublished:
        return f"Nothing is published yet in {', '.join(unpublished)}. Run `lake-assets run` first."
    return f"Unknown table {asked!r}. Tables are named layer.table; there are {', '.join(published)}."


def _without_position(error: object) -> str:
    """The message with the names that DuckDB proposes, without its drawing of the place in the text."""
    told, _, _ = str(error).partition("\nLINE ")
    return "\n".join(line for line in told.splitlines() if line.strip())


def _first_line(error: object) -> str:
    return str(error).strip().splitlines()[0]
