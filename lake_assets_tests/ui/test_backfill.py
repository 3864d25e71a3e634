"""A backfill of two years, started in the browser: Dagster is killed half way, and then only what is missing is built."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from lake_assets.contract.layers import GOLD, SILVER, LakeTable
from lake_assets.contract.rules import rules_of
from lake_assets.lake import layout
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.records import Publication
from lake_assets.lake.store import LocalStore
from lake_assets_tests.conftest import BuiltLake
from lake_assets_tests.support.dagster_ui import (
    REPOSITORY,
    STOP_SECONDS,
    Browser,
    Materialisation,
    Server,
    browse,
    missing_programs,
    serve,
)

pytestmark = pytest.mark.skipif(missing_programs() is not None, reason=str(missing_programs()))

SALES, SUMMARY = SILVER["store_sales"], GOLD["daily_sales_summary"]
BOTH = (SALES, SUMMARY)
MONTHS = tuple(f"{year}-{month:02}" for year in (2000, 2001) for month in range(1, 13))
MONTHS_PER_RUN = 9
CHUNKS = [set(MONTHS[start : start + MONTHS_PER_RUN]) for start in range(0, len(MONTHS), MONTHS_PER_RUN)]
AFTER = "2002-01"
"""Its summary compares with December, so a backfill of December includes it; it was never missing."""
# Dagster begins a backfill within half a minute; the rest is for a busy machine.
HALF_WAY_SECONDS = 240.0
LOOK_SECONDS = 0.01

CHECKS = len({rule.kind for rule in rules_of(SALES)})

# The labels are those of Dagster 1.13.27.
SELECTION = 'key:"silver/store_sales" or key:"gold/daily_sales_summary"'
MATERIALIZE = "//button[normalize-space()='Materialize all…']"
MISSING = "//*[@role='dialog']//button[normalize-space()='Missing']"
LAUNCH = "//*[@role='dialog']//button[normalize-space()='Launch backfill']"

Published = Mapping[str, Publication]


@dataclass(frozen=True)
class Killed:
    """The backfill, and what was published of either table when everything was dead."""

    backfill: str
    sales: Published
    summary: Published


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backfill")


@pytest.fixture(scope="module")
def unfinished(built_lake: BuiltLake, folder: Path) -> BuiltLake:
    """A copy of the built lake in which, and in whose history, the months were never built."""
    root, home = folder / "lake", folder / "dagster_home"
    shutil.copytree(built_lake.root, root)
    shutil.copytree(built_lake.dagster_home, home)
    shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", home)
    for table in BOTH:
        for month in MONTHS:
            (root / layout.object_key(table, month)).unlink()
            (root / layout.ledger_key(table, month)).unlink()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for table in BOTH:
            forget(instance, table)
    return BuiltLake(root, built_lake.source, home, built_lake.engine, output="")


def forget(instance: dg.DagsterInstance, table: LakeTable) -> None:
    """Remove the months from the history of a table; of a partitioned asset Dagster can forget everything only."""
    key = dg.AssetKey([table.layer, table.name])
    records = instance.fetch_materializations(key, limit=1000).records
    instance.wipe_assets([key])
    for record in reversed(records):
        event = record.asset_materialization
        assert event is not None
        if event.partition not in MONTHS:
            instance.report_runless_asset_event(event)


def published(root: Path, table: LakeTable) -> dict[str, Publication]:
    """Of the months, the publications that are there."""
    entries = Ledger(LocalStore(root)).entries(table)
    return {month: entry.settled for month, entry in entries.items() if month in MONTHS and entry.settled}


@pytest.fixture(scope="module")
def environment(unfinished: BuiltLake) -> dict[str, str]:
    return unfinished.environment | {"LAKE_MONTHS_PER_RUN": str(MONTHS_PER_RUN)}


@pytest.fixture(scope="module")
def killed(unfinished: BuiltLake, environment: dict[str, str], folder: Path) -> Killed:
    """The backfill that a user started, and during whose second run everything was killed."""
    with serve(environment, folder / "first.log") as server, browse(server, folder / "first") as browser:
        launch(browser)
        backfill = server.wait_for_backfill()
        wait_for_second_run(unfinished.root)
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(STOP_SECONDS)
    return Killed(backfill, published(unfinished.root, SALES), published(unfinished.root, SUMMARY))


def launch(browser: Browser) -> None:
    """Choose the two assets in the lineage, and what is missing of them."""
    browser.open("/asset-groups")
    browser.see("Materialize all…")
    browser.search(SELECTION)
    browser.see_no_more("bronze")
    browser.click(MATERIALIZE)
    browser.see("Launch runs to materialize 2 assets")
    browser.click(MISSING)
    browser.see(f"{len(MONTHS)} partitions selected")
    browser.screenshot("backfill_dialog")
    browser.click(LAUNCH)


def wait_for_second_run(root: Path) -> None:
    """Until the second run of the backfill has published a month."""
    deadline = time.monotonic() + HALF_WAY_SECONDS
    while len({month.run_id for month in published(root, SALES).values()}) < 2:
        assert time.monotonic() < deadline, "no second run published anything"
        time.sleep(LOOK_SECONDS)


@pytest.fixture(scope="module")
def server(environment: dict[str, str], folder: Path, killed: Killed) -> Iterator[Server]:
    """Dagster started again, after it has brought the backfill to its end."""
    with serve(environment, folder / "second.log") as server:
        assert server.wait_for_end_of_backfill(killed.backfill) == "COMPLETED_SUCCESS"
        yield server


@pytest.fixture(scope="module")
def browser(server: Server, folder: Path) -> Iterator[Browser]:
    with browse(server, folder / "second") as browser:
        yield browser


def built_by(months: Published) -> dict[str, set[str]]:
    """Months by the run that published them."""
    found: dict[str, set[str]] = defaultdict(set)
    for month, publication in months.items():
        found[publication.run_id].add(month)
    return found


def told_by(events: Iterable[Materialisation], runs: Collection[str]) -> list[tuple[str, str | None, bool]]:
    """What runs told Dagster, in order: the run, a partition, and whether it was credited without being built."""
    return sorted((event.run_id, event.partition, "reused" in event.flags) for event in events if event.run_id in runs)


def test_a_backfill_killed_half_way_builds_only_what_was_missing(
    built_lake: BuiltLake, unfinished: BuiltLake, killed: Killed, server: Server
) -> None:
    runs = server.runs_of(killed.backfill)
    (dead,) = (run.run_id for run in runs.values() if run.status != "SUCCESS")
    (again,) = (run.run_id for run in runs.values() if run.parent)
    assert (runs[dead].status, runs[again].parent) == ("FAILURE", dead)

    # When all was killed, one run had ended, another had published some of its months, and no other had begun.
    begun = built_by(killed.sales)
    (first,) = begun.keys() - {dead}
    assert begun[first] == CHUNKS[0]
    assert set() < begun[dead] <= CHUNKS[1]
    assert killed.summary == {}

    # What was published then stays as it was, and each month of the rest is built by one run.
    sales, summary = published(unfinished.root, SALES), published(unfinished.root, SUMMARY)
    assert set(sales) == set(summary) == set(MONTHS)
    assert {month: sales[month] for month in killed.sales} == killed.sales
    built = built_by(sales)
    (third,) = built.keys() - {first, dead, again}
    assert [built[first], built[dead] | built[again], built[third]] == CHUNKS

    # Dagster is told so: what the dead run had published is credited by the run that does its work again, not built.
    assert told_by(server.materialisations("silver", "store_sales"), runs.keys()) == sorted(
        [(run, month, False) for run in (first, again, third) for month in built[run]]
        + [(again, month, True) for month in begun[dead]]
    )
    of_summary = told_by(server.materialisations("gold", "daily_sales_summary"), runs.keys())
    assert [(month, credited) for _, month, credited in of_summary if credited] == [(AFTER, True)]
    assert [told for told in of_summary if told[1] != AFTER] == sorted(
        [(run, month, False) for run, months in built_by(summary).items() for month in months]
    )

    for table, months in ((SALES, sales), (SUMMARY, summary)):
        before = published(built_lake.root, table)
        assert {month: months[month].content for month in MONTHS} == {month: before[month].content for month in MONTHS}


def test_the_page_of_the_backfill_tells_that_all_is_there_and_that_one_run_was_done_again(
    killed: Killed, browser: Browser
) -> None:
    browser.open(f"/runs/b/{killed.backfill}")
    browser.see("Succeeded")
    browser.see(f"silver / store_sales\n100% completed\n{len(MONTHS)}\n0\n{len(MONTHS)}\n0")
    browser.see(f"gold / daily_sales_summary\n100% completed\n{len(MONTHS) + 1}\n0\n{len(MONTHS) + 1}\n0")
    browser.screenshot("backfill")
    browser.open(f"/runs/b/{killed.backfill}?tab=runs")
    browser.see("Re-execution")
    browser.see("Failure")
    browser.screenshot("backfill_runs")
    assert browser.complaints() == []


def test_the_lineage_leads_through_the_layers_to_gold(browser: Browser) -> None:
    browser.open("/assets/gold/daily_sales_summary?view=lineage&lineageScope=upstream&lineageDepth=2")
    shown = ("bronze", "silver", "gold", "daily_sal…_summary", "catalog_sales", "store_returns", "web_sales")
    for name in shown:
        browser.see(name)
    browser.screenshot("lineage_of_gold")
    assert browser.complaints() == []


def test_the_page_of_a_silver_table_shows_it_complete_and_checked(browser: Browser) -> None:
    page = "/assets/silver/store_sales"
    browser.open(f"{page}?view=overview")
    browser.see(f"Latest check results\n{CHECKS}")
    browser.screenshot("store_sales_after_backfill")
    browser.open(f"{page}?view=checks")
    browser.see("foreign_key\nSucceeded")
    browser.screenshot("checks_after_backfill")
    browser.open(f"{page}?view=partitions&partition={MONTHS[-1]}")
    browser.see("Materialized (73)")
    browser.see("dagster/partition_row_count")
    browser.screenshot("partitions_after_backfill")
    assert browser.complaints() == []
