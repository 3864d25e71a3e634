"""What lies in quarantine, counted by table, partition, batch and rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lake_assets.catalog.views import quarantine_view_name
from lake_assets.contract.layers import BATCH_COLUMN, BRONZE, SILVER, WHOLE_TABLE, LakeTable
from lake_assets.lake.planning import Planner
from lake_assets.query.engine import Questions


@dataclass(frozen=True)
class QuarantineCount:
    """Rows of one partition and batch that break a rule. A row that breaks several rules is counted under each."""

    table: str
    partition: str
    batch: str
    rule: str
    rows: int


def quarantine_counts(asked: Questions, planner: Planner, names: Iterable[str]) -> list[QuarantineCount]:
    """Counts for these source tables, bronze before silver. Lines of files that were replaced since are left out."""
    wanted = [table for name in names for table in (BRONZE[name], SILVER[name])]
    tables = [table for table in wanted if quarantine_view_name(table) in asked.tables]
    return [count for table in tables for count in _counts(table, asked.rows(_statement(table)), planner)]


def _statement(table: LakeTable) -> str:
    view = quarantine_view_name(table)
    # Names are the contract's.
    partition = f'"{table.partition_column}"' if table.partition_column else f"'{WHOLE_TABLE}'"
    path = "source_path" if table.layer == "bronze" else "CAST(NULL AS VARCHAR)"
    return (
        f"SELECT {partition} AS part, {BATCH_COLUMN}, {path} AS path, rule, COUNT(*) AS n "  # noqa: S608
        f"FROM {view} CROSS JOIN UNNEST(rules) AS broken(rule) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )


def _counts(table: LakeTable, rows: Iterable[tuple[Any, ...]], planner: Planner) -> Iterator[QuarantineCount]:
    found: dict[tuple[str, str, str], int] = {}
    for partition, batch, path, rule, count in rows:
        if path is None or not planner.is_superseded(batch, path):
            found[partition, batch, rule] = found.get((partition, batch, rule), 0) + count
    for (partition, batch, rule), count in found.items():
        yield QuarantineCount(table.identifier, partition, batch, rule, count)
