"""The whole lake on AWS: from the source bucket to gold, with every transformation a Glue job."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import boto3
import dagster as dg
import pytest

from lake_assets.catalog.glue_tables import database_name, shortened
from lake_assets.contract.layers import LAKE_TABLES
from lake_assets.contract.types import physical_type
from lake_assets.lake.lake import Lake
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.store import LocalStore
from lake_assets_tests.conftest import BuiltLake, lake_assets
from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.aws.glue_lake import GlueLake, glue_lake


@dataclass(frozen=True)
class Built:
    lake: GlueLake
    environment: dict[str, str]
    done: subprocess.CompletedProcess[str]
    seconds: float


@pytest.fixture(scope="module")
def built(emulator: Emulator, sail: str, wheel: Path, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    emulator.calm()
    emulator.glue.environment["SPARK_REMOTE"] = sail
    lake = glue_lake(emulator, wheel)
    s3 = emulator.client("s3")
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        s3.upload_file(str(file), lake.source, f"tpcds/{file.relative_to(source).as_posix()}")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("LAKE_")}
    home = tmp_path_factory.mktemp("glue_home")
    environment = {**outside, **lake.environment, "DAGSTER_HOME": str(home)}
    started = time.monotonic()
    done = lake_assets(environment, "run", seconds=600)
    return Built(lake, environment, done, time.monotonic() - started)


def test_every_partition_has_the_content_that_it_has_locally(built: Built, built_lake: BuiltLake) -> None:
    assert built.done.returncode == 0, built.done.stderr
    here, there = Ledger(LocalStore(built_lake.root)), Lake(built.lake.settings()).ledger
    for table in LAKE_TABLES:
        contents = [
            {
                partition: (known.content, known.rows, known.quarantined)
                for partition, entry in ledger.entries(table).items()
                if (known := entry.settled)
            }
            for ledger in (here, there)
        ]
        assert contents[0] == contents[1], table.identifier
        assert contents[0], table.identifier


def test_the_catalog_shows_every_table_column_comment_and_partition(built: Built) -> None:
    """As the contract has them, asked of Glue itself; types as Athena takes them."""
    glue = boto3.client("glue")
    settings = built.lake.settings()
    ledger = Lake(settings).ledger
    for table in LAKE_TABLES:
        database = database_name(settings.name, table.layer)
        found = glue.get_table(DatabaseName=database, Name=table.name)["Table"]
        columns = [(each["Name"], each["Type"], each["Comment"]) for each in found["StorageDescriptor"]["Columns"]]
        expected = [
            (column.name, physical_type(column), shortened(column.comment))
            for column in table.columns
            if column.name != table.partition_column
        ]
        assert columns == expected, table.identifier
        keys = [key["Name"] for key in found.get("PartitionKeys", ())]
        assert keys == ([table.partition_column] if table.partition_column else [])
        if table.partition_column:
            pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table.name)
            partitions = [each["Values"][0] for page in pages for each in page["Partitions"]]
            assert sorted(partitions) == sorted(ledger.entries(table)), table.identifier


def test_nothing_is_left_in_staging_and_a_second_run_does_nothing(built: Built) -> None:
    store = Lake(built.lake.settings()).store
    assert list(store.objects("_staging")) == []
    again = lake_assets(built.environment, "run", seconds=120)
    assert again.returncode == 0, again.stderr
    assert "Nothing to do: every table is up to date with the source." in again.stderr


def test_every_materialisation_tells_its_run_and_its_cost(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.DagsterInstance.from_config(built.environment["DAGSTER_HOME"]) as instance:
        key = dg.AssetKey(["silver", "store_sales"])
        events = instance.fetch_materializations(key, limit=200).records
        told = [event.asset_materialization.metadata for event in events if event.asset_materialization]
    assert len({str(each["glue_run"].value) for each in told}) == 1
    cost = sum(float(str(each["cost_usd"].value)) for each in told)
    for_requests = sum(float(str(each["s3_cost_usd"].value)) for each in told)
    asked = [sum(float(str(each[name].value)) for each in told) for name in ("s3_writes", "s3_reads")]
    # An intent, a copy and a commit for each month, and at least a look at what is staged and at what stands.
    assert asked[0] >= 3 * len(told)
    assert asked[1] >= 2 * len(told)
    assert for_requests == pytest.approx((asked[0] * 0.005 + asked[1] * 0.0004) / 1000)
    # Two workers for a minute at least.
    assert cost >= 2 * 60 / 3600 * 0.44 - 1e-9
    assert str(told[0]["location"].value).startswith(f"s3://{built.lake.bucket}/lake/silver/store_sales/sold_month=")
    summed = lake_assets(built.environment, "cost", "--format", "json", seconds=60)
    assert summed.returncode == 0, summed.stderr
    costs = {each["table"]: each for each in json.loads(summed.stdout)}
    assert sorted(costs) == sorted(table.identifier for table in LAKE_TABLES)
    assert costs["silver.store_sales"]["dollars"] == pytest.approx(cost + for_requests)
    # The minute of two workers, for every run of every table.
    assert all(each["dpu_seconds"] >= 120 - 1e-3 for each in costs.values())
    assert all(each["dollars"] > each["dpu_seconds"] / 3600 * 0.44 - 1e-5 for each in costs.values())


def test_athena_answers_as_duckdb_does_about_the_local_lake(built: Built, built_lake: BuiltLake, aws: Emulator) -> None:
    workgroup = {"ResultConfiguration": {"OutputLocation": f"s3://{built.lake.bucket}/athena/"}}
    aws.client("athena").create_work_group(Name=built.lake.name, Configuration=workgroup)
    sql = "SELECT SUM(gross_sales) AS gross_sales, COUNT(*) AS days FROM gold.daily_sales_summary"
    answers = [
        lake_assets(environment, "query", sql, "--format", "csv", seconds=120)
        for environment in (built.environment, built_lake.environment)
    ]
    assert [each.returncode for each in answers] == [0, 0], answers[0].stderr
    assert answers[0].stdout == answers[1].stdout
    assert len(answers[0].stdout.splitlines()) == 2
    assert "Athena" in answers[0].stderr
