"""Sale lines and return lines of the three channels under one set of column names.

The channels' silver tables say the same things in different words (`ss_ticket_number`, `cs_order_number`); every gold
table speaks the words defined here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake_assets.contract.calendar import UNDATED
from lake_assets.contract.model import Channel

_SALES_PREFIX: Mapping[Channel, str] = {"store": "ss", "catalog": "cs", "web": "ws"}
_RETURNS_PREFIX: Mapping[Channel, str] = {"store": "sr", "catalog": "cr", "web": "wr"}
_ORDER_NUMBER: Mapping[Channel, str] = {
    "store": "ticket_number",
    "catalog": "order_number",
    "web": "order_number",
}
_RETURN_AMOUNT: Mapping[Channel, str] = {"store": "return_amt", "catalog": "return_amount", "web": "return_amt"}


def conformed_sales(sales: Mapping[Channel, DataFrame]) -> DataFrame:
    """Sale lines of all channels. Grain: (channel, item_sk, order_number).

    Columns: channel, sold_month, date_sk and customer_sk (resolved within the order), date_imputed, order_number,
    item_sk, quantity (units), and in US dollars ext_list_price, ext_sales_price, coupon_amt, net_paid, ext_tax,
    ext_wholesale_cost, net_profit.
    """
    return _union(frame.select(*_sale_columns(channel)) for channel, frame in sales.items())


def conformed_returns(returns: Mapping[Channel, DataFrame]) -> DataFrame:
    """Return lines of all channels. Grain: (channel, item_sk, order_number), the key of the sale line undone.

    Columns: channel, returned_month, date_sk (of the return), order_number, item_sk, return_quantity (units), and in
    US dollars return_amt, net_loss. No customer: who brings goods back is often not who bought them.
    """
    return _union(frame.select(*_return_columns(channel)) for channel, frame in returns.items())


def _union(frames: Iterable[DataFrame]) -> DataFrame:
    return reduce(DataFrame.unionByName, frames)


def _sale_columns(channel: Channel) -> list[Column]:
    measures = (
        "quantity",
        "ext_list_price",
        "ext_sales_price",
        "coupon_amt",
        "net_paid",
        "ext_tax",
        "ext_wholesale_cost",
        "net_profit",
    )
    prefix = _SALES_PREFIX[channel]
    return [
        F.lit(channel).alias("channel"),
        F.col("sold_month"),
        F.col("sold_date_sk_resolved").alias("date_sk"),
        F.col("customer_sk_resolved").alias("customer_sk"),
        F.col("sold_date_imputed").alias("date_imputed"),
        F.col(f"{prefix}_{_ORDER_NUMBER[channel]}").alias("order_number"),
        F.col(f"{prefix}_item_sk").alias("item_sk"),
        *(F.col(f"{prefix}_{measure}").alias(measure) for measure in measures),
    ]


def _return_columns(channel: Channel) -> list[Column]:
    prefix = _RETURNS_PREFIX[channel]
    return [
        F.lit(channel).alias("channel"),
        F.col("returned_month"),
        F.col(f"{prefix}_returned_date_sk").alias("date_sk"),
        F.col(f"{prefix}_{_ORDER_NUMBER[channel]}").alias("order_number"),
        F.col(f"{prefix}_item_sk").alias("item_sk"),
        F.col(f"{prefix}_return_quantity").alias("return_quantity"),
        F.col(f"{prefix}_{_RETURN_AMOUNT[channel]}").alias("return_amt"),
        F.col(f"{prefix}_net_loss").alias("net_loss"),
    ]


def sales_with_returns(lines: DataFrame, returns: Mapping[Channel, DataFrame]) -> DataFrame:
    """Conformed sale lines, each with what came back of it: the cohort clock.

    Adds return_quantity (units), and in US dollars return_amt and net_loss, all NULL without a return, and return_lines, 0 or
    1. A return's key is that of its sale line, so no line is doubled.
    """
    key = ["channel", "item_sk", "order_number"]
    undone = conformed_returns(returns).select(
        *key, "return_quantity", "return_amt", "net_loss", F.lit(1).cast("bigint").alias("_returned")
    )
    joined = lines.join(undone, key, "left")
    return joined.withColumn("return_lines", F.coalesce("_returned", F.lit(0).cast("bigint"))).drop("_returned")


def year_of(month: Column) -> Column:
    """Partition key of the year of a month's partition key: `2000` of `2000-05`, `undated` of `undated`."""
    return F.when(month == UNDATED, F.lit(UNDATED)).otherwise(F.substring(month, 1, 4))
