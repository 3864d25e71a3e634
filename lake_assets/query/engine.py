"""Which engine answers a query: DuckDB over a local lake, Athena over one on AWS."""

from __future__ import annotations

from pathlib import Path

from lake_assets.aws import Aws
from lake_assets.errors import QueryError
from lake_assets.location import S3Folder
from lake_assets.query.athena import Athena
from lake_assets.query.duckdb import query
from lake_assets.query.result import QueryResult
from lake_assets.settings import Settings


def ask(settings: Settings, sql: str, reuse_minutes: int = 0) -> QueryResult:
    """Run one query; tables are named `layer.table`. Raises `QueryError`. On AWS see `Athena.query`."""
    if settings.environment == "aws":
        return athena_of(settings).query(sql, reuse_minutes=reuse_minutes)
    return query(local_root(settings, "DuckDB"), sql)


def athena_of(settings: Settings) -> Athena:
    return Athena(Aws(settings.region or None), settings.name, settings.prices.athena_tb)


def local_root(settings: Settings, what: str) -> Path:
    """The folder of a local lake. Raises `QueryError` for one on AWS, of which `what` can tell nothing."""
    if isinstance(settings.root, S3Folder):
        raise QueryError(
            f"{what} reads a lake in a local folder, and this one is {settings.root}. Ask it with `lake-assets query`."
        )
    return settings.root
