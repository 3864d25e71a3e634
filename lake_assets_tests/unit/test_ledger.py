"""The ledger: entries by conditional writes, batches that never change, and damage that is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from lake_assets.contract.layers import BRONZE, SILVER
from lake_assets.errors import PublishConflictError, StorageError
from lake_assets.lake import layout
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.store import LocalStore
from lake_assets_tests.support.lake_support import commit, entry_of, leave_publishing, pinned, publication

INVENTORY = SILVER["inventory"]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


@pytest.fixture
def ledger(store: LocalStore) -> Ledger:
    return Ledger(store)


def test_the_entry_of_a_partition_that_was_never_published_is_empty(ledger: Ledger) -> None:
    found = ledger.read(INVENTORY, "1998-01")
    assert (found.version, found.settled) == (None, None)
    assert found.entry == entry_of(INVENTORY, "1998-01")


def test_an_entry_is_read_back_as_it_was_written(ledger: Ledger) -> None:
    written = entry_of(INVENTORY, "1998-01").model_copy(update={"committed": publication("a", rows=7)})
    version = ledger.write(INVENTORY, written, None)
    found = ledger.read(INVENTORY, "1998-01")
    assert found.entry == written
    assert found.version == version
    assert found.settled is not None
    assert found.settled.rows == 7


def test_the_ledger_lies_beside_the_data(ledger: Ledger, store: LocalStore) -> None:
    commit(ledger, INVENTORY, "1998-01", publication())
    commit(ledger, SILVER["reason"], "all", publication())
    pinned(ledger, 12, "reason/reason.dat")
    assert [info.key for info in store.objects("_ledger")] == [
        "_ledger/batches/batch-000012.json",
        "_ledger/silver/inventory/1998-01.json",
        "_ledger/silver/reason/all.json",
    ]


def test_a_write_on_an_old_version_names_table_and_partition_and_changes_nothing(ledger: Ledger) -> None:
    entry = entry_of(INVENTORY, "1998-01")
    first = ledger.write(INVENTORY, entry, None)
    second = ledger.write(INVENTORY, entry.model_copy(update={"committed": publication("second")}), first)
    with pytest.raises(PublishConflictError, match=r"silver\.inventory, partition 1998-01: another run published it"):
        ledger.write(INVENTORY, entry.model_copy(update={"committed": publication("third")}), first)
    found = ledger.read(INVENTORY, "1998-01")
    assert found.version == second
    assert found.entry.committed == publication("second")


def test_a_writer_that_died_half_way_leaves_nothing_settled(ledger: Ledger) -> None:
    commit(ledger, INVENTORY, "1998-01", publication("old"))
    leave_publishing(ledger, INVENTORY, "1998-01", publication("new"))
    found = ledger.read(INVENTORY, "1998-01")
    assert found.settled is None
    assert found.entry.committed == publication("old")
    assert found.entry.publishing == publication("new")


def test_entries_are_those_of_the_table_alone_in_order_of_their_partitions(ledger: Ledger) -> None:
    for partition in ("undated", "1998-02", "1998-01"):
        commit(ledger, INVENTORY, partition, publication(partition))
    commit(ledger, BRONZE["inventory"], "batch-000001", publication())
    commit(ledger, SILVER["store_sales"], "1998-03", publication())
    found = ledger.entries(INVENTORY)
    assert list(found) == ["1998-01", "1998-02", "undated"]
    assert found["1998-02"] == ledger.read(INVENTORY, "1998-02")
    assert ledger.entries(SILVER["web_sales"]) == {}


def test_batches_come_in_order_of_arrival_with_the_files_of_each_table(ledger: Ledger) -> None:
    assert ledger.batches() == ()
    for number in (2, 10, 1):
        pinned(ledger, number, f"reason/{number}.dat", "item/item.dat")
    assert [batch.name for batch in ledger.batches()] == ["batch-000001", "batch-000002", "batch-000010"]
    second = ledger.batch("batch-000002")
    assert second == ledger.batches()[1]
    assert [file.path for file in second.files_of("reason")] == ["reason/2.dat"]
    assert second.files_of("store") == ()


def test_a_batch_never_changes_once_it_is_pinned(ledger: Ledger) -> None:
    first = pinned(ledger, 1, "reason/reason.dat")
    with pytest.raises(PublishConflictError):
        pinned(ledger, 1, "reason/other.dat")
    assert ledger.batches() == (first,)


def test_a_batch_that_never_arrived_is_named_with_those_that_did(ledger: Ledger) -> None:
    with pytest.raises(StorageError, match="no batch 'batch-000001'; it has none"):
        ledger.batch("batch-000001")
    pinned(ledger, 1, "reason/reason.dat")
    pinned(ledger, 2, "reason/reason.dat")
    with pytest.raises(StorageError, match="no batch 'batch-000003'; it has batch-000001, batch-000002"):
        ledger.batch("batch-000003")


@pytest.mark.parametrize("content", [b"", b"{", b'{"layer": "silver"}', b"\xff\xfe", b'{"unknown": 1}', b"[]"])
def test_a_damaged_entry_is_named_with_what_to_do(ledger: Ledger, store: LocalStore, content: bytes) -> None:
    store.put(layout.ledger_key(INVENTORY, "1998-01"), content)
    told = r"ledger file _ledger/silver/inventory/1998-01\.json is damaged .*Remove the file and run again"
    with pytest.raises(StorageError, match=told):
        ledger.read(INVENTORY, "1998-01")
    with pytest.raises(StorageError, match=told):
        ledger.entries(INVENTORY)


@pytest.mark.parametrize("content", [b"", b"{", b'{"name": "batch-000001"}', b"\xff\xfe"])
def test_a_damaged_batch_is_named_with_what_to_do(ledger: Ledger, store: LocalStore, content: bytes) -> None:
    store.put("_ledger/batches/batch-000001.json", content)
    told = r"ledger file _ledger/batches/batch-000001\.json is damaged .*Remove the file and run again"
    with pytest.raises(StorageError, match=told):
        ledger.batches()
    with pytest.raises(StorageError, match=told):
        ledger.batch("batch-000001")


def test_an_entry_of_which_bytes_are_missing_is_damaged_and_not_read_in_part(ledger: Ledger, store: LocalStore) -> None:
    commit(ledger, INVENTORY, "1998-01", publication())
    content, _ = store.read(layout.ledger_key(INVENTORY, "1998-01")) or (b"", None)
    for length in range(0, len(content), 50):
        store.put(layout.ledger_key(INVENTORY, "1998-01"), content[:length])
        with pytest.raises(StorageError, match="is damaged"):
            ledger.read(INVENTORY, "1998-01")
