"""Drift as a user meets it: a lake changed behind its back, told by `verify`, mended by `repair` and `run`."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake_assets_tests.conftest import BuiltLake, lake_assets
from lake_assets_tests.support.lake_support import parquet_rows

MONTH = "gold/daily_sales_summary/sales_month=2001-05/daily_sales_summary.parquet"
BATCH = "bronze/reason/source_batch=batch-000001"


@pytest.fixture
def copied(built_lake: BuiltLake, tmp_path: Path) -> BuiltLake:
    """A whole copy that a test may change, registered where it lies."""
    lake = replace(built_lake, root=tmp_path / "lake", dagster_home=tmp_path / "home")
    shutil.copytree(built_lake.root, lake.root)
    assert lake_assets(lake.environment, "repair").returncode == 0
    return lake


def drift(lake: BuiltLake, *arguments: str) -> tuple[int, dict[tuple[str, str], dict[str, Any]]]:
    """Exit code of `verify`, and the drift that it tells by table and rule."""
    done = lake_assets(lake.environment, "verify", *arguments, "--format", "json")
    told = json.loads(done.stdout)
    return done.returncode, {(each["table"], each["rule"]): each for each in told if each["rule"].startswith("drift__")}


def test_a_built_lake_has_no_drift_also_by_its_checksums(built_lake: BuiltLake) -> None:
    assert drift(built_lake, "--deep") == (0, {})
    told = lake_assets(built_lake.environment, "verify", "monthly_trends").stdout
    assert "Objects and catalog are what the ledger says." in told


def test_a_missing_month_and_a_strange_file_are_told_and_mended(copied: BuiltLake) -> None:
    before = parquet_rows(copied.root, "gold")
    (copied.root / MONTH).unlink()
    (bronze,) = (copied.root / BATCH).glob("*.parquet")
    shutil.copy(bronze, bronze.with_name("copy.parquet"))
    (copied.root / "lake.duckdb").unlink()
    code, found = drift(copied)
    assert code == 1
    assert found["gold.daily_sales_summary", "drift__missing_object"]["broken"] == {"2001-05": 1}
    assert found["bronze.reason", "drift__foreign_object"]["subject"] == f"{BATCH}/copy.parquet"
    assert found["silver.item", "drift__missing_table"]["action"] == "block"
    assert set(drift(copied, "daily_sales_summary")[1]) == {
        ("gold.daily_sales_summary", "drift__missing_object"),
        ("gold.daily_sales_summary", "drift__missing_table"),
        ("quality.results", "drift__missing_table"),
    }
    repaired = lake_assets(copied.environment, "repair")
    assert repaired.returncode == 0, repaired.stderr
    assert "gold.daily_sales_summary 2001-05. `lake-assets run` builds them." in repaired.stdout
    built = lake_assets(copied.environment, "run")
    assert built.returncode == 0, built.stderr
    bronze.with_name("copy.parquet").unlink()
    assert drift(copied, "--deep") == (0, {})
    assert parquet_rows(copied.root, "gold") == before


def test_the_catalog_is_looked_at_when_it_is_selected_and_drift_ends_with_1(copied: BuiltLake) -> None:
    healthy = lake_assets(copied.environment, "run", "--only", "group:catalog")
    assert healthy.returncode == 0, healthy.stderr
    for layer, tables in (("bronze", 24), ("silver", 24), ("gold", 4)):
        assert f"catalog/{layer}: {tables} tables are as the contract says" in healthy.stdout
    table = pq.read_table(copied.root / MONTH, partitioning=None)
    pq.write_table(table.append_column("strange", pa.nulls(table.num_rows, pa.string())), copied.root / MONTH)
    drifted = lake_assets(copied.environment, "run", "--only", "key:catalog/gold")
    assert drifted.returncode == 1
    assert "| gold.daily_sales_summary | extra column | strange |  | string | 2001-05 |" in drifted.stderr


def test_a_run_of_everything_looks_at_no_catalog(built_lake: BuiltLake) -> None:
    assert "Catalog " not in built_lake.output
    assert "tables are as the contract says" not in built_lake.output
