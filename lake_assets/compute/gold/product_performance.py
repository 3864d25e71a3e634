"""Computes gold `product_performance` from the silver facts of all channels, the items and the stock counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake_assets.compute.expressions import in_calendar, total
from lake_assets.compute.gold.conformed import conformed_sales, undone_sales
from lake_assets.compute.gold.ratio import ratio
from lake_assets.compute.gold.stored import contracted, measured
from lake_assets.contract.calendar import FIRST_YEAR, LAST_YEAR, UNDATED, first_sk_of
from lake_assets.contract.gold.product_performance import PRODUCT_PERFORMANCE
from lake_assets.contract.model import CHANNELS, Channel

UNKNOWN = "UNKNOWN"
A_BELOW, B_BELOW = "0.80", "0.95"

# Numbers for the item and the year: to group lines by text takes several times as long.
_KEY = ["_item", "_year"]
_NO_ITEM, _NO_YEAR = -1, 0
_MEASURES = (
    "line_count",
    "order_count",
    "units_sold",
    "gross_sales",
    *(f"{channel}_gross_sales" for channel in CHANNELS),
    "coupon_amt",
    "net_paid",
    "wholesale_cost",
    "net_profit",
    "null_amount_lines",
    "return_line_count",
    "units_returned",
    "returns_amt",
    "version_count",
    "snapshot_count",
)


def product_performance(
    *,
    years: Sequence[str],
    sales: Mapping[Channel, DataFrame],
    returns: Mapping[Channel, DataFrame],
    item: DataFrame,
    inventory: DataFrame,
    complete_years: Collection[str],
    load_timestamp: datetime,
) -> DataFrame:
    """Rows of the requested `years` (`YYYY` or `undated`). Grain: (item_id, sale_year).

    `sales` hold the requested years and the year before each, `returns` every return of a sale of the requested years,
    `inventory` the counts of the requested years; all may hold more. `complete_years` lie wholly within the dates of sales.

    Columns: those of the contract, in its order, then the partition column `sale_year`.
    """
    versions = item.withColumn("_item", F.min("i_item_sk").over(Window.partitionBy("i_item_id")))
    numbers = versions.select(F.col("i_item_sk").alias("item_sk"), "_item")
    rows = (
        _bought(sales, numbers)
        .join(_returned(undone_sales(sales, returns), numbers), _KEY, "left")
        .join(_attributes(versions), "_item", "left")
        .join(_stock(inventory, numbers), _KEY, "left")
        .withColumns({"item_id": F.coalesce("item_id", F.lit(UNKNOWN)), "sale_year": _partition_of(F.col("_year"))})
    )
    grown = _with_gross_of_year_before(measured(rows, PRODUCT_PERFORMANCE, _MEASURES))
    # Left out only now: the year before is needed for growth, and to judge a few rows costs less than every line.
    ranked = _with_ranks(_with_net_sales(grown.where(F.col("sale_year").isin(*years))))
    return _with_ratios(ranked, complete_years).select(*contracted(PRODUCT_PERFORMANCE, load_timestamp), "sale_year")


def _with_year(rows: DataFrame) -> DataFrame:
    """Rows with the calendar year of their day; `_NO_YEAR` without one, because NULL meets nothing in a join."""
    # By comparisons: to make a date of the day of every line, and a year of the date, takes several times as long.
    day = F.col("date_sk")
    begun = [(day >= first_sk_of(f"{year}-01")).cast("int") for year in range(FIRST_YEAR + 1, LAST_YEAR + 1)]
    return rows.withColumn("_year", F.when(in_calendar(day), FIRST_YEAR + total(begun)).otherwise(_NO_YEAR))


def _partition_of(year: Column) -> Column:
    return F.when(year == _NO_YEAR, UNDATED).otherwise(year.cast("string"))


def _with_item(rows: DataFrame, numbers: DataFrame) -> DataFrame:
    """Rows with the number that all versions of their item share; `_NO_ITEM` where the item is not in silver."""
    joined = rows.join(numbers, "item_sk", "left")
    return joined.withColumn("_item", F.coalesce("_item", F.lit(_NO_ITEM)))


def _bought(sales: Mapping[Channel, DataFrame], numbers: DataFrame) -> DataFrame:
    """What was sold of each item in each year."""

    def of(channel: str) -> Column:
        return F.sum(F.when(F.col("channel") == channel, F.col("gross_sales"))).alias(f"{channel}_gross_sales")

    versions = reduce(DataFrame.unionByName, (_versions(channel, lines) for channel, lines in sales.items()))
    orders = reduce(DataFrame.unionByName, (_orders(channel, lines, numbers) for channel, lines in sales.items()))
    sums = ("line_count", *_SUMS, "null_amount_lines")
    return (
        _with_item(versions, numbers)
        .groupBy(*_KEY)
        .agg(*(F.sum(name).alias(name) for name in sums), *(of(channel) for channel in CHANNELS))
        .join(orders.groupBy(*_KEY).agg(F.sum("order_count").alias("order_count")), _KEY)
    )


_SUMS = {
    "units_sold": "quantity",
    "gross_sales": "ext_sales_price",
    "coupon_amt": "coupon_amt",
    "net_paid": "net_paid",
    "wholesale_cost": "ext_wholesale_cost",
    "net_profit": "net_profit",
}


def _versions(channel: Channel, sales: DataFrame) -> DataFrame:
    """Sums of the lines of a channel per version and year: few rows, which then cost little to join and to add up."""
    lines = _with_year(conformed_sales({channel: sales}))
    sums = lines.groupBy("item_sk", "_year").agg(
        F.count(F.lit(1)).alias("line_count"),
        *(F.sum(source).alias(name) for name, source in _SUMS.items()),
        F.count(F.when(F.col("ext_sales_price").isNull(), 1)).alias("null_amount_lines"),
    )
    return sums.withColumn("channel", F.lit(channel))


def _orders(channel: Channel, sales: DataFrame, numbers: DataFrame) -> DataFrame:
    # An item stands at most once in an order, but two versions of it may: orders are counted, not lines.
    lines = _with_item(_with_year(conformed_sales({channel: sales})), numbers)
    orders = lines.select(*_KEY, "order_number").distinct()
    return orders.groupBy(*_KEY).agg(F.count(F.lit(1)).alias("order_count"))


def _returned(lines: DataFrame, numbers: DataFrame) -> DataFrame:
    """What came back of what was sold of each item in each year."""
    versions = (
        _with_year(lines)
        .groupBy("item_sk", "_year")
        .agg(
            F.count(F.lit(1)).alias("return_line_count"),
            F.sum("return_quantity").alias("units_returned"),
            F.sum("return_amt").alias("returns_amt"),
        )
    )
    sums = (F.sum(name).alias(name) for name in ("return_line_count", "units_returned", "returns_amt"))
    return _with_item(versions, numbers).groupBy(*_KEY).agg(*sums)


def _attributes(versions: DataFrame) -> DataFrame:
    """One row per item: the version still valid, of several or none the one that began last, and how many there are."""
    by_id = Window.partitionBy("i_item_id")
    newest = by_id.orderBy(
        F.col("i_rec_end_date").isNull().desc(), F.col("i_rec_start_date").desc_nulls_last(), F.col("i_item_sk").desc()
    )
    ranked = versions.withColumns({"_n": F.row_number().over(newest), "_count": F.count(F.lit(1)).over(by_id)})
    return ranked.where(F.col("_n") == 1).select(
        "_item",
        F.col("i_item_id").alias("item_id"),
        F.col("i_item_desc").alias("item_desc"),
        F.col("i_brand").alias("brand"),
        F.col("i_class").alias("class"),
        F.col("i_category").alias("category"),
        F.col("i_manufact").alias("manufacturer"),
        F.col("i_current_price").alias("current_price"),
        F.col("_count").alias("version_count"),
    )


def _with_gross_of_year_before(rows: DataFrame) -> DataFrame:
    """Rows with the gross sales of the same item in the calendar year before, where it has a row."""
    by_year = Window.partitionBy("item_id").orderBy("sale_year")
    year_before = (F.col("sale_year").try_cast("int") - 1).cast("string")
    follows = F.lag("sale_year").over(by_year) == year_before
    return rows.withColumn("_gross_before", F.when(follows, F.lag("gross_sales").over(by_year)))


def _stock(inventory: DataFrame, numbers: DataFrame) -> DataFrame:
    """Days of count and sum of units on hand, over all warehouses and versions of an item, per year."""
    # Warehouses first, by numbers alone: the rows are the most of any table.
    counts = inventory.groupBy(F.col("inv_item_sk").alias("item_sk"), F.col("inv_date_sk").alias("date_sk")).agg(
        F.sum("inv_quantity_on_hand").alias("on_hand")
    )
    by_day = _with_item(_with_year(counts), numbers).groupBy(*_KEY, "date_sk").agg(F.sum("on_hand").alias("on_hand"))
    return by_day.groupBy(*_KEY).agg(
        F.count(F.lit(1)).alias("snapshot_count"), F.coalesce(F.sum("on_hand"), F.lit(0)).alias("_on_hand")
    )


def _with_net_sales(rows: DataFrame) -> DataFrame:
    return rows.withColumns(
        {
            "category": F.coalesce("category", F.lit(UNKNOWN)),
            "gross_profit": F.col("net_paid") - F.col("wholesale_cost"),
            "net_sales": (F.col("gross_sales") - F.col("returns_amt")).cast("decimal(18,2)"),
        }
    )


def _with_ranks(rows: DataFrame) -> DataFrame:
    year = Window.partitionBy("sale_year")
    category = Window.partitionBy("sale_year", "category")
    best = F.col("net_sales").desc()
    in_order = year.orderBy(best, "item_id").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return rows.withColumns(
        {
            "revenue_rank_in_category": F.rank().over(category.orderBy(best)),
            "revenue_rank_overall": F.rank().over(year.orderBy(best)),
            "revenue_row_no": F.row_number().over(year.orderBy(best, "item_id")),
            "_of_category": F.sum("net_sales").over(category),
            "_of_year": F.sum("net_sales").over(year),
            "_so_far": F.sum("net_sales").over(in_order),
        }
    )


def _with_ratios(rows: DataFrame, complete_years: Collection[str]) -> DataFrame:
    gross, before = F.col("gross_sales"), F.col("_gross_before")
    comparable = [year for year in complete_years if str(int(year) - 1) in complete_years]
    on_hand = ratio(F.col("_on_hand"), F.col("snapshot_count"))
    return rows.withColumns(
        {
            "gross_margin_pct": ratio(F.col("gross_profit"), F.col("net_paid")),
            "return_rate_lines": ratio(F.col("return_line_count"), F.col("line_count")),
            "avg_unit_price": ratio(gross, F.col("units_sold")),
            "category_share": ratio(F.col("net_sales"), F.col("_of_category")),
            "cumulative_share": ratio(F.col("_so_far"), F.col("_of_year")),
            "abc_class": _abc_class(),
            "gross_sales_yoy_pct": F.when(F.col("sale_year").isin(*comparable), ratio(gross - before, before)),
            "avg_on_hand": on_hand,
            "weeks_of_supply": ratio(F.col("_on_hand"), F.col("units_sold")),
            "stock_turn": ratio(F.col("units_sold") * F.col("snapshot_count"), F.col("_on_hand")),
        }
    )


def _abc_class() -> Column:
    """By the share before the row. Compared as a product, so that nothing is rounded."""
    before = F.col("_so_far") - F.col("net_sales")
    worth = F.col("net_sales") > 0
    return (
        F.when(worth & (before < F.col("_of_year") * F.expr(A_BELOW)), "A")
        .when(worth & (before < F.col("_of_year") * F.expr(B_BELOW)), "B")
        .otherwise("C")
    )
