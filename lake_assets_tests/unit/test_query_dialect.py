"""Queries about the lake as Athena takes them: only the names of its tables change."""

from __future__ import annotations

import pytest

from lake_assets.errors import QueryError
from lake_assets.query.dialect import in_databases, in_schemas, translated
from lake_assets.query.examples import ExampleQuery, example_queries


@pytest.mark.parametrize(
    ("sql", "renamed"),
    [
        ("SELECT * FROM silver.item", "SELECT * FROM my_lake_silver.item"),
        ("SELECT * FROM Silver.Item AS i", "SELECT * FROM my_lake_silver.Item AS i"),
        (
            'SELECT * FROM "gold".t, quarantine."silver_item"',
            'SELECT * FROM my_lake_gold.t, my_lake_quarantine."silver_item"',
        ),
        (
            "SELECT silver.item.i_item_sk FROM silver.item",
            "SELECT my_lake_silver.item.i_item_sk FROM my_lake_silver.item",
        ),
        ("SELECT 'silver.item' FROM gold.t -- gold.t", "SELECT 'silver.item' FROM my_lake_gold.t -- gold.t"),
        (
            "WITH gold AS (SELECT 1 AS t) SELECT gold.t FROM gold",
            "WITH gold AS (SELECT 1 AS t) SELECT gold.t FROM gold",
        ),
        ("SELECT silver.n FROM other.numbers AS silver", "SELECT silver.n FROM other.numbers AS silver"),
        ("SELECT * FROM elsewhere.silver.item", "SELECT * FROM elsewhere.silver.item"),
        ("SELECT 1 AS n;\n", "SELECT 1 AS n"),
    ],
)
def test_only_the_lake_s_own_schemas_are_renamed(sql: str, renamed: str) -> None:
    assert in_databases(sql, "my-lake") == renamed


@pytest.mark.parametrize("example", example_queries().values(), ids=example_queries())
def test_an_example_keeps_every_other_sign(example: ExampleQuery) -> None:
    renamed = in_databases(example.sql, "lake")
    assert "lake_gold." in renamed
    assert renamed.replace("lake_gold.", "gold.") == example.sql.strip()


def test_what_the_lake_itself_asks_is_translated() -> None:
    sql = "SELECT COUNT(*) FILTER (a IS DISTINCT FROM b), ARG_MAX(a, b), a / b FROM gold.t"
    assert translated(sql, "lake") == (
        "SELECT COUNT(*) FILTER(WHERE a IS DISTINCT FROM b), MAX_BY(a, b), CAST(a AS DOUBLE) / b FROM lake_gold.t"
    )


def test_messages_name_tables_as_users_do() -> None:
    told = "line 1:15: Table 'awsdatacatalog.my_lake_silver.itme' does not exist"
    assert in_schemas(told, "my-lake") == "line 1:15: Table 'silver.itme' does not exist"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("", "The query is empty"),
        ("-- nothing", "The query is empty"),
        ("SELECT 1; SELECT 2", "Give one SQL statement; these are 2"),
        ("DROP TABLE silver.item", "Only queries can be asked"),
        ("INSERT INTO silver.item SELECT 1", "Only queries can be asked"),
        ("SELECT 'open", "no valid SQL"),
        ("SELECT (1", r"no valid SQL: .*\(line 1, column 9\)"),
    ],
)
def test_what_is_no_query_is_refused(sql: str, told: str) -> None:
    with pytest.raises(QueryError, match=told):
        in_databases(sql, "lake")
