"""A lake on S3 from the command line: source bucket, objects, ledger, Glue Data Catalog and Athena, as locally."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from lake_assets.contract.layers import BRONZE, SILVER, LakeTable
from lake_assets.lake.lake import Lake
from lake_assets.location import S3Folder
from lake_assets.settings import Settings
from lake_assets_tests.conftest import BuiltLake
from lake_assets_tests.support.aws.emulator import Emulator

TABLES = ("date_dim", "inventory", "item", "warehouse", "reason", "income_band", "customer")
"""Among them a fact and what it refers to."""
NAME = "on-s3"
IN_ORDER = "Objects and catalog are what the ledger says."


@dataclass(frozen=True)
class S3Lake:
    """A lake in a bucket of its own, with the sample's files of some tables in another one."""

    root: S3Folder
    source: S3Folder
    dagster_home: Path
    engine: str
    remote: str = ""

    @property
    def settings(self) -> Settings:
        return Settings(environment="aws", root=self.root, source=self.source, engine="sail")

    @property
    def lake(self) -> Lake:
        return Lake(self.settings)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "LAKE_ENVIRONMENT": "aws",
            "LAKE_NAME": NAME,
            "LAKE_ENGINE": self.engine,
            "LAKE_REMOTE": self.remote,
            "LAKE_ROOT": str(self.root),
            "LAKE_SOURCE": str(self.source),
            "LAKE_THREADS": "2",
            "LAKE_AUTOMATION": "off",
            "DAGSTER_HOME": str(self.dagster_home),
        }
        program = Path(sys.executable).with_name("lake-assets")
        return subprocess.run(
            [str(program), *arguments],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def contents(self, table: LakeTable) -> dict[str, tuple[int, str]]:
        """Rows and content hash of each published partition."""
        entries = self.lake.ledger.entries(table)
        return {name: (known.settled.rows, known.settled.content) for name, known in entries.items() if known.settled}


def deliver(aws: Emulator, source: Path, tables: tuple[str, ...]) -> S3Folder:
    """The sample's files of these tables, in a bucket."""
    folder = S3Folder(aws.new_bucket(), "TPC-DS")
    for table in tables:
        for path in (source / table).iterdir():
            boto3.client("s3").upload_file(str(path), folder.bucket, folder.key(f"{table}/{path.name}"))
    return folder


def contents_of(built: BuiltLake, table: LakeTable) -> dict[str, tuple[int, str]]:
    entries = Lake(Settings(root=built.root, source=built.source)).ledger.entries(table)
    return {name: (known.settled.rows, known.settled.content) for name, known in entries.items() if known.settled}


@pytest.fixture(scope="module")
def grown(emulator: Emulator, source: Path, tmp_path_factory: pytest.TempPathFactory) -> S3Lake:
    """Of `TABLES`, with Sail in the process of the command."""
    lake = S3Lake(
        S3Folder(emulator.new_bucket(), "lakes/one"),
        deliver(emulator, source, TABLES),
        tmp_path_factory.mktemp("dagster_home"),
        "sail",
    )
    done = lake.command("run")
    emulator.client("athena").create_work_group(
        Name=NAME,
        Configuration={
            "ResultConfiguration": {"OutputLocation": f"s3://{emulator.new_bucket()}/"},
            "EnforceWorkGroupConfiguration": True,
        },
    )
    # Gold waits for the other tables.
    assert done.returncode == 0, done.stderr
    assert "gold.daily_sales_summary waits for source files of" in done.stderr
    return lake


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("layer", [BRONZE, SILVER], ids=["bronze", "silver"])
def test_every_partition_holds_what_a_local_lake_holds(
    grown: S3Lake, built_lake: BuiltLake, layer: dict[str, LakeTable], name: str
) -> None:
    found = grown.contents(layer[name])
    assert found == contents_of(built_lake, layer[name])
    assert len(found) == (73 if layer is SILVER and name == "inventory" else 1)


def test_each_object_lies_at_its_fixed_place_and_nothing_is_left_in_staging(grown: S3Lake) -> None:
    store = grown.lake.store
    keys = {info.key for info in store.objects("silver/inventory")}
    assert len(keys) == 73
    assert "silver/inventory/inventory_month=1998-01/inventory.parquet" in keys
    assert list(store.objects("_staging")) == []


def test_a_second_run_has_nothing_to_do(grown: S3Lake) -> None:
    again = grown.command("run")
    assert again.returncode == 0, again.stderr
    assert "Nothing to do" in again.stderr


def test_athena_answers_about_what_was_published(grown: S3Lake) -> None:
    asked = grown.command(
        "query", "--format", "csv", "SELECT inventory_month, COUNT(*) AS n FROM silver.inventory GROUP BY 1 ORDER BY 1"
    )
    assert asked.returncode == 0, asked.stderr
    header, *lines = asked.stdout.split()
    assert header == "inventory_month,n"
    rows = {month: rows for month, (rows, _) in grown.contents(SILVER["inventory"]).items() if rows}
    assert {line.split(",")[0]: int(line.split(",")[1]) for line in lines} == rows


def test_catalog_storage_and_ledger_agree_until_somebody_changes_one_of_them(grown: S3Lake) -> None:
    assert IN_ORDER in grown.command("repair", "--dry-run").stdout
    key = grown.root.key("silver/reason/reason.parquet")
    boto3.client("s3").delete_object(Bucket=grown.root.bucket, Key=key)
    assert "silver.reason" in grown.command("repair", "--dry-run").stdout
    assert grown.command("repair").returncode == 0
    assert grown.command("run").returncode == 0
    assert IN_ORDER in grown.command("repair", "--dry-run").stdout
    assert grown.contents(SILVER["reason"])["all"][0] == 1


def test_a_changed_source_object_supersedes_the_one_before(
    aws: Emulator, source: Path, tmp_path: Path, sail: str
) -> None:
    """On a Spark Connect server, which reads the bucket by itself."""
    folder = deliver(aws, source, ("income_band",))
    lake = S3Lake(S3Folder(aws.new_bucket()), folder, tmp_path, "remote", sail)
    assert lake.command("run").returncode == 0
    assert lake.contents(SILVER["income_band"])["all"][0] == 20
    (path,) = (source / "income_band").iterdir()
    boto3.client("s3").put_object(
        Bucket=folder.bucket, Key=folder.key(f"income_band/{path.name}"), Body=b"1|0|10000|\n"
    )
    refused = lake.command("run")
    # Its name says gzip.
    assert refused.returncode == 1
    assert f"s3://{folder.bucket}/TPC-DS/income_band/{path.name}" in refused.stderr
    assert "is not a gzip file" in refused.stderr
    boto3.client("s3").put_object(
        Bucket=folder.bucket, Key=folder.key(f"income_band/{path.name}"), Body=path.read_bytes()
    )
    healed = lake.command("run")
    assert healed.returncode == 0, healed.stderr
    assert lake.contents(SILVER["income_band"])["all"][0] == 20


def test_a_missing_bucket_and_a_local_folder_are_refused_in_one_message(tmp_path: Path, aws: Emulator) -> None:
    lake = S3Lake(S3Folder("no-such-bucket-here"), S3Folder(aws.new_bucket()), tmp_path, "sail")
    refused = lake.command("run")
    assert refused.returncode == 1
    assert "Create the bucket, or correct the address." in refused.stderr
    assert "Traceback" not in refused.stderr
