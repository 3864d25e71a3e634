"""What a user asks for on the command line: months and assets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import dagster as dg

from lake_assets.assets.catalog import catalog_key
from lake_assets.contract.calendar import MONTHS, UNDATED
from lake_assets.contract.layers import LAKE_TABLES, LakeTable, Layer, lake_table
from lake_assets.errors import SettingsError


def parse_months(text: str | None) -> tuple[str, ...]:
    """Partition keys of `A..B`, of one month or of `undated`; all for None. Raises `SettingsError` for anything else."""
    if text is None:
        return MONTHS
    first, dots, last = text.partition("..")
    last = last if dots else first
    for month in (first, last):
        if month not in MONTHS:
            raise SettingsError(
                f"--months {text}: {month!r} is no month of the lake. Months run from {MONTHS[1]} to {MONTHS[-1]} "
                f"(a range is written 2000-01..2000-12), and rows without a date are in {UNDATED!r}."
            )
    start, end = MONTHS.index(first), MONTHS.index(last)
    if start > end:
        raise SettingsError(f"--months {text}: the range ends before it starts. Write the earlier month first.")
    return MONTHS[start : end + 1]


@dataclass(frozen=True)
class Selected:
    """What a run builds, and the layers whose catalog it compares with the contract."""

    tables: frozenset[LakeTable]
    catalogs: tuple[Layer, ...] = ()


def select(definitions: dg.Definitions, selection: str | None) -> Selected:
    """What a Dagster asset selection names; all tables, but no catalog, for None.

    Raises `SettingsError` when it is invalid or selects nothing.
    """
    if selection is None:
        return Selected(frozenset(LAKE_TABLES))
    remedy = "Examples: 'group:silver', 'key:silver/item', '+key:gold/daily_sales_summary'."
    try:
        keys = dg.AssetSelection.from_string(selection).resolve(definitions.resolve_asset_graph())
    except (dg.DagsterError, ValueError) as error:
        raise SettingsError(f"--only {selection!r} is no valid selection of assets: {error}. {remedy}") from error
    if not keys:
        raise SettingsError(f"--only {selection!r} selects no asset. {remedy}")
    catalogs = tuple(layer for layer in get_args(Layer) if catalog_key(layer) in keys)
    tables = keys - {catalog_key(layer) for layer in catalogs}
    return Selected(frozenset(lake_table(*key.path) for key in tables), catalogs)


def select_tables(definitions: dg.Definitions, selection: str | None) -> frozenset[LakeTable]:
    """The tables of a Dagster asset selection, as `select` finds them."""
    return select(definitions, selection).tables
