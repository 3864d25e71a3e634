"""What a refresh has to do: from the state of the lake, the batches to ingest and the months to rebuild.

Kept apart from the command line, so that whatever starts runs refreshes the same partitions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lake_assets.contract.calendar import MONTHS
from lake_assets.contract.layers import BRONZE, GOLD, SILVER, SILVER_FACTS, WHOLE_TABLE, Axis, LakeTable
from lake_assets.contract.lineage import reads, upstream
from lake_assets.lake.planning import Planner, stale


@dataclass(frozen=True)
class Work:
    """Tables to materialise together for a contiguous range of partition keys."""

    tables: tuple[LakeTable, ...]
    partitions: tuple[str, ...]


Rebuild = Callable[[LakeTable, str], bool]
"""Whether a partition is to be built although it is up to date."""


def _nothing(_: LakeTable, __: str) -> bool:
    return False


def ingestion(planner: Planner, tables: frozenset[LakeTable], rebuild: Rebuild = _nothing) -> list[Work]:
    """Per batch, in order of arrival: bronze tables to convert and dimensions to apply it to, among `tables`."""
    work: list[Work] = []
    for batch in planner.batches:
        delivered = sorted({file.table for file in batch.files})
        bronze = [
            BRONZE[name]
            for name in delivered
            if not planner.bronze(BRONZE[name], batch.name)[0].is_fresh or rebuild(BRONZE[name], batch.name)
        ]
        converted = [table for table in bronze if table in tables]
        dimensions = [
            SILVER[name]
            for name in delivered
            if not SILVER[name].partition_column
            and (BRONZE[name] in converted or _is_to_be_applied(planner, name, batch.name, rebuild))
        ]
        wanted = (*converted, *(table for table in dimensions if table in tables))
        if wanted:
            work.append(Work(wanted, (batch.name,)))
    return work


def facts(
    planner: Planner, tables: frozenset[LakeTable], months: Sequence[str], rebuild: Rebuild = _nothing
) -> list[Work]:
    """Months of the silver facts among `tables` that do not stand for the present bronze, once they can be audited."""
    return grouped(stale_facts(planner, tables, months, rebuild))


def stale_facts(
    planner: Planner, tables: frozenset[LakeTable], months: Sequence[str], rebuild: Rebuild = _nothing
) -> dict[LakeTable, list[str]]:
    """By silver fact among `tables` that can be audited the months to build."""
    return {
        table: [
            plan.partition
            for plan in planner.silver(table, months)
            if not plan.is_fresh or rebuild(table, plan.partition)
        ]
        for table in SILVER_FACTS
        if table in tables and _can_be_audited(planner, table)
    }


def _can_be_audited(planner: Planner, fact: LakeTable) -> bool:
    """Whether the fact's own files are in bronze, and the tables that it is compared with stand for theirs."""
    return bool(planner.entries(BRONZE[fact.name])) and not _waits_for(planner, fact)


def _waits_for(planner: Planner, fact: LakeTable) -> list[str]:
    """Tables that do not stand for what arrived, but should before the fact is built.

    A dimension or a sale that is still on its way would make good rows look wrong.
    """
    if fact.source is None:
        return []
    sales = [fact.source.sale.sales] if fact.source.sale else []
    dimensions = fact.source.dimensions
    converted = [f"bronze.{name}" for name in (fact.name, *sales, *dimensions) if planner.unconverted(name)]
    return converted + [f"silver.{name}" for name in dimensions if planner.unapplied(SILVER[name])]


def held_up(planner: Planner) -> dict[LakeTable, list[str]]:
    """Facts with months to be built that wait for other tables, and for which."""
    waiting = {fact: _waits_for(planner, fact) for fact in SILVER_FACTS if planner.entries(BRONZE[fact.name])}
    return {fact: on for fact, on in waiting.items() if on and stale(planner.silver(fact, fact.partitions))}


def months_of_facts(planner: Planner, tables: frozenset[LakeTable], months: Sequence[str]) -> list[str]:
    """The months of the facts that a refresh of `months` takes.

    When a gold table by month is among the tables, also the months that it reads besides and that are not published.
    """
    wanted = set(months)
    for table in GOLD.values():
        if table in tables and table.axis == "month":
            unready = [month for month in months if not planner.gold_is_ready(table, month)]
            wanted.update(key for month in unready for silver, key in reads(table, month) if silver.partition_column)
    return [month for month in MONTHS if month in wanted]


def gold(
    planner: Planner, tables: frozenset[LakeTable], months: Sequence[str], rebuild: Rebuild = _nothing
) -> list[Work]:
    """Partitions of the gold tables among `tables` that do not stand for the present silver, as far as `months` concern them.

    A year is built when all that it reads is published.
    """
    return grouped(stale_gold(planner, tables, months, rebuild))


def stale_gold(
    planner: Planner, tables: frozenset[LakeTable], months: Sequence[str], rebuild: Rebuild = _nothing
) -> dict[LakeTable, list[str]]:
    """By gold table among `tables` the partitions to build, of those that `months` concern."""
    found: dict[LakeTable, list[str]] = {}
    for table in GOLD.values():
        if table in tables:
            ready = [key for key in _concerned(table, months) if planner.gold_is_ready(table, key)]
            found[table] = [
                plan.partition
                for plan in planner.gold(table, ready)
                if not plan.is_fresh or rebuild(table, plan.partition)
            ]
    return found


def _concerned(table: LakeTable, months: Sequence[str]) -> list[str]:
    """Partitions of a gold table that are months among these, or years that read one of them."""
    if table.axis == "month":
        return list(months)
    wanted = set(months)
    return [year for year in table.partitions if wanted.intersection(key for _, key in reads(table, year))]


def waiting_for(planner: Planner) -> dict[LakeTable, list[str]]:
    """Gold tables that read tables of which no file has ever arrived, and which these are."""
    missing = {
        table: [silver.name for silver in upstream(table) if not planner.entries(BRONZE[silver.name])]
        for table in GOLD.values()
    }
    return {table: names for table, names in missing.items() if names}


def _is_to_be_applied(planner: Planner, name: str, batch: str, rebuild: Rebuild) -> bool:
    """Whether a batch is converted to bronze, but the dimension does not stand for it yet.

    A dimension that stands for all its batches and is to be built anew is so with the last of them.
    """
    table = SILVER[name]
    if planner.entry(BRONZE[name], batch).settled is None:
        return False
    unapplied = planner.unapplied(table)
    if unapplied:
        return batch in unapplied
    is_fresh = planner.silver(table, (WHOLE_TABLE,))[0].is_fresh
    last = [known.name for known in planner.batches if known.files_of(name)][-1]
    return batch == last and (not is_fresh or rebuild(table, WHOLE_TABLE))


def grouped(stale_partitions: Mapping[LakeTable, Sequence[str]]) -> list[Work]:
    """One piece of work per contiguous range; tables of one axis with the same ranges share theirs."""
    by_range: dict[tuple[Axis, tuple[str, ...]], list[LakeTable]] = defaultdict(list)
    for table, partitions in stale_partitions.items():
        for contiguous in _ranges(table, partitions):
            by_range[table.axis, contiguous].append(table)
    return [Work(tuple(tables), partitions) for (_, partitions), tables in by_range.items()]


def _ranges(table: LakeTable, partitions: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Runs of keys that follow each other on the table's axis (a range run names only its first and its last)."""
    wanted = set(partitions)
    current: list[str] = []
    for key in table.partitions:
        if key in wanted:
            current.append(key)
        elif current:
            yield tuple(current)
            current = []
    if current:
        yield tuple(current)
