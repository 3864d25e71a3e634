"""Writers of the same partition, each with a content of its own: some start together, some are stopped on their way."""

from __future__ import annotations

import hashlib
import io
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from lake_assets.contract.layers import SILVER
from lake_assets.contract.types import arrow_schema
from lake_assets.lake.lake import Lake
from lake_assets.lake.store import Store
from lake_assets.lake.task import PartitionResult, Result, StagedObject, Task
from lake_assets.settings import Settings
from lake_assets_tests.support.chaos import Interrupted, outside, processes, under

INVENTORY = SILVER["inventory"]


class Barrier(Protocol):
    """Of threads, or of processes."""

    def wait(self, timeout: float | None = None) -> int: ...


@dataclass(frozen=True)
class Attempt:
    """What became of one writer. `checksum` is that of the file it staged."""

    run_id: str
    content: str
    checksum: str
    published: bool
    contested: bool
    explanation: str


def content_of(number: int, rows: int = 1) -> bytes:
    """The partition as a writer of this number wants it."""
    schema = arrow_schema(INVENTORY.columns)
    wanted = [dict.fromkeys(schema.names) | {"inv_item_sk": row, "inv_quantity_on_hand": number} for row in range(rows)]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(wanted, schema), buffer)
    return buffer.getvalue()


def engine_of(
    store: Store, number: int, rows: int = 1, staged: Callable[[], object] = lambda: None
) -> Callable[[Task], Result]:
    """An engine that stages this content, whatever there is to read; `staged` is called when it has."""

    def run(task: Task) -> Result:
        folder = task.staging.removeprefix(store.uri("")).removeprefix("/")
        store.put(f"{folder}/data/part.parquet", content_of(number, rows))
        staged()
        result = PartitionResult(
            partition=task.partitions[0],
            rows=rows,
            content=str(number),
            objects=(StagedObject(folder="data", rows=rows),),
        )
        return Result(partitions=(result,), seconds=0, source_rows=rows)

    return run


def attempt(lake: Lake, partition: str, number: int, staged: Callable[[], object] = lambda: None) -> Attempt:
    """Publish the partition as the writer of this number wants it; `staged` comes between the plan and the publication."""
    run_id = f"writer {number}"
    outcome = lake.materialise(INVENTORY, (partition,), engine_of(lake.store, number, staged=staged), run_id)
    return Attempt(
        run_id,
        str(number),
        hashlib.sha256(content_of(number)).hexdigest(),
        list(outcome.published) == [partition],
        outcome.contested == (partition,),
        outcome.failed.get(partition, ""),
    )


def race(settings: Settings, partition: str, number: int, barrier: Barrier) -> Attempt:
    return attempt(Lake(settings), partition, number, lambda: barrier.wait(60))


_barriers: dict[int, Barrier] = {}
"""In a process that races, by the number of rivals."""


def _prepare(barriers: dict[int, Barrier], environment: dict[str, str]) -> None:
    _barriers.update(barriers)
    os.environ.update(environment)


def race_of_processes(settings: Settings, partition: str, number: int, rivals: int) -> Attempt:
    return race(settings, partition, number, _barriers[rivals])


def racers(most: int) -> ProcessPoolExecutor:
    """Processes for races of up to so many rivals; they have met before, so that all begin at the same moment."""
    context = processes()
    barriers: dict[int, Barrier] = {rivals: context.Barrier(rivals) for rivals in range(2, most + 1)}
    return ProcessPoolExecutor(most, context, initializer=_prepare, initargs=(barriers, outside()))


@dataclass(frozen=True)
class Pause:
    """Where a writer falls asleep: before the `time`-th change whose name begins so; or, `inside` of a replacement, between
    the look whether it still has the right to and the act."""

    change: str
    time: int = 1
    inside: bool = False


class Sleeper(Interrupted):
    """The store of a writer that is stopped once, by a signal, and tells just before."""

    def __init__(self, store: Store, pause: Pause, asleep: Callable[[], object]) -> None:
        super().__init__(store, 0, False, lambda: None, self._passes)
        self._pause = pause
        self._asleep = asleep
        self._seen = 0

    def replace(self, staged: str, key: str, holds: Callable[[], bool] = lambda: True) -> None:
        def and_sleep() -> bool:
            still = holds()
            if self._seen == self._pause.time:
                self._sleep()
            return still

        super().replace(staged, key, and_sleep if self._pause.inside else holds)

    def _passes(self, name: str) -> None:
        if name.startswith(self._pause.change):
            self._seen += 1
            if self._seen == self._pause.time and not self._pause.inside:
                self._sleep()

    def _sleep(self) -> None:
        self._seen += 1
        self._asleep()
        os.kill(os.getpid(), signal.SIGSTOP)


def attempt_asleep(
    settings: Settings, environment: dict[str, str], partition: str, pause: Pause, told: Connection
) -> None:
    """A writer as a process, stopped on its way; it tells when it falls asleep, and in the end what became of it."""
    os.environ.update(environment)
    lake = Lake(settings)
    store = Sleeper(lake.store, pause, lambda: told.send("asleep"))
    told.send(attempt(under(lake, store), partition, 1))
