"""The raw source files as DuckDB tables: the independent oracle that the lake is compared with.

What belongs here: reading the generator's files with nothing of the project, neither its contract nor its reader,
so that a mistake made there cannot be repeated here. Column names and types are those of DuckDB's `tpcds` extension.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import duckdb

TRAILING_FIELD = "_trailing"


def load_tpcds_extension(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the `tpcds` extension from the package `duckdb-extension-tpcds`: no download, nothing installed elsewhere.

    Raises `RuntimeError` when the package carries no extension for the running DuckDB (an extension fits one version).
    """
    versions = files("duckdb_extension_tpcds") / "extensions"
    extension = versions / f"v{duckdb.__version__}" / "tpcds.duckdb_extension"
    if not extension.is_file():
        found = ", ".join(sorted(folder.name for folder in versions.iterdir()))
        raise RuntimeError(f"duckdb-extension-tpcds is for DuckDB {found}, not for v{duckdb.__version__}")
    connection.load_extension(str(extension))


def raw_views(connection: duckdb.DuckDBPyConnection, source: Path, schema: str = "raw") -> None:
    """Create the 24 TPC-DS tables in `schema` from `source/<table>/*.gz`.

    The files are gzip, `|`-separated with a `|` at the end of every record, without header or quotes; an empty field
    is NULL and trailing blanks are kept. They are loaded into tables rather than read by views, because 99 queries
    would decompress them 99 times. Raises `FileNotFoundError` for a table without files.
    """
    load_tpcds_extension(connection)
    connection.execute(f"CREATE SCHEMA {schema}")
    connection.execute("CALL dsdgen(sf = 0, schema = ?)", [schema])
    for table, columns in _columns(connection, schema).items():
        _load(connection, source, schema, table, columns)


def _columns(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, dict[str, str]]:
    """Per table of `schema`: column name to SQL type, in the order of the columns."""
    described = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = ?"
        " ORDER BY table_name, column_index",
        [schema],
    ).fetchall()
    tables: dict[str, dict[str, str]] = {}
    for table, column, data_type in described:
        tables.setdefault(table, {})[column] = data_type
    return tables


def _load(
    connection: duckdb.DuckDBPyConnection, source: Path, schema: str, table: str, columns: dict[str, str]
) -> None:
    """Insert the records of all files of `table`, read as UTF-8 or, where that is impossible, as ISO-8859-1."""
    paths = sorted(str(path) for path in (source / table).glob("*.gz"))
    if not paths:
        raise FileNotFoundError(f"no raw file {table}/*.gz under {source}")
    try:
        _insert(connection, paths, schema, table, columns, encoding="utf-8")
    except duckdb.InvalidInputException:
        _insert(connection, paths, schema, table, columns, encoding="latin-1")


def _insert(
    connection: duckdb.DuckDBPyConnection,
    paths: list[str],
    schema: str,
    table: str,
    columns: dict[str, str],
    *,
    encoding: str,
) -> None:
    """Insert `paths` as one statement: all of it or, on a record that does not parse, nothing."""
    connection.execute(
        f"INSERT INTO {schema}.{table} SELECT * EXCLUDE ({TRAILING_FIELD}) FROM read_csv($paths, columns = $columns,"
        " encoding = $encoding, compression = 'gzip', delim = '|', header = false, quote = '', escape = '',"
        " nullstr = '', auto_detect = false)",
        {"paths": paths, "columns": {**columns, TRAILING_FIELD: "VARCHAR"}, "encoding": encoding},
    )
