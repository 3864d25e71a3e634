"""The profile of a table: what each column holds, and the rules that its contract could add.

What belongs here: measuring and judging. What does not: how a profile is shown (`cli/profile.py`). Every column is counted
value by value once, so all figures are exact; what else is asked of the column is asked of these counts.
"""

from __future__ import annotations

import difflib
import json
import re
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import duckdb
from duckdb import ColumnExpression, ConstantExpression, DuckDBPyConnection, DuckDBPyRelation, FunctionExpression

from lake_assets.catalog.views import all_view_statements, view_name
from lake_assets.contract.layers import BRONZE, GOLD, LOAD_TIMESTAMP, SILVER, SILVER_DIMENSIONS, LakeTable
from lake_assets.contract.model import Column
from lake_assets.contract.types import is_text, physical_type
from lake_assets.errors import QueryError
from lake_assets.query.duckdb import connect

ROWS_NEEDED = 100
"""Values a column must have before a rule is proposed: what is true of fewer may be so by chance."""
FEW_VALUES = 30
"""The most texts that are taken for a closed set. A longer list nobody would check by eye."""
OFTEN = 5
"""Rows in which every value of a closed set, or the extreme of a range, must occur: others as frequent would have shown."""
TEXTS_OF_A_FORM = 20
"""The fewest different texts from which a form is inferred; fewer resemble each other too easily."""
SHAPES_OF_A_FORM = 1000
"""A column whose texts differ more than this in their shape is prose, which has no form."""
SIGNS_OF_A_FORM = 3
"""A form that allows more signs than this besides letters of one case and digits excludes too little to be a rule."""
TOP_VALUES = 3
VALUES_WITH_A_TOP = 1000
"""With more different values than this the most frequent say little about the column."""

_CLASSES = {"a": "a-z", "A": "A-Z", "9": "0-9"}
"""The classes of signs in a form, by the sign that stands for each in a shape."""
_ESCAPED = {sign: f"\\{sign}" for sign in r"\.*+?|^$()[]{}"}

ProposalKind = Literal["filled", "constant", "values", "bounds", "pattern", "unique", "foreign_key"]


@dataclass(frozen=True)
class ColumnProfile:
    """One column. `low`, `high` and `top` (value and its rows, most frequent first) stay empty for personal data.

    `top` has only values that repeat, and none when there are too many of them.
    """

    name: str
    type: str
    personal: bool
    rows: int
    nulls: int
    distinct: int
    low: Any = None
    high: Any = None
    top: tuple[tuple[Any, int], ...] = ()


@dataclass(frozen=True)
class Proposal:
    """A rule the contract lacks: `words` is what to add to the column (or, for keys, to the table), as Python."""

    kind: ProposalKind
    column: str
    words: str
    evidence: str


@dataclass(frozen=True)
class TableProfile:
    """Columns in the order of the contract, the partition last. Proposals are empty below `ROWS_NEEDED` rows."""

    table: LakeTable
    rows: int
    columns: tuple[ColumnProfile, ...]
    proposals: tuple[Proposal, ...]
    seconds: float


@dataclass(frozen=True)
class _Seen:
    """What a column holds: `counts` has one row (value, rows) per value other than NULL; the other fields sum it up.

    `present` rows have a value, `low_rows` and `high_rows` an extreme, `rarest` the rarest value.
    """

    counts: DuckDBPyRelation
    rows: int
    distinct: int
    low: Any
    high: Any
    present: int
    low_rows: int
    high_rows: int
    rarest: int


def profile_table(root: Path, name: str) -> TableProfile:
    """Profile `layer.table`, or a table of that name in silver, else gold, else bronze.

    Raises `QueryError` when there is no such table, when nothing of it is published, or when it cannot be read.
    """
    started = time.monotonic()
    published = {view for view in all_view_statements(root) if not view.startswith("quarantine.")}
    if not published:
        raise QueryError(f"Nothing is published in the lake at {root} yet. Run `lake-assets run` first.")
    table = _find(published, name)
    dimensions = [each for each in SILVER_DIMENSIONS if view_name(each) in published and each.name != table.name]
    with connect(root) as connection:
        try:
            return _profile(connection, table, dimensions, started)
        except duckdb.Error as error:
            raise QueryError(f"{view_name(table)} cannot be read: {str(error).splitlines()[0]}") from error


