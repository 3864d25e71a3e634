"""A month or year has the same content whether it is built alone, in a range, in several passes, or with all others.

Each case builds into a lake of its own that has only the layer below, as hard links: published objects are replaced as
a whole and never written to, so the built lake stays as it is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from lake_assets.contract.layers import GOLD, SILVER, SILVER_FACTS, LakeTable
from lake_assets.contract.types import arrow_schema
from lake_assets.engine.session import SessionEngine
from lake_assets.lake.lake import Lake
from lake_assets.lake.records import Publication
from lake_assets.lake.task import Result, Task
from lake_assets.settings import Settings
from lake_assets_tests.conftest import BuiltLake
from lake_assets_tests.support.row_difference import row_difference

TINY_GB = 1e-6
DAILY_SALES = GOLD["daily_sales_summary"]
SINGLE_MONTHS = [
    pytest.param(("2000-12",), id="single_month"),
    pytest.param(("undated",), id="undated_alone"),
    pytest.param(("2003-12",), id="month_after_the_last_sale"),
]
RANGES = [
    pytest.param(("undated", "1998-01", "1998-02"), id="range_from_undated"),
    pytest.param(("2000-11", "2000-12", "2001-01"), id="range_over_new_year"),
]
IN_PASSES = ("2002-11", "2002-12", "2003-01", "2003-02")
"""The end of the sales: full, in part, and empty months."""

YEARS = [
    pytest.param(("2000",), id="single_year"),
    pytest.param(("2003",), id="last_year_in_part"),
    pytest.param(("undated",), id="undated_alone"),
    pytest.param(("undated", "1998", "2002"), id="years_apart"),
]

EVERY_FACT = pytest.mark.parametrize("table", [pytest.param(table, id=table.name) for table in SILVER_FACTS])

EVERY_YEARLY_TABLE = pytest.mark.parametrize(
    "table", [pytest.param(table, id=name) for name, table in GOLD.items() if table.axis == "year"]
)


@dataclass
class Recorder:
    """An engine that remembers the results it gave."""

    engine: SessionEngine
    results: list[Result] = field(default_factory=list)

    def run(self, task: Task) -> Result:
        self.results.append(self.engine.run(task))
        return self.results[-1]

    @property
    def passes(self) -> set[str]:
        """Folders of the passes that staged something, e.g. `data/0`."""
        return {
            staged.folder.rpartition("/")[0]
            for result in self.results
            for item in result.partitions
            for staged in item.objects
        }


NewRoot = Callable[[str], Path]


@pytest.fixture
def new_root(tmp_path: Path, built_lake: BuiltLake) -> NewRoot:
    """Makes a lake that has one layer of the built lake, with its ledger, and nothing else."""

    def make(layer: str) -> Path:
        root = tmp_path / "lake"
        for folder in (layer, f"_ledger/{layer}", "_ledger/batches"):
            shutil.copytree(built_lake.root / folder, root / folder, copy_function=os.link)
        return root

    return make


def _lake(root: Path, built: BuiltLake, memory_gb: float = 4.0) -> Lake:
    return Lake(Settings(root=root, source=built.source, memory_gb=memory_gb, threads=2))


def _facts(publication: Publication) -> tuple[object, ...]:
    """What two builds of the same content have in common."""
    return (
        publication.content,
        publication.rows,
        publication.source_rows,
        publication.quarantined,
        publication.duplicates,
        publication.inputs,
        publication.first_date_sk,
        publication.last_date_sk,
        publication.schema_fingerprint,
        tuple((stored.key, stored.rows) for stored in publication.objects),
    )


def _assert_built_alike(
    lake: Lake, built: BuiltLake, table: LakeTable, partitions: Sequence[str], run: Recorder
) -> None:
    """Build `partitions` and compare with the same ones of the built lake: ledger and rows."""
    outcome = lake.materialise(table, partitions, run.run, "range-test")
    assert outcome.failed == {}
    assert tuple(outcome.published) == tuple(partitions)
    whole = {partition: entry.settled for partition, entry in _lake(built.root, built).ledger.entries(table).items()}
    for partition, publication in outcome.published.items():
        known = whole[partition]
        assert known is not None
        assert _facts(publication) == _facts(known), partition
    assert set(lake.ledger.entries(table)) == set(partitions)
    with duckdb.connect() as connection:
        ours, theirs = (_rows(root, table, partitions) for root in (lake.settings.local_root, built.root))
        assert row_difference(connection, ours, theirs) == []


def _rows(root: Path, table: LakeTable, partitions: Iterable[str]) -> str:
    """SELECT of the rows of the partitions with their key, without the load timestamp."""
    folder = root / table.layer / table.name
    paths = ", ".join(f"'{folder}/{table.partition_column}={key}/{table.name}.parquet'" for key in partitions)
    columns = ", ".join((*table.content_columns, table.partition_column or ""))
    return f"SELECT {columns} FROM read_parquet([{paths}], hive_partitioning = true, hive_types_autocast = false)"


@pytest.mark.parametrize("months", [*SINGLE_MONTHS, *RANGES])
@EVERY_FACT
def test_a_month_of_a_fact_is_the_same_alone_in_a_range_and_with_all_months(
    new_root: NewRoot, built_lake: BuiltLake, engine: SessionEngine, table: LakeTable, months: tuple[str, ...]
) -> None:
    run = Recorder(engine)
    _assert_built_alike(_lake(new_root("bronze"), built_lake), built_lake, table, months, run)
    assert len(run.passes) <= 1


@EVERY_FACT
def test_a_range_that_needs_several_passes_is_the_same(
    new_root: NewRoot, built_lake: BuiltLake, engine: SessionEngine, table: LakeTable
) -> None:
    run = Recorder(engine)
    lake = _lake(new_root("bronze"), built_lake, TINY_GB)
    _assert_built_alike(lake, built_lake, table, IN_PASSES, run)
    filled = [item for result in run.results for item in result.partitions if item.rows]
    assert len(run.passes) == len(filled) >= 2


def test_all_months_of_a_fact_in_several_passes_are_the_same(
    new_root: NewRoot, built_lake: BuiltLake, engine: SessionEngine
) -> None:
    """All months are also counted against the rows read, over the passes together."""
    table = SILVER["store_sales"]
    run = Recorder(engine)
    lake = _lake(new_root("bronze"), built_lake, memory_gb=0.03)
    _assert_built_alike(lake, built_lake, table, table.partitions, run)
    assert 2 <= len(run.passes) <= 6


@pytest.mark.parametrize("months", [*SINGLE_MONTHS, *RANGES, pytest.param(IN_PASSES, id="range_with_empty_months")])
def test_a_month_of_gold_is_the_same_alone_in_a_range_and_with_all_months(
    new_root: NewRoot, built_lake: BuiltLake, engine: SessionEngine, months: tuple[str, ...]
) -> None:
    lake = _lake(new_root("silver"), built_lake)
    _assert_built_alike(lake, built_lake, DAILY_SALES, months, Recorder(engine))


@pytest.mark.parametrize("years", YEARS)
@EVERY_YEARLY_TABLE
def test_a_year_of_gold_is_the_same_alone_in_a_range_and_with_all_years(
    new_root: NewRoot, built_lake: BuiltLake, engine: SessionEngine, table: LakeTable, years: tuple[str, ...]
) -> None:
    lake = _lake(new_root("silver"), built_lake)
    _assert_built_alike(lake, built_lake, table, years, Recorder(engine))


def test_a_month_without_a_sale_or_a_return_is_an_empty_partition_of_gold(
    new_root: NewRoot, built_lake: BuiltLake, engine: SessionEngine
) -> None:
    """The sample's last month holds one return; without it no channel has a row."""
    lake, month = _lake(new_root("silver"), built_lake), "2003-12"
    _empty(lake, SILVER["catalog_returns"], month)
    outcome = lake.materialise(DAILY_SALES, (month,), engine.run, "range-test")
    assert outcome.failed == {}
    assert outcome.published[month].rows == 0
    assert [stored.rows for stored in outcome.published[month].objects] == [0]


