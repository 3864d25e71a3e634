"""The catalog of a local lake: `lake.duckdb`, a database of views that any DuckDB client can open.

The file is never changed in place: a new one takes its place, so that a notebook that has it open neither blocks a publish nor
sees half a catalog.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import duckdb

from lake_assets.catalog.views import SCHEMAS, comment_statements, view_name, view_statements
from lake_assets.contract.layers import LakeTable
from lake_assets.lake import layout
from lake_assets.lake.store import Store

FILE = "lake.duckdb"


class LocalCatalog:
    """Views over the lake at `root`."""

    def __init__(self, store: Store, root: Path) -> None:
        self._store = store
        self._root = root

    @property
    def path(self) -> Path:
        return self._root / FILE

    def register(self, table: LakeTable) -> None:
        """Make the catalog show a table and its quarantine. Costs a few milliseconds once it does."""
        wanted = view_statements(self._root, table)
        with self._store.exclusive(f"{layout.LEDGER}/{FILE}"):
            registered = self._registered()
            if registered is not None and wanted.items() <= registered.items():
                return
            with tempfile.TemporaryDirectory(prefix=".catalog-", dir=self._root) as scratch:
                file = Path(scratch, FILE)
                if registered is None:
                    _create(file)
                else:
                    shutil.copyfile(self.path, file)
                _add(file, table, wanted)
                file.replace(self.path)

    def _registered(self) -> dict[str, str] | None:
        """Statements of the present file by view; None when there is none, or one of another version of DuckDB."""
        if not self.path.exists():
            return None
        try:
            with duckdb.connect(str(self.path), read_only=True) as connection:
                return dict(connection.execute("SELECT name, statement FROM main.registered").fetchall())
        except duckdb.Error:
            return None


def _create(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        for schema in SCHEMAS:
            connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute("CREATE TABLE main.registered (name VARCHAR PRIMARY KEY, statement VARCHAR)")


def _add(file: Path, table: LakeTable, statements: dict[str, str]) -> None:
    with duckdb.connect(str(file)) as connection:
        for name, statement in statements.items():
            connection.execute(statement)
            connection.execute("INSERT OR REPLACE INTO main.registered VALUES (?, ?)", [name, statement])
        if view_name(table) in statements:
            for comment in comment_statements(table):
                connection.execute(comment)
