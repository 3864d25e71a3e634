"""What the oracles of the gold tables share: the sale and return lines of the three channels, and exact quotients.

What belongs here: SQL and arithmetic written from the specification of gold, with nothing of the project's own
computation. Dates are computed from their numbers rather than looked up in date_dim, and quotients are Python's exact
decimals.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import duckdb

# `sold` and `brought_back`: a row per line, `sk` and `day` its date, on a sale the one that its order's lines agree on.
LINES = """
WITH sold_lines AS (
    SELECT 'store' AS channel, ss_ticket_number AS order_no, ss_item_sk AS item, ss_sold_date_sk AS own_sk,
        coalesce(ss_sold_date_sk, max(ss_sold_date_sk) OVER (PARTITION BY ss_ticket_number)) AS sk,
        coalesce(ss_customer_sk, max(ss_customer_sk) OVER (PARTITION BY ss_ticket_number)) AS customer,
        ss_quantity AS quantity, ss_ext_list_price AS list_price, ss_ext_sales_price AS sales_price,
        ss_coupon_amt AS coupon, ss_net_paid AS paid, ss_ext_tax AS tax, ss_ext_wholesale_cost AS cost,
        ss_net_profit AS profit
    FROM store_sales
    UNION ALL
    SELECT 'catalog', cs_order_number, cs_item_sk, cs_sold_date_sk,
        coalesce(cs_sold_date_sk, max(cs_sold_date_sk) OVER (PARTITION BY cs_order_number)),
        coalesce(cs_bill_customer_sk, max(cs_bill_customer_sk) OVER (PARTITION BY cs_order_number)),
        cs_quantity, cs_ext_list_price, cs_ext_sales_price, cs_coupon_amt, cs_net_paid, cs_ext_tax,
        cs_ext_wholesale_cost, cs_net_profit
    FROM catalog_sales
    UNION ALL
    SELECT 'web', ws_order_number, ws_item_sk, ws_sold_date_sk,
        coalesce(ws_sold_date_sk, max(ws_sold_date_sk) OVER (PARTITION BY ws_order_number)),
        coalesce(ws_bill_customer_sk, max(ws_bill_customer_sk) OVER (PARTITION BY ws_order_number)),
        ws_quantity, ws_ext_list_price, ws_ext_sales_price, ws_coupon_amt, ws_net_paid, ws_ext_tax,
        ws_ext_wholesale_cost, ws_net_profit
    FROM web_sales
),
return_lines AS (
    SELECT 'store' AS channel, sr_ticket_number AS order_no, sr_item_sk AS item, sr_returned_date_sk AS sk,
        sr_return_quantity AS quantity, sr_return_amt AS amount, sr_net_loss AS loss
    FROM store_returns
    UNION ALL
    SELECT 'catalog', cr_order_number, cr_item_sk, cr_returned_date_sk, cr_return_quantity, cr_return_amount,
        cr_net_loss
    FROM catalog_returns
    UNION ALL
    SELECT 'web', wr_order_number, wr_item_sk, wr_returned_date_sk, wr_return_quantity, wr_return_amt, wr_net_loss
    FROM web_returns
),
sold AS (SELECT *, DATE '1970-01-01' + (sk - 2440588)::INTEGER AS day FROM sold_lines),
brought_back AS (SELECT *, DATE '1970-01-01' + (sk - 2440588)::INTEGER AS day FROM return_lines)
"""

# `sold_and_back`: the sale lines, each with what came back of it, whenever and by whomever (the cohort clock).
COHORT_LINES = (
    LINES
    + """,
back_of_line AS (
    SELECT channel, item, order_no, count(*) AS back_lines, sum(quantity) AS back_quantity, sum(amount) AS back_amount,
        sum(loss) AS back_loss
    FROM brought_back GROUP BY ALL
),
sold_and_back AS (
    SELECT sold.*, coalesce(back_lines, 0) AS back_lines, back_quantity, back_amount, back_loss
    FROM sold LEFT JOIN back_of_line USING (channel, item, order_no)
)
"""
)

_MILLIONTH = Decimal("0.000001")


def fetch_rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """All rows of `query`, each as column name to value."""
    result = connection.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, values, strict=True)) for values in result.fetchall()]


def quotient(numerator: Decimal | int | None, denominator: Decimal | int | None) -> Decimal | None:
    """Exact to 60 digits, then rounded half away from zero to the sixth decimal; None if undefined."""
    if numerator is None or not denominator:
        return None
    with localcontext(prec=60):
        return (Decimal(numerator) / Decimal(denominator)).quantize(_MILLIONTH, ROUND_HALF_UP)


def growth(value: Decimal, before: Decimal | None) -> Decimal | None:
    """`value` - `before` as a fraction of `before`; None if there is none or it is 0."""
    return None if before is None else quotient(value - before, before)
