"""What must hold between gold tables, and of all partitions of one together.

The tables are built in different runs, so no audit can look at this: `lake-assets verify` does.
"""

from __future__ import annotations

from lake_assets.contract.invariants._sql import (
    UNDONE_SALES,
    balance,
    day,
    differs,
    less,
    month_of,
    rows_where,
    same,
    side,
    year_of,
)
from lake_assets.contract.invariants.monthly_trends import ADDITIVE
from lake_assets.contract.model import Invariant

_DAILY, _MONTHLY = "gold.daily_sales_summary", "gold.monthly_trends"
_PRODUCTS, _CUSTOMERS = "gold.product_performance", "gold.customer_lifetime_value"

_OF_YEAR = ("line_count", "units_sold", "gross_sales", "coupon_amt", "net_paid", "wholesale_cost", "net_profit")
_ALL = {"part": "'all'"}
_DAYS_OF_SALE = f"(SELECT * FROM {_DAILY} WHERE line_count > 0 AND date_sk <> -1) AS sold"
_ENDS = "MIN(sale_date) AS first_day, MAX(sale_date) AS last_day"
_ENDS_BY_CHANNEL = f"SELECT channel AS seller, {_ENDS} FROM {_DAYS_OF_SALE} GROUP BY channel"
# All together are complete where every channel is.
_MONTHS_BESIDE_ENDS = (
    f"(SELECT * FROM {_MONTHLY} JOIN ({_ENDS_BY_CHANNEL} UNION ALL SELECT 'all', MAX(first_day), MIN(last_day) "
    f"FROM ({_ENDS_BY_CHANNEL}) AS each_channel) AS ends ON seller = channel WHERE month_start_date IS NOT NULL) AS beside"
)


def _rank(ranked: str) -> str:
    """Customers, among those with a value, whose value is less, and how many have one."""
    return (
        f"(SELECT *, RANK() OVER (ORDER BY {ranked}) - 1 AS less, COUNT(*) OVER () AS buyers FROM {_CUSTOMERS} "
        f"WHERE order_count > 0 AND {ranked} IS NOT NULL) AS ranked"
    )


def _score(column: str, ranked: str, passed: str) -> Invariant:
    """A score counts the quantiles at 20, 40, 60 and 80 % that the value passes: as many as fifths of the buyers have less."""
    return Invariant(
        "ranking",
        f"{column}_among_all",
        f"{column} is the fifth of all buyers in which the customer's {ranked} lies.",
        (column, ranked),
        query=rows_where(
            f"NOT ({passed} * buyers <= less * 5 AND less * 5 < ({passed} + 1) * buyers)", _rank(ranked), "cohort_year"
        ),
    )


_TIER = (
    "CASE WHEN less * 100 >= buyers * 95 THEN 'Platinum' WHEN less * 100 >= buyers * 80 THEN 'Gold' "
    "WHEN less * 100 >= buyers * 50 THEN 'Silver' ELSE 'Bronze' END"
)

_POPULATION = (
    f"(SELECT * FROM {_CUSTOMERS} CROSS JOIN "
    "(SELECT AVG(CAST(order_count AS DOUBLE)) AS mean, VAR_POP(CAST(order_count AS DOUBLE)) AS variance, "
    f"CAST(SUM(net_sales) AS DOUBLE) / NULLIF(SUM(order_count), 0) AS order_value FROM {_CUSTOMERS}) AS everyone CROSS JOIN "
    f"(SELECT GREATEST(MAX(date_sk) - MIN(date_sk), 1) AS days FROM {_DAYS_OF_SALE}) AS ends) AS population"
)
_SPREAD = "GREATEST(variance - mean, 0)"
_RATE = f"365 / (({_SPREAD} + mean) * days)"
_EXPECTED_ORDERS = f"{_RATE} * (mean * mean + order_count * {_SPREAD})"
_EXPECTED_VALUE = f"{_RATE} * (mean * mean * order_value + net_sales * {_SPREAD})"


def _expectation(column: str, sentence: str, formula: str) -> Invariant:
    """Floating point differs from the exact figure by a few parts in 10^12, money by more units than orders."""
    return Invariant(
        "recomputed",
        f"{column}_by_model",
        sentence,
        (column,),
        query=rows_where(f"ABS({column} - ({formula})) > 2e-6 + 1e-11 * ABS({column})", _POPULATION, "cohort_year"),
    )


