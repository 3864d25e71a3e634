"""The example queries on the built lake: each answers, always alike, and what six of them say agrees with the raw files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from lake_assets.contract.layers import GOLD
from lake_assets.query.examples import ExampleQuery, example_queries
from lake_assets_tests.conftest import BuiltLake, lake_assets

EXAMPLES = example_queries()

RAW_LINES = """
CREATE TEMP TABLE sold AS
WITH lines AS (
    SELECT 'store' AS channel, ss_ticket_number AS order_number, ss_item_sk AS item_sk, ss_sold_date_sk AS date_sk,
           ss_customer_sk AS customer_sk, ss_ext_sales_price AS gross FROM raw.store_sales
    UNION ALL
    SELECT 'catalog', cs_order_number, cs_item_sk, cs_sold_date_sk, cs_bill_customer_sk, cs_ext_sales_price
    FROM raw.catalog_sales
    UNION ALL
    SELECT 'web', ws_order_number, ws_item_sk, ws_sold_date_sk, ws_bill_customer_sk, ws_ext_sales_price
    FROM raw.web_sales
), known AS (
    SELECT * EXCLUDE (date_sk, customer_sk), max(date_sk) OVER orders AS date_sk, max(customer_sk) OVER orders AS customer_sk
    FROM lines WINDOW orders AS (PARTITION BY channel, order_number)
)
SELECT known.*, d_date AS day, d_year AS year, d_day_name AS day_name, d_holiday = 'Y' AS is_holiday
FROM known LEFT JOIN raw.date_dim ON d_date_sk = date_sk
"""
RAW_RETURNS = """
CREATE TEMP TABLE returned AS
WITH lines AS (
    SELECT 'store' AS channel, sr_ticket_number AS order_number, sr_item_sk AS item_sk, sr_returned_date_sk AS date_sk,
           sr_return_amt AS amount FROM raw.store_returns
    UNION ALL
    SELECT 'catalog', cr_order_number, cr_item_sk, cr_returned_date_sk, cr_return_amount FROM raw.catalog_returns
    UNION ALL
    SELECT 'web', wr_order_number, wr_item_sk, wr_returned_date_sk, wr_return_amt FROM raw.web_returns
)
SELECT lines.*, d_date AS day FROM lines LEFT JOIN raw.date_dim ON d_date_sk = date_sk
"""

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def raw(database: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Sale lines with the date and customer of their order as `sold`, return lines as `returned`, from the raw files."""
    with database.cursor() as session:
        session.execute(RAW_LINES)
        session.execute(RAW_RETURNS)
        yield session


def rows(session: duckdb.DuckDBPyConnection, sql: str) -> Rows:
    result = session.execute(sql)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, values, strict=True)) for values in result.fetchall()]


def answer(session: duckdb.DuckDBPyConnection, name: str, *columns: str) -> Rows:
    """These columns of the example's answer."""
    return [{column: row[column] for column in columns} for row in rows(session, EXAMPLES[name].sql)]


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_has_an_answer_with_a_value_in_every_column(
    database: duckdb.DuckDBPyConnection, example: ExampleQuery
) -> None:
    found = rows(database, example.sql)
    assert found
    assert {name for name in found[0] if all(row[name] is None for row in found)} == set()


