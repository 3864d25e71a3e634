"""The emulator's Glue jobs: a process for each run, with the states, figures, logs and refusals of AWS."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lake_assets_tests.support.aws.emulator import Emulator

_TERMINAL = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "EXPIRED", "ERROR"}
Run = dict[str, Any]


class Job:
    """A Glue job of one script, and what a test asks of it."""

    def __init__(self, aws: Emulator, script: str, **definition: Any) -> None:
        self.bucket = aws.new_bucket("jobs")
        self.name = self.bucket
        aws.client("s3").put_object(Bucket=self.bucket, Key="job.py", Body=script.encode())
        self.glue = aws.client("glue")
        self.glue.create_job(
            **{
                "Name": self.name,
                "Role": "arn:aws:iam::123456789012:role/glue",
                "Command": {"Name": "glueetl", "ScriptLocation": f"s3://{self.bucket}/job.py", "PythonVersion": "3"},
                "GlueVersion": "6.0",
                "WorkerType": "G.2X",
                "NumberOfWorkers": 3,
                "Timeout": 10,
                **definition,
            }
        )

    def start(self, **given: Any) -> str:
        run_id: str = self.glue.start_job_run(JobName=self.name, **given)["JobRunId"]
        return run_id

    def look(self, run_id: str) -> Run:
        run: Run = self.glue.get_job_run(JobName=self.name, RunId=run_id)["JobRun"]
        return run

    def wait(self, run_id: str, states: set[str] = _TERMINAL) -> Run:
        until = time.monotonic() + 20
        while (run := self.look(run_id))["JobRunState"] not in states:
            assert time.monotonic() < until, run
            time.sleep(0.02)
        return run

    def run(self, **given: Any) -> Run:
        return self.wait(self.start(**given))


@pytest.fixture
def job(aws: Emulator) -> Callable[..., Job]:
    return lambda script, **definition: Job(aws, script, **definition)


def _log(group: str, run_id: str) -> list[str]:
    logs = boto3.client("logs")
    events = logs.get_log_events(logGroupName=group, logStreamName=run_id, startFromHead=True)["events"]
    return [event["message"] for event in events]


_TELL = """
import json, os, sys
import boto3
import helper
body = {"arguments": sys.argv[1:], "helper": helper.__file__, "pid": os.getpid(), "environment": dict(os.environ),
        "checkout": [path for path in sys.path if os.path.isdir(os.path.join(path, "lake_assets_tests"))]}
