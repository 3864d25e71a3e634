"""Processes that execute a run until they are killed, and Dagster's run monitoring looking for them once."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import consume_new_runs_for_automatic_reexecution
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

_HOLD = """
import sys, time
from pathlib import Path
from lake_assets.liveness import hold
hold(Path(sys.argv[1]), sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""
_LOGGER = logging.getLogger("test")


@contextmanager
def executing(home: Path, run_id: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds on to a run until its standard input is closed, which then ends as it should."""
    command = [sys.executable, "-c", _HOLD, str(home), run_id]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process


def kill(process: subprocess.Popen[bytes]) -> None:
    """`kill -9`, and wait until the process is gone."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)


@dataclass(frozen=True)
class _Workspace:
    """As much of a daemon's workspace as monitoring and retries need for runs that no code location can execute."""

    instance: dg.DagsterInstance

    def create_request_context(self) -> None:
        return None


def monitor_once(instance: dg.DagsterInstance) -> None:
    """Let run monitoring look once. Its errors, which the daemon would only log, are raised."""
    workspace = cast(Any, _Workspace(instance))
    assert [error for error in execute_run_monitoring_iteration(workspace, _LOGGER) if error] == []


def retry_once(instance: dg.DagsterInstance, run_id: str) -> None:
    """Let the daemon that retries see the end of a run."""
    records = instance.get_run_records(dg.RunsFilter(run_ids=[run_id]))
    for _ in consume_new_runs_for_automatic_reexecution(cast(Any, _Workspace(instance)), records, _LOGGER):
        pass
