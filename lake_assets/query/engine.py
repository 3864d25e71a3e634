"""Which engine answers about a lake: DuckDB where it is a local folder, Athena where it is on AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from lake_assets.catalog.views import all_view_statements
from lake_assets.errors import QueryError
from lake_assets.location import S3Folder
from lake_assets.query.duckdb import connect, query
from lake_assets.query.result import QueryResult
from lake_assets.settings import Settings

if TYPE_CHECKING:
    from lake_assets.query.athena import Athena
    from lake_assets.query.named_queries import Deployed


@dataclass(frozen=True)
class Questions:
    """What the lake's own code asks of published tables: `rows` answers one query in DuckDB's dialect.

    `tables` are the published ones, such as `silver.item`.
    """

    tables: frozenset[str]
    rows: Callable[[str], Sequence[tuple[Any, ...]]]


def ask(settings: Settings, sql: str, reuse_minutes: int = 0) -> QueryResult:
    """Run a user's query; tables are named `layer.table`. Raises `QueryError`. On AWS see `Athena.query`."""
    if settings.environment == "aws":
        return athena_of(settings).query(sql, reuse_minutes=reuse_minutes)
    return query(local_root(settings, "DuckDB"), sql)


@contextmanager
def questions(settings: Settings) -> Iterator[Questions]:
    """For as long as several queries take. What cannot be read is a `QueryError`."""
    if settings.environment == "aws":
        from lake_assets.query.dialect import translated

        athena = athena_of(settings)
        yield Questions(
            frozenset(athena.tables()), lambda sql: athena.query_as_it_is(translated(sql, settings.name)).rows
        )
    else:
        with local_questions(local_root(settings, "DuckDB")) as asked:
            yield asked


@contextmanager
def local_questions(root: Path) -> Iterator[Questions]:
    """As `questions`, for the lake in a folder."""
    with connect(root) as connection:

        def rows(sql: str) -> Sequence[tuple[Any, ...]]:
            try:
                return connection.execute(sql).fetchall()
            except duckdb.Error as error:
                raise QueryError(f"The published tables cannot be read: {str(error).splitlines()[0]}") from error

        yield Questions(frozenset(all_view_statements(root)), rows)


def athena_of(settings: Settings) -> Athena:
    # Here, because a query of a local lake would wait a fifth of a second for the clients of AWS.
    from lake_assets.aws import Aws
    from lake_assets.query.athena import Athena

    return Athena(Aws(settings.region or None), settings.name, settings.prices.athena_tb)


def deploy_examples(settings: Settings) -> Deployed:
    """Keep the example queries in the workgroup of a lake on AWS. Raises `QueryError` for a local one."""
    if settings.environment != "aws":
        raise QueryError(
            "Only a lake on AWS has a workgroup that keeps queries; here, `lake-assets query --example NAME`."
        )
    from lake_assets.query.named_queries import deploy_named_queries

    return deploy_named_queries(athena_of(settings).aws, settings.name)


def local_root(settings: Settings, what: str) -> Path:
    """The folder of a local lake. Raises `QueryError` for one on AWS, of which `what` can tell nothing."""
    if isinstance(settings.root, S3Folder):
        raise QueryError(
            f"{what} reads a lake in a local folder, and this one is {settings.root}. Ask it with `lake-assets query`."
        )
    return settings.root
