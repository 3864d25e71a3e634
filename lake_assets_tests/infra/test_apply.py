"""The production example for real: applied to the emulator, used by the pipeline, changed, and destroyed."""

from __future__ import annotations

import io
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from lake_assets.catalog.crawlers import configuration_differences, crawler_input
from lake_assets.contract.layers import LAKE_TABLES
from lake_assets.lake.lake import Lake
from lake_assets.location import S3Folder
from lake_assets.settings import Settings, load_settings
from lake_assets_tests.conftest import lake_assets
from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.aws.sail_server import serving
from lake_assets_tests.support.terraform import CHANGES, NO_CHANGE, Terraform, copy_of_infra, is_there

LAYERS = ("bronze", "silver", "gold")
EVERYTHING = bool(os.environ.get("INFRA_E2E"))
"""Whether all tables go through the created infrastructure, as `make infra-e2e` has it; else those of one dimension."""
SOME = ("customer_address", "income_band", "household_demographics", "ship_mode", "warehouse", "reason")
_CHANGE = """
module "lake" {
  athena_cutoff_gb     = 2048
  crawler_schedule     = "cron(0 4 ? * SUN *)"
  glue_concurrent_runs = 12
  periods              = { results_days = 21 }
}
"""


@dataclass(frozen=True)
class Applied:
    terraform: Terraform
    arguments: tuple[str, ...]
    outputs: dict[str, Any]
    environment: dict[str, str]
    settings: Settings

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return lake_assets(self.environment, *arguments, seconds=900)


def keys_of(role: str) -> dict[str, str]:
    """Credentials of a role as variables; IAM asks what its policies say of everything that is done with them."""
    keys = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


@pytest.fixture(scope="module")
def applied(
    emulator: Emulator, wheel: Path, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Applied]:
    """The tests of this module go through its life one after the other."""
    if not is_there():
        pytest.skip("Terraform is not installed")
    emulator.calm()
    files = emulator.new_bucket("source")
    s3 = emulator.client("s3")
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        if EVERYTHING or file.relative_to(source).parts[0] in SOME:
            s3.upload_file(str(file), files, f"tpcds/{file.relative_to(source).as_posix()}")
    folder = copy_of_infra(tmp_path_factory.mktemp("applied"), wheel)
    terraform = Terraform(folder / "examples" / "prod")
    terraform.emulated()
    terraform.init()
    arguments = (
        f"-var=region={emulator.region}",
        f"-var=source_uri=s3://{files}/tpcds",
        f"-var=source_region={emulator.region}",
        "-var=force_destroy=true",
        '-var=budget_emails=["data@example.org"]',
    )
    terraform.done("apply", "-auto-approve", "-input=false", *arguments)
    outputs = terraform.outputs()
    told, roles = outputs["settings"], outputs["roles"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("LAKE_")}
    home = tmp_path_factory.mktemp("applied_home")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        settings = load_settings()
    environment = {**outside, **told, "DAGSTER_HOME": str(home)}
    with ExitStack() as stack:
        for layer in LAYERS:
            # Spark, too, reads and writes as the job's role may.
            remote = stack.enter_context(serving({**environment, **keys_of(roles[layer])}))
            emulator.glue.environment_of[f"lake-prod-{layer}"] = {"SPARK_REMOTE": remote}
        environment.update(keys_of(roles["orchestrator"]))
        yield Applied(terraform, arguments, outputs, environment, settings)
    emulator.calm()


def test_a_second_plan_changes_nothing(applied: Applied) -> None:
    code, told = applied.terraform.planned(*applied.arguments)
    assert code == NO_CHANGE, told


def test_the_outputs_are_the_settings_of_the_application(applied: Applied) -> None:
    settings = applied.settings
    assert (settings.environment, settings.engine, settings.name) == ("aws", "glue", "lake-prod")
    assert settings.glue_of("silver").workers == 40
    assert set(settings.roles) == set(LAYERS)


