"""One look at the source: a complete drop becomes a batch, and what a batch makes stale is requested.

The ledger is the memory: a file is new as long as no batch pins it, and a batch is to be ingested as long as the ledger says
so. The cursor only remembers what is not there: since when a drop looks as it does, and what was requested in vain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, Field

from lake_assets import refresh
from lake_assets.automation.attempts import Attempts, versions
from lake_assets.contract.layers import LAKE_TABLES, LakeTable
from lake_assets.errors import LakeError, SourceError
from lake_assets.lake.arrival import Arrival, examine, look, pin
from lake_assets.lake.lake import Lake
from lake_assets.lake.records import Batch
from lake_assets.refresh import Work

_NAMED = 3


class Drop(BaseModel):
    """New files as they were seen: `since` when they look like this (seconds of the epoch), and what is wrong with them."""

    version: str = ""
    since: float = 0.0
    problem: str = ""


class Cursor(BaseModel):
    drop: Drop = Field(default_factory=Drop)
    attempts: Attempts = Field(default_factory=Attempts)


@dataclass(frozen=True)
class Tick:
    """What a look led to: runs to request, all batches there are, the next cursor, and what is to be told."""

    work: tuple[Work, ...]
    batches: tuple[str, ...]
    cursor: Cursor
    told: tuple[str, ...]


def tick(lake: Lake, cursor: Cursor, busy: Iterable[LakeTable], now: float) -> Tick:
    """Take in a drop that is complete, and request what batches still need. `busy` tables are left for a later tick."""
    told, drop = _take_in(lake, cursor.drop, now)
    planner = lake.planner()
    needed = refresh.ingestion(planner, frozenset(LAKE_TABLES))
    nothing: dict[LakeTable, list[str]] = {table: [] for table in LAKE_TABLES}
    stale = versions(lake, planner, nothing | _by_table(needed))
    untried = cursor.attempts.untried(stale)
    work, waiting, failed = _requested(needed, untried, busy)
    if waiting:
        told.append(f"Being ingested, or waiting for what is: {_some(waiting)}.")
    if failed:
        told.append(f"{_some(failed)} failed and nothing changed since; the nightly catch-up tries again.")
    return Tick(
        tuple(work),
        tuple(batch.name for batch in planner.batches),
        Cursor(drop=drop, attempts=cursor.attempts.after(stale, _by_table(work))),
        tuple(told),
    )


@dataclass(frozen=True)
class _Intake:
    """What becomes of the new files of the source. `drop` is how they were seen before; `batches` are those there are."""

    lake: Lake
    batches: Sequence[Batch]
    arrival: Arrival
    drop: Drop
    now: float

    def carry_out(self) -> tuple[str, Drop]:
        """Pin the files, if the drop is complete; what happened, and what is to be remembered of the drop."""
        if not self.arrival.new:
            return f"No new files: all {self.arrival.pinned} are pinned.", Drop()
        if self.drop.problem:
            return self.drop.problem, self.drop
        marker = self._marker()
        unfinished = self._unfinished(marker)
        if unfinished:
            return unfinished, self.drop
        try:
            return self._pin(marker)
        except SourceError as error:
            # Not read again before a file changes.
            problem = f"Refused: {error}"
            return problem, self.drop.model_copy(update={"problem": problem})
        except LakeError as error:
            return str(error), self.drop

    def _marker(self) -> str | None:
        settings = self.lake.settings
        return self.lake.source.marker_version(settings.drop_marker) if settings.drop_marker else None

    def _unfinished(self, marker: str | None) -> str:
        """Why a drop is not taken yet; empty when it is complete."""
        count, name = len(self.arrival.new), self.lake.settings.drop_marker
        files = f"{count} new file{'s' if count > 1 else ''} ({_some([file.path for file in self.arrival.new])})"
        if name:
            last = next((batch.marker for batch in reversed(self.batches) if batch.marker), None)
            if marker is None:
                return f"{files} wait for the marker {name}."
            return f"{files} wait for a new marker: {name} belongs to the drop before." if marker == last else ""
        waited, wanted = self.now - self.drop.since, self.lake.settings.settle_seconds
        return f"{files} must not change for {wanted:g} s; {waited:.0f} s have passed." if waited < wanted else ""

    def _pin(self, marker: str | None) -> tuple[str, Drop]:
        settings = self.lake.settings
        self.lake.store.check_writable()
        found = examine(
            self.lake.source, self.arrival, self.batches, threads=settings.threads, seconds=settings.tick_seconds
        )
        if not found.files and not found.left:
            same = (
                f"{len(self.arrival.new)} files have another time stamp, but the content that is in the lake already."
            )
            return same, self.drop.model_copy(update={"problem": same})
        # The marker is used up with the last file of its drop.
        used = None if found.left else marker
        batch = pin(self.lake.ledger, self.lake.source, found.files, self.batches, marker=used)
        left = f"; {len(found.left)} more follow with the next batch" if found.left else ""
        return f"Pinned {len(batch.files)} files as {batch.name}{left}.", Drop()


def _take_in(lake: Lake, seen: Drop, now: float) -> tuple[list[str], Drop]:
    """Pin the new files of the source, if there are any and the drop is complete."""
    batches = lake.ledger.batches()
    try:
        arrival = look(lake.source, batches)
    except SourceError as error:
        return [str(error)], seen
    gone = (
        f"{_some(arrival.gone)} {'is' if len(arrival.gone) == 1 else 'are'} in the lake, but no longer in the source."
    )
    drop = seen if seen.version == arrival.version else Drop(version=arrival.version, since=now)
    told, remembered = _Intake(lake, batches, arrival, drop, now).carry_out()
    return [gone, told] if arrival.gone else [told], remembered


def _requested(
    needed: Sequence[Work], untried: dict[LakeTable, list[str]], busy: Iterable[LakeTable]
) -> tuple[list[Work], list[str], list[str]]:
    """Work that can be requested now; what waits for runs in progress; what was requested before and failed.

    A table is built by one run at a time, and its batches in order. What is not converted cannot be applied.
    """
    taken = {table.name for table in busy}
    work: list[Work] = []
    waiting: list[str] = []
    failed: list[str] = []
    for piece in needed:
        (batch,) = piece.partitions
        held = {table.name for table in piece.tables if table.name in taken}
        waiting += sorted(f"{name} of {batch}" for name in held)
        in_vain = {table for table in piece.tables if table.name not in held and batch not in untried[table]}
        failed += sorted(f"{table.identifier} of {batch}" for table in in_vain)
        unconverted = {table.name for table in in_vain if table.layer == "bronze"}
        wanted = tuple(table for table in piece.tables if table not in in_vain and table.name not in held | unconverted)
        taken |= {table.name for table in wanted}
        if wanted:
            work.append(replace(piece, tables=wanted))
    return work, waiting, failed


def _by_table(work: Iterable[Work]) -> dict[LakeTable, list[str]]:
    found: dict[LakeTable, list[str]] = {}
    for piece in work:
        for table in piece.tables:
            found.setdefault(table, []).extend(piece.partitions)
    return found


def _some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
