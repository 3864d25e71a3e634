"""Sensors tick by tick: which partitions of which assets are requested, and that nothing is requested twice."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lake_assets.assets.checks import check_specs
from lake_assets.contract.calendar import MONTHS, YEARS
from lake_assets.contract.layers import GOLD, SILVER
from lake_assets.contract.lineage import upstream
from lake_assets.contract.tables import TABLES
from lake_assets.jobs import REBUILD_TAG
from lake_assets.lake.planning import TRANSFORM_VERSIONS
from lake_assets.lake.task import Violation
from lake_assets.settings import Settings
from lake_assets_tests.support.daemon import Asked, Daemon
from lake_assets_tests.support.lake_support import FakeEngine

FIRST, SECOND, THIRD = "batch-000001", "batch-000002", "batch-000003"
JANUARY, FEBRUARY, MARCH = 2450815, 2450846, 2450874
DELIVERED = sorted({table.name for gold in GOLD.values() for table in upstream(gold)})
FACTS = [name for name in DELIVERED if TABLES[name].is_fact]
DIMENSIONS = [name for name in DELIVERED if not TABLES[name].is_fact]
SPRING = ("1998-01", "1998-02", "1998-03")
WEB_SALES = dg.AssetKey(["silver", "web_sales"])
ALL_YEARS = {"gold.monthly_trends", "gold.product_performance", "gold.customer_lifetime_value"}


def line(name: str, key: int, day: int) -> str:
    """A line of a table: its key's columns are `key`, its date is `day`, everything else is empty."""
    table = TABLES[name]
    values = dict.fromkeys(table.primary_key, str(key))
    if table.month:
        values[table.month.column] = str(day)
    return "".join(f"{values.get(column, '')}|" for column in table.column_names)


def drop(daemon: Daemon, path: str, *lines: str, modified: float | None = None) -> Path:
    """A file in the source; `modified` is its time stamp."""
    file = daemon.settings.local_source / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{text}\n" for text in lines))
    if modified is not None:
        os.utime(file, (modified, modified))
    return file


def daemon_of(folder: Path, engine: FakeEngine | None = None, **settings: Any) -> Daemon:
    known = {"root": folder / "lake", "source": folder / "source", "threads": 2, "settle_seconds": 0}
    return Daemon(
        Settings.model_validate(known | settings), dg.DagsterInstance.ephemeral(), engine=engine or FakeEngine()
    )


