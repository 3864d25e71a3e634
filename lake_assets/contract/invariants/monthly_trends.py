"""What must hold of gold `monthly_trends`."""

from __future__ import annotations

import re

from lake_assets.contract.invariants._sql import (
    FIRST_DAYS,
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
    year_of,
)
from lake_assets.contract.model import Invariant

_TABLE = "gold.monthly_trends"
_PART = "year"
_DATED = f"(SELECT * FROM {_TABLE} WHERE month_start_date IS NOT NULL) AS dated"
_NUMBER = "(EXTRACT(YEAR FROM month_start_date) * 12 + month)"
_COMPLETE = "CASE WHEN is_complete_month THEN 1 ELSE 0 END"

ADDITIVE = (
    "order_count",
    "line_count",
    "units_sold",
    "gross_sales",
    "coupon_amt",
    "net_paid",
    "net_profit",
    "return_line_count",
    "returns_amt",
    "net_sales",
)
"""Measures of a month that add up over months and channels."""

_OF_SALES = ("line_count", "units_sold", "gross_sales", "coupon_amt", "net_paid", "net_profit")
_OF_RETURNS = ("return_line_count", "returns_amt")
_KEY = {"part": _PART, "month": month_of("month_start_date"), "channel": "channel"}
_DAY = day("date_sk")
_OF_DAY = {"part": year_of(_DAY), "month": month_of(_DAY), "channel": "channel"}
_CHANNELS = f"(SELECT * FROM {_TABLE} WHERE channel <> 'all') AS channels"
_ALL = f"(SELECT * FROM {_TABLE} WHERE channel = 'all') AS together"


def _over(first: int, last: int) -> str:
    """The months of a channel from so many to so many before this one."""
    end = f"{last} PRECEDING" if last else "CURRENT ROW"
    return f"OVER (PARTITION BY channel ORDER BY {_NUMBER} RANGE BETWEEN {first} PRECEDING AND {end})"


def _trend(column: str, sentence: str, broken: str, **derived: str) -> Invariant:
    named = [name for name in ("gross_mom_pct_raw", "is_complete_month") if re.search(rf"\b{name}\b", broken)]
    return Invariant(
        "recomputed",
        column,
        sentence,
        tuple(dict.fromkeys(("channel", "month_start_date", "gross_sales", *named, column))),
        query=rows_where(broken, _DATED, _PART, **derived),
    )


_GROWTH = differs_from_quotient("gross_mom_pct_raw", "(gross_sales - before)", "before")
_YEAR_GROWTH = differs_from_quotient("gross_yoy_pct", "(gross_sales - ago)", "ago")

