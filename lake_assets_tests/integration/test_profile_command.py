"""`lake-assets profile` as a user calls it on the built lake, its figures against SQL over the raw files and the lake."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest

from lake_assets_tests.conftest import BuiltLake, lake_assets

PERSONAL = ("c_salutation", "c_first_name", "c_last_name", "c_birth_year", "c_email_address")


def profile(built_lake: BuiltLake, table: str) -> dict[str, Any]:
    """The profile as a program reads it, its columns by name."""
    done = lake_assets(built_lake.environment, "profile", table, "--format", "json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told | {"columns": {column["name"]: column for column in told["columns"]}}


def asked(database: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    (row,) = database.execute(sql).fetchall()
    return tuple(row)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("silver.item", "i_category"),
        ("silver.item", "i_current_price"),
        ("silver.item", "i_rec_end_date"),
        ("silver.store_sales", "ss_customer_sk"),
        ("silver.store_sales", "ss_net_profit"),
        ("silver.store_sales", "sold_month"),
        ("gold.daily_sales_summary", "gross_sales_ma7"),
        ("bronze.reason", "r_reason_desc"),
    ],
)
def test_every_figure_of_a_column_is_exact(
    built_lake: BuiltLake, database: duckdb.DuckDBPyConnection, table: str, column: str
) -> None:
    found = profile(built_lake, table)["columns"][column]
    figures = f"count(*), count(*) - count({column}), count(DISTINCT {column}), min({column}), max({column})"
    rows, nulls, distinct, low, high = asked(database, f"SELECT {figures} FROM {table}")
    assert (found["rows"], found["nulls"], found["distinct"]) == (rows, nulls, distinct)
    assert found["null_share"] == pytest.approx(nulls / rows)
    assert (str(found["min"]), str(found["max"])) == (str(low), str(high))
    repeated = f"SELECT {column}, count(*) n FROM {table} WHERE {column} IS NOT NULL GROUP BY 1 HAVING n > 1"
    wanted = database.execute(f"{repeated} ORDER BY n DESC, 1 LIMIT 3").fetchall() if distinct <= 1000 else []
    assert [(str(top["value"]), top["rows"]) for top in found["top"]] == [(str(value), n) for value, n in wanted]


def test_a_user_sees_every_column_and_exits_with_0(built_lake: BuiltLake, database: duckdb.DuckDBPyConnection) -> None:
    done = lake_assets(built_lake.environment, "profile", "item")
    assert done.returncode == 0, done.stderr
    (rows,) = asked(database, "SELECT count(*) FROM silver.item")
    lines = done.stdout.splitlines()
    assert lines[0] == f"silver.item: {rows:,} rows"
    columns = [name for (name, *_) in database.execute("DESCRIBE silver.item").fetchall()]
    assert [line.split()[0] for line in lines[3 : 3 + len(columns)]] == columns
    assert f"{len(columns)} columns in " in done.stderr


def test_what_is_proposed_holds_and_is_not_yet_a_rule(
    built_lake: BuiltLake, database: duckdb.DuckDBPyConnection
) -> None:
    told = profile(built_lake, "daily_sales_summary")
    assert told["table"] == "gold.daily_sales_summary"
    adding = {(proposal["column"], proposal["kind"]): proposal["add"] for proposal in told["proposals"]}
    # A key of the table, the partition and the load timestamp are declared or belong to the lake.
    assert {"date_sk", "sales_month", "load_timestamp"} & {column for column, _ in adding} == set()
    held = {
        ("quarter", "bounds"): ("low=1, high=4", "min(quarter) = 1 AND max(quarter) = 4"),
        ("month", "bounds"): ("low=1, high=12", "min(month) = 1 AND max(month) = 12"),
    }
    for key, (words, condition) in held.items():
        if key in adding:  # else the contract states it by now
            assert adding[key] == words
            assert asked(database, f"SELECT {condition} FROM gold.daily_sales_summary") == (True,)


def test_the_references_of_a_fact_are_declared(built_lake: BuiltLake) -> None:
    told = profile(built_lake, "store_sales")
    assert told["table"] == "silver.store_sales"
    assert [proposal for proposal in told["proposals"] if proposal["kind"] == "foreign_key"] == []


def test_of_personal_data_only_counts_are_shown(built_lake: BuiltLake, database: duckdb.DuckDBPyConnection) -> None:
    told = profile(built_lake, "customer")
    for name in PERSONAL:
        (distinct,) = asked(database, f"SELECT count(DISTINCT {name}) FROM silver.customer")
        assert told["columns"][name].keys() == {"name", "type", "personal", "rows", "nulls", "null_share", "distinct"}
        assert told["columns"][name]["distinct"] == distinct
    shown = lake_assets(built_lake.environment, "profile", "customer").stdout
    (names,) = asked(database, "SELECT list(DISTINCT c_last_name) FROM silver.customer")
    assert shown.count("personal data") >= len(PERSONAL)
    assert [name for name in names if name and f" {name} " in shown] == []


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (
            ("itme",),
            1,
            "Error: Unknown table 'itme'. Did you mean item? Tables are named layer.table; there are bronze.",
        ),
        (("gold.item",), 1, "Did you mean silver.item or bronze.item?"),
        ((), 2, "Missing argument"),
        (("item", "--format", "csv"), 2, "Invalid value for '--format'"),
    ],
)
def test_a_mistake_is_told_with_an_exit_code(
    built_lake: BuiltLake, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = lake_assets(built_lake.environment, "profile", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_lake_that_is_not_there_yet_is_told(built_lake: BuiltLake) -> None:
    done = lake_assets(built_lake.environment | {"LAKE_ROOT": "/tmp/no lake here"}, "profile", "item")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Nothing is published in the lake at /tmp/no lake here yet. Run `lake-assets run` first." in done.stderr
