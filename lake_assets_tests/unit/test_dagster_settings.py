"""The `dagster.yaml` files, read by Dagster itself: the local one, which comes with the package, and that of a deployment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]
from dagster._config import process_config
from dagster._core.instance.config import PoolGranularity, dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import ConfigurableClassData, class_from_code_pointer
from dagster_aws.s3.compute_log_manager import S3ComputeLogManager

from lake_assets.assets.factory import ENGINE_POOL
from lake_assets.cli.run import dagster_instance
from lake_assets.definitions import defs
from lake_assets.jobs import JOB_TAG, JOBS
from lake_assets.launcher import LocalRunLauncher
from lake_assets_tests.support.dagster_ui import REPOSITORY

LOCAL = REPOSITORY / "lake_assets" / "dagster.yaml"
DEPLOYMENT = REPOSITORY / "infra" / "dagster.yaml"
VARIABLES = {
    "DAGSTER_PG_HOST": "database.example",
    "DAGSTER_PG_DB": "dagster",
    "DAGSTER_PG_USER": "dagster",
    "DAGSTER_PG_PASSWORD": "secret",
    "DAGSTER_LOGS_BUCKET": "logs",
    "AWS_REGION": "eu-central-1",
}


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a deployment."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster.yaml").write_text(LOCAL.read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def deployment(deployed: None, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of a deployment, but for its database."""
    database: Any = {"storage": {"sqlite": {"base_dir": str(tmp_path)}}}
    ref = InstanceRef.from_dir(str(tmp_path), config_dir=str(DEPLOYMENT.parent), overrides=database)
    with dg.DagsterInstance.from_ref(ref) as instance:
        yield instance


def accepted(found: ConfigurableClassData | None) -> None:
    """Fails unless the class of a setting exists and takes its configuration."""
    assert found is not None
    cls: Any = class_from_code_pointer(found.module_name, found.class_name)
    outcome = process_config(cls.config_type(), found.config_dict)
    assert outcome.success, outcome.errors


def test_the_settings_of_make_dev_are_those_that_come_with_the_package() -> None:
    linked = REPOSITORY / "dagster_home" / "dagster.yaml"
    assert linked.resolve() == LOCAL


def test_the_command_line_gives_a_new_home_the_settings_that_come_with_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with dagster_instance() as instance:
        assert isinstance(instance.run_launcher, LocalRunLauncher)
    assert (tmp_path / "home" / "dagster.yaml").read_text() == LOCAL.read_text()


def test_the_command_line_leaves_the_settings_of_a_home_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dagster_instance():
        pass
    assert (tmp_path / "dagster.yaml").read_text() == "telemetry: {enabled: false}"


