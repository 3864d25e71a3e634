"""What a refresh does: nothing when all is fresh, else batches in order and stale months in contiguous ranges."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from lake_assets import refresh
from lake_assets.contract.calendar import MONTHS, YEARS, sk_of
from lake_assets.contract.layers import BRONZE, GOLD, LAKE_TABLES, SILVER, LakeTable
from lake_assets.contract.lineage import upstream
from lake_assets.contract.tables import FACTS
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.planning import TRANSFORM_VERSIONS, Planner
from lake_assets.lake.records import StoredObject
from lake_assets.lake.store import LocalStore
from lake_assets_tests.support.lake_support import commit, leave_publishing, pinned, publication

DAILY = GOLD["daily_sales_summary"]
EVERYTHING = frozenset({*BRONZE.values(), *SILVER.values(), DAILY})
SPRING = ("1998-01", "1998-02", "1998-03", "1998-04", "1998-05")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(LocalStore(tmp_path))


def carry_out(ledger: Ledger, work: Sequence[refresh.Work]) -> None:
    """As if every piece of work had been done, in order."""
    for piece in work:
        for table in piece.tables:
            for partition in piece.partitions:
                _publish(ledger, table, partition)


def _publish(ledger: Ledger, table: LakeTable, partition: str) -> None:
    planner = Planner(ledger)
    if table.layer == "bronze":
        plan, files = planner.bronze(table, partition)
        objects = tuple(
            StoredObject(key=f"{partition}/{file.path}", rows=1, bytes=1, checksum=file.etag, source=file.path)
            for file in files
        )
        commit(ledger, table, partition, publication(objects=objects, inputs=plan.inputs))
        return
    if table.layer == "gold":
        (plan,) = planner.gold(table, (partition,))
    elif table.partition_column:
        (plan,) = planner.silver(table, (partition,))
    else:
        (plan,) = planner.silver(table, ("all",), batches=(partition,))
    content = f"{table.name} {partition} {plan.inputs}"
    commit(ledger, table, plan.partition, publication(inputs=plan.inputs, batches=plan.batches, content=content))


def ingestion(ledger: Ledger, tables: frozenset[LakeTable] = EVERYTHING) -> list[refresh.Work]:
    return refresh.ingestion(Planner(ledger), tables)


def facts(ledger: Ledger, months: Sequence[str] = SPRING) -> list[refresh.Work]:
    return refresh.facts(Planner(ledger), EVERYTHING, months)


def gold(ledger: Ledger, months: Sequence[str] = SPRING) -> list[refresh.Work]:
    return refresh.gold(Planner(ledger), EVERYTHING, months)


def told(work: Sequence[refresh.Work]) -> list[tuple[list[str], tuple[str, ...]]]:
    return [([table.identifier for table in piece.tables], piece.partitions) for piece in work]


def build_sales(ledger: Ledger, *, months: Sequence[str] = SPRING) -> None:
    """A lake of the six facts and date_dim that daily sales read, complete for the months."""
    names = [fact.name for fact in FACTS if fact.channel]
    pinned(ledger, 1, "date_dim/a.dat", *(f"{name}/a.dat" for name in names))
    carry_out(ledger, ingestion(ledger))
    carry_out(ledger, facts(ledger, months))
    carry_out(ledger, gold(ledger, months))


def build_everything(ledger: Ledger) -> None:
    """A lake of all that gold reads, complete for all months and years."""
    names = sorted({silver.name for table in GOLD.values() for silver in upstream(table)})
    pinned(ledger, 1, *(f"{name}/a.dat" for name in names))
    carry_out(ledger, ingestion(ledger))
    planner = Planner(ledger)
    for name in names:
        if SILVER[name].partition_column:
            for plan in planner.silver(SILVER[name], MONTHS):
                commit(ledger, SILVER[name], plan.partition, publication(inputs=plan.inputs, content=plan.partition))
    planner = Planner(ledger)
    for table in GOLD.values():
        for plan in planner.gold(table, table.partitions):
            commit(ledger, table, plan.partition, publication(inputs=plan.inputs))


def stale_gold(ledger: Ledger, months: Sequence[str] = MONTHS) -> dict[str, list[str]]:
    """By gold table the partitions that a refresh would build."""
    found: dict[str, list[str]] = {}
    for work in refresh.gold(Planner(ledger), frozenset(GOLD.values()), months):
        for table in work.tables:
            found.setdefault(table.name, []).extend(work.partitions)
    return found


def test_an_empty_lake_needs_nothing(ledger: Ledger) -> None:
    assert (ingestion(ledger), facts(ledger), gold(ledger)) == ([], [], [])


def test_a_batch_is_converted_for_the_tables_it_delivers_and_applied_to_their_dimensions(ledger: Ledger) -> None:
    pinned(ledger, 1, "reason/a.dat", "inventory/a.dat", "reason/b.dat")
    assert told(ingestion(ledger)) == [
        (["bronze.inventory", "bronze.reason", "silver.reason"], ("batch-000001",)),
    ]


def test_two_batches_are_ingested_in_order_of_their_arrival(ledger: Ledger) -> None:
    pinned(ledger, 2, "reason/a.dat", version="2")
    pinned(ledger, 1, "reason/a.dat", "store/a.dat")
    work = ingestion(ledger)
    assert told(work) == [
        (["bronze.reason", "bronze.store", "silver.reason", "silver.store"], ("batch-000001",)),
        (["bronze.reason", "silver.reason"], ("batch-000002",)),
    ]
    carry_out(ledger, work)
    assert ingestion(ledger) == []
    assert Planner(ledger).applied_batches(SILVER["reason"]) == {"batch-000001", "batch-000002"}
    assert Planner(ledger).applied_batches(SILVER["store"]) == {"batch-000001"}


def test_only_the_asked_tables_are_ingested(ledger: Ledger) -> None:
    pinned(ledger, 1, "reason/a.dat", "store/a.dat", "inventory/a.dat")
    work = ingestion(ledger, frozenset({BRONZE["store"], SILVER["store"], SILVER["inventory"]}))
    assert told(work) == [(["bronze.store", "silver.store"], ("batch-000001",))]


def test_a_dimension_is_not_applied_before_its_bronze_is_there(ledger: Ledger) -> None:
    pinned(ledger, 1, "reason/a.dat")
    assert ingestion(ledger, frozenset({SILVER["reason"]})) == []


def test_a_conversion_that_failed_is_done_again_with_its_dimension_and_the_others_are_not(ledger: Ledger) -> None:
    pinned(ledger, 1, "reason/a.dat", "store/a.dat")
    carry_out(ledger, ingestion(ledger))
    leave_publishing(ledger, BRONZE["reason"], "batch-000001", publication())
    assert told(ingestion(ledger)) == [(["bronze.reason", "silver.reason"], ("batch-000001",))]


def test_a_dimension_is_applied_again_together_with_a_conversion_that_a_new_release_repeats(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned(ledger, 1, "reason/a.dat")
    carry_out(ledger, ingestion(ledger))
    monkeypatch.setitem(TRANSFORM_VERSIONS, "bronze", "next")
    assert told(ingestion(ledger)) == [(["bronze.reason", "silver.reason"], ("batch-000001",))]


def test_a_dimension_that_a_crash_left_half_published_is_applied_again(ledger: Ledger) -> None:
    pinned(ledger, 1, "reason/a.dat")
    carry_out(ledger, ingestion(ledger))
    leave_publishing(ledger, SILVER["reason"], "all", publication(batches=("batch-000001",)))
    work = ingestion(ledger)
    assert told(work) == [(["silver.reason"], ("batch-000001",))]
    carry_out(ledger, work)
    assert ingestion(ledger) == []


def test_facts_that_nothing_arrived_for_are_left_alone(ledger: Ledger) -> None:
    pinned(ledger, 1, "inventory/a.dat", "reason/a.dat")
    assert facts(ledger) == []
    carry_out(ledger, ingestion(ledger))
    assert told(facts(ledger)) == [(["silver.inventory"], SPRING)]


def test_facts_with_the_same_stale_months_are_refreshed_together(ledger: Ledger) -> None:
    pinned(ledger, 1, "inventory/a.dat", "web_sales/a.dat", "store_sales/a.dat")
    carry_out(ledger, ingestion(ledger))
    assert told(facts(ledger)) == [(["silver.inventory", "silver.store_sales", "silver.web_sales"], SPRING)]


def test_stale_months_are_grouped_into_contiguous_ranges_in_the_order_of_the_calendar(ledger: Ledger) -> None:
    pinned(ledger, 1, "inventory/a.dat", "web_sales/a.dat")
    carry_out(ledger, ingestion(ledger))
    for table, month in ((SILVER["inventory"], "1998-03"), (SILVER["web_sales"], "1998-05")):
        _publish(ledger, table, month)
    work = facts(ledger, ("2003-12", "1998-05", "undated", *SPRING[:4]))
    assert told(work) == [
        (["silver.inventory"], ("undated", "1998-01", "1998-02")),
        (["silver.inventory"], ("1998-04", "1998-05")),
        (["silver.inventory", "silver.web_sales"], ("2003-12",)),
        (["silver.web_sales"], ("undated", "1998-01", "1998-02", "1998-03", "1998-04")),
    ]


def test_after_a_refresh_there_is_nothing_to_do(ledger: Ledger) -> None:
    build_sales(ledger)
    assert (ingestion(ledger), facts(ledger), gold(ledger)) == ([], [], [])


def test_a_new_file_makes_its_fact_stale_in_every_month_and_gold_only_once_silver_changed(ledger: Ledger) -> None:
    build_sales(ledger)
    pinned(ledger, 2, "web_sales/b.dat")
    carry_out(ledger, ingestion(ledger))
    assert told(facts(ledger)) == [(["silver.web_sales"], SPRING)]
    assert gold(ledger) == []
    before = Planner(ledger).entry(SILVER["web_sales"], "1998-04").settled
    assert before is not None
    carry_out(ledger, [refresh.Work((SILVER["web_sales"],), ("1998-04",))])
    assert told(gold(ledger)) == [(["gold.daily_sales_summary"], ("1998-04", "1998-05"))]
    commit(ledger, SILVER["web_sales"], "1998-04", before)
    assert gold(ledger) == []


def test_gold_waits_for_the_months_whose_silver_is_not_complete(ledger: Ledger) -> None:
    build_sales(ledger, months=("1998-02", "1998-03"))
    entries = Planner(ledger).entries(DAILY)
    assert list(entries) == ["1998-03"]


def test_the_years_of_gold_are_built_together(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    build_everything(ledger)
    assert stale_gold(ledger) == {}
    monkeypatch.setitem(TRANSFORM_VERSIONS, "gold", "next")
    by_year = [table.identifier for table in GOLD.values() if table.axis == "year"]
    work = refresh.gold(Planner(ledger), frozenset(GOLD.values()), MONTHS)
    assert told(work) == [([DAILY.identifier], MONTHS), (by_year, YEARS)]


def test_a_month_of_sales_makes_stale_what_is_built_from_it(ledger: Ledger) -> None:
    build_everything(ledger)
    commit(ledger, SILVER["web_sales"], "2000-12", publication(content="changed"))
    assert stale_gold(ledger) == {
        "daily_sales_summary": ["2000-12", "2001-01"],
        "monthly_trends": ["2000", "2001", "2002", "2003"],
        "product_performance": ["2000", "2001"],
        "customer_lifetime_value": list(YEARS),
    }


def test_a_month_of_returns_makes_stale_the_sales_that_it_may_undo(ledger: Ledger) -> None:
    build_everything(ledger)
    commit(ledger, SILVER["web_returns"], "2000-12", publication(content="changed"))
    assert stale_gold(ledger) == {
        "daily_sales_summary": ["2000-12"],
        "monthly_trends": ["2000"],
        "product_performance": ["undated", "1998", "1999", "2000"],
        "customer_lifetime_value": list(YEARS),
    }


def test_stock_and_items_concern_products_only(ledger: Ledger) -> None:
    build_everything(ledger)
    commit(ledger, SILVER["inventory"], "2000-12", publication(content="changed"))
    assert stale_gold(ledger) == {"product_performance": ["2000"]}
    commit(ledger, SILVER["item"], "all", publication(content="changed"))
    assert stale_gold(ledger) == {"product_performance": list(YEARS)}


def test_a_year_waits_until_all_its_months_are_published(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    build_everything(ledger)
    monkeypatch.setitem(TRANSFORM_VERSIONS, "gold", "next")
    leave_publishing(ledger, SILVER["store_sales"], "1999-02", publication())
    found = stale_gold(ledger)
    assert found["product_performance"] == ["undated", "1998", "2001", "2002", "2003"]
    assert found["monthly_trends"] == ["undated", "1998"]
    assert "customer_lifetime_value" not in found


def test_a_refresh_of_some_months_takes_the_years_that_read_them(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_everything(ledger)
    monkeypatch.setitem(TRANSFORM_VERSIONS, "gold", "next")
    found = stale_gold(ledger, ("2002-11", "2002-12"))
    assert found["daily_sales_summary"] == ["2002-11", "2002-12"]
    assert found["monthly_trends"] == ["2002", "2003"]
    assert found["product_performance"] == list(YEARS)


def test_a_later_last_day_of_sale_changes_no_year_that_ended_before(ledger: Ledger) -> None:
    build_everything(ledger)
    last = publication(
        content="2002-12", first_date_sk=sk_of(date(2002, 12, 1)), last_date_sk=sk_of(date(2002, 12, 30))
    )
    commit(ledger, SILVER["web_sales"], "2002-12", last)
    for table in GOLD.values():
        for plan in Planner(ledger).gold(table, table.partitions):
            commit(ledger, table, plan.partition, publication(inputs=plan.inputs))
    later = last.model_copy(update={"last_date_sk": sk_of(date(2002, 12, 31))})
    commit(ledger, SILVER["web_sales"], "2002-12", later)
    found = stale_gold(ledger)
    assert found["monthly_trends"] == found["product_performance"] == ["2002", "2003"]
    assert found["customer_lifetime_value"] == list(YEARS)


def test_gold_is_refreshed_only_when_it_is_asked_for(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    build_sales(ledger)
    monkeypatch.setitem(TRANSFORM_VERSIONS, "gold", "next")
    monkeypatch.setitem(TRANSFORM_VERSIONS, "silver", "next")
    without = EVERYTHING - {DAILY, SILVER["web_sales"]}
    assert refresh.gold(Planner(ledger), without, SPRING) == []
    assert told(refresh.gold(Planner(ledger), EVERYTHING, SPRING[1:3])) == [
        (["gold.daily_sales_summary"], ("1998-02", "1998-03"))
    ]
    (work,) = refresh.facts(Planner(ledger), without, SPRING)
    assert SILVER["web_sales"] not in work.tables
    assert len(work.tables) == 5


def test_what_is_to_be_rebuilt_is_done_again_although_it_is_fresh(ledger: Ledger) -> None:
    build_sales(ledger)

    def rebuild(table: LakeTable, partition: str) -> bool:
        return (table.identifier, partition) in {
            ("bronze.web_sales", "batch-000001"),
            ("silver.store_sales", "1998-02"),
            ("silver.store_sales", "1998-04"),
            ("silver.date_dim", "all"),
        }

    planner = Planner(ledger)
    assert told(refresh.ingestion(planner, EVERYTHING, rebuild)) == [
        (["bronze.web_sales", "silver.date_dim"], ("batch-000001",)),
    ]
    assert told(refresh.facts(planner, EVERYTHING, SPRING, rebuild)) == [
        (["silver.store_sales"], ("1998-02",)),
        (["silver.store_sales"], ("1998-04",)),
    ]
    without = EVERYTHING - {SILVER["store_sales"], SILVER["date_dim"], BRONZE["web_sales"]}
    assert refresh.ingestion(planner, without, rebuild) == []
    assert refresh.facts(planner, without, SPRING, rebuild) == []
    assert refresh.facts(planner, EVERYTHING, SPRING[:1], rebuild) == []


def test_a_dimension_is_rebuilt_once_with_the_last_batch_that_delivered_it(ledger: Ledger) -> None:
    for number, path in enumerate(("reason/a.dat", "reason/b.dat", "store/a.dat"), 1):
        pinned(ledger, number, path)
    carry_out(ledger, ingestion(ledger))
    work = refresh.ingestion(Planner(ledger), EVERYTHING, lambda table, _: table == SILVER["reason"])
    assert told(work) == [(["silver.reason"], ("batch-000002",))]


def test_a_dimension_that_a_new_release_makes_stale_is_refreshed_once_with_its_last_batch(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned(ledger, 1, "reason/a.dat")
    pinned(ledger, 2, "reason/b.dat")
    pinned(ledger, 3, "inventory/a.dat")
    carry_out(ledger, ingestion(ledger))
    monkeypatch.setitem(TRANSFORM_VERSIONS, "silver", "next")
    work = ingestion(ledger)
    assert told(work) == [(["silver.reason"], ("batch-000002",))]
    carry_out(ledger, work)
    assert ingestion(ledger) == []


def test_a_dimension_with_rows_that_wait_for_another_is_refreshed_once_when_that_changed(ledger: Ledger) -> None:
    pinned(ledger, 1, "customer/a.dat")
    pinned(ledger, 2, "customer/b.dat")
    carry_out(ledger, ingestion(ledger))
    published = Planner(ledger).entry(SILVER["customer"], "all").settled
    assert published is not None
    commit(ledger, SILVER["customer"], "all", published.model_copy(update={"waits_for": {"customer_address": ""}}))
    assert ingestion(ledger) == []
    commit(ledger, SILVER["customer_address"], "all", publication(content="addresses"))
    assert told(ingestion(ledger)) == [(["silver.customer"], ("batch-000002",))]


def test_batches_that_a_dimension_lacks_are_applied_and_those_that_it_has_are_not(ledger: Ledger) -> None:
    """As after a run in which the audit refused the second batch."""
    pinned(ledger, 1, "reason/a.dat")
    carry_out(ledger, ingestion(ledger))
    pinned(ledger, 2, "reason/b.dat")
    carry_out(ledger, [refresh.Work((BRONZE["reason"],), ("batch-000002",))])
    assert Planner(ledger).unapplied(SILVER["reason"]) == ["batch-000002"]
    work = ingestion(ledger)
    assert told(work) == [(["silver.reason"], ("batch-000002",))]
    carry_out(ledger, work)
    assert Planner(ledger).unapplied(SILVER["reason"]) == []
    assert ingestion(ledger) == []


def test_a_batch_whose_files_were_all_corrected_by_a_later_one_is_not_applied_any_more(ledger: Ledger) -> None:
    """The audit refused it: to apply it once more would end in the same way, and hold up the facts."""
    pinned(ledger, 1, "item/a.dat")
    carry_out(ledger, ingestion(ledger))
    pinned(ledger, 2, "item/b.dat", "inventory/a.dat")
    carry_out(ledger, [refresh.Work((BRONZE["item"], BRONZE["inventory"]), ("batch-000002",))])
    pinned(ledger, 3, "item/b.dat", version="2")
    work = ingestion(ledger)
    assert told(work) == [(["bronze.item", "silver.item"], ("batch-000003",))]
    carry_out(ledger, work)
    assert Planner(ledger).unapplied(SILVER["item"]) == []
    assert ingestion(ledger) == []
    assert told(facts(ledger)) == [(["silver.inventory"], SPRING)]


def test_facts_wait_for_a_dimension_that_is_not_built_from_what_arrived(ledger: Ledger) -> None:
    pinned(ledger, 1, "item/a.dat", "inventory/a.dat")
    carry_out(ledger, ingestion(ledger))
    carry_out(ledger, facts(ledger))
    pinned(ledger, 2, "item/b.dat", "inventory/b.dat")
    carry_out(ledger, [refresh.Work((BRONZE["item"], BRONZE["inventory"]), ("batch-000002",))])
    assert facts(ledger) == []
    carry_out(ledger, ingestion(ledger))
    assert told(facts(ledger)) == [(["silver.inventory"], SPRING)]


def test_facts_wait_for_a_dimension_whose_files_are_not_in_bronze(ledger: Ledger) -> None:
    pinned(ledger, 1, "item/a.dat", "inventory/a.dat")
    carry_out(ledger, [refresh.Work((BRONZE["inventory"],), ("batch-000001",))])
    assert facts(ledger) == []
    carry_out(ledger, ingestion(ledger))
    assert told(facts(ledger)) == [(["silver.inventory"], SPRING)]


def test_facts_wait_only_for_dimensions_that_they_refer_to(ledger: Ledger) -> None:
    pinned(ledger, 1, "inventory/a.dat", "customer/a.dat", "item/a.dat")
    carry_out(ledger, [refresh.Work((BRONZE["inventory"], BRONZE["item"], SILVER["item"]), ("batch-000001",))])
    assert told(facts(ledger)) == [(["silver.inventory"], SPRING)]


def test_a_dimension_that_never_arrived_does_not_hold_facts_up(ledger: Ledger) -> None:
    pinned(ledger, 1, "store_sales/a.dat")
    carry_out(ledger, ingestion(ledger))
    assert told(facts(ledger)) == [(["silver.store_sales"], SPRING)]


def test_facts_wait_for_the_rest_of_their_own_files(ledger: Ledger) -> None:
    pinned(ledger, 1, "inventory/a.dat")
    carry_out(ledger, ingestion(ledger))
    pinned(ledger, 2, "inventory/b.dat")
    assert facts(ledger) == []


def test_returns_wait_for_sales_that_are_not_in_bronze_and_only_for_those_of_their_channel(ledger: Ledger) -> None:
    pinned(ledger, 1, "store_returns/a.dat", "web_returns/a.dat", "store_sales/a.dat")
    carry_out(ledger, [refresh.Work((BRONZE["store_returns"], BRONZE["web_returns"]), ("batch-000001",))])
    assert told(facts(ledger)) == [(["silver.web_returns"], SPRING)]
    carry_out(ledger, ingestion(ledger))
    assert told(facts(ledger)) == [(["silver.store_returns", "silver.store_sales", "silver.web_returns"], SPRING)]


def test_returns_do_not_wait_for_sales_to_be_published_in_silver(ledger: Ledger) -> None:
    pinned(ledger, 1, "store_returns/a.dat", "store_sales/a.dat")
    carry_out(ledger, ingestion(ledger))
    returns = frozenset({SILVER["store_returns"]})
    assert told(refresh.facts(Planner(ledger), returns, SPRING)) == [(["silver.store_returns"], SPRING)]


def test_months_of_facts_reach_back_to_an_unpublished_month_that_gold_reads(ledger: Ledger) -> None:
    planner = Planner(ledger)
    everything, without_gold = frozenset(LAKE_TABLES), frozenset(SILVER.values())
    assert refresh.months_of_facts(planner, everything, ["2000-05", "2000-06"]) == ["2000-04", "2000-05", "2000-06"]
    assert refresh.months_of_facts(planner, everything, ["undated", "1998-01"]) == ["undated", "1998-01"]
    assert refresh.months_of_facts(planner, without_gold, ["2000-05"]) == ["2000-05"]
