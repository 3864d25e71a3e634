"""The tables that Athena sees: those of the emulator's Glue Data Catalog, over objects of S3 copied to files for DuckDB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from moto.glue.models import glue_backends
from moto.s3.models import s3_backends
from sqlglot import exp

if TYPE_CHECKING:
    from lake_assets_tests.support.aws.athena_rights import Rights

_DEFAULT_CATALOG = "awsdatacatalog"


class QueryFailedError(Exception):
    """What a query dies of, in Athena's words; `kind` and `category` are the numbers of its AthenaError."""

    def __init__(self, message: str, category: int = 2, kind: int = 1) -> None:
        super().__init__(message)
        self.category = category
        self.kind = kind


@dataclass(frozen=True)
class Partition:
    """One folder of a table, with the values of the table's partition columns as the catalog has them."""

    values: tuple[str, ...]
    location: str


@dataclass(frozen=True)
class CatalogTable:
    """A table of the catalog; types are Hive's. A table without partition columns is one partition without values."""

    database: str
    name: str
    columns: Mapping[str, str]
    partition_columns: Mapping[str, str]
    partitions: tuple[Partition, ...]

    @property
    def schema(self) -> dict[str, str]:
        """All columns, with types as Athena calls them."""
        return {name: athena_type(kind) for name, kind in {**self.columns, **self.partition_columns}.items()}


@dataclass(frozen=True)
class Copy:
    """An object of S3 as a local file."""

    uri: str
    path: Path


def athena_type(hive: str) -> str:
    return exp.DataType.build(hive, dialect="hive").sql("athena")


def duckdb_type(hive: str) -> str:
    # Hive's texts have no length in DuckDB; its timestamps no zone, as in Athena.
    return exp.DataType.build(hive, dialect="hive").sql("duckdb").replace("TEXT", "VARCHAR")


def find_table(rights: Rights, name: exp.Table, default_database: str | None) -> CatalogTable:
    """The table that a query names. Raises `QueryFailedError` for one that is not in the catalog, or not for the caller."""
    database, table = (name.db or default_database or "").lower(), name.name.lower()
    first = name.args.get("db") or name.this
    # sqlglot tells where a name ends.
    where = f"line {first.meta.get('line', 1)}:{first.meta.get('col', 1) - len(first.name) + 1}"
    if name.catalog and name.catalog.lower() != _DEFAULT_CATALOG:
        raise QueryFailedError(f"CATALOG_NOT_FOUND: {where}: Catalog '{name.catalog}' does not exist", kind=1300)
    if not database:
        raise QueryFailedError(f"MISSING_SCHEMA_NAME: {where}: Schema must be specified when session schema is not set")
    rights.look("GetDatabase", f"database/{database}")
    rights.look("GetTable", f"database/{database}", f"table/{database}/{table}")
    databases = glue_backends[rights.caller.account][rights.region].databases
    if database not in databases:
        raise QueryFailedError(f"SCHEMA_NOT_FOUND: {where}: Schema '{database}' does not exist", kind=1301)
    tables = databases[database].tables
    if table not in tables:
        full = f"{_DEFAULT_CATALOG}.{database}.{table}"
        raise QueryFailedError(f"TABLE_NOT_FOUND: {where}: Table '{full}' does not exist", kind=1302)
    found = _catalog_table(database, tables[table])
    if found.partition_columns:
        rights.look("GetPartitions", f"database/{database}", f"table/{database}/{table}")
    return found


def _catalog_table(database: str, found: Any) -> CatalogTable:
    told = found.as_dict()
    storage = told["StorageDescriptor"]
    keys = {key["Name"]: key["Type"] for key in told.get("PartitionKeys") or ()}
    partitions = tuple(
        Partition(tuple(each.values), _location(each, storage["Location"])) for each in found.partitions.values()
    )
    return CatalogTable(
        database=database,
        name=found.name,
        columns={column["Name"]: column["Type"] for column in storage["Columns"]},
        partition_columns=keys,
        partitions=partitions if keys else (Partition((), storage["Location"]),),
    )


def _location(partition: Any, table: str) -> str:
    location: str = (partition.partition_input.get("StorageDescriptor") or {}).get("Location") or table
    return location


