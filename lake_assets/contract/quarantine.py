"""The quarantine of a table: rows and lines that were taken out, each with the rules that it breaks.

A rejected line of bronze is text, because it could not be read as declared; a row of silver keeps its source columns.
"""

from __future__ import annotations

from dataclasses import replace

from lake_assets.contract.layers import LOAD_TIMESTAMP, SOURCE_BATCH, LakeTable
from lake_assets.contract.model import Column

QUARANTINE_SCHEMA = "quarantine"
RULES = Column("rules", "ARRAY<STRING>", "Names of the rules that the row breaks.", nullable=False)
REASONS = Column("reasons", "ARRAY<STRING>", "What is wrong with the row, in words.", nullable=False)
SOURCE_PATH = Column("source_path", "VARCHAR(1024)", "Source file that the line stands in.", nullable=False)
LINE_TEXT = Column("line_text", "VARCHAR(65535)", "The line as delivered.", nullable=False)


def has_quarantine(table: LakeTable) -> bool:
    """Gold has none: what breaks its rules is never published."""
    return table.source is not None


def quarantine_name(table: LakeTable) -> str:
    """Name in the schema `quarantine`."""
    return f"{table.layer}_{table.name}"


def quarantine_comment(table: LakeTable) -> str:
    what = "Lines that cannot be read as" if table.layer == "bronze" else "Rows that were taken out of"
    return f"{what} {table.identifier}, each with the rules that it breaks."


def quarantine_columns(table: LakeTable) -> tuple[Column, ...]:
    """Stored columns of the quarantine of a table; it is partitioned as the table is."""
    if table.source is None:
        raise ValueError(f"{table.identifier} has no quarantine")
    told = (RULES, REASONS, LOAD_TIMESTAMP)
    if table.layer == "bronze":
        return (SOURCE_PATH, _line_of(table), *told)
    return (*table.source.columns, SOURCE_BATCH, *told)


def _line_of(table: LakeTable) -> Column:
    # A line holds whatever its columns would.
    return replace(LINE_TEXT, personal=any(column.personal for column in table.columns))
