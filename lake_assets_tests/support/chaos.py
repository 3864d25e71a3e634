"""What attacks a lake: a small program that goes through all of the lake's own way, and processes that are stopped in it.

Processes are forked from a server that has loaded everything: a death costs hundredths of a second, so all can be tried.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pyarrow.parquet as pq

from lake_assets.catalog import catalog_of
from lake_assets.catalog.reconcile import differences
from lake_assets.contract.layers import BRONZE, LOAD_TIMESTAMP, SILVER
from lake_assets.lake import layout
from lake_assets.lake.arrival import examine, look, pin
from lake_assets.lake.lake import Lake
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.planning import Planner
from lake_assets.lake.store import Store
from lake_assets.lake.task import ObjectInput, Result, Task
from lake_assets.refresh import Work, facts, ingestion
from lake_assets.settings import Settings
from lake_assets_tests.support.lake_support import FakeEngine, Row

FULL = bool(os.environ.get("CHAOS"))
"""Whether everything is attacked, and not only a part that is small enough for `make test`."""
TABLES = (BRONZE["inventory"], BRONZE["income_band"], SILVER["income_band"], SILVER["inventory"])
MONTHS = ("undated", "1998-01", "1998-02")
Done = TypeVar("Done")
Around = Callable[[str, Callable[[], Done]], Done]


def processes() -> ForkServerContext:
    """Where processes come from that have loaded what they need, and nothing of the tests' own state."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__, "lake_assets.catalog.local", "lake_assets.lake.s3_store"])
    return context


def outside() -> dict[str, str]:
    """Variables with which a process finds the same AWS as this one."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


class EngineAnywhere:
    """The fake engine for a lake that need not be local: what it reads and stages goes through a folder of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def run(self, task: Task) -> Result:
        if not task.staging.startswith("s3://"):
            return FakeEngine().run(task)
        with TemporaryDirectory() as name:
            folder = Path(name)
            inputs = tuple(self._fetched(item, folder) for item in task.inputs)
            replaced = tuple(self._fetched(item, folder) for item in task.replaced)
            staged = folder / "staged"
            local = {"staging": str(staged), "inputs": inputs, "replaced": replaced}
            result = FakeEngine().run(task.model_copy(update=local))
            for path in sorted(staged.rglob("*.parquet")):
                self._store.put(f"{self._key(task.staging)}/{path.relative_to(staged).as_posix()}", path.read_bytes())
            return result

    def _fetched(self, item: ObjectInput, folder: Path) -> ObjectInput:
        found = self._store.read(self._key(item.uri))
        assert found is not None
        path = folder / f"{uuid.uuid4().hex}.parquet"
        path.write_bytes(found[0])
        return item.model_copy(update={"uri": str(path)})

    def _key(self, uri: str) -> str:
        return uri.removeprefix(f"{self._store.uri('')}").removeprefix("/")


def at_once(_: str, change: Callable[[], Done]) -> Done:
    return change()


def refresh(lake: Lake, around: Around[Any] = at_once) -> None:
    """What `lake-assets run` does, over two tables: a fact with its months and a dimension, each with its quarantine.

    `around` is called with every change of the catalog; the store is the lake's, whatever that is.
    """
    batches = lake.ledger.batches()
    found = examine(lake.source, look(lake.source, batches), batches, threads=1).files
    if found:
        pin(lake.ledger, lake.source, found)
    for work in _works(lake):
        for piece in work(lake.planner()):
            for table in piece.tables:
                outcome = lake.materialise(table, piece.partitions, EngineAnywhere(lake.store).run, "run")
                assert outcome.failed == {}
    for table in TABLES:
        around(f"register {table.identifier}", partial(catalog_of(lake).register, table))


def _works(_: Lake) -> Iterator[Callable[[Planner], list[Work]]]:
    yield lambda planner: ingestion(planner, frozenset(TABLES))
    yield lambda planner: facts(planner, frozenset(TABLES), MONTHS)


def left_to_do(lake: Lake) -> list[Work]:
    return [piece for work in _works(lake) for piece in work(lake.planner())]


@dataclass(frozen=True)
class State:
    """All that two lakes of the same source have in common, whenever and in however many attempts they were built."""

    batches: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    entries: Mapping[str, object]
    rows: Mapping[str, list[Row]]


