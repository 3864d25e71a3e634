"""Publishing, from the plan to the commit, with an engine that only stages: what readers see, crashes and rivals included."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lake_assets.contract.layers import BRONZE, SILVER
from lake_assets.contract.types import arrow_schema
from lake_assets.errors import AuditError, LakeError, SourceError
from lake_assets.lake.balance import Balance, balance
from lake_assets.lake.lake import Lake, Outcome
from lake_assets.lake.planning import stale
from lake_assets.lake.task import Result, Task, Violation
from lake_assets_tests.support.lake_support import (
    FEBRUARY,
    JANUARY,
    SOME_TIME,
    FakeEngine,
    arrive,
    contract_fingerprint,
    ingest,
    new_lake,
    parquet_rows,
    write_source,
)

BRONZE_INVENTORY, INVENTORY = BRONZE["inventory"], SILVER["inventory"]
INCOME_BAND = SILVER["income_band"]
MONTHS = ("1998-01", "1998-02")
JANUARY_KEY = "silver/inventory/inventory_month=1998-01/inventory.parquet"
FEBRUARY_KEY = "silver/inventory/inventory_month=1998-02/inventory.parquet"
QUARANTINE_KEY = "quarantine/silver/inventory/inventory_month=undated/inventory.parquet"
BLOCKING = "foreign_key__inv_item_sk"
"""A rule that blocks here, by the settings."""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return new_lake(tmp_path, rules={f"silver.inventory.{BLOCKING}": "block"})


def blocks(*partitions: str, rows: int = 1) -> FakeEngine:
    """An engine that finds rows without their item in these partitions."""
    return FakeEngine({partition: [Violation(rule=BLOCKING, rows=rows)] for partition in partitions})


def publish(lake: Lake, *months: str, engine: FakeEngine | None = None, run_id: str = "run") -> Outcome:
    return lake.materialise(INVENTORY, months or MONTHS, (engine or FakeEngine()).run, run_id)


def inventory_lake(lake: Lake, *lines: str) -> None:
    """Silver inventory of these lines, published for January and February."""
    write_source(lake, "inventory/inventory.dat.gz", *lines)
    ingest(lake, BRONZE_INVENTORY)
    assert publish(lake).failed == {}


def bytes_of(lake: Lake, key: str) -> bytes:
    return (lake.settings.local_root / key).read_bytes()


def keys(lake: Lake, folder: str) -> list[str]:
    return [info.key for info in lake.store.objects(folder)]


def quantities(lake: Lake, key: str) -> list[int]:
    return [row["inv_quantity_on_hand"] for row in pq.ParquetFile(lake.settings.local_root / key).read().to_pylist()]


def test_a_source_file_becomes_one_bronze_object_and_its_rows_the_months_of_silver(lake: Lake) -> None:
    write_source(lake, "inventory/a.dat.gz", f"{JANUARY}|1|1|10|", f"{FEBRUARY}|1|1|20|")
    write_source(lake, "inventory/b.dat", f"{JANUARY}|2|1||")
    batch = arrive(lake).name
    outcome = lake.materialise(BRONZE_INVENTORY, [batch], FakeEngine().run, "ingest")
    assert keys(lake, "bronze") == [
        "bronze/inventory/source_batch=batch-000001/a.dat.parquet",
        "bronze/inventory/source_batch=batch-000001/b.dat.parquet",
    ]
    bronze = outcome.published[batch]
    assert [(item.source, item.rows, item.lines) for item in bronze.objects] == [
        ("inventory/a.dat.gz", 2, 2),
        ("inventory/b.dat", 1, 1),
    ]
    silver = publish(lake).published
    assert {month: known.rows for month, known in silver.items()} == {"1998-01": 2, "1998-02": 1}
    assert quantities(lake, JANUARY_KEY) == [10, None]
    assert keys(lake, "silver") == [JANUARY_KEY, FEBRUARY_KEY]


def test_the_ledger_tells_what_was_published(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|", f"{FEBRUARY}|1|1|20|")
    known = lake.ledger.read(INVENTORY, "1998-01").settled
    assert known is not None
    (stored,) = known.objects
    assert stored.key == JANUARY_KEY
    assert stored.bytes == len(bytes_of(lake, JANUARY_KEY))
    assert stored.checksum == lake.store.checksum(JANUARY_KEY)
    assert (known.run_id, known.source_rows, known.rows, known.quarantined, known.duplicates) == ("run", 1, 1, 0, 0)
    assert known.schema_fingerprint == contract_fingerprint(INVENTORY)
    assert known.batches == ("batch-000001",)
    assert known.quarantine is None


def test_staging_is_gone_after_success_failure_and_a_blocked_audit(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    publish(lake, engine=blocks("1998-01"))

    def dies(task: Task) -> Result:
        FakeEngine().run(task)
        raise RuntimeError("engine died")

    with pytest.raises(RuntimeError, match="engine died"):
        lake.materialise(INVENTORY, MONTHS, dies, "run")
    assert keys(lake, "_staging") == []
    assert not (lake.settings.local_root / "_staging/run").exists() or not any(
        (lake.settings.local_root / "_staging/run").iterdir()
    )


def test_each_attempt_has_a_staging_folder_of_its_own(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    engine = FakeEngine()
    publish(lake, engine=engine)
    publish(lake, engine=engine)
    first, second = (task.staging for task in engine.tasks)
    assert first != second
    assert all(Path(staging).is_relative_to(lake.settings.local_root / "_staging/run") for staging in (first, second))


def test_a_partition_without_rows_is_an_object_with_the_schema_of_the_contract(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    empty = pq.ParquetFile(lake.settings.local_root / FEBRUARY_KEY)
    assert empty.metadata.num_rows == 0
    assert empty.schema_arrow.equals(arrow_schema(INVENTORY.columns))
    known = lake.ledger.read(INVENTORY, "1998-02").settled
    assert known is not None
    assert (known.rows, known.content, known.objects[0].rows) == (0, "0", 0)


def test_a_blocked_partition_keeps_its_last_good_state_and_the_others_are_published(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|", f"{FEBRUARY}|1|1|20|")
    good, entry = bytes_of(lake, JANUARY_KEY), lake.ledger.read(INVENTORY, "1998-01")
    write_source(lake, "inventory/inventory.dat.gz", f"{JANUARY}|1|1|11|", f"{FEBRUARY}|1|1|21|")
    ingest(lake, BRONZE_INVENTORY)
    outcome = publish(lake, engine=blocks("1998-01", rows=3))
    assert outcome.failed == {"1998-01": "foreign_key__inv_item_sk (3 rows)"}
    assert list(outcome.published) == ["1998-02"]
    assert bytes_of(lake, JANUARY_KEY) == good
    now = lake.ledger.read(INVENTORY, "1998-01")
    assert now.settled == entry.settled
    assert now.entry.blocked == {"foreign_key__inv_item_sk": 3}
    assert quantities(lake, FEBRUARY_KEY) == [21]


def test_publishing_a_partition_clears_the_note_that_it_was_blocked(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    write_source(lake, "inventory/inventory.dat.gz", f"{JANUARY}|1|1|11|")
    ingest(lake, BRONZE_INVENTORY)
    publish(lake, engine=blocks("1998-01"))
    assert lake.ledger.read(INVENTORY, "1998-01").entry.blocked
    publish(lake)
    assert lake.ledger.read(INVENTORY, "1998-01").entry.blocked == {}


def test_a_partition_that_was_blocked_when_it_was_new_does_not_exist(lake: Lake) -> None:
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|1|1|10|")
    ingest(lake, BRONZE_INVENTORY)
    publish(lake, engine=blocks("1998-01"))
    assert keys(lake, "silver") == [FEBRUARY_KEY]
    entries = lake.ledger.entries(INVENTORY)
    assert [partition for partition, entry in entries.items() if entry.settled] == ["1998-02"]
    assert entries["1998-01"].entry.blocked


def test_an_answer_for_other_partitions_than_asked_publishes_nothing(lake: Lake) -> None:
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|1|1|10|")
    ingest(lake, BRONZE_INVENTORY)

    def swaps(task: Task) -> Result:
        result = FakeEngine().run(task)
        return result.model_copy(update={"partitions": result.partitions[::-1]})

    with pytest.raises(AuditError, match=r"silver\.inventory: the engine answered for other partitions"):
        lake.materialise(INVENTORY, MONTHS, swaps, "run")
    assert keys(lake, "silver") == []
    assert lake.ledger.entries(INVENTORY) == {}


@pytest.mark.parametrize(("files", "told"), [(2, "2 files were staged"), (0, "0 files were staged")])
def test_a_partition_that_was_not_staged_as_one_file_is_refused(lake: Lake, files: int, told: str) -> None:
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|1|1|10|")
    ingest(lake, BRONZE_INVENTORY)

    def stages_wrongly(task: Task) -> Result:
        result = FakeEngine().run(task)
        staged = next(Path(task.staging, "data").rglob("part-*.parquet"))
        if files == 2:
            shutil.copyfile(staged, staged.with_name("part-00001-c000.parquet"))
        else:
            staged.unlink()
        return result

    outcome = lake.materialise(INVENTORY, MONTHS, stages_wrongly, "run")
    assert list(outcome.failed) == ["1998-01"]
    assert told in outcome.failed["1998-01"]
    assert "expected one" in outcome.failed["1998-01"]
    assert list(outcome.published) == ["1998-02"]
    assert lake.ledger.read(INVENTORY, "1998-01").version is None


def test_equal_content_keeps_the_object_byte_for_byte_and_changes_only_what_it_stands_for(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|", f"{FEBRUARY}|1|1|20|")
    before = lake.ledger.read(INVENTORY, "1998-01").settled
    inode = (lake.settings.local_root / JANUARY_KEY).stat().st_ino
    content = bytes_of(lake, JANUARY_KEY)
    write_source(lake, "inventory/more.dat", f"{FEBRUARY}|2|1|30|")
    # It is said to touch January too, but changes nothing there.
    lake.materialise(BRONZE_INVENTORY, [arrive(lake).name], _touching(*MONTHS), "ingestion")
    assert stale(lake.planner().silver(INVENTORY, MONTHS)) == list(MONTHS)
    outcome = publish(lake, run_id="second run")
    after = lake.ledger.read(INVENTORY, "1998-01").settled
    assert before is not None
    assert after is not None
    assert bytes_of(lake, JANUARY_KEY) == content
    assert (lake.settings.local_root / JANUARY_KEY).stat().st_ino == inode
    assert after == before.model_copy(update={"inputs": after.inputs, "batches": ("batch-000001", "batch-000002")})
    assert after.inputs != before.inputs
    assert outcome.published["1998-01"] == after
    assert quantities(lake, FEBRUARY_KEY) == [30, 20]
    assert stale(lake.planner().silver(INVENTORY, MONTHS)) == []


def test_publishing_once_more_from_the_same_inputs_leaves_even_the_ledger_untouched(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    before = {key: bytes_of(lake, key) for key in keys(lake, "silver") + keys(lake, "_ledger")}
    assert publish(lake, run_id="again").failed == {}
    assert {key: bytes_of(lake, key) for key in keys(lake, "silver") + keys(lake, "_ledger")} == before


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"cut")])
def test_an_object_that_was_lost_or_cut_is_put_back_although_its_content_is_unchanged(
    lake: Lake, damage: Callable[[Path], object]
) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    damage(lake.settings.local_root / JANUARY_KEY)
    publish(lake)
    assert quantities(lake, JANUARY_KEY) == [10]


def test_another_schema_is_another_content(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    found = lake.ledger.read(INVENTORY, "1998-01")
    assert found.settled is not None
    of_older_release = found.settled.model_copy(update={"schema_fingerprint": "sha256:older"})
    lake.ledger.write(INVENTORY, found.entry.model_copy(update={"committed": of_older_release}), found.version)
    outcome = publish(lake, run_id="new release")
    assert outcome.published["1998-01"].run_id == "new release"
    assert outcome.published["1998-01"].schema_fingerprint == contract_fingerprint(INVENTORY)
    assert outcome.published["1998-02"].run_id == "run"


def test_rows_in_quarantine_are_an_object_beside_the_partition_and_are_counted(lake: Lake) -> None:
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|1|1|10|", "|2|1|20|", "|3|1|30|")
    ingest(lake, BRONZE_INVENTORY)
    outcome = publish(lake, "undated", "1998-01")
    undated = outcome.published["undated"]
    assert (undated.source_rows, undated.rows, undated.quarantined) == (2, 0, 2)
    assert undated.quarantine is not None
    assert undated.quarantine.key == QUARANTINE_KEY
    assert undated.quarantine.checksum == lake.store.checksum(QUARANTINE_KEY)
    assert sorted(quantities(lake, QUARANTINE_KEY)) == [20, 30]
    assert outcome.published["1998-01"].quarantine is None
    assert keys(lake, "quarantine") == [QUARANTINE_KEY]


def test_a_quarantine_that_is_no_longer_needed_is_removed(lake: Lake) -> None:
    write_source(lake, "inventory/inventory.dat", "|2|1|20|")
    ingest(lake, BRONZE_INVENTORY)
    publish(lake, "undated")
    assert keys(lake, "quarantine") == [QUARANTINE_KEY]
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|2|1|20|")
    ingest(lake, BRONZE_INVENTORY)
    assert publish(lake, "undated", "1998-01").failed == {}
    assert keys(lake, "quarantine") == []
    assert lake.ledger.read(INVENTORY, "undated").settled is not None


def test_other_rows_in_quarantine_replace_those_of_before_although_what_is_published_stays_equal(lake: Lake) -> None:
    for item in (2, 3):
        write_source(lake, "inventory/inventory.dat", f"|{item}|1|{item}0|")
        ingest(lake, BRONZE_INVENTORY)
        assert publish(lake, "undated").published["undated"].quarantined == 1
        assert quantities(lake, QUARANTINE_KEY) == [item * 10]


def test_bronze_objects_are_replaced_one_by_one_although_the_batch_as_a_whole_stays_equal(lake: Lake) -> None:
    write_source(lake, "inventory/a.dat", f"{JANUARY}|1|1|10|")
    write_source(lake, "inventory/b.dat", f"{JANUARY}|2|1|20|")
    batch = arrive(lake).name

    def mixes_up_the_files(task: Task) -> Result:
        a, b = task.files
        swapped = (a.model_copy(update={"uri": b.uri}), b.model_copy(update={"uri": a.uri}))
        return FakeEngine().run(task.model_copy(update={"files": swapped}))

    lake.materialise(BRONZE_INVENTORY, [batch], mixes_up_the_files, "faulty release")
    lake.materialise(BRONZE_INVENTORY, [batch], FakeEngine().run, "mended release")
    rows = parquet_rows(lake.settings.local_root, "bronze")
    assert [[row["inv_item_sk"] for row in found] for found in rows.values()] == [[1], [2]]


def test_a_bronze_object_that_its_batch_has_no_more_is_removed(tmp_path: Path) -> None:
    # Blocked unless the settings say otherwise, because the lines of the other file are published nowhere.
    lake = new_lake(tmp_path, rules={"bronze.inventory.conservation": "warn"})
    write_source(lake, "inventory/a.dat", f"{JANUARY}|1|1|10|")
    write_source(lake, "inventory/b.dat", f"{JANUARY}|2|1|20|")
    batch = ingest(lake, BRONZE_INVENTORY)

    def finds_one_file(task: Task) -> Result:
        return FakeEngine().run(task.model_copy(update={"files": task.files[:1]}))

    lake.materialise(BRONZE_INVENTORY, [batch], finds_one_file, "again")
    assert keys(lake, "bronze") == ["bronze/inventory/source_batch=batch-000001/a.dat.parquet"]


def test_a_table_that_a_batch_brings_nothing_for_is_published_without_an_object(lake: Lake) -> None:
    write_source(lake, "inventory/a.dat", f"{JANUARY}|1|1|10|")
    batch = ingest(lake, BRONZE_INVENTORY)
    outcome = lake.materialise(BRONZE["reason"], [batch], FakeEngine().run, "run")
    assert outcome.published[batch].objects == ()
    assert keys(lake, "bronze/reason") == []


def test_an_empty_source_file_becomes_an_empty_object_of_its_name(lake: Lake) -> None:
    write_source(lake, "inventory/a.dat.gz")
    batch = ingest(lake, BRONZE_INVENTORY)
    known = lake.ledger.read(BRONZE_INVENTORY, batch).settled
    assert known is not None
    assert [(item.source, item.rows, item.lines) for item in known.objects] == [("inventory/a.dat.gz", 0, 0)]
    assert parquet_rows(lake.settings.local_root, "bronze") == {
        "bronze/inventory/source_batch=batch-000001/a.dat.parquet": []
    }


def test_a_file_that_changed_after_it_was_pinned_publishes_nothing(lake: Lake) -> None:
    write_source(lake, "inventory/a.dat", f"{JANUARY}|1|1|10|")
    batch = arrive(lake).name
    write_source(lake, "inventory/a.dat", f"{JANUARY}|1|1|100|")
    engine = FakeEngine()
    with pytest.raises(SourceError, match=r"a\.dat changed after it was pinned"):
        lake.materialise(BRONZE_INVENTORY, [batch], engine.run, "run")
    assert engine.tasks == []
    assert keys(lake, "bronze") == []


def test_a_file_that_arrives_again_supersedes_its_earlier_rows(lake: Lake) -> None:
    write_source(lake, "inventory/a.dat", f"{JANUARY}|1|1|10|", f"{JANUARY}|2|1|20|")
    write_source(lake, "inventory/b.dat", f"{JANUARY}|3|1|30|")
    ingest(lake, BRONZE_INVENTORY)
    publish(lake)
    write_source(lake, "inventory/a.dat", f"{JANUARY}|2|1|21|")
    ingest(lake, BRONZE_INVENTORY)
    engine = FakeEngine()
    publish(lake, engine=engine)
    assert sorted(quantities(lake, JANUARY_KEY)) == [21, 30]
    assert [Path(item.uri).relative_to(lake.settings.local_root).as_posix() for item in engine.tasks[0].inputs] == [
        "bronze/inventory/source_batch=batch-000002/a.dat.parquet",
        "bronze/inventory/source_batch=batch-000001/b.dat.parquet",
    ]


def test_every_line_is_accounted_for_in_the_balance_of_a_table(lake: Lake) -> None:
    def apply_everything() -> None:
        batches = [batch.name for batch in lake.ledger.batches()]
        assert lake.materialise(INCOME_BAND, batches, FakeEngine().run, "run").failed == {}

    def arrives(path: str, *lines: str) -> None:
        write_source(lake, path, *lines)
        ingest(lake, BRONZE["income_band"])

    arrives("income_band/a.dat", "1|0|10|", "2|11|20|", "|21|30|", "too|few", "4|31|40|")
    assert balance(lake.planner(), "income_band") is None
    arrives("income_band/b.dat", "1|0|11|")
    apply_everything()
    first = balance(lake.planner(), "income_band")
    assert first == Balance(source=6, published=3, quarantined=2, duplicates=1, superseded=0)
    assert first.missing == 0
    arrives("income_band/a.dat", "5|41|50|")
    assert balance(lake.planner(), "income_band") is None
    apply_everything()
    second = balance(lake.planner(), "income_band")
    assert second == Balance(source=7, published=2, quarantined=0, duplicates=0, superseded=5)
    assert second.missing == 0


def test_a_second_writer_who_planned_on_an_old_version_changes_nothing_and_says_so(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|", f"{FEBRUARY}|1|1|20|")
    write_source(lake, "inventory/inventory.dat.gz", f"{JANUARY}|1|1|11|", f"{FEBRUARY}|1|1|21|")
    ingest(lake, BRONZE_INVENTORY)
    state: dict[str, bytes] = {}

    def is_overtaken(task: Task) -> Result:
        result = FakeEngine().run(task)
        assert publish(lake, "1998-01", run_id="rival").failed == {}
        state.update({key: bytes_of(lake, key) for key in (JANUARY_KEY, "_ledger/silver/inventory/1998-01.json")})
        return result

    outcome = lake.materialise(INVENTORY, MONTHS, is_overtaken, "slow run")
    assert outcome.failed == {
        "1998-01": "silver.inventory, partition 1998-01: another run published it meanwhile. "
        "This run changed nothing; run it again if it is still needed."
    }
    assert list(outcome.published) == ["1998-02"]
    assert {key: bytes_of(lake, key) for key in state} == state
    known = lake.ledger.read(INVENTORY, "1998-01").settled
    assert known is not None
    assert known.run_id == "rival"


def test_a_second_writer_of_a_new_partition_changes_nothing_and_says_so(lake: Lake) -> None:
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|1|1|10|")
    ingest(lake, BRONZE_INVENTORY)

    def is_overtaken(task: Task) -> Result:
        result = FakeEngine().run(task)
        publish(lake, "1998-01", run_id="rival")
        return result

    outcome = lake.materialise(INVENTORY, ("1998-01",), is_overtaken, "slow run")
    assert list(outcome.failed) == ["1998-01"]
    assert outcome.published == {}
    known = lake.ledger.read(INVENTORY, "1998-01").settled
    assert known is not None
    assert known.run_id == "rival"


def test_a_writer_whose_content_equals_an_overtaken_version_is_refused_too(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")

    def is_overtaken(task: Task) -> Result:
        result = FakeEngine().run(task)
        write_source(lake, "inventory/inventory.dat.gz", f"{JANUARY}|1|1|11|")
        ingest(lake, BRONZE_INVENTORY)
        publish(lake, "1998-01", run_id="rival")
        return result

    outcome = lake.materialise(INVENTORY, ("1998-01",), is_overtaken, "slow run")
    assert list(outcome.failed) == ["1998-01"]
    assert quantities(lake, JANUARY_KEY) == [11]


def test_of_four_runs_that_publish_the_same_partition_at_once_exactly_one_does(lake: Lake) -> None:
    write_source(lake, "inventory/inventory.dat", f"{JANUARY}|1|1|10|")
    ingest(lake, BRONZE_INVENTORY)
    barrier = threading.Barrier(4)
    outcomes: list[Outcome] = []

    def run(number: int) -> None:
        def staged_together(task: Task) -> Result:
            result = FakeEngine().run(task)
            barrier.wait(10)
            return result

        outcomes.append(lake.materialise(INVENTORY, ("1998-01",), staged_together, f"run {number}"))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    winners = [known.run_id for outcome in outcomes for known in outcome.published.values()]
    assert len(outcomes) == 4
    assert len(winners) == 1
    assert sum(len(outcome.failed) for outcome in outcomes) == 3
    known = lake.ledger.read(INVENTORY, "1998-01").settled
    assert known is not None
    assert [known.run_id] == winners
    assert lake.store.checksum(JANUARY_KEY) == known.objects[0].checksum


def test_a_reader_sees_one_whole_publication_or_the_other_never_half(tmp_path: Path) -> None:
    # The months grow and shrink by more than `row_count` lets pass.
    lake = new_lake(tmp_path, rules={"silver.inventory.row_count": "warn"})
    few = [f"{JANUARY}|{item}|1|1|" for item in range(5)]
    many = [f"{JANUARY}|{item}|1|2|" for item in range(500)]
    inventory_lake(lake, *few)
    stop = threading.Event()
    seen: set[tuple[int, int]] = set()

    def look() -> None:
        while not stop.is_set():
            found = quantities(lake, JANUARY_KEY)
            seen.add((len(found), sum(found)))

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for number in range(6):
            write_source(lake, "inventory/inventory.dat.gz", *(many if number % 2 == 0 else few))
            ingest(lake, BRONZE_INVENTORY)
            assert publish(lake).failed == {}
    finally:
        stop.set()
        reader.join(10)
    assert seen == {(5, 5), (500, 1000)}


def test_a_dimension_is_one_object_with_the_newest_row_of_each_key_over_its_batches(lake: Lake) -> None:
    write_source(lake, "income_band/a.dat", "1|0|10000|", "2|10001|20000|")
    ingest(lake, BRONZE["income_band"])
    write_source(lake, "income_band/b.dat", "2|10001|25000|")
    ingest(lake, BRONZE["income_band"])
    for batch in ("batch-000001", "batch-000002"):
        lake.materialise(INCOME_BAND, [batch], FakeEngine().run, "run")
    rows = parquet_rows(lake.settings.local_root, "silver")["silver/income_band/income_band.parquet"]
    assert sorted((row["ib_income_band_sk"], row["ib_upper_bound"], row["source_batch"]) for row in rows) == [
        (1, 10000, "batch-000001"),
        (2, 25000, "batch-000002"),
    ]
    known = lake.ledger.read(INCOME_BAND, "all").settled
    assert known is not None
    assert (known.source_rows, known.rows, known.duplicates) == (3, 2, 1)


def test_the_task_tells_the_engine_what_to_do_and_nothing_of_the_ledger(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|", f"{FEBRUARY}|1|1|20|")
    engine = FakeEngine()
    publish(lake, engine=engine)
    (task,) = engine.tasks
    assert (task.layer, task.table, task.partitions) == ("silver", "inventory", MONTHS)
    (item,) = task.inputs
    assert (item.table, item.partition, item.rows) == ("inventory", "batch-000001", 2)
    assert task.load_timestamp > SOME_TIME
    assert Task.model_validate_json(task.model_dump_json()) == task


def _touching(*months: str, first: Callable[[], object] = lambda: None) -> Callable[[Task], Result]:
    """An engine that finds out that a batch touches these months; `first` happens before it answers."""

    def run(task: Task) -> Result:
        first()
        result = FakeEngine().run(task)
        found = tuple(item.model_copy(update={"touches": months}) for item in result.partitions)
        return result.model_copy(update={"partitions": found})

    return run


def touches(lake: Lake, batch: str) -> tuple[str, ...] | None:
    known = lake.ledger.read(BRONZE_INVENTORY, batch).settled
    assert known
    return known.touches


def test_the_ledger_knows_which_months_a_batch_touches(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    write_source(lake, "inventory/late.dat", f"{FEBRUARY}|1|1|20|")
    batch = arrive(lake).name
    assert lake.materialise(BRONZE_INVENTORY, [batch], _touching("1998-02"), "run").failed == {}
    assert (touches(lake, "batch-000001"), touches(lake, batch)) == (None, ("1998-02",))


def test_a_batch_beside_which_another_was_converted_meanwhile_touches_every_month(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    write_source(lake, "inventory/late.dat", f"{FEBRUARY}|1|1|20|")
    late = arrive(lake).name
    write_source(lake, "inventory/later.dat", f"{FEBRUARY}|1|2|30|")
    later = arrive(lake).name
    meanwhile = partial(lake.materialise, BRONZE_INVENTORY, [later], _touching("1998-02"), "other")
    assert lake.materialise(BRONZE_INVENTORY, [late], _touching("1998-02", first=meanwhile), "run").failed == {}
    assert (touches(lake, later), touches(lake, late)) == (("1998-02",), None)


def test_a_batch_converted_again_to_the_same_objects_touches_what_it_did(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    write_source(lake, "inventory/late.dat", f"{FEBRUARY}|1|1|20|")
    batch = arrive(lake).name
    lake.materialise(BRONZE_INVENTORY, [batch], _touching("1998-02"), "run")
    lake.materialise(BRONZE_INVENTORY, [batch], FakeEngine().run, "again")
    assert touches(lake, batch) == ("1998-02",)


def test_silver_is_not_built_beside_bronze_that_a_crash_left_half_published(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    (batch,) = (known.name for known in lake.ledger.batches())
    before = parquet_rows(lake.settings.local_root, "silver/inventory")
    entry = lake.ledger.read(BRONZE_INVENTORY, batch)
    half = entry.entry.model_copy(update={"publishing": entry.entry.committed})
    lake.ledger.write(BRONZE_INVENTORY, half, entry.version)
    with pytest.raises(LakeError, match=rf"bronze.inventory was left half published .*{batch}"):
        publish(lake)
    assert parquet_rows(lake.settings.local_root, "silver/inventory") == before
