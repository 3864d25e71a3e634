"""A lake of a few files written by hand, without Dagster: what arrives, what is refreshed, and what readers then see.

Sail and classic Spark do not mix in one process, so the same function plays a scenario here, or in a process of its own:
`python -m lake_assets_tests.support.small_lake ENGINE FOLDER LAYER...`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lake_assets import refresh
from lake_assets.contract.calendar import MONTHS
from lake_assets.contract.layers import LAKE_TABLES, lake_table
from lake_assets.engine.session import Engine, SessionEngine
from lake_assets.lake.arrival import examine, look, pin
from lake_assets.lake.balance import Balance, balance
from lake_assets.lake.lake import Lake
from lake_assets.lake.records import LedgerEntry, Publication
from lake_assets.settings import EngineName, Settings
from lake_assets_tests.support.apart import run_apart

_FAILURES = "failures.json"

Files = Mapping[str, bytes]
"""Content of source files by path relative to the source folder."""


@dataclass(frozen=True)
class State:
    """A lake as it was after one arrival, with the source of that moment."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "lake"

    @property
    def settings(self) -> Settings:
        return Settings(root=self.root, source=self.folder / "source", threads=2)

    @cached_property
    def failures(self) -> dict[str, dict[str, str]]:
        """Per table the partitions that were not published, with the reason."""
        found: dict[str, dict[str, str]] = json.loads((self.folder / _FAILURES).read_text())
        return found

    def entry(self, identifier: str, partition: str) -> LedgerEntry:
        layer, name = identifier.split(".")
        return Lake(self.settings).ledger.read(lake_table(layer, name), partition).entry

    def publication(self, identifier: str, partition: str) -> Publication:
        found = self.entry(identifier, partition)
        assert found.committed is not None, f"{identifier} {partition} is not published"
        assert found.publishing is None, f"{identifier} {partition} is half published"
        return found.committed

    def balance(self, table: str) -> Balance | None:
        return balance(Lake(self.settings).planner(), table)

    def rows(self, identifier: str, partition: str) -> list[dict[str, Any]]:
        """Rows of a published partition, in the order in which they are stored."""
        published = self.publication(identifier, partition)
        return [row for stored in published.objects for row in read_rows(self.root / stored.key)]

    def quarantine(self, identifier: str, partition: str) -> list[dict[str, Any]]:
        stored = self.publication(identifier, partition).quarantine
        return read_rows(self.root / stored.key) if stored else []


def read_rows(path: Path) -> list[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        rows: list[dict[str, Any]] = file.read().to_pylist()
    return rows


def tree_digest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder` by relative path, but for the empty files that are only locks."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def write_files(folder: Path, files: Files) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_arrivals(folder: Path, arrivals: Sequence[Files]) -> None:
    """Prepare a scenario for `play`: what arrives first, second, ..."""
    for number, files in enumerate(arrivals, 1):
        write_files(folder / "arrivals" / str(number), files)


def play(folder: Path, engine: Engine, layers: Iterable[str]) -> None:
    """Let each arrival of a scenario come in, refresh the tables of `layers`, and keep a copy of the lake after each."""
    current = State(folder / "current")
    for number in range(1, len(list((folder / "arrivals").iterdir())) + 1):
        shutil.copytree(folder / "arrivals" / str(number), current.settings.local_source, dirs_exist_ok=True)
        failures = arrive(Lake(current.settings), engine, layers)
        (current.folder / _FAILURES).write_text(json.dumps(failures))
        shutil.copytree(current.folder, folder / "states" / str(number))


def play_apart(folder: Path, engine: EngineName, layers: Iterable[str]) -> None:
    """`play` in a process of its own."""
    run_apart(__spec__.name, engine, str(folder), *layers)


def states(folder: Path) -> list[State]:
    """The lake after each arrival of a scenario that was played."""
    return [State(state) for state in sorted((folder / "states").iterdir(), key=lambda path: int(path.name))]


def arrive(lake: Lake, engine: Engine, layers: Iterable[str]) -> dict[str, dict[str, str]]:
    """Pin what is new in the source and refresh the tables of `layers`; the partitions that failed, with the reason."""
    source, batches = lake.source, lake.ledger.batches()
    found = examine(source, look(source, batches), batches, threads=2).files
    if found:
        pin(lake.ledger, source, found)
    tables = frozenset(table for table in LAKE_TABLES if table.layer in layers)
    failures: dict[str, dict[str, str]] = {}
    for phase in (refresh.ingestion, lambda planner, wanted: refresh.facts(planner, wanted, MONTHS)):
        for work in phase(lake.planner(), tables):
            for table in work.tables:
                failed = lake.materialise(table, work.partitions, engine.run, "test").failed
                if failed:
                    failures.setdefault(table.identifier, {}).update(failed)
    return failures


def main(engine: EngineName, folder: str, *layers: str) -> None:
    play(Path(folder), SessionEngine(engine, threads=2, memory_gb=2), layers)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
