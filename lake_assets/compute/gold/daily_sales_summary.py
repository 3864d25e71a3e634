"""Computes gold `daily_sales_summary` from the silver sales and returns of the three channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake_assets.compute.expressions import any_of, timestamp
from lake_assets.compute.gold.conformed import conformed_returns, conformed_sales
from lake_assets.compute.gold.ratio import ratio
from lake_assets.contract.calendar import UNDATED, first_sk_of
from lake_assets.contract.gold.daily_sales_summary import DAILY_SALES_SUMMARY
from lake_assets.contract.model import Channel
from lake_assets.contract.types import physical_type

UNDATED_DATE_SK = -1
DAYS_OF_AVERAGE = 7
DAYS_OF_WEEK = 7

_DAY = ("channel", "date_sk", "sales_month")
_SALE_MEASURES = (
    "order_count",
    "line_count",
    "units_sold",
    "list_amt",
    "gross_sales",
    "coupon_amt",
    "net_paid",
    "tax_amt",
    "wholesale_cost",
    "net_profit",
    "unique_customers",
    "null_amount_lines",
    "imputed_date_lines",
)
_RETURN_MEASURES = ("return_line_count", "units_returned", "returns_amt", "return_net_loss")
_TYPES = {column.name: physical_type(column) for column in DAILY_SALES_SUMMARY.columns}
_SUNDAY, _SATURDAY = 0, 6


def daily_sales_summary(
    *,
    months: Sequence[str],
    sales: Mapping[Channel, DataFrame],
    returns: Mapping[Channel, DataFrame],
    date_dim: DataFrame,
    sold_range: Mapping[Channel, tuple[int, int] | None],
    load_timestamp: datetime,
) -> DataFrame:
    """Rows of the requested `months` (`YYYY-MM` or `undated`). Grain: (channel, date_sk).

    `sales` and `returns` are the silver facts of the three channels. Sales hold the requested months and the month
    before each, which the moving average and the week-on-week growth reach back to; returns hold the requested months.
    Both may hold more. `sold_range` is each channel's first and last sold date_sk over the whole lake, None for a
    channel without sales. `load_timestamp` carries its time zone.

    Columns: those of the contract, in its order, then the partition column `sales_month`.
    """
    sold = _sale_measures(_lines_within_reach(conformed_sales(sales), months))
    returned = _return_measures(conformed_returns(returns).where(F.col("returned_month").isin(list(months))))
    days = _with_trend(_stored(sold.join(returned, list(_DAY), "full")), sold_range)
    requested = _with_ratios(days.where(F.col("sales_month").isin(list(months))))
    return _with_date_attributes(requested, date_dim).select(
        *(_contracted(name, load_timestamp) for name in DAILY_SALES_SUMMARY.column_names),
        F.col("sales_month"),
    )


def _lines_within_reach(lines: DataFrame, months: Sequence[str]) -> DataFrame:
    """Lines of the months and of the week before each, so that the rest of the month before is not aggregated."""
    week_before = {
        first_sk_of(month) - days for month in months if month != UNDATED for days in range(1, DAYS_OF_WEEK + 1)
    }
    within = F.col("sold_month").isin(list(months))
    if week_before:
        within = within | ((F.col("sold_month") != UNDATED) & F.col("date_sk").isin(sorted(week_before)))
    return lines.where(within)


def _day_of(month: str) -> list[Column]:
    """The grain of the table. Silver's partition decides, so that every row belongs to the partition it is in."""
    return [
        F.col("channel"),
        F.when(F.col(month) == UNDATED, UNDATED_DATE_SK).otherwise(F.col("date_sk")).cast("bigint").alias("date_sk"),
        F.col(month).alias("sales_month"),
    ]


def _sale_measures(lines: DataFrame) -> DataFrame:
    return lines.groupBy(*_day_of("sold_month")).agg(
        F.count_distinct("order_number").alias("order_count"),
        F.count(F.lit(1)).alias("line_count"),
        F.sum("quantity").alias("units_sold"),
        F.sum("ext_list_price").alias("list_amt"),
        F.sum("ext_sales_price").alias("gross_sales"),
        F.sum("coupon_amt").alias("coupon_amt"),
        F.sum("net_paid").alias("net_paid"),
        F.sum("ext_tax").alias("tax_amt"),
        F.sum("ext_wholesale_cost").alias("wholesale_cost"),
        F.sum("net_profit").alias("net_profit"),
        F.count_distinct("customer_sk").alias("unique_customers"),
        F.count(F.when(F.col("ext_sales_price").isNull(), 1)).alias("null_amount_lines"),
        F.count(F.when(F.col("date_imputed"), 1)).alias("imputed_date_lines"),
    )