def _find(published: Collection[str], name: str) -> LakeTable:
    asked = name.strip().lower()
    every = [each for layer in (SILVER, GOLD, BRONZE) for each in layer.values()]
    known = {view_name(each): each for each in every if asked in (each.name, view_name(each))}
    there = [table for view, table in known.items() if view in published]
    if there:
        return there[0]
    if known:
        raise QueryError(f"Nothing is published yet in {', '.join(known)}. Run `lake-assets run` first.")
    # Compared without a layer where none was given: a slip would otherwise bring the same table from each of them.
    names = published if "." in asked else {view.partition(".")[2] for view in published}
    close = difflib.get_close_matches(asked, sorted(names))
    meant = f"Did you mean {' or '.join(close)}? " if close else ""
    views = ", ".join(sorted(published))
    raise QueryError(f"Unknown table {name!r}. {meant}Tables are named layer.table; there are {views}.")


def _profile(
    connection: DuckDBPyConnection, table: LakeTable, dimensions: Sequence[LakeTable], started: float
) -> TableProfile:
    relation = connection.sql(f"FROM {view_name(table)}")
    (rows,) = relation.count("*").fetchall()[0]
    partition = () if table.partition_column is None else (Column(table.partition_column, "partition", ""),)
    # What the lake itself adds to a source table has no place in the contract of that table.
    ruled = {column.name for column in (table.source or table).columns} - {LOAD_TIMESTAMP.name}
    columns: list[ColumnProfile] = []
    proposals: list[Proposal] = []
    for column in (*table.columns, *partition):
        seen = _look(connection, relation, rows, column.name)
        columns.append(_summary(column, seen))
        if column.name in ruled and seen.present >= ROWS_NEEDED:
            proposals += _proposals(connection, table, dimensions, column, seen)
    return TableProfile(table, rows, tuple(columns), tuple(proposals), time.monotonic() - started)


def _look(connection: DuckDBPyConnection, relation: DuckDBPyRelation, rows: int, name: str) -> _Seen:
    present = relation.select(ColumnExpression(name).alias("value")).filter("value IS NOT NULL")
    # Kept in memory, as a relation is computed anew for each question.
    counts = connection.from_arrow(present.aggregate("value, count(*) AS rows").to_arrow_table())
    sums = "count(*), min(value), max(value), sum(rows), arg_min(rows, value), arg_max(rows, value), min(rows)"
    distinct, low, high, *of_rows = counts.aggregate(sums).fetchall()[0]
    return _Seen(counts, rows, distinct, low, high, *(count or 0 for count in of_rows))


def _summary(column: Column, seen: _Seen) -> ColumnProfile:
    figures = (column.name, column.type, column.personal, seen.rows, seen.rows - seen.present, seen.distinct)
    if column.personal:
        return ColumnProfile(*figures)
    top = seen.counts.order("rows DESC, value").limit(TOP_VALUES).fetchall()
    repeated = tuple((value, count) for value, count in top if count > 1)
    return ColumnProfile(*figures, seen.low, seen.high, repeated if seen.distinct <= VALUES_WITH_A_TOP else ())


def _proposals(
    connection: DuckDBPyConnection, table: LakeTable, dimensions: Sequence[LakeTable], column: Column, seen: _Seen
) -> Iterator[Proposal]:
    name, kind, source = column.name, physical_type(column), table.source
    if column.nullable and not column.filled and seen.present == seen.rows:
        # A gold table follows no specification that allows NULL, so it can forbid it.
        words = "filled=True" if source else "nullable=False"
        yield Proposal("filled", name, words, f"no NULL in {seen.rows:,} rows")
    if is_text(column) and not column.values and not column.pattern:
        yield from _of_text(column, seen)
    # A gold table declares no keys but its own. The bounds of a reference are those of the keys that it refers to.
    refers = source is not None and name in {each.column for each in source.foreign_keys}
    is_key = (name,) == table.primary_key
    reference = None if source is None or refers or is_key else _reference(connection, dimensions, column, seen)
    if kind.startswith(("int", "bigint", "decimal")) and not (column.personal or refers or reference):
        yield from _of_number(table, column, seen)
    # Amounts differ by chance.
    declared = is_key or source is None or name in (source.business_key, *source.also_unique) or "decimal" in kind
    if seen.distinct == seen.present and not declared:
        yield Proposal("unique", name, f'also_unique=("{name}",)', f"{seen.present:,} values, none twice")
    if reference:
        yield reference


def _of_text(column: Column, seen: _Seen) -> Iterator[Proposal]:
    if seen.distinct <= FEW_VALUES and seen.rarest >= OFTEN and not column.personal:
        values = [json.dumps(text, ensure_ascii=False) for (text, _) in seen.counts.order("value").fetchall()]
        words = f"values=({', '.join(values)}{',' if len(values) == 1 else ''})"
        if len(values) == 1:
            yield Proposal("constant", column.name, words, f"the only value, in {seen.present:,} rows")
        else:
            evidence = f"{len(values)} values in {seen.present:,} rows, the rarest in {seen.rarest:,}"
            yield Proposal("values", column.name, words, evidence)
    elif seen.distinct >= TEXTS_OF_A_FORM and (pattern := form_of(_shapes(seen.counts))):
        evidence = f"all of {seen.present:,} values, {seen.distinct:,} different ones"
        yield Proposal("pattern", column.name, f"pattern={json.dumps(pattern)}", evidence)


