"""The lake's silver tables as DuckDB views, read the way a user's tool would read the published files."""

from __future__ import annotations

from pathlib import Path

import duckdb


def silver_views(connection: duckdb.DuckDBPyConnection, root: Path, schema: str = "silver") -> None:
    """Create in `schema` one view per folder of `root/silver`: the 7 partitioned facts and the 17 dimensions.

    The partition column of a fact (e.g. `sold_month`: `1998-01`, `undated`) is text.
    """
    connection.execute(f"CREATE SCHEMA {schema}")
    for folder in sorted(path for path in (root / "silver").iterdir() if path.is_dir()):
        objects = _quoted(str(folder / "**" / f"{folder.name}.parquet"))
        connection.execute(
            f"CREATE VIEW {schema}.{folder.name} AS SELECT * FROM"
            f" read_parquet({objects}, hive_partitioning = true, hive_types_autocast = false)"
        )


def _quoted(text: str) -> str:
    """`text` as an SQL string literal, because a view cannot hold a bound parameter."""
    return "'" + text.replace("'", "''") + "'"
