"""What Parquet footers say of a table: columns in Glue's types, and how the file really stores them.

This is how a lake on a laptop is discovered. On AWS it completes a crawler, which tells no INT96 from a timestamp, and whose
partitions say what their table says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lake_assets.catalog.drift import Difference, Field, Part, Shape
from lake_assets.catalog.tables import CatalogTable, Values
from lake_assets.lake.store import Store
from lake_assets.location import Location, S3Folder

if TYPE_CHECKING:
    import pyarrow as pa

Opener = Any
"""A `pyarrow.fs.FileSystem`."""


@dataclass(frozen=True)
class Discovered:
    """A table as found in storage; None when it has no object. `objects` were looked at, `problems` cannot be read."""

    shape: Shape | None
    objects: int
    problems: tuple[Difference, ...] = ()


def discover(store: Store, root: Location, files: Opener, table: CatalogTable, threads: int) -> Discovered:
    """A table by the footer of one object of each partition."""
    first = first_objects(table, (info.key for info in store.objects(table.folder)))

    def read(key: str) -> tuple[Field, ...] | Exception:
        try:
            return footer_fields(files, path_of(root, key))
        except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
            return error

    with ThreadPoolExecutor(threads) as pool:
        found = dict(zip(first, pool.map(read, first.values()), strict=True))
    readable = {keys: fields for keys, fields in found.items() if not isinstance(fields, Exception)}
    problems = tuple(
        Difference(table.identifier, "unreadable_object", first[keys], found=str(error).splitlines()[0])
        for keys, error in found.items()
        if isinstance(error, Exception)
    )
    return Discovered(shape(readable), len(first), problems)


Keys = tuple[tuple[str, str], ...]
"""Names and values of the `name=value` folders that an object lies in."""


def first_objects(table: CatalogTable, keys: Iterable[str]) -> dict[Keys, str]:
    """One object of each partition of a table, by the partition."""
    found: dict[Keys, str] = {}
    for key in keys:
        folders = key.removeprefix(f"{table.folder}/").split("/")[:-1]
        found.setdefault(tuple((name, value) for name, _, value in (folder.partition("=") for folder in folders)), key)
    return found


def shape(partitions: Mapping[Keys, tuple[Field, ...]]) -> Shape | None:
    """The table that partitions with these columns make: the columns that most of them have, and each with its own."""
    if not partitions:
        return None
    fields, _ = Counter(partitions.values()).most_common(1)[0]
    names, _ = Counter(tuple(name for name, _ in keys) for keys in partitions).most_common(1)[0]
    parts: dict[Values, Part] = {
        tuple(value for _, value in keys): Part(fields=own) for keys, own in partitions.items() if keys
    }
    return Shape(fields, tuple(Field(name, "string") for name in names), parts=parts)


def path_of(root: Location, key: str) -> str:
    """Path of an object for a pyarrow file system."""
    return f"{root.bucket}/{root.key(key)}" if isinstance(root, S3Folder) else str(root / key)


def footer_fields(files: Opener, path: str) -> tuple[Field, ...]:
    """Columns of a Parquet file in Glue's types. Raises `OSError` or `ValueError` when it is none."""
    import pyarrow.parquet as pq

    with files.open_input_file(path) as source, pq.ParquetFile(source) as file:
        stored = {
            leaf.path.partition(".")[0]: leaf.physical_type for leaf in map(file.schema.column, range(len(file.schema)))
        }
        return tuple(Field(column.name, _named(column.type, stored[column.name])) for column in file.schema_arrow)


def _named(kind: pa.DataType, stored: str) -> str:
    """Glue's name of a type; what Athena or Spark would read in another way is told beside it."""
    if stored == "INT96":
        return "timestamp (INT96)"
    return glue_type(kind)


def glue_type(kind: pa.DataType) -> str:
    """The type that a crawler writes for an Arrow type."""
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp (ns)" if kind.unit == "ns" else "timestamp"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"array<{glue_type(kind.value_type)}>"
    if pa.types.is_dictionary(kind):
        return glue_type(kind.value_type)
    names = {
        pa.int64(): "bigint",
        pa.int32(): "int",
        pa.int16(): "smallint",
        pa.int8(): "tinyint",
        pa.bool_(): "boolean",
        pa.string(): "string",
        pa.large_string(): "string",
        pa.binary(): "binary",
        pa.date32(): "date",
        pa.float32(): "float",
        pa.float64(): "double",
    }
    return names.get(kind, str(kind))


def local_files() -> Opener:
    import pyarrow.fs

    return pyarrow.fs.LocalFileSystem()
