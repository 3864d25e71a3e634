"""The tables of the lake: each source table as it stands in bronze and in silver, and the gold tables.

Derived from the contract; physical columns, keys, sort order and partition folder of every table of every layer are
stated here once, and everything else (engine schemas, views, Dagster metadata, docs) asks here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lake_assets.contract.calendar import MONTHS, YEARS
from lake_assets.contract.gold import GOLD_TABLES
from lake_assets.contract.model import Column, GoldTable, Table
from lake_assets.contract.tables import DIMENSIONS, TABLES

Layer = Literal["bronze", "silver", "gold"]
Axis = Literal["source_batch", "month", "year"]

BATCH_COLUMN = "source_batch"
LOAD_TIMESTAMP = Column("load_timestamp", "TIMESTAMP", "When this row was written by the run that published it (UTC).")
SOURCE_BATCH = Column(
    BATCH_COLUMN, "VARCHAR(32)", "The arrival of source files that delivered this row.", nullable=False
)

_PARTITION_COMMENTS: dict[Axis, str] = {
    "source_batch": SOURCE_BATCH.comment,
    "month": "Month of the row, YYYY-MM; `undated` where it has no date within the calendar.",
    "year": "Year of the row, YYYY; `undated` where it has no date within the calendar.",
}

WHOLE_TABLE = "all"
"""Ledger key of a table that is one object, not a set of partitions."""


@dataclass(frozen=True)
class LakeTable:
    """One table of one layer. `partition_column` names the folder key and is not among `columns`.

    `axis` is the axis of its Dagster partitions. A silver dimension is refreshed batch by batch (axis `source_batch`) but
    stored as one object, so it has no partition column.
    """

    layer: Layer
    name: str
    comment: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    sort: tuple[str, ...]
    axis: Axis
    partition_column: str | None
    source: Table | None

    def __hash__(self) -> int:
        # There is one of each name. A hash of all columns, at each look into a dictionary, took half of a plan's time.
        return hash((self.layer, self.name))

    @property
    def identifier(self) -> str:
        return f"{self.layer}.{self.name}"

    @property
    def partition_columns(self) -> tuple[Column, ...]:
        """What stands in the path instead of in the file, as text; nothing for a table that is one object."""
        if self.partition_column is None:
            return ()
        return (Column(self.partition_column, "VARCHAR(32)", _PARTITION_COMMENTS[self.axis], nullable=False),)

    @property
    def codec(self) -> str:
        """Parquet compression: Snappy in bronze, which is read by other tools as delivered; zstd above, a sixth smaller."""
        return "snappy" if self.layer == "bronze" else "zstd"

    @property
    def partitions(self) -> tuple[str, ...]:
        """Ledger keys of a table whose partitions are known beforehand."""
        if self.layer == "bronze":
            raise ValueError(f"{self.identifier}: partitions are the batches that arrived")
        if self.partition_column is None:
            return (WHOLE_TABLE,)
        return MONTHS if self.axis == "month" else YEARS

    @property
    def content_columns(self) -> tuple[str, ...]:
        """Columns whose values the same inputs must reproduce: all but the load timestamp."""
        return tuple(column.name for column in self.columns if column.name != LOAD_TIMESTAMP.name)


def _sorted_by(first: str, key: tuple[str, ...]) -> tuple[str, ...]:
    return (first, *(name for name in key if name != first))


def _order_columns(table: Table) -> tuple[Column, ...]:
    """Columns that silver adds to a sales fact: what an order's sibling lines say where a line has NULL."""
    if table.order is None:
        return ()
    date_of_order = (table.order.order, table.order.sold_date)
    customer_of_order = (table.order.order, table.order.customer)
    return (
        Column(
            "sold_date_sk_resolved",
            "BIGINT",
            f"Date key of the sale: {table.order.sold_date}, or the one date its order's other lines name. "
            "NULL when no line of the order has a date.",
            sources=date_of_order,
        ),
        Column(
            "customer_sk_resolved",
            "BIGINT",
            f"Customer of the order: {table.order.customer}, or the one customer its order's other lines name.",
            sources=customer_of_order,
        ),
        Column(
            "sold_date_imputed",
            "BOOLEAN",
            "True when the date was taken from other lines of the order.",
            nullable=False,
            sources=date_of_order,
        ),
        Column(
            "customer_imputed",
            "BOOLEAN",
            "True when the customer was taken from other lines of the order.",
            nullable=False,
            sources=customer_of_order,
        ),
    )


def _bronze(table: Table) -> LakeTable:
    return LakeTable(
        layer="bronze",
        name=table.name,
        comment=f"As delivered, in declared types: {table.comment}",
        columns=table.columns,
        primary_key=table.primary_key,
        sort=(),
        axis="source_batch",
        partition_column=BATCH_COLUMN,
        source=table,
    )


def _silver(table: Table) -> LakeTable:
    first = "sold_date_sk_resolved" if table.order else table.sort_by
    return LakeTable(
        layer="silver",
        name=table.name,
        comment=table.comment,
        columns=(*table.columns, *_order_columns(table), SOURCE_BATCH, LOAD_TIMESTAMP),
        primary_key=table.primary_key,
        sort=_sorted_by(first, table.primary_key),
        axis="month" if table.is_fact else "source_batch",
        partition_column=table.silver_partition_column,
        source=table,
    )


def _gold(table: GoldTable) -> LakeTable:
    return LakeTable(
        layer="gold",
        name=table.name,
        comment=table.comment,
        columns=table.columns,
        primary_key=table.primary_key,
        sort=_sorted_by(table.sort_by, table.primary_key),
        axis=table.axis,
        partition_column=table.partition,
        source=None,
    )


BRONZE: dict[str, LakeTable] = {name: _bronze(table) for name, table in TABLES.items()}
SILVER: dict[str, LakeTable] = {name: _silver(table) for name, table in TABLES.items()}
GOLD: dict[str, LakeTable] = {name: _gold(table) for name, table in GOLD_TABLES.items()}

LAKE_TABLES: tuple[LakeTable, ...] = (*BRONZE.values(), *SILVER.values(), *GOLD.values())
SILVER_FACTS: tuple[LakeTable, ...] = tuple(table for table in SILVER.values() if table.partition_column)
SILVER_DIMENSIONS: tuple[LakeTable, ...] = tuple(SILVER[table.name] for table in DIMENSIONS)
"""Each behind those it refers to."""


def lake_table(layer: str, name: str) -> LakeTable:
    """The table `name` of `layer`; KeyError names what there is."""
    layers: dict[str, dict[str, LakeTable]] = {"bronze": BRONZE, "silver": SILVER, "gold": GOLD}
    if layer not in layers:
        raise KeyError(f"unknown layer {layer!r}; layers are {', '.join(layers)}")
    if name not in layers[layer]:
        raise KeyError(f"no table {name!r} in {layer}; its tables are {', '.join(layers[layer])}")
    return layers[layer][name]
