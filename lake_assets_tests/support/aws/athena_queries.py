"""Query executions of Athena that really happen: with states, figures, paging, a cutoff, reuse and cancelling.

Plain moto answers every query with results that a test queued, or with none.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from moto.athena.responses import AthenaResponse
from moto.s3.models import s3_backends

from lake_assets_tests.support.aws.athena_catalog import QueryFailedError
from lake_assets_tests.support.aws.athena_engine import Answer, Place, answer, parse
from lake_assets_tests.support.aws.athena_rights import Rights
from lake_assets_tests.support.aws.athena_values import csv_of, row_of, text_of
from lake_assets_tests.support.aws.authoriser import caller_of
from lake_assets_tests.support.aws.patching import replaced

_MOST_ROWS = 1000
_SHORTEST_TOKEN = 32
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
Told = dict[str, Any]
"""What a call answers."""


class _RefusedError(Exception):
    """A call that Athena refuses, with its code of the reason."""

    def __init__(self, message: str, code: str = "INVALID_INPUT") -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Execution:
    """One query and what became of it. `configuration` is the workgroup's as it was when the query came."""

    sql: str
    parameters: list[str]
    database: str | None
    group: str
    configuration: dict[str, Any]
    output: str
    reuse_minutes: int | None
    rights: Rights
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = "QUEUED"
    reason: str | None = None
    error: QueryFailedError | None = None
    answer: Answer | None = None
    scanned: int = 0
    reused: bool = False
    submitted: float = field(default_factory=time.time)
    began: float | None = None
    ended: float | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    connection: duckdb.DuckDBPyConnection | None = None

    @property
    def question(self) -> tuple[Any, ...]:
        """What must be the same for a result to be used again."""
        return self.sql.strip(), tuple(self.parameters), self.database, self.group


