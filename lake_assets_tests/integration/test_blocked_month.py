"""A month whose audit fails: what readers see stays as it was, all else goes on, and who looks is told what and why."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from isal import igzip

from lake_assets.contract.calendar import MONTHS, sk_of
from lake_assets.contract.layers import GOLD, SILVER, WHOLE_TABLE, LakeTable
from lake_assets.contract.rules import rules_of
from lake_assets.contract.tables import TABLES
from lake_assets.lake import layout
from lake_assets.lake.lake import Lake
from lake_assets.lake.records import Publication
from lake_assets.query.duckdb import query
from lake_assets.query.engine import local_questions
from lake_assets.query.quality import BrokenRule, broken_rules
from lake_assets.settings import Settings
from lake_assets_tests.conftest import BuiltLake, lake_assets, lake_environment
from lake_assets_tests.support.dirty_files import with_fields
from lake_assets_tests.support.small_lake import tree_digest

STORE_SALES, WEB_SALES, WEB_SITE, ITEM = (SILVER[name] for name in ("store_sales", "web_sales", "web_site", "item"))
SUMMARY = GOLD["daily_sales_summary"]

CONTRADICTED, CHANGED, OTHER = "2000-07", "2000-03", "1999-07"
"""The months in which the lines of a contradictory order lie, with the one between that good rows change."""
BLOCKED = (OTHER, CONTRADICTED)
BAD_ORDER, GOOD_ORDER, NEW_ITEM, NEW_SITE = 10**9, 10**9 + 1, 900_001, 9001
STORE_FILE, SITE_FILE = "store_sales/more.dat.gz", "web_site/more.dat.gz"
RULE = "order_header__date"
SAMPLES = {month: f"ss_item_sk={item}, ss_ticket_number={BAD_ORDER}" for item, month in enumerate(BLOCKED, start=1)}
FAILED = 1

Digest = Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """A lake, its source and its Dagster home below one folder."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "lake"

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def home(self) -> Path:
        return self.folder / "dagster_home"

    @property
    def environment(self) -> dict[str, str]:
        return lake_environment(self.root, self.source, self.home)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return lake_assets(self.environment, *arguments)

    def line(self, table: str, lacking: str | None = None) -> str:
        """A line of the generator's own files: one without a value in this column, else one with a value in all."""
        columns = TABLES[table].column_names
        for path in sorted((self.source / table).glob(f"{table}.*")):
            text: str = igzip.decompress(path.read_bytes()).decode("latin-1")
            for line in text.splitlines():
                fields = dict(zip(columns, line.split("|"), strict=False))
                if not fields[lacking] if lacking else all(fields.values()):
                    return line
        raise LookupError(f"no line of {table} suits")

    def deliver(self, path: str, *lines: str) -> None:
        """Put a file of these lines into the source, or replace it."""
        content = "".join(f"{line}\n" for line in lines).encode("latin-1")
        (self.source / path).write_bytes(bytes(igzip.compress(content)))

    def publications(self, table: LakeTable) -> dict[str, Publication]:
        entries = Lake(Settings(root=self.root, source=self.source)).ledger.entries(table)
        assert [name for name, entry in entries.items() if entry.entry.publishing] == []
        return {partition: entry.settled for partition, entry in entries.items() if entry.settled}

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return list(query(self.root, sql).rows)


def copy_of(built: BuiltLake, folder: Path) -> Place:
    """A copy of the built lake, with its source and Dagster home."""
    place = Place(folder)
    for origin, target in ((built.root, place.root), (built.source, place.source), (built.dagster_home, place.home)):
        shutil.copytree(origin, target)
    return place


def sale(place: Place, order: int, item: int, month: str) -> str:
    """A line of a store order in the middle of a month, with correct amounts."""
    day = sk_of(date.fromisoformat(f"{month}-15"))
    line = place.line("store_sales")
    return with_fields("store_sales", line, ss_ticket_number=order, ss_item_sk=item, ss_sold_date_sk=day)


def deliver_contradiction(place: Place) -> None:
    """One order of two good lines, and one whose lines name two dates."""
    good = [sale(place, GOOD_ORDER, item, CHANGED) for item in (1, 2)]
    place.deliver(STORE_FILE, *good, sale(place, BAD_ORDER, 1, OTHER), sale(place, BAD_ORDER, 2, CONTRADICTED))


def deliver_correction(place: Place) -> None:
    good = [sale(place, GOOD_ORDER, item, CHANGED) for item in (1, 2)]
    place.deliver(STORE_FILE, *good, *(sale(place, BAD_ORDER, item, CONTRADICTED) for item in (1, 2)))


