"""The vocabulary of the contract: columns, keys and tables as plain, immutable data.

What belongs here: the types in which facts about tables are stated. What does not: the facts themselves
(`tables/`, `gold/`) and their translations into engine schemas (`types.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Literal

Channel = Literal["store", "catalog", "web"]
CHANNELS: tuple[Channel, ...] = ("store", "catalog", "web")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `type` is the specification's SQL type, e.g. `BIGINT`, `DECIMAL(7,2)`, `CHAR(16)`.

    `values`, `low`, `high` (both inclusive) and `pattern` (a regular expression of the whole value) bound the values that are
    not NULL. `filled`: the specification allows NULL, but the data has none. `sources` name the columns that the values of a
    column which the lake adds are computed from, in the words of `column_lineage.py`.
    """

    name: str
    type: str
    comment: str
    nullable: bool = True
    personal: bool = False
    values: tuple[str, ...] = ()
    low: Decimal | int | None = None
    high: Decimal | int | None = None
    pattern: str | None = None
    filled: bool = False
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`column` refers to the (single-column) primary key of the dimension `references`."""

    column: str
    references: str


@dataclass(frozen=True, slots=True)
class Identity:
    """`column` equals `formula`, an SQL expression over columns of the same row, wherever none of them is NULL."""

    column: str
    formula: str


InvariantKind = Literal["not_null", "unique", "range", "partition", "recomputed", "ranking", "complete", "totals"]


@dataclass(frozen=True, slots=True)
class Invariant:
    """What must hold of the rows of a business table, in SQL that DuckDB, Spark and Sail understand alike.

    Either `condition`, true for a row that breaks it; or `query`, rows of (`part`, `n`): partition and number of violations.
    A query names tables as in the lake (`gold.monthly_trends`, `silver.item`), with their partition columns. What it says
    holds of any set of whole partitions: what would need others is left unsaid where they are not among the rows.
    """

    kind: InvariantKind
    subject: str
    sentence: str
    columns: tuple[str, ...]
    condition: str = ""
    query: str = ""
    action: Literal["warn", "block"] = "block"


@dataclass(frozen=True, slots=True)
class SlowlyChanging:
    """Columns that bound the validity of a version of a type 2 slowly changing dimension.

    The open version of a business key has a NULL `end` date.
    """

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class OrderHeader:
    """The columns of a sales line that belong to its order, so that a NULL can be taken from a sibling line.

    `item`, `quantity`, `price` and `amount` (gross sales of the line) are what a return of the line is compared with.
    """

    order: str
    sold_date: str
    customer: str
    item: str
    quantity: str
    price: str
    amount: str


@dataclass(frozen=True, slots=True)
class SaleLink:
    """How a return line finds the sale line it undoes, same item and same order number, and what it gives back of it.

    `quantity` and `amount` are the returned pieces and their value before coupon and tax.
    """

    sales: str
    item: str
    order: str
    quantity: str
    amount: str


@dataclass(frozen=True, slots=True)
class MonthPartition:
    """A fact's event date: `column` holds the date's surrogate key, `partition` names the folder key."""

    column: str
    partition: Literal["sold_month", "returned_month", "inventory_month"]


@dataclass(frozen=True)
class Table:
    """One source table. Grain: one row per `primary_key`.

    `month` is set for the seven facts, whose silver table is partitioned by month of the event; a table without it is a
    dimension. `order` is set for the three sales facts, `sale` for the three returns facts.
    `sort_by` is the column most filtered on; silver files are sorted by it and then by the primary key. `also_unique` are
    columns besides the keys that never repeat a value.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    sort_by: str
    foreign_keys: tuple[ForeignKey, ...] = ()
    business_key: str | None = None
    also_unique: tuple[str, ...] = ()
    identities: tuple[Identity, ...] = ()
    scd2: SlowlyChanging | None = None
    month: MonthPartition | None = None
    channel: Channel | None = None
    order: OrderHeader | None = None
    sale: SaleLink | None = None

    @property
    def is_fact(self) -> bool:
        return self.month is not None

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the dimensions that rows refer to, each once."""
        return tuple(sorted({key.references for key in self.foreign_keys}))

    @property
    def silver_partition_column(self) -> str | None:
        return self.month.partition if self.month else None


@dataclass(frozen=True)
class GoldTable:
    """One business table. Grain: one row per `primary_key`; `partition` names the folder key, which is no column.

    `rows_move`: what arrives later may move rows from one partition to another, so that a partition may lose most of its rows.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    sort_by: str
    axis: Literal["month", "year"]
    partition: str
    rows_move: bool = False

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)