@pytest.fixture(scope="module")
def shuffled(database: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Gold with the rows of every table in another order."""
    copy = duckdb.connect()
    copy.execute("CREATE SCHEMA gold")
    for name in GOLD:
        table = database.execute(f"SELECT * FROM gold.{name} ORDER BY hash({name})").to_arrow_table()
        copy.register("moved", table)
        copy.execute(f"CREATE TABLE gold.{name} AS SELECT * FROM moved")
    return copy


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_an_answer_does_not_depend_on_the_order_of_the_rows(
    database: duckdb.DuckDBPyConnection, shuffled: duckdb.DuckDBPyConnection, example: ExampleQuery
) -> None:
    assert rows(shuffled, example.sql) == rows(database, example.sql)


def test_the_best_months_are_those_of_the_raw_files(raw: duckdb.DuckDBPyConnection) -> None:
    columns = ("channel", "place", "month_start_date", "order_count", "gross_sales", "returns_amt", "net_sales")
    wanted = rows(
        raw,
        """
        WITH either AS (
            SELECT channel, day, channel || order_number AS order_key, gross, 0 AS back FROM sold
            UNION ALL SELECT channel, day, NULL, 0, amount FROM returned
        ), twice AS (SELECT * FROM either UNION ALL SELECT * REPLACE ('all' AS channel) FROM either),
        bounds AS (
            SELECT channel, min(day) FILTER (order_key NOTNULL) AS first, max(day) FILTER (order_key NOTNULL) AS last
            FROM twice GROUP BY ALL
        ), months AS (
            SELECT channel, date_trunc('month', day)::DATE AS month_start_date, count(DISTINCT order_key) AS order_count,
                   sum(gross) AS gross_sales, sum(back) AS returns_amt, sum(coalesce(gross, 0) - coalesce(back, 0)) AS net_sales
            FROM twice JOIN bounds USING (channel)
            WHERE day < DATE '2003-01-01' AND date_trunc('month', day) >= first AND last_day(day) <= last
            GROUP BY ALL
        )
        SELECT channel, row_number() OVER (PARTITION BY channel ORDER BY net_sales DESC) AS place,
               * EXCLUDE (channel) FROM months QUALIFY place <= 3 ORDER BY channel, place
        """,
    )
    assert len(wanted) == 12
    assert answer(raw, "best_months", *columns) == [{name: row[name] for name in columns} for row in wanted]


def test_the_shares_of_the_channels_are_those_of_the_raw_files(raw: duckdb.DuckDBPyConnection) -> None:
    found = answer(raw, "channel_shift", "year", "channel", "gross_sales", "share", "share_change", "growth")
    by_year = rows(raw, "SELECT year, sum(gross) AS gross FROM sold GROUP BY year")
    whole = {row["year"]: row["gross"] for row in by_year}
    part = {
        (row["year"], row["channel"]): row["gross"]
        for row in rows(raw, "SELECT year, channel, sum(gross) AS gross FROM sold GROUP BY ALL")
    }
    assert [(row["year"], row["channel"]) for row in found] == [
        (str(year), channel) for year in range(1998, 2003) for channel in ("catalog", "store", "web")
    ]
    for row in found:
        year, channel = int(row["year"]), row["channel"]
        gross = part[year, channel]
        assert row["gross_sales"] == gross
        assert row["share"] == pytest.approx(float(gross / whole[year]), abs=0.00006)
        before = part.get((year - 1, channel)) if year > 1998 else None
        if before is None:
            assert (row["share_change"], row["growth"]) == (None, None)
        else:
            assert row["growth"] == pytest.approx(float(gross / before) - 1, abs=0.00006)
            assert row["share_change"] == pytest.approx(
                float(gross / whole[year]) - float(before / whole[year - 1]), abs=0.00006
            )


def test_the_categories_moved_as_in_the_raw_files(raw: duckdb.DuckDBPyConnection) -> None:
    # The table of items ends within the versions of its last item, which so has no open one at this scale.
    wanted = rows(
        raw,
        """
        WITH current AS (
            SELECT DISTINCT ON (i_item_id) i_item_id, coalesce(i_category, 'UNKNOWN') AS category
            FROM raw.item ORDER BY i_item_id, i_rec_end_date DESC NULLS FIRST
        ),
        net AS (
            SELECT sold.item_sk, sold.year, coalesce(gross, 0) - coalesce(amount, 0) AS net
            FROM sold LEFT JOIN returned USING (channel, order_number, item_sk)
        )
        SELECT category, sum(if(year = 2001, net, 0)) AS net_sales_2001, sum(if(year = 2002, net, 0)) AS net_sales_2002,
               sum(if(year = 2002, net, 0)) - sum(if(year = 2001, net, 0)) AS gained
        FROM net JOIN raw.item ON i_item_sk = item_sk JOIN current USING (i_item_id)
        GROUP BY category ORDER BY gained DESC
        """,
    )
    assert answer(raw, "category_movers", "category", "net_sales_2001", "net_sales_2002", "gained") == wanted


def test_the_top_customers_are_those_of_the_raw_files(raw: duckdb.DuckDBPyConnection) -> None:
    wanted = rows(
        raw,
        """
        WITH back AS (SELECT channel, order_number, item_sk, sum(amount) AS amount FROM returned GROUP BY ALL),
        customers AS (
            SELECT customer_sk, count(DISTINCT channel || order_number) AS order_count,
                   sum(gross) - sum(coalesce(amount, 0)) AS net
            FROM sold LEFT JOIN back USING (channel, order_number, item_sk) WHERE customer_sk IS NOT NULL GROUP BY ALL
        )
        SELECT customer_sk, c_customer_id AS customer_id, order_count, net AS net_sales,
               sum(net) OVER (ORDER BY net DESC, customer_sk) / (SELECT sum(net) FROM customers) AS cumulative_share
        FROM customers JOIN raw.customer ON c_customer_sk = customer_sk ORDER BY net DESC, customer_sk LIMIT 20
        """,
    )
    found = answer(raw, "top_customers", "customer_sk", "customer_id", "order_count", "net_sales", "cumulative_share")
    shares = [row.pop("cumulative_share") for row in found]
    assert shares == pytest.approx([row.pop("cumulative_share") for row in wanted], abs=0.0000006)
    assert found == wanted


def test_the_days_of_the_week_are_those_of_the_raw_files(raw: duckdb.DuckDBPyConnection) -> None:
    wanted = rows(
        raw,
        """
        WITH days AS (
            SELECT day, is_holiday, day_name, count(DISTINCT channel || order_number) AS orders, sum(gross) AS gross
            FROM sold WHERE year <= 2002 GROUP BY ALL
        )
        SELECT if(is_holiday, 'holiday', if(isodow(day) >= 6, 'weekend', 'weekday')) AS kind_of_day,
               if(is_holiday, 'any', strftime(day, '%A')) AS day_name,
               count(*) AS days, round(avg(orders), 2) AS orders_per_day, round(avg(gross), 2) AS gross_per_day
        FROM days GROUP BY ALL ORDER BY ALL
        """,
    )
    columns = ("kind_of_day", "day_name", "days", "orders_per_day", "gross_per_day")
    found = answer(raw, "weekdays_and_holidays", *columns)
    assert [list(row.values())[:3] for row in found] == [list(row.values())[:3] for row in wanted]
    for name in columns[3:]:
        assert [row[name] for row in found] == pytest.approx([row[name] for row in wanted], abs=0.011)


def test_new_and_returning_customers_are_those_of_the_raw_files(raw: duckdb.DuckDBPyConnection) -> None:
    wanted = rows(
        raw,
        """
        WITH bought AS (
            SELECT DISTINCT customer_sk, date_trunc('month', day)::DATE AS month FROM sold WHERE customer_sk NOTNULL
        ),
        firsts AS (SELECT customer_sk, min(month) AS first FROM bought GROUP BY ALL)
        SELECT month AS month_start_date, count(*) AS active_customers, count(*) FILTER (month = first) AS new_customers,
               count(*) FILTER (month > first) AS returning_customers,
               sum(count(*) FILTER (month = first)) OVER (ORDER BY month) AS customers_so_far
        FROM bought JOIN firsts USING (customer_sk) WHERE month < DATE '2003-01-01' GROUP BY month ORDER BY month
        """,
    )
    assert len(wanted) == 60
    assert answer(raw, "new_and_returning", *wanted[0]) == wanted


def test_a_user_asks_an_example_by_its_name_and_is_told_how_to_read_it(
    built_lake: BuiltLake, database: duckdb.DuckDBPyConnection
) -> None:
    done = lake_assets(built_lake.environment, "query", "--example", "best_months", "--format", "csv")
    assert done.returncode == 0, done.stderr
    wanted = rows(database, EXAMPLES["best_months"].sql)
    assert list(csv.DictReader(io.StringIO(done.stdout))) == [
        {name: str(value) for name, value in row.items()} for row in wanted
    ]
    told = " ".join(done.stderr.split())
    assert EXAMPLES["best_months"].question in told
    assert f"{len(wanted)} rows in " in told
    assert f"How to read: {EXAMPLES['best_months'].reading}" in told


def test_the_examples_are_listed_also_without_a_lake(built_lake: BuiltLake) -> None:
    environment = built_lake.environment | {"LAKE_ROOT": "/tmp/no lake here"}
    shown = lake_assets(environment, "query", "--examples")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [name for name in EXAMPLES if f" {name} " not in shown.stdout] == []
    listed = json.loads(lake_assets(environment, "query", "--examples", "--format", "json").stdout)
    assert [(row["name"], row["sql"]) for row in listed] == [(name, one.sql) for name, one in EXAMPLES.items()]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--example", "best"), 1, "There is no example 'best'. There are best_months, category_movers,"),
        ((), 2, "--example NAME"),
        (("SELECT 1", "--example", "best_months"), 2, "--example NAME"),
        (("SELECT 1", "--examples"), 2, "--example NAME"),
    ],
)
def test_a_mistake_is_told_with_an_exit_code(
    built_lake: BuiltLake, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = lake_assets(built_lake.environment, "query", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
