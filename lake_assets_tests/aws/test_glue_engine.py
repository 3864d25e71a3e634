"""The engine `glue`: what becomes of a task whose run succeeds, fails, is stopped, is refused, or was started before."""

import json
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from lake_assets import liveness
from lake_assets.cli.cost import costs
from lake_assets.contract.layers import BRONZE
from lake_assets.engine.glue import GlueEngine
from lake_assets.engine.glue_job import hadoop_configuration
from lake_assets.engine.glue_runs import Patience, dollars, dpu_seconds, session_policy, workers
from lake_assets.engine.staging import staging_store
from lake_assets.errors import AwsError, AwsUnavailableError, EngineError, EngineLostError, may_pass
from lake_assets.lake.lake import Lake
from lake_assets.lake.task import FileInput, Result, SourceAccess, Task
from lake_assets.location import S3Folder, location
from lake_assets.settings import GlueSetting, Prices
from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.aws.glue_lake import GlueLake, glue_lake
from lake_assets_tests.support.aws.small_roles import SmallRole

_SLEEP = "import time; time.sleep(60)"
_ANSWER = """
import sys, time
import boto3
from lake_assets.lake.task import Result
time.sleep({seconds})
bucket, _, key = sys.argv[sys.argv.index("--lake_task") + 1].removeprefix("s3://").partition("/")
body = Result(partitions=(), seconds=1.5).model_dump_json().encode()
boto3.client("s3").put_object(Bucket=bucket, Key=key.replace("task.json", "result.json"), Body=body)
"""
_ANSWER_WHEN_TOLD = (
    """
import time
from pathlib import Path
while not Path({told!r}).exists():
    time.sleep(0.02)
"""
    + _ANSWER
)
_CHECKED_SCRIPT = """
import sys
from lake_assets.engine.glue_job import main
main()
found = [name for name in sys.modules if name.split(".")[0] in ("dagster", "dagster_aws", "dagster_pyspark")]
assert not found, found
"""
_QUICK = Patience(seconds=20, first_pause=0.02)

MakeLake = Callable[..., GlueLake]


@pytest.fixture
def lake(aws: Emulator, wheel: Path) -> MakeLake:
    return lambda script, **more: glue_lake(aws, wheel, script=script, **more)


def a_task(lake: GlueLake, **given: Any) -> Task:
    run_id = given.get("run_id", str(uuid.uuid4()))
    return Task.model_validate(
        {
            "layer": "bronze",
            "table": "reason",
            "partitions": ("batch-000001",),
            "staging": f"s3://{lake.bucket}/lake/_staging/{run_id}/bronze.reason",
            "run_id": run_id,
            "load_timestamp": datetime.now(UTC),
            "memory_gb": 1,
            "threads": 1,
            "access": SourceAccess(copied=False),
            "actions": {"schema": "block", "readable": "warn"},
            **given,
        }
    )


