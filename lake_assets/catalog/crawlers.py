"""Glue crawlers, which verify: one per layer looks at the objects without knowing the contract, and says what they are.

A crawler creates tables and partitions whatever its schema change policy is, and beside a table that it did not make itself
it puts a second one with a hash in its name. So it must not write where Athena reads: each has a database of its own,
`<name>_discovered_<layer>`. There, with the policy LOG, it would never change what it once wrote, and a table whose files
changed would look well for ever: what an earlier crawl found is removed before a crawl. That costs nothing that the lake needs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lake_assets.aws import error_code, told_plainly
from lake_assets.catalog.drift import Difference, Shape
from lake_assets.catalog.glue import shape_of
from lake_assets.catalog.glue_tables import database_name, discovered_database
from lake_assets.catalog.tables import SCHEMAS, Values
from lake_assets.contract.layers import Layer
from lake_assets.errors import AwsError
from lake_assets.lake import layout
from lake_assets.location import S3Folder

CRAWL_SECONDS = 3600.0
"""How long a crawl may take before it is stopped."""
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_A_REMOVAL = 100
_NOT_THERE = "EntityNotFoundException"
_FAILED = frozenset({"FAILED", "CANCELLED"})


@dataclass(frozen=True)
class Crawl:
    """A finished crawl. `dpu_hours` is None while Glue has not counted them."""

    crawler: str
    seconds: float
    dpu_hours: float | None
    log_group: str
    log_stream: str


def crawler_name(name: str, layer: Layer) -> str:
    return f"{name}-{layer}"


def crawler_input(name: str, root: S3Folder, layer: Layer) -> dict[str, Any]:
    """What `CreateCrawler` takes for a crawler that verifies, but for its role."""
    # The bucket is level 1; tables lie below the folder of the layer.
    level = 2 + len([part for part in root.key(layer).split("/") if part])
    return {
        "Name": crawler_name(name, layer),
        "DatabaseName": discovered_database(name, layer),
        "Description": f"Verifies the layer {layer}; what it finds is compared with the contract.",
        "Targets": {
            "S3Targets": [
                {"Path": f"{root / layer}/", "Exclusions": [f"{layout.STAGING}/**", f"{layout.LEDGER}/**"]},
            ]
        },
        "SchemaChangePolicy": {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"},
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
        "Configuration": json.dumps(
            {
                "Version": 1.0,
                "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": level},
                "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
            }
        ),
    }


def configuration_differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Difference]:
    """Where a crawler is set up in another way than one that verifies."""
    for name, value in wanted.items():
        seen = found.get(name)
        if name == "Configuration":
            value, seen = json.loads(value), json.loads(seen or "{}")  # noqa: PLW2901
        if name == "Targets":
            value, seen = _target(value), _target(seen or {})  # noqa: PLW2901
        if name not in ("Name", "Description") and value != seen:
            told = (json.dumps(value), json.dumps(seen))
            yield Difference(f"crawler {wanted['Name']}", "crawler", name, *told)


def _target(targets: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    return [
        (target["Path"].rstrip("/"), list(target.get("Exclusions") or [])) for target in targets.get("S3Targets") or []
    ]


class Crawlers:
    """The crawlers of the deployment `name`, by a client of Glue. `pause_seconds` is the first pause between two looks."""

    def __init__(
        self,
        glue: Any,
        name: str,
        *,
        pause_seconds: float = _FIRST_PAUSE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._glue = glue
        self._name = name
        self._pause = pause_seconds
        self._sleep = sleep

    def crawl(self, layer: Layer, *, seconds: float = CRAWL_SECONDS) -> Crawl:
        """Let the crawler of a layer look at everything, and wait for it. A crawl that goes on already is waited for first.

        It is stopped when it takes longer than `seconds`, and when the waiting is ended, as by a cancelled run.

        Raises `AwsError`.
        """
        crawler = crawler_name(self._name, layer)
        deadline = time.monotonic() + seconds
        with told_plainly(f"run the crawler {crawler}"):
            self._check_database(crawler, self.describe(layer))
            started, before = self._start(crawler, layer, deadline)
            try:
                self._wait(crawler, deadline, lambda seen: seen["State"] == "READY" and seen.get("LastCrawl") != before)
            except BaseException:
                with suppress(ClientError, BotoCoreError):
                    self._glue.stop_crawler(Name=crawler)
                raise
            return self._finished(crawler, time.monotonic() - started)

    def describe(self, layer: Layer) -> Mapping[str, Any]:
        """The crawler of a layer as `GetCrawler` tells it."""
        crawler = crawler_name(self._name, layer)
        try:
            with told_plainly(f"find the crawler {crawler}"):
                found: Mapping[str, Any] = self._glue.get_crawler(Name=crawler)["Crawler"]
                return found
        except AwsError as error:
            if _NOT_THERE in str(error):
                raise AwsError(f"{error} Apply the infrastructure, which makes one crawler per layer.") from error
            raise

    def discovered(self, layer: Layer) -> dict[str, Shape]:
        """The tables that the last crawl of a layer found, by name."""
        database = discovered_database(self._name, layer)
        with told_plainly(f"read the database {database}"):
            pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=database)
            try:
                tables = [table for page in pages for table in page["TableList"]]
            except ClientError as error:
                if error_code(error) == _NOT_THERE:
                    return {}
                raise
            return {table["Name"]: shape_of(table, self._partitions(database, table)) for table in tables}

    def _partitions(self, database: str, table: Mapping[str, Any]) -> dict[Values, Mapping[str, Any]]:
        if not table.get("PartitionKeys"):
            return {}
        pages = self._glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table["Name"])
        return {tuple(part["Values"]): part for page in pages for part in page["Partitions"]}

    def _check_database(self, crawler: str, found: Mapping[str, Any]) -> None:
        own = {database_name(self._name, schema) for schema in SCHEMAS}
        if found.get("DatabaseName") in own:
            raise AwsError(
                f"The crawler {crawler} writes to {found['DatabaseName']}, which holds the tables of the lake. Give it a "
                "database of its own; it was not started."
            )

    def _start(self, crawler: str, layer: Layer, deadline: float) -> tuple[float, Any]:
        """Start a crawl; when that was, and the last crawl before it."""
        while True:
            before = self._wait(crawler, deadline, lambda seen: seen["State"] == "READY").get("LastCrawl")
            self._forget(discovered_database(self._name, layer))
            try:
                self._glue.start_crawler(Name=crawler)
            except ClientError as error:
                if error_code(error) != "CrawlerRunningException":
                    raise
            else:
                return time.monotonic(), before

    def _wait(self, crawler: str, deadline: float, is_over: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
        pause = self._pause
        while True:
            seen: Mapping[str, Any] = self._glue.get_crawler(Name=crawler)["Crawler"]
            if is_over(seen):
                return seen
            if time.monotonic() > deadline:
                raise AwsError(
                    f"The crawler {crawler} takes longer than it may, and was stopped; it was {seen['State']}."
                )
            self._sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)

    def _forget(self, database: str) -> None:
        """Remove what an earlier crawl found."""
        try:
            pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=database)
            names = [table["Name"] for page in pages for table in page["TableList"]]
        except ClientError as error:
            if error_code(error) == _NOT_THERE:
                return
            raise
        for start in range(0, len(names), _A_REMOVAL):
            some = names[start : start + _A_REMOVAL]
            errors = self._glue.batch_delete_table(DatabaseName=database, TablesToDelete=some).get("Errors") or []
            refused = [error for error in errors if error.get("ErrorDetail", {}).get("ErrorCode") != _NOT_THERE]
            if refused:
                detail = refused[0].get("ErrorDetail", {})
                raise AwsError(
                    f"Cannot remove {refused[0].get('TableName')} from {database}: {detail.get('ErrorMessage', '')} "
                    f"({detail.get('ErrorCode', '')})."
                )

    def _finished(self, crawler: str, seconds: float) -> Crawl:
        last = self._glue.get_crawler(Name=crawler)["Crawler"].get("LastCrawl") or {}
        if last.get("Status") in _FAILED:
            raise AwsError(
                f"The crawler {crawler} ended {last['Status']}: {last.get('ErrorMessage', 'no reason given')}. "
                f"Its log is {last.get('LogGroup', '')}, {last.get('LogStream', '')}."
            )
        counted = (self._glue.list_crawls(CrawlerName=crawler, MaxResults=1).get("Crawls") or [{}])[0].get("DPUHour")
        return Crawl(
            crawler,
            seconds,
            None if counted is None else float(counted),
            last.get("LogGroup", ""),
            last.get("LogStream", ""),
        )