INVARIANTS = (
    Invariant(
        "partition",
        "",
        "A row lies in the partition of the year of its month_start_date, a row without it in undated.",
        ("month_start_date",),
        condition=differs(_PART, year_of("month_start_date")),
    ),
    Invariant(
        "recomputed",
        "month_start_date",
        "month_start_date is the first day of a month.",
        ("month_start_date",),
        condition="COALESCE(EXTRACT(DAY FROM month_start_date) <> 1, FALSE)",
    ),
    recomputed(
        "sales_month", month_of("month_start_date"), "sales_month is the month of month_start_date, or undated."
    ),
    recomputed("month", "EXTRACT(MONTH FROM month_start_date)", "month is that of month_start_date."),
    recomputed(
        "days_in_month",
        "EXTRACT(DAY FROM LAST_DAY(month_start_date))",
        "days_in_month are the calendar days of the month of month_start_date.",
    ),
    recomputed("net_sales", "gross_sales - returns_amt"),
    quotient("avg_order_value", "gross_sales", "order_count"),
    recomputed("returning_customers", "active_customers - new_customers"),
    Invariant(
        "range",
        "days_with_sales",
        "days_with_sales is between 0 and days_in_month.",
        ("days_with_sales", "days_in_month"),
        condition="NOT days_with_sales BETWEEN 0 AND COALESCE(days_in_month, 0)",
    ),
    Invariant(
        "range",
        "new_customers",
        "new_customers is between 0 and active_customers.",
        ("new_customers", "active_customers"),
        condition="NOT new_customers BETWEEN 0 AND active_customers",
    ),
    Invariant(
        "recomputed",
        "channel_share",
        "channel_share = gross_sales / gross_sales of the channel all in the month, and missing where that is no number.",
        ("channel", "gross_sales", "channel_share"),
        query=rows_where(
            differs_from_quotient("channel_share", "gross_sales", "of_all"),
            _TABLE,
            _PART,
            of_all="MAX(CASE WHEN channel = 'all' THEN gross_sales END) OVER (PARTITION BY year, month_start_date)",
        ),
    ),
    _trend(
        "gross_mom_pct_raw",
        "gross_mom_pct_raw is the growth of gross_sales over the month before, and missing in the first month and where the "
        "month before sold 0.",
        f"(months = 1 OR month > 1) AND {_GROWTH}",
        before=f"SUM(gross_sales) {_over(1, 1)}",
        months=f"COUNT(*) {_over(1, 1)}",
    ),
    _trend(
        "gross_mom_pct",
        "gross_mom_pct is the growth of gross_sales over the month before where both months are complete, and missing "
        "elsewhere.",
        f"(months = 1 OR month > 1) AND "
        f"{differs('gross_mom_pct', 'CASE WHEN is_complete_month AND complete = 1 THEN gross_mom_pct_raw END')}",
        complete=f"SUM({_COMPLETE}) {_over(1, 1)}",
        months=f"COUNT(*) {_over(1, 1)}",
    ),
    _trend(
        "gross_yoy_pct",
        "gross_yoy_pct is the growth of gross_sales over 12 months before where both months are complete, and missing "
        "elsewhere.",
        f"months = 1 AND CASE WHEN is_complete_month AND complete = 1 THEN {_YEAR_GROWTH} "
        "ELSE gross_yoy_pct IS NOT NULL END",
        ago=f"SUM(gross_sales) {_over(12, 12)}",
        complete=f"SUM({_COMPLETE}) {_over(12, 12)}",
        months=f"COUNT(*) {_over(12, 12)}",
    ),
    _trend(
        "gross_ma3",
        "gross_ma3 = gross_sales of the three months ending here / 3, and missing in the first two months.",
        "(months = 3 OR month >= 3) AND "
        + differs_from_quotient("gross_ma3", "CASE WHEN months = 3 THEN of_months END", "3"),
        of_months=f"SUM(gross_sales) {_over(2, 0)}",
        months=f"COUNT(*) {_over(2, 0)}",
    ),
    Invariant(
        "recomputed",
        "gross_ytd",
        "gross_ytd is the sum of gross_sales from January of the year to the month, and missing without a month.",
        ("channel", "month_start_date", "gross_sales", "gross_ytd"),
        query=rows_where(
            differs("gross_ytd", "CASE WHEN month_start_date IS NOT NULL THEN to_date END"),
            _TABLE,
            _PART,
            to_date="SUM(gross_sales) OVER (PARTITION BY channel, year ORDER BY month_start_date "
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
        ),
    ),
    _trend(
        "seasonal_index",
        "seasonal_index = gross_sales / mean gross_sales of the complete months of the year, and missing without such a month.",
        differs_from_quotient("seasonal_index", "(gross_sales * months)", "of_months"),
        of_months="SUM(CASE WHEN is_complete_month THEN gross_sales END) OVER (PARTITION BY channel, year)",
        months=f"SUM({_COMPLETE}) OVER (PARTITION BY channel, year)",
    ),
    Invariant(
        "complete",
        "month",
        "Between the first and the last month_start_date of a channel no month is left out.",
        ("channel", "month_start_date"),
        query=rows_where(
            "number - before > 1 AND number - before < month + 12",
            _DATED,
            _PART,
            number=_NUMBER,
            before=f"LAG({_NUMBER}) OVER (PARTITION BY channel ORDER BY {_NUMBER})",
        ),
    ),
    Invariant(
        "totals",
        "all",
        f"In every month the figures of the channel all are the sums of the three channels': {', '.join(ADDITIVE)}.",
        ("channel", *ADDITIVE),
        query=balance(
            (
                side(_ALL, _KEY | same(ADDITIVE)),
                side(_CHANNELS, _KEY | less(ADDITIVE)),
            ),
            ("part", "month"),
            ADDITIVE,
        ),
    ),
    Invariant(
        "totals",
        "sales",
        "Per channel and month, days_with_sales, order_count and all sums of sale lines equal those of silver: "
        f"{', '.join(_OF_SALES)}.",
        ("channel", "month_start_date", "days_with_sales", "order_count", *_OF_SALES),
        query=balance(
            (
                side(_CHANNELS, _KEY | same(("days_with_sales", "order_count", *_OF_SALES))),
                side(
                    ORDERS_BY_DAY,
                    _OF_DAY
                    | {"days_with_sales": "CASE WHEN date_sk IS NULL THEN 0 ELSE -1 END"}
                    | less(("order_count", *_OF_SALES)),
                ),
            ),
            ("part", "month", "channel"),
            ("days_with_sales", "order_count", *_OF_SALES),
        ),
    ),
    Invariant(
        "totals",
        "returns",
        f"Per channel and month, all sums of return lines equal those of silver: {', '.join(_OF_RETURNS)}.",
        ("channel", "month_start_date", *_OF_RETURNS),
        query=balance(
            (side(_CHANNELS, _KEY | same(_OF_RETURNS)), side(RETURNS_BY_DAY, _OF_DAY | less(_OF_RETURNS))),
            ("part", "month", "channel"),
            _OF_RETURNS,
        ),
    ),
    Invariant(
        "totals",
        "new_customers",
        "In every month new_customers of the channel all are the customers of silver whose first dated purchase lies in it.",
        ("channel", "month_start_date", "new_customers"),
        query=balance(
            (
                side(
                    f"{_ALL} WHERE month_start_date IS NOT NULL",
                    {"part": _PART, "month": month_of("month_start_date"), "new_customers": "new_customers"},
                ),
                side(
                    f"{FIRST_DAYS} WHERE date_sk IS NOT NULL",
                    {"part": year_of(_DAY), "month": month_of(_DAY), "new_customers": "-1"},
                ),
            ),
            ("part", "month"),
            ("new_customers",),
        ),
    ),
)
