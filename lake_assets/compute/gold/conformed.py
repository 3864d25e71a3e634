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


def undone_sales(sales: Mapping[Channel, DataFrame], returns: Mapping[Channel, DataFrame]) -> DataFrame:
    """Return lines that have their sale, dated by it: the cohort clock. Grain: (channel, item_sk, order_number).

    Columns: channel, item_sk, order_number, date_sk and customer_sk (of the sale), return_quantity (units), and in US dollars
    return_amt and net_loss. A return's key is that of its sale line, so no line is doubled.
    """
    # Channel by channel: to compare their names on every line takes as long as the join itself.
    return _union(_undone(channel, frame, returns[channel]) for channel, frame in sales.items() if channel in returns)


def _undone(channel: Channel, sales: DataFrame, returns: DataFrame) -> DataFrame:
    key = ["item_sk", "order_number"]
    sold = sales.select(*_sale_columns(channel)).select("channel", *key, "date_sk", "customer_sk")
    back = returns.select(*_return_columns(channel)).select(*key, "return_quantity", "return_amt", "net_loss")
    return back.join(sold, key)
