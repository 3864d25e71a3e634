"""Gold `daily_sales_summary` recomputed from the raw source tables: the oracle that the lake's table is compared with.

What belongs here: SQL and arithmetic written from the table's specification, with nothing of the project's own
computation. Sums and windows are DuckDB's, the calendar is the real one rather than date_dim, and quotients are
Python's exact decimals.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import duckdb

_LINES = """
WITH sold AS (
    SELECT 'store' AS channel, ss_ticket_number AS order_no, ss_sold_date_sk AS own_sk,
        coalesce(ss_sold_date_sk, max(ss_sold_date_sk) OVER (PARTITION BY ss_ticket_number)) AS sk,
        coalesce(ss_customer_sk, max(ss_customer_sk) OVER (PARTITION BY ss_ticket_number)) AS customer,
        ss_quantity AS quantity, ss_ext_list_price AS list_price, ss_ext_sales_price AS sales_price,
        ss_coupon_amt AS coupon, ss_net_paid AS paid, ss_ext_tax AS tax, ss_ext_wholesale_cost AS cost,
        ss_net_profit AS profit
    FROM store_sales
    UNION ALL
    SELECT 'catalog', cs_order_number, cs_sold_date_sk,
        coalesce(cs_sold_date_sk, max(cs_sold_date_sk) OVER (PARTITION BY cs_order_number)),
        coalesce(cs_bill_customer_sk, max(cs_bill_customer_sk) OVER (PARTITION BY cs_order_number)),
        cs_quantity, cs_ext_list_price, cs_ext_sales_price, cs_coupon_amt, cs_net_paid, cs_ext_tax,
        cs_ext_wholesale_cost, cs_net_profit
    FROM catalog_sales
    UNION ALL
    SELECT 'web', ws_order_number, ws_sold_date_sk,
        coalesce(ws_sold_date_sk, max(ws_sold_date_sk) OVER (PARTITION BY ws_order_number)),
        coalesce(ws_bill_customer_sk, max(ws_bill_customer_sk) OVER (PARTITION BY ws_order_number)),
        ws_quantity, ws_ext_list_price, ws_ext_sales_price, ws_coupon_amt, ws_net_paid, ws_ext_tax,
        ws_ext_wholesale_cost, ws_net_profit
    FROM web_sales
),
brought_back AS (
    SELECT 'store' AS channel, sr_returned_date_sk AS sk, sr_return_quantity AS quantity, sr_return_amt AS amount,
        sr_net_loss AS loss
    FROM store_returns
    UNION ALL
    SELECT 'catalog', cr_returned_date_sk, cr_return_quantity, cr_return_amount, cr_net_loss FROM catalog_returns
    UNION ALL
    SELECT 'web', wr_returned_date_sk, wr_return_quantity, wr_return_amt, wr_net_loss FROM web_returns
)
"""

_DAYS = """,
sold_days AS (
    SELECT channel, coalesce(sk, -1) AS date_sk, count(DISTINCT order_no) AS order_count, count(*) AS line_count,
        coalesce(sum(quantity), 0) AS units_sold, coalesce(sum(list_price), 0) AS list_amt,
        coalesce(sum(sales_price), 0) AS gross_sales, coalesce(sum(coupon), 0) AS coupon_amt,
        coalesce(sum(paid), 0) AS net_paid, coalesce(sum(tax), 0) AS tax_amt,
        coalesce(sum(cost), 0) AS wholesale_cost, coalesce(sum(profit), 0) AS net_profit,
        count(DISTINCT customer) AS unique_customers, count(*) - count(sales_price) AS null_amount_lines,
        count(*) FILTER (own_sk IS NULL AND sk IS NOT NULL) AS imputed_date_lines
    FROM sold GROUP BY ALL
),
return_days AS (
    SELECT channel, coalesce(sk, -1) AS date_sk, count(*) AS return_line_count,
        coalesce(sum(quantity), 0) AS units_returned, coalesce(sum(amount), 0) AS returns_amt,
        coalesce(sum(loss), 0) AS return_net_loss
    FROM brought_back GROUP BY ALL
),
keys AS (SELECT channel, date_sk FROM sold_days UNION SELECT channel, date_sk FROM return_days),
ranges AS (SELECT channel, min(sk) AS first_sk, max(sk) AS last_sk FROM sold GROUP BY channel),
weeks AS (
    SELECT keys.channel, keys.date_sk, coalesce(sum(near.gross_sales), 0) AS gross_7_days
    FROM keys LEFT JOIN sold_days AS near
        ON near.channel = keys.channel AND near.date_sk > keys.date_sk - 7 AND near.date_sk <= keys.date_sk
    GROUP BY ALL
),
calendar AS (
    SELECT date_sk, DATE '1970-01-01' + (date_sk - 2440588)::INTEGER AS day FROM keys WHERE date_sk > 0 GROUP BY ALL
)
"""

_ROWS = """
SELECT keys.channel, keys.date_sk,
    calendar.day AS sale_date, year(day) AS year, quarter(day) AS quarter, month(day) AS month,
    dayname(day) AS day_name, isodow(day) IN (6, 7) AS is_weekend,
    CASE WHEN day IS NOT NULL THEN EXISTS
        (FROM date_dim WHERE d_date = calendar.day AND d_holiday = 'Y') END AS is_holiday,
    coalesce(order_count, 0) AS order_count, coalesce(line_count, 0) AS line_count,
    coalesce(units_sold, 0) AS units_sold, coalesce(list_amt, 0) AS list_amt,
    coalesce(gross_sales, 0) AS gross_sales, coalesce(coupon_amt, 0) AS coupon_amt,
    coalesce(net_paid, 0) AS net_paid, coalesce(tax_amt, 0) AS tax_amt,
    coalesce(wholesale_cost, 0) AS wholesale_cost, coalesce(net_profit, 0) AS net_profit,
    coalesce(unique_customers, 0) AS unique_customers, coalesce(null_amount_lines, 0) AS null_amount_lines,
    coalesce(imputed_date_lines, 0) AS imputed_date_lines,
    coalesce(return_line_count, 0) AS return_line_count, coalesce(units_returned, 0) AS units_returned,
    coalesce(returns_amt, 0) AS returns_amt, coalesce(return_net_loss, 0) AS return_net_loss,
    coalesce(gross_sales, 0) - coalesce(returns_amt, 0) AS net_sales,
    coalesce(strftime(day, '%Y-%m'), 'undated') AS sales_month,
    CASE WHEN keys.date_sk >= first_sk + 6 AND keys.date_sk <= last_sk THEN gross_7_days END AS gross_of_week,
    (SELECT before.gross_sales FROM sold_days AS before
        WHERE before.channel = keys.channel AND before.date_sk = keys.date_sk - 7) AS gross_week_before
