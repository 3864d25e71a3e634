"""What a catalog shows of the lake: data, quarantine and quality history, all as tables over folders of Parquet objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lake_assets.contract.layers import LAKE_TABLES, WHOLE_TABLE, LakeTable
from lake_assets.contract.model import Column, ForeignKey
from lake_assets.contract.quality import QUALITY_SCHEMA, RESULTS, RESULTS_COMMENT, RESULTS_NAME, RESULTS_PARTITIONS
from lake_assets.contract.quarantine import (
    QUARANTINE_SCHEMA,
    has_quarantine,
    quarantine_columns,
    quarantine_comment,
    quarantine_name,
)
from lake_assets.lake import layout
from lake_assets.lake.records import LedgerEntry

SCHEMAS: dict[str, str] = {
    "bronze": "Source tables as delivered, by batch of source files.",
    "silver": "Clean, keyed rows: facts by month of the event, dimensions with the latest row per key.",
    "gold": "Business tables.",
    QUARANTINE_SCHEMA: "Rows and lines that were taken out, with the rules that they break.",
    QUALITY_SCHEMA: "Quality history of every table.",
}
"""Schemas with their descriptions."""

Values = tuple[str, ...]
"""A partition, as the values of its partition columns; () for a table without any."""


@dataclass(frozen=True)
class CatalogTable:
    """One table of a catalog. `folder` is relative to the root of the lake, `layer` that of the table it belongs to, if any."""

    schema: str
    name: str
    comment: str
    folder: str
    columns: tuple[Column, ...]
    partition_columns: tuple[Column, ...]
    codec: str
    layer: str | None = None
    primary_key: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()

    def __hash__(self) -> int:
        # There is one of each name, as of the lake's tables.
        return hash((self.schema, self.name))

    @property
    def identifier(self) -> str:
        return f"{self.schema}.{self.name}"

    def partition_folder(self, values: Values) -> str:
        """Folder of a partition, relative to the root of the lake."""
        keys = (f"{column.name}={value}" for column, value in zip(self.partition_columns, values, strict=True))
        return "/".join([self.folder, *keys])


def data_table(table: LakeTable) -> CatalogTable:
    return CatalogTable(
        schema=table.layer,
        name=table.name,
        comment=table.comment,
        folder=layout.table_folder(table),
        columns=table.columns,
        partition_columns=table.partition_columns,
        codec=table.codec,
        layer=table.layer,
        primary_key=table.primary_key,
        sort=table.sort,
        foreign_keys=table.source.foreign_keys if table.source else (),
    )


def quarantine_table(table: LakeTable) -> CatalogTable | None:
    """None for a table that has none."""
    if not has_quarantine(table):
        return None
    return CatalogTable(
        schema=QUARANTINE_SCHEMA,
        name=quarantine_name(table),
        comment=quarantine_comment(table),
        folder=layout.quarantine_folder(table),
        columns=quarantine_columns(table),
        partition_columns=table.partition_columns,
        codec=table.codec,
        layer=table.layer,
    )


QUALITY_TABLE = CatalogTable(
    schema=QUALITY_SCHEMA,
    name=RESULTS_NAME,
    comment=RESULTS_COMMENT,
    folder=layout.QUALITY,
    columns=RESULTS,
    partition_columns=RESULTS_PARTITIONS,
    codec="zstd",
)


def all_tables() -> tuple[CatalogTable, ...]:
    """Every table that a complete lake has in its catalog."""
    quarantines = (quarantine_table(table) for table in LAKE_TABLES)
    return (*map(data_table, LAKE_TABLES), *(known for known in quarantines if known), QUALITY_TABLE)


def registered(table: LakeTable, entries: Mapping[str, LedgerEntry]) -> dict[CatalogTable, frozenset[Values]]:
    """What the catalog must hold once a table is registered, by what the ledger says of its partitions.

    Nothing for a table that was never audited. A partition that is being published for the first time is not there yet.
    Of the quality history the partition of this table.
    """
    if not entries:
        return {}
    published = [(_values(table, name), entry.committed) for name, entry in entries.items() if entry.committed]
    wanted = {data_table(table): frozenset(values for values, known in published if known.objects)}
    quarantine = quarantine_table(table)
    if quarantine:
        wanted[quarantine] = frozenset(values for values, known in published if known.quarantine)
    return wanted | {QUALITY_TABLE: frozenset({(table.layer, table.name)})}


def together(parts: Iterable[Mapping[CatalogTable, frozenset[Values]]]) -> dict[CatalogTable, frozenset[Values]]:
    """What several tables want of the catalog, which share the quality history."""
    found: dict[CatalogTable, frozenset[Values]] = {}
    for part in parts:
        for table, values in part.items():
            found[table] = found.get(table, frozenset()) | values
    return found


def _values(table: LakeTable, partition: str) -> Values:
    return () if partition == WHOLE_TABLE and table.partition_column is None else (partition,)
