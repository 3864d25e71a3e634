"""The cohort clock of gold: sale lines of all channels under one set of names, each with what came back of it."""

from __future__ import annotations

from decimal import Decimal

from pyspark.sql import Row, SparkSession

from lake_assets.compute.gold.conformed import conformed_returns, conformed_sales, sales_with_returns
from lake_assets.contract.model import CHANNELS
from lake_assets_tests.support.silver_lines import Lines, Return, Returns, Sale, Sales, date_key

SOLD, LATER = "2000-05-17", "2001-02-03"


def joined(spark: SparkSession, sales: Sales, returns: Returns) -> dict[tuple[str, int, int], Row]:
    """Rows by channel, order and item."""
    lines = Lines(sales, returns)
    rows = sales_with_returns(conformed_sales(lines.sales_frames(spark)), lines.returns_frames(spark)).collect()
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
    assert len(found) == 6
    assert {key for key, row in found.items() if row.return_lines} == {("web", 1, 2)}
    row = found["web", 1, 2]
    assert (row.return_lines, row.return_quantity, row.return_amt, row.net_loss) == (
        1,
        1,
        Decimal("4.00"),
        Decimal("0.25"),
    )


def test_a_line_that_stayed_sold_has_no_return_and_keeps_the_day_of_the_sale(spark: SparkSession) -> None:
    lines = (Sale(SOLD, order=1), Sale(SOLD, order=2), Sale(None, order=3))
    found = joined(spark, {"catalog": lines}, {"catalog": (Return(LATER, order=2), Return(None, order=3))})
    row = found["catalog", 1, 1]
    assert (row.return_lines, row.return_quantity, row.return_amt, row.net_loss) == (0, None, None, None)
    assert {order: row.sold_month for (_, order, _), row in found.items()} == {1: "2000-05", 2: "2000-05", 3: "undated"}
    assert [found["catalog", order, 1].return_lines for order in (1, 2, 3)] == [0, 1, 1]


def test_a_return_without_amounts_still_is_a_return(spark: SparkSession) -> None:
    found = joined(spark, {"store": (Sale(SOLD),)}, {"store": (Return(LATER, None, quantity=None, loss=None),)})
    row = found["store", 1, 1]
    assert (row.return_lines, row.return_quantity, row.return_amt, row.net_loss) == (1, None, None, None)


def test_a_return_of_a_sale_that_is_not_among_the_lines_adds_no_line(spark: SparkSession) -> None:
    found = joined(spark, {"store": (Sale(SOLD),)}, {"store": (Return(LATER, order=9),), "web": (Return(LATER),)})
    assert {key: row.return_lines for key, row in found.items()} == {("store", 1, 1): 0}
