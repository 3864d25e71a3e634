"""What an asset and a materialisation say of themselves in the Dagster UI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from lake_assets.contract.column_lineage import SourceColumn, column_lineage
from lake_assets.contract.layers import LakeTable
from lake_assets.contract.types import physical_type
from lake_assets.lake import layout
from lake_assets.lake.records import Publication
from lake_assets.lake.store import Store

PREVIEW_ROWS = 10
OWNERS = ["team:data-engineering"]


def table_schema(table: LakeTable) -> dg.TableSchema:
    """Columns with types, comments, links to the columns that they come from, keys and the personal-data tag."""
    lineage = column_lineage(table)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=physical_type(column),
                description=column.comment + _origin(lineage[column.name]),
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
                tags={
                    **({"primary_key": ""} if column.name in table.primary_key else {}),
                    **({"personal_data": ""} if column.personal else {}),
                },
            )
            for column in table.columns
        ]
    )


def _origin(sources: Sequence[SourceColumn]) -> str:
    """Where a column comes from, in Markdown, because the open-source UI shows the lineage of columns nowhere else."""
    by_table: dict[str, list[str]] = {}
    for source in sources:
        by_table.setdefault(f"[{source.layer}.{source.table}](/assets/{source.layer}/{source.table})", []).append(
            f"`{source.column}`"
        )
    told = "; ".join(f"{link} {', '.join(columns)}" for link, columns in by_table.items())
    return f"\n\nFrom {told}" if told else ""


def table_column_lineage(table: LakeTable) -> dg.TableColumnLineage:
    """Every column with the columns of the layer below that its values are computed from."""
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(dg.AssetKey([source.layer, source.table]), source.column) for source in sources]
            for name, sources in column_lineage(table).items()
        }
    )


def definition_metadata(table: LakeTable) -> Mapping[str, Any]:
    """What the definition of an asset says of it; what follows from the contract costs no materialisation a byte."""
    lineage = {} if table.layer == "bronze" else {"dagster/column_lineage": table_column_lineage(table)}
    return {
        **lineage,
        "dagster/column_schema": table_schema(table),
        "dagster/table_name": table.identifier,
        "primary_key": ", ".join(table.primary_key),
        "sorted_by": ", ".join(table.sort) or "as delivered",
    }


def tags(table: LakeTable) -> dict[str, str]:
    found: dict[str, str] = {"layer": table.layer}
    if table.source and table.source.channel:
        found["channel"] = table.source.channel
    if any(column.personal for column in table.columns):
        found["personal_data"] = "true"
    return found


def publication_metadata(
    table: LakeTable, publication: Publication, store: Store, table_rows: int, cost: tuple[float, float]
) -> Mapping[str, Any]:
    """Figures of one published partition; numbers are plotted over time by the UI.

    `table_rows` are those of the whole table as it now stands. `cost` are the engine's seconds for this partition, and the part
    of them that its rules took.
    """
    place = publication.objects[0].key.rpartition("/")[0] if publication.objects else layout.table_folder(table)
    return {
        "dagster/row_count": table_rows,
        "dagster/partition_row_count": publication.rows,
        "bytes": publication.bytes,
        "source_rows": publication.source_rows,
        "quarantined_rows": publication.quarantined,
        "duplicate_rows": publication.duplicates,
        "violations": sum(publication.violations.values()),
        "engine_seconds": round(cost[0], 3),
        "audit_seconds": round(cost[1], 3),
        "location": dg.MetadataValue.path(store.uri(place)),
        "content_hash": publication.content,
        "preview": dg.MetadataValue.md(preview(table, publication, store)),
    }


def preview(table: LakeTable, publication: Publication, store: Store) -> str:
    """The first rows as a Markdown table, without columns of personal data."""
    # Here, because pyarrow would be a quarter of the time that loading the definitions takes.
    import pyarrow.parquet as pq

    columns = [column.name for column in table.columns if not column.personal]
    stored = next((item for item in publication.objects if item.rows), None)
    if stored is None:
        return "no rows"
    with store.open(stored.key) as opened, pq.ParquetFile(opened) as file:
        batch = next(file.iter_batches(batch_size=PREVIEW_ROWS, columns=columns))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in batch.to_pylist():
        lines.append("| " + " | ".join(_cell(row[name]) for name in columns) + " |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
