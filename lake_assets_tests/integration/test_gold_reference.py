"""The gold tables against their recomputation from the raw files in DuckDB: every row and every column."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from lake_assets.contract.layers import GOLD, LakeTable
from lake_assets_tests.support import (
    customer_lifetime_value_reference,
    daily_sales_reference,
    monthly_trends_reference,
    product_performance_reference,
)

SHOWN = 10
REFERENCES: dict[str, Callable[[duckdb.DuckDBPyConnection], list[dict[str, Any]]]] = {
    "customer_lifetime_value": customer_lifetime_value_reference.reference_rows,
    "daily_sales_summary": daily_sales_reference.reference_rows,
    "monthly_trends": monthly_trends_reference.reference_rows,
    "product_performance": product_performance_reference.reference_rows,
}
# With and without a value: 0 in the sample would prove nothing.
RATIOS = {
    "customer_lifetime_value": ("expected_orders_12m", "ltv_12m", "avg_order_value"),
    "daily_sales_summary": ("avg_order_value", "return_to_sales_ratio", "gross_sales_ma7", "gross_sales_wow_pct"),
    "monthly_trends": ("gross_mom_pct", "gross_mom_pct_raw", "gross_yoy_pct", "gross_ma3", "seasonal_index"),
    "product_performance": ("gross_margin_pct", "gross_sales_yoy_pct", "weeks_of_supply", "cumulative_share"),
}
ALWAYS_THERE = {"expected_orders_12m", "ltv_12m", "avg_order_value", "gross_margin_pct", "cumulative_share"}

Key = tuple[Any, ...]
Rows = dict[Key, dict[str, Any]]


@pytest.fixture(scope="module", params=GOLD.values(), ids=list(GOLD))
def table(request: pytest.FixtureRequest) -> LakeTable:
    found: LakeTable = request.param
    return found


@pytest.fixture(scope="module")
def reference(database: duckdb.DuckDBPyConnection, table: LakeTable) -> Rows:
    with database.cursor() as session:
        session.execute("USE raw")
        return _by_key(table, REFERENCES[table.name](session))


@pytest.fixture(scope="module")
def built(database: duckdb.DuckDBPyConnection, table: LakeTable) -> Rows:
    result = database.execute(f"SELECT * EXCLUDE (load_timestamp) FROM {table.identifier}")
    names = [column[0] for column in result.description or ()]
    return _by_key(table, [dict(zip(names, values, strict=True)) for values in result.fetchall()])


def _by_key(table: LakeTable, rows: list[dict[str, Any]]) -> Rows:
    """Rows by partition and primary key, text as silver cleans it: without trailing blanks."""
    clean = [
        {name: (value.rstrip(" ") or None) if isinstance(value, str) else value for name, value in row.items()}
        for row in rows
    ]
    found = {(row[table.partition_column or ""], *(row[name] for name in table.primary_key)): row for row in clean}
    assert len(found) == len(rows), "a key occurs twice"
    return found


def _differences(reference: Rows, built: Rows) -> list[tuple[Any, ...]]:
    """The first values that differ, as key, column, expected, built."""
    found = [
        (key, name, value, built[key][name])
        for key, expected in reference.items()
        for name, value in expected.items()
        if value != built[key][name]
    ]
    return found[:SHOWN]


def test_gold_has_exactly_the_rows_of_the_recomputation(reference: Rows, built: Rows) -> None:
    assert sorted(map(str, reference.keys() ^ built.keys()))[:SHOWN] == []
    assert len(built) > 100


def test_gold_has_the_columns_of_its_specification(reference: Rows, built: Rows, table: LakeTable) -> None:
    declared = {column.name for column in table.columns} - {"load_timestamp"} | {table.partition_column}
    assert set(next(iter(built.values()))) == set(next(iter(reference.values()))) == declared


def test_every_value_of_gold_equals_the_recomputation(reference: Rows, built: Rows) -> None:
    assert _differences(reference, built) == []


def test_one_millionth_more_in_one_ratio_is_reported(reference: Rows, built: Rows, table: LakeTable) -> None:
    column = RATIOS[table.name][0]
    key, row = next((key, row) for key, row in built.items() if row[column] is not None)
    damaged = {**built, key: row | {column: row[column] + Decimal("0.000001")}}
    assert [found[:2] for found in _differences(reference, damaged)] == [(key, column)]


def test_ratios_growth_and_averages_are_exercised_with_and_without_a_value(built: Rows, table: LakeTable) -> None:
    filled = {name: sum(row[name] is not None for row in built.values()) for name in RATIOS[table.name]}
    full = ALWAYS_THERE if table.name in ("customer_lifetime_value", "product_performance") else set()
    assert all(0 < count < len(built) or name in full for name, count in filled.items()), filled
