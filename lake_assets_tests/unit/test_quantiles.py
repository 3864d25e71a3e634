"""Exact quantiles, held to DuckDB's PERCENTILE_DISC: no value invented between two, and no equal values split."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from lake_assets.compute.gold.quantiles import quantiles
from lake_assets_tests.support.silver_lines import AS_QUERIES

FIFTHS = (0.2, 0.4, 0.6, 0.8)
TIERS = (0.5, 0.8, 0.95)

# Around zero and around the limits of intervals of 100, where a floor or a remainder goes wrong, and many ties.
CENTS = st.integers(-30_000, 30_000) | st.sampled_from([-10_001, -10_000, -9_999, -1, 0, 1, 9_999, 10_000, 10_001])
AMOUNTS = CENTS.map(lambda cents: Decimal(cents).scaleb(-2))


def of(spark: SparkSession, values: Sequence[int], shares: Sequence[float], width: int = 1) -> list[int]:
    rows = spark.createDataFrame([(value,) for value in values], "value bigint")
    return [int(found) for found in quantiles(rows, "value", shares, width)]


def oracle(values: Sequence[int] | Sequence[Decimal], kind: str, shares: Sequence[float]) -> tuple[Decimal, ...]:
    """PERCENTILE_DISC of each share; shares as decimals, or 0.95 of 20 values would be a little more than 19."""
    wanted = ", ".join(f"percentile_disc({share}) WITHIN GROUP (ORDER BY value)" for share in shares)
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT {wanted} FROM (SELECT unnest(?::{kind}[]) AS value)", [list(values)])
        return tuple(Decimal(value) for value in rows.fetchall()[0])


@AS_QUERIES
@given(values=st.lists(AMOUNTS, min_size=1, max_size=60), shares=st.sampled_from([FIFTHS, TIERS, (0.01, 1.0)]))
@example(values=[Decimal("-0.01"), Decimal("0.00"), Decimal("100.00"), Decimal("-100.00")], shares=FIFTHS)
def test_quantiles_of_amounts_are_those_of_duckdb(
    spark: SparkSession, values: list[Decimal], shares: tuple[float, ...]
) -> None:
    frame = spark.createDataFrame([(value,) for value in values], "value decimal(18,2)")
    expected = oracle(values, "DECIMAL(18,2)", shares)
    assert quantiles(frame, "value", shares, 100) == expected
    assert quantiles(frame.repartition(3), "value", shares) == expected


@AS_QUERIES
@given(values=st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_quantiles_of_counts_are_those_of_duckdb(spark: SparkSession, values: list[int]) -> None:
    assert of(spark, values, FIFTHS) == list(oracle(values, "BIGINT", FIFTHS))


@pytest.mark.parametrize("count", [5, 20, 100])
def test_a_share_that_falls_on_a_value_is_that_value(spark: SparkSession, count: int) -> None:
    assert of(spark, range(1, count + 1), FIFTHS) == [count * step // 5 for step in range(1, 5)]


def test_a_share_between_two_values_is_the_higher_one(spark: SparkSession) -> None:
    assert of(spark, [10, 20, 30], FIFTHS) == [10, 20, 20, 30]
    assert of(spark, [10, 20, 30], TIERS) == [20, 30, 30]


def test_of_one_value_every_quantile_is_that_value(spark: SparkSession) -> None:
    assert of(spark, [-7], FIFTHS, width=100) == [-7, -7, -7, -7]
    assert of(spark, [3, 3, 3], TIERS) == [3, 3, 3]


def test_of_nothing_there_are_no_quantiles(spark: SparkSession) -> None:
    assert of(spark, [], FIFTHS) == []
