"""The whole of it: `dagster dev` with its daemon, files that arrive in two drops, and no hand lifted in between."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from lake_assets import refresh
from lake_assets.contract.calendar import MONTHS
from lake_assets.contract.layers import GOLD, LAKE_TABLES, SILVER, LakeTable
from lake_assets.lake.lake import Lake
from lake_assets.settings import Settings
from lake_assets_tests.conftest import BuiltLake, lake_environment
from lake_assets_tests.support.dagster_ui import REPOSITORY, Server, serve

_ALL = frozenset(LAKE_TABLES)
_SECONDS = 600.0
_QUICK = {"LAKE_AUTOMATION": "on", "LAKE_SENSOR_SECONDS": "2", "LAKE_SETTLE_SECONDS": "3"}
# What the daemon requested, by whom and how it ended.
Run = tuple[str, str, str]


@dataclass(frozen=True)
class Grown:
    """A lake that sensors filled, what they had published after the first drop, and all runs there were."""

    lake: Lake
    after_first: dict[str, dict[str, str]]
    runs: list[Run]
    ticks: dict[str, list[tuple[str, str]]]


def contents(lake: Lake, tables: Iterable[LakeTable]) -> dict[str, dict[str, str]]:
    """Content hashes by table and partition."""
    return {
        table.identifier: {
            partition: entry.settled.content for partition, entry in lake.ledger.entries(table).items() if entry.settled
        }
        for table in tables
    }


def deliver(source: Path, target: Path, belongs: Callable[[Path], bool]) -> int:
    """Copy files of the sample, as a delivery does: one after the other, each under its own name."""
    files = [path for path in sorted(source.rglob("*.gz")) if belongs(path)]
    for path in files:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return len(files)


def wait_until_fresh(lake: Lake, server: Server, home: Path, batches: int) -> None:
    """Until that many batches are pinned, nothing is stale, all of gold is there and no run goes on."""

    def is_fresh() -> bool:
        planner = lake.planner()
        if len(planner.batches) < batches or refresh.ingestion(planner, _ALL):
            return False
        if refresh.facts(planner, _ALL, MONTHS) or refresh.gold(planner, _ALL, MONTHS):
            return False
        return all(planner.entry(table, key).settled for table in GOLD.values() for key in table.partitions)

    deadline = time.monotonic() + _SECONDS
    while not ({status for *_, status in runs_of(home)} <= {"SUCCESS"} and is_fresh()):
        assert "FAILURE" not in {status for *_, status in runs_of(home)}, server.log.read_text()[-5000:]
        assert server.process.poll() is None, server.log.read_text()[-5000:]
        assert time.monotonic() < deadline, f"still not up to date: {runs_of(home)}\n{server.log.read_text()[-3000:]}"
        time.sleep(3)


def runs_of(home: Path) -> list[Run]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs()
    return [(run.job_name, run.tags.get("lake_assets/requested_by", ""), run.status.value) for run in reversed(runs)]


def ticks_of(home: Path) -> dict[str, list[tuple[str, str]]]:
    """Status and reason of the ticks of each sensor, in order; without one that the end of the daemon cut short."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        states = instance.all_instigator_state()
        return {
            state.name: [
                (tick.status.value, tick.skip_reason or f"{len(tick.run_ids)} runs")
                for tick in reversed(instance.get_ticks(state.instigator_origin_id, state.selector_id))
                if tick.status.value != "STARTED"
            ]
            for state in states
        }


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Grown:
    folder = tmp_path_factory.mktemp("by_itself")
    lake, home = Lake(Settings(root=folder / "lake", source=folder / "source")), folder / "dagster_home"
    home.mkdir()
    shutil.copyfile(REPOSITORY / "lake_assets" / "dagster.yaml", home / "dagster.yaml")
    environment = lake_environment(lake.settings.local_root, lake.settings.local_source, home) | _QUICK
    with serve(environment, folder / "dagster_dev.log") as server:
        deliver(source, lake.settings.local_source, lambda path: ".0002." not in path.name)
        wait_until_fresh(lake, server, home, batches=1)
        after_first = contents(lake, GOLD.values())
        deliver(source, lake.settings.local_source, lambda path: ".0002." in path.name)
        wait_until_fresh(lake, server, home, batches=2)
        # Another few ticks: nothing may be requested any more.
        runs = runs_of(home)
        time.sleep(6)
        assert runs_of(home) == runs
    return Grown(lake, after_first, runs, ticks_of(home))


def test_two_drops_lead_to_the_gold_of_a_lake_built_at_once(grown: Grown, built_lake: BuiltLake) -> None:
    at_once = Lake(Settings(root=built_lake.root, source=built_lake.source))
    expected = contents(at_once, GOLD.values())
    assert contents(grown.lake, GOLD.values()) == expected
    assert all(grown.after_first[name] != expected[name] for name in expected)


def test_every_table_of_silver_has_the_rows_of_a_lake_built_at_once(grown: Grown, built_lake: BuiltLake) -> None:
    at_once = Lake(Settings(root=built_lake.root, source=built_lake.source))
    for table in SILVER.values():
        rows = [
            {key: entry.settled.rows for key, entry in lake.ledger.entries(table).items() if entry.settled}
            for lake in (grown.lake, at_once)
        ]
        assert rows[0] == rows[1], table.identifier


def test_all_runs_were_requested_by_the_sensors_and_succeeded(grown: Grown) -> None:
    assert {(by, status) for _, by, status in grown.runs} == {
        ("source_files", "SUCCESS"),
        ("stale_partitions", "SUCCESS"),
    }
    # Of each drop: one that ingests, one or more that build months of facts, then months and years of gold.
    assert [job for job, *_ in grown.runs].count("ingest") == 2
    assert {job for job, *_ in grown.runs} == {"ingest", "refresh_months", "refresh_years"}


def test_the_ticks_say_what_they_waited_for(grown: Grown) -> None:
    of_source = [reason for _, reason in grown.ticks["source_files"]]
    assert any("must not change for 3 s" in reason for reason in of_source)
    assert any("No new files" in reason for reason in of_source)
    assert {status for ticks in grown.ticks.values() for status, _ in ticks} == {"SKIPPED", "SUCCESS"}
    assert grown.ticks["stale_partitions"][-1] == ("SKIPPED", "Every partition is up to date.")
