"""Runs of one Glue job: started once whatever is lost on the way, waited for, stopped, and what they say and cost."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lake_assets.aws import Aws, error_code, told_plainly
from lake_assets.errors import AwsError, AwsUnavailableError, EngineError
from lake_assets.settings import GlueSetting, Prices

GOING_ON = frozenset({"STARTING", "RUNNING", "WAITING"})
ENDED = frozenset({"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"})
Run = Mapping[str, Any]

_FIRST_POLL_SECONDS = 0.1
_LAST_POLL_SECONDS = 5.0
_SLOWER = 1.3
_LONGEST_PAUSE_SECONDS = 30.0
_LOG_LINES = 20
_LISTED = 200
_SHORTEST_BILLED_SECONDS = 60
_GB = 1 << 30
_FEWEST_WORKERS = 2


@dataclass(frozen=True)
class Patience:
    """Seconds for which a start that is refused, or an answer that does not come, is asked for again."""

    seconds: float = 600.0
    first_pause: float = 1.0


class GlueJob:
    """A job of Glue, and its runs."""

    def __init__(self, aws: Aws, name: str, patience: Patience) -> None:
        self.name = name
        self._aws = aws
        self._glue = aws.client("glue")
        self._patience = patience

    def definition(self) -> Mapping[str, Any]:
        """Raises `EngineError` for a job that there is not."""
        with told_plainly(f"look at the Glue job {self.name}"):
            try:
                found: Mapping[str, Any] = self._glue.get_job(JobName=self.name)["Job"]
                return found
            except ClientError as error:
                if error_code(error) != "EntityNotFoundException":
                    raise
                raise EngineError(
                    f"There is no Glue job {self.name}. Create it, or correct LAKE_NAME and LAKE_REGION."
                ) from error

    def runs(self) -> list[Run]:
        """The latest ones."""
        with told_plainly(f"list the runs of the Glue job {self.name}"):
            found: list[Run] = self._glue.get_job_runs(JobName=self.name, MaxResults=_LISTED)["JobRuns"]
            return found

    def start(self, parameters: Mapping[str, Any], mark: str) -> str:
        """Start a run; its id. The argument `mark` is one that no other run has: by it a run is found whose id was lost.

        Starting has no token that would make it happen once, so that every attempt is one call. What may pass, Glue's
        throttling and its limits of runs that go on at once, is waited for; then raised as an `AwsUnavailableError`.
        """
        glue = self._aws.client("glue", attempts=1)
        until, pause = time.monotonic() + self._patience.seconds, self._patience.first_pause
        while True:
            try:
                with told_plainly(f"start the Glue job {self.name}"):
                    return str(glue.start_job_run(JobName=self.name, **parameters)["JobRunId"])
            except AwsUnavailableError as error:
                if not isinstance(error.__cause__, ClientError):
                    wanted = parameters["Arguments"][mark]
                    started = [run for run in self.runs() if run.get("Arguments", {}).get(mark) == wanted]
                    if started:
                        return str(started[0]["Id"])
                if time.monotonic() + pause > until:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def wait(self, run_id: str) -> Run:
        """The run when it has ended. Whatever ends the waiting itself, an error or the user, stops the run."""
        try:
            return self._ended(run_id)
        except BaseException:
            with suppress(AwsError):
                self.stop(run_id)
            raise

    def _ended(self, run_id: str) -> Run:
        pause, heard = _FIRST_POLL_SECONDS, time.monotonic()
        while True:
            time.sleep(pause)
            pause = min(_SLOWER * pause, _LAST_POLL_SECONDS)
            try:
                run = self.look(run_id)
            except AwsUnavailableError:
                if time.monotonic() - heard > self._patience.seconds:
                    raise
                continue
            heard = time.monotonic()
            if run["JobRunState"] in ENDED:
                return run

    def look(self, run_id: str) -> Run:
        with told_plainly(f"look at the run {run_id} of the Glue job {self.name}"):
            found: Run = self._glue.get_job_run(JobName=self.name, RunId=run_id)["JobRun"]
            return found

    def stop(self, run_id: str) -> None:
        """Raises `AwsError` when it goes on all the same."""
        with told_plainly(f"stop the run {run_id} of the Glue job {self.name}"):
            answer = self._glue.batch_stop_job_run(JobName=self.name, JobRunIds=[run_id])
        for refused in answer.get("Errors", ()):
            detail = refused.get("ErrorDetail", {})
            if self.look(run_id)["JobRunState"] in GOING_ON:
                raise AwsError(f"The run {run_id} of {self.name} goes on: {detail.get('ErrorMessage', 'not stopped')}.")

    def console(self, run_id: str) -> str:
        """Address of a run in the console of AWS."""
        region = self._glue.meta.region_name
        return f"https://{region}.console.aws.amazon.com/gluestudio/home?region={region}#/job/{self.name}/run/{run_id}"

    def log(self, run: Run) -> str:
        """The last lines of the driver's log, of its errors if there are any; empty where there is none."""
        group = run.get("LogGroupName", "/aws-glue/jobs")
        for stream in ("error", "output"):
            with suppress(AwsError), told_plainly("read the driver's log"):
                events = self._aws.client("logs").get_log_events(
                    logGroupName=f"{group}/{stream}", logStreamName=run["Id"], limit=_LOG_LINES, startFromHead=False
                )["events"]
                if events:
                    return "\n".join(event["message"].rstrip() for event in events)
        return ""


def workers(input_bytes: int, setting: GlueSetting) -> int:
    """One drives, the others work; never more than the setting allows."""
    wanted = 1 + math.ceil(input_bytes / (setting.gb_per_worker * _GB))
    return min(max(wanted, _FEWEST_WORKERS), setting.workers)


def dpu_seconds(run: Run) -> float:
    """What is billed. Glue tells it only where the capacity varies; each run counts for a minute at least."""
    capacity = float(run.get("MaxCapacity") or 0.0)
    used = float(run.get("DPUSeconds") or run.get("ExecutionTime", 0) * capacity)
    return max(used, _SHORTEST_BILLED_SECONDS * capacity) if used else 0.0


def dollars(run: Run, prices: Prices) -> float:
    hour = prices.glue_flex_dpu_hour if run.get("ExecutionClass") == "FLEX" else prices.glue_dpu_hour
    return dpu_seconds(run) / 3600 * hour


def session_policy(
    read: Iterable[str], write: Iterable[str], buckets: Iterable[str], aws_partition: str = "aws"
) -> dict[str, Any]:
    """What a run may do at most, of what its role may: `read` and `write` are `bucket/key*`, `buckets` those it may list.

    `aws_partition` begins the names of resources: `aws`, `aws-cn` or `aws-us-gov`.

    It can only take away, so that the star over logs and keys gives nothing that the role has not.
    """

    def arns(places: Iterable[str]) -> list[str]:
        return [f"arn:{aws_partition}:s3:::{place}" for place in sorted(set(places))]

    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": arns([*read, *write])},
            {
                "Effect": "Allow",
                "Action": ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                "Resource": arns(write),
            },
            {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": arns(buckets)},
            {
                "Effect": "Allow",
                "Action": ["logs:*", "cloudwatch:PutMetricData", "kms:Decrypt", "kms:GenerateDataKey*", "glue:Get*"],
                "Resource": "*",
            },
        ],
    }
