"""Gold `customer_lifetime_value` recomputed from the raw source tables: the oracle that the lake's table is compared with.

What belongs here: SQL and arithmetic written from the table's specification, with nothing of the project's own
computation. Sums are DuckDB's; moments, expectations and cut points are exact fractions and integers in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import duckdb

from lake_assets_tests.support.gold_reference import COHORT_LINES, fetch_rows, quotient

_CUSTOMERS = """,
by_channel AS (
    SELECT customer, channel, count(DISTINCT order_no) AS orders, count(*) AS lines, sum(quantity) AS units,
        min(day) AS first_day, max(day) AS last_day, coalesce(sum(sales_price), 0) AS gross, sum(coupon) AS coupons,
        sum(paid) AS paid, sum(profit) AS profit, sum(back_lines) AS back_lines,
        coalesce(sum(back_amount), 0) AS returned, sum(back_loss) AS loss
    FROM sold_and_back WHERE customer IS NOT NULL GROUP BY ALL
),
bought AS (
    SELECT customer, sum(orders)::BIGINT AS order_count,
        coalesce(sum(orders) FILTER (channel = 'store'), 0)::BIGINT AS store_order_count,
        coalesce(sum(orders) FILTER (channel = 'catalog'), 0)::BIGINT AS catalog_order_count,
        coalesce(sum(orders) FILTER (channel = 'web'), 0)::BIGINT AS web_order_count,
        sum(lines)::BIGINT AS line_count, sum(units)::BIGINT AS units_bought, count(*) AS channel_count,
        min(first_day) AS first_purchase_date, max(last_day) AS last_purchase_date,
        sum(gross) AS gross_sales,
        sum(gross) FILTER (channel = 'store') AS store_gross_sales,
        sum(gross) FILTER (channel = 'catalog') AS catalog_gross_sales,
        sum(gross) FILTER (channel = 'web') AS web_gross_sales,
        sum(coupons) AS coupon_amt, sum(paid) AS net_paid, sum(returned) AS returns_amt,
        sum(back_lines)::BIGINT AS return_line_count,
        coalesce(sum(profit), 0) - coalesce(sum(loss), 0) AS net_profit_after_returns
    FROM by_channel GROUP BY customer
),
preferred AS (
    SELECT customer, channel AS preferred_channel FROM by_channel
    QUALIFY row_number() OVER (
        PARTITION BY customer ORDER BY gross - returned DESC, list_position(['store', 'catalog', 'web'], channel)
    ) = 1
),
months AS (
    SELECT customer, count(DISTINCT date_trunc('month', day)) AS active_months FROM sold GROUP BY customer
),
dates AS (SELECT min(day) AS first_day, max(day) AS as_of_date FROM sold)
"""

_ROWS = """
SELECT c_customer_sk AS customer_sk, c_customer_id AS customer_id, c_first_name AS first_name,
    c_last_name AS last_name, c_email_address AS email_address, c_birth_country AS birth_country,
    c_preferred_cust_flag AS preferred_cust_flag, as_of_date,
    coalesce(order_count, 0) AS order_count, coalesce(store_order_count, 0) AS store_order_count,
    coalesce(catalog_order_count, 0) AS catalog_order_count, coalesce(web_order_count, 0) AS web_order_count,
    coalesce(line_count, 0) AS line_count, coalesce(units_bought, 0) AS units_bought,
    coalesce(channel_count, 0) AS channel_count, first_purchase_date, last_purchase_date,
    as_of_date - first_purchase_date AS tenure_days, as_of_date - last_purchase_date AS recency_days,
    coalesce(active_months, 0) AS active_months, coalesce(gross_sales, 0) AS gross_sales,
    coalesce(store_gross_sales, 0) AS store_gross_sales, coalesce(catalog_gross_sales, 0) AS catalog_gross_sales,
    coalesce(web_gross_sales, 0) AS web_gross_sales, coalesce(coupon_amt, 0) AS coupon_amt,
    coalesce(net_paid, 0) AS net_paid, coalesce(returns_amt, 0) AS returns_amt,
    coalesce(return_line_count, 0) AS return_line_count,
    coalesce(gross_sales, 0) - coalesce(returns_amt, 0) AS net_sales,
    coalesce(net_profit_after_returns, 0) AS net_profit_after_returns, preferred_channel,
    coalesce(gross_sales, 0) - coalesce(returns_amt, 0) AS ltv_historic,
    coalesce(net_profit_after_returns, 0) AS ltv_profit,
    coalesce(year(first_purchase_date)::VARCHAR, 'undated') AS cohort_year,
    as_of_date - first_day AS days_of_data
FROM customer
    LEFT JOIN bought ON bought.customer = c_customer_sk
    LEFT JOIN preferred ON preferred.customer = c_customer_sk
    LEFT JOIN months ON months.customer = c_customer_sk
    CROSS JOIN dates
