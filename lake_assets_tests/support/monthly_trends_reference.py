"""Gold `monthly_trends` recomputed from the raw source tables: the oracle that the lake's table is compared with.

What belongs here: SQL and arithmetic written from the table's specification, with nothing of the project's own
computation. The rows of `all` are counted from the lines of the three channels, not added up from their rows; the
calendar is the real one rather than date_dim, and quotients are Python's exact decimals.
"""

from __future__ import annotations

from typing import Any

import duckdb

from lake_assets_tests.support.gold_reference import LINES, fetch_rows, growth, quotient

# Grouping sets without a channel are the rows of `all`. `start` is the first day of a month, NULL for what has no date.
_MONTHS = """,
first_months AS (
    SELECT customer, min(date_trunc('month', day)) AS first_start
    FROM sold WHERE customer IS NOT NULL AND day IS NOT NULL GROUP BY customer
),
sales AS (SELECT *, date_trunc('month', day)::DATE AS start FROM sold LEFT JOIN first_months USING (customer)),
returns AS (SELECT *, date_trunc('month', day)::DATE AS start FROM brought_back),
sold_months AS (
    SELECT coalesce(channel, 'all') AS channel, start, count(DISTINCT sk) AS days_with_sales,
        count(DISTINCT (channel, order_no)) AS order_count, count(*) AS line_count,
        coalesce(sum(quantity), 0) AS units_sold, coalesce(sum(sales_price), 0) AS gross_sales,
        coalesce(sum(coupon), 0) AS coupon_amt, coalesce(sum(paid), 0) AS net_paid,
        coalesce(sum(profit), 0) AS net_profit, count(DISTINCT customer) AS active_customers,
        count(DISTINCT customer) FILTER (start = first_start) AS new_customers
    FROM sales GROUP BY GROUPING SETS ((sales.channel, start), (start))
),
return_months AS (
    SELECT coalesce(channel, 'all') AS channel, start, count(*) AS return_line_count,
        coalesce(sum(amount), 0) AS returns_amt
    FROM returns GROUP BY GROUPING SETS ((returns.channel, start), (start))
),
by_channel AS (SELECT channel, min(day) AS first_day, max(day) AS last_day FROM sales GROUP BY channel),
ranges AS (FROM by_channel UNION ALL SELECT 'all', max(first_day), min(last_day) FROM by_channel),
activity AS (
    SELECT channel, min(start) AS first_start, max(start) AS last_start
    FROM (SELECT channel, start FROM sold_months UNION ALL SELECT channel, start FROM return_months)
    WHERE start IS NOT NULL GROUP BY channel
),
calendar AS (
    SELECT channel, unnest(generate_series(first_start, last_start, INTERVAL 1 MONTH))::DATE AS start FROM activity
    UNION ALL
    SELECT unnest(['store', 'catalog', 'web', 'all']), NULL
),
months AS (
    SELECT calendar.channel, calendar.start AS month_start_date, year(calendar.start) AS year_no,
        month(calendar.start) AS month, day(last_day(calendar.start)) AS days_in_month,
        coalesce(days_with_sales, 0) AS days_with_sales,
        CASE WHEN calendar.start IS NOT NULL
            THEN coalesce(calendar.start >= ranges.first_day AND last_day(calendar.start) <= ranges.last_day, FALSE)
        END AS is_complete_month,
        coalesce(order_count, 0) AS order_count, coalesce(line_count, 0) AS line_count,
        coalesce(units_sold, 0) AS units_sold, coalesce(gross_sales, 0) AS gross_sales,
        coalesce(coupon_amt, 0) AS coupon_amt, coalesce(net_paid, 0) AS net_paid,
        coalesce(net_profit, 0) AS net_profit, coalesce(return_line_count, 0) AS return_line_count,
        coalesce(returns_amt, 0) AS returns_amt,
        coalesce(gross_sales, 0) - coalesce(returns_amt, 0) AS net_sales,
        coalesce(active_customers, 0) AS active_customers, coalesce(new_customers, 0) AS new_customers,
        coalesce(active_customers, 0) - coalesce(new_customers, 0) AS returning_customers
    FROM calendar
        LEFT JOIN sold_months
            ON sold_months.channel = calendar.channel AND sold_months.start IS NOT DISTINCT FROM calendar.start
        LEFT JOIN return_months
            ON return_months.channel = calendar.channel AND return_months.start IS NOT DISTINCT FROM calendar.start
        LEFT JOIN ranges ON ranges.channel = calendar.channel
)
"""

