"""Sale and return lines of silver written by hand, as far as the gold tables read them, for the unit tests of gold."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import Phase, settings
from pyspark.sql import DataFrame, Row, SparkSession

from lake_assets.contract.calendar import Range, month_of, sk_of, span
from lake_assets.contract.model import CHANNELS, Channel

AS_QUERIES = settings(
    max_examples=15,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    derandomize=True,
    database=None,
)
"""For property tests whose every example is a query or more: few, the same in each test run, and a failure is told as it was
found, because the search for the smallest one would take minutes."""

_PREFIX: Mapping[Channel, tuple[str, str]] = {"store": ("ss", "sr"), "catalog": ("cs", "cr"), "web": ("ws", "wr")}
_ORDER: Mapping[Channel, str] = {"store": "ticket_number", "catalog": "order_number", "web": "order_number"}
_RETURN_AMOUNT: Mapping[Channel, str] = {"store": "return_amt", "catalog": "return_amount", "web": "return_amt"}


@dataclass(frozen=True)
class Sale:
    """One sale line. `day` is that of the order, e.g. `2000-05-17`; amounts are US dollars and all differ by default."""

    day: str | None
    amount: str | None = "10.00"
    order: int = 1
    item: int = 1
    customer: int | None = 7
    quantity: int | None = 2
    listed: str | None = "20.00"
    coupon: str | None = "1.00"
    paid: str | None = "9.00"
    tax: str | None = "0.50"
    cost: str | None = "6.00"
    profit: str | None = "3.00"


@dataclass(frozen=True)
class Return:
    """One return line. `order` and `item` are those of the sale line that it undoes."""

    day: str | None
    amount: str | None = "4.00"
    order: int = 1
    item: int = 1
    quantity: int | None = 1
    loss: str | None = "0.25"


Sales = Mapping[Channel, Sequence[Sale]]
Returns = Mapping[Channel, Sequence[Return]]


@dataclass(frozen=True)
class Lines:
    """The lines of the three channels; a channel left out has none."""

    sales: Sales
    returns: Returns

    @property
    def sold_range(self) -> dict[Channel, Range]:
        """As the planner gives it: first and last date key of sale."""
        return {channel: _range(self.sales.get(channel, ())) for channel in CHANNELS}

    @property
    def active_range(self) -> dict[Channel, Range]:
        """As the planner gives it: first and last date key of sale or return."""
        return {channel: _range((*self.sales.get(channel, ()), *self.returns.get(channel, ()))) for channel in CHANNELS}

    def shuffled(self, by: random.Random) -> Lines:
        """The same lines in another order."""
        return Lines(
            {channel: by.sample(lines, len(lines)) for channel, lines in self.sales.items()},
            {channel: by.sample(lines, len(lines)) for channel, lines in self.returns.items()},
        )

    def sales_frames(self, spark: SparkSession) -> dict[Channel, DataFrame]:
        return {channel: _sales_frame(spark, channel, self.sales.get(channel, ())) for channel in CHANNELS}

    def returns_frames(self, spark: SparkSession) -> dict[Channel, DataFrame]:
        return {channel: _returns_frame(spark, channel, self.returns.get(channel, ())) for channel in CHANNELS}


def date_key(day: str | None) -> int | None:
    return None if day is None else sk_of(date.fromisoformat(day))


def money(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def repartitioned(frames: Mapping[Channel, DataFrame], parts: int) -> dict[Channel, DataFrame]:
    """The same rows in so many partitions of the engine."""
    return {channel: frame.repartition(parts) for channel, frame in frames.items()}


def values(rows: Iterable[Row]) -> set[tuple[Any, ...]]:
    """Rows as they can be compared, whatever their order; a row that occurs twice is an error."""
    rows = list(rows)
    found = {tuple(row) for row in rows}
    assert len(found) == len(rows), "a row occurs twice"
    return found


def _range(lines: Iterable[Sale | Return]) -> Range:
    days = [key for line in lines if (key := date_key(line.day)) is not None]
    return span((key, key) for key in days)


def _sales_frame(spark: SparkSession, channel: Channel, lines: Sequence[Sale]) -> DataFrame:
    prefix = _PREFIX[channel][0]
    amounts = (
        "ext_sales_price",
        "ext_list_price",
        "coupon_amt",
        "net_paid",
        "ext_tax",
        "ext_wholesale_cost",
        "net_profit",
    )
    schema = (
        f"{prefix}_{_ORDER[channel]} bigint, {prefix}_item_sk bigint, {prefix}_quantity int,"
        f" {', '.join(f'{prefix}_{name} decimal(7,2)' for name in amounts)},"
        " sold_date_sk_resolved bigint, customer_sk_resolved bigint, sold_date_imputed boolean, sold_month string"
    )
    rows = [
        (
            *(line.order, line.item, line.quantity),
            *map(money, (line.amount, line.listed, line.coupon, line.paid, line.tax, line.cost, line.profit)),
            *(date_key(line.day), line.customer, False, month_of(date_key(line.day))),
        )
        for line in lines
    ]
    return spark.createDataFrame(rows, schema)


def _returns_frame(spark: SparkSession, channel: Channel, lines: Sequence[Return]) -> DataFrame:
    prefix = _PREFIX[channel][1]
    schema = (
        f"{prefix}_{_ORDER[channel]} bigint, {prefix}_item_sk bigint, {prefix}_returned_date_sk bigint,"
        f" {prefix}_return_quantity int, {prefix}_{_RETURN_AMOUNT[channel]} decimal(7,2), {prefix}_net_loss decimal(7,2),"
        " returned_month string"
    )
    rows = [
        (
            *(line.order, line.item, date_key(line.day), line.quantity),
            *(money(line.amount), money(line.loss), month_of(date_key(line.day))),
        )
        for line in lines
    ]
    return spark.createDataFrame(rows, schema)
