"""Verdicts: what was counted, judged by each rule's action and threshold, and the history that every audit leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake_assets.contract.layers import BRONZE, GOLD, SILVER, LakeTable
from lake_assets.contract.quality import RESULTS, RESULTS_PARTITIONS
from lake_assets.contract.rules import Action, rule_of, rules_of
from lake_assets.contract.types import arrow_schema
from lake_assets.errors import StorageError
from lake_assets.lake.audit import Standing, Verdict, held_back, judge
from lake_assets.lake.lake import Lake, Outcome
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.records import Inspection, Publication
from lake_assets.lake.store import LocalStore
from lake_assets.lake.task import FileInput, PartitionResult, Result, Task, Violation
from lake_assets_tests.support.lake_support import (
    FEBRUARY,
    JANUARY,
    SOME_TIME,
    FakeEngine,
    Row,
    arrive,
    ingest,
    new_lake,
    pinned,
    publication,
    write_source,
)

BRONZE_INVENTORY, INVENTORY, REASON = BRONZE["inventory"], SILVER["inventory"], SILVER["reason"]
MONTHS = ("1998-01", "1998-02")
FIRST_TIME = Standing(None, ())
QUANTITY = rule_of(INVENTORY, "range__inv_quantity_on_hand")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return new_lake(tmp_path)


def before(rows: int) -> Standing:
    return Standing(publication(rows=rows), ())


def file_of(lines: int, name: str = "a.dat", fields: int = 4) -> FileInput:
    looked = Inspection(lines=lines, fields=fields, encoding="utf-8", terminated=True, plain=True)
    return FileInput(uri=f"/source/{name}", path=f"inventory/{name}", object=f"bronze/{name}", inspection=looked)


def task_of(table: LakeTable, partitions: tuple[str, ...], *files: FileInput) -> Task:
    return Task(
        layer=table.layer,
        table=table.name,
        partitions=partitions,
        staging="/staging",
        run_id="run",
        load_timestamp=SOME_TIME,
        memory_gb=1,
        threads=1,
        files=files,
    )


def judged(
    table: LakeTable,
    *items: PartitionResult,
    standing: Standing = FIRST_TIME,
    source_rows: int | None = None,
    unevaluated: dict[str, str] | None = None,
    files: tuple[FileInput, ...] = (),
) -> dict[str, dict[str, Verdict]]:
    """Verdicts by partition and rule, every rule as the contract has it."""
    partitions = tuple(item.partition for item in items)
    result = Result(partitions=items, seconds=1, source_rows=source_rows, unevaluated=unevaluated or {})
    found = judge(
        rules_of(table), table, task_of(table, partitions, *files), result, dict.fromkeys(partitions, standing)
    )
    return {partition: {verdict.rule.name: verdict for verdict in verdicts} for partition, verdicts in found.items()}


def month(partition: str = "1998-01", **changes: object) -> PartitionResult:
    return PartitionResult.model_validate({"partition": partition, "rows": 100} | changes)


def verdict(action: Action, threshold: float, violations: int | None, rows: int = 1000) -> Verdict:
    return Verdict(replace(QUANTITY, action=action, threshold=threshold), "1998-01", rows, violations)


@pytest.mark.parametrize(
    ("threshold", "violations", "failed"),
    [
        (0.0, 0, False),
        (0.0, 1, True),
        (0.01, 9, False),
        (0.01, 10, False),
        (0.01, 11, True),
        (1.0, 1000, False),
        (0.0, 1000, True),
    ],
)
def test_a_rule_fails_when_a_larger_share_than_its_threshold_breaks_it(
    threshold: float, violations: int, failed: bool
) -> None:
    assert verdict("warn", threshold, violations).failed is failed


@pytest.mark.parametrize(("action", "blocks"), [("warn", False), ("quarantine", False), ("block", True)])
def test_only_a_failed_rule_that_blocks_does_so(action: Action, blocks: bool) -> None:
    assert verdict(action, 0.0, 1).blocks is blocks
    assert not verdict(action, 0.0, 0).blocks
    assert not verdict(action, 0.01, 10).blocks
    assert verdict(action, 0.01, 11).blocks is blocks


def test_the_share_is_that_of_the_rows_checked() -> None:
    assert verdict("warn", 0, 250).share == 0.25
    assert verdict("warn", 0, 0).share == 0
    assert verdict("warn", 0, 0, rows=0).share == 0


def test_violations_where_no_row_was_checked_are_a_whole_not_a_share_of_nothing() -> None:
    nothing = verdict("block", 0.5, 3, rows=0)
    assert (nothing.share, nothing.failed, nothing.blocks) == (1, True, True)


def test_a_rule_about_a_partition_as_a_whole_is_broken_or_not_whatever_the_rows() -> None:
    lost = Verdict(replace(rule_of(INVENTORY, "conservation"), threshold=0.5), "1998-01", 1000, 1)
    assert (lost.share, lost.failed, lost.blocks) == (1, True, True)
    kept = Verdict(rule_of(INVENTORY, "conservation"), "1998-01", 1000, 0)
    assert (kept.share, kept.failed) == (0, False)


def test_a_rule_that_was_not_evaluated_neither_fails_nor_blocks() -> None:
    unknown = verdict("block", 0.0, None)
    assert (unknown.share, unknown.failed, unknown.blocks) == (None, False, False)


def test_what_is_wrong_is_told_with_the_rows_and_examples() -> None:
    one = replace(verdict("block", 0.0, 1), samples=("inv_item_sk=1",))
    assert one.explanation() == "range__inv_quantity_on_hand (1 row), e.g. inv_item_sk=1"
    many = replace(verdict("block", 0.0, 1234), samples=("inv_item_sk=1", "inv_item_sk=2"))
    assert many.explanation() == "range__inv_quantity_on_hand (1,234 rows), e.g. inv_item_sk=1; inv_item_sk=2"
    lost = Verdict(rule_of(INVENTORY, "row_count"), "1998-01", 1, 1, note="1 rows, 200 before")
    assert lost.explanation() == "row_count: 1 rows, 200 before"


@pytest.mark.parametrize("table", [BRONZE_INVENTORY, INVENTORY, REASON, SILVER["store_returns"]])
def test_every_rule_gets_a_verdict_for_every_partition_in_the_order_of_the_rules(table: LakeTable) -> None:
    found = judged(table, month("a"), month("b"))
    assert {partition: list(verdicts) for partition, verdicts in found.items()} == {
        name: [rule.name for rule in rules_of(table)] for name in ("a", "b")
    }
    assert all(each.partition == partition for partition, verdicts in found.items() for each in verdicts.values())


def test_what_the_engine_found_is_the_verdict_of_the_partition_that_it_found_it_in() -> None:
    violation = Violation(rule=QUANTITY.name, rows=7, samples=("inv_item_sk=1",))
    found = judged(INVENTORY, month(violations=(violation,)), month("1998-02"))
    broken = found["1998-01"][QUANTITY.name]
    assert (broken.violations, broken.rows, broken.samples) == (7, 100, ("inv_item_sk=1",))
    assert found["1998-02"][QUANTITY.name].violations == 0
    assert {name for name, each in found["1998-01"].items() if each.failed} == {QUANTITY.name}


@pytest.mark.parametrize(
    ("table", "rule", "rows"),
    [
        ("inventory", "not_null__inv_item_sk", 105),
        ("inventory", "range__inv_quantity_on_hand", 105),
        ("inventory", "foreign_key__inv_item_sk", 105),
        ("store_returns", "sale__exists", 105),
        ("store_sales", "order_header__date", 100),
        ("reason", "unique__r_reason_id", 100),
        ("inventory", "unique__primary_key", 108),
        ("inventory", "row_count", 100),
        ("inventory", "conservation", 108),
        ("inventory", "freshness", 100),
    ],
)
def test_the_rows_checked_are_those_that_the_rule_looks_at(table: str, rule: str, rows: int) -> None:
    whole = SILVER[table]
    found = judged(whole, month(whole.partitions[0], quarantined=5, duplicates=3))
    assert found[whole.partitions[0]][rule].rows == rows


def test_a_rule_that_compares_with_a_missing_table_says_so_instead_of_passing() -> None:
    found = judged(INVENTORY, month(), unevaluated={"foreign_key__inv_item_sk": "nothing of item yet"})["1998-01"]
    missing = found["foreign_key__inv_item_sk"]
    assert (missing.violations, missing.rows, missing.note) == (None, 0, "nothing of item yet")
    assert found["foreign_key__inv_warehouse_sk"].violations == 0


@pytest.mark.parametrize(
    ("rows", "rows_before", "failed"),
    [
        pytest.param(500, 1000, False, id="half of the rows are left"),
        pytest.param(499, 1000, True, id="less than half of the rows are left"),
        pytest.param(0, 1000, True, id="no row is left"),
        pytest.param(1000, 100, False, id="ten times as many"),
        pytest.param(1001, 100, True, id="more than ten times as many"),
        pytest.param(0, 99, False, id="too few to compare"),
        pytest.param(99, 1, False, id="too few to compare, though many times as many"),
        pytest.param(100, 1, False, id="too few before, though enough now"),
        pytest.param(0, 100, True, id="enough to compare before"),
        pytest.param(1_000_000, 0, False, id="the first rows of an empty partition"),
        pytest.param(0, 0, False, id="empty as before"),
    ],
)
def test_the_number_of_rows_is_compared_with_the_publication_before(rows: int, rows_before: int, failed: bool) -> None:
    found = judged(INVENTORY, month(rows=rows), standing=before(rows_before))["1998-01"]["row_count"]
    assert found.failed is failed
    assert found.blocks is failed
    assert found.note == f"{rows:,} rows, {rows_before:,} before"


def test_a_first_publication_has_nothing_to_compare_its_rows_with() -> None:
    found = judged(INVENTORY, month(rows=1_000_000))["1998-01"]["row_count"]
    assert (found.violations, found.failed, found.note) == (0, False, "nothing was published before")


def test_gold_is_compared_with_the_publication_before_too() -> None:
    daily = GOLD["daily_sales_summary"]
    found = judged(daily, month("1998-01", rows=10), standing=before(1000))["1998-01"]
    assert {name for name, each in found.items() if each.blocks} == {"row_count"}


@pytest.mark.parametrize(
    ("source_rows", "violations", "note"),
    [
        (216, 0, ""),
        (217, 1, "1 row lost; please report this"),
        (1216, 1000, "1,000 rows lost; please report this"),
        (214, 2, "2 rows invented; please report this"),
    ],
)
def test_rows_of_silver_that_are_lost_or_invented_block(source_rows: int, violations: int, note: str) -> None:
    empty = [month(name, rows=0) for name in INVENTORY.partitions[2:]]
    full = [month(name, quarantined=5, duplicates=3) for name in INVENTORY.partitions[:2]]
    found = judged(INVENTORY, *full, *empty, source_rows=source_rows)
    for verdicts in found.values():
        conservation = verdicts["conservation"]
        assert (conservation.violations, conservation.note) == (violations, note)
        assert conservation.blocks is bool(violations)


def test_a_dimension_is_whole_with_its_one_partition() -> None:
    found = judged(REASON, month("all", duplicates=2), source_rows=103)["all"]["conservation"]
    assert (found.violations, found.blocks, found.rows) == (1, True, 102)


def test_some_months_alone_cannot_tell_whether_rows_are_lost() -> None:
    found = judged(INVENTORY, month(), month("1998-02"), source_rows=5000)["1998-01"]["conservation"]
    assert (found.violations, found.failed) == (None, False)
    assert "only some of the partitions" in found.note
    assert "lake-assets status" in found.note


@pytest.mark.parametrize(("rows", "violations"), [(93, 0), (92, 1), (95, 2)])
def test_lines_of_bronze_files_are_rows_or_in_quarantine(rows: int, violations: int) -> None:
    files = (file_of(60), file_of(40, "b.dat"))
    found = judged(BRONZE_INVENTORY, month("batch-000001", rows=rows, quarantined=7), files=files)["batch-000001"]
    assert found["conservation"].violations == violations
    assert found["conservation"].blocks is bool(violations)


def test_batches_that_wait_too_long_are_told_and_do_not_block() -> None:
    found = judged(INVENTORY, month(), standing=Standing(None, ("batch-000002", "batch-000007")))["1998-01"]
    late = found["freshness"]
    assert (late.violations, late.failed, late.blocks) == (2, True, False)
    assert late.note == "waiting: batch-000002, batch-000007"
    assert judged(INVENTORY, month())["1998-01"]["freshness"].failed is False


def inventory_lake(lake: Lake, *lines: str) -> None:
    write_source(lake, "inventory/a.dat", *lines)
    ingest(lake, BRONZE_INVENTORY)


def publish(lake: Lake, *partitions: str, engine: FakeEngine | None = None, run_id: str = "run") -> Outcome:
    return lake.materialise(INVENTORY, partitions or MONTHS, (engine or FakeEngine()).run, run_id)


def verdicts_of(outcome: Outcome, rule: str) -> dict[str, Verdict]:
    return {each.partition: each for each in outcome.verdicts if each.rule.name == rule}


def late(outcome: Outcome) -> list[str]:
    """Batches that the rule `freshness` names."""
    notes = {each.note for each in verdicts_of(outcome, "freshness").values()}
    return sorted(name for note in notes for name in note.removeprefix("waiting: ").split(", ") if name)


def test_a_batch_of_old_files_that_was_not_converted_is_late(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    pinned(lake.ledger, 2, "inventory/b.dat")
    pinned(lake.ledger, 3, "reason/b.dat")
    outcome = publish(lake)
    assert late(outcome) == ["batch-000002"]
    assert list(outcome.published) == list(MONTHS)


def test_a_batch_that_arrived_within_the_hours_allowed_is_not_late(tmp_path: Path) -> None:
    hours_since = (datetime.now(UTC) - SOME_TIME) / timedelta(hours=1)
    lake = new_lake(tmp_path)
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    pinned(lake.ledger, 2, "inventory/b.dat")
    assert late(publish(new_lake(tmp_path, fresh_hours=hours_since + 1))) == []
    assert late(publish(new_lake(tmp_path, fresh_hours=hours_since - 1))) == ["batch-000002"]


def test_a_batch_that_a_dimension_was_not_built_from_is_late_until_it_is(tmp_path: Path) -> None:
    lake = new_lake(tmp_path, fresh_hours=1e-9)
    for name in ("a", "b"):
        write_source(lake, f"reason/{name}.dat", "1|AAAAAAAABAAAAAAA|Damaged|")
        ingest(lake, BRONZE["reason"])
    outcome = lake.materialise(REASON, ["batch-000001"], FakeEngine().run, "run")
    assert late(outcome) == ["batch-000002"]
    assert late(lake.materialise(REASON, ["batch-000002"], FakeEngine().run, "run")) == []


def test_late_batches_block_when_the_settings_say_so(tmp_path: Path) -> None:
    lake = new_lake(tmp_path, rules={"silver.inventory.freshness": "block"})
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    pinned(lake.ledger, 2, "inventory/b.dat")
    assert publish(lake).failed == dict.fromkeys(MONTHS, "freshness: waiting: batch-000002")


def test_a_partition_that_shrinks_to_nothing_keeps_its_last_good_state(lake: Lake) -> None:
    inventory_lake(lake, *(f"{JANUARY}|{item}|1|1|" for item in range(1, 301)))
    publish(lake)
    known = lake.ledger.read(INVENTORY, "1998-01")
    inventory_lake(lake, f"{JANUARY}|1|1|1|")
    outcome = publish(lake)
    assert outcome.failed == {"1998-01": "row_count: 1 rows, 300 before"}
    now = lake.ledger.read(INVENTORY, "1998-01")
    assert (now.settled, now.entry.blocked) == (known.settled, {"row_count": 1})


def test_an_engine_that_loses_a_row_publishes_nothing(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|", f"{FEBRUARY}|1|1|10|")
    outcome = publish(lake, *INVENTORY.partitions, engine=FakeEngine(lost=1))
    assert outcome.published == {}
    assert set(outcome.failed) == set(INVENTORY.partitions)
    assert set(outcome.failed.values()) == {"conservation: 1 row lost; please report this"}
    assert publish(lake, *INVENTORY.partitions).failed == {}


def test_what_was_broken_is_counted_in_the_publication(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|", "|1|1|10|")
    engine = FakeEngine({"1998-01": [Violation(rule=QUANTITY.name, rows=4)]})
    published = publish(lake, "undated", "1998-01", engine=engine).published
    assert published["1998-01"].violations == {QUANTITY.name: 4}
    assert published["undated"].violations == {"not_null__inv_date_sk": 1}
    again = publish(lake, "undated", "1998-01").published
    assert again["1998-01"].violations == {}


def test_what_a_partition_waits_for_is_kept_in_the_version_it_was_compared_with(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    waiting = publish(lake, engine=FakeEngine(waits_for=["item"])).published["1998-01"]
    assert waiting.waits_for == {"item": ""}
    assert publish(lake).published["1998-01"].waits_for == {}


def history(lake: Lake) -> list[Path]:
    """Files of the quality history, oldest first."""
    return sorted((lake.settings.local_root / "quality").rglob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)


def rows_of(path: Path) -> list[Row]:
    rows: list[Row] = pq.ParquetFile(path).read().to_pylist()
    return rows


def test_an_audit_leaves_a_file_in_the_folder_of_its_table(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    publish(lake)
    bronze, silver = history(lake)
    root = lake.settings.local_root / "quality/results"
    names = [column.name for column in RESULTS_PARTITIONS]
    for path, values in ((bronze, ("bronze", "inventory")), (silver, ("silver", "inventory"))):
        folders = [f"{name}={value}" for name, value in zip(names, values, strict=True)]
        assert path.parent == root.joinpath(*folders)


def test_the_history_has_the_columns_and_types_of_the_contract(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    for path in history(lake):
        assert pq.ParquetFile(path).schema_arrow.equals(arrow_schema(RESULTS))


def test_every_required_column_of_the_history_is_filled(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    publish(lake, engine=FakeEngine(unevaluated={"foreign_key__inv_item_sk": "nothing of item yet"}))
    required = [column.name for column in RESULTS if not column.nullable]
    table = pa.concat_tables([pq.ParquetFile(path).read() for path in history(lake)])
    assert {name: table.column(name).null_count for name in required} == dict.fromkeys(required, 0)


def test_an_audit_has_one_row_per_rule_and_partition(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    publish(lake)
    bronze, silver = (rows_of(path) for path in history(lake))
    assert [(row["partition"], row["rule"]) for row in silver] == [
        (partition, rule.name) for partition in MONTHS for rule in rules_of(INVENTORY)
    ]
    assert [(row["partition"], row["rule"]) for row in bronze] == [
        ("batch-000001", rule.name) for rule in rules_of(BRONZE_INVENTORY)
    ]


def result_row(lake: Lake, rule: str, partition: str = "1998-01") -> Row:
    """The row of the latest audit about a rule."""
    (row,) = (row for row in rows_of(history(lake)[-1]) if (row["rule"], row["partition"]) == (rule, partition))
    return row


def test_a_row_of_the_history_tells_the_rule_what_was_found_and_what_came_of_it(tmp_path: Path) -> None:
    lake = new_lake(tmp_path, rules={f"silver.inventory.{QUANTITY.name}": {"action": "warn", "threshold": 0.125}})
    inventory_lake(lake, *(f"{JANUARY}|{item}|1|1|" for item in (1, 2, 3)))
    found = Violation(rule=QUANTITY.name, rows=1, samples=("inv_item_sk=1", "inv_item_sk=2"))
    start = datetime.now(UTC)
    publish(lake, engine=FakeEngine({"1998-01": [found]}), run_id="the run")
    row = result_row(lake, QUANTITY.name)
    assert start <= row.pop("audited_at") <= datetime.now(UTC)
    assert row == {
        "partition": "1998-01",
        "rule": QUANTITY.name,
        "kind": "range",
        "sentence": QUANTITY.sentence,
        "action": "warn",
        "evaluated": True,
        "failed": True,
        "blocked": False,
        "rows_checked": 3,
        "violations": 1,
        "share": Decimal("0.333333"),
        "threshold": Decimal("0.125000"),
        "samples": "inv_item_sk=1; inv_item_sk=2",
        "note": None,
        "run_id": "the run",
    }
    kept = result_row(lake, "row_count")
    assert (kept["failed"], kept["violations"], kept["note"]) == (False, 0, "nothing was published before")


def test_of_a_partition_without_rows_the_history_tells_no_share(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    publish(lake)
    row = result_row(lake, QUANTITY.name, "1998-02")
    assert (row["evaluated"], row["rows_checked"], row["violations"], row["share"]) == (True, 0, 0, None)


def test_of_a_rule_that_was_not_evaluated_the_history_tells_why(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    publish(lake, engine=FakeEngine(unevaluated={"foreign_key__inv_item_sk": "nothing of item yet"}))
    row = result_row(lake, "foreign_key__inv_item_sk")
    assert [row[name] for name in ("evaluated", "failed", "blocked", "rows_checked", "violations", "share")] == [
        *(False, False, False),
        *(None, None, None),
    ]
    assert row["note"] == "nothing of item yet"


def test_what_was_blocked_is_on_record_too(tmp_path: Path) -> None:
    lake = new_lake(tmp_path, rules={f"silver.inventory.{QUANTITY.name}": "block"})
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    outcome = publish(lake, engine=FakeEngine({"1998-01": [Violation(rule=QUANTITY.name, rows=1)]}))
    assert list(outcome.failed) == ["1998-01"]
    entry = lake.ledger.read(INVENTORY, "1998-01").entry
    assert (entry.committed, entry.blocked) == (None, {QUANTITY.name: 1})
    row = result_row(lake, QUANTITY.name)
    assert (row["action"], row["failed"], row["blocked"], row["share"]) == ("block", True, True, Decimal(1))
    assert result_row(lake, QUANTITY.name, "1998-02")["blocked"] is False


def test_two_audits_are_two_files_and_the_first_stays_as_it_was(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    publish(lake, run_id="first")
    earlier = {path: path.read_bytes() for path in history(lake)}
    publish(lake, run_id="second")
    later = [path for path in history(lake) if path not in earlier]
    assert len(later) == 1
    assert {row["run_id"] for row in rows_of(later[0])} == {"second"}
    assert {path: path.read_bytes() for path in earlier} == earlier


def test_each_batch_of_a_range_has_an_audit_of_its_own(lake: Lake) -> None:
    batches = []
    for name in ("a", "b"):
        write_source(lake, f"inventory/{name}.dat", f"{JANUARY}|1|1|10|")
        batches.append(arrive(lake).name)
    assert lake.materialise(BRONZE_INVENTORY, batches, FakeEngine().run, "run").failed == {}
    assert [{row["partition"] for row in rows_of(path)} for path in history(lake)] == [{batch} for batch in batches]


class FullStore(LocalStore):
    """A store that has no room for objects whose key begins with `without_room`."""

    def __init__(self, root: Path, without_room: str) -> None:
        super().__init__(root)
        self._without_room = without_room

    def replace(self, staged: str, key: str, holds: Callable[[], bool] = lambda: True) -> None:
        if key.startswith(self._without_room):
            raise StorageError(f"no room for {key}")
        super().replace(staged, key, holds)


def test_the_audit_is_on_record_before_anything_is_published(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    audits = len(history(lake))
    lake.store = FullStore(lake.settings.local_root, "silver/")
    outcome = publish(lake)
    assert outcome.published == {}
    assert list(outcome.failed) == list(MONTHS)
    assert len(history(lake)) == audits + 1
    assert len(rows_of(history(lake)[-1])) == len(MONTHS) * len(rules_of(INVENTORY))


def test_without_room_for_the_audit_nothing_is_published(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    audits = history(lake)
    lake.store = FullStore(lake.settings.local_root, "quality/")
    lake.ledger = Ledger(lake.store)
    with pytest.raises(StorageError, match="no room for quality/results/layer=silver/table_name=inventory/"):
        publish(lake)
    assert lake.ledger.entries(INVENTORY) == {}
    assert list((lake.settings.local_root / "silver").rglob("*.parquet")) == []
    assert history(lake) == audits


def test_an_audit_that_publishes_equal_content_is_on_record(lake: Lake) -> None:
    inventory_lake(lake, f"{JANUARY}|1|1|10|")
    first: Publication = publish(lake).published["1998-01"]
    audits = len(history(lake))
    again = publish(lake, run_id="again").published["1998-01"]
    assert again.run_id == first.run_id
    assert len(history(lake)) == audits + 1


def test_a_month_that_loses_rows_is_held_back_while_another_is_blocked() -> None:
    """A row that moved into the blocked month would be in none, if the month that it left were published."""
    results = [month("1998-01"), month("1998-02", rows=98, quarantined=1), month("1998-03")]
    standing = before(100)
    held = held_back(results, dict.fromkeys(("1998-01", "1998-02", "1998-03"), standing), ["1998-01"])
    assert held == {
        "1998-02": "1 row of it may have moved to what is blocked (1998-01); it is published together with that"
    }
    assert held_back(results, dict.fromkeys(("1998-01", "1998-02", "1998-03"), standing), []) == {}
