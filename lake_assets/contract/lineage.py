"""Which silver partitions each partition of a gold table is built from.

Stated once: the planner reads these partitions, and Dagster learns from them which gold partitions a silver one makes stale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lake_assets.contract.calendar import FIRST_YEAR, MONTHS, UNDATED, month_before
from lake_assets.contract.layers import SILVER, WHOLE_TABLE, LakeTable
from lake_assets.contract.tables import FACTS

Reads = list[tuple[LakeTable, str]]
"""Silver tables, each with the key of one of its partitions."""

_SALES = [SILVER[fact.name] for fact in FACTS if fact.order]
_RETURNS = [SILVER[fact.name] for fact in FACTS if fact.sale]


def reads(table: LakeTable, partition: str) -> Reads:
    """The silver partitions that a partition of a gold table is built from."""
    return _READS[table.name](partition)


def upstream(table: LakeTable) -> tuple[LakeTable, ...]:
    """The silver tables that a gold table is built from."""
    found = dict.fromkeys(silver for partition in table.partitions for silver, _ in reads(table, partition))
    return tuple(sorted(found, key=lambda silver: silver.name))


def year_before(year: str) -> str | None:
    """The year before, or None where the calendar of the partitions begins (and for `undated`)."""
    return None if year in (UNDATED, str(FIRST_YEAR)) else str(int(year) - 1)


def months_of(*years: str | None) -> list[str]:
    """Keys of the months of these years; those of `undated` are `undated`."""
    return [month for month in MONTHS if month in years or month[:4] in years]


def _of(tables: Iterable[LakeTable], partitions: Iterable[str]) -> Reads:
    keys = list(partitions)
    return [(table, key) for table in tables for key in keys]


def _daily_sales_summary(month: str) -> Reads:
    """Sales also of the month before, for the seven days before."""
    before = month_before(month) if month != UNDATED else None
    months = [month, before] if before else [month]
    return [(SILVER["date_dim"], WHOLE_TABLE), *_of(_SALES, months), *_of(_RETURNS, [month])]


def _product_performance(year: str) -> Reads:
    """Sales also of the year before, for growth; returns of all years from then on, because sales are undone later."""
    from_then_on = [month for month in MONTHS if UNDATED in (year, month) or month[:4] >= year]
    return [
        (SILVER["item"], WHOLE_TABLE),
        *_of(_SALES, months_of(year, year_before(year))),
        *_of(_RETURNS, from_then_on),
        *_of([SILVER["inventory"]], months_of(year)),
    ]


def _monthly_trends(year: str) -> Reads:
    """Sales from the beginning, because a customer is new in the month of the first purchase ever."""
    until_then = [month for month in MONTHS if month == year or (UNDATED not in (year, month) and month[:4] <= year)]
    return [*_of(_SALES, until_then), *_of(_RETURNS, months_of(year))]


def _customer_lifetime_value(_: str) -> Reads:
    """Everything: a customer is compared with all others."""
    return [(SILVER["customer"], WHOLE_TABLE), *_of([*_SALES, *_RETURNS], MONTHS)]


_READS: dict[str, Callable[[str], Reads]] = {
    "daily_sales_summary": _daily_sales_summary,
    "product_performance": _product_performance,
    "monthly_trends": _monthly_trends,
    "customer_lifetime_value": _customer_lifetime_value,
}
