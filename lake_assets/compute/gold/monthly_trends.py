"""Computes gold `monthly_trends` from the silver sales and returns of the three channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import reduce

from pyspark.sql import DataFrame, GroupedData, Window
from pyspark.sql import functions as F

from lake_assets.compute.expressions import in_calendar, month_from_sk
from lake_assets.compute.gold.conformed import conformed_returns, conformed_sales
from lake_assets.compute.gold.ratio import ratio
from lake_assets.compute.gold.stored import contracted, measured
from lake_assets.contract.calendar import MONTHS, UNDATED, Range, date_of, first_sk_of, last_sk_of, month_of, span
from lake_assets.contract.gold.monthly_trends import MONTHLY_TRENDS
from lake_assets.contract.model import CHANNELS, Channel

ALL = "all"
MONTHS_OF_AVERAGE = 3
MONTHS_OF_YEAR = 12

_KEY = ["channel", "sales_month"]
_MEASURES = (
    "days_with_sales",
    "order_count",
    "line_count",
    "units_sold",
    "gross_sales",
    "coupon_amt",
    "net_paid",
    "net_profit",
    "return_line_count",
    "returns_amt",
    "active_customers",
    "new_customers",
)


def monthly_trends(
    *,
    years: Sequence[str],
    sales: Mapping[Channel, DataFrame],
    returns: Mapping[Channel, DataFrame],
    sold_range: Mapping[Channel, Range],
    active_range: Mapping[Channel, Range],
    load_timestamp: datetime,
) -> DataFrame:
    """Rows of the requested `years` (`YYYY` or `undated`). Grain: (channel, month), channel also `all`.

    `sales` hold every month up to the last of the requested years, for a customer's first purchase; `returns` hold the
    requested years; both may hold more. `sold_range` is each channel's first and last date key of sale over the whole lake,
    `active_range` that of sale or return; None for a channel without.

    Columns: those of the contract, in its order, then the partition column `year`.
    """
    months = _reach(years)
    spark = next(iter(sales.values())).sparkSession
    # All together are complete where each of them is: else growth would show that one channel's dates end later.
    sold_by = {**_by_name(sold_range), ALL: _overlap(sold_range.values())}
    active = {**_by_name(active_range), ALL: span(known for known in active_range.values() if known)}
    calendar = spark.createDataFrame(_calendar(months, sold_by, active), schema=_CALENDAR)
    # Months that were not asked for have no row in the calendar. To leave their lines out costs more than to add them up.
    parts = (_sales(sales), _orders(sales), _customers(sales), _returns(conformed_returns(returns)))
    rows = reduce(lambda left, right: left.join(right, _KEY, "left"), parts, calendar)
    trends = _with_trends(_with_shares(measured(rows, MONTHLY_TRENDS, _MEASURES)))
    return trends.where(F.col("year").isin(*years)).select(*contracted(MONTHLY_TRENDS, load_timestamp), "year")


def _reach(years: Sequence[str]) -> list[str]:
    """The months of the years, and the twelve before each for growth."""
    before = {str(int(year) - 1) for year in years if year != UNDATED}
    return [month for month in MONTHS if month[:4] in {*years, *before} or month in years]


def _by_name(ranges: Mapping[Channel, Range]) -> dict[str, Range]:
    return {str(channel): known for channel, known in ranges.items()}


def _overlap(ranges: Iterable[Range]) -> Range:
    """The dates that lie in each of the ranges, of those that hold any."""
    known = [found for found in ranges if found]
    first, last = max((first for first, _ in known), default=0), min((last for _, last in known), default=0)
    return (first, last) if known and first <= last else None


_CALENDAR = (
    "channel string, sales_month string, year string, month_start_date date, month int, days_in_month int, "
    "is_complete_month boolean"
)


def _calendar(
    months: Sequence[str], sold: Mapping[str, Range], active: Mapping[str, Range]
) -> list[tuple[str, str, str, date | None, int | None, int | None, bool | None]]:
    """A row per channel and month from its first to its last activity, and one per channel for what has no date."""
    rows: list[tuple[str, str, str, date | None, int | None, int | None, bool | None]] = []
    for channel in (*CHANNELS, ALL):
        bounds, dates = active.get(channel), sold.get(channel)
        for month in months:
            if month == UNDATED:
                rows.append((channel, UNDATED, UNDATED, None, None, None, None))
            elif bounds and month_of(bounds[0]) <= month <= month_of(bounds[1]):
                first, last = first_sk_of(month), last_sk_of(month)
                complete = dates is not None and dates[0] <= first and last <= dates[1]
                start = date_of(first)
                rows.append((channel, month, month[:4], start, start.month, last - first + 1, complete))
    return rows


def _twice(rows: DataFrame) -> DataFrame:
    """Every row under its channel and under `all`."""
    # Not the union of both, for which an engine computes the rows twice.
    return rows.withColumn("channel", F.explode(F.array("channel", F.lit(ALL))))


def _with_month(rows: DataFrame) -> DataFrame:
    """Rows of days in their months. Lines are grouped by day before, because to group by text takes several times as long."""
    return rows.withColumn("sales_month", month_from_sk(F.col("date_sk")))


def _by_month(days: DataFrame) -> GroupedData:
    """Days of the channels, to be added up per month, per channel and under `all`."""
    return _twice(_with_month(days)).groupBy(*_KEY)


def _of_channels(sales: Mapping[Channel, DataFrame], figures: Callable[[DataFrame], DataFrame]) -> DataFrame:
    """What is made of the lines of each channel, all together.

    Of each by itself: to compare the name of the channel on every line takes as long as all else.
    """
    each = (
        figures(conformed_sales({channel: lines})).withColumn("channel", F.lit(channel))
        for channel, lines in sales.items()
    )
    return reduce(DataFrame.unionByName, each)


def _sales(sales: Mapping[Channel, DataFrame]) -> DataFrame:
    days = _of_channels(
        sales,
        lambda lines: lines.groupBy("date_sk").agg(
            F.count(F.lit(1)).alias("line_count"), *(F.sum(source).alias(name) for name, source in _SUMS.items())
        ),
    )
    return _by_month(days).agg(
        F.countDistinct("date_sk").alias("days_with_sales"),
        *(F.sum(name).alias(name) for name in ("line_count", *_SUMS)),
    )


_SUMS = {
    "units_sold": "quantity",
    "gross_sales": "ext_sales_price",
    "coupon_amt": "coupon_amt",
    "net_paid": "net_paid",
    "net_profit": "net_profit",
}


def _orders(sales: Mapping[Channel, DataFrame]) -> DataFrame:
    """Distinct orders; one number may stand for an order in each channel, so that those of the channels add up."""
    days = _of_channels(sales, lambda lines: lines.select("date_sk", "order_number").distinct())
    orders = _with_month(days).select(*_KEY, "order_number").distinct()
    return _twice(orders).groupBy(*_KEY).agg(F.count(F.lit(1)).alias("order_count"))


def _customers(sales: Mapping[Channel, DataFrame]) -> DataFrame:
    """Distinct customers, and those of them who had never bought before, in any channel."""
    days = _of_channels(
        sales,
        lambda lines: lines.where(F.col("customer_sk").isNotNull()).select("date_sk", "customer_sk").distinct(),
    )
    first_days = days.where(in_calendar(F.col("date_sk"))).groupBy("customer_sk").agg(F.min("date_sk").alias("date_sk"))
    first = _with_month(first_days).select("customer_sk", F.col("sales_month").alias("_first"))
    is_new = (F.col("sales_month") == F.col("_first")).cast("bigint")
    return (
        _twice(_with_month(days).select(*_KEY, "customer_sk"))
        .distinct()
        .join(first, "customer_sk", "left")
        .groupBy(*_KEY)
        .agg(F.count(F.lit(1)).alias("active_customers"), F.sum(is_new).alias("new_customers"))
    )


def _returns(lines: DataFrame) -> DataFrame:
    days = lines.groupBy("channel", "date_sk").agg(
        F.count(F.lit(1)).alias("return_line_count"), F.sum("return_amt").alias("returns_amt")
    )
    return _by_month(days).agg(*(F.sum(name).alias(name) for name in ("return_line_count", "returns_amt")))


def _with_shares(rows: DataFrame) -> DataFrame:
    of_all = F.max(F.when(F.col("channel") == ALL, F.col("gross_sales"))).over(Window.partitionBy("sales_month"))
    return rows.withColumns(
        {
            "net_sales": (F.col("gross_sales") - F.col("returns_amt")).cast("decimal(18,2)"),
            "avg_order_value": ratio(F.col("gross_sales"), F.col("order_count")),
            "returning_customers": F.col("active_customers") - F.col("new_customers"),
            "_of_all": of_all,
        }
    ).withColumn("channel_share", ratio(F.col("gross_sales"), F.col("_of_all")))


def _with_trends(rows: DataFrame) -> DataFrame:
    """Growth, averages and seasons: windows over a channel's months, which have no gaps."""
    gross, complete = F.col("gross_sales"), F.col("is_complete_month")
    dated = F.col("sales_month") != UNDATED
    by_month = Window.partitionBy("channel", dated).orderBy("sales_month")
    of_average = by_month.rowsBetween(1 - MONTHS_OF_AVERAGE, 0)
    year = Window.partitionBy("channel", "year")
    windowed = rows.withColumns(
        {
            "_before": F.lag(gross, 1).over(by_month),
            "_before_complete": F.lag(complete, 1).over(by_month),
            "_year_ago": F.lag(gross, MONTHS_OF_YEAR).over(by_month),
            "_year_ago_complete": F.lag(complete, MONTHS_OF_YEAR).over(by_month),
            "_of_average": F.sum(gross).over(of_average),
            "_months_of_average": F.count(F.lit(1)).over(of_average),
            "gross_ytd": F.sum(gross).over(year.orderBy("sales_month").rowsBetween(Window.unboundedPreceding, 0)),
            "_of_complete": F.sum(F.when(complete, gross)).over(year),
            "_complete_months": F.count(F.when(complete, 1)).over(year),
        }
    )
    before, ago = F.col("_before"), F.col("_year_ago")
    growth = ratio(gross - before, before)
    return windowed.withColumns(
        {
            "gross_mom_pct_raw": growth,
            "gross_mom_pct": F.when(complete & F.col("_before_complete"), growth),
            "gross_yoy_pct": F.when(complete & F.col("_year_ago_complete"), ratio(gross - ago, ago)),
            "gross_ma3": F.when(
                dated & (F.col("_months_of_average") == MONTHS_OF_AVERAGE),
                ratio(F.col("_of_average"), F.lit(MONTHS_OF_AVERAGE)),
            ),
            "gross_ytd": F.when(dated, F.col("gross_ytd")),
            "seasonal_index": F.when(dated, ratio(gross * F.col("_complete_months"), F.col("_of_complete"))),
        }
    )
