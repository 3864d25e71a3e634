"""The 24 source tables of the lake, stated as data; one module per subject.

Column names, order and types are those of the TPC-DS specification, version 2.13. `TABLES` is in alphabetical order.
"""

from __future__ import annotations

from graphlib import TopologicalSorter

from lake_assets.contract.model import Table
from lake_assets.contract.tables.calendar_dims import DATE_DIM, TIME_DIM
from lake_assets.contract.tables.catalog_channel import CATALOG_RETURNS, CATALOG_SALES
from lake_assets.contract.tables.catalogs import CALL_CENTER, CATALOG_PAGE
from lake_assets.contract.tables.customers import (
    CUSTOMER,
    CUSTOMER_ADDRESS,
    CUSTOMER_DEMOGRAPHICS,
    HOUSEHOLD_DEMOGRAPHICS,
    INCOME_BAND,
)
from lake_assets.contract.tables.products import ITEM, PROMOTION, REASON
from lake_assets.contract.tables.stock import INVENTORY, SHIP_MODE, WAREHOUSE
from lake_assets.contract.tables.store_channel import STORE_RETURNS, STORE_SALES
from lake_assets.contract.tables.stores import STORE
from lake_assets.contract.tables.web_channel import WEB_RETURNS, WEB_SALES
from lake_assets.contract.tables.web_sites import WEB_PAGE, WEB_SITE

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        CALL_CENTER,
        CATALOG_PAGE,
        CATALOG_RETURNS,
        CATALOG_SALES,
        CUSTOMER,
        CUSTOMER_ADDRESS,
        CUSTOMER_DEMOGRAPHICS,
        DATE_DIM,
        HOUSEHOLD_DEMOGRAPHICS,
        INCOME_BAND,
        INVENTORY,
        ITEM,
        PROMOTION,
        REASON,
        SHIP_MODE,
        STORE,
        STORE_RETURNS,
        STORE_SALES,
        TIME_DIM,
        WAREHOUSE,
        WEB_PAGE,
        WEB_RETURNS,
        WEB_SALES,
        WEB_SITE,
    )
}
FACTS: tuple[Table, ...] = tuple(each for each in TABLES.values() if each.is_fact)
DIMENSIONS: tuple[Table, ...] = tuple(
    TABLES[name]
    for name in TopologicalSorter(
        {each.name: each.dimensions for each in TABLES.values() if not each.is_fact}
    ).static_order()
)
"""The tables without events, each behind those it refers to."""


class UnknownTable(KeyError):  # noqa: N818 (reads as what happened)
    """The contract has no table of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"unknown table {self.name!r}; the contract has: {', '.join(TABLES)}"


def table(name: str) -> Table:
    """The table of that name. Raises `UnknownTable`, which lists the valid names."""
    try:
        return TABLES[name]
    except KeyError:
        raise UnknownTable(name) from None
