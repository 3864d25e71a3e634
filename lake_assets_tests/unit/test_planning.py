"""Plans: which objects a partition is built from, and when what is published still stands for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lake_assets.contract.calendar import first_sk_of, last_sk_of
from lake_assets.contract.layers import BRONZE, GOLD, SILVER, LakeTable
from lake_assets.contract.tables import FACTS, TABLES
from lake_assets.errors import LakeError, StorageError
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.planning import TRANSFORM_VERSIONS, PartitionPlan, Planner, stale
from lake_assets.lake.records import StoredObject
from lake_assets.lake.store import LocalStore
from lake_assets_tests.support.lake_support import commit, leave_publishing, pinned, publication

INVENTORY, REASON = SILVER["inventory"], SILVER["reason"]
DAILY = GOLD["daily_sales_summary"]
START, END = first_sk_of("1998-03"), last_sk_of("1998-03")
LONG_BEFORE, LONG_AFTER = START - 100, END + 100


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(LocalStore(tmp_path))


def convert(ledger: Ledger, table: str, number: int, touches: tuple[str, ...] | None = None, **versions: str) -> None:
    """Pin a batch of files `<table>/<name>.dat` and publish them in bronze, each with its content's version."""
    batch = pinned(ledger, number, *(f"{table}/{name}.dat" for name in versions)).name
    publish_bronze(ledger, table, batch, touches, **versions)


def publish_bronze(
    ledger: Ledger, table: str, batch: str, touches: tuple[str, ...] | None = None, **versions: str
) -> None:
    objects = tuple(
        StoredObject(
            key=f"bronze/{table}/source_batch={batch}/{name}.dat.parquet",
            rows=1,
            bytes=10,
            checksum=f"sha256:{version}",
            source=f"{table}/{name}.dat",
            lines=1,
        )
        for name, version in versions.items()
    )
    commit(ledger, BRONZE[table], batch, publication(objects=objects, touches=touches))


def settle(ledger: Ledger, table: LakeTable, plan: PartitionPlan) -> None:
    """As after publishing what the plan says."""
    commit(ledger, table, plan.partition, publication(inputs=plan.inputs, batches=plan.batches))


def wait(ledger: Ledger, table: LakeTable, *names: str) -> None:
    """As after publishing rows of which some wait for these tables, in their present versions."""
    planner = Planner(ledger)
    plan = silver(ledger, table)
    versions = {name: planner.reference_version(name) for name in names}
    commit(ledger, table, plan.partition, publication(inputs=plan.inputs, batches=plan.batches, waits_for=versions))


def silver(ledger: Ledger, table: LakeTable = INVENTORY, *batches: str) -> PartitionPlan:
    partition = "1998-01" if table.partition_column else "all"
    return Planner(ledger).silver(table, (partition,), batches=batches)[0]


def read(plan: PartitionPlan) -> list[str]:
    """Batch and file of each object that a silver plan reads."""
    return [f"{source.partition} {source.stored.source}" for source in plan.sources]


def test_a_bronze_plan_names_the_files_of_the_batch_that_belong_to_the_table(ledger: Ledger) -> None:
    pinned(ledger, 1, "inventory/a.dat", "reason/a.dat", "inventory/b.dat")
    plan, files = Planner(ledger).bronze(BRONZE["inventory"], "batch-000001")
    assert [file.path for file in files] == ["inventory/a.dat", "inventory/b.dat"]
    assert (plan.partition, plan.batches, plan.sources, plan.is_fresh) == ("batch-000001", ("batch-000001",), (), False)