boto3.client("s3").put_object(Bucket=sys.argv[sys.argv.index("--bucket") + 1], Key="told", Body=json.dumps(body))
"""


def test_a_job_reaches_its_bucket_with_its_libraries_and_arguments_and_nothing_of_the_checkout(
    aws: Emulator, job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_ROOT", "/somewhere")
    monkeypatch.setenv("DAGSTER_HOME", "/somewhere")
    aws.glue.environment["EXTRA"] = "given by the test"
    made = job(_TELL, DefaultArguments={"--job-language": "python"})
    library = io.BytesIO()
    with zipfile.ZipFile(library, "w") as archive:
        archive.writestr("helper.py", "")
    s3 = aws.client("s3")
    s3.put_object(Bucket=made.bucket, Key="lib/helper-1.0-py3-none-any.whl", Body=library.getvalue())
    run = made.run(
        Arguments={"--bucket": made.bucket, "--extra-py-files": f"s3://{made.bucket}/lib/helper-1.0-py3-none-any.whl"}
    )
    assert run["JobRunState"] == "SUCCEEDED", _log("/aws-glue/jobs/error", run["Id"])
    told = json.loads(s3.get_object(Bucket=made.bucket, Key="told")["Body"].read())
    assert told["arguments"] == [
        *("--job-language", "python", "--bucket", made.bucket, "--JOB_NAME", made.name, "--JOB_RUN_ID", run["Id"])
    ]
    assert "helper-1.0-py3-none-any.whl/helper.py" in told["helper"]
    assert told["pid"] != os.getpid()
    assert told["checkout"] == []
    found = told["environment"]
    assert found["EXTRA"] == "given by the test"
    assert found["AWS_ENDPOINT_URL"] == aws.url
    assert not [name for name in found if name.startswith(("LAKE_", "DAGSTER_"))]


def test_a_run_tells_its_workers_time_and_cost(job: Callable[..., Job]) -> None:
    made = job("import time; time.sleep(0.3)", DefaultArguments={"--enable-auto-scaling": "true"})
    run = made.run(ExecutionClass="FLEX", NumberOfWorkers=4, Timeout=7)
    assert run["JobRunState"] == "SUCCEEDED"
    assert (run["WorkerType"], run["NumberOfWorkers"], run["MaxCapacity"]) == ("G.2X", 4, 8.0)
    assert (run["ExecutionClass"], run["GlueVersion"], run["Timeout"]) == ("FLEX", "6.0", 7)
    assert run["ExecutionTime"] >= 1
    assert 0.3 * 8 <= run["DPUSeconds"] <= run["ExecutionTime"] * 8
    assert "ErrorMessage" not in run
    fixed = job("pass").run()
    assert "DPUSeconds" not in fixed


def test_a_failed_run_tells_its_error_and_has_both_logs(job: Callable[..., Job]) -> None:
    run = job("print('at work')\nraise RuntimeError('boom: no such table')").run()
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"] == "RuntimeError: boom: no such table"
    assert _log("/aws-glue/jobs/output", run["Id"]) == ["at work"]
    assert _log("/aws-glue/jobs/error", run["Id"])[0] == "Traceback (most recent call last):"


@pytest.mark.parametrize(
    ("code", "state"), [("sys.exit(0)", "SUCCEEDED"), ("sys.exit(3)", "FAILED"), ("os._exit(5)", "FAILED")]
)
def test_the_exit_code_decides(job: Callable[..., Job], code: str, state: str) -> None:
    assert job(f"import os, sys; {code}").run()["JobRunState"] == state


def test_a_script_that_is_not_there_fails_the_run(job: Callable[..., Job]) -> None:
    run = job("pass", Command={"Name": "glueetl", "ScriptLocation": "s3://nowhere/job.py"}).run()
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith("LAUNCH ERROR")


def test_a_stopped_run_is_killed(aws: Emulator, job: Callable[..., Job]) -> None:
    made = job("import time; time.sleep(60)")
    run_id = made.start()
    assert "CompletedOn" not in made.wait(run_id, {"RUNNING"})
    pid = aws.glue.processes[run_id].pid
    answer = made.glue.batch_stop_job_run(JobName=made.name, JobRunIds=[run_id, "jr_unknown"])
    assert [each["JobRunId"] for each in answer["SuccessfulSubmissions"]] == [run_id]
    assert [each["JobRunId"] for each in answer["Errors"]] == ["jr_unknown"]
    assert made.wait(run_id)["JobRunState"] == "STOPPED"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_run_beyond_its_timeout_is_killed(aws: Emulator, job: Callable[..., Job]) -> None:
    aws.glue.minute = 0.1
    started = time.monotonic()
    assert job("import time; time.sleep(60)").run(Timeout=3)["JobRunState"] == "TIMEOUT"
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("state", ["EXPIRED", "ERROR", "SUCCEEDED", "STOPPED"])
def test_a_run_can_be_made_to_end_in_any_state_without_running(
    aws: Emulator, job: Callable[..., Job], state: str
) -> None:
    made = job("import missing")
    aws.glue.force(made.name, state, message="said so")  # type: ignore[arg-type]
    run = made.run()
    assert (run["JobRunState"], run["ErrorMessage"]) == (state, "said so")
    assert made.run()["JobRunState"] == "FAILED"


def test_no_more_runs_go_on_than_the_job_allows(job: Callable[..., Job]) -> None:
    made = job("import time; time.sleep(60)", ExecutionProperty={"MaxConcurrentRuns": 2})
    made.start()
    made.start()
    with pytest.raises(ClientError, match="ConcurrentRunsExceededException"):
        made.start()


def test_a_throttled_start_starts_nothing(aws: Emulator, job: Callable[..., Job]) -> None:
    made = job("pass")
    aws.faults.add("StartJobRun", times=2, error="ThrottlingException")
    once = boto3.client("glue", config=Config(retries={"total_max_attempts": 1}))
    for _ in range(2):
        with pytest.raises(ClientError, match="ThrottlingException"):
            once.start_job_run(JobName=made.name)
    assert made.glue.get_job_runs(JobName=made.name)["JobRuns"] == []
    assert made.run()["JobRunState"] == "SUCCEEDED"


_ASK_SAIL = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.range(1000).selectExpr("id", "id % 7 AS part").coalesce(1).write.parquet(sys.argv[sys.argv.index("--target") + 1])
assert spark.read.parquet(sys.argv[sys.argv.index("--target") + 1]).count() == 1000
spark.stop()
"""


def test_a_job_works_on_spark_over_the_emulators_s3(aws: Emulator, job: Callable[..., Job], sail: str) -> None:
    aws.glue.environment["SPARK_REMOTE"] = sail
    made = job(_ASK_SAIL)
    run = made.run(Arguments={"--target": f"s3://{made.bucket}/table"})
    assert run["JobRunState"] == "SUCCEEDED", _log("/aws-glue/jobs/error", run["Id"])
    listed = aws.client("s3").list_objects_v2(Bucket=made.bucket, Prefix="table/")["Contents"]
    assert [found for found in listed if found["Key"].endswith(".parquet")]
