"""Gold `product_performance` recomputed from the raw source tables: the oracle that the lake's table is compared with.

What belongs here: SQL and arithmetic written from the table's specification, with nothing of the project's own
computation. Sums and ranks are DuckDB's; quotients and the limits of the ABC classes are exact in Python.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import duckdb

from lake_assets_tests.support.gold_reference import COHORT_LINES, fetch_rows, growth, quotient

# `year` is NULL for what has no date: it is a group and a partition of windows like any other year.
_YEARS = """,
versions AS (
    SELECT i_item_id AS item_id, i_item_desc AS item_desc, i_brand AS brand, i_class AS class,
        i_category AS category, i_manufact AS manufacturer, i_current_price AS current_price,
        count(*) OVER (PARTITION BY i_item_id) AS version_count,
        row_number() OVER (
            PARTITION BY i_item_id
            ORDER BY (i_rec_end_date IS NULL) DESC, i_rec_start_date DESC NULLS LAST, i_item_sk DESC
        ) AS version_no
    FROM item WHERE i_item_id IS NOT NULL
),
ids AS (SELECT i_item_sk AS item, i_item_id AS item_id FROM item),
sold_years AS (
    SELECT coalesce(item_id, 'UNKNOWN') AS item_id, year(day) AS year,
        count(*) AS line_count, count(DISTINCT (channel, order_no)) AS order_count,
        coalesce(sum(quantity), 0) AS units_sold,
        coalesce(sum(sales_price), 0) AS gross_sales,
        coalesce(sum(sales_price) FILTER (channel = 'store'), 0) AS store_gross_sales,
        coalesce(sum(sales_price) FILTER (channel = 'catalog'), 0) AS catalog_gross_sales,
        coalesce(sum(sales_price) FILTER (channel = 'web'), 0) AS web_gross_sales,
        coalesce(sum(coupon), 0) AS coupon_amt, coalesce(sum(paid), 0) AS net_paid,
        coalesce(sum(cost), 0) AS wholesale_cost, coalesce(sum(profit), 0) AS net_profit,
        count(*) - count(sales_price) AS null_amount_lines,
        sum(back_lines) AS return_line_count, coalesce(sum(back_quantity), 0) AS units_returned,
        coalesce(sum(back_amount), 0) AS returns_amt, gross_sales - returns_amt AS net_sales
    FROM sold_and_back LEFT JOIN ids USING (item) GROUP BY ALL
),
stock_years AS (
    SELECT coalesce(item_id, 'UNKNOWN') AS item_id, year(DATE '1970-01-01' + (inv_date_sk - 2440588)::INTEGER) AS year,
        count(DISTINCT inv_date_sk) AS snapshot_count, coalesce(sum(inv_quantity_on_hand), 0) AS units_counted
    FROM inventory LEFT JOIN ids ON item = inv_item_sk
    WHERE inv_date_sk IS NOT NULL GROUP BY ALL
),
dates AS (SELECT min(day) AS first_day, max(day) AS last_day FROM sold),
complete_years AS (
    SELECT DISTINCT year FROM sold_years, dates
    WHERE make_date(year, 1, 1) >= first_day AND make_date(year, 12, 31) <= last_day
),
years_before AS (
    SELECT item_id, year + 1 AS year, gross_sales AS gross_year_before FROM sold_years
    WHERE year IN (FROM complete_years) AND year + 1 IN (FROM complete_years)
)
"""

_ROWS = """
SELECT sold_years.* EXCLUDE (year), coalesce(sold_years.year::VARCHAR, 'undated') AS sale_year,
    item_desc, brand, class, coalesce(category, 'UNKNOWN') AS category, manufacturer, current_price,
    coalesce(version_count, 0) AS version_count,
    sold_years.net_paid - sold_years.wholesale_cost AS gross_profit,
    rank() OVER (PARTITION BY sold_years.year, coalesce(category, 'UNKNOWN') ORDER BY sold_years.net_sales DESC)
        AS revenue_rank_in_category,
    rank() OVER (PARTITION BY sold_years.year ORDER BY sold_years.net_sales DESC) AS revenue_rank_overall,
    row_number() OVER rows_of_year AS revenue_row_no,
    sum(sold_years.net_sales) OVER (PARTITION BY sold_years.year, coalesce(category, 'UNKNOWN')) AS net_of_category,
    sum(sold_years.net_sales) OVER (PARTITION BY sold_years.year) AS net_of_year,
    sum(sold_years.net_sales) OVER (rows_of_year ROWS UNBOUNDED PRECEDING) AS net_to_here,
    gross_year_before, coalesce(snapshot_count, 0) AS snapshot_count, units_counted
FROM sold_years
    LEFT JOIN versions ON versions.item_id = sold_years.item_id AND version_no = 1
    LEFT JOIN stock_years ON stock_years.item_id = sold_years.item_id AND stock_years.year = sold_years.year
    LEFT JOIN years_before ON years_before.item_id = sold_years.item_id AND years_before.year = sold_years.year
WINDOW rows_of_year AS (PARTITION BY sold_years.year ORDER BY sold_years.net_sales DESC, sold_years.item_id)
ORDER BY sold_years.item_id, sale_year
"""


def reference_rows(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """All rows of `product_performance`, undated included, in order of (item_id, sale_year).

    Reads `{store,catalog,web}_{sales,returns}`, `item` and `inventory` by their unqualified names from `connection`.
    Keys of a row: the columns of the table without `load_timestamp`, and `sale_year`. Money and ratios are `Decimal`.
    """
    return [_with_ratios(row) for row in fetch_rows(connection, COHORT_LINES + _YEARS + _ROWS)]


def _with_ratios(row: dict[str, Any]) -> dict[str, Any]:
    of_category, of_year, to_here, year_before, counted = (
        row.pop(name)
        for name in ("net_of_category", "net_of_year", "net_to_here", "gross_year_before", "units_counted")
    )
    return row | {
        "gross_margin_pct": quotient(row["gross_profit"], row["net_paid"]),
        "return_rate_lines": quotient(row["return_line_count"], row["line_count"]),
        "avg_unit_price": quotient(row["gross_sales"], row["units_sold"]),
        "category_share": quotient(row["net_sales"], of_category),
        "cumulative_share": quotient(to_here, of_year),
        "abc_class": _abc_class(row["net_sales"], to_here, of_year),
        "gross_sales_yoy_pct": growth(row["gross_sales"], year_before),
        "avg_on_hand": quotient(counted, row["snapshot_count"]),
        "weeks_of_supply": quotient(counted, row["units_sold"]),
        "stock_turn": quotient(row["units_sold"] * row["snapshot_count"], counted),
    }


def _abc_class(net_sales: Decimal, to_here: Decimal, of_year: Decimal) -> str:
    """By the exact share of the year's net sales that the rows before this one hold."""
    if net_sales <= 0 or not of_year:
        return "C"
    share_before = Fraction(to_here - net_sales) / Fraction(of_year)
    if share_before < Fraction(80, 100):
        return "A"
    return "B" if share_before < Fraction(95, 100) else "C"
