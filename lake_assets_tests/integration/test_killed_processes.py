"""Engines and commands that are killed while they work."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from lake_assets.contract.layers import SILVER
from lake_assets.liveness import FOLDER
from lake_assets_tests.conftest import lake_assets, lake_environment
from lake_assets_tests.support.dying_engine import kill_apart
from lake_assets_tests.support.killed_process import kill, monitor_once, retry_once
from lake_assets_tests.support.lake_support import new_lake, write_source

SECONDS = 60.0


def test_a_step_whose_sail_server_dies_goes_on_with_a_new_one(tmp_path: Path) -> None:
    kill_apart("sail", tmp_path)


@pytest.mark.spark
@pytest.mark.usefixtures("java")
def test_a_step_whose_jvm_is_killed_in_the_middle_of_a_query_goes_on_with_a_new_one(tmp_path: Path) -> None:
    kill_apart("spark", tmp_path)


def test_a_killed_command_is_noticed_and_the_next_one_does_what_is_left(tmp_path: Path) -> None:
    lake, home = new_lake(tmp_path), tmp_path / "home"
    write_source(lake, "reason/1.dat", "1|AAAAAAAABAAAAAAA|Too heavy|")
    environment = lake_environment(lake.settings.local_root, lake.settings.local_source, home)
    program = Path(sys.executable).with_name("lake-assets")
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen([program, "run"], env=environment, stdout=output, stderr=output)
    deadline = time.monotonic() + SECONDS
    while not (held := list((home / FOLDER).glob("[!.]*"))):
        assert time.monotonic() < deadline, (tmp_path / "output").read_text()
        time.sleep(0.02)
    kill(process)
    (run_id,) = [file.name for file in held]

    with dg.DagsterInstance.from_config(str(home)) as instance:
        found = instance.get_run_by_id(run_id)
        # It may have been killed before it told Dagster of its run.
        if found and not found.is_finished:
            monitor_once(instance)
            retry_once(instance, run_id)
            given_up = instance.get_run_by_id(run_id)
            assert given_up is not None
            assert given_up.status == dg.DagsterRunStatus.FAILURE
            assert given_up.tags["dagster/will_retry"] == "false"
    done = lake_assets(environment, "run")
    assert done.returncode == 0, done.stderr
    assert lake.ledger.read(SILVER["reason"], "all").settled is not None
    assert [file.name for file in (home / FOLDER).iterdir()] == [run_id]
