"""What must hold of gold `customer_lifetime_value`."""

from __future__ import annotations

from lake_assets.contract.invariants._sql import (
    SALES_BY_CUSTOMER,
    UNDONE_SALES,
    balance,
    day,
    differs,
    fraction,
    less,
    quotient,
    recomputed,
    same,
    side,
    year_of,
)
from lake_assets.contract.model import CHANNELS, Invariant

_TABLE = "gold.customer_lifetime_value"
_PART = "cohort_year"
_NULL_YEAR = "CAST(NULL AS STRING)"

_SEGMENT = (
    "CASE WHEN order_count = 0 THEN 'No Purchase' "
    "WHEN recency_score >= 4 AND frequency_score >= 4 AND monetary_score >= 4 THEN 'Champions' "
    "WHEN recency_score >= 3 AND frequency_score >= 4 THEN 'Loyal' "
    "WHEN recency_score >= 4 AND frequency_score BETWEEN 2 AND 3 THEN 'Potential Loyalist' "
    "WHEN recency_score >= 4 AND frequency_score = 1 THEN 'New' "
    "WHEN recency_score = 3 THEN 'Needs Attention' "
    "WHEN recency_score <= 2 AND frequency_score >= 4 AND monetary_score >= 4 THEN 'Cannot Lose' "
    "WHEN recency_score <= 2 AND frequency_score >= 3 THEN 'At Risk' "
    "ELSE 'Hibernating' END"
)
_PREFERRED = (
    "CASE preferred_channel WHEN 'store' THEN store_order_count > 0 WHEN 'catalog' THEN catalog_order_count > 0 "
    "WHEN 'web' THEN web_order_count > 0 ELSE preferred_channel IS NULL AND order_count = 0 END"
)


_OF_SALES = {
    "line_count": "-line_count",
    "units_bought": "-units_sold",
    **{
        f"{channel}_gross_sales": f"-CASE WHEN channel = '{channel}' THEN gross_sales ELSE 0 END"
        for channel in CHANNELS
    },
    "coupon_amt": "-coupon_amt",
    "net_paid": "-net_paid",
}
_OF_RETURNS = ("return_line_count", "returns_amt", "net_profit_after_returns")

_NO_DAYS = dict.fromkeys(("first_sk", "last_sk"), "CAST(NULL AS BIGINT)")
_KEY = {"customer_sk": "customer_sk", "cohort": _PART, "known": "0"} | _NO_DAYS
_OF_CUSTOMER = {"customer_sk": "c_customer_sk", "cohort": _NULL_YEAR, "known": "1"} | _NO_DAYS
_OF_SALES_OF = {"customer_sk": "customer_sk", "cohort": _NULL_YEAR, "known": "0"} | same(_NO_DAYS)
_OF_RETURN = _OF_SALES_OF | {"first_sk": "date_sk", "last_sk": "date_sk"}
_COHORT = f"COALESCE(MAX(cohort), {year_of(day('MIN(first_sk)'))})"
"""Partition of a customer: that of the row, or where there is none that of the first sale."""
_NO_DATES = {"first_purchase_date": "CAST(NULL AS DATE)", "last_purchase_date": "CAST(NULL AS DATE)"}
_NO_SALES = dict.fromkeys(("order_count", *_OF_SALES), "0")


def _score(column: str, ranked: str, *, more_is_better: bool = True) -> tuple[Invariant, Invariant]:
    """What a score is, and that within a cohort it keeps to the order of what it ranks."""
    order = "score" if more_is_better else "score DESC"
    extremes = (
        f"SELECT {_PART} AS part, {column} AS score, MIN({ranked}) AS low, MAX({ranked}) AS high FROM {_TABLE} "
        f"WHERE {column} IS NOT NULL GROUP BY {_PART}, {column}"
    )
    neighbours = (
        f"SELECT part, low, LAG(high) OVER (PARTITION BY part ORDER BY {order}) AS below FROM ({extremes}) AS scores"
    )
    better = "higher" if more_is_better else "lower"
    return (
        Invariant(
            "range",
            column,
            f"{column} is between 1 and 5, and missing where there is no {ranked} of an order.",
            (column, "order_count", ranked),
            condition=f"CASE WHEN order_count > 0 AND {ranked} IS NOT NULL THEN NOT COALESCE({column}, 0) BETWEEN 1 AND 5 "
            f"ELSE {column} IS NOT NULL END",
        ),
        Invariant(
            "ranking",
            column,
            f"Of two customers of a cohort the one with the higher {column} has the {better} {ranked}.",
            (column, ranked),
            query=f"SELECT part, 1 AS n FROM ({neighbours}) AS neighbours WHERE low <= below",
        ),
    )


