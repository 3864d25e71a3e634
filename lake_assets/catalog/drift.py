"""Drift: how a table, as a catalog, a crawler or Parquet footers show it, differs from what the contract and ledger say.

Pure comparison. What a source of knowledge cannot tell (a footer knows no comment) is None and not compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lake_assets.catalog.tables import CatalogTable, Values
from lake_assets.contract.types import physical_type

Kind = Literal[
    "missing_table",
    "extra_table",
    "missing_column",
    "extra_column",
    "column_type",
    "column_order",
    "column_comment",
    "partition_key",
    "missing_partition",
    "extra_partition",
    "location",
    "properties",
    "crawler",
    "unreadable_object",
    "missing_object",
    "altered_object",
    "foreign_object",
    "old_schema",
    "publishing",
]


@dataclass(frozen=True)
class Meaning:
    """What a kind of drift demands, whether readers may get wrong answers or none, and what `repair` does about it."""

    demands: str
    serious: bool
    remedy: str


_REGISTERED = "the table is registered again"
_BY_HAND = "nothing: look where it comes from"
_REBUILT = "the partition is built anew by the next run"
MEANINGS: dict[Kind, Meaning] = {
    "missing_table": Meaning("every audited table is in the catalog", True, _REGISTERED),
    "extra_table": Meaning("the databases hold the tables of the contract only", False, _BY_HAND),
    "missing_column": Meaning("every column of the contract is there", True, _REGISTERED),
    "extra_column": Meaning("there is no column but those of the contract", True, _REGISTERED),
    "column_type": Meaning("every column has its type", True, _REGISTERED),
    "column_order": Meaning("columns stand in the order of the contract", True, _REGISTERED),
    "column_comment": Meaning("every column has its comment", False, _REGISTERED),
    "partition_key": Meaning("the table is partitioned by its keys, as text", True, _REGISTERED),
    "missing_partition": Meaning("every published partition is in the catalog", True, _REGISTERED),
    "extra_partition": Meaning("there is no partition but the published ones", True, "the partition is removed"),
    "location": Meaning("tables and partitions lie where the lake is", True, _REGISTERED),
    "properties": Meaning("format, keys and tags are those of the contract", False, _REGISTERED),
    "crawler": Meaning("the crawler is set up to verify", False, "nothing: apply the infrastructure again"),
    "unreadable_object": Meaning("every object is Parquet", True, _BY_HAND),
    "missing_object": Meaning("every object of the ledger is there", True, _REBUILT),
    "altered_object": Meaning("every object is as it was published", True, _REBUILT),
    "foreign_object": Meaning("table folders hold published objects only: readers take every file", True, _BY_HAND),
    "old_schema": Meaning("partitions are published with the columns of the contract", True, _REBUILT),
    "publishing": Meaning(
        "no publication is half done", False, "nothing: a run is at it, or the next run settles what a dead one left"
    ),
}


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be. `subject` is a column or an object's key, `partitions` where it was found."""

    table: str
    kind: Kind
    subject: str = ""
    expected: str = ""
    found: str = ""
    partitions: tuple[str, ...] = ()

    @property
    def serious(self) -> bool:
        return MEANINGS[self.kind].serious


@dataclass(frozen=True)
class Field:
    """A column or partition key; a comment of None is unknown."""

    name: str
    type: str
    comment: str | None = None


@dataclass(frozen=True)
class Part:
    """A partition. `fields` None: it has those of its table; `location` None: unknown."""

    location: str | None = None
    fields: tuple[Field, ...] | None = None


@dataclass(frozen=True)
class Shape:
    """A table as something shows it. `parts` None: its partitions are unknown."""

    fields: tuple[Field, ...]
    keys: tuple[Field, ...]
    location: str | None = None
    parts: Mapping[Values, Part] | None = field(default_factory=dict)


def expected_shape(table: CatalogTable, root: object, partitions: Iterable[Values]) -> Shape:
    """The table of a lake at `root` as the contract and the ledger want it."""
    places = {values: Part(f"{root}/{table.partition_folder(values)}/") for values in partitions if values}
    return Shape(
        tuple(Field(column.name, physical_type(column), column.comment) for column in table.columns),
        tuple(Field(column.name, physical_type(column), column.comment) for column in table.partition_columns),
        f"{root}/{table.folder}/",
        places,
    )


def compare(name: str, expected: Shape, found: Shape | None) -> list[Difference]:
    """Every difference of a table: columns, keys, location, partitions, and the columns of each partition."""
    if found is None:
        return [Difference(name, "missing_table")]
    own = [
        Difference(name, kind, subject, wanted, seen)
        for kind, subject, wanted, seen in columns(expected.fields, found.fields)
    ]
    keys = [
        Difference(name, "partition_key", subject, wanted, seen)
        for _, subject, wanted, seen in columns(expected.keys, found.keys)
    ]
    place = [
        Difference(name, "location", "", wanted, seen) for wanted, seen in _other(expected.location, found.location)
    ]
    return [*own, *keys, *place, *_partitions(name, expected, found)]


def columns(expected: Sequence[Field], found: Sequence[Field]) -> Iterator[tuple[Kind, str, str, str]]:
    """What is different of a list of columns: kind, column, expected, found. Names are compared in lower case, as Glue does."""
    seen = {field.name.lower(): field for field in found}
    wanted = {field.name.lower(): field for field in expected}
    for name, one in wanted.items():
        if name not in seen:
            yield "missing_column", one.name, one.type, ""
            continue
        other = seen[name]
        if one.type != other.type:
            yield "column_type", one.name, one.type, other.type
        if one.comment is not None and other.comment is not None and one.comment != other.comment:
            yield "column_comment", one.name, one.comment, other.comment
    for name, other in seen.items():
        if name not in wanted:
            yield "extra_column", other.name, "", other.type
    order, actual = [name for name in wanted if name in seen], [name for name in seen if name in wanted]
    if order != actual:
        first = next(position for position, name in enumerate(order) if name != actual[position])
        yield "column_order", order[first], f"at {first + 1}", f"at {actual.index(order[first]) + 1}"


def _partitions(name: str, expected: Shape, found: Shape) -> Iterator[Difference]:
    if expected.parts is None or found.parts is None:
        return
    missing = _named(values for values in expected.parts if values not in found.parts)
    extra = _named(values for values in found.parts if values not in expected.parts)
    if missing:
        yield Difference(name, "missing_partition", partitions=missing)
    if extra:
        yield Difference(name, "extra_partition", partitions=extra)
    where: dict[tuple[Kind, str, str, str], list[Values]] = {}
    for values in expected.parts:
        part = found.parts.get(values)
        if part is None:
            continue
        for wanted, seen in _other(expected.parts[values].location, part.location):
            yield Difference(name, "location", "", wanted, seen, _named([values]))
        # What the table itself has wrong is told once.
        known = set(columns(expected.fields, found.fields))
        if part.fields is not None:
            for different in columns(expected.fields, part.fields):
                if different not in known:
                    where.setdefault(different, []).append(values)
    for (kind, subject, wanted, seen), places in where.items():
        yield Difference(name, kind, subject, wanted, seen, _named(places))


def _other(wanted: str | None, seen: str | None) -> Iterator[tuple[str, str]]:
    if wanted is not None and seen is not None and wanted.rstrip("/") != seen.rstrip("/"):
        yield wanted, seen


def _named(partitions: Iterable[Values]) -> tuple[str, ...]:
    return tuple(sorted("/".join(values) for values in partitions))
