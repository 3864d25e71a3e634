"""Readers: whoever opens a partition while it is replaced again and again sees one whole version or the other.

DuckDB opens a file anew for its rows after it has read the footer, so two versions can meet in one of its queries: an error
mostly, and where both have the same layout, rows that a filter was decided for by the other version's statistics. What is
asked of DuckDB here has no filter and versions of different layout: its answers are whole, its errors are asked again.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lake_assets.contract.layers import BRONZE
from lake_assets.lake import layout
from lake_assets.lake.lake import Lake
from lake_assets_tests.chaos.conftest import Here
from lake_assets_tests.support.chaos import FULL, EngineAnywhere
from lake_assets_tests.support.lake_support import JANUARY, arrive, write_source
from lake_assets_tests.support.rivals import INVENTORY, engine_of

SECONDS = 60 if FULL else 5
MONTH = "1998-01"
VERSIONS = {(10, 10): (1, 10), (20_000, 40_000): (2, 20_000)}
"""Rows and sum of quantities, by which a reader knows a version: its number, which is each row's quantity, and its rows."""
Seen = tuple[int, int]
_ATTEMPTS = 20


def read_with_pyarrow(path: Path) -> Callable[[], Seen]:
    def read() -> Seen:
        table = pq.ParquetFile(path).read()
        return table.num_rows, pc.sum(table["inv_quantity_on_hand"]).as_py()

    return read


def read_with_duckdb(path: Path) -> Callable[[], Seen]:
    """Replaced between footer and rows, the file makes DuckDB refuse; it is asked again."""
    connection = duckdb.connect()
    query = f"SELECT count(*), sum(inv_quantity_on_hand)::BIGINT FROM read_parquet('{path}')"

    def read() -> Seen:
        for _ in range(_ATTEMPTS):
            with closing(connection.cursor()) as cursor, suppress(duckdb.Error):
                rows, quantities = cursor.execute(query).fetchall()[0]
                return rows, quantities
        raise AssertionError(f"DuckDB refused {_ATTEMPTS} times in a row")

    return read


def publish(lake: Lake, version: Seen) -> None:
    number, rows = VERSIONS[version]
    run = engine_of(lake.store, number, rows)
    assert lake.materialise(INVENTORY, (MONTH,), run, f"version {number}").failed == {}


@pytest.mark.parametrize("reader", [read_with_pyarrow, read_with_duckdb])
def test_readers_of_a_partition_that_is_replaced_all_the_time_see_whole_versions_only(
    reader: Callable[[Path], Callable[[], Seen]], here: Here, tmp_path: Path
) -> None:
    lake = here.new_lake(tmp_path / "source", tmp_path / "lake")
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|1|1|10|")
    lake.materialise(BRONZE["inventory"], [arrive(lake).name], EngineAnywhere(lake.store).run, "ingest")
    few, many = VERSIONS
    publish(lake, few)
    stop = threading.Event()
    seen: Counter[Seen | str] = Counter()

    def look() -> None:
        read = reader(lake.settings.local_root / layout.object_key(INVENTORY, MONTH))
        while not stop.is_set():
            try:
                seen[read()] += 1
            except Exception as error:
                seen[repr(error)] += 1

    readers = [threading.Thread(target=look) for _ in range(2)]
    for thread in readers:
        thread.start()
    published = 0
    until = time.monotonic() + SECONDS
    try:
        while time.monotonic() < until:
            publish(lake, few if published % 2 else many)
            published += 1
    finally:
        stop.set()
        for thread in readers:
            thread.join(30)
    assert set(seen) == {few, many}, seen
    assert published >= SECONDS