INVARIANTS = (
    Invariant(
        "partition",
        "",
        "A row lies in the partition of the year of its first_purchase_date, one without it in undated.",
        ("first_purchase_date",),
        condition=differs(_PART, year_of("first_purchase_date")),
    ),
    recomputed("order_count", "store_order_count + catalog_order_count + web_order_count"),
    recomputed(
        "channel_count",
        "CAST(store_order_count > 0 AS INT) + CAST(catalog_order_count > 0 AS INT) + CAST(web_order_count > 0 AS INT)",
        "channel_count is the number of store_order_count, catalog_order_count and web_order_count that are not 0.",
    ),
    Invariant(
        "recomputed",
        "tenure_days",
        "tenure_days = as_of_date - first_purchase_date, in days.",
        ("as_of_date", "first_purchase_date", "tenure_days"),
        condition="CASE WHEN tenure_days IS NULL THEN first_purchase_date IS NOT NULL "
        f"ELSE {differs('first_purchase_date + tenure_days', 'as_of_date')} END",
    ),
    Invariant(
        "recomputed",
        "recency_days",
        "recency_days = as_of_date - last_purchase_date, in days.",
        ("as_of_date", "last_purchase_date", "recency_days"),
        condition="CASE WHEN recency_days IS NULL THEN last_purchase_date IS NOT NULL "
        f"ELSE {differs('last_purchase_date + recency_days', 'as_of_date')} END",
    ),
    Invariant(
        "range",
        "recency_days",
        "recency_days is between 0 and tenure_days.",
        ("recency_days", "tenure_days"),
        condition="COALESCE(NOT recency_days BETWEEN 0 AND tenure_days, FALSE)",
    ),
    Invariant(
        "range",
        "active_months",
        "active_months is between 0 and order_count.",
        ("active_months", "order_count"),
        condition="NOT active_months BETWEEN 0 AND order_count",
    ),
    recomputed("gross_sales", "store_gross_sales + catalog_gross_sales + web_gross_sales"),
    recomputed("net_sales", "gross_sales - returns_amt"),
    quotient("avg_order_value", "gross_sales", "order_count"),
    quotient("return_rate_lines", "return_line_count", "line_count"),
    fraction("return_rate_lines"),
    Invariant(
        "recomputed",
        "preferred_channel",
        "preferred_channel is a channel in which the customer has orders, and missing without orders.",
        ("preferred_channel", "order_count", "store_order_count", "catalog_order_count", "web_order_count"),
        condition=f"NOT {_PREFERRED}",
    ),
    recomputed("ltv_historic", "net_sales"),
    recomputed("ltv_profit", "net_profit_after_returns"),
    Invariant(
        "range",
        "expected_orders_12m",
        "expected_orders_12m is not below 0.",
        ("expected_orders_12m",),
        condition="expected_orders_12m < 0",
        action="warn",
    ),
    *_score("recency_score", "recency_days", more_is_better=False),
    *_score("frequency_score", "order_count"),
    *_score("monetary_score", "net_sales"),
    recomputed(
        "rfm_segment",
        _SEGMENT,
        "rfm_segment follows from recency_score, frequency_score and monetary_score, and is No Purchase for customers without "
        "orders.",
    ),
    Invariant(
        "recomputed",
        "value_tier",
        "value_tier names no tier for customers without orders, and one for all others.",
        ("order_count", "value_tier"),
        condition=differs("(value_tier = 'None')", "(order_count = 0)"),
    ),
    Invariant(
        "complete",
        "customer_sk",
        "Every customer of silver has one row with its customer_sk, and no other has one.",
        ("customer_sk",),
        query=balance(
            (
                side(_TABLE, _KEY | {"here": "1"}),
                side("silver.customer", _OF_CUSTOMER | {"here": "-1"}),
                side(SALES_BY_CUSTOMER, _OF_SALES_OF | {"here": "0"}),
            ),
            ("customer_sk",),
            ("here",),
            part=_COHORT,
        ),
    ),
    Invariant(
        "totals",
        "sales",
        "The days of purchase, order_count and all sums of sale lines of each customer equal those of silver: "
        f"first_purchase_date, last_purchase_date, {', '.join(_OF_SALES)}.",
        ("customer_sk", "order_count", "first_purchase_date", "last_purchase_date", *_OF_SALES),
        query=balance(
            (
                side(_TABLE, _KEY | same((*_NO_DATES, "order_count", *_OF_SALES))),
                side("silver.customer", _OF_CUSTOMER | _NO_DATES | _NO_SALES),
                side(SALES_BY_CUSTOMER, _OF_SALES_OF | _NO_DATES | less(("order_count",)) | _OF_SALES),
            ),
            ("customer_sk",),
            ("order_count", *_OF_SALES),
            part=_COHORT,
            unequal=(
                differs("MAX(first_purchase_date)", day("MIN(first_sk)")),
                differs("MAX(last_purchase_date)", day("MAX(last_sk)")),
            ),
            only="SUM(known) > 0",
        ),
    ),
    Invariant(
        "totals",
        "returns",
        "All sums over what came back of the purchases of each customer equal those of silver's returns that have their sale: "
        f"{', '.join(_OF_RETURNS)}.",
        ("customer_sk", *_OF_RETURNS),
        query=balance(
            (
                side(_TABLE, _KEY | same(_OF_RETURNS)),
                side("silver.customer", _OF_CUSTOMER | dict.fromkeys(_OF_RETURNS, "0")),
                side(
                    SALES_BY_CUSTOMER,
                    _OF_SALES_OF
                    | {"return_line_count": "0", "returns_amt": "0", "net_profit_after_returns": "-net_profit"},
                ),
                side(
                    f"{UNDONE_SALES} WHERE is_sold",
                    _OF_RETURN
                    | less(("return_line_count", "returns_amt"))
                    | {"net_profit_after_returns": "return_net_loss"},
                ),
            ),
            ("customer_sk",),
            _OF_RETURNS,
            part=_COHORT,
            only="SUM(known) > 0",
        ),
    ),
)
