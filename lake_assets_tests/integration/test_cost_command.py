"""`lake-assets cost`: what the runs published and how long their engine worked, by run and by table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from lake_assets.contract.layers import LAKE_TABLES
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.store import LocalStore
from lake_assets_tests.conftest import BuiltLake, lake_assets, lake_environment


def test_every_table_is_told_with_its_bytes_and_the_time_of_its_engine(built_lake: BuiltLake) -> None:
    asked = lake_assets(built_lake.environment, "cost", "--runs", "100", "--format", "json", seconds=60)
    assert asked.returncode == 0, asked.stderr
    told = {each["table"]: each for each in json.loads(asked.stdout)}
    ledger = Ledger(LocalStore(built_lake.root))
    for table in LAKE_TABLES:
        known = [entry.settled for entry in ledger.entries(table).values() if entry.settled]
        assert told[table.identifier]["bytes"] == sum(each.bytes for each in known), table.identifier
        assert told[table.identifier]["partitions"] == len(known), table.identifier
        assert told[table.identifier]["engine_seconds"] > 0, table.identifier
        assert told[table.identifier]["dollars"] == 0, table.identifier


def test_the_sums_by_run_and_by_table_are_those_of_the_parts(built_lake: BuiltLake) -> None:
    asked = lake_assets(built_lake.environment, "cost", "--format", "csv", seconds=60)
    parts = list(csv.DictReader(io.StringIO(asked.stdout)))
    for by in ("run", "table"):
        shown = lake_assets(built_lake.environment, "cost", "--by", by, seconds=60)
        lines = [line.split("│")[1:-1] for line in shown.stdout.splitlines() if line.startswith("│")]
        groups = {part["run_id"] if by == "run" else part["table"] for part in parts}
        assert len(lines) == len(groups)
        assert sum(int(cells[2].replace(",", "")) for cells in lines) == sum(int(part["partitions"]) for part in parts)
        assert f"{len({part['run_id'] for part in parts})} runs that built something, $0.0000" in shown.stderr


def test_without_any_run_there_is_nothing_to_tell(tmp_path: Path) -> None:
    environment = lake_environment(tmp_path / "lake", tmp_path / "source", tmp_path / "home", "sail")
    asked = lake_assets(environment, "cost", seconds=60)
    assert asked.returncode == 0, asked.stderr
    assert "0 runs that built something, $0.0000" in asked.stderr
