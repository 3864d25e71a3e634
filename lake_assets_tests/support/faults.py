"""Faults to inject into real source files, as data, and what each must lead to.

Many faults share one lake: each takes lines that no other one touches and that nothing else depends on (a faulty sale has no
return, and other lines of its order keep date and customer), so that what is found in the lake must be exactly the union of
what was injected.
What belongs here: the faults, the way they get into the files, and a lake into which these arrive, on either engine (Spark in
a process of its own: `python -m lake_assets_tests.support.faults ENGINE FOLDER`). What does not: what is asserted about it.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Protocol

from isal import igzip
from pydantic import BaseModel

from lake_assets.contract.calendar import FIRST_DATE_SK, LAST_DATE_SK, MONTHS, UNDATED, month_of
from lake_assets.contract.layers import (
    BRONZE,
    SILVER,
    SILVER_DIMENSIONS,
    SILVER_FACTS,
    WHOLE_TABLE,
    LakeTable,
    lake_table,
)
from lake_assets.contract.model import Table
from lake_assets.contract.rules import rule_of
from lake_assets.contract.tables import FACTS, TABLES
from lake_assets.engine.session import Engine, SessionEngine
from lake_assets.lake.arrival import examine, look, pin
from lake_assets.lake.audit import Verdict
from lake_assets.lake.lake import Lake
from lake_assets.lake.planning import stale
from lake_assets.settings import EngineName, Settings
from lake_assets_tests.support.apart import run_apart
from lake_assets_tests.support.small_lake import State, write_arrivals

Row = dict[str, str]
"""Fields of a line by column, as they stand in the file; an empty one is NULL."""
Change = str | Callable[[Row, Row], str]
"""A new value of a field, or how it comes from the row and, for a return, its sale."""
Key = tuple[str, ...]
Spot = tuple[str, int]
"""A line: path of its file and position in it."""
Where = tuple[str, str, str]
"""Table, partition and rule."""

FIRST, SECOND, THIRD = 1, 2, 3
DANGLING = "999999999"
"""Key that no dimension has, and a day beyond any calendar."""
LAST_DAY_KEPT = {"store_sales": 2450964, "catalog_sales": 2450964, "web_sales": 2451544, "inventory": 2450964}
"""31 May 1998, and for the few web orders the end of 1999: what comes later is left out of the cut."""
ENCODING = "iso-8859-1"
"""Of the lines in memory: every byte is a letter, so that any file survives unchanged."""
_THINNED = {"customer_demographics": 200, "date_dim": 400, "time_dim": 200}
"""Big dimensions of which only referred rows are kept, and how many more."""
_SHRINKING_MONTH = "1998-04"
SHRINKING_FILE = "store_sales/april.dat.gz"


@dataclass
class Injected:
    """What a fault must lead to.

    `expected` are rows by table, partition and rule; `quarantined` keys (or lines) with all rules they break; `kept` keys
    that are published all the same; `dropped` keys that are not; `blocked` partitions (table and partition) that stay as
    they were; `duplicates` rows that lose to another of their key; `healed` the arrival that makes it undone.
    """

    arrival: int = FIRST
    expected: Counter[Where] = field(default_factory=Counter)
    quarantined: list[tuple[str, Key | str, tuple[str, ...]]] = field(default_factory=list)
    kept: list[tuple[str, Key]] = field(default_factory=list)
    blocked: list[tuple[str, str]] = field(default_factory=list)
    duplicates: Counter[str] = field(default_factory=Counter)
    changed: set[tuple[str, Key]] = field(default_factory=set)
    healed: int | None = None

    def holds_in(self, arrival: int) -> bool:
        return self.arrival <= arrival and (self.healed is None or arrival < self.healed)


class Fault(Protocol):
    """Something wrong with the source. `name` is a sentence, unique among all."""

    @property
    def name(self) -> str: ...

    @property
    def table(self) -> str: ...

    def inject(self, files: Files) -> Injected: ...


class Files:
    """The source files of a lake while faults are put into them; `arrivals` are those that come later than the first."""

    def __init__(self, clean: Path) -> None:
        self.lines: dict[str, list[str | None]] = {
            path.relative_to(clean).as_posix(): list(_read_lines(path)) for path in sorted(clean.rglob("*.gz"))
        }
        self.extra: dict[int, dict[str, bytes]] = defaultdict(dict)
        self.late: list[str] = []
        self.corrected: list[str] = []
        self.forms: dict[str, Callable[[str], bytes]] = {}
        self._taken: set[Spot] = set()
        self._fresh = 0
        self._originals = {table: str(self.lines[self.paths(table)[0]][0]) for table in TABLES}
        self._set_month_apart()

    def paths(self, table: str) -> list[str]:
        return [path for path in self.lines if path.startswith(f"{table}/")]

    def row(self, spot: Spot) -> Row:
        line = self.lines[spot[0]][spot[1]]
        assert line is not None, f"{spot} was taken out"
        return parse(spot[0].partition("/")[0], line)

    def put(self, spot: Spot, text: str | None) -> None:
        self.lines[spot[0]][spot[1]] = text

    def add(self, table: str, text: str) -> None:
        self.lines[self.paths(table)[0]].append(text)

    def sale_of(self, table: str, row: Row) -> Row:
        """The sale that a return undoes; nothing for other rows."""
        link = TABLES[table].sale
        if link is None:
            return {}
        spot = self._sales[link.sales].get((row[link.item], row[link.order]))
        return self.row(spot) if spot and self.lines[spot[0]][spot[1]] is not None else {}

    def sale_spot(self, table: str, row: Row) -> Spot:
        link = TABLES[table].sale
        assert link is not None
        return self._sales[link.sales][row[link.item], row[link.order]]

    def pick(
        self, table: str, rows: int, needed: Iterable[str], suits: Callable[[Row, Row], bool] = lambda row, sale: True
    ) -> list[Spot]:
        """Lines that no fault has touched and nothing depends on, with values in the columns needed."""
        columns = list(needed)
        found: list[Spot] = []
        for spot in self._candidates(table):
            if len(found) == rows:
                return found
            row = self.row(spot)
            sale = self.sale_of(table, row)
            linked = [self.sale_spot(table, row)] if sale else []
            if self._taken & {spot, *linked} or not all(row[column] for column in columns):
                continue
            if TABLES[table].sale and not (sale and all(sale.values())):
                continue
            if suits(row, sale):
                self._taken |= {spot, *linked}
                found.append(spot)
        if len(found) == rows:
            return found
        raise LookupError(f"{table} has too few lines that suit: {rows} wanted, {len(found)} found")

    def pick_order(self, table: str) -> list[Spot]:
        """All lines of an order that has no returns and lacks neither date nor customer."""
        header = TABLES[table].order
        assert header is not None
        for (name, order), spots in self._orders.items():
            if name != table or self._taken & set(spots) or not order:
                continue
            rows = [self.row(spot) for spot in spots]
            returned = any((table, row[header.item], row[header.order]) in self._returned for row in rows)
            if not returned and all(row[header.sold_date] and row[header.customer] for row in rows):
                self._taken |= set(spots)
                return spots
        raise LookupError(f"{table} has no order that suits")

    def clone(self, table: str) -> Row:
        """A copy of a line of a dimension under keys of its own."""
        self._fresh += 1
        source = TABLES[table]
        row = parse(table, self._originals[table])
        row[source.primary_key[0]] = str(700_000 + self._fresh)
        if source.business_key:
            row[source.business_key] = "PPPPPPPPPPPP" + "".join(chr(65 + int(digit)) for digit in f"{self._fresh:04d}")
        return row

    def spots(self, table: str) -> list[Spot]:
        return [
            (path, number)
            for path in self.paths(table)
            for number, line in enumerate(self.lines[path])
            if line is not None
        ]

    def take(self, spots: Iterable[Spot]) -> None:
        """Keep other faults from these lines."""
        self._taken |= set(spots)

    def is_taken(self, spots: Iterable[Spot]) -> bool:
        return bool(self._taken & set(spots))

    def month(self, table: str, spot: Spot) -> str:
        """Partition of a row; a sale without date goes where its order does."""
        row, header = self.row(spot), TABLES[table].order
        if header is None:
            return partition_of(TABLES[table], row)
        days = {self.row(other)[header.sold_date] for other in self._orders[table, row[header.order]]} - {""}
        # Of days outside the calendar the order knows nothing: their lines are taken out before.
        return max({month_of(int(day)) for day in days} - {UNDATED}, default=UNDATED)

    def arrivals(self) -> list[dict[str, bytes]]:
        """Content of the files by arrival."""
        first: dict[str, bytes] = {}
        for path, lines in self.lines.items():
            text = "".join(f"{line}\n" for line in lines if line is not None)
            form = self.forms.get(path)
            name = path.removesuffix(".gz") if form is plain_form else path
            first[name] = form(text) if form else packed(text)
        if self.late:
            self.extra[SECOND][LATE_FILE] = packed("".join(f"{line}\n" for line in self.late))
            self.extra[THIRD][LATE_FILE] = packed("".join(f"{line}\n" for line in self.corrected))
        last = max((FIRST, *self.extra))
        return [first | self.extra[FIRST], *(self.extra[number] for number in range(SECOND, last + 1))]

    def _set_month_apart(self) -> None:
        """Orders of one month in a file of their own that no other fault touches."""
        header = TABLES["store_sales"].order
        assert header is not None
        for (table, _), spots in self._orders.items():
            if table != "store_sales":
                continue
            days = {self.row(spot)[header.sold_date] for spot in spots} - {""}
            if {month_of(int(day)) for day in days} == {_SHRINKING_MONTH}:
                for spot in spots:
                    self.lines.setdefault(SHRINKING_FILE, []).append(self.lines[spot[0]][spot[1]])
                    self.put(spot, None)
        self._taken |= {(SHRINKING_FILE, number) for number in range(len(self.lines[SHRINKING_FILE]))}
        for name in ("_orders", "_sales", "_usable"):
            self.__dict__.pop(name, None)

    def returned(self, table: str, row: Row) -> bool:
        """Whether a return of the sale was delivered."""
        header = TABLES[table].order
        assert header is not None
        return (table, row[header.item], row[header.order]) in self._returned

    def _candidates(self, table: str) -> Iterator[Spot]:
        usable = self._usable[table]
        for spot in usable:
            if self.lines[spot[0]][spot[1]] is not None and spot not in self._taken:
                yield spot

    @cached_property
    def _usable(self) -> dict[str, list[Spot]]:
        """Lines by table that other lines do not depend on."""
        found: dict[str, list[Spot]] = {}
        for table in TABLES.values():
            spots = [(path, number) for path in self.paths(table.name) for number in range(len(self.lines[path]))]
            spots = [spot for spot in spots if self.lines[spot[0]][spot[1]] is not None]
            found[table.name] = [spot for spot in spots if self._is_free(table, spot)] if table.order else spots
        return found

    def _is_free(self, table: Table, spot: Spot) -> bool:
        header = table.order
        assert header is not None
        row = self.row(spot)
        siblings = [self.row(other) for other in self._orders[table.name, row[header.order]] if other != spot]
        dated = sum(1 for other in siblings if other[header.sold_date])
        named = sum(1 for other in siblings if other[header.customer])
        return not self.returned(table.name, row) and dated > 2 and named > 2

    @cached_property
    def _orders(self) -> dict[tuple[str, str], list[Spot]]:
        """Lines of each order, by table and order number."""
        found: dict[tuple[str, str], list[Spot]] = defaultdict(list)
        for table in FACTS:
            if table.order:
                position = table.column_names.index(table.order.order)
                for path in self.paths(table.name):
                    for number, line in enumerate(self.lines[path]):
                        if line is not None:
                            found[table.name, line.split("|")[position]].append((path, number))
        return found

    @cached_property
    def _sales(self) -> dict[str, dict[tuple[str, str], Spot]]:
        """Sales lines by table, item and order."""
        found: dict[str, dict[tuple[str, str], Spot]] = defaultdict(dict)
        for (table, order), spots in self._orders.items():
            header = TABLES[table].order
            assert header is not None
            for spot in spots:
                found[table][self.row(spot)[header.item], order] = spot
        return found

    @cached_property
    def _returned(self) -> frozenset[tuple[str, str, str]]:
        """Sales table, item and order of every sale that was undone."""
        found = set()
        for table in FACTS:
            if table.sale:
                for path in self.paths(table.name):
                    for number in range(len(self.lines[path])):
                        row = self.row((path, number))
                        found.add((table.sale.sales, row[table.sale.item], row[table.sale.order]))
        return frozenset(found)


@dataclass(frozen=True)
class RowFault:
    """Rows with other values in some columns: each breaks exactly `rules`, of its table's silver.

    `warn` rows stay. `order` takes all lines of an order. `clone` changes copies instead of rows of the source.
    """

    name: str
    table: str
    changes: Mapping[str, Change]
    rules: tuple[str, ...]
    rows: int = 1
    warn: bool = False
    order: bool = False
    clone: bool = False
    suits: Callable[[Row, Row], bool] = lambda row, sale: True

    def inject(self, files: Files) -> Injected:
        done = Injected()
        table = TABLES[self.table]
        for spot in self._spots(files):
            before = files.clone(self.table) if spot is None else files.row(spot)
            sale = files.sale_of(self.table, before)
            row = before | {
                column: change if isinstance(change, str) else change(before, sale)
                for column, change in self.changes.items()
            }
            if spot is None:
                files.add(self.table, format_line(self.table, row))
            else:
                files.put(spot, format_line(self.table, row))
            key = key_of(table, row)
            # Without key or place a row goes by its own date, else by that of its order.
            placed = spot is not None and not set(self.changes) & {*table.primary_key, *_month_column(table)}
            partition = files.month(self.table, spot) if placed and spot else partition_of(table, row)
            for rule in self.rules:
                done.expected[SILVER[self.table].identifier, partition, rule] += 1
            if self.warn:
                done.kept.append((self.table, key))
            else:
                done.quarantined.append((SILVER[self.table].identifier, key, self.rules))
            done.changed |= {(self.table, key_of(table, before)), (self.table, key)}
        return done

    def _spots(self, files: Files) -> Sequence[Spot | None]:
        if self.clone:
            return [None] * self.rows
        if self.order:
            return files.pick_order(self.table)
        silver = SILVER[self.table]
        read = {column for name in self.rules for column in rule_of(silver, name).columns}
        return files.pick(self.table, self.rows, [*self.changes, *read], self.suits)


@dataclass(frozen=True)
class LineFault:
    """Lines that cannot be read as rows of the table: `edit` makes them from good ones, which are lost."""

    name: str
    table: str
    edit: Callable[[str], str]
    rows: int = 1
    needed: tuple[str, ...] = ()

    def inject(self, files: Files) -> Injected:
        done = Injected()
        bronze = lake_table("bronze", self.table)
        dimension = not TABLES[self.table].is_fact
        spots = [None] * self.rows if dimension else files.pick(self.table, self.rows, self.needed)
        for spot in spots:
            row = files.clone(self.table) if spot is None else files.row(spot)
            bad = self.edit(format_line(self.table, row))
            if spot is None:
                files.add(self.table, bad)
            else:
                files.put(spot, bad)
                done.changed.add((self.table, key_of(TABLES[self.table], row)))
            done.expected[bronze.identifier, BATCH.format(FIRST), "readable"] += 1
            done.quarantined.append((bronze.identifier, bad, ("readable",)))
        return done


@dataclass(frozen=True)
class FileFault:
    """Lines taken out of their files and delivered in one of their own, as `edit` leaves them.

    The first `unreadable` lines of the result cannot be read; each other one breaks `rules` of silver. `copies` stay where they
    were as well.
    """

    name: str
    table: str
    path: str
    edit: Callable[[list[str]], list[str]]
    rows: int = 5
    unreadable: int = 0
    rules: tuple[str, ...] = ()
    copies: bool = False

    def inject(self, files: Files) -> Injected:
        done = Injected()
        table = TABLES[self.table]
        silver, bronze = SILVER[self.table].identifier, lake_table("bronze", self.table).identifier
        spots = files.pick(self.table, self.rows, table.primary_key)
        rows = [files.row(spot) for spot in spots]
        lines = self.edit([format_line(self.table, row) for row in rows])
        files.extra[FIRST][self.path] = packed("".join(f"{line}\n" for line in lines))
        if not self.copies:
            for spot in spots:
                files.put(spot, None)
        for line in lines[: self.unreadable]:
            done.expected[bronze, BATCH.format(FIRST), "readable"] += 1
            done.quarantined.append((bronze, line, ("readable",)))
        if self.rules or self.unreadable == len(lines):
            done.changed |= {(self.table, key_of(table, row)) for row in rows}
        for line in lines[self.unreadable :]:
            row = parse(self.table, line)
            if self.copies:
                done.expected[silver, partition_of(table, row), "unique__primary_key"] += 1
                done.duplicates[self.table] += 1
            for rule in self.rules:
                done.expected[silver, partition_of(table, row), rule] += 1
            if self.rules:
                done.quarantined.append((silver, key_of(table, row), self.rules))
            else:
                done.kept.append((self.table, key_of(table, row)))
        return done


@dataclass(frozen=True)
class Harmless:
    """A file in another form that holds the same rows: nothing may be found, and nothing may change."""

    name: str
    table: str
    form: Callable[[str], bytes]
    path: str = ""

    def inject(self, files: Files) -> Injected:
        if self.path:
            files.extra[FIRST][self.path] = self.form("")
        else:
            files.forms[files.paths(self.table)[0]] = self.form
        return Injected()


@dataclass(frozen=True)
class Special:
    """A fault of its own kind."""

    name: str
    table: str
    make: Callable[[Files], Injected]

    def inject(self, files: Files) -> Injected:
        return self.make(files)


BATCH = "batch-{:06d}"
LATE_FILE = "store_sales/late.dat.gz"


def partition_of(table: Table, row: Row) -> str:
    if table.month is None:
        return WHOLE_TABLE
    day = row[table.month.column]
    return month_of(int(day) if day else None)


def _month_column(table: Table) -> tuple[str, ...]:
    return (table.month.column,) if table.month else ()


def parse(table: str, line: str) -> Row:
    return dict(zip(TABLES[table].column_names, line.split("|"), strict=False))


def format_line(table: str, row: Row) -> str:
    return "".join(f"{row[name]}|" for name in TABLES[table].column_names)


def key_of(table: Table, row: Row) -> Key:
    return tuple(row[name] for name in table.primary_key)


def packed(text: str) -> bytes:
    """A gzip file of the text."""
    return bytes(igzip.compress(text.encode(ENCODING), 1))


def plain_form(text: str) -> bytes:
    """The text as a file that is not compressed."""
    return text.encode(ENCODING)


def _read_lines(path: Path) -> Iterator[str]:
    with igzip.open(path, "rb") as file:
        text = bytes(file.read()).decode(ENCODING)
    return iter(text.removesuffix("\n").split("\n") if text else [])


# Forms of a file that mean nothing.


def with_carriage_returns(text: str) -> bytes:
    return packed(text.replace("\n", "\r\n"))


def without_last_delimiters(text: str) -> bytes:
    return packed(text.replace("|\n", "\n"))


def with_byte_order_mark(text: str) -> bytes:
    return packed("\xef\xbb\xbf" + text)


def as_utf8(text: str) -> bytes:
    return bytes(igzip.compress(text.encode("utf-8"), 1))


def in_two_members(text: str) -> bytes:
    """Two gzip files one behind the other, cut in the middle of a line."""
    middle = len(text) // 2
    return packed(text[:middle]) + packed(text[middle:])


def without_last_newline(text: str) -> bytes:
    return packed(text.removesuffix("\n"))


# Changes of fields.


def plus(column: str, amount: str) -> Change:
    return lambda row, sale: str(Decimal(row[column]) + Decimal(amount))


def of(column: str) -> Change:
    return lambda row, sale: row[column]


def within(table: str, column: str, amount: str) -> Callable[[Row, Row], bool]:
    """Whether the column can be raised without leaving its bounds or its type."""
    known = next(known for known in TABLES[table].columns if known.name == column)
    high = known.high if known.high is not None else 99_000
    return lambda row, sale: Decimal(row[column]) + Decimal(amount) <= high


def _mentions(table: Table, column: str) -> tuple[str, ...]:
    """Identities that a change of the column breaks."""
    return tuple(
        f"identity__{identity.column}"
        for identity in table.identities
        if column in (identity.column, *re.findall(r"[a-z_]\w*", identity.formula))
    )


def _dangling(table: Table) -> Iterator[Fault]:
    """A key that leads nowhere, in each reference of a fact."""
    for foreign_key in table.foreign_keys:
        column = foreign_key.column
        rules = [f"foreign_key__{column}"]
        if table.month and column == table.month.column:
            rules = [f"calendar__{column}", *rules]
        if table.sale and column == table.sale.item:
            rules.append("sale__exists")
        yield RowFault(
            f"{table.name} refers by {column} to a row that {foreign_key.references} does not have",
            table.name,
            {column: DANGLING},
            tuple(rules),
            order=bool(table.order and column == table.order.customer),
        )


def _broken_identities(table: Table) -> Iterator[Fault]:
    """An amount that does not add up, in each identity of a fact."""
    for identity in table.identities:
        # What a return gives back is compared with its sale, so the sum is broken by one of its parts.
        parts = re.findall(r"[a-z_]\w*", identity.formula)
        column = parts[0] if table.sale and identity.column == table.sale.amount else identity.column
        yield RowFault(
            f"{identity.column} of {table.name} is not {identity.formula}",
            table.name,
            {column: plus(column, "0.37")},
            _mentions(table, column),
            suits=within(table.name, column, "0.37"),
        )


def _sale_faults(table: Table, cash: str, tax: str, with_tax: str, returned: str) -> Iterator[Fault]:
    """Returns that do not fit their sale; apart from that, their amounts add up."""
    link = table.sale
    assert link is not None
    header = TABLES[link.sales].order
    assert header is not None
    amount, quantity = link.amount, link.quantity

    def priced(pieces: Callable[[Row, Row], int]) -> dict[str, Change]:
        def due(row: Row, sale: Row) -> Decimal:
            return Decimal(sale[header.price]) * pieces(row, sale)

        return {
            quantity: lambda row, sale: str(pieces(row, sale)),
            amount: lambda row, sale: str(due(row, sale)),
            cash: lambda row, sale: str(Decimal(row[cash]) + due(row, sale) - Decimal(row[amount])),
            with_tax: lambda row, sale: str(due(row, sale) + Decimal(row[tax])),
        }

    yield RowFault(
        f"more pieces come back in {table.name} than were sold",
        table.name,
        priced(lambda row, sale: int(sale[header.quantity]) + 1),
        ("sale__quantity", "sale__amount"),
        suits=lambda row, sale: int(sale[header.quantity]) < 90 and 1 < Decimal(sale[header.price]) < 100,
    )
    yield RowFault(
        f"{table.name} gives back another price than was paid",
        table.name,
        {column: plus(column, "0.01") for column in (amount, cash, with_tax)},
        ("sale__price",),
        suits=lambda row, sale: int(row[quantity]) < int(sale[header.quantity]) and Decimal(sale[header.price]) > 1,
    )
    yield RowFault(
        f"{table.name} gives back more than the sale brought",
        table.name,
        {column: plus(column, "5000") for column in (amount, cash, with_tax)},
        ("sale__amount", "sale__price"),
        suits=lambda row, sale: Decimal(sale[header.amount]) < 5000,
    )
    yield RowFault(
        f"an item of {table.name} comes back on the day before it was sold",
        table.name,
        {returned: lambda row, sale: str(int(sale[header.sold_date]) - 1)},
        ("sale__date",),
        rows=2,
        suits=lambda row, sale: int(sale[header.sold_date]) > 2450820,
    )
    yield RowFault(
        f"{table.name} undoes a sale that nobody knows", table.name, {link.order: "88000001"}, ("sale__exists",), rows=2
    )


def _null_keys(table: Table) -> Iterator[Fault]:
    for column in table.primary_key:
        yield RowFault(
            f"{column} of {table.name} is missing", table.name, {column: ""}, (f"not_null__{column}",), rows=2
        )


def _dangling_in_dimension(table: Table) -> Iterator[Fault]:
    for foreign_key in table.foreign_keys:
        rules = (f"foreign_key__{foreign_key.column}", *_mentions(table, foreign_key.column))
        yield RowFault(
            f"{table.name} refers by {foreign_key.column} to a row that {foreign_key.references} does not have",
            table.name,
            {foreign_key.column: DANGLING},
            rules,
            warn=True,
            clone=len(table.columns) > 0 and table.name not in ("customer", "catalog_page", "household_demographics"),
        )


def _price_is_positive(column: str) -> Callable[[Row, Row], bool]:
    return lambda row, sale: Decimal(row[column]) > 0


def _negative_quantity(table: str, prefix: str, *more: str) -> RowFault:
    rules = (
        f"range__{prefix}_quantity",
        *(f"identity__{prefix}_ext_{name}" for name in ("sales_price", "wholesale_cost", "list_price")),
    )
    return RowFault(
        f"a quantity of {table} is negative",
        table,
        {f"{prefix}_quantity": "-5"},
        rules,
        suits=_price_is_positive(f"{prefix}_sales_price"),
    )


def _low_fee(table: str, prefix: str) -> RowFault:
    rules = (f"range__{prefix}_fee", f"identity__{prefix}_net_loss")
    return RowFault(f"a fee of {table} is below its bound", table, {f"{prefix}_fee": "0.49"}, rules)


def _fields(*edits: tuple[int, str]) -> Callable[[str], str]:
    """Replace fields of a line by position."""

    def edit(line: str) -> str:
        values = line.split("|")
        for position, value in edits:
            values[position] = value
        return "|".join(values)

    return edit


def _swapped(left: int, right: int) -> Callable[[list[str]], list[str]]:
    def edit(lines: list[str]) -> list[str]:
        fields = [line.split("|") for line in lines]
        for values in fields:
            values[left], values[right] = values[right], values[left]
        return ["|".join(values) for values in fields]

    return edit


def _position(table: str, column: str) -> int:
    return TABLES[table].column_names.index(column)


STORE_SALES, STORE_RETURNS = TABLES["store_sales"], TABLES["store_returns"]
NEW_YEARS_EVE_1997, NEW_YEAR_2004 = str(FIRST_DATE_SK - 1), str(LAST_DATE_SK + 1)

OF_FACTS: tuple[Fault, ...] = (
    *(fault for table in FACTS for fault in _dangling(table)),
    *(fault for table in FACTS for fault in _broken_identities(table)),
    *(fault for table in FACTS for fault in _null_keys(table)),
    *_sale_faults(STORE_RETURNS, "sr_refunded_cash", "sr_return_tax", "sr_return_amt_inc_tax", "sr_returned_date_sk"),
    *_sale_faults(
        TABLES["catalog_returns"], "cr_refunded_cash", "cr_return_tax", "cr_return_amt_inc_tax", "cr_returned_date_sk"
    ),
    *_sale_faults(
        TABLES["web_returns"], "wr_refunded_cash", "wr_return_tax", "wr_return_amt_inc_tax", "wr_returned_date_sk"
    ),
    _negative_quantity("store_sales", "ss"),
    _negative_quantity("catalog_sales", "cs"),
    _negative_quantity("web_sales", "ws"),
    _low_fee("store_returns", "sr"),
    _low_fee("catalog_returns", "cr"),
    _low_fee("web_returns", "wr"),
    RowFault(
        "more is in stock than a warehouse holds",
        "inventory",
        {"inv_quantity_on_hand": "1001"},
        ("range__inv_quantity_on_hand",),
        rows=3,
    ),
    RowFault(
        "less than nothing is in stock",
        "inventory",
        {"inv_quantity_on_hand": "-1"},
        ("range__inv_quantity_on_hand",),
    ),
    RowFault(
        "a sale is dated before the calendar begins",
        "store_sales",
        {"ss_sold_date_sk": NEW_YEARS_EVE_1997},
        ("calendar__ss_sold_date_sk",),
        rows=2,
    ),
    RowFault(
        "a sale is dated after the calendar ends",
        "web_sales",
        {"ws_sold_date_sk": NEW_YEAR_2004},
        ("calendar__ws_sold_date_sk",),
    ),
    RowFault(
        "a return is dated after the calendar ends",
        "catalog_returns",
        {"cr_returned_date_sk": NEW_YEAR_2004},
        ("calendar__cr_returned_date_sk",),
    ),
    RowFault(
        "a return is dated before the calendar begins, and so before its sale",
        "store_returns",
        {"sr_returned_date_sk": NEW_YEARS_EVE_1997},
        ("calendar__sr_returned_date_sk", "sale__date"),
    ),
    RowFault(
        "a line has neither item nor order",
        "catalog_sales",
        {"cs_item_sk": "", "cs_order_number": ""},
        ("not_null__cs_item_sk", "not_null__cs_order_number"),
    ),
    RowFault(
        "a row without a key has also a date outside the calendar and a negative quantity",
        "store_sales",
        {"ss_item_sk": "", "ss_sold_date_sk": NEW_YEAR_2004, "ss_quantity": "-5"},
        (
            "not_null__ss_item_sk",
            "calendar__ss_sold_date_sk",
            "range__ss_quantity",
            "identity__ss_ext_sales_price",
            "identity__ss_ext_wholesale_cost",
            "identity__ss_ext_list_price",
        ),
        suits=_price_is_positive("ss_sales_price"),
    ),
    RowFault(
        "a row has an impossible quantity and a store that nobody knows",
        "store_sales",
        {"ss_quantity": "101", "ss_store_sk": DANGLING},
        (
            "range__ss_quantity",
            "identity__ss_ext_sales_price",
            "identity__ss_ext_wholesale_cost",
            "identity__ss_ext_list_price",
            "foreign_key__ss_store_sk",
        ),
        suits=_price_is_positive("ss_sales_price"),
    ),
    RowFault(
        "a return with a reason that nobody knows undoes a sale that nobody knows",
        "web_returns",
        {"wr_reason_sk": DANGLING, "wr_order_number": "88000002"},
        ("foreign_key__wr_reason_sk", "sale__exists"),
    ),
    RowFault(
        "an order number is zero",
        "web_sales",
        {"ws_order_number": "0"},
        ("range__ws_order_number",),
        suits=lambda row, sale: bool(row["ws_sold_date_sk"]),
    ),
)

OF_DIMENSIONS: tuple[Fault, ...] = (
    *(
        fault
        for name in ("call_center", "catalog_page", "customer", "household_demographics", "promotion", "store")
        for fault in _dangling_in_dimension(TABLES[name])
    ),
    *(fault for name in ("web_page", "web_site") for fault in _dangling_in_dimension(TABLES[name])),
    RowFault(
        "a salutation is none of the accepted ones",
        "customer",
        {"c_salutation": "Mister"},
        ("accepted_values__c_salutation",),
        warn=True,
        rows=3,
    ),
    RowFault(
        "an accepted value is written in small letters",
        "web_page",
        {"wp_type": "Order"},
        ("accepted_values__wp_type",),
        warn=True,
        clone=True,
    ),
    RowFault("a birth month is 13", "customer", {"c_birth_month": "13"}, ("range__c_birth_month",), warn=True),
    RowFault(
        "an e-mail address has no @",
        "customer",
        {"c_email_address": "nobody.example.com"},
        ("pattern__c_email_address",),
        warn=True,
        rows=2,
    ),
    RowFault(
        "a country of birth is longer than its column",
        "customer",
        {"c_birth_country": "THE UNITED KINGDOM OF GREAT BRITAIN"},
        ("length__c_birth_country",),
        warn=True,
    ),
    RowFault(
        "a county is longer than its column",
        "warehouse",
        {"w_county": "Williamson County, in the state of Tennessee"},
        ("length__w_county",),
        warn=True,
        clone=True,
    ),
    RowFault(
        "a value that is always filled is missing",
        "household_demographics",
        {"hd_buy_potential": ""},
        ("not_null__hd_buy_potential",),
        warn=True,
        rows=2,
    ),
    RowFault(
        "a value that is always filled is blank",
        "household_demographics",
        {"hd_buy_potential": "   "},
        ("not_null__hd_buy_potential",),
        warn=True,
    ),
    RowFault(
        "a first delivery is not 30 days after the first sale",
        "customer",
        {"c_first_shipto_date_sk": plus("c_first_shipto_date_sk", "1")},
        ("identity__c_first_shipto_date_sk",),
        warn=True,
        suits=lambda row, sale: FIRST_DATE_SK <= int(row["c_first_shipto_date_sk"]) < LAST_DATE_SK,
    ),
    RowFault(
        "a month of the year is 13",
        "date_dim",
        {"d_moy": "13"},
        ("range__d_moy", "identity__d_month_seq"),
        warn=True,
    ),
    RowFault(
        "a second of the day is not the sum of its parts",
        "time_dim",
        {"t_second": lambda row, sale: str((int(row["t_second"]) + 1) % 60)},
        ("identity__t_time",),
        warn=True,
    ),
    RowFault(
        "a version of an item starts after it ends",
        "item",
        {"i_rec_start_date": of("i_rec_end_date"), "i_rec_end_date": of("i_rec_start_date")},
        ("history__start_before_end",),
        warn=True,
        suits=lambda row, sale: row["i_rec_start_date"] == "1997-10-27",
    ),
    RowFault("a brand has not the form of one", "item", {"i_brand": "Brand"}, ("pattern__i_brand",), warn=True, rows=2),
    RowFault("a price is below its bound", "item", {"i_current_price": "0.08"}, ("range__i_current_price",), warn=True),
    RowFault(
        "a purchase estimate is beyond its bound and a dependent too few",
        "customer_demographics",
        {"cd_purchase_estimate": "10001", "cd_dep_count": "-1"},
        ("range__cd_purchase_estimate", "range__cd_dep_count"),
        warn=True,
    ),
    RowFault(
        "a row has only NULLs",
        "catalog_page",
        dict.fromkeys(TABLES["catalog_page"].column_names, ""),
        ("not_null__cp_catalog_page_sk", "not_null__cp_catalog_page_id"),
        clone=True,
    ),
    RowFault("a dimension row has no key", "promotion", {"p_promo_sk": ""}, ("not_null__p_promo_sk",), clone=True),
    RowFault(
        "a business key is missing", "customer", {"c_customer_id": ""}, ("not_null__c_customer_id",), clone=True, rows=2
    ),
    RowFault("a business key is blank", "customer", {"c_customer_id": "   "}, ("not_null__c_customer_id",), clone=True),
    RowFault(
        "a business key has not the form of one",
        "promotion",
        {"p_promo_id": "AAAA-AAAA-AAAA-A"},
        ("pattern__p_promo_id",),
        clone=True,
    ),
    RowFault(
        "a business key is too long",
        "web_site",
        {"web_site_id": "AAAAAAAAAAAAAAAAA"},
        ("pattern__web_site_id", "length__web_site_id"),
        clone=True,
    ),
    RowFault(
        "a key of a dimension is zero",
        "catalog_page",
        {"cp_catalog_page_sk": "0"},
        ("range__cp_catalog_page_sk",),
        warn=True,
        clone=True,
    ),
)


def _shared_value(table: str, column: str, files: Files) -> Injected:
    """Two rows of a dimension with the same value: both are told, both stay."""
    done = Injected()
    source = TABLES[table]
    kept, changed = files.pick(table, 2, (column,))
    row = files.row(changed)
    files.put(changed, format_line(table, row | {column: files.row(kept)[column]}))
    done.expected[SILVER[table].identifier, WHOLE_TABLE, f"unique__{column}"] = 2
    done.kept = [(table, key_of(source, files.row(spot))) for spot in (kept, changed)]
    done.changed = {(table, key_of(source, row))}
    return done


def _repeated(table: str, rows: int, change: str | None) -> Callable[[Files], Injected]:
    """Lines that are delivered twice in the same batch; with `change` the second differs in that column."""

    def make(files: Files) -> Injected:
        done = Injected()
        source = TABLES[table]
        for spot in files.pick(table, rows, source.primary_key):
            row = files.row(spot)
            files.add(table, format_line(table, row if change is None else row | {change: ""}))
            done.expected[SILVER[table].identifier, partition_of(source, row), "unique__primary_key"] += 1
            done.duplicates[table] += 1
            done.kept.append((table, key_of(source, row)))
        return done

    return make


def _wrong_sale_with_return(files: Files) -> Injected:
    """The tax of a sale is wrong; its return refers to the sale as it arrived, so it stays."""
    done = Injected()
    (spot,) = files.pick("store_returns", 1, ("sr_returned_date_sk",))
    undone = files.row(spot)
    sold = files.sale_spot("store_returns", undone)
    sale = files.row(sold)
    files.put(sold, format_line("store_sales", sale | {"ss_ext_tax": "-1.00"}))
    rules = ("range__ss_ext_tax", "identity__ss_net_paid_inc_tax")
    for rule in rules:
        done.expected["silver.store_sales", partition_of(STORE_SALES, sale), rule] += 1
    done.quarantined = [("silver.store_sales", key_of(STORE_SALES, sale), rules)]
    done.kept = [("store_returns", key_of(STORE_RETURNS, undone))]
    done.changed = {("store_sales", key_of(STORE_SALES, sale))}
    return done


def _lost_sale_with_return(files: Files) -> Injected:
    """A sale line that cannot be read takes its return with it."""
    done = Injected()
    (spot,) = files.pick("catalog_returns", 1, ("cr_returned_date_sk",))
    source, sales = TABLES["catalog_returns"], TABLES["catalog_sales"]
    undone = files.row(spot)
    sold = files.sale_spot("catalog_returns", undone)
    sale = files.row(sold)
    bad = format_line("catalog_sales", sale | {"cs_quantity": "many"})
    files.put(sold, bad)
    done.expected["bronze.catalog_sales", BATCH.format(FIRST), "readable"] = 1
    done.expected["silver.catalog_returns", partition_of(source, undone), "sale__exists"] = 1
    done.quarantined = [
        ("bronze.catalog_sales", bad, ("readable",)),
        ("silver.catalog_returns", key_of(source, undone), ("sale__exists",)),
    ]
    done.changed = {("catalog_sales", key_of(sales, sale)), ("catalog_returns", key_of(source, undone))}
    return done


def _lost_dimension_row(files: Files) -> Injected:
    """A second of the day that cannot be read: every event at that time leads nowhere."""
    done = Injected()
    columns = {fact.name: key.column for fact in FACTS for key in fact.foreign_keys if key.references == "time_dim"}
    events: dict[str, list[tuple[str, Spot]]] = defaultdict(list)
    for table, column in columns.items():
        for spot in files.spots(table):
            if files.row(spot)[column]:
                events[files.row(spot)[column]].append((table, spot))
    second = next(
        second
        for second, found in sorted(events.items())
        if len(found) > 3 and len({table for table, _ in found}) > 1 and not files.is_taken(spot for _, spot in found)
    )
    lost = next(spot for spot in files.spots("time_dim") if files.row(spot)["t_time_sk"] == second)
    bad = format_line("time_dim", files.row(lost) | {"t_hour": "noon"})
    files.put(lost, bad)
    files.take([lost, *(spot for _, spot in events[second])])
    done.expected["bronze.time_dim", BATCH.format(FIRST), "readable"] = 1
    done.quarantined = [("bronze.time_dim", bad, ("readable",))]
    done.changed = {("time_dim", (second,))}
    for table, spot in events[second]:
        rule, source = f"foreign_key__{columns[table]}", TABLES[table]
        done.expected[SILVER[table].identifier, files.month(table, spot), rule] += 1
        done.quarantined.append((SILVER[table].identifier, key_of(source, files.row(spot)), (rule,)))
        done.changed.add((table, key_of(source, files.row(spot))))
    return done


OF_ROWS_TOGETHER: tuple[Fault, ...] = (
    Special("a second of the day is lost, and events refer to it", "time_dim", _lost_dimension_row),
    Special(
        "two customers have the same business key",
        "customer",
        lambda files: _shared_value("customer", "c_customer_id", files),
    ),
    Special(
        "two items have the same product name", "item", lambda files: _shared_value("item", "i_product_name", files)
    ),
    Special(
        "two ship modes have the same carrier",
        "ship_mode",
        lambda files: _shared_value("ship_mode", "sm_carrier", files),
    ),
    Special("two lines of a fact are delivered twice", "web_sales", _repeated("web_sales", 2, None)),
    Special(
        "a stock count is delivered twice, once without quantity",
        "inventory",
        _repeated("inventory", 1, "inv_quantity_on_hand"),
    ),
    Special("a line of a dimension is delivered twice", "customer", _repeated("customer", 1, None)),
    Special("a sale with a wrong tax has a return", "store_sales", _wrong_sale_with_return),
    Special("a sale that cannot be read has a return", "catalog_sales", _lost_sale_with_return),
)

OF_LINES: tuple[Fault, ...] = (
    LineFault(
        "a quantity does not fit its type",
        "store_sales",
        _fields((_position("store_sales", "ss_quantity"), "99999999999")),
    ),
    LineFault(
        "an amount does not fit its type",
        "catalog_sales",
        _fields((_position("catalog_sales", "cs_net_paid"), "1234567.89")),
        rows=2,
    ),
    LineFault(
        "a key does not fit its type",
        "inventory",
        _fields((_position("inventory", "inv_item_sk"), "9223372036854775808")),
    ),
    LineFault("an amount has three decimals", "web_sales", _fields((_position("web_sales", "ws_net_profit"), "1.239"))),
    LineFault("a key has blanks around it", "web_returns", _fields((_position("web_returns", "wr_item_sk"), " 42 "))),
    LineFault("a key is blank", "store_returns", _fields((_position("store_returns", "sr_item_sk"), "   "))),
    LineFault("a number is a word", "store_sales", _fields((_position("store_sales", "ss_list_price"), "free"))),
    LineFault("a day does not exist", "item", _fields((_position("item", "i_rec_start_date"), "2000-02-30"))),
    LineFault("a day has another form", "date_dim", _fields((_position("date_dim", "d_date"), "03/15/2000"))),
    LineFault("a line lacks a column", "store_returns", lambda line: line.partition("|")[2], rows=2),
    LineFault("a line has a column too many", "catalog_returns", lambda line: f"{line}extra|"),
    LineFault("a line ends in the middle", "web_returns", lambda line: line[: len(line) // 2]),
    LineFault("a line lacks its last delimiter", "inventory", lambda line: line.removesuffix("|")),
    LineFault("a line is blank", "catalog_returns", lambda line: ""),
)

OF_FILES: tuple[Fault, ...] = (
    FileFault(
        "a file begins with the names of the columns",
        "store_sales",
        "store_sales/header.dat.gz",
        lambda lines: ["|".join(STORE_SALES.column_names) + "|", *lines],
        unreadable=1,
    ),
    FileFault(
        "two columns of different types are swapped",
        "web_sales",
        "web_sales/swapped.dat.gz",
        _swapped(_position("web_sales", "ws_quantity"), _position("web_sales", "ws_wholesale_cost")),
        unreadable=5,
    ),
    FileFault(
        "two columns of the same type are swapped",
        "inventory",
        "inventory/swapped.dat.gz",
        _swapped(0, 1),
        rules=("calendar__inv_date_sk", "foreign_key__inv_date_sk", "foreign_key__inv_item_sk"),
    ),
    FileFault(
        "a file of another table with as many columns lies in the folder",
        "income_band",
        "income_band/reason.dat.gz",
        lambda lines: ["1|AAAAAAAABAAAAAAA|Package was damaged|", "2|AAAAAAAACAAAAAAA|Stopped working|"],
        rows=0,
        unreadable=2,
    ),
    FileFault(
        "a file is delivered twice under two names",
        "catalog_returns",
        "catalog_returns/copy.dat.gz",
        lambda lines: lines,
        rows=20,
        copies=True,
    ),
)

HARMLESS: tuple[Fault, ...] = (
    Harmless("lines end with a carriage return", "catalog_page", with_carriage_returns),
    Harmless("numeric lines end with a carriage return", "inventory", with_carriage_returns),
    Harmless("no line ends with a delimiter", "customer_demographics", without_last_delimiters),
    Harmless("a file begins with a byte order mark", "time_dim", with_byte_order_mark),
    Harmless("a file is not compressed", "household_demographics", plain_form),
    Harmless("a file is UTF-8 that was Latin-1", "customer", as_utf8),
    Harmless("a gzip file has two members", "store_returns", in_two_members),
    Harmless("the last line has no newline", "customer_address", without_last_newline),
    Harmless("a file is empty", "catalog_sales", lambda text: packed(""), "catalog_sales/empty.dat.gz"),
    Harmless("a plain file is empty", "web_returns", lambda text: b"", "web_returns/empty.dat"),
)


# The second arrival: what comes again, what contradicts, and what must keep a partition from being published.


def _late_line(files: Files, row: Row, *, wrong: bool = False) -> None:
    """A line of the late file of sales; the wrong ones are no longer in it when it comes a third time."""
    line = format_line("store_sales", row)
    files.late.append(line)
    if not wrong:
        files.corrected.append(line)


def _of_january(row: Row, sale: Row) -> bool:
    return month_of(int(row["ss_sold_date_sk"])) == "1998-01"


def _delivered_again(rows: int, changes: Mapping[str, str]) -> Callable[[Files], Injected]:
    def make(files: Files) -> Injected:
        done = Injected(SECOND)
        for spot in files.pick("store_sales", rows, ("ss_sold_date_sk",), _of_january):
            row = files.row(spot)
            _late_line(files, {**row, **changes})
            done.expected["silver.store_sales", "1998-01", "unique__primary_key"] += 1
            done.duplicates["store_sales"] += 1
            done.kept.append(("store_sales", key_of(STORE_SALES, row)))
            done.changed.add(("store_sales", key_of(STORE_SALES, row)))
        return done

    return make


def _late_sale(files: Files) -> Injected:
    """A return comes before its sale does, and is published with it."""
    done = Injected(healed=SECOND)
    for spot in files.pick("store_returns", 1, ("sr_returned_date_sk",), lambda _, sale: _of_january(sale, {})):
        undone = files.row(spot)
        sold = files.sale_spot("store_returns", undone)
        sale = files.row(sold)
        files.put(sold, None)
        _late_line(files, sale)
        done.expected["silver.store_returns", partition_of(STORE_RETURNS, undone), "sale__exists"] = 1
        done.quarantined = [("silver.store_returns", key_of(STORE_RETURNS, undone), ("sale__exists",))]
        done.changed = {
            ("store_returns", key_of(STORE_RETURNS, undone)),
            ("store_sales", key_of(STORE_SALES, sale)),
        }
    return done


def _contradicting_order(
    order: str, column: str, values: tuple[str, str], blocked: Mapping[str, int], rule: str
) -> Callable[[Files], Injected]:
    """An order of two lines with different values in a column; `blocked` are the lines that break the rule, by month."""

    def make(files: Files) -> Injected:
        done = Injected(SECOND, healed=THIRD)
        header = {"ss_ticket_number": order, "ss_sold_date_sk": "2450880", "ss_customer_sk": "7"}
        spots = files.pick("store_sales", 2, STORE_SALES.column_names, _of_january)
        for spot, value in zip(spots, values, strict=True):
            _late_line(files, files.row(spot) | header | {column: value}, wrong=True)
        for month, lines in blocked.items():
            done.expected["silver.store_sales", month, rule] = lines
            done.blocked.append(("silver.store_sales", month))
        return done

    return make


def _shrunken_month(files: Files) -> Injected:
    """Of a month in a file of its own only the lines with a return are left."""
    done = Injected(SECOND, healed=THIRD)
    lines = [line for line in files.lines[SHRINKING_FILE] if line is not None]
    left = [line for line in lines if files.returned("store_sales", parse("store_sales", line))]
    assert 0 < len(left) < len(lines) / 2, f"{len(left)} of {len(lines)} lines have a return"
    files.extra[SECOND][SHRINKING_FILE] = packed("".join(f"{line}\n" for line in left))
    files.extra[THIRD][SHRINKING_FILE] = packed("".join(f"{line}\n" for line in lines))
    done.expected["silver.store_sales", _SHRINKING_MONTH, "row_count"] = 1
    done.blocked = [("silver.store_sales", _SHRINKING_MONTH)]
    return done


def _late_versions(
    table: str, versions: Sequence[Mapping[str, str]], rules: Mapping[str, int], *, same: bool = True
) -> Callable[[Files], Injected]:
    """New rows of a dimension in a file of their own; with `same` they are versions of its first row."""

    def make(files: Files) -> Injected:
        done = Injected(SECOND)
        source = TABLES[table]
        first = files.row((files.paths(table)[0], 0))
        rows = []
        for version in versions:
            row = {**files.clone(table), **version}
            if same and source.business_key:
                row[source.business_key] = first[source.business_key]
            rows.append(row)
        files.extra[SECOND][f"{table}/late.dat.gz"] = packed("".join(f"{format_line(table, row)}\n" for row in rows))
        for rule, number in rules.items():
            done.expected[SILVER[table].identifier, WHOLE_TABLE, rule] = number
        done.blocked = [(SILVER[table].identifier, WHOLE_TABLE)]
        return done

    return make


def _shrunken_dimension(files: Files) -> Injected:
    done = Injected(SECOND)
    (path,) = files.paths("customer_address")
    lines = [line for line in files.lines[path] if line is not None][:400]
    files.extra[SECOND][path] = packed("".join(f"{line}\n" for line in lines))
    done.expected["silver.customer_address", WHOLE_TABLE, "row_count"] = 1
    done.blocked = [("silver.customer_address", WHOLE_TABLE)]
    return done


def _other_columns(table: str, edit: Callable[[str], str], rows: int) -> Callable[[Files], Injected]:
    """A file whose lines have more or fewer columns: nothing of its batch is read."""

    def make(files: Files) -> Injected:
        done = Injected(SECOND)
        bronze = lake_table("bronze", table).identifier
        lines = [edit(format_line(table, files.clone(table))) for _ in range(rows)]
        files.extra[SECOND][f"{table}/late.dat.gz"] = packed("".join(f"{line}\n" for line in lines))
        done.expected[bronze, BATCH.format(SECOND), "schema"] = rows
        done.blocked = [(bronze, BATCH.format(SECOND))]
        return done

    return make


OF_LATER_ARRIVALS: tuple[Fault, ...] = (
    Special("sales are delivered again in a later batch", "store_sales", _delivered_again(3, {})),
    Special("a sale is restated in a later batch", "store_sales", _delivered_again(1, {"ss_hdemo_sk": "1"})),
    Special("a return comes a batch before its sale", "store_returns", _late_sale),
)

BLOCKING: tuple[Fault, ...] = (
    Special(
        "the lines of an order have dates in two months",
        "store_sales",
        _contradicting_order(
            "99000001",
            "ss_sold_date_sk",
            ("2450850", "2450940"),
            {"1998-02": 1, "1998-05": 1},
            "order_header__date",
        ),
    ),
    Special(
        "the lines of an order have two customers",
        "store_sales",
        _contradicting_order("99000002", "ss_customer_sk", ("1", "2"), {"1998-03": 1}, "order_header__customer"),
    ),
    Special("a month loses most of its rows", "store_sales", _shrunken_month),
    Special("a dimension loses most of its rows", "customer_address", _shrunken_dimension),
    Special(
        "two versions of a store are valid on the same day",
        "store",
        _late_versions(
            "store", [{"s_rec_start_date": "1999-01-01", "s_rec_end_date": "1999-12-31"}], {"history__no_overlap": 1}
        ),
    ),
    Special(
        "a web site has two open versions",
        "web_site",
        _late_versions(
            "web_site", [{"web_rec_start_date": "", "web_rec_end_date": ""}], {"history__one_open_version": 2}
        ),
    ),
    Special(
        "a web page has three open versions from the same day on",
        "web_page",
        _late_versions(
            "web_page",
            [{"wp_rec_start_date": "1999-01-01", "wp_rec_end_date": ""}] * 2,
            {"history__one_open_version": 3, "history__no_overlap": 2},
        ),
    ),
    Special("a file has a column too many", "ship_mode", _other_columns("ship_mode", lambda line: f"{line}new|", 3)),
    Special(
        "a file lacks a column",
        "promotion",
        _other_columns("promotion", lambda line: line.partition("|")[2], 4),
    ),
    Special(
        "a file of another table lies in the folder",
        "warehouse",
        _other_columns("warehouse", lambda line: "1|AAAAAAAABAAAAAAA|EXPRESS|AIR|UPS|YvxVaJI10|", 2),
    ),
)

FAULTS: tuple[Fault, ...] = (
    *OF_ROWS_TOGETHER,
    *OF_FACTS,
    *OF_DIMENSIONS,
    *OF_LINES,
    *OF_FILES,
    *HARMLESS,
    *OF_LATER_ARRIVALS,
    *BLOCKING,
)


def inject(clean: Path, faults: Iterable[Fault] = FAULTS) -> tuple[list[dict[str, bytes]], dict[str, Injected]]:
    """The arrivals of a lake with all faults, and what each must lead to, by name of the fault."""
    files = Files(clean)
    injected: dict[str, Injected] = {}
    for fault in faults:
        assert fault.name not in injected, f"two faults are named {fault.name}"
        injected[fault.name] = fault.inject(files)
    return files.arrivals(), injected


def cut(source: Path, target: Path) -> None:
    """A part of the source that hangs together, of whole real lines: orders of the first months with their returns, and of
    the biggest dimensions the rows that are referred to and some others."""
    texts = {path.relative_to(source).as_posix(): list(_read_lines(path)) for path in sorted(source.rglob("*.gz"))}
    of_table: dict[str, list[str]] = defaultdict(list)
    for path in texts:
        of_table[path.partition("/")[0]].append(path)

    def fields(table: str, *columns: str) -> Iterator[tuple[str, ...]]:
        positions = [_position(table, column) for column in columns]
        for path in of_table[table]:
            for line in texts[path]:
                values = line.split("|")
                yield tuple(values[position] for position in positions)

    def keep(table: str, column: str, chosen: Callable[[str], bool], *, drop: bool = False) -> None:
        position = _position(table, column)
        for path in of_table[table]:
            texts[path] = [line for line in texts[path] if chosen(line.split("|", position + 1)[position]) is not drop]

    for table in FACTS:
        if table.order:
            days = fields(table.name, table.order.order, table.order.sold_date)
            late = {order for order, day in days if day and int(day) > LAST_DAY_KEPT[table.name]}
            keep(table.name, table.order.order, late.__contains__, drop=True)
    for table in FACTS:
        if table.sale:
            header = TABLES[table.sale.sales].order
            assert header is not None
            orders = {order for (order,) in fields(table.sale.sales, header.order)}
            keep(table.name, table.sale.order, orders.__contains__)
    keep("inventory", "inv_date_sk", lambda day: int(day) <= LAST_DAY_KEPT["inventory"])
    for dimension, spare in _THINNED.items():
        referred: set[str] = set()
        for table in TABLES.values():
            for foreign_key in table.foreign_keys:
                if foreign_key.references == dimension:
                    referred |= {value for (value,) in fields(table.name, foreign_key.column)}
        (key,) = TABLES[dimension].primary_key
        more = {value for number, (value,) in enumerate(fields(dimension, key)) if number < spare}
        if dimension == "date_dim":
            more |= {str(day) for day in range(FIRST_DATE_SK - 1, LAST_DATE_SK + 2)}
        keep(dimension, key, (referred | more).__contains__)
    for path, lines in texts.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(packed("".join(f"{line}\n" for line in lines)))


# Playing arrivals: the same for both engines, one of which needs a process of its own.

_RECORD = "record.json"
_SETTINGS = "settings.json"


class Found(BaseModel):
    """What a rule said about a partition, as it is kept beside the lake."""

    table: str
    partition: str
    rule: str
    action: str
    violations: int | None
    blocks: bool
    samples: tuple[str, ...]


class Record(BaseModel):
    """What an arrival led to: the tables that were materialised, what their rules found, and what was not published."""

    tables: list[str]
    found: list[Found]
    failures: dict[str, dict[str, str]]


class Played(State):
    """A lake as it was after one arrival."""

    @cached_property
    def record(self) -> Record:
        return Record.model_validate_json((self.folder / _RECORD).read_text())

    @cached_property
    def broken(self) -> dict[Where, Found]:
        """What was found, by table, partition and rule."""
        return {(one.table, one.partition, one.rule): one for one in self.record.found if one.violations}


def prepare(folder: Path, arrivals: Sequence[Mapping[str, bytes]], **settings: object) -> None:
    """Lay out a lake for `play`: its settings, and what arrives first, second, ..."""
    write_arrivals(folder, arrivals)
    (folder / _SETTINGS).write_text(json.dumps(settings))


def play(folder: Path, engine: SessionEngine) -> None:
    """Let the arrivals of every lake below `folder` come in one after the other, and keep a copy of the lake after each."""
    # Before two threads import what it needs at the same time.
    engine.session()
    for lake in sorted(path for path in folder.iterdir() if path.is_dir()):
        current = lake / "current"
        settings = Settings(
            root=current / "lake",
            source=current / "source",
            threads=2,
            **json.loads((lake / _SETTINGS).read_text()),
        )
        for number in range(1, len(list((lake / "arrivals").iterdir())) + 1):
            shutil.copytree(lake / "arrivals" / str(number), settings.local_source, dirs_exist_ok=True)
            (current / _RECORD).write_text(_arrive(Lake(settings), engine).model_dump_json())
            shutil.copytree(current, lake / "states" / str(number))


def play_apart(folder: Path, engine: EngineName) -> None:
    """`play` in a process of its own."""
    run_apart(__spec__.name, engine, str(folder))


def states(lake: Path) -> list[Played]:
    """The lake after each of its arrivals."""
    return [Played(state) for state in sorted((lake / "states").iterdir(), key=lambda path: int(path.name))]


def _arrive(lake: Lake, engine: Engine) -> Record:
    """Pin what is new, and materialise the tables it belongs to and the facts that wait for it, each after those it needs."""
    source, batches = lake.source, lake.ledger.batches()
    batch = pin(lake.ledger, source, examine(source, look(source, batches), batches, threads=2).files)
    delivered = {file.table for file in batch.files}
    record = Record(tables=[], found=[], failures={})

    def materialise(table: LakeTable, partitions: Sequence[str]) -> None:
        outcome = lake.materialise(table, partitions, engine.run, "faults")
        record.tables.append(table.identifier)
        record.failures.update({table.identifier: dict(outcome.failed)} if outcome.failed else {})
        record.found += [_found(table, verdict) for verdict in outcome.verdicts]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: materialise(BRONZE[name], [batch.name]), sorted(delivered)))
    for table in SILVER_DIMENSIONS:
        if table.name in delivered and lake.planner().entry(BRONZE[table.name], batch.name).settled:
            materialise(table, [batch.name])
    planner = lake.planner()
    waiting = [
        table
        for table in SILVER_FACTS
        if planner.entries(BRONZE[table.name])
        and not planner.unconverted(table.name)
        and stale(planner.silver(table, MONTHS))
    ]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda table: materialise(table, MONTHS), waiting))
    return record


def _found(table: LakeTable, verdict: Verdict) -> Found:
    return Found(
        table=table.identifier,
        partition=verdict.partition,
        rule=verdict.rule.name,
        action=verdict.rule.action,
        violations=verdict.violations,
        blocks=verdict.blocks,
        samples=verdict.samples,
    )


def main(engine: EngineName, folder: str) -> None:
    play(Path(folder), SessionEngine(engine, threads=2, memory_gb=2))


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
