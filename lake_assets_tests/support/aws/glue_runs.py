"""Runs of Glue jobs that really happen: each job's script in a process of its own, with the states and figures of AWS.

Plain moto calls every run SUCCEEDED when it is first asked for it, knows no other end, and runs nothing.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.glue.exceptions import ConcurrentRunsExceededException
from moto.glue.models import FakeJob, FakeJobRun
from moto.glue.responses import GlueResponse
from moto.moto_api import state_manager
from moto.s3.models import s3_backends

from lake_assets_tests.support.aws.job_logs import write_log
from lake_assets_tests.support.aws.job_processes import JobProcess, JobProcesses, Request
from lake_assets_tests.support.aws.patching import replaced
from lake_assets_tests.support.aws.roles import credentials_of

End = Literal["SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "EXPIRED", "ERROR"]
_GOING_ON = ("STARTING", "RUNNING", "STOPPING")
_DPU = {"G.025X": 0.25, "G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8, "R.1X": 1, "R.2X": 2, "R.4X": 4, "R.8X": 8}
"""Data processing units of one worker."""
_FOREVER_MINUTES = 2880
_OWN = ("LAKE_", "AWS_", "DAGSTER_", "SPARK_", "PYTHON", "PYTEST_", "MOTO_")
"""Beginnings of variables that belong to the tests' process and that no job may see."""
_start_job_run = FakeJob.start_job_run
_answer_start = GlueResponse.start_job_run


@dataclass
class _Forced:
    job: str
    state: End
    message: str | None
    times: int


@dataclass
class _Progress:
    """What moto's model of a run has no place for."""

    since: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    error: str | None = None
    execution_class: str = "STANDARD"
    session_policy: str | None = None


class JobRuns:
    """The runs of an emulator. `minute` is how many seconds a minute of a run's timeout lasts.

    `environment` is added to what jobs find in theirs, e.g. `SPARK_REMOTE`, `environment_of` to that of the job of a name;
    `url` is the emulator's address, known later.
    """

    def __init__(self, url: Callable[[], str], warm: bool = True) -> None:
        self.minute = 60.0
        self.environment: dict[str, str] = {}
        self.environment_of: dict[str, dict[str, str]] = {}
        self.processes: dict[str, JobProcess] = {}
        """By run id, of the runs that go on."""
        self._url = url
        self._starter = JobProcesses(warm)
        self._forced: list[_Forced] = []
        self._lock = threading.RLock()

    def force(self, job: str, state: End, message: str | None = None, times: int = 1) -> None:
        """The next runs of a job end in this state without having run anything."""
        with self._lock:
            self._forced.append(_Forced(job, state, message, times))

    def reset(self) -> None:
        """Nothing is forced or added to the environment, no run goes on, and minutes are as long as ever."""
        with self._lock:
            self._forced.clear()
            self.environment.clear()
            self.environment_of.clear()
            self.minute = 60.0
        for process in list(self.processes.values()):
            process.kill()

    @contextmanager
    def running(self) -> Iterator[None]:
        """For as long as jobs can be started."""
        runs = self

        def start(job: Any, **given: Any) -> str:
            with runs._lock:
                going_on = sum(run.status in _GOING_ON for run in job.job_runs)
                if going_on >= job.execution_property.get("MaxConcurrentRuns", 1):
                    raise ConcurrentRunsExceededException(f"Concurrent runs exceeded for {job.name}")
                run_id = _start_job_run(job, **given)
                run = job.job_runs[-1]
                run.completed_on = None
                run.glue_version = job.glue_version
                run.progress = _Progress(execution_class=job.execution_class)
            threading.Thread(target=runs._carry_out, args=(job, run), name=f"glue-{job.name}", daemon=True).start()
            return run_id

        def answer_start(response: Any) -> ActionResult:
            """moto knows neither the class nor the session policy of a run."""
            with runs._lock:
                answer = _answer_start(response)
                job = response.glue_backend.get_job(response.parameters["JobName"])
                progress = job.job_runs[-1].progress
                progress.execution_class = response.parameters.get("ExecutionClass") or progress.execution_class
                progress.session_policy = response.parameters.get("ExecutionRoleSessionPolicy")
            return answer

        def batch_stop(response: Any) -> ActionResult:
            return runs._stop(
                response.glue_backend.get_job(response.parameters["JobName"]), response.parameters["JobRunIds"]
            )

        # The states are set here: moto must never advance them by itself.
        state_manager.set_transition("glue::job_run", {"progression": "manual", "times": sys.maxsize})
        with ExitStack() as stack:
            stack.callback(state_manager.unset_transition, "glue::job_run")
            stack.callback(self._starter.close)
            stack.enter_context(replaced(FakeJob, start_job_run=start))
            stack.enter_context(replaced(GlueResponse, start_job_run=answer_start, batch_stop_job_run=batch_stop))
            stack.enter_context(replaced(FakeJobRun, as_dict=_as_dict))
            yield

    def _carry_out(self, job: Any, run: Any) -> None:
        forced = self._forced_for(job.name)
        if forced is not None:
            _end(run, forced.state, forced.message)
            return
        with tempfile.TemporaryDirectory(prefix="glue-job-", ignore_cleanup_errors=True) as folder:
            try:
                # Only now: the run's class and policy are known when its answer is, under the same lock.
                with self._lock:
                    request = self._request(job, run, Path(folder))
            except LookupError as error:
                _end(run, "FAILED", f"LAUNCH ERROR | {error.args[0]}")
                return
            process = self._starter.start(request)
            self.processes[run.job_run_id] = process
            with self._lock:
                if run.status == "STARTING":
                    run.status = "RUNNING"
                else:
                    process.kill()
            in_time = process.wait((run.timeout or _FOREVER_MINUTES) * self.minute)
            if not in_time:
                process.kill()
                process.wait(_FOREVER_MINUTES)
            del self.processes[run.job_run_id]
            tail = write_log(job.backend, run.job_run_id, Path(request.output), Path(request.error))
        with self._lock:
            if run.status == "STOPPING":
                _end(run, "STOPPED")
            elif not in_time:
                _end(run, "TIMEOUT")
            elif process.code == 0:
                _end(run, "SUCCEEDED")
            else:
                _end(run, "FAILED", tail or f"Command failed with exit code {process.code}")

    def _forced_for(self, job: str) -> _Forced | None:
        with self._lock:
            for forced in self._forced:
                if forced.job == job and forced.times:
                    forced.times -= 1
                    return forced
        return None

    def _stop(self, job: Any, run_ids: list[str]) -> ActionResult:
        stopped, errors = [], []
        for run_id in run_ids:
            with self._lock:
                run = next((run for run in job.job_runs if run.job_run_id == run_id), None)
                if run is not None and run.status in ("STARTING", "RUNNING"):
                    run.status = "STOPPING"
                    stopped.append({"JobName": job.name, "JobRunId": run_id})
                    if run_id in self.processes:
                        self.processes[run_id].kill()
                    continue
            code, told = (
                ("EntityNotFoundException", f"Job run {run_id} not found")
                if run is None
                else ("InvalidInputException", f"Job run {run_id} is in state {run.status} and cannot be stopped")
            )
            detail = {"ErrorCode": code, "ErrorMessage": told}
            errors.append({"JobName": job.name, "JobRunId": run_id, "ErrorDetail": detail})
        return ActionResult({"SuccessfulSubmissions": stopped, "Errors": errors})

    def _request(self, job: Any, run: Any, folder: Path) -> Request:
        """Raises `LookupError` for a script or library that is not in S3."""
        given = dict(run.arguments)
        libraries = [uri.strip() for uri in given.pop("--extra-py-files", "").split(",") if uri.strip()]
        path = [_fetched(job.backend.account_id, uri, folder) for uri in libraries]
        given |= {"--JOB_NAME": job.name, "--JOB_RUN_ID": run.job_run_id}
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_OWN)},
            **credentials_of(job.backend, job.role, run.progress.session_policy),
            "AWS_ENDPOINT_URL": self._url(),
            "AWS_DEFAULT_REGION": job.backend.region_name,
            "AWS_REGION": job.backend.region_name,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPATH": os.pathsep.join(path),
            **self.environment,
            **self.environment_of.get(job.name, {}),
        }
        return Request(
            id=run.job_run_id,
            script=_fetched(job.backend.account_id, job.command["ScriptLocation"], folder),
            arguments=[part for pair in given.items() for part in pair],
            environment=environment,
            folder=str(folder),
            path=path,
            output=str(folder / ".stdout"),
            error=str(folder / ".stderr"),
        )


