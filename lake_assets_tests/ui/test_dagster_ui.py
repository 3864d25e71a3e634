"""Dagster's web UI over a built lake: what it shows, and a user who materialises one month in it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lake_assets.contract.layers import SILVER
from lake_assets.lake import layout
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.store import LocalStore
from lake_assets.query.duckdb import query
from lake_assets_tests.conftest import BuiltLake
from lake_assets_tests.support.dagster_ui import REPOSITORY, Browser, Server, browse, missing_programs, serve

pytestmark = pytest.mark.skipif(missing_programs() is not None, reason=str(missing_programs()))

TABLE = SILVER["store_returns"]
MONTH = "2000-05"
PAGE = "/assets/silver/store_returns"
ROWS = f"SELECT count(*) FROM silver.store_returns WHERE returned_month = '{MONTH}'"

# The labels are those of Dagster 1.13.27. They stand in the page's own code, not in an API: a new version may rename
# them, and a date-like selector appears instead of the list when an axis becomes a time window partition.
MATERIALIZE = "//button[normalize-space()='Materialize…']"
SELECTOR = "//*[@role='dialog']//*[text()='Select a partition or create one']"
FILTER = "//input[@placeholder='Filter partitions']"
CHOICE = f"//*[@role='menuitem'][.//*[@title='{MONTH}']]"
TITLE = "//*[@role='dialog']//*[starts-with(text(), 'Launch runs to materialize')]"
COLUMNS = "//input[@placeholder='Filter columns']"
LAUNCH = "//*[@role='dialog']//button[normalize-space()='Launch 1 run']"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dagster_ui")


@pytest.fixture(scope="module")
def unfinished(built_lake: BuiltLake, folder: Path) -> BuiltLake:
    """A copy of the built lake and of its history, in which one month of one table was never published."""
    root, home = folder / "lake", folder / "dagster_home"
    shutil.copytree(built_lake.root, root)
    shutil.copytree(built_lake.dagster_home, home)
    shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", home)
    (root / layout.object_key(TABLE, MONTH)).unlink()
    (root / layout.ledger_key(TABLE, MONTH)).unlink()
    return BuiltLake(root, built_lake.source, home, built_lake.engine, output="")


@pytest.fixture(scope="module")
def server(unfinished: BuiltLake, folder: Path) -> Iterator[Server]:
    with serve(unfinished.environment, folder / "dagster_dev.log") as server:
        yield server


@pytest.fixture(scope="module")
def browser(server: Server, folder: Path) -> Iterator[Browser]:
    with browse(server, folder) as browser:
        yield browser


def objects(root: Path) -> dict[str, str]:
    """Digests of all published objects and ledger entries, by key; without the quality history, to which every run adds."""
    files = [path for path in root.rglob("*") if path.suffix in {".parquet", ".json"}]
    found = {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return {key: digest for key, digest in found.items() if not key.startswith(layout.QUALITY)}


def launch(browser: Browser) -> None:
    """Materialise the month as a user does, from the asset's page."""
    browser.open(PAGE)
    browser.click(MATERIALIZE)
    browser.click(SELECTOR)
    browser.type(FILTER, MONTH)
    browser.click(CHOICE)
    browser.click(TITLE)  # closes the list
    browser.see("1 partition")
    browser.screenshot("launch_dialog")
    browser.click(LAUNCH)


def test_the_lineage_of_all_assets_is_grouped_by_layer(browser: Browser) -> None:
    browser.open("/asset-groups")
    browser.see("Materialize all…")
    browser.see_no_more("fetching statuses")
    shown = browser.text().split()
    assert all(layer in shown for layer in ("bronze", "silver", "gold"))
    browser.screenshot("lineage_by_layer")
    assert browser.complaints() == []


def test_the_page_of_a_fact_shows_its_months_and_the_figures_of_each(browser: Browser) -> None:
    browser.open(f"{PAGE}?view=partitions&partition=1999-12")
    browser.see("73 Partitions Selected")
    browser.see("Materialized (73)")
    browser.see("dagster/partition_row_count")
    browser.screenshot("asset_partitions")
    assert browser.complaints() == []


def test_a_user_follows_a_column_of_gold_to_bronze(server: Server, browser: Browser) -> None:
    served = server.column_lineage("gold", "daily_sales_summary")
    assert ("silver/store_sales", "ss_ext_sales_price") in served["net_sales"]
    assert len(served["net_sales"]) == 6
    assert server.column_lineage("silver", "store_sales")["ss_ext_sales_price"] == {
        ("bronze/store_sales", "ss_ext_sales_price")
    }

    browser.open("/assets/gold/daily_sales_summary")
    browser.type(COLUMNS, "net_sales")
    browser.see("From silver.catalog_returns cr_return_amount;")
    browser.screenshot("column_of_gold")
    browser.click("//td//a[text()='silver.store_sales']")
    browser.see("ss_ticket_number")
    browser.type(COLUMNS, "ss_ext_sales_price")
    browser.see("From bronze.store_sales ss_ext_sales_price")
    browser.screenshot("column_of_silver")
    assert browser.complaints() == []


def test_a_user_materialises_one_month_in_the_browser(
    built_lake: BuiltLake, unfinished: BuiltLake, server: Server, browser: Browser
) -> None:
    ((rows,),) = query(built_lake.root, ROWS).rows
    assert rows > 0
    assert query(unfinished.root, ROWS).rows == ((0,),)
    events_before = server.materialisations("silver", "store_returns")
    runs_before = server.runs()
    objects_before = objects(unfinished.root)
    launch(browser)

    run_id = server.wait_for_new_run(runs_before)
    assert server.wait_for_end(run_id) == "SUCCESS"
    browser.open(f"/runs/{run_id}")
    browser.see("Success")
    browser.see("Process for run exited")
    browser.screenshot("run_after_success")

    (event,) = server.materialisations("silver", "store_returns") - events_before
    assert (event.run_id, event.partition) == (run_id, MONTH)
    assert dict(event.figures)["dagster/partition_row_count"] == rows
    assert query(unfinished.root, ROWS).rows == ((rows,),)
    published = Ledger(LocalStore(unfinished.root)).read(TABLE, MONTH).settled
    assert published is not None
    assert published.run_id == run_id

    objects_after = objects(unfinished.root)
    assert objects_before.items() <= objects_after.items(), "another partition was touched"
    assert objects_after.keys() - objects_before.keys() == {
        layout.object_key(TABLE, MONTH),
        layout.ledger_key(TABLE, MONTH),
    }

    browser.open(f"{PAGE}?view=partitions&partition={MONTH}")
    browser.see(run_id[:8])
    browser.see_at(f"//tr[td[contains(., 'dagster/partition_row_count')]]/td[normalize-space()='{rows}']")
    browser.screenshot("asset_partition_after_success")
    assert "error" not in browser.text().lower()
    assert browser.complaints() == []
