"""Valid rows of the gold tables, damaged so that each of their rules is broken.

From the rule follows what is damaged: a column that it reads, in a row in which it has a value. A rule of single rows is given
that row alone; one about several rows, a table in which one partition is damaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from lake_assets.contract.layers import LakeTable
from lake_assets.contract.rules import Rule, rules_of
from lake_assets_tests.support.lake_support import Row

ALL_COLUMNS = ("*",)
"""Of a damage after which a row is missing, or stands twice."""
_FAR = 1_000_000
_LAST_PARTITION = "2003"
_ALL_CHANNELS = ("totals__all", "totals__new_customers")


@dataclass(frozen=True)
class Damage:
    """What was changed for `rule`: the columns `changed` of a row, in the partition `partition` of the table `rows`."""

    rule: str
    changed: tuple[str, ...]
    partition: str
    rows: tuple[Row, ...]


def row_damages(table: LakeTable, rows: Sequence[Row]) -> Iterator[Damage]:
    """For every rule of single rows one or several rows, at least one of which breaks it."""
    part = str(table.partition_column)
    for rule in rules_of(table):
        if rule.invariant and rule.invariant.condition:
            column = _damaged_column(rule, table)
            row = _with_values(rows, rule.columns)
            for value in _wrong_values(rule, row[column]):
                yield Damage(rule.name, (column,), row[part], (row | {column: value},))


def table_damages(table: LakeTable, rows: Sequence[Row]) -> list[list[Damage]]:
    """For every rule about several rows a damage of one partition; those of one list lie in different partitions."""
    part = str(table.partition_column)
    partitions: dict[str, list[Row]] = {}
    for row in rows:
        partitions.setdefault(row[part], []).append(row)
    rounds: list[list[Damage]] = []
    for rule in rules_of(table):
        if rule.invariant and rule.invariant.query:
            possible = [found for key, known in partitions.items() if (found := _damaged(rule, table, key, known))]
            assert possible, f"no partition of {table.identifier} can be damaged for {rule.name}"
            _place(rounds, possible)
    return rounds


def _place(rounds: list[list[Damage]], possible: Sequence[Damage]) -> None:
    for known in rounds:
        free = [each for each in possible if each.partition not in {damage.partition for damage in known}]
        if free:
            known.append(free[0])
            return
    rounds.append([possible[0]])


def damaged_table(table: LakeTable, rows: Sequence[Row], damages: Sequence[Damage]) -> list[Row]:
    part = str(table.partition_column)
    damaged = {damage.partition for damage in damages}
    kept = [row for row in rows if row[part] not in damaged]
    return kept + [row for damage in damages for row in damage.rows]


def _damaged(rule: Rule, table: LakeTable, partition: str, rows: Sequence[Row]) -> Damage | None:
    """The partition with one damage, None where that is not possible.

    What changes the number of rows is done in the last year, so that no growth of a later one is wrong too.
    """
    ordered = sorted(rows, key=lambda row: [str(row[name]) for name in table.primary_key])
    if rule.kind in ("unique", "complete"):
        if not partition.startswith(_LAST_PARTITION):
            return None
        middle = len(ordered) // 2
        others = ordered[:middle] + ordered[middle + 1 :]
        return Damage(
            rule.name, ALL_COLUMNS, partition, (*others, *([ordered[middle]] * 2 if rule.kind == "unique" else []))
        )
    if rule.kind == "ranking" and rule.subject.endswith("_score"):
        return _exchanged(rule, partition, ordered)
    column = _damaged_column(rule, table)
    wanted = "all" if rule.name in _ALL_CHANNELS else None
    fit = [
        row
        for row in ordered
        if all(row[name] is not None for name in rule.columns) and (wanted is None or row["channel"] == wanted)
    ]
    if not fit:
        return None
    last = max(fit, key=lambda row: row["revenue_row_no"]) if rule.subject == "cumulative_share" else fit[-1]
    value = last[column] + 1 if rule.kind == "totals" else _wrong_values(rule, last[column])[0]
    return Damage(
        rule.name, (column,), partition, tuple(row | {column: value} if row is last else row for row in ordered)
    )


def _exchanged(rule: Rule, partition: str, rows: Sequence[Row]) -> Damage | None:
    """The highest and the lowest score change places."""
    scored = sorted((row for row in rows if row[rule.subject] is not None), key=lambda row: int(row[rule.subject]))
    if not scored or scored[0][rule.subject] == scored[-1][rule.subject]:
        return None
    low, high = scored[0], scored[-1]
    others = [row for row in rows if row is not low and row is not high]
    exchanged = [low | {rule.subject: high[rule.subject]}, high | {rule.subject: low[rule.subject]}]
    return Damage(rule.name, (rule.subject,), partition, (*others, *exchanged))


def _damaged_column(rule: Rule, table: LakeTable) -> str:
    columns = {column.name for column in table.columns}
    return rule.subject if rule.subject in columns else rule.columns[-1]


def _with_values(rows: Sequence[Row], columns: Sequence[str]) -> Row:
    return next((row for row in rows if all(row[name] is not None for name in columns)), rows[0])


def _wrong_values(rule: Rule, value: Any) -> list[Any]:
    if rule.kind == "not_null":
        return [None]
    if rule.kind == "range":
        return [_FAR, -1]
    if isinstance(value, Decimal):
        return [value + Decimal(1).scaleb(int(value.as_tuple().exponent)), None]
    return [_other(value)] if not isinstance(value, str) else [f"{value}x", "None"]


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + (timedelta(400) if isinstance(value, date) else 1)
