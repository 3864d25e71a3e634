"""DuckDB views over the published objects of a lake. Names and comments come from the contract."""

from __future__ import annotations

import re
from pathlib import Path

from lake_assets.contract.layers import LAKE_TABLES, LakeTable
from lake_assets.lake import layout

SCHEMAS = ("bronze", "silver", "gold", "quarantine")


def view_name(table: LakeTable) -> str:
    return f"{table.layer}.{table.name}"


def quarantine_view_name(table: LakeTable) -> str:
    return f"quarantine.{table.layer}_{table.name}"


def view_names(table: LakeTable) -> tuple[str, str]:
    """Names of the views that a table can have."""
    return view_name(table), quarantine_view_name(table)


def view_statements(root: Path, table: LakeTable) -> dict[str, str]:
    """`CREATE VIEW` statements by view name, for a table and for its quarantine; only what has an object."""
    folders = {
        view_name(table): root / layout.table_folder(table),
        quarantine_view_name(table): root / layout.quarantine_folder(table),
    }
    return {
        name: _statement(name, folder, table.partition_column)
        for name, folder in folders.items()
        if _has_objects(folder)
    }


def all_view_statements(root: Path) -> dict[str, str]:
    return {name: statement for table in LAKE_TABLES for name, statement in view_statements(root, table).items()}


def comment_statements(table: LakeTable) -> list[str]:
    """`COMMENT ON` statements of a view and its columns."""
    name = view_name(table)
    return [f"COMMENT ON VIEW {name} IS {_text(table.comment)}"] + [
        f'COMMENT ON COLUMN {name}."{column.name}" IS {_text(column.comment)}' for column in table.columns
    ]


def _statement(name: str, folder: Path, partition_column: str | None) -> str:
    literal = re.sub(r"([*?[])", r"[\1]", str(folder))  # the root may hold signs that mean something in a pattern
    if partition_column is None:
        return f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet({_text(f'{literal}/*.parquet')})"
    pattern = _text(f"{literal}/{partition_column}=*/*.parquet")
    # The partition stays text: `undated` is one of its values.
    options = f"hive_partitioning = true, hive_types = {{'{partition_column}': VARCHAR}}"
    return f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet({pattern}, {options})"


def _has_objects(folder: Path) -> bool:
    return next(folder.rglob("*.parquet"), None) is not None


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
