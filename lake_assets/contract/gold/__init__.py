"""The business tables of the gold layer, one module per table."""

from __future__ import annotations

from lake_assets.contract.gold.customer_lifetime_value import CUSTOMER_LIFETIME_VALUE
from lake_assets.contract.gold.daily_sales_summary import DAILY_SALES_SUMMARY
from lake_assets.contract.gold.monthly_trends import MONTHLY_TRENDS
from lake_assets.contract.gold.product_performance import PRODUCT_PERFORMANCE
from lake_assets.contract.model import GoldTable

GOLD_TABLES: dict[str, GoldTable] = {
    table.name: table for table in (DAILY_SALES_SUMMARY, MONTHLY_TRENDS, PRODUCT_PERFORMANCE, CUSTOMER_LIFETIME_VALUE)
}
