"""Dagster's launcher of runs on this machine, which can also tell whether the process of a run is still alive.

Named in `dagster.yaml`. Without it Dagster asks nobody: a run whose process was killed stays "started", and what waits for it
waits for ever.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.events import DagsterEvent
from dagster._core.execution.retries import auto_reexecution_should_retry_run
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import WILL_RETRY_TAG

from lake_assets.liveness import sign_of_life

_DEAD = "The process that executed this run is gone: it was killed, or its machine stopped."


class LocalRunLauncher(dg.DefaultRunLauncher):
    """Launches runs as Dagster's default launcher does, and gives up those whose process is dead."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Asked of every started run each time that Dagster's run monitoring looks; RUNNING when nothing is known.

        On any other answer Dagster declares the run failed.
        """
        sign = sign_of_life(Path(self._instance.root_directory), run.run_id)
        # Its last words may have come since it was asked about, but none can come any more.
        now = self._instance.get_run_by_id(run.run_id) if sign == "dead" else None
        if now is None or now.is_finished:
            return CheckRunHealthResult(WorkerStatus.RUNNING, sign)
        self._give_up(now)
        return CheckRunHealthResult(WorkerStatus.FAILED, _DEAD)

    def _give_up(self, run: dg.DagsterRun) -> None:
        """Declare a run failed before run monitoring does, which then leaves it alone, in an order that loses no retry.

        Dagster itself tells first the event, then the status, then whether there will be a retry. Whoever looks in between
        takes what it sees for final: the daemon that retries passes over the event of a run that is not failed, a backfill
        over a failed run that will not be retried. After a start of Dagster, when all of them look at once, that did happen.
        """
        instance = self._instance
        if instance.run_retries_enabled:
            again = auto_reexecution_should_retry_run(instance, run.with_status(dg.DagsterRunStatus.FAILURE), None)
            instance.add_run_tags(run.run_id, {WILL_RETRY_TAG: str(again).lower()})
        failure = DagsterEvent(dg.DagsterEventType.RUN_FAILURE.value, run.job_name)
        instance.run_storage.handle_run_event(run.run_id, failure)
        instance.report_run_failed(run, _DEAD)