@dataclass(frozen=True)
class After:
    """What there was after a command: its process, every file of the lake, the ledger, and what was told of it.

    `credited` is the run of the latest materialisation that Dagster knows, by partition; `checks` are the results of the
    latest run that built silver.store_sales. `gross` are the gross sales of the stores in `CHANGED`, as gold has them.
    """

    process: subprocess.CompletedProcess[str]
    files: Digest
    published: Mapping[LakeTable, Mapping[str, Publication]]
    credited: Mapping[LakeTable, Mapping[str, str]]
    checks: Mapping[str, bool]
    status: str
    broken: Sequence[BrokenRule]
    gross: Decimal

    @property
    def told(self) -> str:
        return self.process.stdout + self.process.stderr


def look(place: Place, process: subprocess.CompletedProcess[str]) -> After:
    status = place.command("status")
    assert status.returncode == 0, status.stderr
    with dg.DagsterInstance.from_config(str(place.home)) as instance:
        credited = {table: _credited(instance, table) for table in (STORE_SALES, SUMMARY)}
        checks = _checks(instance, STORE_SALES)
    ((gross,),) = place.ask(
        f"SELECT sum(gross_sales) FROM gold.daily_sales_summary WHERE channel = 'store' AND sales_month = '{CHANGED}'"
    )
    with local_questions(place.root) as asked:
        broken = broken_rules(asked)
    return After(
        process,
        tree_digest(place.root),
        {table: place.publications(table) for table in (STORE_SALES, WEB_SALES, WEB_SITE, ITEM, SUMMARY)},
        credited,
        checks,
        status.stdout,
        broken,
        gross,
    )


def _credited(instance: dg.DagsterInstance, table: LakeTable) -> dict[str, str]:
    records = instance.fetch_materializations(dg.AssetKey([table.layer, table.name]), limit=1000).records
    return {record.partition_key or "": record.run_id for record in reversed(records)}


def _checks(instance: dg.DagsterInstance, table: LakeTable) -> dict[str, bool]:
    key = dg.AssetKey([table.layer, table.name])
    newest = next(run for run in instance.get_runs() if key in (run.asset_selection or ()))
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    events = [
        record.event_log_entry.dagster_event
        for record in instance.get_records_for_run(newest.run_id, of_type=kind).records
    ]
    found = [event.asset_check_evaluation_data for event in events if event]
    return {evaluation.check_name: evaluation.passed for evaluation in found if evaluation.asset_key == key}


def without(files: Digest, *folders: str) -> dict[str, str]:
    """Files that do not lie below these folders."""
    return {key: digest for key, digest in files.items() if not key.startswith(folders)}


@dataclass(frozen=True)
class Story:
    """A lake before, after a contradicting order and a doubled web site arrived, after another try, and corrected."""

    place: Place
    before: After
    blocked: After
    again: After
    corrected: After


@pytest.fixture(scope="module")
def story(built_lake: BuiltLake, tmp_path_factory: pytest.TempPathFactory) -> Story:
    place = copy_of(built_lake, tmp_path_factory.mktemp("blocked"))
    before = look(place, place.command("status"))
    deliver_contradiction(place)
    open_version = place.line("web_site", lacking="web_rec_end_date")
    doubled = with_fields("web_site", open_version, web_site_sk=NEW_SITE, web_rec_start_date="2003-01-01")
    place.deliver(SITE_FILE, doubled)
    blocked = look(place, place.command("run"))
    again = look(place, place.command("run"))
    deliver_correction(place)
    place.deliver(SITE_FILE, with_fields("web_site", doubled, web_site_id="PPPPPPPPPPPPPPPP"))
    return Story(place, before, blocked, again, look(place, place.command("run")))


def test_the_run_fails_with_a_message_that_names_the_month_the_rule_and_the_rows(story: Story) -> None:
    failed = story.blocked.process
    assert failed.returncode == FAILED
    assert "Traceback" not in story.blocked.told
    # Months that do not follow each other are runs of their own.
    assert failed.stderr.count("silver.store_sales: 1 of 1 partitions were not published") == len(BLOCKED)
    for month in BLOCKED:
        assert f"{month}: {RULE} (1 row), e.g. {SAMPLES[month]}" in failed.stderr


def test_rules_that_two_tables_break_are_told_in_the_same_message(story: Story) -> None:
    told = story.blocked.process.stderr
    assert told.count("Error:") == 1
    assert "silver.web_site: 1 of 1 partitions were not published" in told
    assert f"history__one_open_version (2 rows), e.g. web_site_sk=1; web_site_sk={NEW_SITE}" in told
    assert "silver.store_sales: 1 of 1" in told


def test_what_readers_see_of_what_is_blocked_is_byte_for_byte_what_it_was(story: Story) -> None:
    for table, partition in (*((STORE_SALES, month) for month in BLOCKED), (WEB_SITE, WHOLE_TABLE)):
        key = layout.object_key(table, partition)
        assert story.blocked.files[key] == story.before.files[key], key
        assert story.blocked.published[table][partition] == story.before.published[table][partition]