def _empty(lake: Lake, table: LakeTable, month: str) -> None:
    """Take all rows out of a published month, in the file (a new one, not the linked one) and in the ledger."""
    before = lake.ledger.read(table, month)
    assert before.settled is not None
    (stored,) = before.settled.objects
    path = lake.settings.local_root / stored.key
    path.unlink()
    pq.write_table(arrow_schema(table.columns).empty_table(), path)
    changed = before.settled.model_copy(
        update={"rows": 0, "content": "0", "objects": (stored.model_copy(update={"rows": 0}),)}
    )
    lake.ledger.write(table, before.entry.model_copy(update={"committed": changed}), before.version)


def test_a_month_that_was_lost_is_rebuilt_with_the_same_content(
    tmp_path: Path, built_lake: BuiltLake, engine: SessionEngine
) -> None:
    """In a whole copy of the lake: the objects and the ledger entries of one month of a fact and of gold are gone."""
    root = tmp_path / "lake"
    shutil.copytree(built_lake.root, root, copy_function=os.link)
    lake, month = _lake(root, built_lake), "2000-12"
    for table in (SILVER["store_sales"], DAILY_SALES):
        before = lake.ledger.read(table, month).settled
        assert before is not None
        (lake.settings.local_root / before.objects[0].key).unlink()
        (root / "_ledger" / table.layer / table.name / f"{month}.json").unlink()
        after = lake.materialise(table, (month,), engine.run, "range-test").published[month]
        assert _facts(after) == _facts(before)
        with duckdb.connect() as connection:
            ours, theirs = _rows(root, table, (month,)), _rows(built_lake.root, table, (month,))
            assert row_difference(connection, ours, theirs) == []
