"""Silver of rows that repeat, contradict or move: what is published where, what is taken out and why, and nothing is lost."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lake_assets.contract.calendar import MONTHS, sk_of
from lake_assets.contract.layers import SILVER, WHOLE_TABLE
from lake_assets.engine.session import SessionEngine
from lake_assets.lake.balance import Balance
from lake_assets.lake.lake import Lake
from lake_assets_tests.support.dirty_files import RETURN, with_amounts
from lake_assets_tests.support.small_lake import Files, State, arrive, play, play_apart, states, write_arrivals

SALE = (
    "2451813|65495|1091|6|591617|3428|839|2|2|1|79|11.41|18.71|2.80|99.54|221.20|901.39|1478.09|6.08|99.54|121.66|127.74"
    "|-779.73|"
)
MARCH, LATE_MARCH = sk_of(date(2000, 3, 5)), sk_of(date(2000, 3, 31))
APRIL, MAY, JUNE = sk_of(date(2000, 4, 10)), sk_of(date(2000, 5, 20)), sk_of(date(2000, 6, 15))
TOO_EARLY, TOO_LATE = sk_of(date(1997, 12, 31)), sk_of(date(2004, 1, 1))
SPAN = "Where ss_sold_date_sk is present, it is a day from 1998 to 2003, the years of the lake's partitions."
LAYERS = ("bronze", "silver")
TABLES = ("store_sales", "store_returns", "reason")
ENGINES = [pytest.param("sail"), pytest.param("spark", marks=pytest.mark.spark)]


def sale(
    order: int | None, item: int | None, day: int | None, customer: int | None = 7, quantity: int | None = 79
) -> str:
    return with_amounts(
        "store_sales",
        SALE,
        ss_ticket_number=order,
        ss_item_sk=item,
        ss_sold_date_sk=day,
        ss_customer_sk=customer,
        ss_quantity=quantity,
    )


def came_back(order: int, item: int | None, day: int | None, fee: str = "55.28") -> str:
    """Five pieces of a `sale`, at the price of it."""
    return with_amounts(
        "store_returns",
        RETURN,
        sr_ticket_number=order,
        sr_item_sk=item,
        sr_returned_date_sk=day,
        sr_fee=fee,
        sr_return_quantity=5,
        sr_refunded_cash="0.74",
        sr_reversed_charge="6.26",
        sr_store_credit="7.00",
    )


def file(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


FIRST: Files = {
    "store_sales/a.dat": file(
        sale(1, 1, MARCH),
        sale(1, 1, MARCH),
        sale(1, 2, None),
        sale(2, 1, LATE_MARCH, None),
        sale(3, 1, None, None),
        sale(4, None, MARCH),
        sale(None, 4, None),
        sale(5, 1, TOO_EARLY),
        sale(6, None, TOO_LATE),
    ),
    "store_sales/b.dat": file(sale(1, 3, None, None), sale(2, 1, LATE_MARCH, None)),
    "store_returns/a.dat": file(came_back(1, 1, APRIL), came_back(1, 2, None), came_back(1, None, MAY)),
    "reason/a.dat": file(
        "1|AAAAAAAABAAAAAAA|Package was damaged  |",
        "2|AAAAAAAACAAAAAAA|   |",
        "3|AAAAAAAADAAAAAAA|  leading blanks stay|",
        "|AAAAAAAAEAAAAAAA|without a key|",
        "not a line of the table",
    ),
}
SECOND: Files = {
    "store_sales/c.dat": file(sale(2, 2, None, 9), sale(3, 2, APRIL, 8), sale(1, 1, MARCH, quantity=50)),
    "store_returns/c.dat": file(came_back(1, 1, MAY, fee="1.00")),
    "reason/c.dat": file("1|AAAAAAAABAAAAAAA|Restated|"),
}
CONTRADICTION: Files = {
    "store_sales/d.dat": file(sale(7, 1, LATE_MARCH), sale(7, 2, APRIL), sale(8, 1, MAY), sale(3, 3, JUNE, 8)),
}
CORRECTION: Files = {
    "store_sales/d.dat": file(sale(7, 1, LATE_MARCH), sale(8, 2, MAY)),
    "reason/a.dat": file("1|AAAAAAAABAAAAAAA|Package was damaged|", "2|AAAAAAAACAAAAAAA|No more blank|"),
}
ARRIVALS = (FIRST, SECOND, CONTRADICTION, CORRECTION)


@pytest.fixture(scope="module")
def sail_states(tmp_path_factory: pytest.TempPathFactory, engine: SessionEngine) -> list[State]:
    folder = tmp_path_factory.mktemp("rows_sail")
    write_arrivals(folder, ARRIVALS)
    play(folder, engine, LAYERS)
    return states(folder)


@pytest.fixture(scope="module")
def spark_states(java: None, tmp_path_factory: pytest.TempPathFactory) -> list[State]:
    folder = tmp_path_factory.mktemp("rows_spark")
    write_arrivals(folder, ARRIVALS)
    play_apart(folder, "spark", LAYERS)
    return states(folder)


@pytest.fixture(scope="module", params=ENGINES)
def played(request: pytest.FixtureRequest) -> list[State]:
    found: list[State] = request.getfixturevalue(f"{request.param}_states")
    return found


@pytest.fixture
def latest(sail_states: list[State], tmp_path: Path) -> State:
    """A copy of the lake after the last arrival, for tests that change it."""
    shutil.copytree(sail_states[-1].folder, tmp_path / "copy")
    return State(tmp_path / "copy")


def _lines(state: State, partition: str) -> dict[tuple[int, int], dict[str, Any]]:
    """Sales lines of a month by order and item."""
    rows = state.rows("silver.store_sales", partition)
    return {(row["ss_ticket_number"], row["ss_item_sk"]): row for row in rows}


def _all_keys(state: State) -> Counter[tuple[str, int, int]]:
    return Counter((month, *key) for month in MONTHS for key in _lines(state, month))


def _reasons(state: State, identifier: str, partition: str) -> list[list[str]]:
    return sorted(row["reasons"] for row in state.quarantine(identifier, partition))


def _contents(state: State, table: str) -> dict[str, tuple[str, int, int, int]]:
    silver = SILVER[table]
    published = {partition: state.publication(silver.identifier, partition) for partition in silver.partitions}
    return {
        partition: (known.content, known.rows, known.quarantined, known.duplicates)
        for partition, known in published.items()
    }


def test_each_line_is_published_in_the_month_of_its_order(played: list[State]) -> None:
    expected = [("2000-03", 1, 1), ("2000-03", 1, 2), ("2000-03", 1, 3), ("2000-03", 2, 1), ("undated", 3, 1)]
    assert _all_keys(played[0]) == Counter(expected)


def test_rows_without_key_or_outside_the_calendar_are_quarantined_where_their_date_belongs(
    played: list[State],
) -> None:
    state = played[0]
    assert _reasons(state, "silver.store_sales", "2000-03") == [["ss_item_sk is missing"]]
    assert _reasons(state, "silver.store_sales", "undated") == [
        ["ss_item_sk is missing", f"ss_sold_date_sk={TOO_LATE}: {SPAN}"],
        [f"ss_sold_date_sk={TOO_EARLY}: {SPAN}"],
        ["ss_ticket_number is missing"],
    ]
    rules = {row["ss_ticket_number"]: row["rules"] for row in state.quarantine("silver.store_sales", "undated")}
    assert rules == {
        None: ["not_null__ss_ticket_number"],
        5: ["calendar__ss_sold_date_sk"],
        6: ["not_null__ss_item_sk", "calendar__ss_sold_date_sk"],
    }
    counts = {month: state.publication("silver.store_sales", month).quarantined for month in MONTHS}
    assert {month: count for month, count in counts.items() if count} == {"2000-03": 1, "undated": 3}


def test_a_quarantined_row_keeps_its_values_and_its_batch(played: list[State]) -> None:
    (row,) = played[0].quarantine("silver.store_sales", "2000-03")
    assert (row["ss_ticket_number"], row["ss_item_sk"], row["ss_quantity"]) == (4, None, 79)
    assert row["source_batch"] == "batch-000001"


def test_a_null_date_and_customer_come_from_a_line_of_the_order_in_another_file(played: list[State]) -> None:
    lines = _lines(played[0], "2000-03")
    resolved = {
        key: (
            row["ss_sold_date_sk"],
            row["sold_date_sk_resolved"],
            row["sold_date_imputed"],
            row["ss_customer_sk"],
            row["customer_sk_resolved"],
            row["customer_imputed"],
        )
        for key, row in lines.items()
    }
    assert resolved == {
        (1, 1): (MARCH, MARCH, False, 7, 7, False),
        (1, 2): (None, MARCH, True, 7, 7, False),
        (1, 3): (None, MARCH, True, None, 7, True),
        (2, 1): (LATE_MARCH, LATE_MARCH, False, None, None, False),
    }
    alone = _lines(played[0], "undated")[3, 1]
    assert (alone["sold_date_sk_resolved"], alone["sold_date_imputed"]) == (None, False)
    assert (alone["customer_sk_resolved"], alone["customer_imputed"]) == (None, False)


def test_a_null_date_and_customer_come_from_a_later_batch(played: list[State]) -> None:
    march, april = _lines(played[1], "2000-03"), _lines(played[1], "2000-04")
    assert (march[2, 1]["customer_sk_resolved"], march[2, 1]["customer_imputed"]) == (9, True)
    assert (march[2, 2]["sold_date_sk_resolved"], march[2, 2]["sold_date_imputed"]) == (LATE_MARCH, True)
    assert (april[3, 1]["sold_date_sk_resolved"], april[3, 1]["sold_date_imputed"]) == (APRIL, True)
    assert (april[3, 1]["customer_sk_resolved"], april[3, 1]["customer_imputed"]) == (8, True)
    assert _lines(played[1], "undated") == {}


def test_duplicates_within_a_file_and_across_files_are_removed_and_counted(played: list[State]) -> None:
    published = played[0].publication("silver.store_sales", "2000-03")
    assert (published.rows, published.duplicates, published.quarantined) == (4, 2, 1)
    assert published.source_rows == 7


def test_the_latest_batch_wins(played: list[State]) -> None:
    line = _lines(played[1], "2000-03")[1, 1]
    assert (line["ss_quantity"], line["source_batch"]) == (50, "batch-000002")
    assert played[1].publication("silver.store_sales", "2000-03").duplicates == 3


def test_a_return_restated_with_another_date_moves_to_the_other_month(played: list[State]) -> None:
    before, after = played[0], played[1]
    assert [row["sr_item_sk"] for row in before.rows("silver.store_returns", "2000-04")] == [1]
    assert after.rows("silver.store_returns", "2000-04") == []
    (moved,) = after.rows("silver.store_returns", "2000-05")
    assert (moved["sr_item_sk"], str(moved["sr_fee"]), moved["source_batch"]) == (1, "1.00", "batch-000002")
    assert after.publication("silver.store_returns", "2000-04").duplicates == 1
    assert _reasons(after, "silver.store_returns", "2000-05") == [["sr_item_sk is missing"]]
    assert [row["sr_item_sk"] for row in after.rows("silver.store_returns", "undated")] == [2]


def test_trailing_blanks_go_and_text_of_blanks_is_null(played: list[State]) -> None:
    texts = {row["r_reason_sk"]: row["r_reason_desc"] for row in played[0].rows("silver.reason", WHOLE_TABLE)}
    assert texts == {1: "Package was damaged", 2: None, 3: "  leading blanks stay"}
    assert _reasons(played[0], "silver.reason", WHOLE_TABLE) == [["r_reason_sk is missing"]]


def test_a_dimension_shows_the_latest_row_per_key(played: list[State]) -> None:
    texts = {row["r_reason_sk"]: row["r_reason_desc"] for row in played[1].rows("silver.reason", WHOLE_TABLE)}
    assert texts == {1: "Restated", 2: None, 3: "  leading blanks stay"}


def _store_sales_file(state: State, month: str) -> bytes:
    return (state.root / f"silver/store_sales/sold_month={month}/store_sales.parquet").read_bytes()


def test_the_months_of_an_order_with_two_dates_are_not_published_and_the_others_are(played: list[State]) -> None:
    before, after = played[1], played[2]
    assert after.failures == {
        "silver.store_sales": {
            "2000-03": "order_header__date (1 row), e.g. ss_item_sk=1, ss_ticket_number=7",
            "2000-04": "order_header__date (2 rows), e.g. ss_item_sk=2, ss_ticket_number=3; "
            "ss_item_sk=2, ss_ticket_number=7",
            "2000-06": "order_header__date (2 rows), e.g. ss_item_sk=1, ss_ticket_number=3; "
            "ss_item_sk=3, ss_ticket_number=3",
        }
    }
    for month in after.failures["silver.store_sales"]:
        known = after.publication("silver.store_sales", month)
        assert known == before.publication("silver.store_sales", month)
        assert _store_sales_file(after, month) == _store_sales_file(before, month)
    assert set(_lines(after, "2000-05")) == {(8, 1)}
    assert before.failures == {}


def test_a_line_that_contradicts_a_published_order_leaves_its_published_lines_where_they_are(
    played: list[State],
) -> None:
    """Order 3 is published in April, one of its lines by the date of the other; the new line says June."""
    before, after = played[1], played[2]
    assert {month for month, order, _ in _all_keys(before) if order == 3} == {"2000-04"}
    for month in ("2000-04", "2000-06"):
        assert _lines(after, month) == _lines(before, month)
    assert {key for key in _all_keys(after) if key[1] == 3} == {("2000-04", 3, 1), ("2000-04", 3, 2)}
    assert set(_all_keys(before)) - set(_all_keys(after)) == set()


def test_while_a_month_is_blocked_the_table_counts_as_behind(played: list[State]) -> None:
    assert played[2].balance("store_sales") is None


def test_rows_that_vanish_from_a_corrected_file_vanish_from_silver(played: list[State]) -> None:
    state = played[3]
    assert state.failures == {}
    assert set(_lines(state, "2000-05")) == {(8, 2)}
    assert set(_lines(state, "2000-03")) == {(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (7, 1)}
    assert set(_lines(state, "2000-04")) == {(3, 1), (3, 2)}


def test_rows_that_vanish_from_a_corrected_file_vanish_from_a_dimension(played: list[State]) -> None:
    rows = {row["r_reason_sk"]: row["r_reason_desc"] for row in played[3].rows("silver.reason", WHOLE_TABLE)}
    # The corrected file is the later arrival, so its row 1 wins over the restated one.
    assert rows == {1: "Package was damaged", 2: "No more blank"}
    assert played[3].quarantine("silver.reason", WHOLE_TABLE) == []


@pytest.mark.parametrize(
    ("arrival", "table", "expected"),
    [
        (0, "store_sales", Balance(source=11, published=5, quarantined=4, duplicates=2, superseded=0)),
        (1, "store_sales", Balance(source=14, published=7, quarantined=4, duplicates=3, superseded=0)),
        (3, "store_sales", Balance(source=20, published=9, quarantined=4, duplicates=3, superseded=4)),
        (0, "store_returns", Balance(source=3, published=2, quarantined=1, duplicates=0, superseded=0)),
        (3, "store_returns", Balance(source=4, published=2, quarantined=1, duplicates=1, superseded=0)),
        (0, "reason", Balance(source=5, published=3, quarantined=2, duplicates=0, superseded=0)),
        (1, "reason", Balance(source=6, published=3, quarantined=2, duplicates=1, superseded=0)),
        (3, "reason", Balance(source=8, published=2, quarantined=0, duplicates=1, superseded=5)),
    ],
)
def test_every_line_is_accounted_for(played: list[State], arrival: int, table: str, expected: Balance) -> None:
    assert played[arrival].balance(table) == expected
    assert expected.missing == 0


@pytest.mark.parametrize("table", TABLES)
def test_materialising_again_gives_the_same_content(latest: State, engine: SessionEngine, table: str) -> None:
    before = _contents(latest, table)
    lake, silver = Lake(latest.settings), SILVER[table]
    partitions = silver.partitions if silver.partition_column else [batch.name for batch in lake.planner().batches]
    assert lake.materialise(silver, partitions, engine.run, "again").failed == {}
    assert _contents(latest, table) == before


def test_a_silver_layer_built_from_nothing_equals_the_one_that_grew(latest: State, engine: SessionEngine) -> None:
    before = {table: _contents(latest, table) for table in TABLES}
    for folder in ("silver", "quarantine/silver", "_ledger/silver"):
        shutil.rmtree(latest.root / folder)
    assert arrive(Lake(latest.settings), engine, LAYERS) == {}
    assert {table: _contents(latest, table) for table in TABLES} == before


def test_as_many_passes_as_a_small_memory_needs_give_the_same_content(latest: State, engine: SessionEngine) -> None:
    before = _contents(latest, "store_sales")
    shutil.rmtree(latest.root / "_ledger/silver/store_sales")
    settings = latest.settings.model_copy(update={"memory_gb": 0.0003})
    outcome = Lake(settings).materialise(SILVER["store_sales"], MONTHS, engine.run, "in passes")
    assert outcome.failed == {}
    assert _contents(latest, "store_sales") == before


@pytest.mark.spark
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("arrival", [0, 1, 3])
def test_both_engines_publish_the_same_content(
    sail_states: list[State], spark_states: list[State], table: str, arrival: int
) -> None:
    assert _contents(spark_states[arrival], table) == _contents(sail_states[arrival], table)


@pytest.mark.spark
def test_both_engines_quarantine_the_same_rows(sail_states: list[State], spark_states: list[State]) -> None:
    for identifier, partition in (
        ("silver.store_sales", "2000-03"),
        ("silver.store_sales", "undated"),
        ("silver.store_returns", "2000-05"),
        ("silver.reason", WHOLE_TABLE),
    ):
        sail, spark = (
            [{**row, "load_timestamp": None} for row in played[1].quarantine(identifier, partition)]
            for played in (sail_states, spark_states)
        )
        assert sorted(spark, key=str) == sorted(sail, key=str)
        assert sail
