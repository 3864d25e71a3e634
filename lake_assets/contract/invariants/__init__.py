"""What must hold of the rows of the gold tables, one module per table, and across them.

What belongs here: invariants as sentences and SQL. What does not: who evaluates them (`engine/gold_audit.py` before a
publication, `query/verify.py` after it).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lake_assets.contract.invariants._sql import SHARED
from lake_assets.contract.invariants.across import ACROSS
from lake_assets.contract.invariants.customer_lifetime_value import INVARIANTS as _CUSTOMER_LIFETIME_VALUE
from lake_assets.contract.invariants.daily_sales_summary import INVARIANTS as _DAILY_SALES_SUMMARY
from lake_assets.contract.invariants.monthly_trends import INVARIANTS as _MONTHLY_TRENDS
from lake_assets.contract.invariants.product_performance import INVARIANTS as _PRODUCT_PERFORMANCE
from lake_assets.contract.layers import LakeTable
from lake_assets.contract.model import Column, Invariant

__all__ = ["ACROSS", "SHARED", "TABLE", "invariants_of", "tables_of"]

TABLE = re.compile(r"\b(?:silver|gold)\.\w+")
"""How a query names a table of the lake."""

_OF_TABLE: dict[str, tuple[Invariant, ...]] = {
    "daily_sales_summary": _DAILY_SALES_SUMMARY,
    "monthly_trends": _MONTHLY_TRENDS,
    "product_performance": _PRODUCT_PERFORMANCE,
    "customer_lifetime_value": _CUSTOMER_LIFETIME_VALUE,
}


def tables_of(query: str) -> set[str]:
    """Identifiers of the tables that a query reads, such as `silver.item`."""
    return set(TABLE.findall(query))


def invariants_of(table: LakeTable) -> Iterator[Invariant]:
    """Those of a gold table; the ones about its key and its required columns follow from its contract."""
    for column in table.columns:
        if not column.nullable:
            yield _not_null(column)
    yield _unique(table)
    yield from _OF_TABLE[table.name]


def _not_null(column: Column) -> Invariant:
    name = column.name
    return Invariant("not_null", name, f"{name} is never missing.", (name,), condition=f"{name} IS NULL")


def _unique(table: LakeTable) -> Invariant:
    part, keys = table.partition_column, ", ".join(table.primary_key)
    return Invariant(
        "unique",
        "primary_key",
        f"No two rows have the same {keys}.",
        table.primary_key,
        query=f"SELECT {part} AS part, COUNT(*) AS n FROM {table.identifier} GROUP BY {part}, {keys} HAVING COUNT(*) > 1",
    )
