"""Queries of Athena, carried out by DuckDB over the tables of the emulator's catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from lake_assets_tests.support.aws.athena_catalog import (
    CatalogTable,
    Copies,
    Copy,
    Partition,
    QueryFailedError,
    find_table,
    view_statement,
)
from lake_assets_tests.support.aws.athena_rights import Rights
from lake_assets_tests.support.aws.athena_scan import Readings, bytes_of, readings
from lake_assets_tests.support.aws.athena_values import column_info

DIALECT = "athena"


@dataclass(frozen=True)
class Answer:
    columns: list[dict[str, Any]]
    rows: list[tuple[Any, ...]]
    scanned: int


@dataclass(frozen=True)
class Place:
    """Where a query is asked: with whose rights, in which database, and the folder for copies of objects."""

    rights: Rights
    database: str | None
    folder: Path


def parse(sql: str) -> exp.Expr:
    """One statement. Raises `ValueError` in Athena's words for a text that is none."""
    try:
        statements = [each for each in sqlglot.parse(sql, read=DIALECT) if each is not None]
    except SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        place = f"line {first.get('line', 1)}:{first.get('col', 1)}"
        raise ValueError(f"{place}: mismatched input '{first.get('highlight', '')}'. Expecting: <query>") from error
    if len(statements) != 1:
        raise ValueError("Only one sql statement is allowed. Got: " + sql)
    return statements[0]


def answer(
    sql: str,
    parameters: Sequence[str],
    place: Place,
    *,
    cutoff: int | None,
    started: Callable[[duckdb.DuckDBPyConnection], object],
) -> Answer:
    """Carry a query out. Raises `QueryFailedError`. `started` is handed the connection, so that it can be interrupted."""
    query = _with_exact_decimals(_with_parameters(parse(sql), parameters))
    if not isinstance(query, exp.Query):
        raise QueryFailedError("NOT_SUPPORTED: the emulator carries out queries only")
    tables = _resolve(query, place)
    by_database: dict[str, dict[str, dict[str, str]]] = {}
    for (of_database, name), table in tables.items():
        by_database.setdefault(of_database, {})[name] = table.schema
    schema: dict[str, object] = {**by_database}
    try:
        qualified = qualify(query, schema=schema, dialect=DIALECT, validate_qualify_columns=False)
        qualified = annotate_types(qualified, schema=schema, dialect=DIALECT)
    except SqlglotError as error:
        raise QueryFailedError(f"SYNTAX_ERROR: {error}") from error
    found = readings(qualified, tables)
    copies = Copies(place.rights, place.folder)
    # Looked for once: a file replaced meanwhile must not be read here and counted there.
    files = {
        name: [(partition, copy) for partition in found.partitions(table) for copy in copies.below(partition.location)]
        for name, table in tables.items()
    }
    scanned = _scanned(found, files)
    if cutoff is not None and scanned > cutoff:
        raise QueryFailedError("Bytes scanned limit was exceeded", kind=1201)
    statements = [view_statement(table, files[name]) for name, table in tables.items()]
    return _carried_out(qualified.sql("duckdb"), tables, statements, scanned, started)


def _with_parameters(query: exp.Expr, parameters: Sequence[str]) -> exp.Expr:
    """Each `?` replaced by its parameter, which is a piece of SQL: a text must come in quotes."""
    marks = [node for node in query.dfs() if isinstance(node, exp.Placeholder)]
    if len(marks) != len(parameters):
        told = f"Incorrect number of parameters: expected {len(marks)} but found {len(parameters)}"
        raise QueryFailedError(f"INVALID_PARAMETER_USAGE: {told}", kind=1006)
    for mark, parameter in zip(marks, parameters, strict=True):
        try:
            value = sqlglot.parse_one(parameter, read=DIALECT)
        except SqlglotError as error:
            raise QueryFailedError(f"SYNTAX_ERROR: the parameter {parameter} is no expression", kind=1006) from error
        if value.find(exp.Column, exp.Query):
            raise QueryFailedError(f"COLUMN_NOT_FOUND: Column '{parameter}' cannot be resolved", kind=1006)
        mark.replace(value)
    return query


def _with_exact_decimals(query: exp.Expr) -> exp.Expr:
    """`DECIMAL '1.23'` has the digits that it is written with; DuckDB would make every one a DECIMAL(18,3)."""
    for cast in query.find_all(exp.Cast):
        kind, text = cast.to, cast.this
        if kind.is_type("decimal") and not kind.expressions and isinstance(text, exp.Literal):
            whole, _, fraction = text.name.lstrip("+-").partition(".")
            digits = max(1, len(whole) + len(fraction))
            cast.set("to", exp.DataType.build(f"DECIMAL({digits}, {len(fraction)})"))
    return query


def _resolve(query: exp.Expr, place: Place) -> dict[tuple[str, str], CatalogTable]:
    """The tables of the catalog that a query names, which are then named in full."""
    found = {}
    for scope in traverse_scope(query):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
                table = find_table(place.rights, source, place.database)
                alias = source.alias or source.name
                source.set("catalog", None)
                source.set("db", exp.to_identifier(table.database, quoted=True))
                source.set("this", exp.to_identifier(table.name, quoted=True))
                source.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
                found[table.database, table.name] = table
    return found


def _scanned(found: Readings, files: dict[tuple[str, str], list[tuple[Partition, Copy]]]) -> int:
    return sum(
        bytes_of(copy.path, place.columns)
        for place in found.places
        for partition, copy in files[place.table.database, place.table.name]
        if partition in place.partitions
    )


def _carried_out(
    sql: str,
    tables: dict[tuple[str, str], CatalogTable],
    views: list[str],
    scanned: int,
    started: Callable[[duckdb.DuckDBPyConnection], object],
) -> Answer:
    with duckdb.connect() as connection:
        started(connection)
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false; SET threads = 2")
        for database in {database for database, _ in tables}:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
        try:
            for view in views:
                connection.execute(view)
            cursor = connection.execute(sql)
            description = cursor.description or []
            rows = cursor.fetchall()
        except duckdb.InterruptException as error:
            raise QueryFailedError("Query cancelled by user") from error
        except duckdb.BinderException as error:
            raise QueryFailedError(f"COLUMN_NOT_FOUND: {str(error).splitlines()[0]}", kind=1006) from error
        except duckdb.ConversionException as error:
            raise QueryFailedError(f"INVALID_CAST_ARGUMENT: {str(error).splitlines()[0]}", kind=1001) from error
        except duckdb.Error as error:
            raise QueryFailedError(f"GENERIC_INTERNAL_ERROR: {str(error).splitlines()[0]}", category=1) from error
    return Answer([column_info(str(column[0]), str(column[1])) for column in description], rows, scanned)
