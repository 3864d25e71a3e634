"""The invariants of gold, recomputed from what is published: by DuckDB or Athena, which took no part in building it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lake_assets.contract.invariants import ACROSS, tables_of
from lake_assets.contract.layers import GOLD, WHOLE_TABLE, LakeTable
from lake_assets.contract.model import Invariant
from lake_assets.contract.rules import Rule, of_invariant
from lake_assets.errors import QueryError
from lake_assets.lake.audit import Verdict
from lake_assets.lake.lake import Lake
from lake_assets.query.engine import Questions, questions

ACROSS_TABLES = "across tables"


@dataclass(frozen=True)
class Verified:
    """What one rule found: a verdict for each partition, or the tables that are `missing` for it to be checked.

    What holds across tables is looked at as a whole: it has verdicts for the partitions in which it is broken, or else one.
    """

    table: str
    rule: Rule
    verdicts: tuple[Verdict, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.broken and not self.missing

    @property
    def partitions(self) -> int:
        """Partitions that were checked."""
        return len(self.verdicts)

    @property
    def broken(self) -> Mapping[str, int]:
        """Violations by partition, where they are more than the rule allows."""
        return {verdict.partition: verdict.violations or 0 for verdict in self.verdicts if verdict.failed}


def verify(lake: Lake, name: str | None = None) -> list[Verified]:
    """Every invariant of the gold tables, or of one, in the order of the rules; then those across tables that concern them.

    Actions and thresholds are those of the settings. Raises `QueryError` for an unknown table, and when nothing is published or
    what is cannot be read.
    """
    tables = list(GOLD.values()) if name is None else [_find(name)]
    with questions(lake.settings) as asked:
        if not asked.tables:
            raise QueryError(
                f"Nothing is published in the lake at {lake.settings.root} yet. Run `lake-assets run` first."
            )
        return [
            *(found for table in tables for found in _of_table(asked, lake, table)),
            *_across(asked, {table.identifier for table in tables}),
        ]


def plain_name(name: str) -> str:
    """A gold table's name as a user may have written it, without its layer."""
    return name.strip().lower().removeprefix("gold.")


def _find(name: str) -> LakeTable:
    asked = plain_name(name)
    if asked not in GOLD:
        close = difflib.get_close_matches(asked, GOLD)
        meant = f"Did you mean {' or '.join(close)}? " if close else ""
        raise QueryError(f"Unknown gold table {name!r}. {meant}There are {', '.join(GOLD)}.")
    return GOLD[asked]


def _of_table(asked: Questions, lake: Lake, table: LakeTable) -> Iterator[Verified]:
    rules = [(rule, rule.invariant) for rule in lake.rules(table) if rule.invariant]
    if table.identifier not in asked.tables:
        yield from (Verified(table.identifier, rule, missing=(table.identifier,)) for rule, _ in rules)
        return
    rows, counts = _counted(asked, table, [invariant for _, invariant in rules if invariant.condition])
    for rule, invariant in rules:
        missing = _missing(invariant, asked)
        if missing:
            yield Verified(table.identifier, rule, missing=missing)
        else:
            broken = counts[invariant] if invariant.condition else _found(asked, invariant)
            partitions = sorted({*rows, *broken})
            verdicts = (Verdict(rule, key, rows.get(key, 0), broken.get(key, 0)) for key in partitions)
            yield Verified(table.identifier, rule, tuple(verdicts))


def _across(asked: Questions, chosen: set[str]) -> Iterator[Verified]:
    for invariant in ACROSS:
        rule, missing = of_invariant(invariant), _missing(invariant, asked)
        of_gold = {name for name in tables_of(invariant.query) if name.startswith("gold.")}
        if of_gold and not of_gold & chosen:
            continue
        if missing:
            yield Verified(ACROSS_TABLES, rule, missing=missing)
        else:
            found = _found(asked, invariant) or {WHOLE_TABLE: 0}
            yield Verified(ACROSS_TABLES, rule, tuple(Verdict(rule, key, 0, n) for key, n in sorted(found.items())))


def _missing(invariant: Invariant, asked: Questions) -> tuple[str, ...]:
    return tuple(sorted(tables_of(invariant.query) - asked.tables))


def _found(asked: Questions, invariant: Invariant) -> dict[str, int]:
    """Violations by partition."""
    counted = f"SELECT part, CAST(SUM(n) AS BIGINT) FROM ({invariant.query}) AS broken GROUP BY part"
    return {str(part): int(n) for part, n in asked.rows(counted)}


def _counted(
    asked: Questions, table: LakeTable, invariants: Sequence[Invariant]
) -> tuple[dict[str, int], dict[Invariant, dict[str, int]]]:
    """Rows by partition, and rows that break each condition by partition, in one scan."""
    counts = "".join(f", COUNT(*) FILTER ({invariant.condition})" for invariant in invariants)
    found = asked.rows(
        f"SELECT {table.partition_column}, COUNT(*){counts} FROM {table.identifier} GROUP BY {table.partition_column}"
    )
    rows = {partition: n for partition, n, *_ in found}
    return rows, {
        invariant: {partition: broken[position] for partition, _, *broken in found if broken[position]}
        for position, invariant in enumerate(invariants)
    }
