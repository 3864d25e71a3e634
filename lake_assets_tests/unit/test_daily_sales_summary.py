"""Gold daily_sales_summary on a handful of lines: the days on which a plain sum, average or growth goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from lake_assets.compute.gold.daily_sales_summary import daily_sales_summary
from lake_assets.compute.gold.ratio import ratio
from lake_assets.contract.calendar import date_of, month_of, sk_of
from lake_assets.contract.gold import GOLD_TABLES
from lake_assets.contract.model import Channel
from lake_assets.contract.types import physical_type

TABLE = GOLD_TABLES["daily_sales_summary"]
LOADED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FRIDAY = sk_of(date(2000, 6, 30))

ORDER_COLUMN: Mapping[Channel, str] = {
    "store": "ss_ticket_number",
    "catalog": "cs_order_number",
    "web": "ws_order_number",
}
RETURN_AMOUNT: Mapping[Channel, str] = {"store": "sr_return_amt", "catalog": "cr_return_amount", "web": "wr_return_amt"}
MONEY_COLUMNS = ("ext_list_price", "coupon_amt", "net_paid", "ext_tax", "ext_wholesale_cost", "net_profit")


@dataclass(frozen=True)
class Sale:
    """One sale line; every amount but the sales price is 1.00."""

    day: int | None
    amount: str | None = "10.00"
    quantity: int | None = 2
    order: int = 1
    customer: int | None = 7
    imputed: bool = False


@dataclass(frozen=True)
class Return:
    day: int | None
    amount: str | None = "4.00"
    quantity: int | None = 1


@dataclass(frozen=True)
class Silver:
    """The lake's silver tables as far as this gold table reads them. Channels left out have no lines."""

    spark: SparkSession

    def summary(
        self,
        sales: Mapping[Channel, Sequence[Sale]],
        returns: Mapping[Channel, Sequence[Return]],
        months: Sequence[str],
    ) -> DataFrame:
        return daily_sales_summary(
            months=months,
            sales={channel: self._sales(channel, sales.get(channel, ())) for channel in ORDER_COLUMN},
            returns={channel: self._returns(channel, returns.get(channel, ())) for channel in ORDER_COLUMN},
            date_dim=self._date_dim(),
            sold_range={channel: _range(sales.get(channel, ())) for channel in ORDER_COLUMN},
            load_timestamp=LOADED,
        )

    def _sales(self, channel: Channel, lines: Sequence[Sale]) -> DataFrame:
        prefix = ORDER_COLUMN[channel][:2]
        money = ", ".join(f"{prefix}_{name} decimal(7,2)" for name in ("ext_sales_price", *MONEY_COLUMNS))
        schema = (
            f"{ORDER_COLUMN[channel]} bigint, {prefix}_item_sk bigint, {prefix}_quantity int, {money},"
            " sold_date_sk_resolved bigint, customer_sk_resolved bigint, sold_date_imputed boolean, sold_month string"
        )
        ones = [Decimal("1.00")] * len(MONEY_COLUMNS)
        rows = [
            (
                *(line.order, item, line.quantity, _money(line.amount), *ones),
                *(line.day, line.customer, line.imputed, month_of(line.day)),
            )
            for item, line in enumerate(lines)
        ]
        return self.spark.createDataFrame(rows, schema)

    def _returns(self, channel: Channel, lines: Sequence[Return]) -> DataFrame:
        amount = RETURN_AMOUNT[channel]
        prefix, order = amount[:2], ORDER_COLUMN[channel][3:]
        schema = (
            f"{prefix}_{order} bigint, {prefix}_item_sk bigint, {prefix}_returned_date_sk bigint,"
            f" {prefix}_return_quantity int, {amount} decimal(7,2), {prefix}_net_loss decimal(7,2),"
            " returned_month string"
        )
        rows = [
            (1, item, line.day, line.quantity, _money(line.amount), Decimal("0.50"), month_of(line.day))
            for item, line in enumerate(lines)
        ]
        return self.spark.createDataFrame(rows, schema)

    def _date_dim(self) -> DataFrame:
        schema = (
            "d_date_sk bigint, d_date date, d_year int, d_qoy int, d_moy int, d_dow int, d_day_name string,"
            " d_holiday string, d_weekend string"
        )
        return self.spark.createDataFrame([_calendar_day(FRIDAY + offset) for offset in range(-40, 40)], schema)


def _calendar_day(date_sk: int) -> tuple[Any, ...]:
    """A day of date_dim with its quirks: a quarter that starts a day late, a weekend on Friday and Saturday."""
    day = date_of(date_sk)
    quarter = (date_of(date_sk - 1).month + 2) // 3
    weekend = "Y" if day.isoweekday() in (5, 6) else "N"
    holiday = "Y" if (day.month, day.day) == (7, 4) else "N"
    return (date_sk, day, day.year, quarter, day.month, day.isoweekday() % 7, f"{day:%A}", holiday, weekend)


