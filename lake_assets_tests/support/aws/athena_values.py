"""Results as Athena tells them: names of types, and every value as text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

_NAMES = {
    "VARCHAR": "varchar",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "SMALLINT": "smallint",
    "TINYINT": "tinyint",
    # What DuckDB makes of a sum of bigint, which in Athena is one again.
    "HUGEINT": "bigint",
    "DOUBLE": "double",
    "FLOAT": "float",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "BOOLEAN": "boolean",
    "BLOB": "varbinary",
    '"NULL"': "unknown",
}
_UNNAMED = re.compile(r"^_col_(\d+)$")
_PRECISION = {
    "varchar": 2147483647,
    "bigint": 19,
    "integer": 10,
    "smallint": 5,
    "tinyint": 3,
    "double": 17,
    "float": 17,
}


def column_info(name: str, duckdb_type: str) -> dict[str, Any]:
    """What `ResultSetMetadata` says of a column."""
    kind, precision, scale = _kind(duckdb_type)
    unnamed = _UNNAMED.match(name)
    told = f"_col{unnamed[1]}" if unnamed else name
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": told,
        "Label": told,
        "Type": kind,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind == "varchar",
    }


def _kind(duckdb_type: str) -> tuple[str, int, int]:
    decimal = re.match(r"^DECIMAL\((\d+),(\d+)\)$", duckdb_type)
    if decimal:
        return "decimal", int(decimal[1]), int(decimal[2])
    if duckdb_type.endswith("]"):
        return "array", 0, 0
    if duckdb_type.startswith(("STRUCT", "MAP")):
        return ("row" if duckdb_type.startswith("STRUCT") else "map"), 0, 0
    kind = _NAMES.get(duckdb_type, "varchar")
    return kind, _PRECISION.get(kind, 0), 0


def row_of(values: Iterable[Any]) -> dict[str, Any]:
    """A row of `GetQueryResults`: a value that is NULL has no text."""
    return {"Data": [{} if value is None else {"VarCharValue": text_of(value)} for value in values]}


def text_of(value: Any) -> str:
    return next((text(value) for kind, text in _TEXTS if isinstance(value, kind)), None) or str(value)


def _time(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}" + (" UTC" if value.tzinfo else "")


def _element(value: Any) -> str:
    return "null" if value is None else text_of(value)


def _double(value: float) -> str:
    """As Java writes it."""
    special = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
    if str(value) in special:
        return special[str(value)]
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return f"{Decimal(repr(value)):f}" if "e" not in repr(value) else f"{value:.17f}".rstrip("0")
    digits = Decimal(repr(value)).normalize().as_tuple()
    figures = "".join(map(str, digits.digits))
    exponent = len(figures) - 1 + int(digits.exponent)
    return f"{'-' if digits.sign else ''}{figures[0]}.{figures[1:] or '0'}E{exponent}"


_TEXTS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (float, _double),
    (Decimal, lambda value: f"{value:f}"),
    (datetime, _time),
    (list, lambda value: f"[{', '.join(map(_element, value))}]"),
    (dict, lambda value: "{" + ", ".join(f"{name}={_element(each)}" for name, each in value.items()) + "}"),
    (bytes, lambda value: value.hex(" ")),
)
"""How values are written that Python writes otherwise."""


def csv_of(columns: Sequence[Mapping[str, Any]], rows: Iterable[Sequence[Any]]) -> bytes:
    """The file that Athena leaves: every value in quotes, NULL as nothing."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NOTNULL if hasattr(csv, "QUOTE_NOTNULL") else csv.QUOTE_ALL)
    writer.writerow([column["Name"] for column in columns])
    writer.writerows([None if value is None else text_of(value) for value in row] for row in rows)
    return text.getvalue().encode()
