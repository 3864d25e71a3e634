"""Bronze of files that hold something odd: exactly these rows, exactly these lines in quarantine, alike on every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from isal import igzip

from lake_assets.contract.tables import TABLES
from lake_assets.engine.session import SessionEngine
from lake_assets_tests.support.dirty_files import CASES, GOOD_LINES, Case, expected_row
from lake_assets_tests.support.small_lake import Files, State, play, play_apart, read_rows, states, write_arrivals

ENGINES = [pytest.param("sail"), pytest.param("spark", marks=pytest.mark.spark)]
FIRST_BATCH = "batch-000001"
SAME_CONTENT = (("Latin-1", "UTF-8"), ("gzip", "plain"), ("no delimiter at the end", "no final newline"))
"""Files that differ as files but hold the same rows."""


def _by_name(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def _arrivals() -> list[Files]:
    """All cases at once, and then each file of the pairs of equal content by itself."""
    alone = [_by_name(name) for pair in SAME_CONTENT for name in pair]
    return [
        {case.path: case.content for case in CASES},
        *({f"{case.table}/alone-{number}{case.ending}": case.content} for number, case in enumerate(alone)),
    ]


@pytest.fixture(scope="module")
def sail_states(tmp_path_factory: pytest.TempPathFactory, engine: SessionEngine) -> list[State]:
    folder = tmp_path_factory.mktemp("dirty_sail")
    write_arrivals(folder, _arrivals())
    play(folder, engine, ["bronze"])
    return states(folder)


@pytest.fixture(scope="module")
def spark_states(java: None, tmp_path_factory: pytest.TempPathFactory) -> list[State]:
    folder = tmp_path_factory.mktemp("dirty_spark")
    write_arrivals(folder, _arrivals())
    play_apart(folder, "spark", ["bronze"])
    return states(folder)


@pytest.fixture(scope="module", params=ENGINES)
def played(request: pytest.FixtureRequest) -> list[State]:
    found: list[State] = request.getfixturevalue(f"{request.param}_states")
    return found


def _rows(state: State, case: Case) -> list[dict[str, Any]]:
    published = state.publication(f"bronze.{case.table}", FIRST_BATCH)
    stored = next(item for item in published.objects if item.source == case.path)
    return read_rows(state.root / stored.key)


def _rejected(state: State, case: Case) -> list[dict[str, Any]]:
    found = state.quarantine(f"bronze.{case.table}", FIRST_BATCH)
    return [row for row in found if row["source_path"] == case.path]


@pytest.mark.parametrize("table", GOOD_LINES)
def test_the_good_lines_are_lines_of_the_real_files(source: Path, table: str) -> None:
    found = b"".join(igzip.decompress(path.read_bytes()) for path in (source / table).glob("*.gz"))
    assert GOOD_LINES[table].encode() in found.split(b"\n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_line_becomes_the_row_it_stands_for_or_goes_to_quarantine(played: list[State], case: Case) -> None:
    state = played[0]
    rows = _rows(state, case)
    rejected = sorted((row["line_text"], tuple(row["reasons"])) for row in _rejected(state, case))
    assert rejected == sorted(case.rejected)
    assert [row["rules"] for row in _rejected(state, case)] == [["readable"]] * len(case.rejected)
    assert rows == [expected_row(case.table, line) for line in case.kept]


@pytest.mark.parametrize("table", GOOD_LINES)
def test_the_ledger_accounts_for_every_line_of_every_file(played: list[State], table: str) -> None:
    published = played[0].publication(f"bronze.{table}", FIRST_BATCH)
    expected = {
        case.path: (len(case.kept), len(case.kept) + len(case.rejected)) for case in CASES if case.table == table
    }
    assert {stored.source: (stored.rows, stored.lines) for stored in published.objects} == expected
    assert published.rows == sum(rows for rows, _ in expected.values())
    assert published.source_rows == published.rows + published.quarantined
    assert published.source_rows == sum(lines for _, lines in expected.values())
    assert len(played[0].quarantine(f"bronze.{table}", FIRST_BATCH)) == published.quarantined


@pytest.mark.parametrize("table", GOOD_LINES)
def test_bronze_columns_are_those_of_the_contract(played: list[State], table: str) -> None:
    row = played[0].rows(f"bronze.{table}", FIRST_BATCH)[0]
    assert tuple(row) == TABLES[table].column_names


@pytest.mark.parametrize(
    ("position", "names"), list(enumerate(SAME_CONTENT)), ids=[" = ".join(pair) for pair in SAME_CONTENT]
)
def test_equal_rows_give_an_equal_content_hash_whatever_the_file(
    played: list[State], position: int, names: tuple[str, str]
) -> None:
    table = _by_name(names[0]).table
    batches = [f"batch-{2 + 2 * position + number:06d}" for number in (0, 1)]
    first, second = (played[-1].publication(f"bronze.{table}", batch) for batch in batches)
    assert first.rows == second.rows > 0
    assert first.content == second.content


@pytest.mark.spark
@pytest.mark.parametrize("table", GOOD_LINES)
def test_both_engines_publish_the_same_content_and_quarantine(
    sail_states: list[State], spark_states: list[State], table: str
) -> None:
    sail, spark = (played[0].publication(f"bronze.{table}", FIRST_BATCH) for played in (sail_states, spark_states))
    assert spark.content == sail.content
    assert (spark.rows, spark.quarantined) == (sail.rows, sail.quarantined)
    of_sail, of_spark = (
        [
            {name: value for name, value in row.items() if name != "load_timestamp"}
            for row in played[0].quarantine(f"bronze.{table}", FIRST_BATCH)
        ]
        for played in (sail_states, spark_states)
    )
    assert of_spark == of_sail
