"""Gold monthly_trends on a handful of lines: the months in which a count, a share or a growth goes wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import DataFrame, Row, SparkSession

from lake_assets.compute.gold.monthly_trends import monthly_trends
from lake_assets.contract.calendar import MONTHS, YEARS, date_of, last_sk_of
from lake_assets.contract.gold import GOLD_TABLES
from lake_assets.contract.model import CHANNELS
from lake_assets.contract.types import physical_type
from lake_assets_tests.support.silver_lines import (
    AS_QUERIES,
    Lines,
    Return,
    Returns,
    Sale,
    Sales,
    repartitioned,
    values,
)

TABLE = GOLD_TABLES["monthly_trends"]
LOADED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ADDITIVE = (
    "order_count",
    "line_count",
    "units_sold",
    "gross_sales",
    "coupon_amt",
    "net_paid",
    "net_profit",
    "return_line_count",
    "returns_amt",
    "net_sales",
)

Trends = dict[tuple[str, str], Row]


def frame(spark: SparkSession, lines: Lines, years: Sequence[str] = YEARS, parts: int | None = None) -> DataFrame:
    sales, returns = lines.sales_frames(spark), lines.returns_frames(spark)
    return monthly_trends(
        years=years,
        sales=repartitioned(sales, parts) if parts else sales,
        returns=repartitioned(returns, parts) if parts else returns,
        sold_range=lines.sold_range,
        active_range=lines.active_range,
        load_timestamp=LOADED,
    )


def trends(spark: SparkSession, sales: Sales, returns: Returns | None = None, years: Sequence[str] = YEARS) -> Trends:
    """Rows by channel and month, e.g. `2000-05` or `undated`."""
    rows = frame(spark, Lines(sales, returns or {}), years).collect()
    found = {(row.channel, _month(row)): row for row in rows}
    assert len(found) == len(rows), "a month occurs twice"
    assert all(row.year == _month(row)[:4] or row.year == _month(row) for row in rows)
    return found


def _month(row: Row) -> str:
    return f"{row.month_start_date:%Y-%m}" if row.month_start_date else "undated"


def of_store(found: Trends, column: str) -> dict[str, object]:
    """One column of the store's rows, but for what has no date, by month."""
    rows = sorted((month, row) for (channel, month), row in found.items() if channel == "store" and row.month)
    return {month: row[column] for month, row in rows}


def whole_months(*amounts: str | None, first: str = "2000-01") -> list[Sale]:
    """A sale in each of consecutive months, none where the amount is None. The first and the last day of all are sold on."""
    start = MONTHS.index(first)
    months = MONTHS[start : start + len(amounts)]
    bounds = [Sale(f"{months[0]}-01", "0.00"), Sale(f"{date_of(last_sk_of(months[-1]))}", "0.00")]
    return [*bounds, *(Sale(f"{month}-15", amount) for month, amount in zip(months, amounts, strict=True) if amount)]


def test_columns_are_the_contracts_in_order_and_type_then_the_partition(spark: SparkSession) -> None:
    found = frame(spark, Lines({"store": [Sale("2000-05-17")]}, {}), ["2000"])
    types = [(field.name, field.dataType.simpleString()) for field in found.schema.fields]
    assert types == [(column.name, physical_type(column)) for column in TABLE.columns] + [("year", "string")]
    assert {row.load_timestamp.astimezone(UTC) for row in found.collect()} == {LOADED}


def test_a_month_adds_up_its_lines_and_counts_each_order_customer_and_day_once(spark: SparkSession) -> None:
    lines = [
        Sale("2000-05-17", "10.00", order=1, item=1),
        Sale("2000-05-17", "5.50", order=1, item=2),
        Sale("2000-05-18", "1.00", order=2, customer=8),
        Sale("2000-06-01", "9.00", order=3),
    ]
    row = trends(spark, {"store": lines}, {"store": [Return("2000-05-31", "4.00")]})["store", "2000-05"]
    assert (row.year, row.month, row.days_in_month, row.month_start_date) == ("2000", 5, 31, date(2000, 5, 1))
    assert (row.order_count, row.line_count, row.units_sold, row.active_customers, row.days_with_sales) == (
        2,
        3,
        6,
        2,
        2,
    )
    assert (row.gross_sales, row.returns_amt, row.net_sales) == tuple(map(Decimal, ("16.50", "4.00", "12.50")))
    assert (row.coupon_amt, row.net_paid, row.net_profit) == tuple(map(Decimal, ("3.00", "27.00", "9.00")))
    assert (row.avg_order_value, row.return_line_count) == (Decimal("8.250000"), 1)


