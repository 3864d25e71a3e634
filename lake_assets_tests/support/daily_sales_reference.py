"""Gold `daily_sales_summary` recomputed from the raw source tables: the oracle that the lake's table is compared with.

What belongs here: SQL and arithmetic written from the table's specification, with nothing of the project's own
computation. Sums and windows are DuckDB's, the calendar is the real one rather than date_dim, and quotients are
Python's exact decimals.
"""

from __future__ import annotations

from typing import Any

import duckdb

from lake_assets_tests.support.gold_reference import LINES, fetch_rows, growth, quotient

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


def reference_rows(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """All rows of `daily_sales_summary`, undated included, in order of (channel, date_sk).

    Reads `{store,catalog,web}_{sales,returns}` and `date_dim` by their unqualified names from `connection`. Keys of a
    row: the columns of the table without `load_timestamp`, and `sales_month`. Money and ratios are `Decimal`.
    """
    return [_with_ratios(row) for row in fetch_rows(connection, LINES + _DAYS + _ROWS)]


def _with_ratios(row: dict[str, Any]) -> dict[str, Any]:
    week, week_before = row.pop("gross_of_week"), row.pop("gross_week_before")
    return row | {
        "avg_order_value": quotient(row["gross_sales"], row["order_count"]),
        "units_per_order": quotient(row["units_sold"], row["order_count"]),
        "avg_unit_price": quotient(row["gross_sales"], row["units_sold"]),
        "return_to_sales_ratio": quotient(row["returns_amt"], row["gross_sales"]),
        "gross_sales_ma7": quotient(week, 7),
        "gross_sales_wow_pct": growth(row["gross_sales"], week_before),
    }
