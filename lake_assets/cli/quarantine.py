"""`lake-assets quarantine`: what lies in quarantine, and another try for it."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from collections.abc import Iterable

from rich.table import Table

from lake_assets.cli.console import errors, output
from lake_assets.cli.run import RunFailedError, run_lake
from lake_assets.contract.layers import BRONZE, SILVER, LakeTable
from lake_assets.contract.tables import TABLES, UnknownTable
from lake_assets.errors import SettingsError
from lake_assets.lake.lake import Lake
from lake_assets.query.engine import questions
from lake_assets.query.quarantine import QuarantineCount, quarantine_counts
from lake_assets.settings import Settings


def show_quarantine(settings: Settings, table: str | None, rule: str | None, batch: str | None, form: str) -> None:
    """Print the counts that fit."""
    with questions(settings) as asked:
        found = quarantine_counts(asked, Lake(settings).planner(), _tables(table))
    counts = [
        count for count in found if (rule is None or count.rule == rule) and (batch is None or count.batch == batch)
    ]
    if form == "json":
        json.dump([dataclasses.asdict(count) for count in counts], sys.stdout, indent=1)
        sys.stdout.write("\n")
    elif form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(field.name for field in dataclasses.fields(QuarantineCount))
        writer.writerows(dataclasses.astuple(count) for count in counts)
    elif counts:
        output.print(_table(counts))
        output.print(
            'The rows, with reasons: lake-assets query "SELECT * FROM quarantine.<layer>_<table>"', highlight=False
        )
    else:
        output.print("Nothing that fits is in quarantine.")


def replay(settings: Settings, table: str | None) -> None:
    """Take in what is new, and judge anew every partition with rows in quarantine, or with published rows that should be there.

    Tells what left quarantine, or came into it.
    """
    names = _tables(table)
    lake = Lake(settings)
    before = _quarantined(lake, names)

    kept = _kept_too_long(lake, names)

    def is_to_be_judged(candidate: LakeTable, partition: str) -> bool:
        return before.get((candidate, partition), 0) > 0 or (candidate, partition) in kept

    try:
        run_lake(settings, None, None, is_to_be_judged)
    except RunFailedError:
        _tell(before, _quarantined(lake, names))
        raise
    _tell(before, _quarantined(lake, names))


def _tables(name: str | None) -> list[str]:
    if name is None:
        return list(TABLES)
    if name not in TABLES:
        raise SettingsError(f"--table: {UnknownTable(name)}.")
    return [name]


def _quarantined(lake: Lake, names: Iterable[str]) -> dict[tuple[LakeTable, str], int]:
    """Rows in quarantine of each partition that has any. Of bronze, lines of files that were replaced since count no more."""
    planner = lake.planner()
    counts: dict[tuple[LakeTable, str], int] = {}
    for name in names:
        for table in (BRONZE[name], SILVER[name]):
            for partition, known in planner.entries(table).items():
                if known.settled and known.settled.quarantined:
                    gone = [
                        stored.lines - stored.rows
                        for stored in known.settled.objects
                        if stored.source and planner.is_superseded(partition, stored.source)
                    ]
                    counts[table, partition] = known.settled.quarantined - sum(gone)
    return counts


def _kept_too_long(lake: Lake, names: Iterable[str]) -> set[tuple[LakeTable, str]]:
    """Partitions published with rows that break a rule which would not let them pass any more."""
    planner = lake.planner()
    found: set[tuple[LakeTable, str]] = set()
    for name in names:
        for table in (BRONZE[name], SILVER[name]):
            strict = {rule.name for rule in lake.rules(table) if rule.action != "warn"}
            for partition, known in planner.entries(table).items():
                if known.settled and strict & set(known.settled.violations):
                    found.add((table, partition))
    return found


def _table(counts: Iterable[QuarantineCount]) -> Table:
    grid = Table(title="In quarantine")
    for heading in ("table", "partition", "batch", "rule", "rows"):
        grid.add_column(heading, justify="right" if heading == "rows" else "left", overflow="fold")
    for count in counts:
        grid.add_row(count.table, count.partition, count.batch, count.rule, f"{count.rows:,}")
    return grid


def _tell(before: dict[tuple[LakeTable, str], int], after: dict[tuple[LakeTable, str], int]) -> None:
    was, still = sum(before.values()), sum(after.values())
    if not was and not still:
        errors.print("Nothing is in quarantine.")
        return
    rules = " `lake-assets quarantine list` tells which rules they break." if still else ""
    errors.print(f"In quarantine before: {was:,} {'row' if was == 1 else 'rows'}; now: {still:,}.{rules}")