def test_a_month_without_a_sale_of_a_channel_is_a_row_of_zeros(spark: SparkSession) -> None:
    found = trends(spark, {"store": whole_months("3.00", None, "5.00"), "web": whole_months("1.00", "1.00", "1.00")})
    assert [month for channel, month in sorted(found) if channel == "store"] == [
        "2000-01",
        "2000-02",
        "2000-03",
        "undated",
    ]
    row = found["store", "2000-02"]
    counts = ("days_with_sales", "order_count", "line_count", "units_sold", "active_customers", "new_customers")
    assert [row[name] for name in (*counts, "returning_customers", "return_line_count")] == [0] * 8
    assert (row.gross_sales, row.net_sales, row.channel_share) == (
        Decimal("0.00"),
        Decimal("0.00"),
        Decimal("0.000000"),
    )
    assert (row.avg_order_value, row.is_complete_month, row.days_in_month) == (None, True, 29)


def test_a_month_with_returns_only_is_incomplete_and_has_negative_net_sales(spark: SparkSession) -> None:
    found = trends(spark, {"store": whole_months("3.00")}, {"store": [Return("2000-03-05", "4.00")]})
    assert of_store(found, "gross_sales") == {
        "2000-01": Decimal("3.00"),
        "2000-02": Decimal("0.00"),
        "2000-03": Decimal("0.00"),
    }
    row = found["store", "2000-03"]
    assert (row.net_sales, row.return_line_count, row.is_complete_month) == (Decimal("-4.00"), 1, False)
    assert (row.channel_share, row.gross_mom_pct, row.gross_mom_pct_raw) == (None, None, None)
    assert found["all", "2000-03"].net_sales == Decimal("-4.00")


def test_a_channel_with_returns_only_has_rows_and_no_complete_month(spark: SparkSession) -> None:
    returns: Returns = {"web": [Return("2000-01-05", "2.00"), Return("2000-02-05", "1.00")]}
    found = trends(spark, {"store": whole_months("3.00", "3.00")}, returns)
    assert [found["web", month].net_sales for month in ("2000-01", "2000-02")] == [Decimal("-2.00"), Decimal("-1.00")]
    assert [found["web", month].is_complete_month for month in ("2000-01", "2000-02")] == [False, False]
    assert [found["all", month].is_complete_month for month in ("2000-01", "2000-02")] == [True, True]
    assert {channel for channel, month in found if month != "undated"} == {"store", "web", "all"}


def test_growth_needs_a_month_before_that_sold_something(spark: SparkSession) -> None:
    found = trends(spark, {"store": whole_months("8.00", "10.00", None, "5.00", "2.00")})
    growth = {
        "2000-01": None,
        "2000-02": Decimal("0.250000"),
        "2000-03": Decimal("-1.000000"),
        "2000-04": None,
        "2000-05": Decimal("-0.600000"),
    }
    assert of_store(found, "gross_mom_pct") == of_store(found, "gross_mom_pct_raw") == growth


def test_growth_over_a_year_needs_that_month_to_have_sold_something(spark: SparkSession) -> None:
    found = trends(spark, {"store": whole_months("8.00", None, *["1.00"] * 10, "10.00", "5.00", "0.50")})
    growth = of_store(found, "gross_yoy_pct")
    assert {month: value for month, value in growth.items() if value is not None} == {
        "2001-01": Decimal("0.250000"),
        "2001-03": Decimal("-0.500000"),
    }
    assert len(growth) == 15


def test_growth_over_a_year_out_of_a_partial_month_is_not_told(spark: SparkSession) -> None:
    lines = [Sale("2000-01-02", "5.00"), *whole_months(*["10.00"] * 13, first="2000-02")]
    growth = of_store(trends(spark, {"store": lines}, years=["2001"]), "gross_yoy_pct")
    assert growth == {"2001-01": None, "2001-02": Decimal("0.000000")}


def test_a_year_built_alone_grows_out_of_the_year_before(spark: SparkSession) -> None:
    lines = whole_months("2.00", *["4.00"] * 11, "5.00", first="1999-01")
    found = trends(spark, {"store": lines}, years=["2000"])
    row = found["store", "2000-01"]
    assert (row.gross_mom_pct, row.gross_yoy_pct) == (Decimal("0.250000"), Decimal("1.500000"))
    assert row.gross_ma3 == Decimal("4.333333")
    assert ("store", "1999-12") not in found


