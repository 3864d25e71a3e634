"""Asset checks in Dagster's web UI, over a lake in which one rule keeps a month from being published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lake_assets.contract.rules import rule_of, rules_of
from lake_assets_tests.conftest import BuiltLake
from lake_assets_tests.integration.test_blocked_month import (
    BLOCKED,
    CONTRADICTED,
    FAILED,
    OTHER,
    RULE,
    SAMPLES,
    STORE_SALES,
    Place,
    copy_of,
    deliver_contradiction,
)
from lake_assets_tests.support.dagster_ui import Browser, Server, browse, missing_programs, serve

pytestmark = pytest.mark.skipif(missing_programs() is not None, reason=str(missing_programs()))

PAGE = "/assets/silver/store_sales"
CHECKS = f"{PAGE}?view=checks"
KINDS = sorted({str(rule.kind) for rule in rules_of(STORE_SALES)})
BROKEN = "order_header"

# The labels are those of Dagster 1.13.27. Markdown in metadata is a link that opens a dialog.
SHOW_BROKEN = "//a[normalize-space()='[Show Markdown]']"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quality_ui")


@pytest.fixture(scope="module")
def blocked(built_lake: BuiltLake, folder: Path) -> Place:
    """A copy of the built lake and its history, after a run that blocked a month of silver.store_sales."""
    place = copy_of(built_lake, folder)
    deliver_contradiction(place)
    done = place.command("run")
    assert done.returncode == FAILED, done.stderr
    return place


@pytest.fixture(scope="module")
def server(blocked: Place, folder: Path) -> Iterator[Server]:
    with serve(blocked.environment, folder / "dagster_dev.log") as server:
        yield server


@pytest.fixture(scope="module")
def browser(server: Server, folder: Path) -> Iterator[Browser]:
    with browse(server, folder) as browser:
        yield browser


def test_the_checks_of_a_table_are_listed_with_their_last_result(browser: Browser, server: Server) -> None:
    results = server.check_results("silver", "store_sales")
    assert sorted(results) == KINDS
    # Where the rows of all months went cannot be said while two of them wait.
    severities = {name: result.severity for name, result in results.items() if not result.passed}
    assert severities == {BROKEN: "ERROR", "conservation": "WARN"}
    browser.open(CHECKS)
    for kind in KINDS:
        browser.see(kind)
    browser.screenshot("checks_of_store_sales")
    assert browser.complaints() == []


def test_a_failed_check_tells_table_rule_month_and_an_example_and_on_a_click_all_of_them(browser: Browser) -> None:
    sentence = rule_of(STORE_SALES, RULE).sentence
    browser.open(f"{CHECKS}&checkDetail={BROKEN}")
    for text in (
        "silver\nstore_sales",
        f"{RULE}: 2 in {OTHER} and 1 more, e.g. {SAMPLES[CONTRADICTED]}",
        sentence,
        "Evaluation result\nFailed",
    ):
        browser.see(text)
    browser.screenshot("blocked_month_check")
    browser.click(SHOW_BROKEN)
    where = ", ".join(f"{month}: 1" for month in BLOCKED)
    # Both months by their numbers; examples are those of the latest run.
    for text in (f"{RULE} (block): {sentence}", f"violations per partition: {where}", SAMPLES[CONTRADICTED]):
        browser.see(text)
    browser.screenshot("blocked_month_samples")
    assert browser.complaints() == []


def test_a_passed_check_says_how_many_rules_hold(browser: Browser) -> None:
    browser.open(f"{CHECKS}&checkDetail=foreign_key")
    count = sum(1 for rule in rules_of(STORE_SALES) if rule.kind == "foreign_key")
    browser.see(f"{count} of {count} rules hold")
    browser.see("Evaluation result\nPassed")
    browser.screenshot("passed_check")
    assert browser.complaints() == []


def test_the_overview_of_the_table_shows_that_a_check_failed(browser: Browser) -> None:
    browser.open(f"{PAGE}?view=overview")
    # One failed, one could not be evaluated while months wait.
    browser.see(f"Latest check results\n1\n1\n{len(KINDS) - 2}")
    browser.screenshot("overview_with_failed_check")
    assert browser.complaints() == []


def test_the_failed_run_tells_what_was_not_published(browser: Browser, server: Server) -> None:
    run_id = server.check_results("silver", "store_sales")[BROKEN].run_id
    browser.open(f"/runs/{run_id}")
    browser.see("1 of 1 partitions were not published")
    browser.screenshot("failed_run")
    assert browser.complaints() == []
