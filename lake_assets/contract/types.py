"""Translations of a contract type into what each engine calls it.

The contract states the specification's type (`CHAR(16)`, `DECIMAL(7,2)`); Parquet, Spark, DuckDB and the Glue catalog
hold every text as an unbounded string, so the bound stays in the contract only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lake_assets.contract.model import Column

if TYPE_CHECKING:
    import pyarrow as pa

_PHYSICAL = re.compile(r"^(BIGINT|INT|DATE|BOOLEAN|TIMESTAMP|DECIMAL\(\d+,\d+\)|ARRAY<STRING>)$")
_TEXT = re.compile(r"^(?:CHAR|VARCHAR)\((\d+)\)$")


def physical_type(column: Column) -> str:
    """SQL type of the stored column: `bigint`, `int`, `date`, `boolean`, `timestamp`, `decimal(p,s)`, `string` or
    `array<string>`.

    These are the names of Spark DDL and of the Glue Data Catalog; DuckDB reads them too, but takes a stored timestamp for one
    with a time zone.
    """
    if _TEXT.match(column.type):
        return "string"
    if not _PHYSICAL.match(column.type):
        raise ValueError(f"column {column.name}: unknown type {column.type!r} in the contract")
    return column.type.lower()


def text_length(column: Column) -> int | None:
    """Declared length of a text column, None for every other type."""
    match = _TEXT.match(column.type)
    return int(match.group(1)) if match else None


def is_text(column: Column) -> bool:
    return physical_type(column) == "string"


def decimal_scale(column: Column) -> int | None:
    match = re.match(r"^DECIMAL\(\d+,(\d+)\)$", column.type)
    return int(match.group(1)) if match else None


def spark_ddl(columns: Iterable[Column]) -> str:
    """Schema in the form that `DataFrameReader.schema` takes."""
    return ", ".join(f"`{column.name}` {physical_type(column)}" for column in columns)


def schema_fingerprint(columns: Iterable[Column]) -> str:
    """Changes when a name, a type or the order of the stored columns does."""
    return f"sha256:{hashlib.sha256(spark_ddl(columns).encode()).hexdigest()[:16]}"


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """Schema of the stored Parquet file."""
    import pyarrow as pa

    simple = {
        "bigint": pa.int64(),
        "int": pa.int32(),
        "date": pa.date32(),
        "boolean": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "string": pa.string(),
        "array<string>": pa.list_(pa.string()),
    }

    def arrow_type(column: Column) -> pa.DataType:
        name = physical_type(column)
        if name in simple:
            return simple[name]
        precision, scale = re.findall(r"\d+", name)
        return pa.decimal128(int(precision), int(scale))

    return pa.schema([pa.field(column.name, arrow_type(column)) for column in columns])
