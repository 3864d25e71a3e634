"""The lake's client of Athena: typed results, parameters, cost, and every way in which a query can end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lake_assets.aws import Aws
from lake_assets.errors import AwsError, AwsUnavailableError, QueryError
from lake_assets.query.athena import Athena, cost_of
from lake_assets.query.examples import example_queries
from lake_assets.query.named_queries import Deployed, deploy_named_queries, named_queries
from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.aws.small_catalog import SmallCatalog

NAME = "asked-lake"
_CENTS = Decimal("12345678901234567890123456789012345.67")
_MOMENT = datetime.fromisoformat("2001-02-03 04:05:06.789")
_TEXTS = ["plain", "", None, "two\nlines", 'a "quoted", text', "O'Neill", "Žluťoučký 🐎 日本"]


@pytest.fixture(scope="module")
def catalog(emulator: Emulator) -> SmallCatalog:
    """`silver.item` of every type, one row per text; `silver.numbers` of 2,500 rows in two partitions."""
    made = SmallCatalog(emulator, NAME)
    rows = len(_TEXTS)
    made.table(
        "silver.item",
        pa.table(
            {
                "place": pa.array(range(rows), pa.int32()),
                "key": pa.array([2**60, *[None] * (rows - 1)], pa.int64()),
                "price": pa.array([_CENTS, Decimal("-0.05"), *[None] * (rows - 2)], pa.decimal128(38, 2)),
                "day": pa.array([date(1998, 1, 2), *[None] * (rows - 1)], pa.date32()),
                "moment": pa.array([_MOMENT, *[None] * (rows - 1)], pa.timestamp("us", tz="UTC")),
                "chosen": pa.array([True, False, *[None] * (rows - 2)], pa.bool_()),
                "share": pa.array([0.1, 1e300, -2.5e-9, *[None] * (rows - 3)], pa.float64()),
                "words": pa.array(_TEXTS, pa.string()),
                "rules": pa.array([["a", "b"], *[None] * (rows - 1)], pa.list_(pa.string())),
            }
        ),
    )
    parts = {
        "2000": pa.table({"n": pa.array(range(1500), pa.int64())}),
        "2001": pa.table({"n": pa.array(range(1500, 2500), pa.int64())}),
    }
    made.table("silver.numbers", parts, key="year")
    return made


@pytest.fixture
def client(catalog: SmallCatalog, aws: Emulator) -> Athena:
    catalog.limit(10**12)
    return Athena(Aws(), NAME, price=5.0)


def test_every_type_arrives_as_the_python_value_it_is(client: Athena) -> None:
    found = client.query("SELECT key, price, day, moment, chosen, share, rules FROM silver.item ORDER BY place")
    assert found.columns == ("key", "price", "day", "moment", "chosen", "share", "rules")
    assert found.types == ("BIGINT", "DECIMAL(38,2)", "DATE", "TIMESTAMP", "BOOLEAN", "DOUBLE", "ARRAY")
    assert found.rows[0] == (2**60, _CENTS, date(1998, 1, 2), _MOMENT, True, 0.1, "[a, b]")
    assert found.rows[1] == (None, Decimal("-0.05"), None, None, False, 1e300, None)
    assert found.rows[2] == (None, None, None, None, None, -2.5e-9, None)
    assert found.rows[3] == (None,) * 7


def test_null_empty_text_newlines_quotes_and_unicode_stay_what_they_are(client: Athena) -> None:
    found = client.query("SELECT words FROM silver.item ORDER BY place")
    assert [row[0] for row in found.rows] == _TEXTS


def test_every_page_of_a_long_result_is_read(client: Athena, aws: Emulator) -> None:
    found = client.query("SELECT n FROM silver.numbers ORDER BY n")
    assert [row[0] for row in found.rows] == list(range(2500))
    assert aws.faults.count("GetQueryResults") == 3


@pytest.mark.parametrize("rows", [0, 1, 999, 1000, 1001])
def test_results_that_just_fill_a_page_are_whole(client: Athena, rows: int) -> None:
    found = client.query("SELECT n FROM silver.numbers WHERE n < ? ORDER BY n", [rows])
    assert [row[0] for row in found.rows] == list(range(rows))
    assert found.columns == ("n",)


@pytest.mark.parametrize("text", ["O'Neill", 'a "quoted", text', "two\nlines", "", "Žluťoučký 🐎 日本"])
def test_a_parameter_is_a_value_whatever_signs_it_holds(client: Athena, text: str) -> None:
    found = client.query("SELECT place FROM silver.item WHERE words = ?", [text])
    assert [row[0] for row in found.rows] == [_TEXTS.index(text)]


def test_a_parameter_is_never_taken_for_sql(client: Athena) -> None:
    assert client.query("SELECT place FROM silver.item WHERE words = ?", ["' OR 'a' = 'a"]).rows == ()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("key", 2**60),
        ("price", _CENTS),
        ("day", date(1998, 1, 2)),
        ("moment", _MOMENT),
        ("moment", _MOMENT.replace(tzinfo=UTC)),
        ("chosen", True),
        ("share", 0.1),
    ],
)
def test_a_parameter_has_the_type_of_its_value(client: Athena, column: str, value: object) -> None:
    assert client.query(f"SELECT place FROM silver.item WHERE {column} = ?", [value]).rows == ((0,),)


def test_several_parameters_are_taken_in_their_order(client: Athena) -> None:
    sql = "SELECT ? AS first, n, ? AS nothing FROM silver.numbers WHERE year = ? AND n BETWEEN ? AND ? ORDER BY n"
    assert client.query(sql, ["a", None, "2001", 1501, 1502]).rows == (("a", 1501, None), ("a", 1502, None))


def test_a_value_of_no_type_of_athena_is_refused(client: Athena) -> None:
    with pytest.raises(QueryError, match="A parameter cannot be"):
        client.query("SELECT ?", [object()])


def test_names_of_tables_are_those_of_the_lake_and_texts_stay(client: Athena) -> None:
    sql = """-- silver.item
    WITH item AS (SELECT MAX(place) AS last FROM silver.item) SELECT 'silver.item' AS told, last FROM item"""
    assert client.query(sql).rows == (("silver.item", 6),)


def test_bytes_and_cost_are_told(client: Athena) -> None:
    found = client.query("SELECT SUM(n) FROM silver.numbers")
    assert found.bytes_scanned is not None
    assert 0 < found.bytes_scanned < 10_000_000
    assert found.cost == pytest.approx(5 * 10 / 2**20)
    assert not found.reused
    some = client.query("SELECT SUM(n) FROM silver.numbers WHERE year = '2000'")
    assert some.bytes_scanned is not None
    assert some.bytes_scanned < found.bytes_scanned


@pytest.mark.parametrize(("scanned", "dollars"), [(0, 5 * 10 / 2**20), (2**40, 5.0), (2**40 + 1, 5 + 5 / 2**20)])
def test_a_query_costs_whole_megabytes_and_ten_at_least(scanned: int, dollars: float) -> None:
    assert cost_of(scanned, 5.0) == pytest.approx(dollars, rel=1e-12)


def test_a_result_is_reused_where_that_is_asked_for(client: Athena) -> None:
    sql = "SELECT MIN(n) FROM silver.numbers"
    first, again, anew = client.query(sql), client.query(sql, reuse_minutes=5), client.query(sql)
    assert again.rows == first.rows == anew.rows
    assert (again.reused, again.bytes_scanned, again.cost) == (True, 0, 0.0)
    assert not anew.reused


def test_a_failed_query_tells_what_athena_says(client: Athena) -> None:
    with pytest.raises(QueryError, match=r"The query failed: INVALID_CAST_ARGUMENT: .*'plain'"):
        client.query("SELECT CAST(words AS BIGINT) FROM silver.item")


def test_an_unknown_table_is_told_with_those_there_are(client: Athena) -> None:
    with pytest.raises(
        QueryError, match=r"silver\.itme.*does not exist.*there are (gold\.large, )?silver\.item, silver\.numbers\."
    ):
        client.query("SELECT * FROM silver.itme")


def test_an_empty_lake_is_told(aws: Emulator) -> None:
    SmallCatalog(aws, "empty-lake")
    with pytest.raises(QueryError, match="Nothing is published in the lake 'empty-lake' yet"):
        Athena(Aws(), "empty-lake").query("SELECT * FROM silver.item")


def test_what_the_workgroup_does_not_allow_is_told_with_its_limit(client: Athena, catalog: SmallCatalog) -> None:
    noise = np.random.default_rng(1).integers(0, 2**62, 1_300_000)
    catalog.table("gold.large", pa.table({"a": noise}))
    catalog.limit(10_000_000)
    with pytest.raises(QueryError, match=r"more than the 10,000,000 bytes that the workgroup 'asked-lake' allows"):
        client.query("SELECT MAX(a) FROM gold.large")


def test_a_query_that_takes_too_long_is_stopped(client: Athena, aws: Emulator) -> None:
    aws.athena.seconds = 60
    with pytest.raises(QueryError, match=r"stopped after 0\.2 s"):
        Athena(Aws(), NAME, timeout_seconds=0.2).query("SELECT 1")
    (execution,) = aws.athena.executions.values()
    assert execution.state == "CANCELLED"


def test_an_interrupted_query_is_stopped(client: Athena, aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.athena.seconds = 60

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lake_assets.query.athena.time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.query("SELECT 1")
    (execution,) = aws.athena.executions.values()
    assert execution.state == "CANCELLED"


def test_a_query_that_somebody_else_cancels_is_told(client: Athena, aws: Emulator) -> None:
    aws.athena.seconds = 60

    def cancel() -> None:
        while not aws.athena.executions:
            time.sleep(0.01)
        aws.client("athena").stop_query_execution(QueryExecutionId=next(iter(aws.athena.executions)))

    threading.Thread(target=cancel).start()
    with pytest.raises(QueryError, match="was cancelled by somebody else"):
        client.query("SELECT 1")


@pytest.mark.parametrize("operation", ["StartQueryExecution", "GetQueryExecution", "GetQueryResults"])
def test_throttling_passes(client: Athena, aws: Emulator, operation: str) -> None:
    fault = aws.faults.add(operation, times=2, error="TooManyRequestsException")
    assert client.query("SELECT 1").rows == ((1,),)
    assert fault.met == 2


def test_throttling_that_does_not_pass_is_told(client: Athena, aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lake_assets.aws._ATTEMPTS", 2)
    aws.faults.add("StartQueryExecution", times=None, error="TooManyRequestsException")
    with pytest.raises(AwsUnavailableError, match="Cannot ask Athena in the workgroup asked-lake"):
        Athena(Aws(), NAME).query("SELECT 1")


def test_a_start_whose_answer_was_lost_starts_one_query(client: Athena, aws: Emulator) -> None:
    aws.faults.add("StartQueryExecution", reset="after")
    assert client.query("SELECT 1").rows == ((1,),)
    assert aws.faults.count("StartQueryExecution") == 2
    assert len(aws.athena.executions) == 1


def test_a_missing_workgroup_is_told(aws: Emulator) -> None:
    with pytest.raises(AwsError, match="WorkGroup nobody is not found"):
        Athena(Aws(), "nobody").query("SELECT 1")


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("", "The query is empty"),
        ("SELECT 1; SELECT 2", "Give one SQL statement"),
        ("DROP TABLE silver.item", "Only queries can be asked"),
        ("SELECT FROM WHERE", "no valid SQL: .*line 1, column"),
    ],
)
def test_what_is_no_query_is_not_sent(client: Athena, aws: Emulator, sql: str, told: str) -> None:
    with pytest.raises(QueryError, match=told):
        client.query(sql)
    assert aws.faults.count("StartQueryExecution") == 0


def test_named_queries_are_deployed_changed_and_removed(client: Athena, aws: Emulator) -> None:
    athena = aws.client("athena")
    own = athena.create_named_query(Name="mine", Database="x", QueryString="SELECT 1", WorkGroup=NAME)["NamedQueryId"]
    names = tuple(query.name for query in named_queries(NAME))
    assert set(names) == {f"{NAME}/{name}" for name in example_queries()}
    assert deploy_named_queries(Aws(), NAME) == Deployed(names, (), ())
    assert deploy_named_queries(Aws(), NAME) == Deployed((), (), ())
    there = {query["Name"]: query for query in _named(athena)}
    changed, obsolete = there[names[0]], f"{NAME}/obsolete"
    athena.update_named_query(NamedQueryId=changed["NamedQueryId"], Name=names[0], QueryString="SELECT 2")
    athena.create_named_query(Name=obsolete, Database="x", QueryString="SELECT 1", WorkGroup=NAME)
    assert deploy_named_queries(Aws(), NAME) == Deployed((), (names[0],), (obsolete,))
    assert {query["Name"] for query in _named(athena)} == {"mine", *names}
    assert athena.get_named_query(NamedQueryId=own)["NamedQuery"]["QueryString"] == "SELECT 1"


def _named(athena: Any) -> Iterator[dict[str, Any]]:
    for page in athena.get_paginator("list_named_queries").paginate(WorkGroup=NAME):
        for query_id in page["NamedQueryIds"]:
            yield athena.get_named_query(NamedQueryId=query_id)["NamedQuery"]
