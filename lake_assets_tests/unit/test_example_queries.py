"""The example queries on gold: complete, in the dialect that DuckDB and Athena share, about what the contract has."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from lake_assets.contract.layers import GOLD
from lake_assets.contract.types import physical_type
from lake_assets.errors import QueryError
from lake_assets.query.examples import ExampleQuery, example_queries, example_query, parse_example
from lake_assets_tests.support.portable_sql import columns_read, portability_faults

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = example_queries()
PERSONAL = {(table.name, column.name) for table in GOLD.values() for column in table.columns if column.personal}

each_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


@pytest.fixture(scope="module")
def empty_gold() -> duckdb.DuckDBPyConnection:
    """The tables of gold as the contract declares them, without rows."""
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA gold")
    for table in GOLD.values():
        columns = [f'"{column.name}" {physical_type(column)}' for column in table.columns]
        columns.append(f'"{table.partition_column}" string')
        connection.execute(f"CREATE TABLE gold.{table.name} ({', '.join(columns)})")
    return connection


def test_every_table_of_gold_has_examples() -> None:
    asked = {table for example in EXAMPLES.values() for table, _ in columns_read(example.sql)}
    assert asked == set(GOLD)


@each_example
def test_an_example_says_what_it_asks_and_how_to_read_the_answer(example: ExampleQuery) -> None:
    assert example.title[0].isupper()
    assert example.question.endswith("?")
    assert example.reading.endswith(".")
    assert len(example.reading) > len(example.question)


@each_example
def test_an_example_is_the_same_query_on_duckdb_and_on_athena(example: ExampleQuery) -> None:
    assert portability_faults(example.sql) == []


@each_example
def test_an_example_fits_the_tables_of_the_contract(
    example: ExampleQuery, empty_gold: duckdb.DuckDBPyConnection
) -> None:
    answer = empty_gold.execute(example.sql)
    names = [column[0] for column in answer.description or ()]
    assert len(set(names)) == len(names)
    assert answer.fetchall() == []


@each_example
def test_an_example_reads_no_personal_data(example: ExampleQuery) -> None:
    assert columns_read(example.sql) & PERSONAL == set()


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "SELECT year FROM gold.monthly_trends QUALIFY RANK() OVER (ORDER BY year) = 1 ORDER BY year",
            "does not parse",
        ),
        ("SELECT month // 3 AS q FROM gold.monthly_trends ORDER BY q", "does not parse"),
        ("SELECT gross_sales::DOUBLE AS g FROM gold.monthly_trends ORDER BY g", "it becomes"),
        ("FROM gold.monthly_trends SELECT year ORDER BY year", "it becomes"),
        ("SELECT year, FROM gold.monthly_trends ORDER BY year", "it becomes"),
        ("SELECT year FROM gold.monthly_trends WHERE month == 1 ORDER BY year", "it becomes"),
        ("SELECT year FROM gold.monthly_trends ORDER BY year; SELECT 1", "it becomes"),
        ("SELECT year FROM gold.monthly_trends GROUP BY ALL ORDER BY year", "groups by"),
        ("SELECT year FROM gold.monthly_trends GROUP BY ROLLUP (year) ORDER BY year", "Rollup is not known"),
        ("SELECT STRFTIME(month_start_date, '%Y') AS y FROM gold.monthly_trends ORDER BY y", "is not known to both"),
        ("SELECT APPROX_DISTINCT(item_id) AS n FROM gold.product_performance ORDER BY n", "is not known to both"),
        ("SELECT GREATEST(month, 2) AS m FROM gold.monthly_trends ORDER BY m", "Greatest is not known to both"),
        ("SELECT DATE_DIFF('day', sale_date, sale_date) AS n FROM gold.daily_sales_summary ORDER BY n", "not known"),
        ("SELECT CAST(month AS VARCHAR) AS m FROM gold.monthly_trends ORDER BY m", "only casts to DOUBLE"),
        ("SELECT * FROM gold.monthly_trends ORDER BY year", "columns are not named"),
        ("SELECT month / NULLIF(days_in_month, 0) AS q FROM gold.monthly_trends ORDER BY q", "not a DOUBLE"),
        ("SELECT AVG(gross_sales) AS mean FROM gold.monthly_trends ORDER BY mean", "not a DOUBLE"),
        ("SELECT CAST(month AS DOUBLE) / days_in_month AS q FROM gold.monthly_trends ORDER BY q", "may be 0"),
        ("SELECT year FROM monthly_trends ORDER BY year", "not named gold.<table>"),
        ("SELECT i_item_id FROM silver.item ORDER BY i_item_id", "not named gold.<table>"),
        ("SELECT gros_sales FROM gold.monthly_trends ORDER BY gros_sales", "not in the contract"),
        ("SELECT gross_sales AS g FROM gold.monthly_trends WHERE g > 0 ORDER BY g", "not in the contract"),
        ("SELECT month AS m FROM gold.monthly_trends GROUP BY m ORDER BY m", "not in the contract"),
        ("SELECT month AS m, m + 1 AS n FROM gold.monthly_trends ORDER BY m", "not in the contract"),
        ('SELECT month AS "Month" FROM gold.monthly_trends ORDER BY month', "quoted"),
        ("SELECT month AS last FROM gold.monthly_trends ORDER BY last", "reserved"),
        ("SELECT year FROM gold.monthly_trends", "no order"),
        ("SELECT year FROM gold.monthly_trends ORDER BY month", "no column of the result"),
        ("SELECT ROUND(gross_ma3, 1) AS gross_ma3 FROM gold.monthly_trends ORDER BY gross_ma3", "two things"),
    ],
)
def test_what_one_of_the_engines_does_not_know_or_answers_otherwise_is_found(sql: str, told: str) -> None:
    assert told in " | ".join(portability_faults(sql))


def test_an_unknown_example_is_told_with_those_there_are() -> None:
    with pytest.raises(QueryError, match=r"no example 'best'.*best_months, .*weekdays_and_holidays"):
        example_query("best")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "-- A title\nSELECT 1",
        "-- A title\n-- Question: Why?\nSELECT 1",
        "-- Question: Why?\n-- How to read: so.\nSELECT 1",
        "-- A title\n-- More of it\n-- Question: Why?\n-- How to read: so.\nSELECT 1",
    ],
)
def test_a_header_that_lacks_a_part_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"example\.sql: the header needs"):
        parse_example("example", text)


def test_a_question_may_take_several_lines() -> None:
    text = "-- A title\n-- Question: Why\n--   not?\n-- How to read: like\n--   this.\nSELECT 1\n-- no header\n"
    assert parse_example("example", text) == ExampleQuery("example", "A title", "Why not?", "like this.", text)


def test_the_readme_lists_every_example_with_its_question() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    rows = [f"| `{example.name}` | {example.question} |" for example in EXAMPLES.values()]
    assert [row for row in rows if row not in readme] == []
