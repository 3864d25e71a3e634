"""The engine `glue`: each task is a run of the Glue job of its layer, `<name>-<layer>`, which reports through Dagster Pipes.

The task goes to S3 and so does the result. A run that goes on although its orchestrator is gone is adopted by the next one that
wants the same work. Dagster's own `PipesGlueClient` knows nothing of this: it waits for ever for a run that expired, changes
its caller's parameters, loses the driver's log, and fails on any throttled call; here its parts are put together anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import dagster as dg
from dagster_aws.pipes import PipesS3ContextInjector

from lake_assets import errors
from lake_assets.engine.glue_job import TASK_ARGUMENT
from lake_assets.engine.glue_messages import PromptMessageReader
from lake_assets.engine.glue_runs import (
    GOING_ON,
    GlueJob,
    Patience,
    Run,
    dollars,
    dpu_seconds,
    session_policy,
    workers,
)
from lake_assets.errors import EngineError, EngineLostError, LakeError, StorageError
from lake_assets.lake.places import aws_of
from lake_assets.lake.s3_store import S3Store
from lake_assets.lake.task import FAILURE_FILE, RESULT_FILE, TASK_FILE, Failure, Figure, Result, Task
from lake_assets.liveness import sign_of_life
from lake_assets.location import S3Folder, location

if TYPE_CHECKING:
    from lake_assets.settings import Settings

_WORK = "--lake_work"
_RUN = "--lake_run"
_MESSAGE_SECONDS = 2.0
_LONGEST_POLICY = 2048
"""Characters that AWS takes."""
_PERMANENT = ("LAUNCH ERROR", "ModuleNotFoundError", "ImportError", "SyntaxError")
"""Signs of a job that cannot start, however often it is tried."""


class GlueEngine:
    """Runs tasks as Glue jobs, for the step of `context`."""

    name = "glue"

    def __init__(self, settings: Settings, context: dg.AssetExecutionContext, patience: Patience | None = None) -> None:
        self._settings = settings
        self._context = context
        self._aws = aws_of(settings)
        self._patience = patience or Patience()

    def run(self, task: Task) -> Result:
        """Raises what the job raised, where the user can mend it, else `EngineError`; `EngineLostError` for what may pass."""
        job = GlueJob(self._aws, f"{self._settings.name}-{task.layer}", self._patience)
        definition = job.definition()
        found = next(self._adoptable(job, task), None)
        if found is None:
            return self._result(job, task, self._carry_out(job, task, definition))
        run, adopted = found
        self._context.log.info(f"Run {run['Id']} of {job.name} does this work already, and is waited for.")
        result = self._result(job, adopted, job.wait(run["Id"]))
        return result.model_copy(update={"staging": adopted.staging, "load_timestamp": adopted.load_timestamp})

    def _carry_out(self, job: GlueJob, task: Task, definition: Mapping[str, Any]) -> Run:
        s3 = self._aws.client("s3")
        self._staging(task).put(TASK_FILE, task.model_dump_json().encode())
        with dg.open_pipes_session(
            context=self._context,
            context_injector=PipesS3ContextInjector(bucket=self._settings.pipes_bucket, client=s3),
            message_reader=PromptMessageReader(
                bucket=self._settings.pipes_bucket, client=s3, interval=_MESSAGE_SECONDS
            ),
        ) as session:
            parameters = self._parameters(task, definition, session.get_bootstrap_cli_arguments())
            run_id = job.start(parameters, TASK_ARGUMENT)
            self._context.log.info(f"Started run {run_id} of the Glue job {job.name}: {job.console(run_id)}")
            return job.wait(run_id)

    def _parameters(self, task: Task, definition: Mapping[str, Any], pipes: Mapping[str, str]) -> dict[str, Any]:
        setting = self._settings.glue_of(task.layer)
        arguments = {
            TASK_ARGUMENT: f"{task.staging}/{TASK_FILE}",
            _WORK: task.work,
            _RUN: task.run_id,
            **({"--enable-auto-scaling": "true"} if setting.autoscaling else {}),
            **pipes,
        }
        return {
            "Arguments": arguments,
            "WorkerType": setting.worker_type,
            "NumberOfWorkers": workers(task.input_bytes, setting),
            "Timeout": setting.timeout_minutes,
            "ExecutionClass": "FLEX" if setting.flex else "STANDARD",
            "ExecutionRoleSessionPolicy": self._policy(task, definition),
        }

    def _policy(self, task: Task, definition: Mapping[str, Any]) -> str:
        """As JSON. Where a task reads so many tables that they do not fit, it may read their layers."""
        root, staging = cast(S3Folder, self._settings.root), cast(S3Folder, location(task.staging))
        pipes = self._settings.pipes_bucket
        given = definition.get("DefaultArguments", {})
        programs = [definition["Command"]["ScriptLocation"], *given.get("--extra-py-files", "").split(",")]
        own = [_place(uri) for uri in programs if uri.strip()]
        inputs = (*task.inputs, *task.references, *task.replaced, *task.standing)
        uris = [*(item.uri for item in inputs), *(file.uri for file in task.files)]
        depth = root.key("").count("/") + 3 if root.prefix else 2
        buckets = {root.bucket, pipes, *(uri.split("/")[2] for uri in uris)}
        aws_partition = self._aws.client("s3").meta.partition
        write = [f"{staging.bucket}/{staging.prefix}/*", f"{pipes}/*"]
        for levels in (depth, depth - 1):
            below = {_above(uri, levels) for uri in (item.uri for item in inputs)}
            sources = {f"{_place(file.uri).rpartition('/')[0]}/*" for file in task.files}
            found = session_policy([*own, *below, *sources], write, buckets, aws_partition)
            policy = json.dumps(found, separators=(",", ":"))
            if len(policy) <= _LONGEST_POLICY:
                break
        return policy

    def _adoptable(self, job: GlueJob, task: Task) -> Iterator[tuple[Run, Task]]:
        """Runs that do the same work, for an orchestrator that is gone; each with its own task."""
        for run in job.runs():
            given = run.get("Arguments", {})
            if run["JobRunState"] not in GOING_ON or given.get(_WORK) != task.work:
                continue
            if not self._is_given_up(given.get(_RUN, "")):
                continue
            left = self._opened(given[TASK_ARGUMENT].rpartition("/")[0], task.layer)
            if stored := left.read(TASK_FILE):
                yield run, Task.model_validate_json(stored[0])

    def _is_given_up(self, run_id: str) -> bool:
        """Whether nobody waits for what a Dagster run started: it is this one, or its process is dead, or it is over."""
        if run_id == self._context.op_execution_context.run_id:
            return True
        instance = self._context.instance
        sign = sign_of_life(Path(instance.root_directory), run_id) if instance.is_persistent else "unknown"
        if sign != "unknown":
            return sign == "dead"
        known = instance.get_run_by_id(run_id)
        return known is None or known.is_finished

    def _result(self, job: GlueJob, task: Task, run: Run) -> Result:
        state = run["JobRunState"]
        if state != "SUCCEEDED":
            # What publishes nothing has no materialisation that could tell what it cost.
            told = dg.AssetObservation(self._context.asset_key, metadata=self._figures(job, run))
            self._context.log_event(told)
            self._fail(job, task, run)
        stored = self._staging(task).read(RESULT_FILE)
        if stored is None:
            raise EngineError(
                f"Run {run['Id']} of the Glue job {job.name} succeeded, but left no result. Its script must be "
                f"lake_assets/engine/glue_script.py of this version. {job.console(run['Id'])}"
            )
        result = Result.model_validate_json(stored[0])
        return result.model_copy(update={"figures": {**result.figures, **self._figures(job, run)}})

    def _figures(self, job: GlueJob, run: Run) -> dict[str, Figure]:
        return {
            "glue_run": run["Id"],
            "glue_console": job.console(run["Id"]),
            "glue_dpu_seconds": dpu_seconds(run),
            "cost_usd": dollars(run, self._settings.prices),
        }

    def _fail(self, job: GlueJob, task: Task, run: Run) -> NoReturn:
        """Raises what the job told, or what became of its run."""
        stored = self._staging(task).read(FAILURE_FILE)
        failure = Failure.model_validate_json(stored[0]) if stored else None
        if failure and failure.is_told:
            raise _same_error(failure)
        state, told = run["JobRunState"], failure.message if failure else str(run.get("ErrorMessage", ""))
        log = job.log(run)
        message = (
            f"{task.layer}.{task.table}: run {run['Id']} of the Glue job {job.name} {self._ending(task, run)}"
            + (f": {told}" if told else ".")
            + (f"\nThe end of the driver's log:\n{log}" if log else "")
            + f"\n{job.console(run['Id'])}"
        )
        is_lost = state in ("EXPIRED", "ERROR") or (
            state == "FAILED" and failure is None and not any(sign in f"{told}\n{log}" for sign in _PERMANENT)
        )
        raise EngineLostError(message) if is_lost else EngineError(message)

    def _ending(self, task: Task, run: Run) -> str:
        minutes = run.get("Timeout", self._settings.glue_of(task.layer).timeout_minutes)
        endings = {
            "STOPPED": "was stopped by somebody in Glue",
            "TIMEOUT": f"took longer than its {minutes} minutes; LAKE_GLUE sets timeout_minutes",
            "EXPIRED": "got no workers in time, and expired",
            "ERROR": "ended by an error of Glue itself",
        }
        return endings.get(run["JobRunState"], "failed")

    def _staging(self, task: Task) -> S3Store:
        return self._opened(task.staging, task.layer)

    def _opened(self, staging: str, layer: str) -> S3Store:
        """A staging folder, under the role of the layer and in the lake's account only."""
        place, aws = cast(S3Folder, location(staging)), aws_of(self._settings, layer)
        return S3Store(place, aws, self._settings.expected_owner, self._settings.kms_key)


def _same_error(failure: Failure) -> LakeError:
    """The error that the job told, in its class."""
    kind = getattr(errors, failure.error, LakeError)
    is_ours = isinstance(kind, type) and issubclass(kind, LakeError)
    return cast("type[LakeError]", kind)(failure.message) if is_ours else StorageError(failure.message)


def _place(uri: str) -> str:
    return uri.strip().partition("://")[2]


def _above(uri: str, levels: int) -> str:
    """The first parts of an address, with all below: the bucket, and as many folders as make `levels`."""
    return "/".join(_place(uri).split("/")[: levels + 1]) + "/*"
