"""What a refresh has to do: from the state of the lake, the batches to ingest and the months to rebuild.

Kept apart from the command line, so that whatever starts runs refreshes the same partitions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lake_assets.contract.calendar import MONTHS, month_before
from lake_assets.contract.layers import BRONZE, GOLD, SILVER, SILVER_FACTS, WHOLE_TABLE, LakeTable
from lake_assets.contract.tables import FACTS
from lake_assets.lake.planning import Planner, stale


@dataclass(frozen=True)
class Work:
    """Tables to materialise together for a contiguous range of partition keys."""

    tables: tuple[LakeTable, ...]
    partitions: tuple[str, ...]


def ingestion(planner: Planner, tables: frozenset[LakeTable]) -> list[Work]:
    """Per batch, in order of arrival: bronze tables to convert and dimensions to apply it to, among `tables`."""
    work: list[Work] = []
    for batch in planner.batches:
        delivered = sorted({file.table for file in batch.files})
        bronze = [BRONZE[name] for name in delivered if not planner.bronze(BRONZE[name], batch.name)[0].is_fresh]
        converted = [table for table in bronze if table in tables]
        dimensions = [
            SILVER[name]
            for name in delivered
            if not SILVER[name].partition_column
            and (BRONZE[name] in converted or _can_be_applied(planner, name, batch.name))
        ]
        wanted = (*converted, *(table for table in dimensions if table in tables))
        if wanted:
            work.append(Work(wanted, (batch.name,)))
    return work


def facts(planner: Planner, tables: frozenset[LakeTable], months: Sequence[str]) -> list[Work]:
    """Months of the silver facts among `tables` that do not stand for the present bronze, once that is complete."""
    wanted = [
        table
        for table in SILVER_FACTS
        if table in tables and planner.entries(BRONZE[table.name]) and not planner.unconverted(table.name)
    ]
    return _grouped({table: stale(planner.silver(table, months)) for table in wanted})


def months_of_facts(planner: Planner, tables: frozenset[LakeTable], months: Sequence[str]) -> list[str]:
    """The months of the facts that a refresh of `months` takes.

    When gold is among the tables, also the month before each if it is not published: gold reads it.
    """
    wanted = set(months)
    if not tables & set(GOLD.values()):
        return list(months)
    for month in months:
        before = month_before(month)
        if before and not planner.gold_is_ready(month):
            wanted.add(before)
    return [month for month in MONTHS if month in wanted]


def gold(planner: Planner, tables: frozenset[LakeTable], months: Sequence[str]) -> list[Work]:
    """Months of the gold tables among `tables` that do not stand for the present silver."""
    wanted = [table for table in GOLD.values() if table in tables]
    ready = [month for month in months if planner.gold_is_ready(month)]
    return _grouped({table: stale(planner.gold(table, ready)) for table in wanted})


def waiting_for(planner: Planner) -> list[str]:
    """Tables that gold reads and of which no file has ever arrived."""
    read = ["date_dim", *(fact.name for fact in FACTS if fact.channel)]
    return [name for name in read if not planner.entries(BRONZE[name])]


def _can_be_applied(planner: Planner, name: str, batch: str) -> bool:
    """Whether a batch is converted to bronze, but the dimension does not stand for it yet."""
    table = SILVER[name]
    is_applied = batch in planner.applied_batches(table) and planner.silver(table, (WHOLE_TABLE,))[0].is_fresh
    return not is_applied and planner.entry(BRONZE[name], batch).settled is not None


def _grouped(stale_months: dict[LakeTable, list[str]]) -> list[Work]:
    """One piece of work per contiguous range; tables with the same ranges share theirs."""
    by_range: dict[tuple[str, ...], list[LakeTable]] = defaultdict(list)
    for table, months in stale_months.items():
        for contiguous in _ranges(months):
            by_range[contiguous].append(table)
    return [Work(tuple(tables), months) for months, tables in by_range.items()]


def _ranges(months: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Runs of months that follow each other on the axis (a range run names only its first and its last)."""
    wanted = set(months)
    current: list[str] = []
    for month in MONTHS:
        if month in wanted:
            current.append(month)
        elif current:
            yield tuple(current)
            current = []
    if current:
        yield tuple(current)
