"""The business tables of the gold layer, one module per table."""

from __future__ import annotations

from lake_assets.contract.gold.daily_sales_summary import DAILY_SALES_SUMMARY
from lake_assets.contract.model import GoldTable

GOLD_TABLES: dict[str, GoldTable] = {table.name: table for table in (DAILY_SALES_SUMMARY,)}