@dataclass(frozen=True)
class Story:
    """How a lake was filled: its folder, and what each pair of ticks requested, of the source and of what is stale."""

    folder: Path
    requested: list[tuple[Asked, Asked]]
    told: list[str]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Everything that gold reads arrived once, in January 1998, and the sensors made all of it up to date."""
    folder = tmp_path_factory.mktemp("first")
    daemon = daemon_of(folder)
    for name in DELIVERED:
        drop(daemon, f"{name}/a.dat", line(name, 1, JANUARY))
    story = Story(folder, [], [])
    for _ in range(4):
        arrived = daemon.tick("source_files")
        story.told.append(daemon.told)
        story.requested.append((arrived, daemon.tick("stale_partitions")))
        assert rest(daemon), "what is in progress is requested again"
        assert daemon.work_off()
    assert daemon.instance.get_dynamic_partitions("source_batch") == [FIRST]
    assert daemon.told == "Every partition is up to date."
    return story


@pytest.fixture
def daemon(first: Story, tmp_path: Path) -> Iterator[Daemon]:
    """A copy of that lake, with a daemon that has just been started."""
    shutil.copytree(first.folder, tmp_path / "copy")
    daemon = daemon_of(tmp_path / "copy")
    yield daemon
    daemon.instance.dispose()


def rest(daemon: Daemon) -> bool:
    """Whether neither sensor requests anything."""
    return not any((daemon.tick("source_files"), daemon.tick("stale_partitions")))


def test_a_first_drop_is_ingested_then_its_facts_are_built_then_gold(first: Story) -> None:
    ingested = {f"bronze.{name}": (FIRST,) for name in DELIVERED} | {f"silver.{name}": (FIRST,) for name in DIMENSIONS}
    assert first.requested == [
        (ingested, {}),
        ({}, {f"silver.{name}": MONTHS for name in FACTS}),
        ({}, {"gold.daily_sales_summary": MONTHS, **dict.fromkeys(ALL_YEARS, YEARS)}),
        ({}, {}),
    ]
    assert first.told[-1] == "No new files: all 10 are pinned."


def test_a_late_line_makes_its_month_stale_and_the_gold_that_is_built_from_it(daemon: Daemon) -> None:
    drop(daemon, "store_sales/late.dat", line("store_sales", 2, MARCH))
    assert daemon.tick("source_files") == {"bronze.store_sales": (SECOND,)}
    assert daemon.work_off()
    assert daemon.tick("stale_partitions") == {"silver.store_sales": ("1998-03",)}
    assert daemon.work_off()
    assert daemon.tick("stale_partitions") == {
        "gold.daily_sales_summary": ("1998-03", "1998-04"),
        # A customer is new only once, so that later years change too.
        "gold.monthly_trends": YEARS[1:],
        "gold.product_performance": ("1998", "1999"),
        "gold.customer_lifetime_value": YEARS,
    }
    assert daemon.work_off()
    assert rest(daemon)


def test_a_changed_file_restates_the_months_it_had_and_those_it_has(daemon: Daemon) -> None:
    drop(daemon, "web_returns/a.dat", line("web_returns", 1, MARCH))
    assert daemon.tick("source_files") == {"bronze.web_returns": (SECOND,)}
    assert daemon.work_off()
    assert daemon.tick("stale_partitions") == {"silver.web_returns": ("1998-01",)} | {
        "silver.web_returns": ("1998-01", "1998-03")
    }
    assert len(daemon.queue) == 2, "months that do not follow each other are two runs"
    assert daemon.work_off()
    assert set(daemon.tick("stale_partitions")["gold.daily_sales_summary"]) == {"1998-01", "1998-03"}
    assert daemon.work_off()
    assert rest(daemon)


def test_months_that_follow_each_other_are_one_run(daemon: Daemon) -> None:
    drop(daemon, "inventory/late.dat", line("inventory", 2, FEBRUARY), line("inventory", 2, MARCH))
    daemon.tick("source_files")
    daemon.work_off()
    assert daemon.tick("stale_partitions") == {"silver.inventory": ("1998-02", "1998-03")}
    assert len(daemon.queue) == 1


def test_two_drops_between_ticks_are_one_batch(daemon: Daemon) -> None:
    drop(daemon, "store_sales/b.dat", line("store_sales", 2, JANUARY))
    drop(daemon, "item/b.dat", line("item", 2, JANUARY))
    assert daemon.tick("source_files") == {
        "bronze.item": (SECOND,),
        "bronze.store_sales": (SECOND,),
        "silver.item": (SECOND,),
    }
    assert rest(daemon)


def test_a_drop_while_a_run_goes_on_is_pinned_and_waits_with_the_tables_of_that_run(daemon: Daemon) -> None:
    drop(daemon, "item/b.dat", line("item", 2, JANUARY))
    assert daemon.tick("source_files") == {"bronze.item": (SECOND,), "silver.item": (SECOND,)}
    drop(daemon, "item/c.dat", line("item", 3, JANUARY))
    drop(daemon, "web_sales/c.dat", line("web_sales", 3, JANUARY))
    assert daemon.tick("source_files") == {"bronze.web_sales": (THIRD,)}
    assert daemon.tick("source_files") == {}
    assert f"Being ingested, or waiting for what is: item of {SECOND}, item of {THIRD}" in daemon.told
    assert daemon.work_off()
    assert daemon.tick("source_files") == {"bronze.item": (THIRD,), "silver.item": (THIRD,)}
    assert daemon.work_off()
    assert daemon.tick("source_files") == {}


def test_gold_waits_for_the_silver_that_it_reads(daemon: Daemon) -> None:
    drop(daemon, "web_sales/b.dat", line("web_sales", 2, MARCH))
    daemon.tick("source_files")
    daemon.work_off()
    assert daemon.tick("stale_partitions") == {"silver.web_sales": ("1998-03",)}
    daemon.queue, waiting = [], daemon.queue
    drop(daemon, "inventory/b.dat", line("inventory", 2, MARCH))
    daemon.tick("source_files")
    daemon.queue += waiting
    daemon.work_off()
    # Stock arrived meanwhile: product_performance reads it, the other three do not.
    requested = daemon.tick("stale_partitions")
    assert requested.pop("silver.inventory") == ("1998-03",)
    assert set(requested) == {"gold.daily_sales_summary", "gold.monthly_trends", "gold.customer_lifetime_value"}
    assert daemon.tick("stale_partitions") == {}
    assert daemon.told == (
        "Being built: silver.inventory, gold.daily_sales_summary, gold.monthly_trends, gold.customer_lifetime_value. "
        "Waiting for these: gold.product_performance."
    )


def test_ten_thousand_files_are_one_batch_within_the_time_of_a_tick(tmp_path: Path) -> None:
    daemon = daemon_of(tmp_path)
    folder = daemon.settings.local_source / "inventory"
    folder.mkdir(parents=True)
    for number in range(10_000):
        (folder / f"{number:05d}.dat").write_text(f"{JANUARY}|{number}|1|1|\n")
    started = time.monotonic()
    assert daemon.tick("source_files") == {"bronze.inventory": (FIRST,)}
    assert daemon.tick("source_files") == {}
    assert time.monotonic() - started < daemon.settings.tick_seconds
    (batch,) = daemon.lake.ledger.batches()
    assert len(batch.files) == 10_000
    assert len(daemon.cursors["source_files"] or "") < 200


def test_files_that_a_tick_has_no_time_for_follow_with_the_next_batch(tmp_path: Path) -> None:
    daemon = daemon_of(tmp_path, tick_seconds=1e-9, threads=1)
    for name in "abc":
        drop(daemon, f"reason/{name}.dat", f"1|AAAAAAAABAAAAAAA|{name}|")
    for batch in (FIRST, SECOND, THIRD):
        assert daemon.tick("source_files") == {"bronze.reason": (batch,), "silver.reason": (batch,)}
        assert daemon.work_off()
    assert rest(daemon)
    assert [len(batch.files) for batch in daemon.lake.ledger.batches()] == [1, 1, 1]


def test_files_with_equal_time_stamps_are_each_taken_once(tmp_path: Path) -> None:
    daemon = daemon_of(tmp_path)
    drop(daemon, "reason/a.dat", "1|AAAAAAAABAAAAAAA|a|", modified=1e9)
    daemon.tick("source_files")
    drop(daemon, "reason/b.dat", "2|AAAAAAAACAAAAAAA|b|", modified=1e9)
    drop(daemon, "reason/0.dat", "3|AAAAAAAADAAAAAAA|c|", modified=1e9 - 1000)
    for _ in range(3):
        daemon.tick("source_files")
    paths = [[file.path for file in batch.files] for batch in daemon.lake.ledger.batches()]
    assert paths == [["reason/a.dat"], ["reason/0.dat", "reason/b.dat"]]


@pytest.mark.parametrize("lost", ["nothing was submitted", "the cursor was not kept", "both were done"])
def test_a_daemon_that_dies_in_a_tick_goes_on_where_it_was(daemon: Daemon, lost: str) -> None:
    """At each tick of a refresh, from the first look at the source to the last year of gold."""
    drop(daemon, "web_sales/b.dat", line("web_sales", 2, MARCH))
    requested: list[tuple[str, tuple[str, ...]]] = []
    for _ in range(5):
        for sensor in ("source_files", "stale_partitions"):
            requests, cursor = daemon.evaluate(sensor)
            # Dies here, and comes back with what it had written.
            if lost != "nothing was submitted":
                daemon.submit(requests)
            if lost == "both were done":
                daemon.cursors[sensor] = cursor
            again = daemon.tick(sensor)
            assert not again or lost == "nothing was submitted"
            for request in daemon.queue:
                for key in request.asset_selection or ():
                    requested.append((key.to_user_string(), tuple(request.tags.values())))
            daemon.work_off()
    assert rest(daemon)
    assert len(daemon.lake.ledger.batches()) == 2
    tables = [table for table, _ in requested]
    assert sorted(tables) == ["bronze/web_sales", *(f"gold/{name}" for name in sorted(GOLD)), "silver/web_sales"]


def refuse(partition: str) -> FakeEngine:
    return FakeEngine({partition: [Violation(rule="foreign_key__ws_item_sk", rows=1)]})


BLOCKING = {"silver.web_sales.foreign_key__ws_item_sk": "block"}


@pytest.fixture
def failing(daemon: Daemon) -> Daemon:
    """A daemon with a month that its audit blocks; it was requested once."""
    daemon.settings = daemon.settings.model_copy(update={"rules": BLOCKING})
    daemon.engine = refuse("1998-03")
    drop(daemon, "web_sales/b.dat", line("web_sales", 2, MARCH))
    daemon.tick("source_files")
    daemon.work_off()
    assert daemon.tick("stale_partitions") == {"silver.web_sales": ("1998-03",)}
    assert not daemon.work_off()
    return daemon


def test_a_month_that_failed_is_not_requested_again_and_the_tick_says_so(failing: Daemon) -> None:
    for _ in range(3):
        assert rest(failing)
    assert "silver.web_sales 1998-03: failed, and nothing changed since" in failing.told


@pytest.mark.parametrize("reason", ["file", "rule", "code"])
def test_a_month_that_failed_is_requested_again_when_something_changed(
    failing: Daemon, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason == "file":
        drop(failing, "web_sales/b.dat", line("web_sales", 3, MARCH))
        failing.tick("source_files")
        failing.work_off()
    elif reason == "rule":
        failing.settings = failing.settings.model_copy(update={"rules": {}})
    else:
        monkeypatch.setitem(TRANSFORM_VERSIONS, "silver", "next")
    assert "1998-03" in failing.tick("stale_partitions")["silver.web_sales"]
    failing.work_off()
    requested = failing.tick("stale_partitions")
    assert "1998-03" not in requested.get("silver.web_sales", ())


def test_the_nightly_catch_up_tries_what_failed_once_more(failing: Daemon) -> None:
    assert failing.catch_up("ingest") == {}
    assert failing.catch_up("facts") == {"silver.web_sales": ("1998-03",)}
    failing.engine = FakeEngine()
    assert failing.work_off()
    assert failing.catch_up("facts") == {}
    assert failing.catch_up("gold_months") == {"gold.daily_sales_summary": ("1998-03", "1998-04")}
    assert set(failing.catch_up("gold_years")) == ALL_YEARS
    assert failing.work_off()
    assert rest(failing)


def test_a_batch_that_cannot_be_ingested_is_requested_once(daemon: Daemon) -> None:
    file = drop(daemon, "item/b.dat", line("item", 2, JANUARY))
    daemon.tick("source_files")
    file.unlink()
    assert not daemon.work_off()
    for _ in range(2):
        assert daemon.tick("source_files") == {}
        assert "bronze.item of batch-000002" in daemon.told
        assert "failed and nothing changed since" in daemon.told
    drop(daemon, "item/b.dat", line("item", 3, JANUARY))
    # The new version is another batch; the old one is not waited for.
    assert daemon.tick("source_files") == {"bronze.item": (THIRD,), "silver.item": (THIRD,)}


def test_a_drop_is_taken_when_it_has_not_changed_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    daemon = daemon_of(tmp_path, settle_seconds=60)
    drop(daemon, "reason/a.dat", "1|AAAAAAAABAAAAAAA|a|")
    assert daemon.tick("source_files") == {}
    assert "1 new file (reason/a.dat) must not change for 60 s" in daemon.told
    now += 50
    drop(daemon, "reason/b.dat", "2|AAAAAAAACAAAAAAA|b|")
    assert daemon.tick("source_files") == {}
    now += 59
    assert daemon.tick("source_files") == {}
    assert "59 s have passed" in daemon.told
    now += 1
    assert daemon.tick("source_files") == {"bronze.reason": (FIRST,), "silver.reason": (FIRST,)}
    (batch,) = daemon.lake.ledger.batches()
    assert len(batch.files) == 2


def test_with_a_marker_a_drop_is_taken_when_a_new_one_was_written(tmp_path: Path) -> None:
    daemon = daemon_of(tmp_path, drop_marker="_SUCCESS")
    drop(daemon, "reason/a.dat", "1|AAAAAAAABAAAAAAA|a|")
    assert daemon.tick("source_files") == {}
    assert "wait for the marker _SUCCESS" in daemon.told
    drop(daemon, "_SUCCESS", modified=1e9)
    assert daemon.tick("source_files") == {"bronze.reason": (FIRST,), "silver.reason": (FIRST,)}
    daemon.work_off()
    drop(daemon, "reason/b.dat", "2|AAAAAAAACAAAAAAA|b|")
    assert daemon.tick("source_files") == {}
    assert "_SUCCESS belongs to the drop before" in daemon.told
    drop(daemon, "_SUCCESS", modified=1e9 + 1)
    assert daemon.tick("source_files") == {"bronze.reason": (SECOND,), "silver.reason": (SECOND,)}


def test_a_file_that_cannot_be_read_is_refused_with_the_whole_drop_until_it_is_mended(daemon: Daemon) -> None:
    bad = daemon.settings.local_source / "reason" / "bad.dat.gz"
    drop(daemon, "reason/good.dat", "1|AAAAAAAABAAAAAAA|a|")
    bad.write_bytes(gzip.compress(b"2|AAAAAAAACAAAAAAA|b|\n")[:-4])
    for _ in range(2):
        assert daemon.tick("source_files") == {}
        assert daemon.told.startswith("Refused: ")
        assert str(bad) in daemon.told
    assert len(daemon.lake.ledger.batches()) == 1
    bad.write_bytes(gzip.compress(b"2|AAAAAAAACAAAAAAA|b|\n"))
    assert daemon.tick("source_files") == {"bronze.reason": (SECOND,), "silver.reason": (SECOND,)}


def test_a_file_that_disappeared_is_told_at_every_tick_and_changes_nothing(daemon: Daemon) -> None:
    (daemon.settings.local_source / "item" / "a.dat").unlink()
    for _ in range(2):
        assert daemon.tick("source_files") == {}
        assert "item/a.dat is in the lake, but no longer in the source" in daemon.told
    assert daemon.tick("stale_partitions") == {}


def test_a_file_with_another_time_stamp_only_is_read_once_and_not_loaded(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(daemon.settings.local_source / "item" / "a.dat", (1e9, 1e9))
    assert daemon.tick("source_files") == {}
    assert "the content that is in the lake already" in daemon.told

    def read(*_: object, **__: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("lake_assets.automation.arrivals.examine", read)
    assert daemon.tick("source_files") == {}
    assert len(daemon.lake.ledger.batches()) == 1


def test_a_source_that_is_not_there_is_told(tmp_path: Path) -> None:
    daemon = daemon_of(tmp_path)
    assert daemon.tick("source_files") == {}
    assert "does not exist" in daemon.told


def test_a_cursor_of_another_version_is_begun_anew(daemon: Daemon) -> None:
    daemon.cursors = {"source_files": "not JSON", "stale_partitions": '{"requested": 1}'}
    assert rest(daemon)


def test_a_table_that_no_run_builds_is_not_busy(daemon: Daemon) -> None:
    """A finished run, and one of another table, hold nothing up."""
    for status, table in ((dg.DagsterRunStatus.SUCCESS, "item"), (dg.DagsterRunStatus.STARTED, "store")):
        daemon.instance.add_run(
            dg.DagsterRun(job_name="ingest", status=status, asset_selection=frozenset({dg.AssetKey(["bronze", table])}))
        )
    drop(daemon, "item/b.dat", line("item", 2, JANUARY))
    assert daemon.tick("source_files") == {"bronze.item": (SECOND,), "silver.item": (SECOND,)}


def test_a_run_of_a_whole_job_is_busy_with_all_its_tables(daemon: Daemon) -> None:
    daemon.instance.add_run(dg.DagsterRun(job_name="ingest", status=dg.DagsterRunStatus.STARTED))
    drop(daemon, "item/b.dat", line("item", 2, JANUARY))
    assert daemon.tick("source_files") == {}
    assert SILVER["item"].name in daemon.told


@pytest.fixture
def spring(daemon: Daemon) -> Daemon:
    """A daemon with a batch that touches three months of web_sales, the middle one built already."""
    drop(daemon, "web_sales/b.dat", *(line("web_sales", 2, day) for day in (JANUARY, FEBRUARY, MARCH)))
    daemon.tick("source_files")
    daemon.work_off()
    lake = daemon.lake
    assert lake.materialise(SILVER["web_sales"], ["1998-02"], FakeEngine().run, "by hand").failed == {}
    return daemon


@pytest.mark.parametrize(
    ("tags", "built"),
    [
        ({"dagster/backfill": "abc"}, ("1998-01", "1998-03")),
        ({"dagster/backfill": "abc", REBUILD_TAG: "true"}, SPRING),
        ({REBUILD_TAG: "false"}, ("1998-01", "1998-03")),
        ({}, SPRING),
    ],
    ids=["a backfill", "a backfill that rebuilds", "a refresh", "a run by hand"],
)
def test_a_backfill_credits_what_is_up_to_date_and_builds_the_rest(
    spring: Daemon, tags: dict[str, str], built: tuple[str, ...]
) -> None:
    daemon = spring
    before = daemon.lake.ledger.read(SILVER["web_sales"], "1998-02").settled
    daemon.engine = FakeEngine()
    of_range = {"dagster/asset_partition_range_start": SPRING[0], "dagster/asset_partition_range_end": SPRING[-1]}
    daemon.submit([dg.RunRequest(asset_selection=[WEB_SALES], job_name="refresh_months", tags={**of_range, **tags})])
    assert daemon.work_off()
    assert [task.partitions for task in daemon.engine.tasks] == [built]
    assert daemon.instance.get_materialized_partitions(WEB_SALES) == set(SPRING)
    records = daemon.instance.fetch_materializations(WEB_SALES, limit=3).records
    events = [record.asset_materialization for record in records if record.asset_materialization]
    reused = {event.partition for event in events if event.metadata.get("reused")}
    assert reused == set(SPRING) - set(built)
    assert daemon.lake.ledger.read(SILVER["web_sales"], "1998-02").settled == before or "1998-02" in built


def test_a_backfill_of_what_is_up_to_date_builds_nothing_and_reports_every_check(daemon: Daemon) -> None:
    key = dg.AssetKey(["gold", "monthly_trends"])
    daemon.submit(
        [
            dg.RunRequest(
                asset_selection=[key], job_name="refresh_years", partition_key="1999", tags={"dagster/backfill": "abc"}
            )
        ]
    )
    assert daemon.work_off()
    assert daemon.engine.tasks == []
    evaluated = daemon.instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [spec.key for spec in check_specs(GOLD["monthly_trends"])]
    )
    assert {found.status.value for found in evaluated.values()} == {"SUCCEEDED"}
    assert len(evaluated) == len(check_specs(GOLD["monthly_trends"]))


def test_a_backfill_builds_anew_what_was_audited_by_other_rules(daemon: Daemon) -> None:
    daemon.settings = daemon.settings.model_copy(update={"rules": BLOCKING})
    daemon.submit(
        [
            dg.RunRequest(
                asset_selection=[WEB_SALES],
                job_name="refresh_months",
                partition_key="1998-01",
                tags={"dagster/backfill": "abc"},
            )
        ]
    )
    assert daemon.work_off()
    assert [task.partitions for task in daemon.engine.tasks] == [("1998-01",)]
