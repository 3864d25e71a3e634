"""Fixtures of the integration tier: the built lake and the raw source files side by side in one DuckDB database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from lake_assets.query.duckdb import connect
from lake_assets_tests.conftest import BuiltLake
from lake_assets_tests.support.raw_source import raw_views


@pytest.fixture(scope="session")
def database(source: Path, built_lake: BuiltLake) -> Iterator[duckdb.DuckDBPyConnection]:
    """The schemas `bronze`, `silver` and `gold` as a user queries them, and the source files as schema `raw`."""
    with connect(built_lake.root) as connection:
        raw_views(connection, source)
        yield connection