def test_a_partial_last_month_keeps_its_raw_growth_only(spark: SparkSession) -> None:
    """The sales of TPC-DS end on 2003-01-02."""
    lines = [*whole_months(*["10.00"] * 12, first="2002-01"), Sale("2003-01-02", "1.00")]
    found = trends(spark, {"store": lines}, {"store": [Return("2003-02-10")]})
    complete = of_store(found, "is_complete_month")
    assert [month for month, is_complete in complete.items() if not is_complete] == ["2003-01", "2003-02"]
    row = found["store", "2003-01"]
    assert (row.gross_mom_pct, row.gross_mom_pct_raw, row.gross_yoy_pct) == (None, Decimal("-0.900000"), None)
    after = found["store", "2003-02"]
    assert (after.gross_mom_pct, after.gross_mom_pct_raw) == (None, Decimal("-1.000000"))
    assert (row.seasonal_index, row.gross_ma3, row.gross_ytd) == (None, Decimal("7.000000"), Decimal("1.00"))


@pytest.mark.parametrize(
    ("first", "last", "complete"),
    [
        ("2000-02-01", "2000-02-29", True),
        ("2000-02-02", "2000-02-29", False),
        ("2000-02-01", "2000-02-28", False),
        ("2001-02-01", "2001-02-28", True),
        ("2000-12-01", "2000-12-31", True),
    ],
)
def test_a_month_is_complete_when_sales_reach_from_its_first_to_its_last_day(
    spark: SparkSession, first: str, last: str, complete: bool
) -> None:
    found = trends(spark, {"store": [Sale(first), Sale(last, order=2)]}, years=[first[:4]])
    assert of_store(found, "is_complete_month") == {first[:7]: complete}


def test_growth_out_of_a_partial_first_month_is_raw_only(spark: SparkSession) -> None:
    found = trends(spark, {"store": [Sale("2000-01-02", "5.00"), *whole_months("10.00", "20.00", first="2000-02")]})
    assert of_store(found, "is_complete_month") == {"2000-01": False, "2000-02": True, "2000-03": True}
    raw = {"2000-01": None, "2000-02": Decimal("1.000000"), "2000-03": Decimal("1.000000")}
    assert of_store(found, "gross_mom_pct_raw") == raw
    assert of_store(found, "gross_mom_pct") == raw | {"2000-02": None}


def test_all_is_complete_only_where_every_channel_is(spark: SparkSession) -> None:
    found = trends(
        spark,
        {
            "store": whole_months("1.00", "1.00", "1.00", "1.00"),
            "catalog": [Sale("2000-01-02"), Sale("2000-04-30")],
            "web": [Sale("2000-01-01"), Sale("2000-04-29")],
        },
    )
    months = ("2000-01", "2000-02", "2000-03", "2000-04")
    complete = {
        channel: [found[channel, month].is_complete_month for month in months] for channel in (*CHANNELS, "all")
    }
    assert complete == {
        "store": [True, True, True, True],
        "catalog": [False, True, True, True],
        "web": [True, True, True, False],
        "all": [False, True, True, False],
    }


def test_channels_that_never_sold_at_the_same_time_have_no_complete_month_together(spark: SparkSession) -> None:
    found = trends(spark, {"store": whole_months("1.00"), "web": whole_months("2.00", first="2000-03")})
    months = ("2000-01", "2000-02", "2000-03")
    assert [found["all", month].is_complete_month for month in months] == [False, False, False]
    assert [found["all", month].gross_sales for month in months] == [Decimal("1.00"), Decimal("0.00"), Decimal("2.00")]
    assert ("web", "2000-01") not in found
    assert ("store", "2000-03") not in found


def test_what_has_no_date_is_one_row_per_channel_without_a_trend(spark: SparkSession) -> None:
    sales: Sales = {
        "store": [Sale(None, "6.00"), Sale(None, "2.00", item=2), Sale("2000-01-05")],
        "web": [Sale(None, "2.00")],
    }
    returns: Returns = {"store": [Return(None, "1.00")], "catalog": [Return(None, "3.00"), Return("2000-01-07")]}
    found = {key: row for key, row in trends(spark, sales, returns).items() if row.year == "undated"}
    assert sorted(found) == [(channel, "undated") for channel in ("all", "catalog", "store", "web")]
    net = {channel: (row.gross_sales, row.returns_amt, row.net_sales) for (channel, _), row in found.items()}
    assert net == {
        "all": (Decimal("10.00"), Decimal("4.00"), Decimal("6.00")),
        "catalog": (Decimal("0.00"), Decimal("3.00"), Decimal("-3.00")),
        "store": (Decimal("8.00"), Decimal("1.00"), Decimal("7.00")),
        "web": (Decimal("2.00"), Decimal("0.00"), Decimal("2.00")),
    }
    store = found["store", "undated"]
    assert (store.year, store.order_count, store.line_count, store.days_with_sales) == ("undated", 1, 2, 0)
    assert (store.active_customers, store.new_customers, store.returning_customers) == (1, 0, 1)
    assert store.channel_share == Decimal("0.800000")
    dated = ("month_start_date", "month", "days_in_month", "is_complete_month")
    trend = ("gross_mom_pct", "gross_mom_pct_raw", "gross_yoy_pct", "gross_ma3", "gross_ytd", "seasonal_index")
    assert {row[name] for row in found.values() for name in (*dated, *trend)} == {None}


