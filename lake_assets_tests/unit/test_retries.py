"""A step is tried again for what passes by itself, and for nothing else."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest

from lake_assets.assets import retries
from lake_assets.assets.bronze import bronze_assets
from lake_assets.assets.silver import silver_assets
from lake_assets.contract.layers import BRONZE, LakeTable
from lake_assets.errors import (
    AuditError,
    EngineError,
    EngineLostError,
    LakeError,
    PublishConflictError,
    SettingsError,
    SourceError,
    StorageError,
    may_pass,
)
from lake_assets.lake.lake import Lake
from lake_assets.lake.task import Result, Task
from lake_assets.resources import LakeResource
from lake_assets_tests.support.lake_support import FakeEngine, arrive, commit, new_lake, publication, write_source

BATCH = "batch-000001"
LOST = EngineLostError("The engine 'fake' died while it worked on bronze.reason.")
(reason,) = [asset for asset in bronze_assets() if asset.key.path == ["bronze", "reason"]]
(silver_reason,) = [asset for asset in silver_assets(12) if asset.key.path == ["silver", "reason"]]


@dataclass
class TroubledEngine:
    """A working engine, once it has raised each of `troubles`."""

    troubles: list[Exception]
    works: FakeEngine = field(default_factory=FakeEngine)
    attempts: int = 0

    def get(self, _: object) -> TroubledEngine:
        return self

    def run(self, task: Task) -> Result:
        self.attempts += 1
        if self.troubles:
            raise self.troubles.pop(0)
        return self.works.run(task)


@dataclass
class OvertakenEngine(TroubledEngine):
    """An engine that takes so long that another run publishes a partition meanwhile, as often as `times` says."""

    lake: Lake | None = None
    table: LakeTable = BRONZE["reason"]
    times: int = 1

    def run(self, task: Task) -> Result:
        assert self.lake is not None
        result = super().run(task)
        if self.attempts <= self.times:
            overtaken = publication(content=f"of the other run {self.attempts}")
            commit(self.lake.ledger, self.table, task.partitions[0], overtaken)
        return result


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = new_lake(tmp_path)
    write_source(lake, "reason/1.dat", "1|AAAAAAAABAAAAAAA|Too heavy|")
    arrive(lake)
    return lake


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "ATTEMPTS", dg.RetryPolicy(max_retries=2, delay=0))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("source_batch", [BATCH, "batch-000002"])
        yield instance


def materialised(
    instance: dg.DagsterInstance, lake: Lake, engine: TroubledEngine, asset: dg.AssetsDefinition = reason
) -> dg.ExecuteInProcessResult:
    resource = LakeResource.from_settings(lake.settings)
    return dg.materialize(
        [asset],
        instance=instance,
        resources={"lake": resource, "engine": engine},
        partition_key=BATCH,
        raise_on_error=False,
    )


def retried(result: dg.ExecuteInProcessResult) -> int:
    return sum(event.is_step_up_for_retry for event in result.all_events)


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (event,) = result.get_step_failure_events()
    told = event.step_failure_data.user_failure_data
    assert told is not None
    return told.description or ""


@pytest.mark.parametrize("troubles", [[LOST], [LOST, ConnectionResetError("gone")]], ids=["once", "twice"])
def test_a_step_whose_engine_died_is_tried_again_and_succeeds(
    instance: dg.DagsterInstance, lake: Lake, troubles: Sequence[Exception]
) -> None:
    engine = TroubledEngine(list(troubles))
    result = materialised(instance, lake, engine)
    assert result.success
    assert retried(result) == len(troubles)
    assert engine.attempts == len(troubles) + 1
    assert lake.ledger.read(BRONZE["reason"], BATCH).settled is not None
    assert len(result.get_asset_check_evaluations()) == len(list(reason.check_keys))


def test_an_engine_that_dies_every_time_is_given_up_in_its_own_words(instance: dg.DagsterInstance, lake: Lake) -> None:
    engine = TroubledEngine([LOST] * 5)
    assert failure_of(materialised(instance, lake, engine)) == str(LOST)
    assert engine.attempts == 3


@pytest.mark.parametrize(
    "error",
    [EngineError("needs Java 17"), SourceError("damaged"), AuditError("broken"), SettingsError("wrong")],
    ids=lambda error: type(error).__name__,
)
def test_what_the_user_has_to_mend_fails_at_once(instance: dg.DagsterInstance, lake: Lake, error: LakeError) -> None:
    engine = TroubledEngine([error])
    assert failure_of(materialised(instance, lake, engine)) == str(error)
    assert engine.attempts == 1


@pytest.mark.parametrize("error", [ZeroDivisionError("division"), FileNotFoundError(2, "no such file"), KeyError("k")])
def test_a_bug_fails_at_once_and_keeps_its_trace(instance: dg.DagsterInstance, lake: Lake, error: Exception) -> None:
    engine = TroubledEngine([error])
    result = materialised(instance, lake, engine)
    (event,) = result.get_step_failure_events()
    failed = event.step_failure_data.error
    assert failed is not None
    assert failed.cause is not None
    assert failed.cause.cls_name == type(error).__name__
    assert engine.attempts == 1


def test_a_failed_audit_is_not_tried_again(instance: dg.DagsterInstance, lake: Lake) -> None:
    engine = TroubledEngine([], FakeEngine(lost=-1))
    lake.materialise(BRONZE["reason"], [BATCH], FakeEngine().run, "ingestion")
    result = materialised(instance, lake, engine, silver_reason)
    assert not result.success
    assert engine.attempts == 1


def test_a_step_that_another_run_overtook_plans_anew_and_publishes(instance: dg.DagsterInstance, lake: Lake) -> None:
    engine = OvertakenEngine([], lake=lake)
    result = materialised(instance, lake, engine)
    assert result.success
    assert engine.attempts == 2
    settled = lake.ledger.read(BRONZE["reason"], BATCH).settled
    assert settled is not None
    assert settled.run_id == result.run_id
    assert len(result.get_asset_check_evaluations()) == len(list(reason.check_keys))


def test_a_step_that_is_overtaken_every_time_says_so_and_reports_its_checks(
    instance: dg.DagsterInstance, lake: Lake
) -> None:
    engine = OvertakenEngine([], lake=lake, times=9)
    result = materialised(instance, lake, engine)
    assert "another run published it" in failure_of(result)
    assert engine.attempts == 3
    assert len(result.get_asset_check_evaluations()) == len(list(reason.check_keys))


def test_the_batches_of_a_range_after_the_one_at_which_the_engine_died_are_not_given_up_with_it(
    instance: dg.DagsterInstance, lake: Lake
) -> None:
    write_source(lake, "reason/2.dat", "2|AAAAAAAACAAAAAAA|Too light|")
    arrive(lake)
    engine = TroubledEngine([LOST])
    resource = LakeResource.from_settings(lake.settings)
    tags = {"dagster/asset_partition_range_start": BATCH, "dagster/asset_partition_range_end": "batch-000002"}
    result = dg.materialize([reason], instance=instance, resources={"lake": resource, "engine": engine}, tags=tags)
    assert result.success
    assert set(lake.ledger.entries(BRONZE["reason"])) == {BATCH, "batch-000002"}


def because(cause: Exception) -> StorageError:
    error = StorageError("Cannot write.")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (LOST, True),
        (PublishConflictError("overtaken"), True),
        (ConnectionRefusedError("refused"), True),
        (TimeoutError("slow"), True),
        (OSError(errno.ENETUNREACH, "no network"), True),
        (because(OSError(errno.ESTALE, "stale file handle")), True),
        (because(OSError(errno.ENOSPC, "no space left")), False),
        (because(PermissionError(errno.EACCES, "denied")), False),
        (OSError(errno.EIO, "broken disk"), False),
        (EngineError("unknown engine"), False),
        (ValueError("bug"), False),
    ],
    ids=repr,
)
def test_only_lost_connections_and_overtaken_plans_pass_by_themselves(error: Exception, passes: bool) -> None:
    assert may_pass(error) == passes


def test_no_asset_has_a_retry_policy_because_dagster_would_apply_it_to_bugs_and_to_ctrl_c() -> None:
    assert [asset.key for asset in (*bronze_assets(), *silver_assets(12)) if asset.op.retry_policy] == []
