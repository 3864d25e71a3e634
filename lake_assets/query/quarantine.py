"""What lies in quarantine, counted by table, partition, batch and rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lake_assets.catalog.views import all_view_statements, quarantine_view_name
from lake_assets.contract.layers import BATCH_COLUMN, BRONZE, SILVER, WHOLE_TABLE, LakeTable
from lake_assets.lake.planning import Planner
from lake_assets.query.duckdb import connect


@dataclass(frozen=True)
class QuarantineCount:
    """Rows of one partition and batch that break a rule. A row that breaks several rules is counted under each."""

    table: str
    partition: str
    batch: str
    rule: str
    rows: int


def quarantine_counts(root: Path, planner: Planner, names: Iterable[str]) -> list[QuarantineCount]:
    """Counts for these source tables, bronze before silver. Lines of files that were replaced since are left out."""
    wanted = [table for name in names for table in (BRONZE[name], SILVER[name])]
    there = all_view_statements(root)
    tables = [table for table in wanted if quarantine_view_name(table) in there]
    with connect(root) as connection:
        return [
            count
            for table in tables
            for count in _counts(table, connection.execute(_statement(table)).fetchall(), planner)
        ]


def _statement(table: LakeTable) -> str:
    view = quarantine_view_name(table)
    # Names are the contract's.
    partition = f'"{table.partition_column}"' if table.partition_column else f"'{WHOLE_TABLE}'"
    path = "source_path" if table.layer == "bronze" else "NULL"
    return (
        f"SELECT {partition}, {BATCH_COLUMN}, {path}, rule, COUNT(*) FROM (SELECT *, UNNEST(rules) AS rule FROM {view}) "  # noqa: S608
        "GROUP BY ALL ORDER BY ALL"
    )


def _counts(
    table: LakeTable, rows: Iterable[tuple[str, str, str | None, str, int]], planner: Planner
) -> Iterator[QuarantineCount]:
    found: dict[tuple[str, str, str], int] = {}
    for partition, batch, path, rule, count in rows:
        if path is None or not planner.is_superseded(batch, path):
            found[partition, batch, rule] = found.get((partition, batch, rule), 0) + count
    for (partition, batch, rule), count in found.items():
        yield QuarantineCount(table.identifier, partition, batch, rule, count)