ORDER BY c_customer_sk
"""


class _Model(NamedTuple):
    """The Gamma-Poisson model of orders per customer: mean r / alpha orders a day, seen for `days`.

    `r` is None where orders vary no more than a Poisson count does: then all customers have the same rate.
    """

    r: Fraction | None
    days: int
    mean_orders: Fraction
    mean_order_value: Fraction

    def expected(self, orders: int, net_sales: Decimal) -> tuple[Fraction, Fraction]:
        """Orders, and money, expected of a customer in the next 365 days."""
        if self.r is None:
            expected_orders = 365 * self.mean_orders / self.days
            return expected_orders, expected_orders * self.mean_order_value
        alpha = self.r * self.days / self.mean_orders
        expected_orders = 365 * (self.r + orders) / (alpha + self.days)
        order_value = (self.r * self.mean_order_value + Fraction(net_sales)) / (self.r + orders)
        return expected_orders, expected_orders * order_value


class _CutPoints(NamedTuple):
    """Values that a share of the buyers does not exceed."""

    recency: list[Any]
    frequency: list[Any]
    monetary: list[Any]
    tiers: list[Any]


def reference_rows(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """All rows of `customer_lifetime_value`, undated included, in order of customer_sk.

    Reads `{store,catalog,web}_{sales,returns}` and `customer` by their unqualified names from `connection`. Keys of a
    row: the columns of the table without `load_timestamp`, and `cohort_year`. Money and ratios are `Decimal`.
    """
    rows = fetch_rows(connection, COHORT_LINES + _CUSTOMERS + _ROWS)
    model, cut_points = _model(rows), _cut_points(rows)
    return [_with_ratios(row) | _with_value(row, model) | _with_segments(row, cut_points) for row in rows]


def _with_ratios(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "days_of_data"} | {
        "avg_order_value": quotient(row["gross_sales"], row["order_count"]),
        "return_rate_lines": quotient(row["return_line_count"], row["line_count"]),
    }


def _model(rows: Sequence[dict[str, Any]]) -> _Model:
    """By moments over all customers, also those without orders: r = m^2 / (v - m), v the population variance."""
    orders = [row["order_count"] for row in rows]
    mean = Fraction(sum(orders), len(orders))
    variance = Fraction(sum(count * count for count in orders), len(orders)) - mean**2
    net_sales = sum((row["net_sales"] for row in rows), start=Decimal(0))
    return _Model(
        r=mean**2 / (variance - mean) if variance > mean else None,
        days=rows[0]["days_of_data"],
        mean_orders=mean,
        mean_order_value=Fraction(net_sales) / sum(orders),
    )


def _with_value(row: dict[str, Any], model: _Model) -> dict[str, Any]:
    orders, money = model.expected(row["order_count"], row["net_sales"])
    return {
        "expected_orders_12m": quotient(orders.numerator, orders.denominator),
        "ltv_12m": quotient(money.numerator, money.denominator),
    }


def _cut_points(rows: Sequence[dict[str, Any]]) -> _CutPoints:
    buyers = [row for row in rows if row["order_count"]]
    fifths = (20, 40, 60, 80)
    return _CutPoints(
        recency=_percentiles([row["recency_days"] for row in buyers if row["recency_days"] is not None], fifths),
        frequency=_percentiles([row["order_count"] for row in buyers], fifths),
        monetary=_percentiles([row["net_sales"] for row in buyers], fifths),
        tiers=_percentiles([row["net_sales"] for row in buyers], (50, 80, 95)),
    )


def _percentiles(values: list[Any], percents: Sequence[int]) -> list[Any]:
    """For each percent the smallest of `values` that at least this share of them does not exceed."""
    values = sorted(values)
    return [values[-(-len(values) * percent // 100) - 1] for percent in percents]


def _with_segments(row: dict[str, Any], cut_points: _CutPoints) -> dict[str, Any]:
    if not row["order_count"]:
        scores: tuple[int | None, ...] = (None, None, None)
        segment, tier = "No Purchase", "None"
    else:
        days = row["recency_days"]
        recency = None if days is None else 5 - _exceeded(days, cut_points.recency)
        frequency = 1 + _exceeded(row["order_count"], cut_points.frequency)
        monetary = 1 + _exceeded(row["net_sales"], cut_points.monetary)
        scores = (recency, frequency, monetary)
        # Without a dated purchase there is no recency, and no rule that asks for one is met.
        segment = "Hibernating" if recency is None else _segment(recency, frequency, monetary)
        tier = ("Bronze", "Silver", "Gold", "Platinum")[_exceeded(row["net_sales"], cut_points.tiers)]
    names = ("recency_score", "frequency_score", "monetary_score")
    return {**dict(zip(names, scores, strict=True)), "rfm_segment": segment, "value_tier": tier}


def _exceeded(value: Any, cut_points: Sequence[Any]) -> int:
    return sum(value > cut_point for cut_point in cut_points)


def _segment(recency: int, frequency: int, monetary: int) -> str:
    """The first rule that matches."""
    rules = (
        ("Champions", recency >= 4 and frequency >= 4 and monetary >= 4),
        ("Loyal", recency >= 3 and frequency >= 4),
        ("Potential Loyalist", recency >= 4 and frequency in {2, 3}),
        ("New", recency >= 4 and frequency == 1),
        ("Needs Attention", recency == 3),
        ("Cannot Lose", recency <= 2 and frequency >= 4 and monetary >= 4),
        ("At Risk", recency <= 2 and frequency >= 3),
    )
    return next((name for name, matches in rules if matches), "Hibernating")