FROM keys
    LEFT JOIN sold_days USING (channel, date_sk)
    LEFT JOIN return_days USING (channel, date_sk)
    LEFT JOIN weeks USING (channel, date_sk)
    LEFT JOIN ranges USING (channel)
    LEFT JOIN calendar USING (date_sk)
ORDER BY keys.channel, keys.date_sk
"""

_MILLIONTH = Decimal("0.000001")


def reference_rows(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """All rows of `daily_sales_summary`, undated included, in order of (channel, date_sk).

    Reads `{store,catalog,web}_{sales,returns}` and `date_dim` by their unqualified names from `connection`. Keys of a
    row: the columns of the table without `load_timestamp`, and `sales_month`. Money and ratios are `Decimal`.
    """
    result = connection.execute(_LINES + _DAYS + _ROWS)
    names = [column[0] for column in result.description or ()]
    return [_with_ratios(dict(zip(names, values, strict=True))) for values in result.fetchall()]


def _with_ratios(row: dict[str, Any]) -> dict[str, Any]:
    week, week_before = row.pop("gross_of_week"), row.pop("gross_week_before")
    growth = None if week_before is None else row["gross_sales"] - week_before
    return row | {
        "avg_order_value": _quotient(row["gross_sales"], row["order_count"]),
        "units_per_order": _quotient(row["units_sold"], row["order_count"]),
        "avg_unit_price": _quotient(row["gross_sales"], row["units_sold"]),
        "return_to_sales_ratio": _quotient(row["returns_amt"], row["gross_sales"]),
        "gross_sales_ma7": _quotient(week, 7),
        "gross_sales_wow_pct": _quotient(growth, week_before),
    }


def _quotient(numerator: Decimal | int | None, denominator: Decimal | int | None) -> Decimal | None:
    """Exact to 60 digits, then rounded half away from zero to the sixth decimal."""
    if numerator is None or not denominator:
        return None
    with localcontext(prec=60):
        return (Decimal(numerator) / Decimal(denominator)).quantize(_MILLIONTH, ROUND_HALF_UP)
