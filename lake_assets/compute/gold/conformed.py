"""Sale lines and return lines of the three channels under one set of column names.

The names are the conformed words of the contract (`contract/conformed.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake_assets.contract.conformed import returns_words, sales_words
from lake_assets.contract.model import Channel


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
    return [F.lit(channel).alias("channel"), F.col("sold_month"), *_worded(sales_words(channel))]


def _return_columns(channel: Channel) -> list[Column]:
    return [F.lit(channel).alias("channel"), F.col("returned_month"), *_worded(returns_words(channel))]


def _worded(words: Mapping[str, str]) -> list[Column]:
    return [F.col(name).alias(word) for word, name in words.items()]


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
