"""SQL over a lake on AWS, by Athena: started, waited for, read page by page, and told with what it cost."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from lake_assets.aws import Aws, error_code, told_plainly
from lake_assets.catalog.glue_tables import database_name
from lake_assets.catalog.views import SCHEMAS
from lake_assets.errors import QueryError
from lake_assets.query.dialect import in_databases, in_schemas
from lake_assets.query.result import QueryResult

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
_MB, _TB = 1 << 20, 1 << 40
_BILLED_MB = 10
"""What each query is billed at least."""
_NO_SUCH_TABLE = ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND")
_TOO_MUCH = "Bytes scanned limit"

_VALUES: dict[str, Callable[[str], Any]] = {
    "tinyint": int,
    "smallint": int,
    "integer": int,
    "bigint": int,
    "real": float,
    "float": float,
    "double": float,
    "decimal": Decimal,
    "boolean": lambda text: text == "true",
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamp with time zone": lambda text: datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC),
}
"""Python's value by Athena's type; a value of any other type, such as an array, stays the text that Athena writes."""


@dataclass(frozen=True)
class Athena:
    """Athena for the lake `name`: its workgroup has this name. `price` is that of a scanned TB, in dollars.

    The workgroup says where results go, how they are encrypted, and how much one query may scan.
    """

    aws: Aws
    name: str
    price: float = 5.0
    timeout_seconds: float = 1800.0

    def query(self, sql: str, parameters: Sequence[object] = (), reuse_minutes: int = 0) -> QueryResult:
        """Run one SELECT. Tables are named `layer.table`; each `?` in it stands for the next of the `parameters`.

        With `reuse_minutes` Athena may give the result of the same query that is not older than this, at no cost. The query is
        stopped when the caller is interrupted. Raises `QueryError` for what is wrong with the query, and `AwsError`.
        """
        return self.query_as_it_is(in_databases(sql, self.name), parameters, reuse_minutes)

    def query_as_it_is(self, sql: str, parameters: Sequence[object] = (), reuse_minutes: int = 0) -> QueryResult:
        """As `query`, for SQL that names the tables as the Glue catalog does."""
        started = time.monotonic()
        literals = [literal(value) for value in parameters]
        with told_plainly(f"ask Athena in the workgroup {self.name}"):
            query_id = self._start(sql, literals, reuse_minutes)
            try:
                execution = self._wait(query_id, started)
                columns, rows = self._rows(query_id)
            except BaseException:
                self._stop(query_id)
                raise
        figures = execution.get("Statistics", {})
        reused = bool(figures.get("ResultReuseInformation", {}).get("ReusedPreviousResult"))
        scanned = int(figures.get("DataScannedInBytes", 0))
        return QueryResult(
            columns=tuple(column["Name"] for column in columns),
            types=tuple(_type_name(column) for column in columns),
            rows=tuple(rows),
            seconds=time.monotonic() - started,
            bytes_scanned=scanned,
            cost=0.0 if reused else cost_of(scanned, self.price),
            reused=reused,
        )

    def tables(self) -> list[str]:
        """The tables of the lake in the Glue catalog, as queries name them."""
        found = []
        glue = self.aws.client("glue")
        with told_plainly(f"list the tables of the lake {self.name} in the Glue catalog"):
            for schema in SCHEMAS:
                pages = glue.get_paginator("get_tables").paginate(DatabaseName=database_name(self.name, schema))
                try:
                    found += [f"{schema}.{table['Name']}" for page in pages for table in page["TableList"]]
                except ClientError as error:
                    if error_code(error) != "EntityNotFoundException":
                        raise
        return sorted(found)

    @property
    def _athena(self) -> Any:
        return self.aws.client("athena")

    def _start(self, sql: str, literals: Sequence[str], reuse_minutes: int) -> str:
        reuse = {"Enabled": reuse_minutes > 0, **({"MaxAgeInMinutes": reuse_minutes} if reuse_minutes > 0 else {})}
        try:
            answer = self._athena.start_query_execution(
                QueryString=sql,
                WorkGroup=self.name,
                # A call that is repeated because its answer was lost starts no second query.
                ClientRequestToken=str(uuid.uuid4()),
                ResultReuseConfiguration={"ResultReuseByAgeConfiguration": reuse},
                **({"ExecutionParameters": list(literals)} if literals else {}),
            )
        except ClientError as error:
            if error.response.get("AthenaErrorCode") == "MALFORMED_QUERY":
                raise QueryError(f"The query failed: {self._plain(error.response['Error']['Message'])}") from error
            raise
        return str(answer["QueryExecutionId"])

    def _wait(self, query_id: str, started: float) -> Mapping[str, Any]:
        pause = _FIRST_PAUSE
        while True:
            execution: Mapping[str, Any] = self._athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            state = execution["Status"]["State"]
            if state == "SUCCEEDED":
                return execution
            if state in ("FAILED", "CANCELLED"):
                raise self._refusal(state, str(execution["Status"].get("StateChangeReason", "")))
            left = self.timeout_seconds - (time.monotonic() - started)
            if left <= 0:
                raise QueryError(
                    f"The query was stopped after {self.timeout_seconds:g} s. Ask for fewer partitions, or allow more time."
                )
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _stop(self, query_id: str) -> None:
        """What nobody waits for must not go on scanning. A query that ended cannot be stopped, and need not be."""
        with suppress(ClientError):
            self._athena.stop_query_execution(QueryExecutionId=query_id)

    def _rows(self, query_id: str) -> tuple[Sequence[Mapping[str, Any]], Iterator[tuple[Any, ...]]]:
        """Columns and rows, from the pages of the API: the file of a result cannot tell NULL from an empty text."""
        pages = list(self._athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id))
        columns = pages[0]["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        kinds = [str(column["Type"]) for column in columns]
        rows = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
        # The first row of a SELECT repeats the names of the columns.
        return columns, (tuple(map(value_of, kinds, row)) for row in rows[1:])

    def _refusal(self, state: str, reason: str) -> QueryError:
        if _TOO_MUCH in reason:
            return QueryError(
                f"The query would scan more than the {self._limit()} that the workgroup {self.name!r} allows for one query. "
                "Name fewer columns, or only some partitions in WHERE."
            )
        if any(sign in reason for sign in _NO_SUCH_TABLE):
            there = self.tables()
            if not there:
                return QueryError(f"Nothing is published in the lake {self.name!r} yet. Run `lake-assets run` first.")
            return QueryError(
                f"Unknown table: {self._plain(reason)}. Tables are named layer.table; there are {', '.join(there)}."
            )
        if state == "CANCELLED":
            return QueryError(f"The query was cancelled by somebody else: {self._plain(reason)}.")
        return QueryError(f"The query failed: {self._plain(reason)}")

    def _limit(self) -> str:
        try:
            group = self._athena.get_work_group(WorkGroup=self.name)["WorkGroup"]
            return f"{group['Configuration']['BytesScannedCutoffPerQuery']:,} bytes"
        except (ClientError, KeyError):
            # Whoever may ask need not be allowed to look at the workgroup.
            return "bytes"

    def _plain(self, message: str) -> str:
        return in_schemas(message.strip().rstrip("."), self.name)


def literal(value: object) -> str:
    """A value as the piece of SQL that Athena takes for an execution parameter. Raises `QueryError` for one that it cannot."""
    if value is None:
        return "NULL"
    for kind, written in _LITERALS:
        if isinstance(value, kind):
            return written(value)
    raise QueryError(f"A parameter cannot be {value!r}: give text, a number, a date, a time, True, False or None.")


def _moment(value: datetime) -> str:
    local = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return f"TIMESTAMP '{local.isoformat(sep=' ', timespec='milliseconds')}'"


_LITERALS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, lambda value: "TRUE" if value else "FALSE"),
    (int, str),
    (Decimal, lambda value: f"DECIMAL '{value:f}'"),
    (float, lambda value: f"DOUBLE '{value!r}'"),
    (datetime, _moment),
    (date, lambda value: f"DATE '{value.isoformat()}'"),
    (str, lambda value: "'" + value.replace("'", "''") + "'"),
)
"""How a value of each type is written; of two that fit, as with bool and int, the first one decides."""


def value_of(kind: str, field: Mapping[str, str]) -> Any:
    """A value of a result: one without text is NULL, one with an empty text is empty."""
    text = field.get("VarCharValue")
    return None if text is None else _VALUES.get(kind, str)(text)


def cost_of(scanned: int, price: float) -> float:
    """Dollars for a query that scanned so many bytes: whole megabytes, ten at least. `price` is that of a TB."""
    return max(math.ceil(scanned / _MB), _BILLED_MB) * _MB / _TB * price


def _type_name(column: Mapping[str, Any]) -> str:
    kind = str(column["Type"]).upper()
    return f"{kind}({column['Precision']},{column['Scale']})" if kind == "DECIMAL" else kind
