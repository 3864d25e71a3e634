"""`lake-assets verify`: whether the gold tables are what they must be, and storage and catalog what the ledger says."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.table import Table

from lake_assets.catalog.drift import MEANINGS, Difference
from lake_assets.catalog.reconcile import differences
from lake_assets.catalog.storage import has_ledger
from lake_assets.cli.console import output
from lake_assets.cli.drift import drift_table
from lake_assets.contract.layers import LAKE_TABLES, WHOLE_TABLE
from lake_assets.errors import LakeError, QueryError
from lake_assets.lake.lake import Lake
from lake_assets.query.verify import Verified, plain_name, verify

_PARTITIONS_SHOWN = 3
_NUMBERS = ("partitions", "violations")


class BrokenInvariantError(LakeError):
    """Published figures break an invariant that blocks."""


class DriftError(LakeError):
    """Storage or catalog are not what the ledger says, so that readers may get wrong answers."""


def verify_lake(lake: Lake, name: str | None, form: str, *, deep: bool) -> None:
    """Print what was found. Raises `BrokenInvariantError` or `DriftError` when readers may get wrong answers.

    Drift is told also when it is why the tables cannot be read.
    """
    try:
        verified = verify(lake, name)
    except QueryError:
        drift = _drift(lake, name, deep=deep)
        if drift:
            _show([], drift, form)
        raise
    drift = _drift(lake, name, deep=deep)
    _show(verified, drift, form)
    serious = [f"{each.table} {each.rule.name}" for each in verified if each.broken and each.rule.action == "block"]
    problems = []
    if serious:
        problems.append(
            f"The published gold tables break what must hold: {', '.join(serious)}. `lake-assets run` builds anew what is "
            "behind its sources; what stays broken after it should be reported."
        )
    drifted = sorted({each.table for each in drift or () if each.serious})
    if drifted:
        problems.append(
            f"Storage or catalog differ from the ledger: {', '.join(drifted)}. `lake-assets repair` mends what it can."
        )
    if problems:
        raise (BrokenInvariantError if serious else DriftError)("\n".join(problems))


def _drift(lake: Lake, name: str | None, *, deep: bool) -> list[Difference] | None:
    """Of all tables, or of one of gold; None when there is no ledger to compare with, or no such table."""
    tables = [table for table in LAKE_TABLES if name is None or table.identifier == f"gold.{plain_name(name)}"]
    return differences(lake, tables, deep=deep) if tables and has_ledger(lake) else None


def _show(verified: Sequence[Verified], drift: Sequence[Difference] | None, form: str) -> None:
    if form == "json":
        told = [*(_as_json(each) for each in verified), *(_drift_as_json(each) for each in drift or ())]
        json.dump(told, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    if verified:
        output.print(_table(verified))
    if drift is None:
        output.print("The lake has no ledger, so its objects and its catalog were not compared.")
    elif drift:
        output.print(drift_table(drift))
    else:
        output.print("Objects and catalog are what the ledger says.")


def _drift_as_json(found: Difference) -> dict[str, Any]:
    """As an invariant, with the partitions where it does not hold; what is in no partition counts for the whole table."""
    return {
        "table": found.table,
        "rule": f"drift__{found.kind}",
        "action": "block" if found.serious else "warn",
        "demands": MEANINGS[found.kind].demands,
        "partitions": len(found.partitions),
        "broken": dict.fromkeys(found.partitions or (WHOLE_TABLE,), 1),
        "missing": [],
        "subject": found.subject,
        "expected": found.expected,
        "found": found.found,
    }


def _table(verified: Iterable[Verified]) -> Table:
    """A line for each rule that is broken, and one for all of a kind that hold, or could not be checked."""
    grid = Table(title="Invariants of gold")
    for heading in ("table", "rule", "action", "partitions", "violations", "where"):
        grid.add_column(heading, justify="right" if heading in _NUMBERS else "left", overflow="fold")
    by_kind: dict[tuple[str, str], list[Verified]] = {}
    for each in verified:
        by_kind.setdefault((each.table, each.rule.kind), []).append(each)
    for (table, kind), rules in by_kind.items():
        holding = [each for each in rules if each.holds]
        if holding:
            actions = ", ".join(sorted({each.rule.action for each in holding}))
            grid.add_row(table, _name(kind, holding), actions, f"{holding[0].partitions:,}", "0", "")
        for each in rules:
            if each.broken:
                grid.add_row(
                    table,
                    each.rule.name,
                    each.rule.action,
                    f"{each.partitions:,}",
                    f"{sum(each.broken.values()):,}",
                    _where(each.broken),
                    style="red" if each.rule.action == "block" else "yellow",
                )
        for missing, unchecked in groupby(rules, key=lambda each: each.missing):
            if missing:
                told = f"not checked: {', '.join(missing)} not published"
                grid.add_row(table, _name(kind, list(unchecked)), "", "", "", told)
    return grid


def _name(kind: str, rules: Sequence[Verified]) -> str:
    return rules[0].rule.name if len(rules) == 1 else f"{kind}: {len(rules)} rules"


def _where(broken: Mapping[str, int]) -> str:
    """The first partitions with violations, and how many more there are."""
    shown = [f"{partition} ({n:,})" for partition, n in list(broken.items())[:_PARTITIONS_SHOWN]]
    more = len(broken) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def _as_json(found: Verified) -> dict[str, Any]:
    return {
        "table": found.table,
        "rule": found.rule.name,
        "action": found.rule.action,
        "demands": found.rule.sentence,
        "partitions": found.partitions,
        "broken": dict(found.broken),
        "missing": list(found.missing),
    }