def test_a_lake_without_lines_has_nothing_but_empty_undated_rows(spark: SparkSession) -> None:
    found = trends(spark, {})
    assert sorted(found) == [(channel, "undated") for channel in ("all", "catalog", "store", "web")]
    assert {row[name] for row in found.values() for name in ADDITIVE} == {0}
    assert {row.channel_share for row in found.values()} == {None}


def test_distinct_counts_of_all_are_counted_anew_not_added_up(spark: SparkSession) -> None:
    """The same customer in two channels is one; the same order number in two channels is two orders; a day is one day."""
    sales: Sales = {
        "store": [Sale("2000-05-17", order=1, customer=7), Sale("2000-05-18", order=2, customer=None)],
        "web": [Sale("2000-05-17", order=1, customer=7), Sale("2000-05-19", order=3, customer=8)],
    }
    found = trends(spark, sales, years=["2000"])
    counts = {
        channel: (row.order_count, row.active_customers, row.new_customers, row.days_with_sales)
        for (channel, _), row in found.items()
    }
    assert counts == {"store": (2, 1, 1, 2), "web": (2, 2, 2, 2), "all": (4, 2, 2, 3)}


def test_a_customer_is_new_in_the_month_of_the_first_purchase_ever_in_any_channel(spark: SparkSession) -> None:
    sales: Sales = {
        "catalog": [Sale("2000-01-31", customer=1), Sale("2000-02-01", customer=2)],
        "store": [
            Sale("2000-02-01", order=1, customer=1),
            Sale("2000-02-29", order=2, customer=2),
            Sale("2000-02-29", order=3, customer=3),
            Sale("2000-03-01", order=4, customer=3),
        ],
    }
    found = trends(spark, sales)
    customers = {key: (row.active_customers, row.new_customers, row.returning_customers) for key, row in found.items()}
    assert customers["catalog", "2000-01"] == customers["all", "2000-01"] == (1, 1, 0)
    assert customers["store", "2000-02"] == (3, 2, 1)
    assert customers["catalog", "2000-02"] == (1, 1, 0)
    assert customers["all", "2000-02"] == (3, 2, 1)
    assert customers["store", "2000-03"] == (1, 0, 1)
    assert sum(new for (channel, _), (_, new, _) in customers.items() if channel == "all") == 3


def test_a_purchase_without_a_date_makes_nobody_known_or_new(spark: SparkSession) -> None:
    lines = [Sale(None), Sale("2000-03-01", order=2), Sale(None, order=3, customer=8)]
    found = trends(spark, {"store": lines})
    assert found["store", "2000-03"].new_customers == 1
    undated = found["store", "undated"]
    assert (undated.active_customers, undated.new_customers, undated.returning_customers) == (2, 0, 2)


def test_a_purchase_years_ago_in_another_channel_makes_a_customer_known_to_a_year_built_alone(
    spark: SparkSession,
) -> None:
    sales: Sales = {"web": [Sale("1998-06-01", customer=1)], "store": [Sale("2002-06-01", customer=1)]}
    found = trends(spark, sales, years=["2002"])
    assert (found["store", "2002-06"].new_customers, found["all", "2002-06"].returning_customers) == (0, 1)
    assert ("store", "2002-05") not in found


def test_averages_reach_over_new_year_and_the_sum_of_the_year_starts_anew(spark: SparkSession) -> None:
    found = trends(spark, {"store": whole_months("3.00", "6.00", "9.00", "10.00", first="2000-11")})
    assert of_store(found, "gross_ma3") == {
        "2000-11": None,
        "2000-12": None,
        "2001-01": Decimal("6.000000"),
        "2001-02": Decimal("8.333333"),
    }
    assert of_store(found, "gross_ytd") == {
        "2000-11": Decimal("3.00"),
        "2000-12": Decimal("9.00"),
        "2001-01": Decimal("9.00"),
        "2001-02": Decimal("19.00"),
    }