def carry_out(
    lake: GlueLake,
    task: Task,
    patience: Patience = _QUICK,
    instance: dg.DagsterInstance | None = None,
    **settings: Any,
) -> Result:
    """The result of a task in the step of an asset, or what the engine raises there."""
    answers: list[Result] = []

    @dg.asset
    def step(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        answers.append(GlueEngine(lake.settings(**settings), context, patience).run(task))
        return dg.MaterializeResult()

    dg.materialize([step], instance=instance)
    return answers[0]


def runs_of(aws: Emulator, lake: GlueLake) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.client("glue").get_job_runs(JobName=f"{lake.name}-bronze")["JobRuns"]
    return found


def when_running(aws: Emulator, lake: GlueLake, act: Callable[[str], object]) -> threading.Thread:
    """Do something to the first run as soon as it goes on."""

    def watch() -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            for run in runs_of(aws, lake):
                if run["JobRunState"] == "RUNNING":
                    act(run["Id"])
                    return
            time.sleep(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_a_batch_becomes_bronze_by_a_job_that_knows_nothing_of_dagster(
    aws: Emulator, sail: str, lake: MakeLake, source: Path
) -> None:
    aws.glue.environment["SPARK_REMOTE"] = sail
    made = lake(_CHECKED_SCRIPT)
    (file,) = (source / "reason").iterdir()
    uri = f"s3://{made.source}/tpcds/reason/{file.name}"
    answer = aws.client("s3").put_object(Bucket=made.source, Key=f"tpcds/reason/{file.name}", Body=file.read_bytes())
    given = FileInput(uri=uri, path=f"reason/{file.name}", object="x.parquet", etag=answer["ETag"], size=1000)
    task = a_task(made, files=(given,))
    result = carry_out(made, task, glue={"bronze": {"worker_type": "G.2X", "flex": True, "timeout_minutes": 7}})
    assert [known.rows for known in result.partitions] == [result.partitions[0].objects[0].lines]
    (run,) = runs_of(aws, made)
    assert (run["WorkerType"], run["NumberOfWorkers"], run["ExecutionClass"], run["Timeout"]) == ("G.2X", 2, "FLEX", 7)
    figures = result.figures
    assert figures["glue_run"] == run["Id"]
    assert str(figures["glue_console"]).endswith(f"#/job/{made.name}-bronze/run/{run['Id']}")
    assert figures["glue_dpu_seconds"] == max(run["DPUSeconds"], 60 * 4)
    assert figures["cost_usd"] == pytest.approx(float(figures["glue_dpu_seconds"]) / 3600 * 0.29)
    policy = json.loads(run["ExecutionRoleSessionPolicy"])
    allowed = {action: each["Resource"] for each in policy["Statement"] for action in each["Action"]}
    staging = f"arn:aws:s3:::{task.staging.removeprefix('s3://')}/*"
    assert allowed["s3:PutObject"] == sorted([staging, f"arn:aws:s3:::{made.pipes}/*"])
    assert f"arn:aws:s3:::{made.source}/tpcds/reason/*" in allowed["s3:GetObject"]
    assert f"arn:aws:s3:::{made.bucket}/code/glue_script.py" in allowed["s3:GetObject"]
    assert not any(arn.endswith((":::*", f"{made.bucket}/*", "lake/*")) for arn in allowed["s3:GetObject"])


def test_what_the_user_can_mend_is_raised_as_the_job_raised_it(aws: Emulator, sail: str, lake: MakeLake) -> None:
    aws.glue.environment["SPARK_REMOTE"] = sail
    made = lake(None)
    missing = FileInput(uri=f"s3://{made.source}/reason/a.dat", path="reason/a.dat", object="a", etag='"1"')
    with pytest.raises(AwsError, match=r"^Cannot read s3://.*/reason/a.dat: .*\(NoSuchKey\)\.$") as raised:
        carry_out(made, a_task(made, files=(missing,)))
    assert type(raised.value) is AwsError
    assert [run["JobRunState"] for run in runs_of(aws, made)] == ["FAILED"]


def test_a_failed_run_is_told_with_the_end_of_the_drivers_log(lake: MakeLake) -> None:
    made = lake("import sys; sys.stderr.write('at line 17\\n'); raise RuntimeError('out of disk')")
    with pytest.raises(EngineLostError, match="failed: RuntimeError: out of disk") as raised:
        carry_out(made, a_task(made))
    assert "at line 17\nTraceback" in str(raised.value)
    assert "console.aws.amazon.com" in str(raised.value)


def test_what_a_failed_run_cost_is_counted(aws: Emulator, lake: MakeLake) -> None:
    made = lake("raise RuntimeError('out of disk')")
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(EngineLostError):
            carry_out(made, a_task(made), instance=instance)
        (cost,) = costs(instance, runs=5)
    (run,) = runs_of(aws, made)
    assert (cost.table, cost.status, cost.partitions, cost.bytes) == ("step", "failure", 0, 0)
    assert cost.dpu_seconds == dpu_seconds(run) == 120
    assert cost.dollars == pytest.approx(120 / 3600 * 0.44)


def test_a_job_that_cannot_start_is_not_tried_again(lake: MakeLake) -> None:
    made = lake("import missing_module")
    with pytest.raises(EngineError, match="No module named 'missing_module'") as raised:
        carry_out(made, a_task(made))
    assert not may_pass(raised.value)


def test_a_job_that_there_is_not_is_told(lake: MakeLake) -> None:
    made = lake("pass")
    with pytest.raises(EngineError, match=f"There is no Glue job {made.name}-x-bronze. Create it"):
        carry_out(made, a_task(made), name=f"{made.name}-x")


def test_a_run_that_somebody_stops_in_glue_fails_the_step_for_good(aws: Emulator, lake: MakeLake) -> None:
    made = lake(_SLEEP)
    glue = aws.client("glue")
    job = f"{made.name}-bronze"
    thread = when_running(aws, made, lambda run_id: glue.batch_stop_job_run(JobName=job, JobRunIds=[run_id]))
    with pytest.raises(EngineError, match="was stopped by somebody in Glue") as raised:
        carry_out(made, a_task(made))
    thread.join()
    assert not may_pass(raised.value)


def test_a_cancelled_step_stops_its_run(aws: Emulator, lake: MakeLake, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lake(_SLEEP)
    sleep = time.sleep

    def interrupted(seconds: float) -> None:
        sleep(seconds)
        if any(run["JobRunState"] == "RUNNING" for run in runs_of(aws, made)):
            raise KeyboardInterrupt

    monkeypatch.setattr("lake_assets.engine.glue_runs.time.sleep", interrupted)
    with pytest.raises((KeyboardInterrupt, dg.DagsterExecutionInterruptedError)):
        carry_out(made, a_task(made))
    monkeypatch.undo()
    until = time.monotonic() + 10
    while (state := runs_of(aws, made)[0]["JobRunState"]) != "STOPPED":
        assert time.monotonic() < until, state
        sleep(0.05)


def test_a_run_beyond_its_time_names_the_setting(aws: Emulator, lake: MakeLake) -> None:
    aws.glue.minute = 0.1
    made = lake(_SLEEP)
    with pytest.raises(EngineError, match="took longer than its 3 minutes; LAKE_GLUE sets timeout_minutes") as raised:
        carry_out(made, a_task(made), glue={"bronze": {"timeout_minutes": 3}})
    assert not may_pass(raised.value)


@pytest.mark.parametrize(("state", "told"), [("EXPIRED", "got no workers in time"), ("ERROR", "error of Glue itself")])
def test_what_glue_did_not_manage_may_pass(aws: Emulator, lake: MakeLake, state: Any, told: str) -> None:
    made = lake("pass")
    aws.glue.force(f"{made.name}-bronze", state)
    with pytest.raises(EngineLostError, match=told) as raised:
        carry_out(made, a_task(made))
    assert may_pass(raised.value)


def test_a_throttled_start_is_tried_again_and_starts_one_run(aws: Emulator, lake: MakeLake) -> None:
    made = lake(_ANSWER.format(seconds=0))
    aws.faults.add("StartJobRun", times=3, error="ThrottlingException")
    assert carry_out(made, a_task(made)).seconds == 1.5
    assert len(runs_of(aws, made)) == 1


def test_a_start_whose_answer_is_lost_starts_one_run(aws: Emulator, lake: MakeLake) -> None:
    made = lake(_ANSWER.format(seconds=0))
    aws.faults.add("StartJobRun", times=1, reset="after")
    assert carry_out(made, a_task(made)).seconds == 1.5
    assert len(runs_of(aws, made)) == 1


def test_a_run_waits_for_its_turn_where_too_many_go_on(aws: Emulator, lake: MakeLake) -> None:
    made = lake(_ANSWER.format(seconds=0.5), concurrent=1)
    other = a_task(made)
    arguments = {"--lake_task": f"{other.staging}/task.json"}
    aws.client("glue").start_job_run(JobName=f"{made.name}-bronze", Arguments=arguments)
    assert carry_out(made, a_task(made)).seconds == 1.5
    assert [run["JobRunState"] for run in runs_of(aws, made)] == ["SUCCEEDED", "SUCCEEDED"]


def test_a_limit_of_runs_that_stays_reached_may_pass(aws: Emulator, lake: MakeLake) -> None:
    made = lake(_SLEEP, concurrent=1)
    aws.client("glue").start_job_run(JobName=f"{made.name}-bronze")
    with pytest.raises(AwsUnavailableError, match=r"Cannot start the Glue job .*ConcurrentRunsExceeded") as raised:
        carry_out(made, a_task(made), Patience(seconds=0.2, first_pause=0.02))
    assert may_pass(raised.value)
    assert len(runs_of(aws, made)) == 1


def test_a_run_without_a_result_has_not_succeeded(lake: MakeLake) -> None:
    made = lake("pass")
    with pytest.raises(EngineError, match="succeeded, but left no result"):
        carry_out(made, a_task(made))


def _begin(aws: Emulator, lake: GlueLake, task: Task) -> None:
    """What an orchestrator does before it dies."""
    place = task.staging.removeprefix(f"s3://{lake.bucket}/")
    aws.client("s3").put_object(Bucket=lake.bucket, Key=f"{place}/task.json", Body=task.model_dump_json().encode())
    arguments = {
        "--lake_task": f"{task.staging}/task.json",
        "--lake_work": task.work,
        "--lake_run": task.run_id,
    }
    aws.client("glue").start_job_run(JobName=f"{lake.name}-bronze", Arguments=arguments)


@pytest.fixture
def long_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job whose runs go on until an engine has looked for them and begins to wait."""
    told = tmp_path / "told"

    def tell(seconds: float) -> None:
        told.touch()
        time.sleep(seconds)

    # The name in that module alone: the emulator of this process sleeps too.
    own = SimpleNamespace(sleep=tell, monotonic=time.monotonic)
    monkeypatch.setattr("lake_assets.engine.glue_runs.time", own)
    return _ANSWER_WHEN_TOLD.format(told=str(told), seconds=0)


def test_after_a_restart_the_run_that_goes_on_is_adopted_and_none_is_started(
    aws: Emulator, lake: MakeLake, long_run: str
) -> None:
    made = lake(long_run)
    dead, task = a_task(made), a_task(made)
    _begin(aws, made, dead)
    result = carry_out(made, task)
    assert (result.staging, result.load_timestamp) == (dead.staging, dead.load_timestamp)
    assert len(runs_of(aws, made)) == 1


def test_a_run_is_adopted_under_the_role_of_its_layer(
    aws: Emulator, lake: MakeLake, long_run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = lake(long_run)
    dead, task = a_task(made), a_task(made)
    _begin(aws, made, dead)
    job = f"arn:aws:glue:{aws.region}:{aws.account}:job/{made.name}-bronze"
    orchestrator = SmallRole(aws, (["glue:GetJob", "glue:GetJobRun", "glue:GetJobRuns"], [job]))
    staging = f"arn:aws:s3:::{made.bucket}/lake/_staging/*"
    layer = SmallRole(aws, (["s3:GetObject"], [staging]), trusts=[orchestrator.arn])
    orchestrator.may((["glue:GetJob", "glue:GetJobRun", "glue:GetJobRuns"], [job]), (["sts:AssumeRole"], [layer.arn]))
    try:
        with monkeypatch.context() as patch:
            for name, value in orchestrator.keys.items():
                patch.setenv(name, value)
            assert carry_out(made, task, roles={"bronze": layer.arn}).staging == dead.staging
    finally:
        orchestrator.remove()
        layer.remove()
    assert len(runs_of(aws, made)) == 1


def test_a_run_whose_task_lies_in_a_bucket_of_another_account_is_not_adopted(aws: Emulator, lake: MakeLake) -> None:
    made = lake(_SLEEP)
    _begin(aws, made, a_task(made))
    with pytest.raises(AwsError, match=r"Cannot read .*task\.json.*AccessDenied"):
        carry_out(made, a_task(made), expected_owner="999999999999")


def test_a_run_that_does_other_work_is_not_adopted(aws: Emulator, lake: MakeLake) -> None:
    made = lake(_ANSWER.format(seconds=0.5))
    _begin(aws, made, a_task(made, partitions=("batch-000002",)))
    assert carry_out(made, a_task(made)).staging is None
    assert len(runs_of(aws, made)) == 2


def test_a_run_whose_orchestrator_lives_is_not_adopted(
    aws: Emulator, lake: MakeLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = lake(_ANSWER.format(seconds=0.5))
    other = a_task(made)
    _begin(aws, made, other)
    monkeypatch.setattr(dg.DagsterInstance, "is_persistent", True)
    monkeypatch.setattr(dg.DagsterInstance, "root_directory", str(tmp_path))
    with liveness.held(tmp_path, other.run_id):
        assert carry_out(made, a_task(made)).staging is None
    assert len(runs_of(aws, made)) == 2


def test_the_result_of_an_adopted_run_is_published_from_its_staging_folder(
    aws: Emulator, sail: str, lake: MakeLake, source: Path
) -> None:
    from lake_assets.lake.arrival import examine, look, pin

    aws.glue.environment["SPARK_REMOTE"] = sail
    made = lake(None)
    (file,) = (source / "reason").iterdir()
    aws.client("s3").upload_file(str(file), made.source, f"tpcds/reason/{file.name}")
    there = Lake(made.settings())
    arrival = look(there.source, ())
    pin(there.ledger, there.source, examine(there.source, arrival, (), threads=1, advance=lambda _: None).files, ())
    begun: list[Task] = []

    def run(task: Task) -> Result:
        """As if an orchestrator that died had begun it."""
        staging = f"s3://{made.bucket}/lake/_staging/dead/bronze.reason"
        dead = task.model_copy(update={"staging": staging, "run_id": "dead", "load_timestamp": datetime.now(UTC)})
        begun.append(dead)
        _begin(aws, made, dead)
        return carry_out(made, task)

    outcome = there.materialise(BRONZE["reason"], ["batch-000001"], run, "alive")
    assert outcome.failed == {}
    assert outcome.published["batch-000001"].load_timestamp == begun[0].load_timestamp
    assert list(there.store.objects("_staging")) == []
    assert len(runs_of(aws, made)) == 1


def test_workers_follow_the_bytes_that_are_read() -> None:
    setting = GlueSetting(workers=10, gb_per_worker=8)
    assert [workers(gb << 30, setting) for gb in (0, 8, 9, 33, 800)] == [2, 2, 3, 6, 10]


def test_a_run_costs_a_minute_at_least_and_less_when_it_is_flexible() -> None:
    short = {"MaxCapacity": 2.0, "ExecutionTime": 5}
    assert dpu_seconds(short) == 120
    assert dollars(short, Prices()) == pytest.approx(0.44 / 30)
    long = {"MaxCapacity": 2.0, "ExecutionTime": 1800, "ExecutionClass": "FLEX"}
    assert dollars(long, Prices()) == pytest.approx(0.29)
    assert dpu_seconds({"MaxCapacity": 8.0, "DPUSeconds": 700.0, "ExecutionTime": 300}) == 700


def test_a_run_that_never_had_workers_costs_nothing() -> None:
    assert dpu_seconds({"MaxCapacity": 2.0, "ExecutionTime": 0}) == 0


def test_a_public_bucket_in_another_region_is_read_unsigned_there(aws: Emulator, lake: MakeLake) -> None:
    file = FileInput(uri="s3://public/tpcds/reason/a.dat", path="reason/a.dat", object="a")
    task = a_task(lake("pass"), files=(file,), access=SourceAccess(region="us-east-1", anonymous=True, copied=False))
    assert hadoop_configuration(task) == {
        "spark.hadoop.fs.s3a.bucket.public.endpoint.region": "us-east-1",
        "spark.hadoop.fs.s3a.bucket.public.aws.credentials.provider": (
            "org.apache.hadoop.fs.s3a.AnonymousAWSCredentialsProvider"
        ),
    }


def test_what_a_job_leaves_is_encrypted_by_the_lakes_key(aws: Emulator, lake: MakeLake, tmp_path: Path) -> None:
    key = f"arn:aws:kms:{aws.region}:{aws.account}:key/1"
    task = a_task(lake("pass"), kms_key=key, owner=aws.account)
    (tmp_path / "copy.txt").write_text("a line")
    staging_store(task).put("result.json", b"{}")
    staging_store(task).upload("source/0.txt", tmp_path / "copy.txt")
    place = location(task.staging)
    assert isinstance(place, S3Folder)
    for name in ("result.json", "source/0.txt"):
        found = aws.client("s3").head_object(Bucket=place.bucket, Key=place.key(name))
        assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", key)
    of_bucket = f"spark.hadoop.fs.s3a.bucket.{place.bucket}.encryption"
    assert hadoop_configuration(task) == {f"{of_bucket}.algorithm": "SSE-KMS", f"{of_bucket}.key": key}


def test_a_job_leaves_nothing_in_a_bucket_of_another_account(aws: Emulator, lake: MakeLake, tmp_path: Path) -> None:
    store = staging_store(a_task(lake("pass"), owner="999999999999"))
    (tmp_path / "copy.txt").write_text("a line")
    with pytest.raises(AwsError, match="AccessDenied"):
        store.put("result.json", b"{}")
    with pytest.raises(AwsError, match="AccessDenied"):
        store.upload("source/0.txt", tmp_path / "copy.txt")


def test_a_session_policy_lets_nothing_be_written_that_it_only_reads() -> None:
    china = session_policy(["lake/bronze/item/*"], [], [], "aws-cn")
    assert china["Statement"][0]["Resource"] == ["arn:aws-cn:s3:::lake/bronze/item/*"]
    policy = session_policy(["lake/bronze/item/*"], ["lake/_staging/a/*"], ["lake"])
    of = {action: each["Resource"] for each in policy["Statement"] for action in each["Action"]}
    assert of["s3:PutObject"] == ["arn:aws:s3:::lake/_staging/a/*"]
    assert of["s3:GetObject"] == ["arn:aws:s3:::lake/_staging/a/*", "arn:aws:s3:::lake/bronze/item/*"]