def test_nothing_of_what_is_blocked_is_left_in_staging(story: Story) -> None:
    assert [key for key in story.blocked.files if key.startswith(layout.STAGING)] == []


def test_the_month_of_the_good_rows_is_published(story: Story) -> None:
    before, now = story.before.published[STORE_SALES], story.blocked.published[STORE_SALES]
    assert now[CHANGED].rows == before[CHANGED].rows + 2
    assert {month for month in MONTHS if now[month] != before[month]} == {CHANGED}


def test_dagster_credits_the_month_of_the_good_rows_only(story: Story) -> None:
    before, now = story.before.credited[STORE_SALES], story.blocked.credited[STORE_SALES]
    assert set(now) == set(MONTHS)
    assert {month for month in MONTHS if now[month] != before[month]} == {CHANGED}
    assert now[CHANGED] == story.blocked.published[STORE_SALES][CHANGED].run_id


def test_the_check_of_the_broken_rule_fails_and_where_the_rows_of_all_months_went_cannot_be_said(story: Story) -> None:
    kinds = {rule.kind for rule in rules_of(STORE_SALES)}
    expected = {kind: kind not in ("order_header", "conservation") for kind in kinds}
    assert story.blocked.checks == expected
    assert story.again.checks == expected


def test_gold_of_the_blocked_month_is_not_touched(story: Story) -> None:
    before, now = story.before.published[SUMMARY], story.blocked.published[SUMMARY]
    for month in BLOCKED:
        assert now[month] == before[month]
        key = layout.object_key(SUMMARY, month)
        assert story.blocked.files[key] == story.before.files[key]
        assert story.blocked.credited[SUMMARY][month] == story.before.credited[SUMMARY][month]


def test_gold_of_the_other_month_is_up_to_date(story: Story) -> None:
    line = dict(zip(TABLES["store_sales"].column_names, sale(story.place, 1, 1, CHANGED).split("|"), strict=False))
    assert story.blocked.gross == story.before.gross + 2 * Decimal(line["ss_ext_sales_price"])
    before, now = story.before.published[SUMMARY], story.blocked.published[SUMMARY]
    assert {month for month in MONTHS if now[month].content != before[month].content} == {CHANGED}
    assert story.blocked.credited[SUMMARY][CHANGED] == now[CHANGED].run_id != before[CHANGED].run_id


def test_the_status_tells_the_broken_rules_and_since_when(story: Story) -> None:
    told = [line.split("│")[1:-1] for line in story.blocked.status.splitlines() if RULE in line]
    assert [[cell.strip() for cell in cells] for cells in told] == [
        ["silver.store_sales", RULE, "block", "2", ", ".join(BLOCKED), f"{since(story.blocked):%Y-%m-%d %H:%M:%S}"]
    ]
    assert {(rule.table, rule.rule) for rule in story.blocked.broken} - names(story.before) == {
        ("silver.store_sales", RULE),
        ("silver.web_site", "history__no_overlap"),
        ("silver.web_site", "history__one_open_version"),
    }


def since(after: After) -> datetime:
    """When the rule was first found to be broken."""
    (found,) = [rule.since for rule in after.broken if rule.rule == RULE]
    return found


def names(after: After) -> set[tuple[str, str]]:
    return {(rule.table, rule.rule) for rule in after.broken}


def test_another_run_fails_in_the_same_way_and_changes_nothing(story: Story) -> None:
    assert story.again.process.returncode == FAILED
    for month in BLOCKED:
        assert f"{month}: {RULE} (1 row), e.g. {SAMPLES[month]}" in story.again.process.stderr
    assert "history__one_open_version (2 rows)" in story.again.process.stderr
    assert without(story.again.files, layout.QUALITY) == without(story.blocked.files, layout.QUALITY)
    assert story.again.credited == story.blocked.credited
    assert story.again.gross == story.blocked.gross
    assert names(story.again) == names(story.blocked)
    assert since(story.again) == since(story.blocked)


def test_the_quality_history_holds_what_was_blocked(story: Story) -> None:
    found = story.place.ask(
        'SELECT table_name, "partition", rule, failed, violations, samples, count(*), count(DISTINCT run_id)'
        " FROM quality.results WHERE blocked GROUP BY ALL ORDER BY 1, 3, 2"
    )
    both = f"web_site_sk=1; web_site_sk={NEW_SITE}"
    assert found == [
        *(("store_sales", month, RULE, True, 1, SAMPLES[month], 2, 2) for month in BLOCKED),
        ("web_site", WHOLE_TABLE, "history__no_overlap", True, 1, f"web_site_sk={NEW_SITE}", 2, 2),
        ("web_site", WHOLE_TABLE, "history__one_open_version", True, 2, both, 2, 2),
    ]


