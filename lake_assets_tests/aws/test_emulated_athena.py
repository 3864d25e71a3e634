"""The emulator's Athena: queries that really run over the catalog, with the bytes, refusals and words of AWS."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.aws.small_catalog import SmallCatalog

NUMBERS = range(1000)


class Asked:
    """A catalog with the table `gold.sales` in two partitions, and Athena as boto3 has it."""

    def __init__(self, aws: Emulator) -> None:
        self.aws = aws
        self.catalog = SmallCatalog(aws, f"raw-{uuid.uuid4().hex[:6]}")
        self.database = f"{self.catalog.name.replace('-', '_')}_gold"
        self.athena = aws.client("athena")
        parts = {
            year: pa.table(
                {"id": [number + shift for number in NUMBERS], "text": [f"{year} {number}" for number in NUMBERS]}
            )
            for year, shift in (("2000", 0), ("2001", 5000))
        }
        self.sizes = self.catalog.table("gold.sales", parts, key="year")

    def start(self, sql: str, **given: Any) -> str:
        context = {"Database": self.database}
        started = self.athena.start_query_execution(
            QueryString=sql, WorkGroup=self.catalog.name, QueryExecutionContext=context, **given
        )
        return str(started["QueryExecutionId"])

    def wait(self, query_id: str) -> dict[str, Any]:
        until = time.monotonic() + 20
        while True:
            execution: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return execution
            assert time.monotonic() < until
            time.sleep(0.01)

    def ask(self, sql: str, **given: Any) -> dict[str, Any]:
        return self.wait(self.start(sql, **given))

    def scanned(self, sql: str, **given: Any) -> int:
        execution = self.ask(sql, **given)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        return int(execution["Statistics"]["DataScannedInBytes"])

    def rows(self, sql: str) -> list[list[str | None]]:
        execution = self.ask(sql)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        results = self.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])["ResultSet"]
        return [[field.get("VarCharValue") for field in row["Data"]] for row in results["Rows"]]


@pytest.fixture(scope="module")
def made(emulator: Emulator) -> Asked:
    return Asked(emulator)


@pytest.fixture
def asked(made: Asked, aws: Emulator) -> Iterator[Asked]:
    yield made
    made.athena.update_work_group(
        WorkGroup=made.catalog.name, ConfigurationUpdates={"RemoveBytesScannedCutoffPerQuery": True}
    )


def test_partition_values_are_those_of_the_catalog(asked: Asked) -> None:
    sql = "SELECT year, count(*) AS n, min(id) AS low FROM sales GROUP BY year ORDER BY year"
    assert asked.rows(sql) == [["year", "n", "low"], ["2000", "1000", "0"], ["2001", "1000", "5000"]]


def test_only_columns_and_partitions_that_are_read_are_scanned(asked: Asked) -> None:
    both = asked.scanned("SELECT sum(id) FROM sales")
    assert both == asked.sizes["id"]
    assert asked.scanned("SELECT * FROM sales") == asked.sizes["id"] + asked.sizes["text"]
    assert asked.scanned("SELECT count(*) FROM sales") == 0
    one = asked.scanned("SELECT sum(id) FROM sales WHERE year = '2000'")
    other = asked.scanned("SELECT sum(id) FROM sales WHERE year > '2000' AND id > 3")
    assert 0 < one < both
    assert one + other == both
    assert asked.scanned("WITH s AS (SELECT * FROM sales) SELECT sum(id) FROM s WHERE year IN ('2000')") == one
    assert asked.scanned("SELECT sum(id) FROM sales WHERE year = '2000' OR id = 3") == both
    assert asked.scanned("SELECT sum(id) FROM sales WHERE year = '1999'") == 0
    assert asked.scanned("SELECT sum(id) FROM sales WHERE year = ?", ExecutionParameters=["'2000'"]) == one


def test_a_filter_on_the_side_of_an_outer_join_that_may_be_missing_leaves_every_partition(asked: Asked) -> None:
    joined = "SELECT sum(a.id), sum(b.id) FROM sales a LEFT JOIN sales b ON a.id = b.id"
    both = asked.scanned(joined)
    assert asked.scanned(f"{joined} WHERE b.year IS NULL") == both
    assert asked.scanned(f"{joined} AND b.year = '2000'") < both
    assert asked.scanned(f"{joined} AND a.year = '2000'") == both


def test_whole_numbers_are_divided_as_athena_does(asked: Asked) -> None:
    assert asked.rows("SELECT 7 / 2, 7 / 2.0, count(*) / 3 FROM sales")[1][0] == "3"
    assert asked.rows("SELECT count(*) / 3 AS third FROM sales") == [["third"], ["666"]]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT * FROM nope", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{database}.nope' does not exist"),
        ("SELECT * FROM other.sales", "SCHEMA_NOT_FOUND: line 1:15: Schema 'other' does not exist"),
        ("SELECT nope FROM sales", "COLUMN_NOT_FOUND"),
        ("SELECT CAST(text AS BIGINT) FROM sales", "INVALID_CAST_ARGUMENT"),
        ("SELECT ? FROM sales", "INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected 1 but found 0"),
    ],
)
def test_a_failed_query_tells_why(asked: Asked, sql: str, reason: str) -> None:
    status = asked.ask(sql)["Status"]
    assert status["State"] == "FAILED"
    assert reason.replace("{database}", asked.database) in status["StateChangeReason"]
    assert status["AthenaError"]["Retryable"] is False


def test_a_text_that_is_no_sql_is_refused_at_once(asked: Asked) -> None:
    with pytest.raises(ClientError, match="mismatched input") as refused:
        asked.start("SELECT FROM WHERE")
    assert refused.value.response["AthenaErrorCode"] == "MALFORMED_QUERY"


def test_the_cutoff_of_the_workgroup_holds(asked: Asked) -> None:
    noise = np.random.default_rng(1).integers(0, 2**62, 1_300_000)
    sizes = asked.catalog.table("gold.large", pa.table({"a": noise, "b": pa.nulls(len(noise), pa.int64())}))
    asked.catalog.limit(10_000_000)
    assert asked.scanned("SELECT sum(b) FROM large") == sizes["b"]
    status = asked.ask("SELECT a FROM large LIMIT 1")["Status"]
    assert (status["State"], status["StateChangeReason"]) == ("FAILED", "Bytes scanned limit was exceeded")


def test_a_result_is_used_again_only_where_that_is_asked_for(asked: Asked) -> None:
    sql, reuse = (
        "SELECT sum(id) FROM sales",
        {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 60}},
    )
    assert asked.scanned(sql) > 0
    again = asked.ask(sql, ResultReuseConfiguration=reuse)
    assert again["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"] is True
    assert again["Statistics"]["DataScannedInBytes"] == 0
    assert asked.scanned(sql) > 0
    assert asked.scanned("SELECT sum(id) FROM sales WHERE id > 1", ResultReuseConfiguration=reuse) > 0


def test_a_stopped_query_is_cancelled_and_has_no_results(asked: Asked) -> None:
    asked.aws.athena.seconds = 60
    query_id = asked.start("SELECT 1")
    with pytest.raises(ClientError, match="Query has not yet finished"):
        asked.athena.get_query_results(QueryExecutionId=query_id)
    asked.athena.stop_query_execution(QueryExecutionId=query_id)
    assert asked.wait(query_id)["Status"]["State"] == "CANCELLED"
    with pytest.raises(ClientError, match="did not finish successfully"):
        asked.athena.get_query_results(QueryExecutionId=query_id)


def test_the_same_token_starts_one_query(asked: Asked) -> None:
    token = str(uuid.uuid4())
    first = asked.start("SELECT 1", ClientRequestToken=token)
    assert asked.start("SELECT 1", ClientRequestToken=token) == first
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        asked.start("SELECT 2", ClientRequestToken=token)


def test_the_result_lies_where_the_workgroup_says(asked: Asked) -> None:
    execution = asked.ask("SELECT 'a,b' AS x, '' AS y", ResultConfiguration={"OutputLocation": "s3://elsewhere/"})
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://{asked.catalog.bucket}/_results/{execution['QueryExecutionId']}.csv"
    key = location.removeprefix(f"s3://{asked.catalog.bucket}/")
    body = asked.aws.client("s3").get_object(Bucket=asked.catalog.bucket, Key=key)["Body"].read()
    assert body == b'"x","y"\r\n"a,b",""\r\n'


def test_a_column_whose_files_have_another_type_than_the_catalog_fails_the_query(asked: Asked) -> None:
    asked.catalog.table("gold.narrowed", pa.table({"a": [1], "b": ["x"]}), columns={"a": "int", "b": "string"})
    status = asked.ask("SELECT a FROM narrowed")["Status"]
    assert "HIVE_BAD_DATA: Field a's type bigint" in status["StateChangeReason"]