def _return_measures(lines: DataFrame) -> DataFrame:
    return lines.groupBy(*_day_of("returned_month")).agg(
        F.count(F.lit(1)).alias("return_line_count"),
        F.sum("return_quantity").alias("units_returned"),
        F.sum("return_amt").alias("returns_amt"),
        F.sum("net_loss").alias("return_net_loss"),
    )


def _stored(days: DataFrame) -> DataFrame:
    """Measures as the table stores them: 0 where the day has no sale or no return, in the contract's type."""
    measures = [
        F.coalesce(F.col(name), F.lit(0)).cast(_TYPES[name]).alias(name) for name in _SALE_MEASURES + _RETURN_MEASURES
    ]
    return days.select(*_DAY, *measures)


def _with_trend(days: DataFrame, sold_range: Mapping[Channel, tuple[int, int] | None]) -> DataFrame:
    """Adds the moving average and week-on-week growth; windows over date_sk, since a day without a sale has no row."""
    by_day = Window.partitionBy("channel").orderBy("date_sk")
    gross = F.col("gross_sales")
    average = F.sum("gross_sales").over(by_day.rangeBetween(1 - DAYS_OF_AVERAGE, 0))
    week_before = F.sum("gross_sales").over(by_day.rangeBetween(-DAYS_OF_WEEK, -DAYS_OF_WEEK))
    return days.select("*", average.alias("_gross_of_7_days"), week_before.alias("_gross_week_before")).select(
        *days.columns,
        F.when(_is_average_complete(sold_range), ratio(F.col("_gross_of_7_days"), F.lit(DAYS_OF_AVERAGE))).alias(
            "gross_sales_ma7"
        ),
        ratio(gross - F.col("_gross_week_before"), F.col("_gross_week_before")).alias("gross_sales_wow_pct"),
    )


def _is_average_complete(sold_range: Mapping[Channel, tuple[int, int] | None]) -> Column:
    """Whether all seven days of the average lie within the channel's sold-date range."""
    ranges = ((channel, bounds) for channel, bounds in sold_range.items() if bounds is not None)
    return any_of(
        (F.col("channel") == channel) & F.col("date_sk").between(first + DAYS_OF_AVERAGE - 1, last)
        for channel, (first, last) in ranges
    )


def _with_ratios(days: DataFrame) -> DataFrame:
    return days.select(
        "*",
        (F.col("gross_sales") - F.col("returns_amt")).alias("net_sales"),
        ratio(F.col("gross_sales"), F.col("order_count")).alias("avg_order_value"),
        ratio(F.col("units_sold"), F.col("order_count")).alias("units_per_order"),
        ratio(F.col("gross_sales"), F.col("units_sold")).alias("avg_unit_price"),
        ratio(F.col("returns_amt"), F.col("gross_sales")).alias("return_to_sales_ratio"),
    )


def _with_date_attributes(days: DataFrame, date_dim: DataFrame) -> DataFrame:
    attributes = date_dim.select(
        F.col("d_date_sk").alias("date_sk"),
        F.col("d_date").alias("sale_date"),
        F.col("d_year").alias("year"),
        # Not d_qoy, which puts the first of April, July and October of most years into the quarter before.
        F.quarter("d_date").alias("quarter"),
        F.col("d_moy").alias("month"),
        F.col("d_day_name").alias("day_name"),
        F.col("d_dow").isin(_SATURDAY, _SUNDAY).alias("is_weekend"),
        (F.col("d_holiday") == "Y").alias("is_holiday"),
    )
    return days.join(attributes, "date_sk", "left")


def _contracted(name: str, load_timestamp: datetime) -> Column:
    value = timestamp(load_timestamp) if name == "load_timestamp" else F.col(name)
    return value.cast(_TYPES[name]).alias(name)