def test_the_quality_history_says_of_every_publication_what_its_audit_found(story: Story) -> None:
    audited = story.place.ask(
        "SELECT DISTINCT run_id, \"partition\" FROM quality.results WHERE table_name = 'store_sales'"
    )
    published = {
        (known.run_id, month)
        for after in (story.before, story.blocked, story.corrected)
        for month, known in after.published[STORE_SALES].items()
    }
    assert published <= set(audited)


def test_a_corrected_file_publishes_everything_and_no_rule_is_broken_any_more(story: Story) -> None:
    corrected = story.corrected
    assert corrected.process.returncode == 0, corrected.told
    before, now = story.before.published, corrected.published
    assert now[STORE_SALES][CONTRADICTED].rows == before[STORE_SALES][CONTRADICTED].rows + 2
    assert now[STORE_SALES][CHANGED].content != before[STORE_SALES][CHANGED].content
    assert now[WEB_SITE][WHOLE_TABLE].rows == before[WEB_SITE][WHOLE_TABLE].rows + 1
    assert now[SUMMARY][CONTRADICTED].content != before[SUMMARY][CONTRADICTED].content
    assert names(corrected) == names(story.before)
    assert balance_of(story.blocked, "store_sales") == "blocked"
    assert balance_of(corrected, "store_sales") != "blocked"
    assert set(corrected.checks.values()) == {True}
    in_order = story.place.ask(
        f"SELECT ss_item_sk, sold_month FROM silver.store_sales WHERE ss_ticket_number = {BAD_ORDER} ORDER BY 1"
    )
    assert in_order == [(1, CONTRADICTED), (2, CONTRADICTED)]


def balance_of(after: After, table: str) -> str:
    """What `status` says of the rows of a source table, in the column behind its name."""
    (line,) = [line for line in after.status.splitlines() if line.startswith(f"│ {table} ")]
    return line.split("│")[2].strip()


@dataclass(frozen=True)
class Waiting:
    """The lake of the story, then with an item and sales of it whose audit fails, and then with the item corrected."""

    before: After
    blocked: After
    corrected: After
    sales: Sequence[tuple[Any, ...]]


@pytest.fixture(scope="module")
def waiting(story: Story) -> Waiting:
    place = story.place
    open_version = place.line("item", lacking="i_rec_end_date")
    doubled = with_fields(
        "item", open_version, i_item_sk=NEW_ITEM, i_rec_start_date="2003-01-01", i_product_name="ought" * 6
    )
    place.deliver("item/more.dat.gz", doubled)
    line = with_fields("web_sales", place.line("web_sales"), ws_item_sk=NEW_ITEM, ws_order_number=GOOD_ORDER)
    place.deliver("web_sales/more.dat.gz", line)
    blocked = look(place, place.command("run"))
    place.deliver("item/more.dat.gz", with_fields("item", doubled, i_item_id="PPPPPPPPPPPPPPPP"))
    corrected = look(place, place.command("run"))
    sales = place.ask(f"SELECT ws_order_number FROM silver.web_sales WHERE ws_item_sk = {NEW_ITEM}")
    return Waiting(story.corrected, blocked, corrected, sales)


def test_a_blocked_dimension_is_told_and_the_facts_that_refer_to_it_wait(waiting: Waiting) -> None:
    assert waiting.blocked.process.returncode == FAILED
    assert "silver.item: 1 of 1 partitions were not published" in waiting.blocked.process.stderr
    assert f"i_item_sk={NEW_ITEM}" in waiting.blocked.process.stderr
    # What arrived is in bronze; above it nothing was touched, neither the dimension nor the facts nor gold. The catalog
    # of a copy is rewritten as its tables are registered at their new place.
    arrived = (layout.QUALITY, layout.LEDGER, "bronze/", "lake.duckdb")
    assert without(waiting.blocked.files, *arrived) == without(waiting.before.files, *arrived)
    assert waiting.blocked.published == waiting.before.published
    assert [key for key in waiting.blocked.files if key.startswith("quarantine/")] == []


def test_the_facts_follow_once_the_dimension_is_corrected(waiting: Waiting) -> None:
    corrected = waiting.corrected
    assert corrected.process.returncode == 0, corrected.told
    assert list(waiting.sales) == [(GOOD_ORDER,)]
    assert [key for key in corrected.files if key.startswith("quarantine/")] == []
    assert names(corrected) == names(waiting.before)
    assert sum(known.rows for known in corrected.published[WEB_SALES].values()) == 1 + sum(
        known.rows for known in waiting.before.published[WEB_SALES].values()
    )