class Queries:
    """The executions of an emulator. `seconds` is how long each query waits before it begins, while it is RUNNING."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.executions: dict[str, Execution] = {}
        self._tokens: dict[str, tuple[tuple[Any, ...], str]] = {}
        self._lock = threading.Lock()
        self._folder: Path | None = None

    def workgroup_of(self, query_id: str) -> str | None:
        """The workgroup in which a query was asked."""
        execution = self.executions.get(query_id)
        return execution.group if execution else None

    def reset(self) -> None:
        """No query is known, and none waits."""
        with self._lock:
            self.seconds = 0.0
            for execution in self.executions.values():
                execution.stopped.set()
            self.executions.clear()
            self._tokens.clear()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """For as long as queries can be asked."""
        with tempfile.TemporaryDirectory(prefix="athena-", ignore_cleanup_errors=True) as folder:
            self._folder = Path(folder)
            with replaced(
                AthenaResponse,
                start_query_execution=_answering(self._start),
                get_query_execution=_answering(self._get),
                batch_get_query_execution=_answering(self._batch_get),
                list_query_executions=_answering(self._list),
                get_query_results=_answering(self._results),
                stop_query_execution=_answering(self._stop),
            ):
                yield
            self.reset()

    def _start(self, response: Any) -> Told:
        given = json.loads(response.body)
        execution = _asked(response, given)
        token = given["ClientRequestToken"]
        if len(token) < _SHORTEST_TOKEN:
            raise _RefusedError(f"ClientRequestToken must have length greater than or equal to {_SHORTEST_TOKEN}")
        with self._lock:
            if token in self._tokens:
                question, known = self._tokens[token]
                if question != execution.question:
                    raise _RefusedError("Idempotent parameters do not match")
                return {"QueryExecutionId": known}
            self._tokens[token] = execution.question, execution.id
            self.executions[execution.id] = execution
        threading.Thread(target=self._carry_out, args=(execution,), name="athena", daemon=True).start()
        return {"QueryExecutionId": execution.id}

    def _carry_out(self, execution: Execution) -> None:
        with self._lock:
            if execution.state != "QUEUED":
                return
            execution.state, execution.began = "RUNNING", time.time()
        try:
            if self.seconds and execution.stopped.wait(self.seconds):
                return
            earlier = self._reusable(execution)
            if earlier is not None:
                execution.answer, execution.reused = earlier, True
            else:
                assert self._folder is not None
                cutoff = execution.configuration.get("BytesScannedCutoffPerQuery")
                found = answer(
                    execution.sql,
                    execution.parameters,
                    Place(execution.rights, execution.database, self._folder),
                    cutoff=cutoff,
                    started=lambda connection: setattr(execution, "connection", connection),
                )
                execution.answer, execution.scanned = found, found.scanned
                _store(execution)
            self._end(execution, "SUCCEEDED")
        except QueryFailedError as error:
            execution.error = error
            self._end(execution, "FAILED", str(error))
        except Exception as error:  # Whatever it is, the client must learn of it.
            execution.error = QueryFailedError(str(error), category=1)
            self._end(execution, "FAILED", f"GENERIC_INTERNAL_ERROR: {error!r}")

    def _end(self, execution: Execution, state: str, reason: str | None = None) -> None:
        with self._lock:
            if execution.state not in _ENDED:
                execution.state, execution.reason, execution.ended = state, reason, time.time()

    def _reusable(self, execution: Execution) -> Answer | None:
        if execution.reuse_minutes is None:
            return None
        oldest = time.time() - execution.reuse_minutes * 60
        with self._lock:
            for earlier in reversed(self.executions.values()):
                same = earlier.question == execution.question and earlier.state == "SUCCEEDED" and not earlier.reused
                if same and (earlier.ended or 0) >= oldest:
                    return earlier.answer
        return None

    def _known(self, response: Any) -> Execution:
        query_id = json.loads(response.body)["QueryExecutionId"]
        if query_id not in self.executions:
            raise _RefusedError(f"QueryExecution {query_id} was not found")
        return self.executions[query_id]

    def _get(self, response: Any) -> Told:
        return {"QueryExecution": _told(self._known(response))}

    def _batch_get(self, response: Any) -> Told:
        found = [self.executions.get(each) for each in json.loads(response.body)["QueryExecutionIds"]]
        return {"QueryExecutions": [_told(each) for each in found if each is not None]}

    def _list(self, response: Any) -> Told:
        group = json.loads(response.body).get("WorkGroup") or "primary"
        return {"QueryExecutionIds": [each.id for each in reversed(self.executions.values()) if each.group == group]}

    def _results(self, response: Any) -> Told:
        execution, given = self._known(response), json.loads(response.body)
        if execution.state not in _ENDED:
            raise _RefusedError(f"Query has not yet finished. Current state: {execution.state}")
        if execution.answer is None or execution.state != "SUCCEEDED":
            raise _RefusedError(f"Query did not finish successfully. Final query state: {execution.state}")
        most, first = given.get("MaxResults") or _MOST_ROWS, int(given.get("NextToken") or 0)
        if most > _MOST_ROWS:
            raise _RefusedError(f"MaxResults is more than maximum allowed length {_MOST_ROWS}")
        columns = execution.answer.columns
        # The names of the columns are the first row of the first page, and count as one.
        rows = [tuple(column["Name"] for column in columns), *execution.answer.rows]
        page = [row_of(row) for row in rows[first : first + most]]
        more = {"NextToken": str(first + most)} if first + most < len(rows) else {}
        return {"ResultSet": {"Rows": page, "ResultSetMetadata": {"ColumnInfo": columns}}, "UpdateCount": 0, **more}

    def _stop(self, response: Any) -> Told:
        execution = self._known(response)
        self._end(execution, "CANCELLED", "Query cancelled by user")
        execution.stopped.set()
        if execution.connection is not None:
            with suppress(duckdb.Error):
                execution.connection.interrupt()
        return {}


def _answering(call: Callable[[Any], Told]) -> Callable[[Any], Any]:
    """The call as moto wants it: a refusal is an answer too."""

    def answered(response: Any) -> Any:
        try:
            return json.dumps(call(response))
        except _RefusedError as error:
            code, message = error.code, str(error)
            told = {"__type": "InvalidRequestException", "AthenaErrorCode": code, "Message": message}
            return json.dumps(told), {"status": 400}

    return answered


def _asked(response: Any, given: Mapping[str, Any]) -> Execution:
    """The execution that a call asks for. Raises `_RefusedError`."""
    group = given.get("WorkGroup") or "primary"
    work_group = response.athena_backend.work_groups.get(group)
    if work_group is None:
        raise _RefusedError(f"WorkGroup {group} is not found.")
    output = _output_location(work_group.configuration, given)
    if not output:
        raise _RefusedError(
            "No output location provided. An output location is required either through the Workgroup result configuration "
            "setting or as an API input."
        )
    try:
        parse(given["QueryString"])
    except ValueError as error:
        raise _RefusedError(str(error), "MALFORMED_QUERY") from error
    by_age = (given.get("ResultReuseConfiguration") or {}).get("ResultReuseByAgeConfiguration") or {}
    return Execution(
        sql=given["QueryString"],
        parameters=given.get("ExecutionParameters") or [],
        database=(given.get("QueryExecutionContext") or {}).get("Database"),
        group=group,
        configuration=dict(work_group.configuration),
        output=output,
        reuse_minutes=by_age.get("MaxAgeInMinutes", 60) if by_age.get("Enabled") else None,
        rights=Rights(caller_of(response.headers.get("Authorization", ""), response.current_account), response.region),
    )


def _output_location(configuration: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The workgroup's where it is enforced, else the query's own, else the workgroup's."""
    of_group = (configuration.get("ResultConfiguration") or {}).get("OutputLocation") or ""
    own = (given.get("ResultConfiguration") or {}).get("OutputLocation") or ""
    chosen: str = of_group if configuration.get("EnforceWorkGroupConfiguration") or not own else own
    return chosen


