"""The words that all channels share in gold, and its cohort clock: returns with the sale that they undo."""

from __future__ import annotations

from decimal import Decimal

from pyspark.sql import Row, SparkSession

from lake_assets.compute.gold.conformed import conformed_returns, conformed_sales, undone_sales
from lake_assets.contract.model import CHANNELS
from lake_assets_tests.support.silver_lines import Lines, Return, Returns, Sale, Sales, date_key

SOLD, LATER = "2000-05-17", "2001-02-03"


def joined(spark: SparkSession, sales: Sales, returns: Returns) -> dict[tuple[str, int, int], Row]:
    """Rows by channel, order and item."""
    lines = Lines(sales, returns)
    rows = undone_sales(lines.sales_frames(spark), lines.returns_frames(spark)).collect()
    found = {(row.channel, row.order_number, row.item_sk): row for row in rows}
    assert len(found) == len(rows), "a line is doubled"
    return found


def test_every_channel_says_the_same_in_the_same_words(spark: SparkSession) -> None:
    line = Sale(SOLD, "10.00", order=5, item=6, customer=8, quantity=3)
    rows = conformed_sales(Lines(dict.fromkeys(CHANNELS, (line,)), {}).sales_frames(spark)).collect()
    assert {row.channel for row in rows} == {"store", "catalog", "web"}
    assert {tuple(row)[1:] for row in rows} == {
        (
            *("2000-05", date_key(SOLD), 8, False, 5, 6, 3),
            *map(Decimal, ("20.00", "10.00", "1.00", "9.00", "0.50", "6.00", "3.00")),
        )
    }
    back = Return(LATER, "4.00", order=5, item=6, quantity=2)
    rows = conformed_returns(Lines({}, dict.fromkeys(CHANNELS, (back,))).returns_frames(spark)).collect()
    assert {row.channel for row in rows} == {"store", "catalog", "web"}
    assert {tuple(row)[1:] for row in rows} == {("2001-02", date_key(LATER), 5, 6, 2, Decimal("4.00"), Decimal("0.25"))}


def test_a_return_belongs_to_the_line_of_its_channel_order_and_item_alone(spark: SparkSession) -> None:
    lines = (Sale(SOLD, order=1, item=1), Sale(SOLD, order=1, item=2), Sale(SOLD, order=2, item=1))
    found = joined(spark, {"store": lines, "web": lines}, {"web": (Return(LATER, "4.00", order=1, item=2),)})
    assert set(found) == {("web", 1, 2)}
    row = found["web", 1, 2]
    assert (row.return_quantity, row.return_amt, row.net_loss) == (1, Decimal("4.00"), Decimal("0.25"))


def test_a_return_has_the_day_and_the_customer_of_the_sale(spark: SparkSession) -> None:
    sales = (Sale(SOLD, order=1, customer=8), Sale(SOLD, order=2), Sale(None, order=3))
    found = joined(spark, {"catalog": sales}, {"catalog": (Return(LATER, order=1), Return(None, order=3))})
    assert {order: row.date_sk for (_, order, _), row in found.items()} == {1: date_key(SOLD), 3: None}
    assert found["catalog", 1, 1].customer_sk == 8


def test_a_return_without_amounts_still_is_a_return(spark: SparkSession) -> None:
    found = joined(spark, {"store": (Sale(SOLD),)}, {"store": (Return(LATER, None, quantity=None, loss=None),)})
    row = found["store", 1, 1]
    assert (row.return_quantity, row.return_amt, row.net_loss) == (None, None, None)


def test_a_return_of_a_sale_that_is_not_among_the_lines_undoes_none(spark: SparkSession) -> None:
    assert not joined(spark, {"store": (Sale(SOLD),)}, {"store": (Return(LATER, order=9),), "web": (Return(LATER),)})
