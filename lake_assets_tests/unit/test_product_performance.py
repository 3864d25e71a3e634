"""Gold product_performance on a handful of lines: versions, ranks, classes, years and stock where they go wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import DataFrame, Row, SparkSession

from lake_assets.compute.gold.product_performance import product_performance
from lake_assets.contract.calendar import YEARS, month_of
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
    date_key,
    money,
    repartitioned,
    values,
)

TABLE = GOLD_TABLES["product_performance"]
LOADED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COMPLETE = ("1998", "1999", "2000", "2001", "2002")
DAY = "2000-05-17"

BOOKS, MUSIC = "Books", "Music"


@dataclass(frozen=True)
class Item:
    """One version of an item: valid from `start` to `end`, until now when that is None."""

    sk: int
    id: str
    category: str | None = BOOKS
    start: str | None = "1997-10-27"
    end: str | None = None
    price: str | None = "1.99"

    @property
    def row(self) -> tuple[object, ...]:
        days = (None if day is None else date.fromisoformat(day) for day in (self.start, self.end))
        texts = (f"{what} of {self.sk}" for what in ("text", "brand", "class"))
        return (self.sk, self.id, *days, *texts, self.category, f"maker of {self.sk}", money(self.price))


@dataclass(frozen=True)
class Count:
    """The units of an item on hand in a warehouse, as counted on a day."""

    day: str
    item: int
    on_hand: int | None
    warehouse: int = 1


@dataclass(frozen=True)
class Silver:
    """What the table is built from. `complete` are the years that lie wholly within the dates of sales."""

    lines: Lines
    items: Sequence[Item]
    counts: Sequence[Count] = ()
    complete: Sequence[str] = COMPLETE

    def shuffled(self, by: random.Random) -> Silver:
        """The same rows in another order."""
        items, counts = (by.sample(list(rows), len(rows)) for rows in (self.items, self.counts))
        return Silver(self.lines.shuffled(by), items, counts, self.complete)  # type: ignore[arg-type]


# With one version each, the first two in one category.
A, B, C = Item(1, "A"), Item(2, "B"), Item(3, "C", MUSIC)
Products = dict[tuple[str, str], Row]


def frame(spark: SparkSession, silver: Silver, years: Sequence[str] = YEARS, parts: int | None = None) -> DataFrame:
    sales, returns = silver.lines.sales_frames(spark), silver.lines.returns_frames(spark)
    item, inventory = _item_frame(spark, silver.items), _inventory_frame(spark, silver.counts)
    return product_performance(
        years=years,
        sales=repartitioned(sales, parts) if parts else sales,
        returns=repartitioned(returns, parts) if parts else returns,
        item=item.repartition(parts) if parts else item,
        inventory=inventory.repartition(parts) if parts else inventory,
        complete_years=silver.complete,
        load_timestamp=LOADED,
    )


def _item_frame(spark: SparkSession, items: Sequence[Item]) -> DataFrame:
    schema = (
        "i_item_sk bigint, i_item_id string, i_rec_start_date date, i_rec_end_date date, i_item_desc string,"
        " i_brand string, i_class string, i_category string, i_manufact string, i_current_price decimal(7,2)"
    )
    return spark.createDataFrame([item.row for item in items], schema)


def _inventory_frame(spark: SparkSession, counts: Sequence[Count]) -> DataFrame:
    schema = "inv_date_sk bigint, inv_item_sk bigint, inv_quantity_on_hand int, inventory_month string"
    rows = [(key, count.item, count.on_hand, month_of(key)) for count in counts for key in [date_key(count.day)]]
    return spark.createDataFrame(rows, schema)


def products(
    spark: SparkSession,
    sales: Sales,
    returns: Returns | None = None,
    items: Sequence[Item] = (A, B, C),
    *,
    counts: Sequence[Count] = (),
    years: Sequence[str] = YEARS,
    complete: Sequence[str] = COMPLETE,
) -> Products:
    """Rows by item and year of sale, e.g. `("A", "2000")`."""
    rows = frame(spark, Silver(Lines(sales, returns or {}), items, counts, complete), years).collect()
    found = {(row.item_id, row.sale_year): row for row in rows}
    assert len(found) == len(rows), "an item occurs twice in a year"
    return found


def sold(*nets: str) -> list[Sale]:
    """One line of each of so many items, numbered from 1, in the year 2000."""
    return [Sale(DAY, net, order=item, item=item) for item, net in enumerate(nets, 1)]


def single(*categories: str) -> list[Item]:
    """Items numbered from 1 with ids A, B, ..., one version each, in these categories."""
    return [Item(sk, chr(ord("A") + sk - 1), category) for sk, category in enumerate(categories, 1)]


def of_2000(found: Products, column: str) -> dict[str, object]:
    return {item: row[column] for (item, year), row in sorted(found.items()) if year == "2000"}


def test_columns_are_the_contracts_in_order_and_type_then_the_partition(spark: SparkSession) -> None:
    found = frame(spark, Silver(Lines({"store": [Sale(DAY)]}, {}), [A]), ["2000"])
    types = [(field.name, field.dataType.simpleString()) for field in found.schema.fields]
    assert types == [(column.name, physical_type(column)) for column in TABLE.columns] + [("sale_year", "string")]
    assert [row.load_timestamp.astimezone(UTC) for row in found.collect()] == [LOADED]


def test_a_year_adds_up_the_lines_of_an_item_in_all_channels(spark: SparkSession) -> None:
    """Order 1 in a store and order 1 on the web are two orders."""
    sales: Sales = {
        "store": [Sale("2000-01-01", "10.00"), Sale("2000-12-31", "5.50", order=2)],
        "web": [Sale("2000-05-17", "1.00", paid="8.00")],
    }
    row = products(spark, sales, {"web": [Return("2000-06-01", "0.75", quantity=2)]})["A", "2000"]
    assert (row.line_count, row.order_count, row.units_sold, row.version_count) == (3, 3, 6, 1)
    money_of_row = (row.gross_sales, row.store_gross_sales, row.catalog_gross_sales, row.web_gross_sales)
    assert money_of_row == tuple(map(Decimal, ("16.50", "15.50", "0.00", "1.00")))
    assert (row.coupon_amt, row.net_paid, row.wholesale_cost) == tuple(map(Decimal, ("3.00", "26.00", "18.00")))
    assert (row.gross_profit, row.gross_margin_pct, row.net_profit) == tuple(map(Decimal, ("8.00", "0.307692", "9.00")))
    assert (row.return_line_count, row.units_returned, row.return_rate_lines) == (1, 2, Decimal("0.333333"))
    assert (row.returns_amt, row.net_sales, row.avg_unit_price) == tuple(map(Decimal, ("0.75", "15.75", "2.750000")))


def test_lines_of_all_versions_add_up_and_the_open_version_describes_them(spark: SparkSession) -> None:
    """An order with two versions of an item is one order."""
    versions = [
        Item(11, "A", MUSIC, "1997-10-27", "1999-10-27", "1.00"),
        Item(12, "A", BOOKS, "1999-10-28", None, "2.00"),
        Item(13, "A", MUSIC, "2001-10-27", "2002-10-26", "3.00"),
    ]
    lines = [Sale(DAY, "1.00", item=11), Sale(DAY, "2.00", item=12), Sale(DAY, "4.00", item=13, order=2)]
    found = products(spark, {"store": lines}, items=versions)
    assert list(found) == [("A", "2000")]
    row = found["A", "2000"]
    assert (row.line_count, row.order_count, row.gross_sales, row.version_count) == (3, 2, Decimal("7.00"), 3)
    assert (row.category, row.current_price, row.item_desc) == (BOOKS, Decimal("2.00"), "text of 12")
    assert (row.brand, row["class"], row.manufacturer) == ("brand of 12", "class of 12", "maker of 12")


@pytest.mark.parametrize(
    ("versions", "described_by"),
    [
        pytest.param([Item(1, "A", end="1999-01-01"), Item(2, "A", start=None, end="1999-01-01")], 1, id="none_open"),
        pytest.param(
            [Item(1, "A", start="2000-01-01", end="2000-12-31"), Item(2, "A", end="2001-01-01")], 1, id="last_begun"
        ),
        pytest.param([Item(1, "A", start="1998-01-01"), Item(2, "A", start="1999-01-01")], 2, id="two_open"),
        pytest.param([Item(2, "A"), Item(1, "A")], 2, id="two_alike"),
    ],
)
def test_of_several_or_no_open_versions_the_one_that_began_last_describes_the_item(
    spark: SparkSession, versions: list[Item], described_by: int
) -> None:
    row = products(spark, {"store": [Sale(DAY)]}, items=versions)["A", "2000"]
    assert (row.item_desc, row.version_count) == (f"text of {described_by}", 2)


def test_sales_of_items_that_are_not_in_silver_are_one_unknown_item(spark: SparkSession) -> None:
    lines = [Sale(DAY, "1.00", item=1), Sale(DAY, "2.00", item=98), Sale(DAY, "3.00", item=99, order=2)]
    found = products(spark, {"store": lines}, {"store": [Return(DAY, "0.50", item=98)]})
    assert sorted(found) == [("A", "2000"), ("UNKNOWN", "2000")]
    row = found["UNKNOWN", "2000"]
    assert (row.line_count, row.order_count, row.version_count, row.return_line_count) == (2, 2, 0, 1)
    assert (row.gross_sales, row.net_sales) == (Decimal("5.00"), Decimal("4.50"))
    assert (row.category, row.item_desc, row.brand, row.current_price) == ("UNKNOWN", None, None, None)
    assert (row.revenue_rank_overall, row.category_share) == (1, Decimal("1.000000"))


def test_items_without_a_category_share_the_category_unknown(spark: SparkSession) -> None:
    items = [Item(1, "A", None), Item(2, "B", None), Item(3, "C")]
    found = products(spark, {"store": sold("1.00", "3.00", "8.00")}, items=items)
    assert of_2000(found, "category") == {"A": "UNKNOWN", "B": "UNKNOWN", "C": BOOKS}
    assert of_2000(found, "revenue_rank_in_category") == {"A": 2, "B": 1, "C": 1}
    assert of_2000(found, "category_share") == {
        "A": Decimal("0.250000"),
        "B": Decimal("0.750000"),
        "C": Decimal("1.000000"),
    }


def test_equal_net_sales_share_a_rank_and_take_the_next_rows_by_id(spark: SparkSession) -> None:
    items = single(BOOKS, MUSIC, BOOKS, BOOKS)
    returns: Returns = {"store": [Return(DAY, "1.00", order=4, item=4)]}
    found = products(spark, {"store": sold("5.00", "5.00", "5.00", "5.00")}, returns, items)
    assert of_2000(found, "revenue_rank_overall") == {"A": 1, "B": 1, "C": 1, "D": 4}
    assert of_2000(found, "revenue_rank_in_category") == {"A": 1, "B": 1, "C": 1, "D": 3}
    assert of_2000(found, "revenue_row_no") == {"A": 1, "B": 2, "C": 3, "D": 4}


def test_the_cumulative_share_follows_the_rows_and_ends_at_one(spark: SparkSession) -> None:
    found = products(spark, {"store": sold("5.00", "5.00", "10.00")}, items=single(BOOKS, BOOKS, MUSIC))
    assert of_2000(found, "cumulative_share") == {
        "C": Decimal("0.500000"),
        "A": Decimal("0.750000"),
        "B": Decimal("1.000000"),
    }


@pytest.mark.parametrize(
    ("nets", "classes"),
    [
        pytest.param(("80.00", "15.00", "5.00"), "ABC", id="shares_before_exactly_at_the_limits"),
        pytest.param(("79.99", "15.00", "5.01"), "AAB", id="shares_before_just_below_the_limits"),
        pytest.param(("80.01", "15.00", "4.99"), "ABC", id="shares_before_just_above_the_limits"),
        pytest.param(("100.00",), "A", id="one_item_is_all"),
        pytest.param(("3.00", "0.00", "-1.00"), "ACC", id="nothing_and_less_is_c"),
        pytest.param(("0.00", "0.00"), "CC", id="a_year_without_net_sales"),
    ],
)
def test_the_class_goes_by_the_share_of_the_items_before(
    spark: SparkSession, nets: tuple[str, ...], classes: str
) -> None:
    found = products(spark, {"store": sold(*nets)}, items=single(*[BOOKS] * len(nets)))
    assert "".join(str(value) for value in of_2000(found, "abc_class").values()) == classes


def test_an_item_that_cost_more_in_returns_than_it_sold_is_last_and_c(spark: SparkSession) -> None:
    """Shares before it pass 1 and come back to it."""
    returns: Returns = {"store": [Return(DAY, "12.00", order=2, item=2)]}
    found = products(spark, {"store": sold("10.00", "10.00")}, returns, single(BOOKS, MUSIC))
    row = found["B", "2000"]
    assert (row.net_sales, row.abc_class, row.revenue_rank_overall) == (Decimal("-2.00"), "C", 2)
    assert of_2000(found, "cumulative_share") == {"A": Decimal("1.250000"), "B": Decimal("1.000000")}
    assert of_2000(found, "category_share") == {"A": Decimal("1.000000"), "B": Decimal("1.000000")}


def test_null_amounts_count_zero_and_are_shown(spark: SparkSession) -> None:
    nothing = Sale(DAY, None, quantity=None, coupon=None, paid=None, cost=None, profit=None)
    lines = [nothing, Sale(DAY, "3.00", order=2), Sale(DAY, None, order=3, quantity=None, item=2, paid=None)]
    found = products(spark, {"store": lines}, {"store": [Return(DAY, None, order=2, quantity=None)]})
    row = found["A", "2000"]
    assert (row.null_amount_lines, row.line_count, row.units_sold) == (1, 2, 2)
    assert (row.gross_sales, row.net_paid, row.net_sales) == tuple(map(Decimal, ("3.00", "9.00", "3.00")))
    assert (row.return_line_count, row.units_returned, row.returns_amt) == (1, 0, Decimal("0.00"))
    only_null = found["B", "2000"]
    assert (only_null.gross_sales, only_null.null_amount_lines, only_null.abc_class) == (Decimal("0.00"), 1, "C")
    assert (only_null.gross_margin_pct, only_null.avg_unit_price) == (None, None)


def test_a_return_counts_in_the_year_of_the_sale_whenever_it_came_back(spark: SparkSession) -> None:
    lines = [Sale("2000-12-31"), Sale("2001-01-01", order=2), Sale(None, order=3)]
    returns = [Return("2001-03-01", "4.00"), Return(None, "1.00", order=2), Return("2001-05-01", "2.00", order=3)]
    found = products(spark, {"catalog": lines}, {"catalog": returns})
    assert {year: row.returns_amt for (_, year), row in found.items()} == {
        "2000": Decimal("4.00"),
        "2001": Decimal("1.00"),
        "undated": Decimal("2.00"),
    }


def test_growth_needs_a_year_before_that_sold_something(spark: SparkSession) -> None:
    """A sold in 1998, 1999 and 2001; B nothing but NULL in 1998, and 0.00 in 1999; C first in 1999."""
    lines = [
        *(Sale("1998-05-01", "8.00"), Sale("1999-05-01", "10.00", order=2), Sale("2001-05-01", "5.00", order=3)),
        *(Sale("1998-05-01", None, item=2), Sale("1999-05-01", "0.00", order=2, item=2)),
        *(Sale("2000-05-01", "1.00", order=4, item=2), Sale("1999-05-01", "1.00", order=2, item=3)),
    ]
    found = products(spark, {"store": lines}, {"store": [Return("1999-06-01", "9.00", order=2)]})
    growth = {key: row.gross_sales_yoy_pct for key, row in found.items()}
    assert growth == {
        ("A", "1998"): None,
        ("A", "1999"): Decimal("0.250000"),
        ("A", "2001"): None,
        ("B", "1998"): None,
        ("B", "1999"): None,
        ("B", "2000"): None,
        ("C", "1999"): None,
    }


def test_growth_counts_all_versions_of_an_item_and_all_channels(spark: SparkSession) -> None:
    sales: Sales = {
        "store": [Sale("1999-05-01", "2.00", item=11)],
        "web": [Sale("1999-05-01", "2.00", item=12), Sale("2000-05-01", "3.00", item=12, order=2)],
    }
    versions = [Item(11, "A", end="1999-06-01"), Item(12, "A", start="1999-06-02")]
    found = products(spark, sales, items=versions, years=["2000"])
    assert {key: row.gross_sales_yoy_pct for key, row in found.items()} == {("A", "2000"): Decimal("-0.250000")}


@pytest.mark.parametrize(
    ("complete", "with_growth"),
    [
        pytest.param(("1998", "1999", "2000"), {"1999", "2000"}, id="all_complete"),
        pytest.param(("1999", "2000"), {"2000"}, id="first_year_in_part"),
        pytest.param(("1998", "1999"), {"1999"}, id="last_year_in_part"),
        pytest.param((), set(), id="less_than_a_year_of_data"),
    ],
)
def test_there_is_no_growth_in_or_after_a_partial_year(
    spark: SparkSession, complete: tuple[str, ...], with_growth: set[str]
) -> None:
    lines = [Sale(f"{year}-05-01", "1.00", order=year) for year in (1998, 1999, 2000)]
    found = products(spark, {"store": lines}, complete=complete)
    assert {year for (_, year), row in found.items() if row.gross_sales_yoy_pct is not None} == with_growth


def test_what_has_no_date_is_the_undated_year_without_growth(spark: SparkSession) -> None:
    lines = [Sale(None, "6.00"), Sale(None, "4.00", item=2), Sale(DAY, order=2)]
    found = products(spark, {"web": lines}, years=["undated"])
    assert sorted(found) == [("A", "undated"), ("B", "undated")]
    row = found["A", "undated"]
    assert (row.gross_sales, row.revenue_row_no, row.cumulative_share) == (Decimal("6.00"), 1, Decimal("0.600000"))
    assert (row.gross_sales_yoy_pct, row.snapshot_count, row.avg_on_hand) == (None, 0, None)


def test_stock_is_counted_over_warehouses_and_versions_and_averaged_over_days(spark: SparkSession) -> None:
    """On two days 30 and 10 units are on hand, 20 on average; 8 units sold are 5 weeks of supply, and 0.4 turns."""
    versions = [Item(11, "A", end="1999-06-01"), Item(12, "A", start="1999-06-02")]
    counts = [
        *(Count("2000-01-06", 11, 5), Count("2000-01-06", 12, 15), Count("2000-01-06", 12, 10, warehouse=2)),
        *(Count("2000-12-28", 12, 10), Count("2000-12-28", 11, None)),
        *(Count("1999-12-30", 12, 1000), Count("2001-01-04", 12, 1000)),
    ]
    row = products(spark, {"store": [Sale(DAY, item=12, quantity=8)]}, items=versions, counts=counts)["A", "2000"]
    assert (row.snapshot_count, row.avg_on_hand) == (2, Decimal("20.000000"))
    assert (row.weeks_of_supply, row.stock_turn) == (Decimal("5.000000"), Decimal("0.400000"))


def test_stock_figures_need_counts_units_and_something_on_hand(spark: SparkSession) -> None:
    items = single(BOOKS, BOOKS, BOOKS, BOOKS)
    lines = [Sale(DAY, order=1, item=1), Sale(DAY, order=2, item=2, quantity=0), Sale(DAY, order=3, item=3)]
    counts = [
        Count("2000-01-06", 2, 7),
        Count("2000-01-06", 3, None),
        Count("2000-01-13", 3, 0),
        Count("2000-01-06", 4, 5),
    ]
    found = products(spark, {"store": lines}, items=items, counts=counts)
    stock = {
        item: (row.snapshot_count, row.avg_on_hand, row.weeks_of_supply, row.stock_turn)
        for (item, _), row in found.items()
    }
    zero = Decimal("0.000000")
    assert stock == {
        "A": (0, None, None, None),
        "B": (1, Decimal("7.000000"), None, zero),
        "C": (2, zero, zero, None),
    }
    assert found["B", "2000"].avg_unit_price is None


def test_stock_of_items_that_are_not_in_silver_is_that_of_the_unknown_item(spark: SparkSession) -> None:
    counts = [Count("2000-01-06", 98, 6), Count("2000-01-06", 99, 4), Count("2000-01-06", 1, 100)]
    row = products(spark, {"store": [Sale(DAY, item=98, quantity=5)]}, counts=counts)["UNKNOWN", "2000"]
    assert (row.snapshot_count, row.avg_on_hand, row.weeks_of_supply) == (1, Decimal("10.000000"), Decimal("2.000000"))


# Few items, orders, amounts and days, so that they meet and tie. The sale line of an order and item is one, as its key asks.
SK = st.integers(1, 6)
DAYS = st.sampled_from(["1998-12-31", "1999-01-01", "1999-12-31", "2000-01-01", None])
AMOUNTS = st.none() | st.sampled_from(["0.00", "1.00", "2.00", "2.50", "9.00"])
SALE_LINES = st.lists(
    st.builds(Sale, DAYS, AMOUNTS, order=st.integers(1, 4), item=SK, quantity=st.none() | st.integers(0, 3)),
    max_size=8,
    unique_by=lambda line: (line.order, line.item),
)
RETURN_LINES = st.lists(
    st.builds(Return, DAYS, AMOUNTS, order=st.integers(1, 4), item=SK),
    max_size=4,
    unique_by=lambda line: (line.order, line.item),
)
ITEMS = st.lists(
    st.builds(
        Item,
        st.integers(1, 5),
        st.sampled_from("ABC"),
        st.sampled_from([BOOKS, MUSIC, None]),
        st.sampled_from(["1998-01-01", "1999-01-01", None]),
        st.sampled_from(["2000-01-01", None]),
    ),
    max_size=5,
    unique_by=lambda item: item.sk,
)
COUNTS = st.lists(
    st.builds(Count, st.sampled_from(["1999-01-07", "2000-01-06"]), SK, st.none() | st.integers(0, 50)), max_size=6
)
SILVER = st.builds(
    Silver,
    st.builds(
        Lines,
        st.fixed_dictionaries(dict.fromkeys(CHANNELS, SALE_LINES)),
        st.fixed_dictionaries(dict.fromkeys(CHANNELS, RETURN_LINES)),
    ),
    ITEMS,
    COUNTS,
)


@AS_QUERIES
@given(silver=SILVER, by=st.randoms(), parts=st.integers(2, 5), years=st.sets(st.sampled_from(YEARS), min_size=1))
def test_a_year_is_the_same_whatever_the_order_of_rows_and_whichever_years_are_built_with_it(
    spark: SparkSession, silver: Silver, by: random.Random, parts: int, years: set[str]
) -> None:
    rows = frame(spark, silver).collect()
    assert sum(row.line_count for row in rows) == sum(map(len, silver.lines.sales.values()))
    assert all(row.revenue_rank_overall <= row.revenue_row_no for row in rows)
    asked = [row for row in rows if row.sale_year in years]
    assert values(frame(spark, silver.shuffled(by), sorted(years), parts).collect()) == values(asked)