def state(lake: Lake) -> State:
    return State(
        tuple((batch.name, tuple((file.path, file.etag) for file in batch.files)) for batch in lake.ledger.batches()),
        {
            f"{table.identifier} {partition}": known.entry.model_dump(
                include={
                    "publishing": True,
                    "blocked": True,
                    "committed": {
                        *("source_rows", "rows", "quarantined", "duplicates", "content", "schema_fingerprint"),
                        *("batches", "violations", "rules", "first_key", "last_key"),
                    },
                }
            )
            for table in TABLES
            for partition, known in lake.ledger.entries(table).items()
        },
        {
            info.key: _rows(lake, info.key)
            for layer in ("bronze", "silver", "quarantine")
            for info in lake.store.objects(layer)
        },
    )


def _rows(lake: Lake, key: str) -> list[Row]:
    found = lake.store.read(key)
    assert found is not None
    rows: list[Row] = pq.ParquetFile(io.BytesIO(found[0])).read().to_pylist()
    return [{name: value for name, value in row.items() if name != LOAD_TIMESTAMP.name} for row in rows]


def check_healed(lake: Lake, never_crashed: State) -> None:
    """The lake is what it would be without any crash, and nothing of the crash is left once time has passed."""
    assert state(lake) == never_crashed
    assert all(known.entry.publishing is None for table in TABLES for known in lake.ledger.entries(table).values())
    assert left_to_do(lake) == []
    assert differences(lake, TABLES, deep=True) == []
    # Ages of objects on S3 are whole seconds.
    lake.store.sweep(layout.STAGING, -2)
    assert list(lake.store.objects(layout.STAGING)) == []


class Interrupted:
    """A store that calls `interrupt` just before, or just after, the `step`-th change that goes through it.

    `tell` hears the name of every change before it is made.
    """

    def __init__(
        self, store: Store, step: int, after: bool, interrupt: Callable[[], object], tell: Callable[[str], object]
    ) -> None:
        self._store = store
        self._step = step
        self._after = after
        self._interrupt = interrupt
        self._tell = tell
        self._steps = 0
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        """Everything that changes nothing is the store's own."""
        return getattr(self._store, name)

    def around(self, name: str, change: Callable[[], Done]) -> Done:
        with self._lock:
            self._steps += 1
            is_it = self._steps == self._step
            self._tell(name)
        if is_it and not self._after:
            self._interrupt()
        done = change()
        if is_it and self._after:
            self._interrupt()
        return done

    def write_if(self, key: str, content: bytes, expected: str | None) -> str:
        return self.around(f"write {key}", lambda: self._store.write_if(key, content, expected))

    def put(self, key: str, content: bytes) -> None:
        self.around(f"stage {key}", lambda: self._store.put(key, content))

    def replace(self, staged: str, key: str, holds: Callable[[], bool] = lambda: True) -> None:
        self.around(f"replace {key}", lambda: self._store.replace(staged, key, holds))

    def delete(self, key: str, holds: Callable[[], bool] = lambda: True) -> None:
        self.around(f"delete {key}", lambda: self._store.delete(key, holds))

    def remove_folder(self, prefix: str) -> None:
        self.around(f"tidy up {prefix}", lambda: self._store.remove_folder(prefix))


def under(lake: Lake, store: Interrupted) -> Lake:
    """The lake, with all its changes going through the store."""
    lake.store = store
    lake.ledger = Ledger(lake.store)
    return lake


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refresh_and_die(settings: Settings, environment: dict[str, str], step: int, after: bool, steps: Path) -> None:
    """The program as a process; it writes down its steps, and is killed at one of them unless it ends before."""
    os.environ.update(environment)
    lake = Lake(settings)
    with steps.open("a", buffering=1) as told:
        store = Interrupted(lake.store, step, after, _die, lambda name: told.write(f"{name}\n"))
        refresh(under(lake, store), store.around)


def killed_at(settings: Settings, step: int, after: bool, steps: Path) -> str | None:
    """Let a process refresh the lake until it is killed; at which step, or None when it ended well before."""
    process = processes().Process(
        target=refresh_and_die, args=(settings, outside(), step, after, steps), name=f"step {step}"
    )
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL), f"step {step}: the process ended with {process.exitcode}"
    return steps.read_text().splitlines()[step - 1] if process.exitcode else None