@pytest.mark.parametrize("fixture", ["local", "deployment"])
def test_crashes_are_noticed_within_seconds_and_only_they_are_run_again(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    instance: dg.DagsterInstance = request.getfixturevalue(fixture)
    assert isinstance(instance.run_launcher, LocalRunLauncher)
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_poll_interval_seconds <= 15
    assert instance.run_monitoring_max_resume_run_attempts == 0
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 2
    assert not instance.run_retries_retry_on_asset_or_op_failure
    assert not instance.telemetry_enabled


@pytest.mark.parametrize(("fixture", "runs"), [("local", 1), ("deployment", 8)])
def test_runs_queue_and_take_their_pools_as_a_whole(fixture: str, runs: int, request: pytest.FixtureRequest) -> None:
    instance: dg.DagsterInstance = request.getfixturevalue(fixture)
    concurrency = instance.get_concurrency_config()
    assert concurrency.run_queue_config is not None
    assert concurrency.run_queue_config.max_concurrent_runs == runs
    assert concurrency.pool_config.pool_granularity == PoolGranularity.RUN
    assert concurrency.pool_config.default_pool_limit == 1


def test_every_asset_is_in_the_pool_of_the_engine() -> None:
    assert {pool for asset in defs.resolve_asset_graph().asset_nodes for pool in asset.pools or ()} == {ENGINE_POOL}


@dg.asset(pool=ENGINE_POOL)
def in_the_pool() -> None: ...


def test_the_command_line_does_not_wait_for_a_slot_that_a_dead_run_took(local: dg.DagsterInstance) -> None:
    storage = local.event_log_storage
    storage.initialize_concurrency_limit_to_default(ENGINE_POOL)
    job = dg.Definitions(assets=[in_the_pool]).resolve_implicit_global_asset_job_def()
    dead = local.create_run_for_job(job)
    assert storage.claim_concurrency_slot(ENGINE_POOL, dead.run_id, "in_the_pool").is_claimed
    started = time.monotonic()
    result = dg.materialize([in_the_pool], instance=local)
    assert result.success
    assert time.monotonic() - started < 10
    record = local.get_run_by_id(result.run_id)
    assert record is not None
    assert record.run_op_concurrency is not None
    assert record.run_op_concurrency.all_pools == {ENGINE_POOL}


@pytest.mark.usefixtures("deployed")
def test_the_classes_of_a_deployment_exist_and_take_their_configuration(tmp_path: Path) -> None:
    pytest.importorskip("dagster_postgres")
    ref = InstanceRef.from_dir(str(tmp_path), config_dir=str(DEPLOYMENT.parent))
    accepted(ref.compute_logs_data)
    accepted(ref.run_launcher_data)
    accepted(ref.run_coordinator_data)
    assert ref.storage_data is not None
    for part in (ref.storage_data, ref.run_storage_data, ref.event_storage_data, ref.schedule_storage_data):
        assert part is not None
        assert part.module_name.startswith("dagster_postgres")
        accepted(part)


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_a_variable_that_a_deployment_lacks_is_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dagster_postgres")
    monkeypatch.delenv(name)
    ref = InstanceRef.from_dir(str(tmp_path), config_dir=str(DEPLOYMENT.parent))
    told: list[object] = []
    for part in (ref.compute_logs_data, ref.storage_data):
        assert part is not None
        cls: Any = class_from_code_pointer(part.module_name, part.class_name)
        told += process_config(cls.config_type(), part.config_dict).errors or []
    assert any(name in str(error) for error in told)


def test_all_variables_of_a_deployment_stand_at_the_head_of_its_settings() -> None:
    head = DEPLOYMENT.read_text().partition("\nstorage:")[0]
    assert [name for name in VARIABLES if name not in head] == []


def test_what_runs_of_a_deployment_print_goes_to_s3_while_they_run(deployment: dg.DagsterInstance) -> None:
    manager = deployment.compute_log_manager
    assert isinstance(manager, S3ComputeLogManager)
    assert manager.upload_interval == 30


@pytest.mark.usefixtures("deployed")
def test_the_limits_of_a_deployment_are_about_tags_that_runs_carry() -> None:
    settings, _ = dagster_instance_config(str(DEPLOYMENT.parent))
    limits = settings["concurrency"]["runs"]["tag_concurrency_limits"]
    limited = {limit["value"] for limit in limits if limit["key"] == JOB_TAG}
    assert limited == {job.name for job in JOBS.values()}
    for job in JOBS.values():
        assert defs.resolve_job_def(job.name).run_tags[JOB_TAG] == job.name
    assert {limit["key"] for limit in limits} == {JOB_TAG, "dagster/backfill"}


@pytest.mark.parametrize("file", [LOCAL, DEPLOYMENT], ids=["local", "deployment"])
def test_every_setting_is_one_that_dagster_knows(file: Path, tmp_path: Path) -> None:
    """Dagster refuses unknown names, so a misspelt one would fail here."""
    (tmp_path / "dagster.yaml").write_text(file.read_text())
    settings, _ = dagster_instance_config(str(tmp_path))
    given = yaml.safe_load(file.read_text())
    assert set(given) <= {name for name, value in settings.items() if value is not None}
