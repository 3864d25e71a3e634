"""Crawlers that crawl: plain moto's stay RUNNING until somebody lists their crawls, and never find a table.

One looks at the Parquet objects of its S3 targets over HTTP, as a client with the credentials of its role, and writes tables
and partitions of its database as Glue does for one schema per folder: the table level of its configuration, partition keys
from `name=value` folders as text, columns merged over all files, partitions that inherit from their table. With the policy LOG
a table that is there stays as it is, but new tables and partitions are created all the same. Crawls cost two DPUs for ten
minutes at least.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fnmatch import translate
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError
from moto.core.utils import utcnow
from moto.glue.models import FakeCrawler
from moto.moto_api import state_manager

from lake_assets_tests.support.aws.patching import replaced
from lake_assets_tests.support.aws.roles import credentials_of

_as_dict = FakeCrawler.as_dict
_start = FakeCrawler.start_crawler
_STATUS = {"COMPLETED": "SUCCEEDED", "STOPPED": "CANCELLED"}
"""What AWS calls the ends of a crawl in `LastCrawl`."""
_SIMPLE = {
    pa.int64(): "bigint",
    pa.int32(): "int",
    pa.bool_(): "boolean",
    pa.string(): "string",
    pa.date32(): "date",
    pa.float64(): "double",
}

Columns = dict[str, str]
"""Types by name, in order."""


@contextmanager
def mended_crawlers(url: Callable[[], str], region: str) -> Iterator[None]:
    def start(crawler: FakeCrawler) -> None:
        _start(crawler)
        keys = {name.lower(): value for name, value in credentials_of(crawler.backend, crawler.role, None).items()}
        clients = {
            service: boto3.client(service, region_name=region, endpoint_url=url(), **keys) for service in ("s3", "glue")
        }
        threading.Thread(target=_crawl, args=(crawler, clients), name=f"crawl-{crawler.name}", daemon=True).start()

    # A crawl ends when it has crawled, not by itself.
    state_manager.set_transition("glue::crawl", {"progression": "manual", "times": 10**9})
    with replaced(FakeCrawler, start_crawler=start, as_dict=_as_aws_tells_it):
        try:
            yield
        finally:
            state_manager.unset_transition("glue::crawl")


def _as_aws_tells_it(crawler: FakeCrawler) -> dict[str, Any]:
    told = _as_dict(crawler)
    last = told.get("LastCrawl")
    if last:
        last["Status"] = _STATUS.get(last["Status"], last["Status"])
        message = getattr(crawler.crawls[-1], "error_message", None)
        if message:
            last["ErrorMessage"] = message
    return told


def _crawl(crawler: FakeCrawler, clients: dict[str, Any]) -> None:
    crawl: Any = crawler.crawls[-1]
    try:
        for target in crawler.targets.get("S3Targets", []):
            for folder, keys in _tables(clients["s3"], target, json.loads(crawler.configuration or "{}")).items():
                if crawl.status == "STOPPING":
                    break
                _write(clients, crawler, folder, keys)
        crawl.status = "STOPPED" if crawl.status == "STOPPING" else "COMPLETED"
    except (ClientError, BotoCoreError, pa.ArrowException, OSError) as error:
        crawl.error_message = str(error)
        crawl.status = "FAILED"
    crawl.end_time = utcnow()
    crawl.dpu_hour = round(2 * max(600.0, (crawl.end_time - crawl.start_time).total_seconds()) / 3600, 4)


def _tables(s3: Any, target: dict[str, Any], configuration: dict[str, Any]) -> dict[str, list[str]]:
    """Keys of the objects of each table, by `bucket/folder`."""
    bucket, _, prefix = target["Path"].removeprefix("s3://").partition("/")
    excluded = [re.compile(translate(pattern)) for pattern in target.get("Exclusions") or []]
    level = int(configuration["Grouping"]["TableLevelConfiguration"])
    found: dict[str, list[str]] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for info in page.get("Contents", []):
            key = info["Key"]
            if info["Size"] and not any(pattern.match(key.removeprefix(prefix)) for pattern in excluded):
                folder = "/".join([bucket, *key.split("/")][:level])
                found.setdefault(folder, []).append(key)
    return found


def _write(clients: dict[str, Any], crawler: FakeCrawler, folder: str, keys: list[str]) -> None:
    bucket, _, below = folder.partition("/")
    read = (clients["s3"].get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys)
    columns = _merged(_columns(content) for content in read)
    partitions = {tuple(_folders(key, below)) for key in keys}
    names = [name for name, _ in next(iter(partitions))]
    storage = _storage(columns, f"s3://{folder}/")
    table = {
        "Name": folder.rpartition("/")[2].lower(),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "classification": "parquet",
            "compressionType": "none",
            "typeOfData": "file",
            "UPDATED_BY_CRAWLER": crawler.name,
        },
        "PartitionKeys": [{"Name": name, "Type": "string"} for name in names],
        "StorageDescriptor": storage,
    }
    glue, place = clients["glue"], {"DatabaseName": crawler.database_name}
    try:
        glue.create_table(**place, TableInput=table)
    except glue.exceptions.AlreadyExistsException:
        if crawler.schema_change_policy.get("UpdateBehavior") == "UPDATE_IN_DATABASE":
            glue.update_table(**place, TableInput=table)
    if names:
        _write_partitions(glue, place | {"TableName": str(table["Name"])}, folder, partitions, columns)


def _write_partitions(
    glue: Any, place: dict[str, str], folder: str, partitions: Iterable[tuple[tuple[str, str], ...]], columns: Columns
) -> None:
    inputs = [
        {
            "Values": [value for _, value in keys],
            "StorageDescriptor": _storage(
                columns, "/".join([f"s3://{folder}", *(f"{name}={value}" for name, value in keys), ""])
            ),
        }
        for keys in sorted(partitions)
    ]
    for start in range(0, len(inputs), 100):
        # Those that are there already are refused one by one, and stay.
        glue.batch_create_partition(**place, PartitionInputList=inputs[start : start + 100])


def _folders(key: str, below: str) -> Iterator[tuple[str, str]]:
    for folder in key.removeprefix(f"{below}/").split("/")[:-1]:
        name, _, value = folder.partition("=")
        yield name, value


def _columns(content: bytes) -> Columns:
    with pq.ParquetFile(io.BytesIO(content)) as file:
        return {column.name: _type(column.type) for column in file.schema_arrow}


def _type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_list(kind):
        return f"array<{_type(kind.value_type)}>"
    return _SIMPLE[kind]


def _merged(files: Iterable[Columns]) -> Columns:
    """Columns of all files in the order of their appearance; what is of several types is text."""
    found: Columns = {}
    for columns in files:
        for name, kind in columns.items():
            known = found.setdefault(name, kind)
            if known != kind:
                found[name] = "bigint" if {known, kind} == {"int", "bigint"} else "string"
    return found


def _storage(columns: Columns, location: str) -> dict[str, Any]:
    parquet = "org.apache.hadoop.hive.ql.io.parquet"
    return {
        "Columns": [{"Name": name.lower(), "Type": kind} for name, kind in columns.items()],
        "Location": location,
        "InputFormat": f"{parquet}.MapredParquetInputFormat",
        "OutputFormat": f"{parquet}.MapredParquetOutputFormat",
        "SerdeInfo": {"SerializationLibrary": f"{parquet}.serde.ParquetHiveSerDe"},
    }
