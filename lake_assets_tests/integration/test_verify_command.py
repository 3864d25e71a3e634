"""`lake-assets verify` as a user calls it: on the built lake, on copies with a changed object, and without a table of gold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake_assets.contract.invariants import ACROSS, tables_of
from lake_assets.contract.layers import GOLD
from lake_assets.contract.rules import rules_of
from lake_assets.query.duckdb import connect
from lake_assets_tests.conftest import BuiltLake, lake_assets

ACROSS_BROKEN_BY = {
    "totals__years": ("daily_sales_summary", "net_profit = net_profit + 1"),
    "totals__months": ("monthly_trends", "units_sold = units_sold + 1"),
    "totals__net_sales": ("product_performance", "net_sales = net_sales + 0.01"),
    "totals__new_customers": ("customer_lifetime_value", "first_purchase_date = NULL"),
    "recomputed__is_complete_month": ("monthly_trends", "is_complete_month = NOT is_complete_month"),
    "recomputed__as_of_date": ("customer_lifetime_value", "as_of_date = as_of_date + 1"),
    "recomputed__expected_orders_12m_by_model": (
        "customer_lifetime_value",
        "expected_orders_12m = expected_orders_12m + 0.00001",
    ),
    "recomputed__ltv_12m_by_model": ("customer_lifetime_value", "ltv_12m = ltv_12m + 0.01"),
    "ranking__recency_score_among_all": ("customer_lifetime_value", "recency_score = recency_score % 5 + 1"),
    "ranking__frequency_score_among_all": ("customer_lifetime_value", "frequency_score = frequency_score % 5 + 1"),
    "ranking__monetary_score_among_all": ("customer_lifetime_value", "monetary_score = monetary_score % 5 + 1"),
    "ranking__value_tier_among_all": ("customer_lifetime_value", "value_tier = lower(value_tier)"),
    "complete__sales_of_returns": ("store_returns", "sr_ticket_number = -1"),
}
"""By what holds across tables the damage of one row that breaks it."""


@pytest.fixture
def copied_lake(built_lake: BuiltLake, tmp_path: Path) -> BuiltLake:
    """A copy of silver and gold that a test may change."""
    root = tmp_path / "lake"
    for folder in ("silver", "gold"):
        shutil.copytree(built_lake.root / folder, root / folder)
    return replace(built_lake, root=root)


@pytest.fixture(scope="module")
def tables(built_lake: BuiltLake) -> Iterator[duckdb.DuckDBPyConnection]:
    """Silver and gold of the built lake as tables that may be changed and rolled back."""
    with connect(built_lake.root) as views, duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA silver; CREATE SCHEMA gold")
        for name in {name for invariant in ACROSS for name in tables_of(invariant.query)}:
            rows = views.sql(f"FROM {name}").arrow()
            connection.register("rows", rows)
            connection.execute(f"CREATE TABLE {name} AS FROM rows")
        yield connection


def verified(lake: BuiltLake, *arguments: str) -> tuple[int, dict[tuple[str, str], dict[str, Any]], str]:
    """Exit code, what was found by table and rule, and what was said beside it."""
    done = lake_assets(lake.environment, "verify", *arguments, "--format", "json")
    return done.returncode, {(each["table"], each["rule"]): each for each in json.loads(done.stdout)}, done.stderr


def change(lake: BuiltLake, path: str, column: str, value: Any) -> None:
    """Another value in the first row of a published object."""
    (file,) = (lake.root / path).glob("*.parquet")
    table = pq.read_table(file, partitioning=None)
    rows = table.to_pylist()
    rows[0][column] = value(rows[0][column])
    pq.write_table(pa.Table.from_pylist(rows, table.schema), file)


def test_everything_holds_of_the_built_lake(built_lake: BuiltLake) -> None:
    code, found, told = verified(built_lake)
    assert (code, told) == (0, "")
    assert {name: each for name, each in found.items() if each["broken"] or each["missing"]} == {}
    assert set(found) == {
        *((table.identifier, rule.name) for table in GOLD.values() for rule in rules_of(table) if rule.invariant),
        *(("across tables", f"{invariant.kind}__{invariant.subject}") for invariant in ACROSS),
    }
    partitions = {
        name: {each["partitions"] for (table, _), each in found.items() if table == name} for name, _ in found
    }
    assert partitions["gold.daily_sales_summary"] == {73}
    assert all(len(counts) == 1 for counts in partitions.values())


def test_a_user_sees_what_was_checked(built_lake: BuiltLake) -> None:
    done = lake_assets(built_lake.environment, "verify", "gold.monthly_trends")
    assert (done.returncode, done.stderr) == (0, "")
    assert "gold.monthly_trends" in done.stdout
    assert "complete__month" in done.stdout
    assert "across tables" in done.stdout
    assert "daily_sales_summary" not in done.stdout


def test_a_changed_object_is_found_with_its_rule_and_its_partition(copied_lake: BuiltLake) -> None:
    change(copied_lake, "gold/daily_sales_summary/sales_month=2001-05", "coupon_amt", lambda value: value + 1)
    code, found, told = verified(copied_lake)
    assert code == 1
    assert {name: each["broken"] for name, each in found.items() if each["broken"]} == {
        ("gold.daily_sales_summary", "totals__sales"): {"2001-05": 1},
        ("across tables", "totals__years"): {"2001": 1},
        ("across tables", "totals__months"): {"2001-05": 1},
    }
    assert "gold.daily_sales_summary totals__sales, across tables totals__years" in told
    assert "Traceback" not in told


def test_a_broken_rule_that_warns_is_shown_and_ends_well(copied_lake: BuiltLake) -> None:
    change(copied_lake, "gold/monthly_trends/year=2000", "days_in_month", lambda value: value + 1)
    rule = "gold.monthly_trends.recomputed__days_in_month"
    lenient = copied_lake.environment | {"LAKE_RULES": json.dumps({rule: "warn"})}
    strict = lake_assets(copied_lake.environment, "verify", "monthly_trends")
    done = lake_assets(lenient, "verify", "monthly_trends")
    assert (strict.returncode, done.returncode) == (1, 0)
    for told in (strict.stdout, done.stdout):
        (line,) = (line for line in told.splitlines() if "recomputed__days_in_month" in line)
        assert "2000 (1)" in line


def test_a_table_that_is_not_published_yet_is_told_and_the_others_are_checked(copied_lake: BuiltLake) -> None:
    shutil.rmtree(copied_lake.root / "gold/product_performance")
    done = lake_assets(copied_lake.environment, "verify")
    assert done.returncode == 0, done.stderr
    assert "not checked: gold.product_performance not published" in done.stdout
    _, found, _ = verified(copied_lake)
    missing = {name for name, each in found.items() if each["missing"]}
    products = GOLD["product_performance"]
    assert missing == {
        *((products.identifier, rule.name) for rule in rules_of(products) if rule.invariant),
        ("across tables", "totals__years"),
        ("across tables", "totals__net_sales"),
    }


@pytest.mark.parametrize(
    ("root", "arguments", "told"),
    [
        (None, ("monthly_trend",), "Unknown gold table 'monthly_trend'. Did you mean monthly_trends?"),
        (
            "/tmp/no lake here",
            (),
            "Nothing is published in the lake at /tmp/no lake here yet. Run `lake-assets run` first.",
        ),
    ],
)
def test_a_mistake_is_told_with_an_exit_code(
    built_lake: BuiltLake, root: str | None, arguments: tuple[str, ...], told: str
) -> None:
    environment = built_lake.environment | ({"LAKE_ROOT": root} if root else {})
    done = lake_assets(environment, "verify", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr


def test_every_invariant_across_tables_has_a_damage_that_breaks_it() -> None:
    assert set(ACROSS_BROKEN_BY) == {f"{invariant.kind}__{invariant.subject}" for invariant in ACROSS}


@pytest.mark.parametrize("invariant", ACROSS, ids=lambda invariant: f"{invariant.kind}__{invariant.subject}")
def test_what_holds_across_tables_is_broken_by_one_wrong_row(tables: duckdb.DuckDBPyConnection, invariant: Any) -> None:
    table, damage = ACROSS_BROKEN_BY[f"{invariant.kind}__{invariant.subject}"]
    (name,) = (known for known in tables_of(invariant.query) if known.endswith(f".{table}"))
    assert tables.execute(invariant.query).fetchall() == []
    column = damage.partition(" = ")[0]
    where = f"{column} IS NOT NULL" + (
        " AND order_count > 0" if table in GOLD and table != "product_performance" else ""
    )
    tables.execute("BEGIN")
    tables.execute(f"UPDATE {name} SET {damage} WHERE rowid = (SELECT max(rowid) FROM {name} WHERE {where})")
    found = tables.execute(invariant.query).fetchall()
    tables.execute("ROLLBACK")
    assert found


def test_a_return_whose_sale_is_not_in_silver_is_told_and_explains_what_products_lack(
    tables: duckdb.DuckDBPyConnection,
) -> None:
    queries = {f"{invariant.kind}__{invariant.subject}": invariant.query for invariant in ACROSS}
    orphan = "rowid = (SELECT max(rowid) FROM silver.store_returns WHERE sr_return_amt > 0)"
    tables.execute("BEGIN")
    tables.execute(
        "UPDATE gold.product_performance SET net_sales = net_sales + "
        f"(SELECT sr_return_amt FROM silver.store_returns WHERE {orphan}) "
        "WHERE rowid = (SELECT max(rowid) FROM gold.product_performance)"
    )
    assert tables.execute(queries["totals__net_sales"]).fetchall() == [("all", 1)]
    tables.execute(f"UPDATE silver.store_returns SET sr_ticket_number = -1 WHERE {orphan}")
    assert tables.execute(queries["totals__net_sales"]).fetchall() == []
    assert len(tables.execute(queries["complete__sales_of_returns"]).fetchall()) == 1
    tables.execute("ROLLBACK")
