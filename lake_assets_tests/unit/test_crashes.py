"""Crashes: a process that dies at any step of a publication leaves whole objects and a lake that the next run heals."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest

from lake_assets.contract.layers import BRONZE, SILVER
from lake_assets.lake.lake import Lake
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.planning import stale
from lake_assets.lake.store import LocalStore
from lake_assets.settings import Settings
from lake_assets_tests.support.lake_support import (
    JANUARY,
    FakeEngine,
    Row,
    arrive,
    ingest,
    new_lake,
    parquet_rows,
    write_source,
)

BRONZE_INVENTORY, INVENTORY = BRONZE["inventory"], SILVER["inventory"]
INCOME_BAND = SILVER["income_band"]
PARTITIONS = ("undated", "1998-01")
JANUARY_KEY = "silver/inventory/inventory_month=1998-01/inventory.parquet"
QUARANTINE_KEY = "quarantine/silver/inventory/inventory_month=undated/inventory.parquet"
Changed = TypeVar("Changed")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return new_lake(tmp_path)


class CrashError(Exception):
    """The process died here."""


class DyingStore(LocalStore):
    """A store of a process that dies at its `step`-th change of the lake, just before or just after it."""

    def __init__(self, root: Path, step: int, after: bool) -> None:
        super().__init__(root)
        self._step = step
        self._after = after
        self.steps: list[str] = []

    @property
    def is_dead(self) -> bool:
        return len(self.steps) >= self._step

    def write_if(self, key: str, content: bytes, expected: str | None) -> str:
        return self._change(f"write {key}", lambda: LocalStore.write_if(self, key, content, expected))

    def replace(self, staged: str, key: str, holds: Callable[[], bool] = lambda: True) -> None:
        return self._change(f"replace {key}", lambda: LocalStore.replace(self, staged, key, holds))

    def delete(self, key: str, holds: Callable[[], bool] = lambda: True) -> None:
        return self._change(f"delete {key}", lambda: LocalStore.delete(self, key, holds))

    def remove_folder(self, prefix: str) -> None:
        """A dead process tidies nothing up."""
        if not self.is_dead:
            super().remove_folder(prefix)

    def _change(self, name: str, change: Callable[[], Changed]) -> Changed:
        self.steps.append(name)
        if self.is_dead and not self._after:
            raise CrashError(name)
        done = change()
        if self.is_dead:
            raise CrashError(name)
        return done


def copy_of(lake: Lake, target: Path) -> Lake:
    shutil.copytree(lake.settings.local_root, target)
    return Lake(Settings(root=target, source=lake.settings.local_source, threads=2))


def dying(lake: Lake, step: int, after: bool) -> DyingStore:
    """From now on the lake is that of a process that dies."""
    store = DyingStore(lake.settings.local_root, step, after)
    lake.store = store
    lake.ledger = Ledger(store)
    return store


def revived(lake: Lake) -> Lake:
    return Lake(lake.settings)


def crashes(prepared: Lake, folder: Path, publishes: Callable[[Lake], object]) -> Iterator[tuple[Lake, str]]:
    """A copy of the prepared lake for each point at which a process that publishes can die, as it is left then."""
    for after in (False, True):
        for step in count(1):
            lake = copy_of(prepared, folder / f"{'after' if after else 'before'}-{step}")
            store = dying(lake, step, after)
            try:
                publishes(lake)
            except CrashError:
                yield revived(lake), store.steps[-1]
            else:
                break


def content(lake: Lake) -> dict[str, list[Row]]:
    return parquet_rows(lake.settings.local_root, "bronze", "silver", "quarantine")


def publish(lake: Lake) -> None:
    assert lake.materialise(INVENTORY, PARTITIONS, FakeEngine().run, "run").failed == {}


def test_after_a_crash_at_any_step_each_object_is_whole_the_plan_is_stale_and_a_second_run_heals(
    lake: Lake, tmp_path: Path
) -> None:
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|1|1|10|", "|2|1|20|")
    ingest(lake, BRONZE_INVENTORY)
    publish(lake)
    old = content(lake)
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|1|1|11|", f"{JANUARY}|2|1|20|")
    ingest(lake, BRONZE_INVENTORY)
    finished = copy_of(lake, tmp_path / "finished")
    publish(finished)
    new = content(finished)
    assert QUARANTINE_KEY in old
    assert QUARANTINE_KEY not in new

    points: list[str] = []
    for crashed, step in crashes(lake, tmp_path / "crashed", publish):
        points.append(step)
        found = content(crashed)
        assert found.keys() <= old.keys() | new.keys()
        assert all(rows in (old.get(key), new.get(key)) for key, rows in found.items()), step
        plans = crashed.planner().silver(INVENTORY, PARTITIONS)
        for plan in plans:
            assert not (plan.entry.entry.publishing and plan.is_fresh), step
            if plan.is_fresh:
                assert plan.entry.settled is not None
                assert all(
                    crashed.store.checksum(stored.key) == stored.checksum for stored in plan.entry.settled.objects
                ), step
        publish(crashed)
        assert content(crashed) == new, step
        assert stale(crashed.planner().silver(INVENTORY, PARTITIONS)) == []
    # The history of audits names its files by the time.
    assert points[0].startswith("replace quality/results/layer=silver/table_name=inventory/")
    points = ["audit" if point == points[0] else point for point in points]
    undated, january = ("_ledger/silver/inventory/undated.json", "_ledger/silver/inventory/1998-01.json")
    steps = [
        "audit",
        f"write {undated}",
        "replace silver/inventory/inventory_month=undated/inventory.parquet",
        f"delete {QUARANTINE_KEY}",
        f"write {undated}",
        f"write {january}",
        f"replace {JANUARY_KEY}",
        f"write {january}",
    ]
    assert [point for point in points if not point.startswith("delete") or QUARANTINE_KEY in point][
        : len(steps)
    ] == steps


def test_after_a_crash_of_a_first_publication_at_any_step_a_second_run_heals(lake: Lake, tmp_path: Path) -> None:
    write_source(lake, "inventory/a.dat", f"{JANUARY}|1|1|10|", "too|few")
    write_source(lake, "inventory/b.dat", f"{JANUARY}|2|1|20|")
    batch = arrive(lake).name

    def ingest_and_publish(lake: Lake) -> None:
        assert lake.materialise(BRONZE_INVENTORY, [batch], FakeEngine().run, "ingest").failed == {}
        publish(lake)

    finished = copy_of(lake, tmp_path / "finished")
    ingest_and_publish(finished)
    points = 0
    for crashed, step in crashes(lake, tmp_path / "crashed", ingest_and_publish):
        points += 1
        bronze, _ = crashed.planner().bronze(BRONZE_INVENTORY, batch)
        silver = crashed.planner().silver(INVENTORY, PARTITIONS)
        if bronze.entry.entry.publishing:
            assert not bronze.is_fresh, step
        assert not any(plan.entry.entry.publishing and plan.is_fresh for plan in silver), step
        ingest_and_publish(crashed)
        assert content(crashed) == content(finished), step
    # Bronze: audit, intent, three objects, commit. Silver: audit, and intent, object, commit of two months.
    assert points >= 2 * (6 + 7)


def test_a_quarantine_that_one_crash_left_is_removed_even_when_the_next_run_crashes_too(
    lake: Lake, tmp_path: Path
) -> None:
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|1|1|10|")
    ingest(lake, BRONZE_INVENTORY)
    publish(lake)
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|1|1|10|", "|2|1|20|")
    ingest(lake, BRONZE_INVENTORY)
    for first, step in crashes(lake, tmp_path / "first", publish):
        if QUARANTINE_KEY not in content(first) or first.ledger.read(INVENTORY, "undated").settled:
            continue
        write_source(first, "inventory/inventory.dat", f"{JANUARY}|1|1|10|", f"{JANUARY}|2|1|20|")
        ingest(first, BRONZE_INVENTORY)
        folder = tmp_path / f"second after {first.settings.local_root.name}"
        for second, next_step in crashes(first, folder, publish):
            publish(second)
            assert parquet_rows(second.settings.local_root, "quarantine") == {}, f"{step}, then {next_step}"
        write_source(first, "inventory/inventory.dat", f"{JANUARY}|1|1|10|", "|2|1|20|")


def test_a_dimension_whose_publication_crashed_keeps_the_batches_that_were_applied_before(
    lake: Lake, tmp_path: Path
) -> None:
    write_source(lake, "income_band/a.dat", "1|0|10000|")
    ingest(lake, BRONZE["income_band"])
    lake.materialise(INCOME_BAND, ["batch-000001"], FakeEngine().run, "run")
    write_source(lake, "income_band/b.dat", "2|10001|20000|")
    second = ingest(lake, BRONZE["income_band"])

    def apply_second(lake: Lake) -> None:
        assert lake.materialise(INCOME_BAND, [second], FakeEngine().run, "run").failed == {}

    points = 0
    for crashed, step in crashes(lake, tmp_path / "crashed", apply_second):
        points += 1
        apply_second(crashed)
        rows = content(crashed)["silver/income_band/income_band.parquet"]
        assert sorted(row["ib_income_band_sk"] for row in rows) == [1, 2], step
        assert crashed.planner().applied_batches(INCOME_BAND) == {"batch-000001", "batch-000002"}, step
    assert points >= 6
