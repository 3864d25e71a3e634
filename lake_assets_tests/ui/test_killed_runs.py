"""`dagster dev` whose processes are killed: what they were doing is noticed, given up, and done again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import dagster as dg
import pytest

from lake_assets.contract.layers import BATCH_COLUMN, BRONZE
from lake_assets.lake.arrival import examine, look, pin
from lake_assets.lake.lake import Lake
from lake_assets.liveness import FOLDER
from lake_assets.settings import Settings
from lake_assets_tests.conftest import lake_environment
from lake_assets_tests.support.dagster_ui import REPOSITORY, serve

ASSET = ("bronze", "reason")
BATCHES = ["batch-000001", "batch-000002"]
# Monitoring looks every 10 seconds, the daemon that retries every 5; the rest is for a busy machine.
NOTICED_SECONDS = 90.0
LONGER_THAN_A_LOOK = 12.0
# Dagster begins a backfill within half a minute.
WORK_SECONDS = 120.0

_BACKFILL = """
mutation ($path: [String!]!, $partitions: [String!]!) {
  launchPartitionBackfill(backfillParams: {assetSelection: [{path: $path}], partitionNames: $partitions}) {
    ... on LaunchBackfillSuccess { backfillId }
  }
}
"""
Found = TypeVar("Found")


@dataclass(frozen=True)
class Site:
    """A lake with two batches of one tiny table pinned, of which nothing is published."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "dagster_home"

    @property
    def lake(self) -> Lake:
        return Lake(Settings(root=self.folder / "lake", source=self.folder / "source"))

    @property
    def environment(self) -> dict[str, str]:
        return lake_environment(self.lake.settings.local_root, self.lake.settings.local_source, self.home)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    source, folder = site.lake.source, site.lake.settings.local_source
    (folder / "reason").mkdir(parents=True)
    site.home.mkdir()
    (site.home / "dagster.yaml").write_text((REPOSITORY / "lake_assets" / "dagster.yaml").read_text())
    for number in (1, 2):
        (folder / "reason" / f"{number}.dat").write_text(f"{number}|AAAAAAAA{number}AAAAAAA|Too heavy|\n")
        batches = site.lake.ledger.batches()
        pin(site.lake.ledger, source, examine(source, look(source, batches), batches, threads=1).files)
    with dg.DagsterInstance.from_config(str(site.home)) as instance:
        instance.add_dynamic_partitions(BATCH_COLUMN, BATCHES)
    return site


def eventually(look: Callable[[], Found | None], seconds: float, what: str) -> Found:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds:g} s")


def worker_at_work(site: Site, *before: str) -> tuple[str, int]:
    """Run and process of the worker that holds the lock of its run, which is none of the runs `before`."""

    def look() -> tuple[str, int] | None:
        for file in (site.home / FOLDER).glob("[!.]*"):
            if file.name not in before:
                return file.name, int(file.read_text().split()[-1])
        return None

    return eventually(look, WORK_SECONDS, f"a worker at work after {len(before)} others")


def test_a_backfill_outlives_the_death_of_its_worker_and_of_dagster_dev_as_a_whole(site: Site) -> None:
    with serve(site.environment, site.folder / "first.log") as server:
        started = server.ask(_BACKFILL, path=ASSET, partitions=BATCHES)
        backfill: str = started["launchPartitionBackfill"]["backfillId"]

        # The code server lives and sees its worker die.
        first, process = worker_at_work(site)
        os.kill(process, signal.SIGKILL)
        second, process = worker_at_work(site, first)
        runs = server.runs_of(backfill)
        assert {run_id: run.status for run_id, run in runs.items()} == {first: "FAILURE", second: "STARTED"}
        assert runs[second].parent == first

        # A worker that gets nowhere is not a dead one.
        os.kill(process, signal.SIGSTOP)
        time.sleep(LONGER_THAN_A_LOOK)
        assert server.runs_of(backfill)[second].status == "STARTED"

        # Nobody is left to see this.
        os.killpg(server.process.pid, signal.SIGKILL)

    with serve(site.environment, site.folder / "second.log") as server:
        third = eventually(
            lambda: [run for run in server.runs_of(backfill).values() if run.parent == second],
            NOTICED_SECONDS,
            "the second run is given up and run again",
        )[0].run_id
        assert server.wait_for_end(third) == "SUCCESS"
        runs = server.runs_of(backfill)
        assert {run_id: run.status for run_id, run in runs.items()} == {
            first: "FAILURE",
            second: "FAILURE",
            third: "SUCCESS",
        }
        assert {event.partition for event in server.materialisations(*ASSET) if event.run_id == third} == set(BATCHES)
    published = site.lake.ledger.entries(BRONZE["reason"])
    assert {batch: known.settled and known.settled.run_id for batch, known in published.items()} == dict.fromkeys(
        BATCHES, third
    )