def _money(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def _range(lines: Sequence[Sale]) -> tuple[int, int] | None:
    days = [line.day for line in lines if line.day is not None]
    return (min(days), max(days)) if days else None


@pytest.fixture(scope="session")
def silver(spark: SparkSession) -> Silver:
    return Silver(spark)


def store_days(
    silver: Silver,
    sales: Sequence[Sale],
    returns: Sequence[Return] = (),
    months: Sequence[str] = ("undated", "2000-06", "2000-07"),
) -> dict[int, Row]:
    """Rows of the store channel by date_sk."""
    rows = silver.summary({"store": sales}, {"store": returns}, months).collect()
    assert {row.channel for row in rows} <= {"store"}
    return {row.date_sk: row for row in rows}


def test_columns_are_the_contracts_in_order_and_type_then_the_partition(silver: Silver) -> None:
    summary = silver.summary({"store": [Sale(FRIDAY)]}, {}, ["2000-06"])
    types = [(field.name, field.dataType.simpleString()) for field in summary.schema.fields]
    assert types == [(column.name, physical_type(column)) for column in TABLE.columns] + [("sales_month", "string")]
    # PySpark hands timestamps over without a zone, in local time.
    assert [row.load_timestamp.astimezone(UTC) for row in summary.collect()] == [LOADED]


def test_a_day_adds_up_its_lines_and_counts_each_order_and_customer_once(silver: Silver) -> None:
    lines = [Sale(FRIDAY, "10.00"), Sale(FRIDAY, "5.50", imputed=True), Sale(FRIDAY, "1.00", order=2, customer=8)]
    day = store_days(silver, lines, [Return(FRIDAY)])[FRIDAY]
    assert (day.order_count, day.line_count, day.units_sold, day.unique_customers) == (2, 3, 6, 2)
    assert (day.gross_sales, day.returns_amt, day.net_sales) == (Decimal("16.50"), Decimal("4.00"), Decimal("12.50"))
    assert (day.coupon_amt, day.net_profit, day.return_net_loss) == (Decimal("3.00"), Decimal("3.00"), Decimal("0.50"))
    assert (day.avg_order_value, day.units_per_order) == (Decimal("8.250000"), Decimal("3.000000"))
    assert (day.avg_unit_price, day.return_to_sales_ratio) == (Decimal("2.750000"), Decimal("0.242424"))
    assert day.imputed_date_lines == 1


def test_channels_do_not_mix(silver: Silver) -> None:
    sales: dict[Channel, list[Sale]] = {"store": [Sale(FRIDAY, "1.00")], "catalog": [Sale(FRIDAY, "2.00")]}
    returns: dict[Channel, list[Return]] = {"catalog": [Return(FRIDAY, "0.25")], "web": [Return(FRIDAY, "9.00")]}
    rows = {row.channel: row for row in silver.summary(sales, returns, ["2000-06"]).collect()}
    net = {channel: row.net_sales for channel, row in rows.items()}
    assert net == {"store": Decimal("1.00"), "catalog": Decimal("1.75"), "web": Decimal("-9.00")}
    assert rows["web"].gross_sales_ma7 is None


def test_weekend_and_quarter_follow_the_calendar_not_the_flags_of_date_dim(silver: Silver) -> None:
    days = store_days(silver, [Sale(FRIDAY + offset) for offset in range(5)])
    assert [days[FRIDAY + offset].day_name for offset in range(3)] == ["Friday", "Saturday", "Sunday"]
    assert [days[FRIDAY + offset].is_weekend for offset in range(4)] == [False, True, True, False]
    assert [(days[FRIDAY + offset].month, days[FRIDAY + offset].quarter) for offset in range(2)] == [(6, 2), (7, 3)]
    assert [days[FRIDAY + offset].is_holiday for offset in (3, 4)] == [False, True]
    assert days[FRIDAY].sale_date == date(2000, 6, 30)


def test_a_day_with_returns_only_has_zero_sales_and_no_averages(silver: Silver) -> None:
    day = store_days(silver, [Sale(FRIDAY)], [Return(FRIDAY + 3)])[FRIDAY + 3]
    assert (day.order_count, day.line_count, day.units_sold, day.unique_customers) == (0, 0, 0, 0)
    assert (day.gross_sales, day.returns_amt, day.net_sales) == (Decimal("0.00"), Decimal("4.00"), Decimal("-4.00"))
    assert (day.null_amount_lines, day.imputed_date_lines, day.return_line_count) == (0, 0, 1)
    averages = (day.avg_order_value, day.units_per_order, day.avg_unit_price, day.return_to_sales_ratio)
    assert averages == (None, None, None, None)


def test_null_amounts_count_zero_and_are_shown(silver: Silver) -> None:
    lines = [Sale(FRIDAY, None, None), Sale(FRIDAY, "3.00")]
    days = store_days(silver, [*lines, Sale(FRIDAY + 1, None, None, customer=None)], [Return(FRIDAY, None, None)])
    assert (days[FRIDAY].gross_sales, days[FRIDAY].units_sold, days[FRIDAY].null_amount_lines) == (
        Decimal("3.00"),
        2,
        1,
    )
    assert (days[FRIDAY].returns_amt, days[FRIDAY].units_returned) == (Decimal("0.00"), 0)
    only_null = days[FRIDAY + 1]
    assert (only_null.gross_sales, only_null.units_sold, only_null.unique_customers) == (Decimal("0.00"), 0, 0)
    assert (only_null.avg_order_value, only_null.avg_unit_price) == (Decimal("0.000000"), None)


def test_the_moving_average_starts_with_the_seventh_day_and_ends_with_the_last_sale(silver: Silver) -> None:
    lines = [Sale(FRIDAY + offset, "7.00") for offset in (0, 5, 6, 7)]
    days = store_days(silver, lines, [Return(FRIDAY + 8)])
    averages = {sk - FRIDAY: day.gross_sales_ma7 for sk, day in days.items()}
    assert averages == {0: None, 5: None, 6: Decimal("3.000000"), 7: Decimal("3.000000"), 8: None}


def test_a_day_without_sales_inside_the_range_still_has_its_average(silver: Silver) -> None:
    days = store_days(
        silver, [Sale(FRIDAY, "7.00"), Sale(FRIDAY + 9, "1.00")], [Return(FRIDAY + 6), Return(FRIDAY + 7)]
    )
    assert days[FRIDAY + 6].gross_sales_ma7 == Decimal("1.000000")
    assert days[FRIDAY + 7].gross_sales_ma7 == Decimal("0.000000")
    assert days[FRIDAY + 9].gross_sales_ma7 == Decimal("0.142857")


def test_growth_needs_a_base_that_sold_something(silver: Silver) -> None:
    lines = [Sale(FRIDAY, "8.00"), Sale(FRIDAY + 7, "10.00"), Sale(FRIDAY + 8, "1.00"), Sale(FRIDAY + 15, "5.00")]
    days = store_days(silver, [*lines, Sale(FRIDAY + 9)], [Return(FRIDAY + 1), Return(FRIDAY + 14)])
    growth = {sk - FRIDAY: day.gross_sales_wow_pct for sk, day in days.items()}
    nothing_before = {0: None, 1: None, 7: Decimal("0.250000"), 9: None}
    assert growth == nothing_before | {8: None, 14: Decimal("-1.000000"), 15: Decimal("4.000000")}


def test_a_single_month_reaches_back_into_the_month_before_but_does_not_show_it(silver: Silver) -> None:
    lines = [Sale(FRIDAY + offset, f"{20 + offset}.00") for offset in range(-10, 10)]
    returns = [Return(FRIDAY - 1), Return(FRIDAY + 2)]
    together = store_days(silver, lines, returns)
    alone = store_days(silver, lines, returns, ["2000-07"])
    assert alone == {sk: row for sk, row in together.items() if sk > FRIDAY}
    assert alone[FRIDAY + 1].gross_sales_ma7 == Decimal("18.000000")


def test_what_has_no_date_is_one_row_per_channel_in_the_undated_partition(silver: Silver) -> None:
    lines = [Sale(None, "6.00"), Sale(None, "2.00"), Sale(FRIDAY)]
    days = store_days(silver, lines, [Return(None), Return(None), Return(FRIDAY)], ["undated"])
    assert set(days) == {-1}
    row = days[-1]
    assert (row.sales_month, row.order_count, row.line_count, row.return_line_count) == ("undated", 1, 2, 2)
    assert (row.gross_sales, row.returns_amt, row.net_sales) == (Decimal("8.00"), Decimal("8.00"), Decimal("0.00"))
    assert (row.sale_date, row.year, row.day_name, row.is_weekend, row.is_holiday) == (None,) * 5
    assert (row.gross_sales_ma7, row.gross_sales_wow_pct) == (None, None)
    assert row.return_to_sales_ratio == Decimal("1.000000")


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        ("2.00", "3.00", "0.666667"),
        ("-2.00", "3.00", "-0.666667"),
        ("1.00", "2000000.00", "0.000001"),
        ("-1.00", "2000000.00", "-0.000001"),
        # -79536.7344034999...: rounding to ten digits on the way makes it a tie, and the tie is rounded up.
        ("-6862232988.60", "86277.53", "-79536.734403"),
        ("1.00", "0.00", None),
        ("1.00", None, None),
        (None, "1.00", None),
    ],
)
def test_a_ratio_is_rounded_once_and_half_up(
    spark: SparkSession, numerator: str | None, denominator: str | None, expected: str | None
) -> None:
    operands = spark.createDataFrame(
        [(_money(numerator), _money(denominator))], "numerator decimal(18,2), denominator decimal(18,2)"
    )
    row = operands.select(ratio(operands["numerator"], operands["denominator"]).alias("ratio")).collect()[0]
    assert row.ratio == _money(expected)
