"""Crawlers that verify: started, waited for, and what they find compared with the contract."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake_assets.assets import catalog as catalog_of_assets
from lake_assets.assets.catalog import catalog_assets
from lake_assets.aws import Aws
from lake_assets.catalog import discovery
from lake_assets.catalog.crawlers import Crawlers, configuration_differences, crawler_input
from lake_assets.catalog.discovery import discover_layer
from lake_assets.catalog.drift import Difference
from lake_assets.contract.layers import GOLD, SILVER
from lake_assets.contract.types import physical_type
from lake_assets.errors import AwsError
from lake_assets.lake import layout
from lake_assets.lake.lake import Lake
from lake_assets.location import S3Folder
from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.lake_support import new_lake
from lake_assets_tests.support.published import on_aws, publish

SUMMARY, TRENDS = GOLD["daily_sales_summary"], GOLD["monthly_trends"]
STRANGE = pa.array(["x"])
_NAMES = iter(range(1000))


@pytest.fixture
def name() -> str:
    return f"crawled-{next(_NAMES)}"


@pytest.fixture
def glue(aws: Emulator) -> Any:
    return Aws(aws.region).client("glue")


@pytest.fixture
def crawlers(glue: Any, name: str) -> Crawlers:
    return Crawlers(glue, name, pause_seconds=0.02)


@pytest.fixture
def lake(aws: Emulator, tmp_path: Path, name: str, glue: Any) -> Lake:
    """Two gold tables on S3, and the crawler of gold."""
    local = new_lake(tmp_path)
    for month in ("undated", "2000-01", "2000-02"):
        publish(local, SUMMARY, month, {"order_count": 1})
    for year in ("1999", "2000"):
        publish(local, TRENDS, year, {})
    made = on_aws(local, aws.client("s3"), aws.new_bucket(), name=name)
    assert isinstance(made.settings.root, S3Folder)
    wanted = crawler_input(name, made.settings.root, "gold")
    glue.create_database(DatabaseInput={"Name": wanted["DatabaseName"]})
    glue.create_crawler(Role="arn:aws:iam::123456789012:role/crawler", **wanted)
    return made


def rewritten(lake: Lake, aws: Emulator, key: str, change: Any) -> None:
    """Put an object there that somebody else wrote."""
    assert isinstance(lake.settings.root, S3Folder)
    path = Path(lake.store.uri(key))
    table = pq.read_table(path, partitioning=None)
    pq.write_table(change(table), path)
    aws.client("s3").upload_file(str(path), lake.settings.root.bucket, lake.settings.root.key(key))


def test_what_a_crawler_finds_of_a_healthy_layer_is_the_contract(lake: Lake, crawlers: Crawlers) -> None:
    found = discover_layer(lake, "gold", crawlers)
    assert found.differences == ()
    assert [(table.table, table.columns, table.partitions) for table in found.tables] == [
        ("gold.daily_sales_summary", len(SUMMARY.columns), 3),
        ("gold.monthly_trends", len(TRENDS.columns), 2),
    ]
    shape = crawlers.discovered("gold")["daily_sales_summary"]
    assert [(field.name, field.type) for field in shape.fields] == [
        (column.name, physical_type(column)) for column in SUMMARY.columns
    ]
    assert found.crawl is not None
    assert found.crawl.dpu_hours == pytest.approx(2 * 600 / 3600, abs=0.01)


def test_the_table_level_counts_the_folders_of_the_prefix() -> None:
    levels = {
        prefix: json.loads(crawler_input("lake", S3Folder("bucket", prefix), "silver")["Configuration"])["Grouping"]
        for prefix in ("", "lake", "a/b")
    }
    assert {prefix: level["TableLevelConfiguration"] for prefix, level in levels.items()} == {
        "": 3,
        "lake": 4,
        "a/b": 5,
    }


def test_drift_is_found_table_by_table_and_column_by_column(aws: Emulator, lake: Lake, crawlers: Crawlers) -> None:
    key = layout.object_key(SUMMARY, "2000-01")
    narrow = pa.decimal128(5, 2)
    names = [column.name for column in SUMMARY.columns]
    rewritten(
        lake, aws, key, lambda table: table.set_column(names.index("net_profit"), "net_profit", pa.nulls(1, narrow))
    )
    rewritten(lake, aws, layout.object_key(TRENDS, "2000"), lambda table: table.append_column("strange", STRANGE))
    found = discover_layer(lake, "gold", crawlers)
    wanted = next(physical_type(column) for column in SUMMARY.columns if column.name == "net_profit")
    # The crawler makes one type of both, and the footers tell in which month the other one is.
    assert Difference("gold.daily_sales_summary", "column_type", "net_profit", wanted, "string") in found.differences
    assert (
        Difference("gold.daily_sales_summary", "column_type", "net_profit", wanted, "decimal(5,2)", ("2000-01",))
        in found.differences
    )
    assert Difference("gold.monthly_trends", "extra_column", "strange", "", "string") in found.differences
    assert {each.table for each in found.differences} == {"gold.daily_sales_summary", "gold.monthly_trends"}


def test_a_timestamp_stored_as_int96_is_found_although_the_crawler_takes_it_for_right(
    aws: Emulator, lake: Lake, crawlers: Crawlers
) -> None:
    key = layout.object_key(SILVER["reason"], "all")
    local = Path(lake.store.uri(key))
    publish(new_lake(local.parents[3]), SILVER["reason"], "all", {})
    table = pq.read_table(local, partitioning=None)
    pq.write_table(table, local, use_deprecated_int96_timestamps=True)
    assert isinstance(lake.settings.root, S3Folder)
    aws.client("s3").upload_file(str(local), lake.settings.root.bucket, lake.settings.root.key(key))
    wanted = crawler_input(lake.settings.name, lake.settings.root, "silver")
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": wanted["DatabaseName"]})
    glue.create_crawler(Role="crawler", **wanted)
    found = discover_layer(lake, "silver", crawlers)
    assert found.differences == (
        Difference("silver.reason", "column_type", "load_timestamp", "timestamp", "timestamp (INT96)"),
    )
    types = {field.name: field.type for field in crawlers.discovered("silver")["reason"].fields}
    assert types["load_timestamp"] == "timestamp"


def test_a_crawl_shows_the_lake_of_today_although_its_policy_never_changes_a_table(
    aws: Emulator, lake: Lake, crawlers: Crawlers
) -> None:
    assert discover_layer(lake, "gold", crawlers).differences == ()
    rewritten(lake, aws, layout.object_key(TRENDS, "2000"), lambda table: table.append_column("late", STRANGE))
    assert discover_layer(lake, "gold", crawlers).differences != ()


def test_what_a_crawler_finds_beside_the_contract_and_a_table_it_does_not_find_are_told(
    aws: Emulator, lake: Lake, crawlers: Crawlers
) -> None:
    s3, root = aws.client("s3"), lake.settings.root
    assert isinstance(root, S3Folder)
    copied = {"Bucket": root.bucket, "Key": root.key(layout.object_key(TRENDS, "2000"))}
    s3.copy_object(Bucket=root.bucket, Key=root.key("gold/strange/x.parquet"), CopySource=copied)
    for month in ("undated", "2000-01", "2000-02"):
        s3.delete_object(Bucket=root.bucket, Key=root.key(layout.object_key(SUMMARY, month)))
    found = discover_layer(lake, "gold", crawlers).differences
    assert Difference("gold.daily_sales_summary", "missing_table") in found
    assert Difference("gold.strange", "extra_table", found=f"{root}/gold/strange/") in found


def test_a_crawl_that_goes_on_already_is_waited_for(
    aws: Emulator, lake: Lake, crawlers: Crawlers, glue: Any, name: str
) -> None:
    aws.faults.add("GetObject", seconds=0.3, times=1)
    glue.start_crawler(Name=f"{name}-gold")
    assert glue.get_crawler(Name=f"{name}-gold")["Crawler"]["State"] == "RUNNING"
    assert discover_layer(lake, "gold", crawlers).differences == ()
    assert len(glue.list_crawls(CrawlerName=f"{name}-gold")["Crawls"]) == 2


def test_a_start_that_another_one_forestalled_is_tried_again(aws: Emulator, lake: Lake, crawlers: Crawlers) -> None:
    aws.faults.add("StartCrawler", error="CrawlerRunningException", times=2)
    assert discover_layer(lake, "gold", crawlers).differences == ()
    assert aws.faults.count("StartCrawler") == 3


def test_a_crawl_that_takes_too_long_is_stopped(
    aws: Emulator, lake: Lake, crawlers: Crawlers, glue: Any, name: str
) -> None:
    aws.faults.add("GetObject", seconds=0.5, times=1)
    with pytest.raises(AwsError, match=f"The crawler {name}-gold takes longer than it may"):
        crawlers.crawl("gold", seconds=0.1)
    ended = time.monotonic() + 5
    while glue.get_crawler(Name=f"{name}-gold")["Crawler"]["State"] != "READY" and time.monotonic() < ended:
        time.sleep(0.05)
    assert glue.get_crawler(Name=f"{name}-gold")["Crawler"]["LastCrawl"]["Status"] == "CANCELLED"


def test_a_crawl_that_failed_is_told_with_its_reason(aws: Emulator, lake: Lake, crawlers: Crawlers) -> None:
    root = lake.settings.root
    assert isinstance(root, S3Folder)
    aws.client("s3").put_object(Bucket=root.bucket, Key=root.key("gold/strange/x.parquet"), Body=b"no parquet")
    with pytest.raises(AwsError, match=r"ended FAILED: .*[Pp]arquet"):
        discover_layer(lake, "gold", crawlers)


def test_a_crawler_that_is_not_there_is_told_with_what_makes_it(lake: Lake, crawlers: Crawlers) -> None:
    with pytest.raises(AwsError, match="Apply the infrastructure"):
        crawlers.crawl("bronze")


def test_a_crawler_that_would_write_among_the_tables_of_the_lake_is_not_started(
    aws: Emulator, lake: Lake, crawlers: Crawlers, glue: Any, name: str
) -> None:
    own = f"{name.replace('-', '_')}_gold"
    glue.update_crawler(Name=f"{name}-gold", DatabaseName=own)
    with pytest.raises(AwsError, match=f"writes to {own}, which holds the tables of the lake"):
        crawlers.crawl("gold")
    assert aws.faults.count("StartCrawler") == 0


def test_a_crawler_that_is_set_up_in_another_way_is_drift(lake: Lake, crawlers: Crawlers, glue: Any, name: str) -> None:
    glue.update_crawler(
        Name=f"{name}-gold", SchemaChangePolicy={"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"}
    )
    root = lake.settings.root
    assert isinstance(root, S3Folder)
    (found,) = configuration_differences(crawler_input(name, root, "gold"), crawlers.describe("gold"))
    assert (found.kind, found.subject) == ("crawler", "SchemaChangePolicy")
    assert discover_layer(lake, "gold", crawlers).differences == (found,)


def test_the_catalog_asset_reports_crawl_cost_and_drift(
    aws: Emulator, lake: Lake, crawlers: Crawlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_of_assets, "Lake", lambda _: lake)
    monkeypatch.setattr(discovery, "Crawlers", lambda *_: crawlers)
    asset = next(asset for asset in catalog_assets(lake.settings) if asset.key.path[-1] == "gold")
    result = dg.materialize([asset])
    (event,) = result.asset_materializations_for_node("catalog__gold")
    assert event.metadata["crawler"].value == f"{lake.settings.name}-gold"
    assert event.metadata["tables"].value == 2
    assert event.metadata["cost_usd"].value == pytest.approx(0.44 * 2 * 600 / 3600, abs=0.01)
    (check,) = result.get_asset_check_evaluations()
    assert check.passed
    rewritten(lake, aws, layout.object_key(TRENDS, "2000"), lambda table: table.append_column("late", STRANGE))
    (check,) = dg.materialize([asset]).get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "| gold.monthly_trends | extra column | late |  | string |" in str(check.metadata["drift"].value)


def test_the_end_of_the_waiting_stops_the_crawl(aws: Emulator, lake: Lake, glue: Any, name: str) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    aws.faults.add("GetObject", seconds=0.3, times=1)
    with pytest.raises(KeyboardInterrupt):
        Crawlers(glue, name, sleep=interrupted).crawl("gold")
    assert aws.faults.count("StopCrawler") == 1
