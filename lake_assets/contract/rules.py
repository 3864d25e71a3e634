"""The rules of every table, derived from what the contract says of its columns and keys.

What belongs here: which rules a table has, what happens to rows that break one, and the sentence that says so. What does not:
how a rule is evaluated (`compute/audit.py`, `lake/audit.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from lake_assets.contract.calendar import FIRST_YEAR, LAST_YEAR
from lake_assets.contract.gold import GOLD_TABLES
from lake_assets.contract.invariants import invariants_of
from lake_assets.contract.layers import LakeTable
from lake_assets.contract.model import Column, ForeignKey, Identity, Invariant, Table
from lake_assets.contract.types import text_length

Action = Literal["warn", "quarantine", "block"]
Kind = Literal[
    "readable",
    "schema",
    "not_null",
    "calendar",
    "accepted_values",
    "range",
    "pattern",
    "length",
    "identity",
    "foreign_key",
    "sale",
    "order_header",
    "history",
    "unique",
    "partition",
    "recomputed",
    "ranking",
    "complete",
    "totals",
    "row_count",
    "conservation",
    "freshness",
]
Scope = Literal["line", "file", "placement", "row", "reference", "sale", "order", "set", "repeats", "publication"]
"""How much a rule looks at.

`line`: a line of a source file; `file`: a source file; `placement`: a row before it is given a partition; `row`: a row;
`reference`: a row and another table; `sale`: a return and its sale; `order`: the lines of an order; `set`: the rows of a
partition; `repeats`: rows that were removed because another has their key; `publication`: the partition as a whole.
"""

SAMPLES = 5
"""Rows named as examples of those that break a rule."""

SHRINKS_TO = 0.5
GROWS_TO = 10
ROWS_WORTH_COMPARING = 100
"""Bounds of `row_count`, as shares of the rows published before, and the least number of these with which they say anything."""

KINDS: dict[Kind, str] = {
    "readable": "Every line can be read in the declared columns and types",
    "schema": "Source files have the declared columns",
    "not_null": "Values that must be present are",
    "calendar": "Days lie within the calendar of the lake",
    "accepted_values": "Values are among the accepted ones",
    "range": "Numbers lie within their bounds",
    "pattern": "Texts have their form",
    "length": "Texts are not longer than declared",
    "identity": "Amounts add up",
    "foreign_key": "References lead to an existing row",
    "sale": "Returns fit the sale they undo",
    "order_header": "The lines of an order agree",
    "history": "Versions of a slowly changing row follow each other",
    "unique": "Keys do not repeat",
    "partition": "Rows lie in the partition that they belong to",
    "recomputed": "Figures follow from those that they are made of",
    "ranking": "Ranks and scores are in the order of what they rank",
    "complete": "No row is left out",
    "totals": "Totals equal the sums of their parts",
    "row_count": "The number of rows is in proportion to the publication before",
    "conservation": "Every source row is accounted for",
    "freshness": "No batch of files is left waiting",
}


@dataclass(frozen=True)
class Rule:
    """One rule of one table. `name` is unique within the table and never holds a bound, so that its history survives one.

    `action` is what happens unless the settings say otherwise: `warn` keeps and counts the row, `quarantine` takes it
    out, `block` keeps the whole partition from being published. `threshold` is the share of the rows checked that may break
    the rule before it counts as failed (and, for `block`, before it blocks). `columns` are those it reads.
    """

    kind: Kind
    scope: Scope
    action: Action
    subject: str
    sentence: str
    columns: tuple[str, ...]
    threshold: float = 0.0
    column: Column | None = None
    identity: Identity | None = None
    foreign_key: ForeignKey | None = None
    invariant: Invariant | None = None

    @property
    def name(self) -> str:
        return f"{self.kind}__{self.subject}" if self.subject else self.kind

    @property
    def allowed_actions(self) -> tuple[Action, ...]:
        """Only a row can be taken out; and one without key or place cannot be kept."""
        if self.scope in ("line", "file", "placement"):
            return ("quarantine", "block")
        if self.scope in ("row", "reference", "sale"):
            return ("warn", "quarantine", "block")
        return ("warn", "block")


@cache
def rules_of(table: LakeTable) -> tuple[Rule, ...]:
    """All rules of a table, in the order in which they are evaluated and told."""
    if table.layer == "bronze":
        return tuple(_bronze(table))
    if table.layer == "gold":
        return tuple(_gold(table))
    return tuple(_silver(table))


def rule_of(table: LakeTable, name: str) -> Rule:
    """The rule of that name; KeyError when the table has none."""
    for rule in rules_of(table):
        if rule.name == name:
            return rule
    raise KeyError(f"{table.identifier} has no rule {name!r}")


def overridden(rule: Rule, action: Action | None, threshold: float | None) -> Rule:
    """The rule with another action and threshold. What is broken or not as a whole has no threshold."""
    if rule.scope in ("file", "publication"):
        threshold = None
    return replace(
        rule,
        action=action or rule.action,
        threshold=rule.threshold if threshold is None else threshold,
    )


def _bronze(table: LakeTable) -> Iterator[Rule]:
    yield Rule(
        "readable",
        "line",
        "quarantine",
        "",
        f"Every line of a file of {table.name} has {len(table.columns)} fields, each readable as its declared type.",
        tuple(column.name for column in table.columns),
    )
    yield Rule(
        "schema",
        "file",
        "block",
        "",
        f"The files of {table.name} have the columns that are declared, no more and no fewer.",
        tuple(column.name for column in table.columns),
    )
    yield _conservation(f"Every line of a file of {table.name} is either published or in quarantine.")


def _silver(table: LakeTable) -> Iterator[Rule]:
    source = table.source
    if source is None:
        raise ValueError(f"{table.identifier} has no source table")
    yield from _placement(source)
    for column in source.columns:
        yield from _of_column(column, source)
    for identity in source.identities:
        yield _identity(identity, source)
    if source.scd2:
        yield from _history(source)
    for foreign_key in source.foreign_keys:
        yield _foreign_key(foreign_key, source)
    if source.sale:
        yield from _sale(source)
    if source.order:
        yield from _order(source)
    yield from _unique(source)
    yield _row_count()
    yield _conservation(
        f"Every row of bronze.{table.name} is published, in quarantine, or a removed duplicate, and counted once."
    )
    yield Rule(
        "freshness",
        "publication",
        "warn",
        "",
        f"No files of {table.name} wait longer than the settings allow (LAKE_FRESH_HOURS) to become part of silver.",
        (),
    )


def _gold(table: LakeTable) -> Iterator[Rule]:
    for invariant in invariants_of(table):
        yield of_invariant(invariant)
    yield _row_count("warn" if GOLD_TABLES[table.name].rows_move else "block")


def of_invariant(invariant: Invariant) -> Rule:
    """Of the rows of a partition together: gold is built of rows that were judged before, so nothing is taken out of it."""
    return Rule(
        invariant.kind,
        "set",
        invariant.action,
        invariant.subject,
        invariant.sentence,
        invariant.columns,
        invariant=invariant,
    )


def _placement(source: Table) -> Iterator[Rule]:
    for column in source.columns:
        if column.name in source.primary_key:
            yield _not_null(column, "placement")
    if source.month:
        day = source.month.column
        sentence = (
            f"Where {day} is present, it is a day from {FIRST_YEAR} to {LAST_YEAR}, the years of the lake's partitions."
        )
        yield Rule("calendar", "placement", "quarantine", day, sentence, (day,))


def _not_null(column: Column, scope: Scope) -> Rule:
    return Rule(
        "not_null", scope, "quarantine", column.name, f"{column.name} is never missing.", (column.name,), column=column
    )


def _of_column(column: Column, source: Table) -> Iterator[Rule]:
    """Rules of single values. A missing value breaks none but `not_null`.

    In a fact, a row with a wrong value is taken out, because its figures would be added up. A row of a dimension stays:
    without it all sales that refer to it would have to go too. Only what identifies it must be right.
    """
    names = (column.name,)
    of_value: Action = "quarantine" if source.is_fact or column.name == source.business_key else "warn"
    if not column.nullable and column.name not in source.primary_key:
        yield _not_null(column, "row")
    if column.filled:
        yield replace(_not_null(column, "row"), action="warn")
    if column.values:
        sentence = f"{column.name} is one of {', '.join(column.values)}."
        yield Rule("accepted_values", "row", of_value, column.name, sentence, names, column=column)
    if column.low is not None or column.high is not None:
        sentence = f"{column.name} is {_bounds(column)}."
        yield Rule("range", "row", of_value, column.name, sentence, names, column=column)
    if column.pattern:
        sentence = f"{column.name} has the form {column.pattern}."
        yield Rule("pattern", "row", of_value, column.name, sentence, names, column=column)
    length = text_length(column)
    if length is not None:
        sentence = f"{column.name} has at most {length} characters."
        yield Rule("length", "row", of_value, column.name, sentence, names, column=column)


def _bounds(column: Column) -> str:
    if column.high is None:
        return f"at least {column.low}"
    if column.low is None:
        return f"at most {column.high}"
    return f"between {column.low} and {column.high}"


def _identity(identity: Identity, source: Table) -> Rule:
    named = {identity.column, *re.findall(r"[a-z_]\w*", identity.formula)}
    operands = tuple(name for name in source.column_names if name in named)
    return Rule(
        "identity",
        "row",
        "quarantine" if source.is_fact else "warn",
        identity.column,
        f"{identity.column} = {identity.formula}, wherever all of them are present.",
        operands,
        identity=identity,
    )


def _foreign_key(foreign_key: ForeignKey, source: Table) -> Rule:
    by_order = source.order is not None and foreign_key.column == source.order.customer
    present = "is present, or taken from another line of the order" if by_order else "is present"
    return Rule(
        "foreign_key",
        "reference",
        "quarantine" if source.is_fact else "warn",
        foreign_key.column,
        f"Where {foreign_key.column} {present}, {foreign_key.references} has that row.",
        (foreign_key.column,),
        foreign_key=foreign_key,
    )


def _sale(source: Table) -> Iterator[Rule]:
    link, month = source.sale, source.month
    if link is None or month is None:
        raise ValueError(f"{source.name} has no sale to undo")
    key = (link.item, link.order)
    line = f"the line of {link.sales} with the same item and order"

    def rule(subject: str, sentence: str, *columns: str) -> Rule:
        return Rule("sale", "sale", "quarantine", subject, sentence, (*key, *columns))

    yield rule("exists", f"Every return undoes a sale: {line} exists.")
    yield rule("quantity", f"{link.quantity} is not more than {line} had.", link.quantity)
    yield rule("amount", f"{link.amount} is not more than {line} brought, before coupon and tax.", link.amount)
    yield rule("price", f"{link.amount} is {link.quantity} times the price on {line}.", link.quantity, link.amount)
    yield rule("date", f"{month.column} is not before the day of {line}.", month.column)


def _order(source: Table) -> Iterator[Rule]:
    header = source.order
    if header is None:
        raise ValueError(f"{source.name} has no orders")
    for subject, column in (("date", header.sold_date), ("customer", header.customer)):
        sentence = f"All lines with the same {header.order} that have a {column} have the same one."
        yield Rule("order_header", "order", "block", subject, sentence, (header.order, column))


def _history(source: Table) -> Iterator[Rule]:
    scd2, key = source.scd2, source.business_key
    if scd2 is None or key is None:
        raise ValueError(f"{source.name} keeps no history")
    columns = (key, scd2.start, scd2.end)
    yield Rule(
        "history",
        "row",
        "warn",
        "start_before_end",
        f"A version's {scd2.start} is not after its {scd2.end}, where both are present.",
        columns[1:],
    )
    yield Rule(
        "history",
        "set",
        "block",
        "one_open_version",
        f"At most one version of each {key} is open (has no {scd2.end}).",
        columns,
    )
    yield Rule(
        "history",
        "set",
        "block",
        "no_overlap",
        f"Versions of the same {key} that have a {scd2.start} are not valid on the same day.",
        columns,
    )


def _unique(source: Table) -> Iterator[Rule]:
    keys = " and ".join(source.primary_key)
    if source.is_fact:
        sentence = f"No two rows have the same {keys}; of those that do, the one delivered last stays."
    else:
        # A row of a dimension that arrives again in a later batch is news, not a fault.
        sentence = f"No two rows of a batch have the same {keys}; of those that do, one stays."
    yield Rule("unique", "repeats", "warn", "primary_key", sentence, source.primary_key)
    single = ([source.business_key] if source.business_key and not source.scd2 else []) + list(source.also_unique)
    for name in single:
        yield Rule("unique", "set", "warn", name, f"No two rows of {source.name} have the same {name}.", (name,))


def _row_count(action: Action = "block") -> Rule:
    return Rule(
        "row_count",
        "publication",
        action,
        "",
        f"A partition of {ROWS_WORTH_COMPARING} rows or more neither loses more than {1 - SHRINKS_TO:.0%} of them at once nor "
        f"grows to more than {GROWS_TO} times as many.",
        (),
    )


def _conservation(sentence: str) -> Rule:
    return Rule("conservation", "publication", "block", "", sentence, ())