_ROWS = """
SELECT months.* EXCLUDE (year_no), coalesce(year_no::VARCHAR, 'undated') AS year,
    coalesce(strftime(months.month_start_date, '%Y-%m'), 'undated') AS sales_month,
    all_channels.gross_sales AS gross_of_all,
    lag(months.gross_sales) OVER in_order AS gross_month_before,
    lag(months.is_complete_month) OVER in_order AS month_before_complete,
    lag(months.gross_sales, 12) OVER in_order AS gross_year_before,
    lag(months.is_complete_month, 12) OVER in_order AS year_before_complete,
    CASE WHEN months.month_start_date IS NOT NULL AND row_number() OVER in_order >= 3
        THEN sum(months.gross_sales) OVER (in_order ROWS 2 PRECEDING) END AS gross_of_quarter,
    CASE WHEN months.month_start_date IS NOT NULL
        THEN sum(months.gross_sales) OVER (
            PARTITION BY months.channel, year_no ORDER BY months.month_start_date ROWS UNBOUNDED PRECEDING
        ) END AS gross_ytd,
    sum(months.gross_sales) FILTER (months.is_complete_month) OVER of_year AS gross_of_complete_months,
    count(*) FILTER (months.is_complete_month) OVER of_year AS complete_months
FROM months LEFT JOIN
    (SELECT month_start_date, gross_sales FROM months WHERE channel = 'all') AS all_channels
    ON all_channels.month_start_date IS NOT DISTINCT FROM months.month_start_date
WINDOW
    in_order AS (PARTITION BY months.channel, months.month_start_date IS NULL ORDER BY months.month_start_date),
    of_year AS (PARTITION BY months.channel, year_no)
ORDER BY months.channel, months.month_start_date NULLS LAST
"""


def reference_rows(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """All rows of `monthly_trends`, in order of (channel, month_start_date), a channel's row without a date last.

    Reads `{store,catalog,web}_{sales,returns}` by their unqualified names from `connection`. Keys of a row: the
    columns of the table without `load_timestamp`, and `year`. Money and ratios are `Decimal`.
    """
    return [_with_ratios(row) for row in fetch_rows(connection, LINES + _MONTHS + _ROWS)]


def _with_ratios(row: dict[str, Any]) -> dict[str, Any]:
    of_all, month_before, month_before_complete, year_before, year_before_complete, quarter, complete, months = (
        row.pop(name)
        for name in (
            "gross_of_all",
            "gross_month_before",
            "month_before_complete",
            "gross_year_before",
            "year_before_complete",
            "gross_of_quarter",
            "gross_of_complete_months",
            "complete_months",
        )
    )
    is_complete = row["is_complete_month"]
    on_month, on_year = growth(row["gross_sales"], month_before), growth(row["gross_sales"], year_before)
    return row | {
        "avg_order_value": quotient(row["gross_sales"], row["order_count"]),
        "channel_share": quotient(row["gross_sales"], of_all),
        "gross_mom_pct": on_month if is_complete and month_before_complete else None,
        "gross_mom_pct_raw": on_month,
        "gross_yoy_pct": on_year if is_complete and year_before_complete else None,
        "gross_ma3": quotient(quarter, 3),
        "seasonal_index": quotient(row["gross_sales"] * months, complete),
    }
