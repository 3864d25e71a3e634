"""SQL about the lake as Athena takes it: the table `silver.item` of a query is `<name>_silver.item` in the Glue catalog.

Only names of tables change. The text that a user wrote stays as it is, comments included; what the lake itself asks, in the
dialect of DuckDB, is translated.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lake_assets.catalog.glue_tables import database_name
from lake_assets.catalog.views import SCHEMAS
from lake_assets.errors import QueryError

ATHENA, DUCKDB = "athena", "duckdb"


def in_databases(sql: str, name: str) -> str:
    """The query with its tables named as in the deployment. Raises `QueryError` for what is not one query."""
    renamed = sql
    # From the end, so that the places of those before it stay.
    for schema in sorted(_schemas(_parsed(sql, ATHENA)), key=lambda found: -int(found.meta["start"])):
        before, after = renamed[: schema.meta["start"]], renamed[schema.meta["end"] + 1 :]
        renamed = f"{before}{database_name(name, schema.name.lower())}{after}"
    return renamed.strip().rstrip(";")


def translated(sql: str, name: str) -> str:
    """A query in DuckDB's dialect as one in Athena's, with its tables named as in the deployment."""
    tree = _parsed(sql, DUCKDB)
    for schema in list(_schemas(tree)):
        schema.replace(exp.to_identifier(database_name(name, schema.name.lower())))
    return tree.sql(ATHENA)


def in_schemas(message: str, name: str) -> str:
    """A message of Athena with its tables named as users name them."""
    for schema in SCHEMAS:
        message = message.replace(f"awsdatacatalog.{database_name(name, schema)}.", f"{schema}.")
        message = message.replace(f"{database_name(name, schema)}.", f"{schema}.")
    return message


def _parsed(sql: str, dialect: str) -> exp.Expr:
    try:
        statements = [statement for statement in sqlglot.parse(sql, read=dialect) if statement is not None]
    except SqlglotError as error:
        raise QueryError(f"The query is no valid SQL: {_told(error)}") from error
    if not statements:
        raise QueryError("The query is empty. Give one SQL statement, e.g. SELECT COUNT(*) FROM silver.item.")
    if len(statements) > 1:
        raise QueryError(f"Give one SQL statement; these are {len(statements)}.")
    if not isinstance(statements[0], exp.Query):
        raise QueryError("Only queries can be asked: a statement that begins with SELECT or WITH. Nothing was changed.")
    return statements[0]


def _schemas(tree: exp.Expr) -> Iterator[exp.Identifier]:
    """The schemas of the lake in names of tables, and in names of columns that are written out that far."""
    for named in tree.find_all(exp.Table, exp.Column):
        schema = named.args.get("db")
        if isinstance(schema, exp.Identifier) and schema.name.lower() in SCHEMAS and not named.args.get("catalog"):
            yield schema


def _told(error: SqlglotError) -> str:
    """What is wrong and where, without the underlined text that sqlglot adds."""
    found = (getattr(error, "errors", None) or [{}])[0]
    if "description" not in found:
        return str(error).splitlines()[0]
    return f"{found['description'].rstrip('.')} (line {found['line']}, column {found['col']})."
