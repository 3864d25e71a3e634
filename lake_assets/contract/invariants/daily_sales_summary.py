"""What must hold of gold `daily_sales_summary`."""

from __future__ import annotations

from lake_assets.contract.calendar import UNDATED
from lake_assets.contract.invariants._sql import (
    OF_RETURNS,
    OF_SALES,
    ORDERS_BY_DAY,
    RETURNS_BY_DAY,
    balance,
    day,
    differs,
    differs_from_quotient,
    less,
    month_of,
    quotient,
    recomputed,
    rows_where,
    same,
    side,
)
from lake_assets.contract.model import Invariant

_TABLE = "gold.daily_sales_summary"
_DATED = "date_sk <> -1"
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY_NAME = "CASE MOD(date_sk, 7) " + " ".join(f"WHEN {n} THEN '{name}'" for n, name in enumerate(_WEEKDAYS)) + " END"

_BY_DATE = "(PARTITION BY channel ORDER BY date_sk RANGE BETWEEN {} PRECEDING AND {})"
_OF_7_DAYS = f"SUM(gross_sales) OVER {_BY_DATE.format(6, 'CURRENT ROW')}"
_WEEK_BEFORE = f"SUM(gross_sales) OVER {_BY_DATE.format(7, '7 PRECEDING')}"
_FIRST_SALE = "MIN(CASE WHEN line_count > 0 THEN date_sk END) OVER (PARTITION BY channel)"
_LAST_SALE = "MAX(CASE WHEN line_count > 0 THEN date_sk END) OVER (PARTITION BY channel)"
_LAST_OF_MONTH_BEFORE = "sale_date - CAST(EXTRACT(DAY FROM sale_date) AS INT)"
_WITH_MONTH_BEFORE = (
    f"(SELECT * FROM {_TABLE} LEFT JOIN (SELECT DISTINCT sales_month AS month_before FROM {_TABLE}) AS known "
    f"ON month_before = {month_of(_LAST_OF_MONTH_BEFORE)} WHERE {_DATED}) AS dated"
)

_DAY = {"channel": "channel", "date_sk": "date_sk"}
_STORED_DAY = {"channel": "channel", "date_sk": "NULLIF(date_sk, -1)"}
_MONTH = month_of(day("date_sk"))

INVARIANTS = (
    Invariant(
        "partition",
        "",
        "A row lies in the partition of the month of its sale_date, the row with date_sk -1 in undated.",
        ("date_sk", "sale_date"),
        condition=differs("sales_month", f"CASE WHEN {_DATED} THEN {month_of('sale_date')} ELSE '{UNDATED}' END"),
    ),
    recomputed(
        "sale_date",
        f"CASE WHEN {_DATED} THEN {day('date_sk')} END",
        "sale_date is the day of date_sk, and missing for date_sk -1.",
    ),
    recomputed("year", "EXTRACT(YEAR FROM sale_date)", "year is that of sale_date."),
    recomputed("quarter", "EXTRACT(QUARTER FROM sale_date)", "quarter is the calendar quarter of sale_date."),
    recomputed("month", "EXTRACT(MONTH FROM sale_date)", "month is that of sale_date."),
    recomputed("day_name", f"CASE WHEN {_DATED} THEN {_DAY_NAME} END", "day_name is the day of the week of date_sk."),
    recomputed("is_weekend", "(day_name IN ('Saturday', 'Sunday'))", "is_weekend: day_name is Saturday or Sunday."),
    recomputed("net_sales", "gross_sales - returns_amt"),
    quotient("avg_order_value", "gross_sales", "order_count"),
    quotient("units_per_order", "units_sold", "order_count"),
    quotient("avg_unit_price", "gross_sales", "units_sold"),
    quotient("return_to_sales_ratio", "returns_amt", "gross_sales"),
    Invariant(
        "recomputed",
        "gross_sales_ma7",
        "gross_sales_ma7 = gross_sales of the 7 calendar days ending on date_sk / 7; present wherever these days lie between "
        "two days with sales.",
        ("channel", "date_sk", "gross_sales", "gross_sales_ma7"),
        query=rows_where(
            "(EXTRACT(DAY FROM sale_date) >= 7 OR month_before IS NOT NULL) AND CASE WHEN gross_sales_ma7 IS NULL "
            "THEN COALESCE(date_sk - 6 >= first_sale AND date_sk <= last_sale, FALSE) "
            f"ELSE {differs_from_quotient('gross_sales_ma7', 'of_7_days', '7')} END",
            _WITH_MONTH_BEFORE,
            "sales_month",
            of_7_days=_OF_7_DAYS,
            first_sale=_FIRST_SALE,
            last_sale=_LAST_SALE,
        ),
    ),
    Invariant(
        "recomputed",
        "gross_sales_wow_pct",
        "gross_sales_wow_pct is the growth of gross_sales over date_sk - 7, and missing where that day has no row or sold 0.",
        ("channel", "date_sk", "gross_sales", "gross_sales_wow_pct"),
        query=rows_where(
            "(EXTRACT(DAY FROM sale_date) >= 8 OR month_before IS NOT NULL) AND "
            + differs_from_quotient("gross_sales_wow_pct", "(gross_sales - week_before)", "week_before"),
            _WITH_MONTH_BEFORE,
            "sales_month",
            week_before=_WEEK_BEFORE,
        ),
    ),
    Invariant(
        "totals",
        "sales",
        f"Per channel and day, order_count and all sums of sale lines equal those of silver: {', '.join(OF_SALES)}.",
        ("channel", "date_sk", "order_count", *OF_SALES),
        query=balance(
            (
                side(_TABLE, _STORED_DAY | same(("order_count", *OF_SALES))),
                side(ORDERS_BY_DAY, _DAY | less(("order_count", *OF_SALES))),
            ),
            ("channel", "date_sk"),
            ("order_count", *OF_SALES),
            part=_MONTH,
        ),
    ),
    Invariant(
        "totals",
        "returns",
        f"Per channel and day, all sums of return lines equal those of silver: {', '.join(OF_RETURNS)}.",
        ("channel", "date_sk", *OF_RETURNS),
        query=balance(
            (side(_TABLE, _STORED_DAY | same(OF_RETURNS)), side(RETURNS_BY_DAY, _DAY | less(OF_RETURNS))),
            ("channel", "date_sk"),
            OF_RETURNS,
            part=_MONTH,
        ),
    ),
)
