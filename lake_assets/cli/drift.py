"""Drift on the command line: where storage and catalog differ from the ledger, and `lake-assets repair`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.markup import escape
from rich.table import Table

from lake_assets.catalog.drift import Difference
from lake_assets.catalog.reconcile import Repair, Repaired, repair
from lake_assets.catalog.storage import has_ledger
from lake_assets.cli.console import output
from lake_assets.lake.lake import Lake

_PARTITIONS_SHOWN = 3
_HEADINGS = ("table", "what", "where", "expected", "found")


def drift_table(differences: Iterable[Difference]) -> Table:
    grid = _grid("Drift", _HEADINGS)
    for each in differences:
        grid.add_row(*_cells(each), style="red" if each.serious else "yellow")
    return grid


def show_repair(lake: Lake, *, dry_run: bool, deep: bool) -> None:
    """Repair the lake, or find out what would be done, and tell it."""
    if not has_ledger(lake):
        output.print(
            f"The lake at {lake.settings.root} has no ledger: nothing was published, so nothing is to be repaired."
        )
        return
    lake.store.check_writable()
    done = repair(lake, dry_run=dry_run, deep=deep)
    if done.repaired:
        output.print(_repairs(done.repaired, dry_run=dry_run))
    for line in _told(done, dry_run=dry_run):
        output.print(line, highlight=False, soft_wrap=True)


def _repairs(repaired: Sequence[Repaired], *, dry_run: bool) -> Table:
    grid = _grid("What would be done" if dry_run else "What was done", (*_HEADINGS, "repair"))
    for each in repaired:
        grid.add_row(*_cells(each.difference), each.action, style="green" if each.mended else "yellow")
    return grid


def _told(done: Repair, *, dry_run: bool) -> Iterable[str]:
    if not done.repaired:
        yield "Objects and catalog are what the ledger says."
    if done.staging:
        what = "Staging of runs, removed by a repair when nothing has written to it for long:" if dry_run else "Removed"
        yield f"{what} {', '.join(done.staging)}"
    if done.to_build:
        names = ", ".join(f"{table.identifier} {partition}" for table, partition in done.to_build)
        verb = "would be" if dry_run else "are"
        yield f"{len(done.to_build)} partitions {verb} marked to be built anew: {names}. `lake-assets run` builds them."


def _grid(title: str, headings: Iterable[str]) -> Table:
    grid = Table(title=title)
    for heading in headings:
        grid.add_column(heading, overflow="fold")
    return grid


def _cells(each: Difference) -> tuple[str, ...]:
    shown = ", ".join(each.partitions[:_PARTITIONS_SHOWN])
    more = len(each.partitions) - _PARTITIONS_SHOWN
    where = " ".join(part for part in (each.subject, f"({shown})" if shown else "") if part)
    told = f"{where} and {more:,} more" if more > 0 else where
    return tuple(escape(cell) for cell in (each.table, each.kind.replace("_", " "), told, each.expected, each.found))
