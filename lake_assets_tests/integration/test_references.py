"""References are looked for in two ways, by the ends of a range of keys and by a join: both must find the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake_assets.contract.layers import SILVER, WHOLE_TABLE
from lake_assets.contract.rules import rule_of
from lake_assets.contract.tables import TABLES
from lake_assets.lake.lake import Lake
from lake_assets.lake.ledger import VersionedEntry
from lake_assets.lake.planning import Planner
from lake_assets.lake.records import Publication
from lake_assets.settings import Settings
from lake_assets_tests.conftest import BuiltLake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STORES = 12


@pytest.mark.parametrize("filled", [None, (1, STORES)], ids=["join", "range"])
def test_both_ways_find_the_rows_whose_store_is_not_there(spark: SparkSession, filled: tuple[int, int] | None) -> None:
    from lake_assets.compute import audit

    rule = rule_of(SILVER["store_sales"], "foreign_key__ss_store_sk")
    keys = {"store": audit.Keys(spark.range(1, STORES + 1).toDF("_key"), filled)}
    stores = [None, 0, 1, STORES, STORES + 1, -1]
    lines = spark.createDataFrame([(store,) for store in stores], "ss_store_sk bigint")
    judged = audit.with_references(lines, [rule], keys)
    assert judged.columns == ["ss_store_sk", "_found__ss_store_sk"]
    broken = judged.where(audit.broken(rule, TABLES["store_sales"])).collect()
    assert sorted(row["ss_store_sk"] for row in broken) == [-1, 0, STORES + 1]


def test_the_ledger_knows_the_keys_of_every_dimension_of_the_sample(built_lake: BuiltLake) -> None:
    planner = Lake(Settings(root=built_lake.root, source=built_lake.source)).planner()
    known = {
        name: keys for fact in SILVER.values() if fact.source for name, keys in planner.reference_keys(fact).items()
    }
    referred = {name for table in TABLES.values() for name in table.dimensions}
    assert set(known) == referred
    assert known["store"] == (1, planner_rows(planner, "store"))
    assert known["date_dim"] == (2415022, 2488070)


def planner_rows(planner: Planner, name: str) -> int:
    return settled(planner, name).rows


def settled(planner: Planner, name: str) -> Publication:
    found = planner.entry(SILVER[name], WHOLE_TABLE).settled
    assert found is not None
    return found


def test_keys_with_a_gap_are_no_range(built_lake: BuiltLake, monkeypatch: pytest.MonkeyPatch) -> None:
    planner = Lake(Settings(root=built_lake.root, source=built_lake.source)).planner()
    entry = planner.entry(SILVER["store"], WHOLE_TABLE)
    fewer = settled(planner, "store").model_copy(update={"rows": entry.entry.committed.rows - 1})  # type: ignore[union-attr]
    damaged = VersionedEntry(entry.entry.model_copy(update={"committed": fewer}), entry.version)
    monkeypatch.setitem(planner.entries(SILVER["store"]), WHOLE_TABLE, damaged)
    assert "store" not in planner.reference_keys(SILVER["store_sales"])