def test_the_pipeline_runs_through_what_was_created(applied: Applied, emulator: Emulator) -> None:
    done = applied.command("run")
    assert done.returncode == 0, done.stderr
    ledger = Lake(applied.settings).ledger
    tables = [
        table for table in LAKE_TABLES if EVERYTHING or (table.name in SOME and table.layer in ("bronze", "silver"))
    ]
    for table in tables:
        assert any(entry.settled for entry in ledger.entries(table).values()), table.identifier
    glue = emulator.client("glue")
    runs = {layer: glue.get_job_runs(JobName=f"lake-prod-{layer}")["JobRuns"] for layer in LAYERS}
    assert all(run["JobRunState"] == "SUCCEEDED" for each in runs.values() for run in each)
    assert len(runs["bronze"]) >= len(SOME)
    assert len(runs["silver"]) >= len(SOME)


def _write(key: str) -> Callable[[Any, Applied], object]:
    return lambda session, applied: session.client("s3").put_object(
        Bucket=applied.outputs["buckets"]["lake"],
        Key=key,
        Body=b"x",
    )


def _read(key: str) -> Callable[[Any, Applied], object]:
    return lambda session, applied: session.client("s3").get_object(
        Bucket=applied.outputs["buckets"]["lake"],
        Key=key,
    )


def _remove(key: str) -> Callable[[Any, Applied], object]:
    return lambda session, applied: session.client("s3").delete_object(
        Bucket=applied.outputs["buckets"]["lake"], Key=key
    )


_DENIED: list[tuple[str, str, Callable[[Any, Applied], object]]] = [
    ("bronze", "writes silver", _write("silver/item/item.parquet")),
    ("bronze", "reads silver", _read("silver/reason/reason.parquet")),
    ("silver", "writes gold", _write("gold/monthly_trends/year=2000/x.parquet")),
    ("silver", "writes bronze", _write("bronze/item/batch=batch-000001/x.parquet")),
    ("silver", "stages for gold", _write("_staging/run/gold.monthly_trends.1/x.parquet")),
    ("silver", "writes the ledger of gold", _write("_ledger/gold/monthly_trends/2000.json")),
    ("gold", "reads bronze", _read("bronze/reason/batch=batch-000001/x.parquet")),
    ("gold", "writes silver", _write("silver/item/item.parquet")),
    ("gold", "registers arrivals", _write("_ledger/batches/batch-000009.json")),
    ("gold", "starts a job", lambda session, _: session.client("glue").start_job_run(JobName="lake-prod-gold")),
    (
        "gold",
        "drops a table of silver",
        lambda session, _: session.client("glue").delete_table(DatabaseName="lake_prod_silver", Name="reason"),
    ),
    (
        "gold",
        "takes the role of silver",
        lambda session, applied: session.client("sts").assume_role(
            RoleArn=applied.settings.roles["silver"], RoleSessionName="attempt"
        ),
    ),
    ("silver", "removes an entry of its ledger", _remove("_ledger/silver/reason/all.json")),
    ("silver", "removes its history", _remove("quality/results/layer=silver/x.parquet")),
    ("orchestrator", "removes an arrival", _remove("_ledger/batches/batch-000001.json")),
    ("orchestrator", "stages for silver", _write("_staging/run/silver.item.1/x.parquet")),
    ("analyst", "looks for what is not there", _read("gold/nothing.parquet")),
    ("orchestrator", "writes gold", _write("gold/monthly_trends/year=2000/x.parquet")),
    ("orchestrator", "writes quarantine", _write("quarantine/silver/item/item.parquet")),
    ("orchestrator", "writes the ledger of silver", _write("_ledger/silver/item/all.json")),
    (
        "orchestrator",
        "changes a job",
        lambda session, _: session.client("glue").update_job(
            JobName="lake-prod-gold", JobUpdate={"Role": "x", "Command": {"Name": "glueetl"}}
        ),
    ),
    ("orchestrator", "starts another job", lambda session, _: session.client("glue").start_job_run(JobName="other")),
    (
        "orchestrator",
        "changes a table of gold",
        lambda session, _: session.client("glue").create_table(
            DatabaseName="lake_prod_gold", TableInput={"Name": "mine"}
        ),
    ),
    (
        "crawler",
        "writes a table of the lake",
        lambda session, _: session.client("glue").create_table(
            DatabaseName="lake_prod_silver", TableInput={"Name": "mine"}
        ),
    ),
    ("crawler", "writes silver", _write("silver/item/item.parquet")),
    ("analyst", "reads silver", _read("silver/reason/reason.parquet")),
    (
        "analyst",
        "lists silver",
        lambda session, applied: session.client("s3").list_objects_v2(
            Bucket=applied.outputs["buckets"]["lake"],
            Prefix="silver/",
        ),
    ),
    ("analyst", "writes gold", _write("gold/monthly_trends/year=2000/x.parquet")),
    (
        "analyst",
        "asks in another workgroup",
        lambda session, _: session.client("athena").start_query_execution(QueryString="SELECT 1", WorkGroup="primary"),
    ),
    (
        "analyst",
        "looks at tables of silver",
        lambda session, _: session.client("glue").get_tables(DatabaseName="lake_prod_silver"),
    ),
]


