"""DuckDB views over the published objects of a lake. Names and comments come from the contract."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from lake_assets.contract.layers import LAKE_TABLES, LakeTable
from lake_assets.contract.model import Column
from lake_assets.contract.quality import QUALITY_SCHEMA, RESULTS, RESULTS_COMMENT, RESULTS_NAME, RESULTS_PARTITIONS
from lake_assets.contract.quarantine import QUARANTINE_SCHEMA, quarantine_name
from lake_assets.lake import layout

SCHEMAS = ("bronze", "silver", "gold", QUARANTINE_SCHEMA, QUALITY_SCHEMA)
QUALITY_VIEW = f"{QUALITY_SCHEMA}.{RESULTS_NAME}"


def view_name(table: LakeTable) -> str:
    return f"{table.layer}.{table.name}"


def quarantine_view_name(table: LakeTable) -> str:
    return f"{QUARANTINE_SCHEMA}.{quarantine_name(table)}"


def view_names(table: LakeTable) -> tuple[str, str]:
    """Names of the views that a table can have."""
    return view_name(table), quarantine_view_name(table)


def view_statements(root: Path, table: LakeTable) -> dict[str, str]:
    """`CREATE VIEW` statements by view name, for a table and for its quarantine; only what has an object."""
    folders = {
        view_name(table): root / layout.table_folder(table),
        quarantine_view_name(table): root / layout.quarantine_folder(table),
    }
    partitions = (table.partition_column,) if table.partition_column else ()
    return {name: _statement(name, folder, partitions) for name, folder in folders.items() if _has_objects(folder)}


def quality_statements(root: Path) -> dict[str, str]:
    """As `view_statements`, for the quality history."""
    folder = root / layout.QUALITY
    partitions = tuple(column.name for column in RESULTS_PARTITIONS)
    return {QUALITY_VIEW: _statement(QUALITY_VIEW, folder, partitions)} if _has_objects(folder) else {}


def all_view_statements(root: Path) -> dict[str, str]:
    found = {name: statement for table in LAKE_TABLES for name, statement in view_statements(root, table).items()}
    return found | quality_statements(root)


def comment_statements(table: LakeTable) -> list[str]:
    """`COMMENT ON` statements of a view and its columns."""
    return _comments(view_name(table), table.comment, table.columns)


def quality_comment_statements() -> list[str]:
    return _comments(QUALITY_VIEW, RESULTS_COMMENT, (*RESULTS, *RESULTS_PARTITIONS))


def _comments(name: str, comment: str, columns: Iterable[Column]) -> list[str]:
    return [f"COMMENT ON VIEW {name} IS {_text(comment)}"] + [
        f'COMMENT ON COLUMN {name}."{column.name}" IS {_text(column.comment)}' for column in columns
    ]


def _statement(name: str, folder: Path, partitions: Sequence[str]) -> str:
    literal = re.sub(r"([*?[])", r"[\1]", str(folder))  # the root may hold signs that mean something in a pattern
    pattern = _text("/".join([literal, *(f"{partition}=*" for partition in partitions), "*.parquet"]))
    # Partitions stay text: `undated` is one of their values.
    types = ", ".join(f"'{partition}': VARCHAR" for partition in partitions)
    options = f", hive_partitioning = true, hive_types = {{{types}}}" if partitions else ""
    return f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet({pattern}{options})"


def _has_objects(folder: Path) -> bool:
    return next(folder.rglob("*.parquet"), None) is not None


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
