"""Which months a batch touches, compared with what a second, plain description of silver says of each month."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lake_assets.compute.touched import touched_months
from lake_assets.contract.calendar import month_of
from lake_assets.contract.layers import BRONZE
from lake_assets.contract.model import Table
from lake_assets.contract.tables import TABLES
from lake_assets.contract.types import spark_ddl

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SALES, RETURNS, STOCK = TABLES["web_sales"], TABLES["web_returns"], TABLES["inventory"]
JANUARY, FEBRUARY, MARCH, TOO_LATE = 2450815, 2450846, 2450874, 2488070


@dataclass(frozen=True)
class Line:
    """A line of a fact: its date, the other column(s) of its key, and a value that tells versions apart."""

    day: int | None
    order: int | None
    item: int | None
    value: int = 1


def frame(spark: SparkSession, table: Table, lines: Iterable[Line]) -> DataFrame:
    assert table.month
    names = {
        "web_sales": ("ws_order_number", "ws_item_sk", "ws_quantity"),
        "web_returns": ("wr_order_number", "wr_item_sk", "wr_return_quantity"),
        "inventory": ("inv_warehouse_sk", "inv_item_sk", "inv_quantity_on_hand"),
    }[table.name]
    rows = [
        {table.month.column: line.day} | dict(zip(names, (line.order, line.item, line.value), strict=True))
        for line in lines
    ]
    return spark.createDataFrame(
        [tuple(row.get(name) for name in table.column_names) for row in rows], spark_ddl(BRONZE[table.name].columns)
    )


def silver(table: Table, files: Sequence[Sequence[Line]]) -> dict[str, Counter[tuple[str, Line, int | None]]]:
    """What becomes of each line by month, said once more in plain words: a later file's line replaces one of the same key."""
    months: dict[str, Counter[tuple[str, Line, int | None]]] = defaultdict(Counter)
    winners: dict[tuple[int | None, ...], Line] = {}
    for line in (line for lines in files for line in lines):
        key = (line.day, line.order, line.item) if table is STOCK else (line.order, line.item)
        outside = line.day is not None and month_of(line.day) == "undated"
        if None in key or outside:
            months[month_of(line.day)]["rejected", line, None] += 1
            continue
        if loser := winners.pop(key, None):
            months[month_of(loser.day)]["duplicate", loser, None] += 1
        winners[key] = line
    days: dict[int | None, set[int]] = defaultdict(set)
    for line in winners.values():
        if line.day is not None:
            days[line.order].add(line.day)
    for line in winners.values():
        own = line.day if table is not SALES or line.day is not None else max(days[line.order], default=None)
        of_order = max(days[line.order], default=None) if table is SALES else None
        months[month_of(own)]["row", line, of_order] += 1
    return months


def touched(
    spark: SparkSession, table: Table, arrived: Sequence[Line], replaced: Sequence[Line], standing: Sequence[Line]
) -> set[str]:
    frames = (frame(spark, table, lines) for lines in (arrived, replaced, standing))
    return {row["month"] for row in touched_months(table, *frames).collect()}


def changed(table: Table, before: Sequence[Sequence[Line]], after: Sequence[Sequence[Line]]) -> set[str]:
    was, now = silver(table, before), silver(table, after)
    return {month for month in {*was, *now} if was[month] != now[month]}


@pytest.mark.parametrize("table", [SALES, RETURNS, STOCK], ids=lambda table: table.name)
def test_every_month_that_changes_is_touched(spark: SparkSession, table: Table) -> None:
    """Random files with missing dates and keys, dates outside the calendar, orders over files, and repeated keys."""
    generator = random.Random(5)

    def lines() -> list[Line]:
        days = (JANUARY, JANUARY, FEBRUARY, MARCH, None, None, TOO_LATE)
        return [
            Line(
                generator.choice(days),
                generator.choice((1, 2, 3, 4, 5, None)),
                generator.choice((1, 2, 3, None)),
                generator.randrange(9),
            )
            for _ in range(generator.randrange(4))
        ]

    found = 0
    for _ in range(25):
        standing, replaced, arrived = lines() + lines(), lines(), lines()
        expected = changed(table, [standing, replaced], [standing, arrived])
        answer = touched(spark, table, arrived, replaced, standing)
        assert expected <= answer, (standing, replaced, arrived)
        found += len(expected)
    assert found > 25


@pytest.mark.parametrize(
    ("standing", "arrived", "months"),
    [
        ([Line(JANUARY, 1, 1)], [Line(FEBRUARY, 2, 1)], {"1998-02"}),
        ([Line(JANUARY, 1, 1)], [Line(None, 1, 2)], {"1998-01"}),
        ([Line(None, 1, 1)], [Line(JANUARY, 1, 2)], {"1998-01", "undated"}),
        ([Line(None, 2, 1), Line(MARCH, 3, 1)], [Line(JANUARY, 1, 2)], {"1998-01"}),
        ([Line(JANUARY, 1, 1)], [Line(None, 2, 2)], {"undated"}),
        ([Line(JANUARY, 1, 1)], [Line(None, 1, 1)], {"1998-01", "undated"}),
        ([Line(JANUARY, 1, 1)], [Line(FEBRUARY, 1, 2)], {"1998-01", "1998-02"}),
        ([Line(JANUARY, 1, 1)], [Line(TOO_LATE, 2, 2)], {"undated"}),
        ([Line(JANUARY, 1, 1)], [], set()),
    ],
    ids=[
        "a sale of another month",
        "a line without a date of a known order",
        "the date of an order that had none",
        "other undated lines stay where they are",
        "an order without a date",
        "a key once more, without its date",
        "a second date for an order",
        "a date outside the calendar",
        "nothing",
    ],
)
def test_sales_touch_the_months_of_their_orders_and_no_other(
    spark: SparkSession, standing: list[Line], arrived: list[Line], months: set[str]
) -> None:
    assert touched(spark, SALES, arrived, [], standing) == months


def test_a_changed_file_touches_the_months_it_had_and_those_it_has(spark: SparkSession) -> None:
    standing = [Line(MARCH, 9, 9), Line(None, 1, 7)]
    replaced, arrived = [Line(JANUARY, 1, 1)], [Line(FEBRUARY, 2, 1)]
    # The order's line in another file has no date any more.
    assert touched(spark, SALES, arrived, replaced, standing) == {"1998-01", "1998-02", "undated"}


def test_a_return_that_arrives_again_with_another_date_touches_both_months(spark: SparkSession) -> None:
    assert touched(spark, RETURNS, [Line(FEBRUARY, 1, 1)], [], [Line(JANUARY, 1, 1), Line(MARCH, 1, 2)]) == {
        "1998-01",
        "1998-02",
    }