@pytest.mark.parametrize(("who", "what", "attempt"), _DENIED, ids=[f"{who} {what}" for who, what, _ in _DENIED])
def test_a_role_is_denied_what_it_must_not_do(
    applied: Applied, who: str, what: str, attempt: Callable[[Any, Applied], object]
) -> None:
    keys = keys_of(applied.outputs["roles"][who])
    session = boto3.Session(**{name.lower(): value for name, value in keys.items()})
    with pytest.raises(ClientError) as refusal:
        attempt(session, applied)
    assert refusal.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"), what


def test_a_crawl_finds_what_the_contract_says(applied: Applied) -> None:
    done = applied.command("run", "--only", "key:catalog/silver")
    assert done.returncode == 0, done.stderr


def test_athena_answers_in_the_created_workgroup_and_keeps_its_result_in_the_created_bucket(
    applied: Applied, emulator: Emulator
) -> None:
    asked = applied.command("query", "SELECT COUNT(*) AS addresses FROM silver.customer_address", "--format", "csv")
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.split() == ["addresses", "1000"]
    results = applied.outputs["buckets"]["results"]
    found = emulator.client("s3").list_objects_v2(Bucket=results, Prefix="queries/")
    assert found["KeyCount"] >= 1


def asked_by_analyst(applied: Applied, sql: str, schema: str) -> dict[str, Any]:
    """What became of a query of an analyst."""
    keys = keys_of(applied.outputs["roles"]["analyst"])
    athena = boto3.client("athena", **{name.lower(): value for name, value in keys.items()})
    started = athena.start_query_execution(
        QueryString=sql, WorkGroup="lake-prod", QueryExecutionContext={"Database": f"lake_prod_{schema}"}
    )
    until = time.monotonic() + 30
    while True:
        told = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]["Status"]
        if told["State"] not in ("QUEUED", "RUNNING"):
            return dict(told)
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def table_of_gold(applied: Applied, emulator: Emulator) -> Iterator[str]:
    """One that holds three rows, because the tables of gold need more than some tables of silver."""
    content = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2, 3]}), content)
    bucket, s3, glue = applied.outputs["buckets"]["lake"], emulator.client("s3"), emulator.client("glue")
    s3.put_object(Bucket=bucket, Key="gold/told/told.parquet", Body=content.getvalue())
    storage = {"Columns": [{"Name": "id", "Type": "bigint"}], "Location": f"s3://{bucket}/gold/told/"}
    glue.create_table(DatabaseName="lake_prod_gold", TableInput={"Name": "told", "StorageDescriptor": storage})
    yield "told"
    glue.delete_table(DatabaseName="lake_prod_gold", Name="told")
    s3.delete_object(Bucket=bucket, Key="gold/told/told.parquet")


def test_an_analyst_asks_gold(applied: Applied, table_of_gold: str) -> None:
    told = asked_by_analyst(applied, f"SELECT COUNT(*) FROM {table_of_gold}", "gold")
    assert told["State"] == "SUCCEEDED", told


def test_an_analyst_does_not_learn_of_silver_by_asking(applied: Applied) -> None:
    told = asked_by_analyst(applied, "SELECT COUNT(*) FROM reason", "silver")
    assert told["State"] == "FAILED"
    assert "not authorized to perform: glue:GetDatabase" in told["StateChangeReason"]


