"""Dead processes are told from living ones, and run monitoring gives up the runs of the dead."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from lake_assets.launcher import LocalRunLauncher
from lake_assets.liveness import FOLDER, held, hold, release, sign_of_life
from lake_assets_tests.support.dagster_ui import REPOSITORY
from lake_assets_tests.support.killed_process import executing, kill, monitor_once, retry_once

RUN = "11111111-2222-3333-4444-555555555555"


def test_a_process_that_executes_a_run_is_seen_to_live_until_it_is_killed(tmp_path: Path) -> None:
    with executing(tmp_path, RUN) as process:
        assert sign_of_life(tmp_path, RUN) == "alive"
        assert sign_of_life(tmp_path, RUN) == "alive"
        kill(process)
        assert sign_of_life(tmp_path, RUN) == "dead"
        assert sign_of_life(tmp_path, RUN) == "dead"


def test_a_process_that_ends_as_it_should_leaves_nothing_behind(tmp_path: Path) -> None:
    with executing(tmp_path, RUN) as process:
        process.communicate(timeout=10)
    assert process.returncode == 0
    assert list((tmp_path / FOLDER).iterdir()) == []
    assert sign_of_life(tmp_path, RUN) == "unknown"


def test_a_process_sees_itself_live_as_long_as_it_holds_on_to_a_run(tmp_path: Path) -> None:
    with held(tmp_path, RUN):
        hold(tmp_path, RUN)
        assert sign_of_life(tmp_path, RUN) == "alive"
    assert sign_of_life(tmp_path, RUN) == "unknown"
    release(tmp_path, RUN)


def test_a_process_that_got_the_number_of_a_dead_one_is_not_mistaken_for_it(tmp_path: Path) -> None:
    with executing(tmp_path, RUN) as process:
        kill(process)
    file = tmp_path / FOLDER / RUN
    file.write_text(file.read_text().replace(str(process.pid), str(os.getpid())))
    assert sign_of_life(tmp_path, RUN) == "dead"


def test_nothing_is_known_of_a_run_on_another_machine(tmp_path: Path) -> None:
    with executing(tmp_path, RUN) as process:
        kill(process)
    file = tmp_path / FOLDER / RUN
    file.write_text(f"another-machine\n{file.read_text().partition(chr(10))[2]}")
    assert sign_of_life(tmp_path, RUN) == "unknown"


def test_nothing_is_known_of_a_run_that_nobody_said_to_execute(tmp_path: Path) -> None:
    assert sign_of_life(tmp_path, RUN) == "unknown"


def test_where_nothing_can_be_written_a_run_is_executed_all_the_same(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file in the way")
    with held(tmp_path, RUN):
        assert sign_of_life(tmp_path, RUN) == "unknown"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A DAGSTER_HOME with the settings that the package brings."""
    (tmp_path / "dagster.yaml").write_text((REPOSITORY / "lake_assets" / "dagster.yaml").read_text())
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@dg.asset
def something() -> None: ...


def started(instance: dg.DagsterInstance, **tags: str) -> str:
    """A run that Dagster takes to be going on."""
    job = dg.Definitions(assets=[something]).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(job, run_id=RUN, tags=tags)
    instance.report_engine_event("started for the test", run)
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name)
    instance.report_dagster_event(event, run.run_id)
    return status(instance)


def status(instance: dg.DagsterInstance) -> str:
    run = instance.get_run_by_id(RUN)
    assert run is not None
    return str(run.status.value)


def test_the_run_of_a_killed_process_is_given_up_at_the_next_look(instance: dg.DagsterInstance, home: Path) -> None:
    assert isinstance(instance.run_launcher, LocalRunLauncher)
    with executing(home, RUN) as process:
        assert started(instance) == "STARTED"
        monitor_once(instance)
        assert status(instance) == "STARTED"
        kill(process)
        monitor_once(instance)
    assert status(instance) == "FAILURE"
    (failure,) = instance.all_logs(RUN, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert "The process that executed this run is gone" in str(failure.dagster_event)


@pytest.mark.parametrize("prepare", [lambda file: file.unlink(), lambda file: file.write_text("another-machine\n")])
def test_a_run_of_which_nothing_is_known_is_left_alone(
    instance: dg.DagsterInstance, home: Path, prepare: Callable[[Path], object]
) -> None:
    with executing(home, RUN) as process:
        kill(process)
    prepare(home / FOLDER / RUN)
    started(instance)
    monitor_once(instance)
    assert status(instance) == "STARTED"


def test_a_process_killed_after_the_end_of_its_run_changes_nothing(instance: dg.DagsterInstance, home: Path) -> None:
    started(instance)
    asked = instance.get_run_by_id(RUN)
    assert asked is not None
    with executing(home, RUN) as process:
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, asked.job_name)
        instance.report_dagster_event(event, RUN)
        kill(process)
    instance.run_launcher.check_run_worker_health(asked)
    assert status(instance) == "SUCCESS"


def test_whoever_sees_that_a_run_was_given_up_sees_also_that_it_will_be_retried(
    instance: dg.DagsterInstance, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that retries or a backfill which looks in between would otherwise never look again."""
    seen: list[tuple[str, str | None]] = []

    def look() -> None:
        run = instance.get_run_by_id(RUN)
        assert run is not None
        seen.append((run.status.value, run.tags.get("dagster/will_retry")))

    def looking(change: Callable[..., object]) -> Callable[..., object]:
        def changed(*arguments: object, **named: object) -> object:
            done = change(*arguments, **named)
            look()
            return done

        return changed

    with executing(home, RUN) as process:
        started(instance)
        kill(process)
    monkeypatch.setattr(instance.run_storage, "handle_run_event", looking(instance.run_storage.handle_run_event))
    monkeypatch.setattr(instance.event_log_storage, "store_event", looking(instance.event_log_storage.store_event))
    monitor_once(instance)
    assert seen
    assert set(seen) == {("FAILURE", "true")}


def test_a_run_of_the_command_line_is_given_up_but_not_repeated(instance: dg.DagsterInstance, home: Path) -> None:
    with executing(home, RUN) as process:
        started(instance, **{"dagster/max_retries": "0"})
        kill(process)
    monitor_once(instance)
    retry_once(instance, RUN)
    run = instance.get_run_by_id(RUN)
    assert run is not None
    assert (run.status, run.tags["dagster/will_retry"]) == (dg.DagsterRunStatus.FAILURE, "false")
    assert instance.get_runs_count() == 1


def test_a_run_that_no_code_location_launched_does_not_disturb_the_daemon_that_retries(
    instance: dg.DagsterInstance, home: Path
) -> None:
    with executing(home, RUN) as process:
        started(instance)
        kill(process)
    monitor_once(instance)
    retry_once(instance, RUN)
    assert instance.get_runs_count() == 1
    said = [log.message for log in instance.all_logs(RUN, of_type=dg.DagsterEventType.ENGINE_EVENT)]
    assert any("unable to retry" in message for message in said)
