"""What runs on Glue: it reads one task from S3, carries it out on Spark, and leaves the result in the task's staging folder.

    python glue_script.py --lake_task s3://bucket/lake/_staging/.../task.json

Nothing here imports Dagster, which is not installed on Glue: Pipes tells the orchestrator how the run goes on. The result lies
in S3, so that an orchestrator which was not there when the run started finds it as well.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from dagster_pipes import (
    PipesCliArgsParamsLoader,
    PipesContext,
    PipesS3ContextLoader,
    PipesS3MessageWriter,
    PipesS3MessageWriterChannel,
    open_dagster_pipes,
)

from lake_assets.aws import shared_aws, told_plainly
from lake_assets.engine.runner import run
from lake_assets.engine.session import SPARK_CONFIGURATION
from lake_assets.engine.staging import staging_store
from lake_assets.errors import LakeError
from lake_assets.lake.task import FAILURE_FILE, RESULT_FILE, Failure, Task
from lake_assets.location import S3Folder, location

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TASK_ARGUMENT = "--lake_task"
_MESSAGE_SECONDS = 2.0
_SHOWN_PARTITIONS = 3


class _Channel(PipesS3MessageWriterChannel):
    """Dagster's own sleeps for a second twice before a job may end."""

    @contextmanager
    def buffered_upload_loop(self) -> Iterator[None]:
        closed = threading.Event()
        thread = threading.Thread(target=self._upload_until, args=(closed,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            closed.set()
            thread.join()

    def _upload_until(self, closed: threading.Event) -> None:
        over = False
        while not over:
            # What is written before it closes is uploaded after it.
            over = closed.wait(self._interval)
            text = "\n".join(json.dumps(message) for message in self.flush_messages())
            if text:
                self.upload_messages_chunk(io.StringIO(text), self._counter)
                self._counter += 1


class _Writer(PipesS3MessageWriter):
    def make_channel(self, params: Any) -> _Channel:
        return _Channel(
            client=self._client, bucket=params["bucket"], key_prefix=params.get("key_prefix"), interval=self.interval
        )


def main() -> None:
    """Carry out the task that the arguments name. What fails is told beside the result's place, and ends the job."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument(TASK_ARGUMENT, required=True)
    given, _ = parser.parse_known_args()
    s3 = shared_aws().client("s3")
    with open_dagster_pipes(
        params_loader=PipesCliArgsParamsLoader(),  # type: ignore[no-untyped-call]
        context_loader=PipesS3ContextLoader(client=s3),
        message_writer=_Writer(client=s3, interval=_MESSAGE_SECONDS),
    ) as pipes:
        task = Task.model_validate_json(_read(s3, given.lake_task))
        try:
            _carry_out(task, pipes)
        except Exception as error:
            failure = Failure(error=type(error).__name__, message=str(error), is_told=isinstance(error, LakeError))
            staging_store(task).put(FAILURE_FILE, failure.model_dump_json().encode())
            pipes.report_custom_message({"failure": f"{task.staging}/{FAILURE_FILE}"})
            raise


def _carry_out(task: Task, pipes: PipesContext) -> None:
    pipes.log.info(
        f"{task.layer}.{task.table}, {_shown(task.partitions)}: {len(task.files or task.inputs)} files to read"
    )
    result = run(_session(task), task)
    staging_store(task).put(RESULT_FILE, result.model_dump_json().encode())
    rows = sum(each.rows for each in result.partitions)
    pipes.log.info(f"{task.layer}.{task.table}, {_shown(task.partitions)}: {rows} rows staged in {result.seconds} s")
    pipes.report_custom_message({"result": f"{task.staging}/{RESULT_FILE}"})


def _shown(partitions: tuple[str, ...]) -> str:
    more = len(partitions) - _SHOWN_PARTITIONS
    return ", ".join(partitions[:_SHOWN_PARTITIONS]) + (f" and {more} more" if more > 0 else "")


def _session(task: Task) -> SparkSession:
    """Glue's session, or that of the server in `SPARK_REMOTE`."""
    from pyspark.sql import SparkSession

    # A classic builder is not told of Connect in its type; both have these methods.
    builder: Any = SparkSession.builder
    if "SPARK_REMOTE" not in os.environ:
        for key, value in hadoop_configuration(task).items():
            builder = builder.config(key, value)
    spark = cast("SparkSession", builder.getOrCreate())
    for key, value in SPARK_CONFIGURATION.items():
        spark.conf.set(key, value)
    return spark


def hadoop_configuration(task: Task) -> dict[str, str]:
    """What Hadoop must know of buckets before the session starts.

    Of that of the source its region, and that nothing is to be signed; of that of the lake the key that encrypts.
    """
    buckets = {place.bucket for file in task.files if isinstance(place := location(file.uri), S3Folder)}
    found: dict[str, str] = {}
    if task.kms_key:
        of_lake = f"spark.hadoop.fs.s3a.bucket.{cast(S3Folder, location(task.staging)).bucket}.encryption"
        found |= {f"{of_lake}.algorithm": "SSE-KMS", f"{of_lake}.key": task.kms_key}
    for bucket in buckets:
        of_bucket = f"spark.hadoop.fs.s3a.bucket.{bucket}"
        if task.access.region:
            found[f"{of_bucket}.endpoint.region"] = task.access.region
        if task.access.anonymous:
            found[f"{of_bucket}.aws.credentials.provider"] = "org.apache.hadoop.fs.s3a.AnonymousAWSCredentialsProvider"
    return found


def _read(s3: Any, uri: str) -> bytes:
    place = cast(S3Folder, location(uri))
    with told_plainly(f"read {uri}"):
        content: bytes = s3.get_object(Bucket=place.bucket, Key=place.prefix)["Body"].read()
        return content