def test_a_table_of_gold_over_objects_of_silver_tells_an_analyst_nothing(
    applied: Applied, emulator: Emulator, table_of_gold: str
) -> None:
    bucket = applied.outputs["buckets"]["lake"]
    storage = {"Columns": [{"Name": "r_reason_sk", "Type": "int"}], "Location": f"s3://{bucket}/silver/reason/"}
    emulator.client("glue").update_table(
        DatabaseName="lake_prod_gold", TableInput={"Name": table_of_gold, "StorageDescriptor": storage}
    )
    told = asked_by_analyst(applied, f"SELECT COUNT(*) FROM {table_of_gold}", "gold")
    assert told["State"] == "FAILED"
    assert "Access Denied" in told["StateChangeReason"]


def test_the_named_queries_are_those_of_the_repository(applied: Applied) -> None:
    done = applied.command("query", "--deploy")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Named queries of the workgroup: 0 created, 0 updated, 0 deleted\n"
    code, told = applied.terraform.planned(*applied.arguments)
    assert code == NO_CHANGE, told


@pytest.mark.parametrize("layer", LAYERS)
def test_a_crawler_is_one_that_verifies(applied: Applied, emulator: Emulator, layer: str) -> None:
    found = emulator.client("glue").get_crawler(Name=f"lake-prod-{layer}")["Crawler"]
    root = applied.settings.root
    assert isinstance(root, S3Folder)
    assert list(configuration_differences(crawler_input("lake-prod", root, layer), found)) == []  # type: ignore[arg-type]


def test_job_crawler_workgroup_and_lifecycle_change_in_place(applied: Applied, emulator: Emulator) -> None:
    (applied.terraform.folder / "change_override.tf").write_text(_CHANGE)
    code, told = applied.terraform.planned(*applied.arguments)
    assert code == CHANGES
    assert "Plan: 0 to add, 8 to change, 0 to destroy." in told
    applied.terraform.done("apply", "-auto-approve", "-input=false", *applied.arguments)
    glue = emulator.client("glue")
    assert glue.get_job(JobName="lake-prod-gold")["Job"]["ExecutionProperty"]["MaxConcurrentRuns"] == 12
    assert glue.get_crawler(Name="lake-prod-gold")["Crawler"]["Schedule"]["ScheduleExpression"] == "cron(0 4 ? * SUN *)"
    group = emulator.client("athena").get_work_group(WorkGroup="lake-prod")["WorkGroup"]
    assert group["Configuration"]["BytesScannedCutoffPerQuery"] == 2048 * 2**30
    results = applied.outputs["buckets"]["results"]
    rules = emulator.client("s3").get_bucket_lifecycle_configuration(Bucket=results)["Rules"]
    assert [rule["Expiration"]["Days"] for rule in rules if rule["ID"] == "expire-all"] == [21]
    code, told = applied.terraform.planned(*applied.arguments)
    assert code == NO_CHANGE, told


def test_destroying_leaves_nothing(applied: Applied, emulator: Emulator) -> None:
    applied.terraform.done("destroy", "-auto-approve", "-input=false", *applied.arguments)
    buckets = [each["Name"] for each in emulator.client("s3").list_buckets()["Buckets"]]
    assert [name for name in buckets if name.startswith("lake-prod")] == []
    glue, iam = emulator.client("glue"), emulator.client("iam")
    assert [each["Name"] for each in glue.get_databases()["DatabaseList"] if each["Name"].startswith("lake_prod")] == []
    assert [each for each in glue.list_jobs()["JobNames"] if each.startswith("lake-prod")] == []
    assert [each for each in glue.list_crawlers()["CrawlerNames"] if each.startswith("lake-prod")] == []
    assert [each["RoleName"] for each in iam.list_roles()["Roles"] if each["RoleName"].startswith("lake-prod")] == []
    groups = emulator.client("athena").list_work_groups()["WorkGroups"]
    assert [each["Name"] for each in groups if each["Name"] == "lake-prod"] == []
    assert emulator.client("cloudtrail").describe_trails()["trailList"] == []
    assert emulator.client("budgets").describe_budgets(AccountId=emulator.account).get("Budgets", []) == []
    ec2 = emulator.client("ec2")
    assert ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"] == []
    assert (ec2.describe_volumes()["Volumes"], ec2.describe_addresses()["Addresses"]) == ([], [])
    machines = [each for group in ec2.describe_instances()["Reservations"] for each in group["Instances"]]
    assert {each["State"]["Name"] for each in machines} == {"terminated"}
