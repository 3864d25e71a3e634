"""One look at the ledger: months of facts and partitions of gold that do not stand for their inputs are requested."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from lake_assets import refresh
from lake_assets.automation.attempts import Attempts, Partitions, versions
from lake_assets.contract.calendar import MONTHS
from lake_assets.contract.layers import LAKE_TABLES, LakeTable
from lake_assets.contract.lineage import upstream
from lake_assets.lake.lake import Lake
from lake_assets.refresh import Work

_ALL = frozenset(LAKE_TABLES)


@dataclass(frozen=True)
class Tick:
    """What a look led to: runs to request, what was requested so far, and what is to be told."""

    work: tuple[Work, ...]
    attempts: Attempts
    told: tuple[str, ...]


def tick(lake: Lake, attempts: Attempts, busy: Iterable[LakeTable]) -> Tick:
    """Request what is stale, except of tables that are busy, and gold only behind its silver."""
    planner = lake.planner()
    busy = frozenset(busy)
    stale = refresh.stale_facts(planner, _ALL, MONTHS) | refresh.stale_gold(planner, _ALL, MONTHS)
    found = versions(lake, planner, stale)
    untried = attempts.untried(found)
    facts = {table: keys for table, keys in untried.items() if keys and table.layer == "silver" and table not in busy}
    unsettled = busy.union(facts)
    gold = {
        table: keys
        for table, keys in untried.items()
        if keys and table.layer == "gold" and not unsettled.intersection((table, *upstream(table)))
    }
    requested = facts | gold
    told = [
        *_building(stale, busy),
        *_waiting(untried, requested, busy),
        *_failed(stale, untried, busy),
        *(
            f"{fact.identifier} waits until {', '.join(on)} {'is' if len(on) == 1 else 'are'} up to date."
            for fact, on in refresh.held_up(planner).items()
        ),
        *(
            f"{table.identifier} waits for files of {', '.join(on)}."
            for table, on in refresh.waiting_for(planner).items()
        ),
    ]
    return Tick(tuple(refresh.grouped(requested)), attempts.after(found, requested), tuple(told))


def _building(stale: Partitions, busy: Container[LakeTable]) -> list[str]:
    building = [table.identifier for table, keys in stale.items() if keys and table in busy]
    return [f"Being built: {', '.join(building)}."] if building else []


def _waiting(untried: Partitions, requested: Partitions, busy: Container[LakeTable]) -> list[str]:
    """Tables that are behind others which are being built, or are requested now."""
    wanted = {table.identifier: keys for table, keys in untried.items() if table not in requested and table not in busy}
    waiting = [name for name, keys in wanted.items() if keys]
    return [f"Waiting for these: {', '.join(waiting)}."] if waiting else []


def _failed(stale: Partitions, untried: Partitions, busy: Container[LakeTable]) -> list[str]:
    """Partitions that were requested as they are now, by no run in progress, and are still stale."""
    failed = {
        table: [key for key in keys if key not in untried[table]]
        for table, keys in stale.items()
        if keys and table not in busy
    }
    return [
        f"{table.identifier} {', '.join(keys)}: failed, and nothing changed since; the nightly catch-up tries again."
        for table, keys in failed.items()
        if keys
    ]
