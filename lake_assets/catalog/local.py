"""The catalog of a local lake: `lake.duckdb`, a database of views that any DuckDB client can open.

The file is never changed in place: a new one takes its place, so that a notebook that has it open neither blocks a publish nor
sees half a catalog.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from lake_assets.catalog.drift import Difference
from lake_assets.catalog.views import (
    QUALITY_VIEW,
    SCHEMAS,
    all_view_statements,
    comment_statements,
    quality_comment_statements,
    quality_statements,
    view_name,
    view_names,
    view_statements,
)
from lake_assets.contract.layers import LAKE_TABLES, LakeTable
from lake_assets.errors import StorageError
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
        """Make the catalog show a table, its quarantine and the quality history. Costs a few milliseconds once it does.

        Raises `StorageError` when an object that a view needs is damaged.
        """
        try:
            self._register(table)
        except duckdb.Error as error:
            told = str(error).splitlines()[0]
            raise StorageError(f"The catalog {self.path} cannot show {table.identifier}: {told}") from error

    def renew(self, tables: Iterable[LakeTable]) -> None:
        """Make the file anew, with every table, if one of these differs: that is faster than to mend one after the other."""
        if not self.differences(tables):
            return
        with self._changing() as file:
            _create(file)
            _update(file, LAKE_TABLES, all_view_statements(self._root), [])
            file.replace(self.path)

    @contextmanager
    def _changing(self) -> Iterator[Path]:
        """Where to put the next version of the file, while no one else writes one."""
        with (
            self._store.exclusive(f"{layout.LEDGER}/{FILE}"),
            tempfile.TemporaryDirectory(prefix=".catalog-", dir=self._root) as scratch,
        ):
            yield Path(scratch, FILE)

    def differences(self, tables: Iterable[LakeTable]) -> list[Difference]:
        """Views that are missing, show something else, or show what is no more. Every query makes its views anew."""
        with tempfile.TemporaryDirectory(prefix=".catalog-", dir=self._root) as scratch:
            found = self._registered(Path(scratch, FILE)) or {}
        different: list[Difference] = []
        for name, statement in self._expected(tables).items():
            if statement is None and name in found:
                different.append(Difference(name, "extra_table"))
            elif statement is not None and name not in found:
                different.append(Difference(name, "missing_table"))
            elif statement is not None and found[name] != statement:
                different.append(Difference(name, "properties"))
        return different

    def _expected(self, tables: Iterable[LakeTable]) -> dict[str, str | None]:
        """Statement by view; None for a view that must not be there."""
        expected: dict[str, str | None] = {}
        for table in tables:
            statements = view_statements(self._root, table)
            expected |= {name: statements.get(name) for name in view_names(table)}
        return expected | quality_statements(self._root)

    def _register(self, table: LakeTable) -> None:
        wanted = view_statements(self._root, table) | quality_statements(self._root)
        with self._changing() as file:
            registered = self._registered(file)
            if registered is None:
                _create(file)
                _update(file, LAKE_TABLES, all_view_statements(self._root), [])
                file.replace(self.path)
                return
            obsolete = [name for name in view_names(table) if name in registered and name not in wanted]
            if obsolete or not wanted.items() <= registered.items():
                _update(file, (table,), wanted, obsolete)
                file.replace(self.path)

    def _registered(self, copy: Path) -> dict[str, str] | None:
        """Statements of the present file by view, from a copy of it: a notebook may have the file itself locked.

        None, and no copy, when there is none or one of another version of DuckDB.
        """
        try:
            shutil.copyfile(self.path, copy)
            with duckdb.connect(str(copy), read_only=True) as connection:
                return dict(connection.execute("SELECT name, statement FROM main.registered").fetchall())
        except (FileNotFoundError, duckdb.Error):
            copy.unlink(missing_ok=True)
            return None


def _create(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        for schema in SCHEMAS:
            connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute("CREATE TABLE main.registered (name VARCHAR PRIMARY KEY, statement VARCHAR)")


def _update(file: Path, tables: Iterable[LakeTable], statements: Mapping[str, str], obsolete: Iterable[str]) -> None:
    """Create views, with the comments of those of `tables`, and drop obsolete ones."""
    with duckdb.connect(str(file)) as connection:
        for name in obsolete:
            connection.execute(f"DROP VIEW IF EXISTS {name}")
            connection.execute("DELETE FROM main.registered WHERE name = ?", [name])
        for name, statement in statements.items():
            connection.execute(statement)
            connection.execute("INSERT OR REPLACE INTO main.registered VALUES (?, ?)", [name, statement])
        for table in tables:
            if view_name(table) in statements:
                for comment in comment_statements(table):
                    connection.execute(comment)
        if QUALITY_VIEW in statements:
            for comment in quality_comment_statements():
                connection.execute(comment)
