"""The tables of the lake in the words of the Glue Data Catalog: `TableInput`, `PartitionInput`, and how to compare them.

Pure translations; `glue.py` sends them. Athena, Spark on Glue and a crawler read the same Parquet by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lake_assets.catalog.tables import SCHEMAS, CatalogTable, Values
from lake_assets.contract.layers import Layer
from lake_assets.contract.model import Column
from lake_assets.contract.types import physical_type, schema_fingerprint
from lake_assets.location import Location

COMMENT_BYTES = 255
"""Longest comment of a column that Glue takes, in bytes."""

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_AS_A_CRAWLER = {"classification": "parquet", "compressionType": "none", "typeOfData": "file"}
"""Parquet compresses inside the file, so that a crawler finds no compression of the file itself."""
_OWN_PARAMETERS = frozenset(
    {"EXTERNAL", "parquet.compression", "layer", "primary_key", "foreign_keys", "sorted_by", "personal_data"}
    | {"schema_fingerprint", *_AS_A_CRAWLER}
)
"""Parameters of a table that the contract decides; what others add (statistics, Athena's switches) stays."""


def database_name(name: str, schema: str) -> str:
    """The Glue database of a schema in the deployment `name`; Athena takes no hyphen in an unquoted name."""
    return f"{name.replace('-', '_')}_{schema}"


def discovered_database(name: str, layer: Layer) -> str:
    """Where the crawler of a layer writes what it found."""
    return database_name(name, f"discovered_{layer}")


def database_input(name: str, schema: str) -> dict[str, Any]:
    return {"Name": database_name(name, schema), "Description": SCHEMAS[schema]}


def table_input(table: CatalogTable, root: Location) -> dict[str, Any]:
    """`TableInput` of a table of the lake at `root`."""
    return {
        "Name": table.name,
        "Description": table.comment,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": _parameters(table),
        "PartitionKeys": [_column(table, column) for column in table.partition_columns],
        "StorageDescriptor": _storage(table, f"{root}/{table.folder}/"),
    }


def partition_input(table: CatalogTable, root: Location, values: Values) -> dict[str, Any]:
    """`PartitionInput`: the table's own storage at the place of the partition. Another schema there fails every query."""
    return {
        "Values": list(values),
        "Parameters": dict(_AS_A_CRAWLER),
        "StorageDescriptor": _storage(table, f"{root}/{table.partition_folder(values)}/"),
    }


def _storage(table: CatalogTable, place: str) -> dict[str, Any]:
    return {
        "Columns": [_column(table, column) for column in table.columns],
        "Location": place,
        "InputFormat": f"{_PARQUET}.MapredParquetInputFormat",
        "OutputFormat": f"{_PARQUET}.MapredParquetOutputFormat",
        "Compressed": False,
        "NumberOfBuckets": -1,
        "SerdeInfo": {
            "SerializationLibrary": f"{_PARQUET}.serde.ParquetHiveSerDe",
            "Parameters": {"serialization.format": "1"},
        },
        "StoredAsSubDirectories": False,
    }


def _column(table: CatalogTable, column: Column) -> dict[str, Any]:
    return {
        "Name": column.name,
        "Type": physical_type(column),
        "Comment": shortened(column.comment),
        "Parameters": dict(_column_parameters(table, column)),
    }


def _column_parameters(table: CatalogTable, column: Column) -> Iterator[tuple[str, str]]:
    yield "declared_type", column.type
    yield "nullable", str(column.nullable).lower()
    if column.name in table.primary_key:
        yield "primary_key", "true"
    if column.personal:
        yield "personal_data", "true"
    for key in table.foreign_keys:
        if key.column == column.name:
            yield "references", key.references
    if shortened(column.comment) != column.comment:
        yield "comment", column.comment


def shortened(comment: str) -> str:
    """A comment as long as Glue allows, cut between words."""
    if len(comment.encode()) <= COMMENT_BYTES:
        return comment
    end = "…"
    cut = comment.encode()[: COMMENT_BYTES - len(end.encode())].decode(errors="ignore")
    return (cut.rpartition(" ")[0] or cut) + end


def _parameters(table: CatalogTable) -> dict[str, str]:
    lists = {
        "primary_key": table.primary_key,
        "sorted_by": table.sort,
        "foreign_keys": tuple(f"{key.column}={key.references}" for key in table.foreign_keys),
        "personal_data": tuple(column.name for column in table.columns if column.personal),
    }
    return {
        **_AS_A_CRAWLER,
        "EXTERNAL": "TRUE",
        "parquet.compression": table.codec.upper(),
        "schema_fingerprint": schema_fingerprint(table.columns),
        **({"layer": table.layer} if table.layer else {}),
        **{name: ",".join(values) for name, values in lists.items() if values},
    }


def updated(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The `TableInput` that makes a table of the catalog what is wanted; None when it is that already."""
    strange = {name: value for name, value in _mapping(found, "Parameters").items() if name not in _OWN_PARAMETERS}
    merged = {**wanted, "Parameters": {**strange, **wanted["Parameters"]}}
    return None if is_as_wanted(merged, found) else merged


def is_as_wanted(wanted: Any, found: Any) -> bool:
    """Whether Glue says all that is wanted; what it adds by itself (times, empty lists) does not count.

    But columns and parameters are compared as a whole: one too many is a difference.
    """
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            (dict(found.get(name) or {}) == value if name == "Parameters" else is_as_wanted(value, found.get(name)))
            for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(wanted) == len(found)
            and all(is_as_wanted(one, other) for one, other in zip(wanted, found, strict=True))
        )
    return bool(wanted == found)


def _mapping(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = holder.get(name) or {}
    return found