def test_a_bronze_partition_is_fresh_until_its_transform_changes(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned(ledger, 1, "inventory/a.dat")
    settle(ledger, BRONZE["inventory"], Planner(ledger).bronze(BRONZE["inventory"], "batch-000001")[0])
    assert Planner(ledger).bronze(BRONZE["inventory"], "batch-000001")[0].is_fresh
    monkeypatch.setitem(TRANSFORM_VERSIONS, "bronze", "next")
    assert not Planner(ledger).bronze(BRONZE["inventory"], "batch-000001")[0].is_fresh


def test_a_bronze_fingerprint_is_that_of_paths_and_contents(ledger: Ledger) -> None:
    pinned(ledger, 1, "inventory/a.dat", "inventory/b.dat")
    pinned(ledger, 2, "inventory/b.dat", "inventory/a.dat")
    pinned(ledger, 3, "inventory/a.dat", "inventory/b.dat", version="2")
    pinned(ledger, 4, "inventory/a.dat")
    inputs = [Planner(ledger).bronze(BRONZE["inventory"], f"batch-00000{n}")[0].inputs for n in range(1, 5)]
    assert inputs[0] == inputs[1]
    assert len(set(inputs)) == 3


def test_a_batch_that_never_arrived_cannot_be_planned(ledger: Ledger) -> None:
    with pytest.raises(StorageError, match="no batch 'batch-000009'"):
        Planner(ledger).bronze(BRONZE["inventory"], "batch-000009")


def test_a_fact_reads_of_each_file_its_newest_version_over_all_batches(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1", b="1")
    convert(ledger, "inventory", 2, c="1", a="2")
    plan = silver(ledger)
    assert sorted(read(plan)) == [
        "batch-000001 inventory/b.dat",
        "batch-000002 inventory/a.dat",
        "batch-000002 inventory/c.dat",
    ]
    assert plan.batches == ("batch-000001", "batch-000002")


def test_a_batch_that_is_not_converted_yet_or_half_is_not_read(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1")
    pinned(ledger, 2, "inventory/b.dat")
    convert(ledger, "inventory", 3, c="1")
    leave_publishing(ledger, BRONZE["inventory"], "batch-000003", publication())
    assert read(silver(ledger)) == ["batch-000001 inventory/a.dat"]


def test_a_silver_partition_is_stale_when_a_file_came_or_changed(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1")
    assert not silver(ledger).is_fresh
    settle(ledger, INVENTORY, silver(ledger))
    assert silver(ledger).is_fresh
    convert(ledger, "inventory", 2, b="1")
    assert not silver(ledger).is_fresh
    settle(ledger, INVENTORY, silver(ledger))
    convert(ledger, "inventory", 3, a="2")
    assert not silver(ledger).is_fresh


def test_a_batch_makes_those_months_stale_that_it_touches(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1", b="1")
    months = ("1998-01", "1998-02", "1998-03")
    for plan in Planner(ledger).silver(INVENTORY, months):
        settle(ledger, INVENTORY, plan)
    convert(ledger, "inventory", 2, touches=("1998-02",), c="1")
    assert stale(Planner(ledger).silver(INVENTORY, months)) == ["1998-02"]
    for plan in Planner(ledger).silver(INVENTORY, ("1998-02",)):
        settle(ledger, INVENTORY, plan)
    convert(ledger, "inventory", 3, touches=("1998-01", "1998-03"), a="2")
    assert stale(Planner(ledger).silver(INVENTORY, months)) == ["1998-01", "1998-03"]


def test_a_batch_that_touches_no_month_makes_none_stale(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1")
    settle(ledger, INVENTORY, silver(ledger))
    convert(ledger, "inventory", 2, touches=(), b="1")
    assert silver(ledger).is_fresh


def test_a_batch_comes_into_the_objects_of_all_others_and_replaces_earlier_versions(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1", b="1", d="1")
    convert(ledger, "inventory", 3, d="3", e="1")
    pinned(ledger, 2, "inventory/a.dat", "inventory/c.dat", "inventory/d.dat", version="2")
    around = Planner(ledger).around(BRONZE["inventory"], "batch-000002")
    assert [(source.partition, source.stored.source) for source in around.replaced] == [
        ("batch-000001", "inventory/a.dat")
    ]
    assert {(source.partition, source.stored.source) for source in around.standing} == {
        ("batch-000001", "inventory/b.dat"),
        ("batch-000003", "inventory/d.dat"),
        ("batch-000003", "inventory/e.dat"),
    }
    assert around.superseded == {"inventory/d.dat"}


def test_a_batch_that_was_converted_before_and_a_dimension_have_nothing_around_them(ledger: Ledger) -> None:
    for number, name in ((1, "inventory"), (2, "inventory"), (3, "reason"), (4, "reason")):
        convert(ledger, name, number, a=str(number))
    planner = Planner(ledger)
    for name, batch in (("inventory", "batch-000002"), ("reason", "batch-000004")):
        around = planner.around(BRONZE[name], batch)
        assert (around.replaced, around.standing, around.superseded) == ((), (), frozenset())


def test_a_silver_partition_is_stale_when_its_bronze_was_rebuilt_with_another_content(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1")
    settle(ledger, INVENTORY, silver(ledger))
    publish_bronze(ledger, "inventory", "batch-000001", a="1")
    assert silver(ledger).is_fresh
    publish_bronze(ledger, "inventory", "batch-000001", a="2")
    assert not silver(ledger).is_fresh


def test_a_batch_of_other_tables_leaves_a_fact_fresh(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1")
    settle(ledger, INVENTORY, silver(ledger))
    convert(ledger, "reason", 2, a="1")
    assert silver(ledger).is_fresh


def test_a_new_transform_makes_its_own_layer_stale_and_no_other(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert(ledger, "inventory", 1, a="1")
    settle(ledger, INVENTORY, silver(ledger))
    monkeypatch.setitem(TRANSFORM_VERSIONS, "gold", "next")
    assert silver(ledger).is_fresh
    monkeypatch.setitem(TRANSFORM_VERSIONS, "silver", "next")
    assert not silver(ledger).is_fresh


def test_a_partition_that_a_writer_left_half_published_is_stale(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1")
    settle(ledger, INVENTORY, silver(ledger))
    intent = publication(inputs=silver(ledger).inputs)
    leave_publishing(ledger, INVENTORY, "1998-01", intent)
    assert stale(Planner(ledger).silver(INVENTORY, ("1998-01",))) == ["1998-01"]


def test_all_partitions_of_a_range_read_the_same_objects(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1", b="1")
    plans = Planner(ledger).silver(INVENTORY, ("1998-01", "1998-02", "undated"))
    assert [plan.partition for plan in plans] == ["1998-01", "1998-02", "undated"]
    assert len({plan.inputs for plan in plans}) == 1
    assert len({plan.sources for plan in plans}) == 1


def test_a_dimension_reads_the_batches_applied_before_and_those_asked_for(ledger: Ledger) -> None:
    for number, name in enumerate("abc", 1):
        convert(ledger, "reason", number, None, **{name: "1"})
    assert read(silver(ledger, REASON)) == []
    first = silver(ledger, REASON, "batch-000001")
    assert read(first) == ["batch-000001 reason/a.dat"]
    settle(ledger, REASON, first)
    third = silver(ledger, REASON, "batch-000003")
    assert read(third) == ["batch-000001 reason/a.dat", "batch-000003 reason/c.dat"]
    settle(ledger, REASON, third)
    assert Planner(ledger).applied_batches(REASON) == {"batch-000001", "batch-000003"}
    assert silver(ledger, REASON).is_fresh


def test_a_batch_applied_late_does_not_supersede_a_newer_one(ledger: Ledger) -> None:
    convert(ledger, "reason", 1, a="old")
    convert(ledger, "reason", 2, a="new")
    settle(ledger, REASON, silver(ledger, REASON, "batch-000002"))
    assert read(silver(ledger, REASON, "batch-000001")) == ["batch-000002 reason/a.dat"]


def test_applying_a_batch_without_files_of_the_dimension_is_remembered_and_changes_no_input(ledger: Ledger) -> None:
    convert(ledger, "reason", 1, a="1")
    convert(ledger, "inventory", 2, a="1")
    settle(ledger, REASON, silver(ledger, REASON, "batch-000001"))
    plan = silver(ledger, REASON, "batch-000002")
    assert plan.is_fresh
    assert plan.batches == ("batch-000001", "batch-000002")


def test_batches_of_a_publication_that_died_count_as_applied(ledger: Ledger) -> None:
    convert(ledger, "reason", 1, a="1")
    convert(ledger, "reason", 2, b="1")
    settle(ledger, REASON, silver(ledger, REASON, "batch-000001"))
    plan = silver(ledger, REASON, "batch-000002")
    leave_publishing(ledger, REASON, "all", publication(inputs=plan.inputs, batches=plan.batches))
    assert Planner(ledger).applied_batches(REASON) == {"batch-000001", "batch-000002"}
    assert not silver(ledger, REASON).is_fresh


def test_a_planner_sees_the_ledger_as_it_first_read_it(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1")
    planner = Planner(ledger)
    before = planner.silver(INVENTORY, ("1998-01",))
    settle(ledger, INVENTORY, before[0])
    convert(ledger, "inventory", 2, b="1")
    assert planner.silver(INVENTORY, ("1998-01",)) == before


def test_rows_that_wait_for_a_dimension_make_a_partition_stale_when_its_content_changes(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1")
    commit(ledger, SILVER["item"], "all", publication(content="1"))
    wait(ledger, INVENTORY, "item")
    assert silver(ledger).is_fresh
    commit(ledger, SILVER["item"], "all", publication("rebuilt", content="1", run_id="later", inputs="newer"))
    assert silver(ledger).is_fresh
    commit(ledger, SILVER["item"], "all", publication(content="2"))
    assert not silver(ledger).is_fresh
    wait(ledger, INVENTORY, "item")
    assert silver(ledger).is_fresh


def test_rows_that_wait_for_a_dimension_that_is_not_there_make_a_partition_stale_once_it_is(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1")
    wait(ledger, INVENTORY, "item", "warehouse")
    assert silver(ledger).is_fresh
    leave_publishing(ledger, SILVER["item"], "all", publication())
    assert silver(ledger).is_fresh
    commit(ledger, SILVER["item"], "all", publication())
    assert not silver(ledger).is_fresh


def test_a_changed_dimension_leaves_a_partition_fresh_that_waits_for_none_or_another(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1")
    for waits_for in ((), ("warehouse",)):
        commit(ledger, SILVER["item"], "all", publication(content="1"))
        wait(ledger, INVENTORY, *waits_for)
        commit(ledger, SILVER["item"], "all", publication(content="2"))
        assert silver(ledger).is_fresh


def test_each_month_waits_for_itself(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1")
    january, february = Planner(ledger).silver(INVENTORY, ("1998-01", "1998-02"))
    settle(ledger, INVENTORY, february)
    commit(ledger, INVENTORY, january.partition, publication(inputs=january.inputs, waits_for={"item": ""}))
    commit(ledger, SILVER["item"], "all", publication())
    assert stale(Planner(ledger).silver(INVENTORY, ("1998-01", "1998-02"))) == ["1998-01"]


def test_returns_that_wait_for_their_sales_become_stale_when_sales_arrive_or_change(ledger: Ledger) -> None:
    returns = SILVER["store_returns"]
    convert(ledger, "store_returns", 1, r="1")
    wait(ledger, returns, "store_sales")
    assert silver(ledger, returns).is_fresh
    convert(ledger, "web_sales", 2, s="1")
    assert silver(ledger, returns).is_fresh
    convert(ledger, "store_sales", 3, s="1")
    assert not silver(ledger, returns).is_fresh
    wait(ledger, returns, "store_sales")
    assert silver(ledger, returns).is_fresh
    publish_bronze(ledger, "store_sales", "batch-000003", s="1")
    assert silver(ledger, returns).is_fresh
    publish_bronze(ledger, "store_sales", "batch-000003", s="2")
    assert not silver(ledger, returns).is_fresh


def test_sales_that_were_published_in_silver_are_no_news_for_returns_that_wait_for_them(ledger: Ledger) -> None:
    returns = SILVER["store_returns"]
    convert(ledger, "store_returns", 1, r="1")
    convert(ledger, "store_sales", 2, s="1")
    wait(ledger, returns, "store_sales")
    commit(ledger, SILVER["store_sales"], "1998-01", publication(content="published"))
    assert silver(ledger, returns).is_fresh


def test_returns_that_wait_for_nothing_stay_fresh_when_sales_arrive(ledger: Ledger) -> None:
    returns = SILVER["store_returns"]
    convert(ledger, "store_returns", 1, r="1")
    settle(ledger, returns, silver(ledger, returns))
    convert(ledger, "store_sales", 2, s="1")
    assert silver(ledger, returns).is_fresh


def test_a_dimension_waits_for_another_like_a_fact(ledger: Ledger) -> None:
    convert(ledger, "store", 1, a="1")
    settle(ledger, SILVER["store"], silver(ledger, SILVER["store"], "batch-000001"))
    wait(ledger, SILVER["store"], "date_dim")
    assert silver(ledger, SILVER["store"]).is_fresh
    commit(ledger, SILVER["date_dim"], "all", publication())
    assert not silver(ledger, SILVER["store"]).is_fresh


def compared_with(ledger: Ledger, table: str) -> list[tuple[str, str, str]]:
    """Table, partition and object of everything that rows of a silver table are compared with."""
    found = Planner(ledger).references(SILVER[table])
    return [(source.table, source.partition, source.stored.key) for source in found]


def test_rows_are_compared_with_the_dimensions_that_they_refer_to_as_far_as_these_are_published(
    ledger: Ledger,
) -> None:
    assert compared_with(ledger, "inventory") == []
    for name in ("item", "warehouse", "reason"):
        commit(ledger, SILVER[name], "all", publication(f"silver/{name}/{name}.parquet"))
    leave_publishing(ledger, SILVER["date_dim"], "all", publication("silver/date_dim/date_dim.parquet"))
    assert compared_with(ledger, "inventory") == [
        ("item", "all", "silver/item/item.parquet"),
        ("warehouse", "all", "silver/warehouse/warehouse.parquet"),
    ]


@pytest.mark.parametrize("table", [table for table in SILVER.values() if table.source], ids=lambda table: table.name)
def test_only_returns_are_compared_with_sales_and_only_with_those_of_their_channel(
    ledger: Ledger, table: LakeTable
) -> None:
    for number, fact in enumerate(FACTS, 1):
        convert(ledger, fact.name, number, a="1")
        commit(ledger, SILVER[fact.name], "1998-01", publication())
    for name in TABLES:
        if not TABLES[name].is_fact:
            commit(ledger, SILVER[name], "all", publication(f"silver/{name}"))
    source = TABLES[table.name]
    found = compared_with(ledger, table.name)
    sales = [name for name, _, _ in found if TABLES[name].is_fact]
    expected = {"store_returns": "store_sales", "catalog_returns": "catalog_sales", "web_returns": "web_sales"}
    assert sales == ([expected[table.name]] if table.name in expected else [])
    assert {name for name, _, _ in found} - set(sales) == {key.references for key in source.foreign_keys}


def test_returns_are_compared_with_the_newest_version_of_all_sales_files_that_arrived(ledger: Ledger) -> None:
    convert(ledger, "store_sales", 1, a="1", b="1")
    convert(ledger, "store_sales", 2, a="2")
    convert(ledger, "web_sales", 3, a="1")
    assert sorted(compared_with(ledger, "store_returns")) == [
        ("store_sales", "batch-000001", "bronze/store_sales/source_batch=batch-000001/b.dat.parquet"),
        ("store_sales", "batch-000002", "bronze/store_sales/source_batch=batch-000002/a.dat.parquet"),
    ]


def test_gold_is_compared_with_nothing(ledger: Ledger) -> None:
    publish_silver(ledger, "1998-03")
    assert Planner(ledger).references(DAILY) == []


def test_batches_that_are_not_in_bronze_yet_are_named(ledger: Ledger) -> None:
    convert(ledger, "inventory", 1, a="1")
    pinned(ledger, 2, "inventory/b.dat")
    pinned(ledger, 3, "reason/b.dat")
    convert(ledger, "inventory", 4, c="1")
    leave_publishing(ledger, BRONZE["inventory"], "batch-000004", publication())
    assert Planner(ledger).unconverted("inventory") == ["batch-000002", "batch-000004"]


def publish_silver(ledger: Ledger, *months: str, but_not: tuple[str, str] | None = None) -> None:
    """Publish date_dim and the given months of the six facts that daily sales read."""
    wanted = [("date_dim", "all"), *((fact.name, month) for fact in FACTS if fact.channel for month in months)]
    for name, partition in wanted:
        if (name, partition) != but_not:
            commit(ledger, SILVER[name], partition, publication(f"silver/{name}/{partition}"))


def gold(ledger: Ledger, month: str) -> PartitionPlan:
    return Planner(ledger).gold(DAILY, (month,))[0]


def test_a_month_of_gold_reads_its_sales_and_returns_and_the_sales_of_the_month_before(ledger: Ledger) -> None:
    publish_silver(ledger, "1998-02", "1998-03")
    assert [(source.table, source.partition) for source in gold(ledger, "1998-03").sources] == [
        ("date_dim", "all"),
        ("catalog_sales", "1998-03"),
        ("catalog_sales", "1998-02"),
        ("store_sales", "1998-03"),
        ("store_sales", "1998-02"),
        ("web_sales", "1998-03"),
        ("web_sales", "1998-02"),
        ("catalog_returns", "1998-03"),
        ("store_returns", "1998-03"),
        ("web_returns", "1998-03"),
    ]


@pytest.mark.parametrize("first", ["1998-01", "undated"])
def test_where_the_calendar_begins_there_is_no_month_before(ledger: Ledger, first: str) -> None:
    publish_silver(ledger, first)
    plan = gold(ledger, first)
    assert {source.partition for source in plan.sources} == {"all", first}
    assert len(plan.sources) == 7


@pytest.mark.parametrize(
    ("table", "partition"),
    [("store_sales", "1998-02"), ("web_sales", "1998-03"), ("catalog_returns", "1998-03"), ("date_dim", "all")],
)
def test_a_silver_partition_that_gold_misses_is_named(ledger: Ledger, table: str, partition: str) -> None:
    publish_silver(ledger, "1998-02", "1998-03", but_not=(table, partition))
    assert not Planner(ledger).gold_is_ready(DAILY, "1998-03")
    with pytest.raises(LakeError, match=rf"silver\.{table}, partition {partition}, is not published yet"):
        gold(ledger, "1998-03")


def test_gold_needs_no_returns_of_the_month_before(ledger: Ledger) -> None:
    publish_silver(ledger, "1998-02", "1998-03", but_not=("store_returns", "1998-02"))
    assert Planner(ledger).gold_is_ready(DAILY, "1998-03")
    assert not Planner(ledger).gold_is_ready(DAILY, "1998-02")


def test_gold_does_not_read_a_partition_that_a_writer_left_half_published(ledger: Ledger) -> None:
    publish_silver(ledger, "1998-02", "1998-03")
    assert Planner(ledger).gold_is_ready(DAILY, "1998-03")
    leave_publishing(ledger, SILVER["web_sales"], "1998-02", publication())
    assert not Planner(ledger).gold_is_ready(DAILY, "1998-03")


@pytest.mark.parametrize(
    ("table", "partition", "is_stale"),
    [
        ("store_sales", "1998-03", True),
        ("store_sales", "1998-02", True),
        ("store_returns", "1998-03", True),
        ("date_dim", "all", True),
        ("store_returns", "1998-02", False),
        ("store_sales", "1998-04", False),
        ("item", "all", False),
        ("inventory", "1998-03", False),
    ],
)
def test_a_month_of_gold_is_stale_when_the_content_of_what_it_reads_changed(
    ledger: Ledger, table: str, partition: str, is_stale: bool
) -> None:
    publish_silver(ledger, "1998-02", "1998-03", "1998-04")
    settle(ledger, DAILY, gold(ledger, "1998-03"))
    assert gold(ledger, "1998-03").is_fresh
    commit(ledger, SILVER[table], partition, publication(content="other"))
    assert gold(ledger, "1998-03").is_fresh is not is_stale


def test_gold_stays_fresh_when_silver_was_rebuilt_with_equal_content(ledger: Ledger) -> None:
    publish_silver(ledger, "1998-02", "1998-03")
    settle(ledger, DAILY, gold(ledger, "1998-03"))
    commit(ledger, SILVER["store_sales"], "1998-03", publication("silver/rebuilt", inputs="newer", run_id="later"))
    assert gold(ledger, "1998-03").is_fresh


def test_a_new_transform_makes_gold_stale(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_silver(ledger, "1998-02", "1998-03")
    settle(ledger, DAILY, gold(ledger, "1998-03"))
    monkeypatch.setitem(TRANSFORM_VERSIONS, "gold", "next")
    assert not gold(ledger, "1998-03").is_fresh


def sold(ledger: Ledger, partition: str, first: int | None, last: int | None, table: str = "store_sales") -> None:
    commit(ledger, SILVER[table], partition, publication(first_date_sk=first, last_date_sk=last))


def test_the_range_of_sales_is_that_of_all_published_months_of_each_channel(ledger: Ledger) -> None:
    sold(ledger, "1998-01", 2450816, 2450845)
    sold(ledger, "2003-01", 2452642, 2452650)
    sold(ledger, "undated", None, None)
    sold(ledger, "1998-02", 2450000, 2459999)
    leave_publishing(ledger, SILVER["store_sales"], "1998-02", publication())
    sold(ledger, "1998-05", 2450950, 2450950, table="web_sales")
    sold(ledger, "1998-05", 1, 9, table="store_returns")
    assert Planner(ledger).sold_range == {
        "store": (2450816, 2452650),
        "web": (2450950, 2450950),
        "catalog": None,
    }


def inputs_of_march(ledger: Ledger, first: int | None, last: int | None) -> str:
    """Fingerprint of gold's March when all that changes is the range of store sales, told by a month far away."""
    sold(ledger, "2003-12", first, last)
    return gold(ledger, "1998-03").inputs


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        pytest.param((START - 7, LONG_AFTER), (START - 6, LONG_AFTER), True, id="first sale a week before or earlier"),
        pytest.param((START - 6, LONG_AFTER), (START - 5, LONG_AFTER), False, id="first sale within the week before"),
        pytest.param((START, LONG_AFTER), (START + 1, LONG_AFTER), False, id="first sale within the month"),
        pytest.param((END, LONG_AFTER), (END + 1, LONG_AFTER), False, id="first sale on the last day or after it"),
        pytest.param((END + 1, LONG_AFTER), (END + 2, LONG_AFTER), True, id="first sale after the month"),
        pytest.param((LONG_BEFORE, END + 1), (LONG_BEFORE, END), True, id="last sale on the last day or later"),
        pytest.param((LONG_BEFORE, END), (LONG_BEFORE, END - 1), False, id="last sale within the month"),
        pytest.param((LONG_BEFORE, START), (LONG_BEFORE, START - 1), False, id="last sale on the first day or before"),
        pytest.param((LONG_BEFORE, START - 1), (LONG_BEFORE, START - 2), True, id="last sale before the month"),
        pytest.param((None, None), (LONG_BEFORE, LONG_AFTER), False, id="no sale at all"),
    ],
)
def test_the_range_of_sales_makes_a_month_stale_only_where_it_can_change_its_averages(
    ledger: Ledger, one: tuple[int | None, int | None], other: tuple[int | None, int | None], equal: bool
) -> None:
    publish_silver(ledger, "1998-02", "1998-03")
    assert (inputs_of_march(ledger, *one) == inputs_of_march(ledger, *other)) is equal


def test_sales_without_a_date_do_not_depend_on_the_range(ledger: Ledger) -> None:
    publish_silver(ledger, "undated")
    before = gold(ledger, "undated").inputs
    sold(ledger, "2003-12", START, END)
    assert gold(ledger, "undated").inputs == before