ACROSS = (
    Invariant(
        "totals",
        "years",
        f"In every year products and days have the same sums: {', '.join(_OF_YEAR)}.",
        _OF_YEAR,
        query=balance(
            (
                side(_PRODUCTS, {"part": "sale_year"} | same(_OF_YEAR)),
                side(_DAILY, {"part": year_of("sale_date")} | less(_OF_YEAR)),
            ),
            ("part",),
            _OF_YEAR,
        ),
    ),
    Invariant(
        "totals",
        "months",
        f"In every channel and month, monthly_trends has the sums of the days: {', '.join(ADDITIVE)}.",
        ADDITIVE,
        query=balance(
            (
                side(
                    f"{_MONTHLY} WHERE channel <> 'all'",
                    {"part": month_of("month_start_date")} | same(("channel", *ADDITIVE)),
                ),
                side(
                    _DAILY,
                    {"part": "sales_month", "channel": "channel"} | less(ADDITIVE),
                ),
            ),
            ("part", "channel"),
            ADDITIVE,
        ),
    ),
    Invariant(
        "totals",
        "net_sales",
        "net_sales of all products is that of all days, whether returns count with their sale or on their own day: together "
        "with the returns whose sale is not in silver, which only the days count.",
        ("net_sales",),
        query=balance(
            (
                side(_PRODUCTS, _ALL | same(("net_sales",))),
                side(_DAILY, _ALL | less(("net_sales",))),
                side(f"{UNDONE_SALES} WHERE NOT is_sold", _ALL | {"net_sales": "-returns_amt"}),
            ),
            ("part",),
            ("net_sales",),
        ),
    ),
    Invariant(
        "totals",
        "new_customers",
        "The new_customers of all months together are the customers with a first_purchase_date.",
        ("new_customers", "first_purchase_date"),
        query=balance(
            (
                side(f"{_MONTHLY} WHERE channel = 'all'", _ALL | same(("new_customers",))),
                side(f"{_CUSTOMERS} WHERE first_purchase_date IS NOT NULL", _ALL | {"new_customers": "-1"}),
            ),
            ("part",),
            ("new_customers",),
        ),
    ),
    Invariant(
        "recomputed",
        "is_complete_month",
        "is_complete_month: the month lies within the channel's first and last day with sales; for all, within those of each.",
        ("is_complete_month",),
        query=rows_where(
            differs("is_complete_month", "(month_start_date >= first_day AND LAST_DAY(month_start_date) <= last_day)"),
            _MONTHS_BESIDE_ENDS,
            "year",
        ),
    ),
    Invariant(
        "recomputed",
        "as_of_date",
        "as_of_date is the last day with sales.",
        ("as_of_date",),
        query=rows_where(
            differs("as_of_date", "last_day"),
            f"(SELECT * FROM {_CUSTOMERS} CROSS JOIN (SELECT {_ENDS} FROM {_DAYS_OF_SALE}) AS ends) AS beside",
            "cohort_year",
        ),
    ),
    _expectation(
        "expected_orders_12m",
        "expected_orders_12m is what the Gamma-Poisson model of all customers expects of the customer.",
        _EXPECTED_ORDERS,
    ),
    _expectation(
        "ltv_12m", "ltv_12m is what the Gamma-Poisson model of all customers expects of the customer.", _EXPECTED_VALUE
    ),
    _score("recency_score", "recency_days", "(5 - recency_score)"),
    _score("frequency_score", "order_count", "(frequency_score - 1)"),
    _score("monetary_score", "net_sales", "(monetary_score - 1)"),
    Invariant(
        "ranking",
        "value_tier_among_all",
        "value_tier follows from the share of all buyers with lower net_sales: Platinum from 95 percent on, Gold from 80, "
        "Silver from 50, else Bronze.",
        ("value_tier", "net_sales"),
        query=rows_where(differs("value_tier", _TIER), _rank("net_sales"), "cohort_year"),
    ),
    Invariant(
        "complete",
        "sales_of_returns",
        "Every return of silver has its sale in silver; the returns_amt of one that has none counts on its day and in its "
        "month, but for no product and no customer.",
        ("returns_amt",),
        query=side(f"{UNDONE_SALES} WHERE NOT is_sold", {"part": month_of(day("returned_date_sk")), "n": "1"}),
        action="warn",
    ),
)
