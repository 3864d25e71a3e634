"""`lake-assets verify`: whether the published gold tables are what they must be."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.table import Table

from lake_assets.cli.console import output
from lake_assets.errors import LakeError
from lake_assets.query.verify import Verified

_PARTITIONS_SHOWN = 3
_NUMBERS = ("partitions", "violations")


class BrokenInvariantError(LakeError):
    """Published figures break an invariant that blocks."""


def show_verified(verified: list[Verified], form: str) -> None:
    """Print what was found. Raises `BrokenInvariantError` when what is broken should not have been published."""
    if form == "json":
        json.dump([_as_json(each) for each in verified], sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        output.print(_table(verified))
    serious = [f"{each.table} {each.rule.name}" for each in verified if each.broken and each.rule.action == "block"]
    if serious:
        raise BrokenInvariantError(
            f"The published gold tables break what must hold: {', '.join(serious)}. `lake-assets run` builds anew what is "
            "behind its sources; what stays broken after it should be reported."
        )


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