def _fetched(account: str, uri: str, folder: Path) -> str:
    """An object of S3 as a file; raises `LookupError`. Asked of moto itself, so that faults meet only calls of clients."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        found = s3_backends[account]["aws"].get_object(bucket, key)
    except Exception as error:  # moto's own for a missing bucket
        raise LookupError(f"{uri}: {error}") from error
    if found is None:
        raise LookupError(f"An error occurred (404) when calling the HeadObject operation: Not Found: {uri}")
    path = folder / key.rpartition("/")[2]
    path.write_bytes(found.value)
    return str(path)


def _end(run: Any, state: str, error: str | None = None) -> None:
    run.progress.seconds = time.monotonic() - run.progress.since
    run.progress.error = error
    run.completed_on = run.modified_on = utcnow()
    run.status = state


def _as_dict(run: Any) -> dict[str, Any]:
    """As `GetJobRun` tells it: figures that are not there yet are left out."""
    progress: _Progress = run.progress
    seconds = progress.seconds if progress.seconds is not None else time.monotonic() - progress.since
    capacity = run.max_capacity
    if run.worker_type in _DPU and run.number_of_workers:
        capacity = float(_DPU[run.worker_type] * run.number_of_workers)
    # AWS tells them only where the capacity varies.
    varies = progress.execution_class == "FLEX" or (run.arguments or {}).get("--enable-auto-scaling") == "true"
    told = {
        "Id": run.job_run_id,
        "Attempt": 0,
        "PreviousRunId": run.previous_run_id,
        "JobName": run.job_name,
        "StartedOn": run.started_on,
        "LastModifiedOn": run.modified_on,
        "CompletedOn": run.completed_on,
        "JobRunState": run.status,
        "Arguments": run.arguments,
        "ErrorMessage": progress.error,
        "PredecessorRuns": [],
        "AllocatedCapacity": math.ceil(capacity) if capacity else None,
        "ExecutionTime": 0 if run.status == "STARTING" else math.ceil(seconds),
        "Timeout": run.timeout or _FOREVER_MINUTES,
        "MaxCapacity": capacity,
        "WorkerType": run.worker_type,
        "NumberOfWorkers": run.number_of_workers,
        "SecurityConfiguration": run.security_configuration,
        "LogGroupName": "/aws-glue/jobs",
        "NotificationProperty": run.notification_property,
        "GlueVersion": run.glue_version,
        "DPUSeconds": seconds * capacity if varies and capacity and progress.seconds is not None else None,
        "ExecutionClass": progress.execution_class,
        "ExecutionRoleSessionPolicy": progress.session_policy,
    }
    return {name: value for name, value in told.items() if value is not None}