def test_the_season_of_a_month_is_told_by_the_complete_months_of_its_year(spark: SparkSession) -> None:
    """The mean of 4, 0 and 8 is 4; the partial April is compared with it, but not part of it."""
    lines = [*whole_months("4.00", None, "8.00"), Sale("2000-04-10", "5.00")]
    found = trends(spark, {"store": lines})
    assert of_store(found, "seasonal_index") == {
        "2000-01": Decimal("1.000000"),
        "2000-02": Decimal("0.000000"),
        "2000-03": Decimal("2.000000"),
        "2000-04": Decimal("1.250000"),
    }


def test_there_is_no_season_without_a_complete_month_that_sold_something(spark: SparkSession) -> None:
    nothing = trends(spark, {"store": whole_months(None, None)})
    assert of_store(nothing, "seasonal_index") == {"2000-01": None, "2000-02": None}
    partial = trends(spark, {"store": [Sale("2000-01-05"), Sale("2000-02-05", order=2)]})
    assert of_store(partial, "seasonal_index") == {"2000-01": None, "2000-02": None}


def test_shares_are_of_the_gross_sales_of_all_channels_in_the_month(spark: SparkSession) -> None:
    sales: Sales = {
        "store": [Sale("2000-05-01", "1.00")],
        "catalog": [Sale("2000-05-02", "2.00")],
        "web": [Sale("2000-05-03", "5.00")],
    }
    found = trends(spark, sales, {"store": [Return("2000-05-04", "1.00")]}, ["2000"])
    assert {channel: row.channel_share for (channel, _), row in found.items()} == {
        "store": Decimal("0.125000"),
        "catalog": Decimal("0.250000"),
        "web": Decimal("0.625000"),
        "all": Decimal("1.000000"),
    }


def test_null_amounts_and_quantities_count_zero(spark: SparkSession) -> None:
    lines = [Sale("2000-05-01", None, quantity=None, profit=None), Sale("2000-05-01", "3.00", item=2)]
    found = trends(spark, {"store": lines, "web": [Sale("2000-05-01", None)]}, {"web": [Return("2000-05-01", None)]})
    store, web = found["store", "2000-05"], found["web", "2000-05"]
    assert (store.gross_sales, store.units_sold, store.line_count) == (Decimal("3.00"), 2, 2)
    assert (store.net_profit, store.avg_order_value) == (Decimal("3.00"), Decimal("3.000000"))
    assert (web.gross_sales, web.returns_amt, web.net_sales) == (Decimal("0.00"), Decimal("0.00"), Decimal("0.00"))
    assert (web.order_count, web.return_line_count, web.avg_order_value) == (1, 1, Decimal("0.000000"))


# Few days, customers and orders, so that they meet; around a new year, with a year in between, and without a date.
DAYS = st.sampled_from(["1998-01-01", "1998-12-31", "1999-01-01", "1999-01-31", "1999-02-01", "2001-03-05", None])
AMOUNTS = st.none() | st.integers(-500, 5_000).map(lambda cents: f"{cents / 100:.2f}")
SALE_LINES = st.builds(
    Sale,
    DAYS,
    AMOUNTS,
    order=st.integers(1, 5),
    customer=st.none() | st.integers(1, 3),
    quantity=st.none() | st.integers(1, 9),
)
RETURN_LINES = st.builds(Return, DAYS, AMOUNTS, order=st.integers(1, 5))
LINES = st.builds(
    Lines,
    st.fixed_dictionaries({channel: st.lists(SALE_LINES, max_size=8) for channel in CHANNELS}),
    st.fixed_dictionaries({channel: st.lists(RETURN_LINES, max_size=4) for channel in CHANNELS}),
)


@AS_QUERIES
@given(lines=LINES, by=st.randoms(), parts=st.integers(2, 5), years=st.sets(st.sampled_from(YEARS), min_size=1))
def test_a_year_is_the_same_whatever_the_order_of_lines_and_whichever_years_are_built_with_it(
    spark: SparkSession, lines: Lines, by: random.Random, parts: int, years: set[str]
) -> None:
    rows = frame(spark, lines).collect()
    assert_all_is_the_sum_of_the_channels(rows)
    asked = [row for row in rows if row.year in years]
    assert values(frame(spark, lines.shuffled(by), sorted(years), parts).collect()) == values(asked)


def assert_all_is_the_sum_of_the_channels(rows: Sequence[Row]) -> None:
    """Of what adds up; the other counts are at most that sum."""
    for month in {row.month_start_date for row in rows}:
        channels = [row for row in rows if row.month_start_date == month and row.channel != "all"]
        (together,) = (row for row in rows if row.month_start_date == month and row.channel == "all")
        assert [together[name] for name in ADDITIVE] == [sum(row[name] for row in channels) for name in ADDITIVE]
        assert together.active_customers <= sum(row.active_customers for row in channels)
