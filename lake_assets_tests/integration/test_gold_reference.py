"""Gold `daily_sales_summary` against its recomputation from the raw files: every row and every column."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb
import pytest

from lake_assets_tests.support.daily_sales_reference import reference_rows

SHOWN = 10

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def reference(database: duckdb.DuckDBPyConnection) -> Rows:
    with database.cursor() as session:
        session.execute("USE raw")
        return reference_rows(session)


@pytest.fixture(scope="module")
def built(database: duckdb.DuckDBPyConnection) -> Rows:
    result = database.execute(
        "SELECT * EXCLUDE (load_timestamp) FROM gold.daily_sales_summary ORDER BY channel, date_sk"
    )
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, values, strict=True)) for values in result.fetchall()]


def _differences(reference: Rows, built: Rows) -> list[tuple[Any, ...]]:
    """The first values that differ as (channel, date_sk, column, expected, built)."""
    found = [
        (expected["channel"], expected["date_sk"], name, value, row[name])
        for expected, row in zip(reference, built, strict=True)
        for name, value in expected.items()
        if value != row[name]
    ]
    return found[:SHOWN]


def test_gold_has_a_row_for_each_channel_and_day_with_a_sale_or_a_return(reference: Rows, built: Rows) -> None:
    wanted = [(row["channel"], row["date_sk"]) for row in reference]
    found = [(row["channel"], row["date_sk"]) for row in built]
    assert sorted(set(wanted) ^ set(found))[:SHOWN] == []
    assert len(found) == len(wanted)


def test_gold_has_the_columns_of_its_specification(reference: Rows, built: Rows) -> None:
    assert set(built[0]) == set(reference[0])


def test_every_value_of_gold_equals_the_recomputation(reference: Rows, built: Rows) -> None:
    assert _differences(reference, built) == []


def test_one_millionth_more_in_one_ratio_is_reported(reference: Rows, built: Rows) -> None:
    row = next(row for row in built if row["gross_sales_ma7"] is not None)
    more = row | {"gross_sales_ma7": row["gross_sales_ma7"] + Decimal("0.000001")}
    damaged = [more if each is row else each for each in built]
    assert [found[:3] for found in _differences(reference, damaged)] == [
        (row["channel"], row["date_sk"], "gross_sales_ma7")
    ]


def test_ratios_growth_and_averages_are_exercised_with_and_without_a_value(built: Rows) -> None:
    ratios = ("avg_order_value", "return_to_sales_ratio", "gross_sales_ma7", "gross_sales_wow_pct")
    filled = {name: sum(row[name] is not None for row in built) for name in ratios}
    assert all(0 < count < len(built) for count in filled.values()), filled