def _of_number(table: LakeTable, column: Column, seen: _Seen) -> Iterator[Proposal]:
    words, evidence = [], []
    # Numbers that begin at 1 count something, of which there may be but one.
    attained = seen.low_rows >= OFTEN or seen.low == 1
    if column.low is None and (attained or seen.low >= 0):
        words.append(f"low={_number(seen.low if attained else 0)}")
        evidence.append(f"smallest {seen.low} ({seen.low_rows:,}x)")
    # Key numbers go on growing.
    if column.high is None and seen.high_rows >= OFTEN and column.name not in table.primary_key:
        words.append(f"high={_number(seen.high)}")
        evidence.append(f"largest {seen.high} ({seen.high_rows:,}x)")
    if len(words) == 2 and seen.distinct == 1:
        yield Proposal("constant", column.name, ", ".join(words), f"the only value, in {seen.present:,} rows")
    elif words:
        yield Proposal("bounds", column.name, ", ".join(words), f"{', '.join(evidence)} in {seen.present:,} values")


def _number(value: Decimal | int) -> str:
    if value != (whole := int(value)):
        return f'Decimal("{value}")'
    return f"{whole:_}" if abs(whole) >= 10_000 else str(whole)


def _shapes(counts: DuckDBPyRelation) -> set[str]:
    """The texts with every letter and digit replaced by `a`, `A` or `9`; one more than a form may have, at most."""
    shape = ColumnExpression("value")
    for sign, signs in _CLASSES.items():
        arguments = (ConstantExpression(text) for text in (f"[{signs}]", sign, "g"))
        shape = FunctionExpression("regexp_replace", shape, *arguments)
    return {text for (text,) in counts.select(shape).distinct().limit(SHAPES_OF_A_FORM + 1).fetchall()}


def form_of(shapes: Collection[str]) -> str | None:
    """The regular expression of texts of these shapes, or None when they have no form in common.

    The narrowest of: one shape for all, one shape but for the length of its runs, the set of signs that occur.
    """
    signs = set("".join(shapes))
    if len(shapes) > SHAPES_OF_A_FORM or "" in shapes or not all(" " <= sign <= "~" for sign in signs):
        return None
    for exact in (True, False):
        patterns = {_pattern(shape, exact) for shape in shapes}
        if len(patterns) == 1:
            return patterns.pop()
    others = sorted(signs - set(_CLASSES), key=lambda sign: (sign == "-", sign))
    if {"a", "A"} <= signs or len(others) > SIGNS_OF_A_FORM:
        return None
    members = [_CLASSES[sign] for sign in "aA9" if sign in signs] + [_ESCAPED.get(sign, sign) for sign in others]
    lengths = {len(shape) for shape in shapes}
    return f"[{''.join(members)}]" + (f"{{{lengths.pop()}}}" if len(lengths) == 1 else "+")


def _pattern(shape: str, exact: bool) -> str:
    def run(found: re.Match[str]) -> str:
        sign, length = found[0][0], len(found[0])
        if sign not in _CLASSES:
            return _ESCAPED.get(sign, sign)
        return f"[{_CLASSES[sign]}]" + ("+" if sign in "a9" and not exact else f"{{{length}}}" if length > 1 else "")

    return re.sub(r"([aA9])\1*|.", run, shape)


def _reference(
    connection: DuckDBPyConnection, dimensions: Sequence[LakeTable], column: Column, seen: _Seen
) -> Proposal | None:
    """A dimension whose keys are of the same type, share a word with the column's name, and include all of its values."""
    fitting: list[tuple[int, int, str]] = []
    for dimension in dimensions:
        key = next(each for each in dimension.columns if each.name == dimension.primary_key[0])
        shared = set(column.name.split("_")) & set(key.name.split("_")[1:])
        if shared and physical_type(key) == physical_type(column):
            keys = connection.sql(f"FROM {view_name(dimension)}").select(ColumnExpression(key.name).alias("key"))
            if not seen.counts.join(keys, "value = key", how="anti").limit(1).fetchall():
                fitting.append((-len(shared), len(keys), dimension.name))
    if not fitting:
        return None
    # The key that is named most alike, then the smallest dimension, which is the least likely to fit by chance.
    (_, size, name), *others = sorted(fitting)
    also = f" (and among those of {', '.join(other for *_, other in others)})" if others else ""
    evidence = f"all {seen.distinct:,} different values are among the {size:,} keys of {name}{also}"
    return Proposal("foreign_key", column.name, f'references({name}=("{column.name}",))', evidence)