def _store(execution: Execution) -> None:
    assert execution.answer is not None
    bucket, _, prefix = execution.output.removeprefix("s3://").partition("/")
    key = f"{prefix.strip('/')}/{execution.id}.csv".lstrip("/")
    execution.rights.write(bucket, key)
    buckets = s3_backends[execution.rights.caller.account]["aws"]
    if bucket not in buckets.buckets:
        raise QueryFailedError(f"The S3 bucket of the output location does not exist: {bucket}")
    buckets.put_object(bucket, key, csv_of(execution.answer.columns, execution.answer.rows))


def _told(execution: Execution) -> dict[str, Any]:
    now = time.time()
    running = ((execution.ended or now) - execution.began) * 1000 if execution.began else 0
    status: dict[str, Any] = {"State": execution.state, "SubmissionDateTime": execution.submitted}
    if execution.ended is not None:
        status["CompletionDateTime"] = execution.ended
    if execution.reason is not None:
        status["StateChangeReason"] = execution.reason
    if execution.error is not None and execution.state == "FAILED":
        status["AthenaError"] = {
            "ErrorCategory": execution.error.category,
            "ErrorType": execution.error.kind,
            "Retryable": False,
            "ErrorMessage": execution.reason or text_of(execution.error),
        }
    location = f"{execution.output.rstrip('/')}/{execution.id}.csv"
    reuse: dict[str, Any] = {"Enabled": execution.reuse_minutes is not None}
    if execution.reuse_minutes is not None:
        reuse["MaxAgeInMinutes"] = execution.reuse_minutes
    told = {
        "QueryExecutionId": execution.id,
        "Query": execution.sql,
        "StatementType": "DML",
        "SubstatementType": "SELECT",
        "ResultConfiguration": {"OutputLocation": location},
        "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": reuse},
        "QueryExecutionContext": {"Database": execution.database} if execution.database else {},
        "Status": status,
        "Statistics": {
            "EngineExecutionTimeInMillis": int(running),
            "DataScannedInBytes": execution.scanned,
            "TotalExecutionTimeInMillis": int(((execution.ended or now) - execution.submitted) * 1000),
            "QueryQueueTimeInMillis": int(((execution.began or now) - execution.submitted) * 1000),
            "ResultReuseInformation": {"ReusedPreviousResult": execution.reused},
        },
        "WorkGroup": execution.group,
        "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"},
    }
    if execution.parameters:
        told["ExecutionParameters"] = execution.parameters
    return told