class Copies:
    """Files of a folder that hold the content of objects, each copied once for as long as its etag stays."""

    def __init__(self, rights: Rights, folder: Path) -> None:
        self._rights = rights
        self._folder = folder

    def below(self, location: str) -> Iterator[Copy]:
        """The objects of a location, as Hive sees them: names that begin with _ or . are hidden, empty objects are folders."""
        bucket, _, prefix = location.split("://", 1)[1].partition("/")
        prefix = f"{prefix.rstrip('/')}/"
        s3 = s3_backends[self._rights.caller.account]["aws"]
        self._rights.list(bucket, prefix)
        buckets = s3.buckets
        if bucket not in buckets:
            raise QueryFailedError(f"HIVE_FILESYSTEM_ERROR: The specified bucket does not exist: {bucket}")
        for key in sorted(buckets[bucket].keys):
            if not key.startswith(prefix) or any(part.startswith(("_", ".")) for part in key[len(prefix) :].split("/")):
                continue
            found = s3.get_object(bucket, key)
            if found is None or not found.size:
                continue
            self._rights.read(bucket, key)
            path = self._folder / f"{found.etag.strip(chr(34))}.parquet"
            if not path.exists():
                scratch = path.with_name(f"{path.name}.{id(found)}")
                scratch.write_bytes(found.value)
                scratch.replace(path)
            yield Copy(f"s3://{bucket}/{key}", path)


def view_statement(table: CatalogTable, files: Iterable[tuple[Partition, Copy]]) -> str:
    """`CREATE VIEW` over these files, with the partitions' values from the catalog.

    Raises `QueryFailedError` for a column whose stored type is not the catalog's.
    """
    name = f'"{table.database}"."{table.name}"'
    of_file: list[str] = []
    selects: list[str] = []
    for partition, copy in files:
        stored = _stored_columns(copy)
        selected = [_column(table, column, kind, stored, copy.uri) for column, kind in table.columns.items()]
        selected += [
            f'CAST({_text(value)} AS {duckdb_type(kind)}) AS "{column}"'
            for (column, kind), value in zip(table.partition_columns.items(), partition.values, strict=True)
        ]
        selects.append(f"SELECT {', '.join(selected)} FROM read_parquet({_text(str(copy.path))})")
        of_file.append(copy.uri)
    if not selects:
        every = {**table.columns, **table.partition_columns}
        nulls = ", ".join(f'CAST(NULL AS {duckdb_type(kind)}) AS "{column}"' for column, kind in every.items())
        selects.append(f"SELECT {nulls} WHERE FALSE")
    return f"CREATE VIEW {name} AS {' UNION ALL '.join(selects)}"


def _stored_columns(copy: Copy) -> dict[str, str]:
    """Columns of a Parquet file with their types as Hive calls them."""
    try:
        schema = pq.read_schema(copy.path)
    except Exception as error:  # pyarrow's own for a file that is none
        raise QueryFailedError(f"HIVE_BAD_DATA: Not valid Parquet file: {copy.uri}") from error
    return {field.name.lower(): _hive_type(str(field.type)) for field in schema}


def _hive_type(arrow: str) -> str:
    if arrow.startswith("timestamp"):
        return "timestamp"
    simple = {"int64": "bigint", "int32": "int", "int16": "smallint", "int8": "tinyint", "bool": "boolean"}
    simple |= {"date32[day]": "date", "large_string": "string", "float": "float"}
    return simple.get(arrow, arrow.replace("decimal128", "decimal").replace(" ", ""))


def _column(table: CatalogTable, name: str, kind: str, stored: Mapping[str, str], uri: str) -> str:
    if name not in stored:
        return f'CAST(NULL AS {duckdb_type(kind)}) AS "{name}"'
    plain = kind in (
        "boolean",
        "tinyint",
        "smallint",
        "int",
        "bigint",
        "float",
        "double",
        "date",
        "timestamp",
        "string",
    )
    if (plain or kind.startswith("decimal")) and stored[name] != kind:
        raise QueryFailedError(
            f"HIVE_BAD_DATA: Field {name}'s type {stored[name]} in parquet file {uri} is incompatible with type "
            f"{athena_type(kind).lower()} defined in table schema"
        )
    if kind == "timestamp":
        # Athena's have three digits after the second.
        return f'CAST(date_trunc(\'millisecond\', "{name}") AS TIMESTAMP) AS "{name}"'
    return f'"{name}"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
