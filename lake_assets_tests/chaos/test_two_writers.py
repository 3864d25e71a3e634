"""Races: of writers that planned on the same state exactly one publishes, and one that wakes up late changes nothing."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from lake_assets.contract.layers import BRONZE
from lake_assets.lake import layout
from lake_assets.lake.lake import Lake
from lake_assets_tests.chaos.conftest import Here, OnS3, Place
from lake_assets_tests.support.chaos import FULL, EngineAnywhere, outside, processes
from lake_assets_tests.support.lake_support import JANUARY, arrive, write_source
from lake_assets_tests.support.rivals import (
    INVENTORY,
    Attempt,
    Pause,
    attempt,
    attempt_asleep,
    race,
    race_of_processes,
    racers,
)

LOCAL_ROUNDS, S3_ROUNDS = (1000, 200) if FULL else (60, 15)
MOST = 4
MONTH = "1998-01"
REFUSAL = "another run published it meanwhile"
BEFORE_THE_REPLACEMENT = Pause("replace silver/")
Race = Callable[[Lake, str, Sequence[int]], list[Attempt]]


def lake_with_source(place: Place, folder: Path) -> Lake:
    """Bronze is there, silver is not."""
    lake = place.new_lake(folder / "source", folder / "lake")
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|1|1|10|")
    batch = arrive(lake).name
    assert lake.materialise(BRONZE["inventory"], [batch], EngineAnywhere(lake.store).run, "ingest").failed == {}
    return lake


def run_races(lake: Lake, rounds: range, compete: Race) -> None:
    """Every month is published for the first time, then over what was published before; every fifth round has four rivals."""
    for number in rounds:
        month = f"1998-{1 + number % 12:02d}"
        rivals = MOST if number % 5 == 4 else 2
        attempts = compete(lake, month, [10 * number + rival for rival in range(rivals)])
        assert len(attempts) == rivals
        check_round(lake, month, attempts)


def check_round(lake: Lake, month: str, attempts: Sequence[Attempt]) -> None:
    (winner,) = (one for one in attempts if one.published)
    for loser in (one for one in attempts if one is not winner):
        assert loser.contested
        assert REFUSAL in loser.explanation
    entry = lake.ledger.read(INVENTORY, month).entry
    assert entry.publishing is None
    assert entry.committed is not None
    assert (entry.committed.run_id, entry.committed.content) == (winner.run_id, winner.content)
    found = lake.store.read(layout.object_key(INVENTORY, month))
    assert found is not None
    assert hashlib.sha256(found[0]).hexdigest() == winner.checksum
    assert list(lake.store.objects(layout.STAGING)) == []


def between_threads(lake: Lake, month: str, numbers: Sequence[int]) -> list[Attempt]:
    barrier = threading.Barrier(len(numbers))
    with ThreadPoolExecutor(len(numbers)) as pool:
        return list(pool.map(lambda number: race(lake.settings, month, number, barrier), numbers))


@contextmanager
def between_processes() -> Iterator[Race]:
    with racers(MOST) as pool:

        def compete(lake: Lake, month: str, numbers: Sequence[int]) -> list[Attempt]:
            running = [pool.submit(race_of_processes, lake.settings, month, one, len(numbers)) for one in numbers]
            return [one.result(90) for one in running]

        yield compete


def test_of_processes_that_publish_the_same_partition_of_a_local_lake_exactly_one_wins(
    here: Here, tmp_path: Path
) -> None:
    with between_processes() as compete:
        run_races(lake_with_source(here, tmp_path), range(LOCAL_ROUNDS // 2), compete)


def test_of_threads_that_publish_the_same_partition_of_a_local_lake_exactly_one_wins(
    here: Here, tmp_path: Path
) -> None:
    run_races(lake_with_source(here, tmp_path), range(LOCAL_ROUNDS // 2, LOCAL_ROUNDS), between_threads)


def test_of_processes_that_publish_the_same_partition_on_s3_exactly_one_wins(on_s3: OnS3, tmp_path: Path) -> None:
    with between_processes() as compete:
        run_races(lake_with_source(on_s3, tmp_path), range(S3_ROUNDS // 3), compete)


def test_of_threads_that_publish_the_same_partition_on_s3_exactly_one_wins(on_s3: OnS3, tmp_path: Path) -> None:
    run_races(lake_with_source(on_s3, tmp_path), range(S3_ROUNDS // 3, S3_ROUNDS), between_threads)


@contextmanager
def asleep(lake: Lake, pause: Pause) -> Iterator[tuple[ForkServerProcess, Connection]]:
    """A writer of January that was stopped on its way; killed in the end, if it has not ended before."""
    here, there = processes().Pipe()
    process = processes().Process(target=attempt_asleep, args=(lake.settings, outside(), MONTH, pause, there))
    process.start()
    try:
        assert here.poll(60)
        assert here.recv() == "asleep"
        yield process, here
    finally:
        process.kill()
        process.join(10)


def wake(process: ForkServerProcess, told: Connection) -> Attempt:
    assert process.pid
    os.kill(process.pid, signal.SIGCONT)
    assert told.poll(60)
    became = told.recv()
    assert isinstance(became, Attempt)
    return became


def everything(lake: Lake) -> dict[str, bytes]:
    keys = [info.key for folder in ("bronze", "silver", layout.LEDGER) for info in lake.store.objects(folder)]
    return {key: found[0] for key in keys if (found := lake.store.read(key))}


def check_overtaken(lake: Lake, pause: Pause) -> None:
    """The writer is stopped, a retry publishes, the writer is woken: it changes nothing and says so."""
    with asleep(lake, pause) as (process, told):
        retry = attempt(lake, MONTH, 2)
        assert retry.published
        before = everything(lake)
        late = wake(process, told)
    assert late.contested
    assert not late.published
    assert everything(lake) == before
    check_round(lake, MONTH, [retry])


@pytest.mark.parametrize("published_before", [False, True])
@pytest.mark.parametrize(
    "pause",
    [
        Pause("replace quality/"),
        Pause("write _ledger/silver/"),
        BEFORE_THE_REPLACEMENT,
        Pause("replace silver/", inside=True),
        Pause("write _ledger/silver/", time=2),
    ],
    ids=[
        "before its audit",
        "before its intent",
        "before its replacement",
        "within its replacement",
        "before its commit",
    ],
)
def test_a_writer_stopped_on_s3_and_overtaken_by_a_retry_changes_nothing_when_it_is_woken(
    pause: Pause, published_before: bool, on_s3: OnS3, tmp_path: Path
) -> None:
    lake = lake_with_source(on_s3, tmp_path)
    if published_before:
        assert attempt(lake, MONTH, 0).published
    check_overtaken(lake, pause)


@pytest.mark.parametrize("published_before", [False, True])
def test_a_local_writer_stopped_after_its_plan_and_overtaken_changes_nothing_when_it_is_woken(
    published_before: bool, here: Here, tmp_path: Path
) -> None:
    lake = lake_with_source(here, tmp_path)
    if published_before:
        assert attempt(lake, MONTH, 0).published
    check_overtaken(lake, Pause("replace quality/"))


def test_a_local_writer_stopped_between_intent_and_replacement_is_waited_for_and_the_retry_is_refused(
    here: Here, tmp_path: Path
) -> None:
    lake = lake_with_source(here, tmp_path)
    with asleep(lake, BEFORE_THE_REPLACEMENT) as (process, told), ThreadPoolExecutor(1) as pool:
        planned = threading.Event()
        retry = pool.submit(attempt, lake, MONTH, 2, planned.set)
        assert planned.wait(10)
        woken = wake(process, told)
        refused = retry.result(60)
    assert woken.published
    check_round(lake, MONTH, [woken, refused])


def test_a_retry_that_waits_for_a_stopped_local_writer_publishes_as_soon_as_that_is_killed(
    here: Here, tmp_path: Path
) -> None:
    lake = lake_with_source(here, tmp_path)
    with asleep(lake, BEFORE_THE_REPLACEMENT) as (process, _), ThreadPoolExecutor(1) as pool:
        planned = threading.Event()
        retry = pool.submit(attempt, lake, MONTH, 2, planned.set)
        assert planned.wait(10)
        process.kill()
        became = retry.result(60)
    assert became.published
    lake.store.sweep(layout.STAGING, -2)
    check_round(lake, MONTH, [became])
