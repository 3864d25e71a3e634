"""Faults in real files: each is found by the rules that should find it, with exact counts, and no row is lost or invented.

All faults of one lake are injected together, in lines that do not influence each other (`support/faults.py`), so that what
the rules found must be exactly the union of what each fault must lead to.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lake_assets.contract.layers import BRONZE, LOAD_TIMESTAMP, SILVER, WHOLE_TABLE, LakeTable, lake_table
from lake_assets.contract.rules import rule_of
from lake_assets.contract.tables import TABLES
from lake_assets.engine.session import SessionEngine
from lake_assets.errors import SourceError
from lake_assets.lake.arrival import examine, look
from lake_assets.lake.lake import Lake
from lake_assets.lake.source import LocalSource
from lake_assets_tests.support.faults import (
    BATCH,
    BLOCKING,
    FAULTS,
    FIRST,
    HARMLESS,
    OF_LATER_ARRIVALS,
    SECOND,
    THIRD,
    Fault,
    Injected,
    Key,
    Played,
    Where,
    cut,
    inject,
    packed,
    play,
    play_apart,
    prepare,
    states,
)
from lake_assets_tests.support.small_lake import tree_digest

ENGINES = [pytest.param("sail"), pytest.param("spark", marks=pytest.mark.spark)]
FAULTY = [fault for fault in FAULTS if fault not in HARMLESS]
LATER = [fault for fault in FAULTY if fault in (*BLOCKING, *OF_LATER_ARRIVALS)]
AT_ONCE = [fault for fault in FAULTY if fault not in LATER]
ARRIVALS = (FIRST, SECOND, THIRD)
# On classic Spark an arrival takes minutes, so only that with nearly all of the faults comes in there.
MOMENTS = [
    *(pytest.param(("sail", arrival), id=f"sail-{arrival}") for arrival in ARRIVALS),
    pytest.param(("spark", FIRST), id=f"spark-{FIRST}", marks=pytest.mark.spark),
]
SHIP_MODES = "ship_mode/ship_mode.dat.0001.gz"
MAIN, EVOLVING, SETTING_ASIDE, CLEAN = "main", "evolving", "setting_aside", "clean"


@dataclass(frozen=True)
class Planted:
    """The arrivals of the lake with all faults, and what each fault must lead to, by its name."""

    arrivals: list[dict[str, bytes]]
    injected: dict[str, Injected]

    def expected(self, arrival: int, tables: list[str]) -> Counter[Where]:
        """What the rules of tables materialised in an arrival must find: bronze in its batch, silver in all rows."""
        found: Counter[Where] = Counter()
        for injected in self.injected.values():
            for where, rows in injected.expected.items():
                table, partition, _ = where
                of_batch = not table.startswith("bronze") or partition == BATCH.format(arrival)
                if injected.holds_in(arrival) and table in tables and of_batch:
                    found[where] += rows
        return found

    def quarantined(self, identifier: str, key: Key | str, arrival: int) -> Counter[frozenset[str]]:
        """The rules of each row that must be in quarantine under a key; rows that lack the same part of it look alike."""
        return Counter(
            frozenset(rules)
            for known in self.injected.values()
            if known.holds_in(arrival)
            for table, other, rules in known.quarantined
            if (table, other) == (identifier, key)
        )

    def duplicates(self, table: str, arrival: int) -> int:
        return sum(known.duplicates[table] for known in self.injected.values() if known.holds_in(arrival))

    def lines(self, table: str, arrival: int) -> tuple[int, int]:
        """Lines of a table delivered up to an arrival, and those of them in files that came again later."""
        delivered, superseded = 0, 0
        current: dict[str, int] = {}
        for files in self.arrivals[:arrival]:
            for path, content in files.items():
                if path.startswith(f"{table}/"):
                    superseded += current.get(path, 0)
                    current[path] = _line_count(path, content)
                    delivered += current[path]
        return delivered, superseded


class Lakes:
    """The lakes that one engine built, each after each of its arrivals, with what lies in them."""

    def __init__(self, folder: Path) -> None:
        self.main = [Contents(state) for state in states(folder / MAIN)]
        self.evolving = Contents(states(folder / EVOLVING)[0])
        self.setting_aside = Contents(states(folder / SETTING_ASIDE)[0])


class Contents:
    """A lake after an arrival, with its rows read only once."""

    def __init__(self, state: Played) -> None:
        self.state = state
        self._quarantines: dict[str, list[dict[str, Any]]] = {}
        self._keys: dict[str, Counter[Key]] = {}

    @cached_property
    def totals(self) -> Counter[Where]:
        return Counter({where: found.violations or 0 for where, found in self.state.broken.items()})

    def quarantine(self, identifier: str) -> list[dict[str, Any]]:
        """Rows in quarantine of all partitions of a table."""
        if identifier not in self._quarantines:
            table = _lake_table(identifier)
            partitions = table.partitions if table.layer == "silver" else [BATCH.format(FIRST)]
            self._quarantines[identifier] = [
                row for partition in partitions for row in self.state.quarantine(identifier, partition)
            ]
        return self._quarantines[identifier]

    def quarantined(self, identifier: str, key: Key | str) -> list[tuple[str, ...]]:
        """The rules of each row (or line) of that key in quarantine."""
        names = TABLES[_lake_table(identifier).name].primary_key
        return [
            tuple(row["rules"])
            for row in self.quarantine(identifier)
            if key == (row["line_text"] if isinstance(key, str) else _key(row[name] for name in names))
        ]

    def keys(self, name: str) -> Counter[Key]:
        """How often each primary key is in silver."""
        if name not in self._keys:
            columns = ", ".join(TABLES[name].primary_key)
            found = duckdb.execute(f"SELECT {columns} FROM {self.silver(name)}").fetchall()
            self._keys[name] = Counter(_key(row) for row in found)
        return self._keys[name]

    def silver(self, name: str) -> str:
        """The Parquet files of a silver table, for a query."""
        return f"read_parquet('{self.state.root}/silver/{name}/**/*.parquet', hive_partitioning = false)"

    def stored_rows(self, folder: str) -> int:
        """Rows of all Parquet files below a folder, read without the ledger."""
        if not any((self.state.root / folder).rglob("*.parquet")):
            return 0
        files = f"read_parquet('{self.state.root}/{folder}/**/*.parquet', hive_partitioning = false)"
        (count,) = duckdb.execute(f"SELECT count(*) FROM {files}").fetchall()[0]
        return int(count)

    def objects(self, identifier: str, partition: str) -> dict[str, str]:
        """Checksums of the files of a published partition."""
        published = self.state.publication(identifier, partition)
        stored = [*published.objects, *([published.quarantine] if published.quarantine else [])]
        return {
            one.key: digest for one in stored for digest in tree_digest((self.state.root / one.key).parent).values()
        }


def _key(values: Any) -> Key:
    return tuple("" if value is None else str(value) for value in values)


def _lake_table(identifier: str) -> LakeTable:
    layer, name = identifier.split(".")
    return lake_table(layer, name)


def _line_count(path: str, content: bytes) -> int:
    text = gzip.decompress(content) if path.endswith(".gz") else content
    return text.count(b"\n") + bool(text and not text.endswith(b"\n"))


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    """A part of the source, in files of the same names."""
    folder = tmp_path_factory.mktemp("part")
    cut(source, folder)
    return folder


@pytest.fixture(scope="module")
def planted(part: Path) -> Planted:
    return Planted(*inject(part))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, part: Path, engine: SessionEngine) -> Contents:
    """The lake of the same part without any fault."""
    folder = tmp_path_factory.mktemp("clean")
    files = {path.relative_to(part).as_posix(): path.read_bytes() for path in part.rglob("*.gz")}
    prepare(folder / CLEAN, [files])
    play(folder, engine)
    return Contents(states(folder / CLEAN)[0])


def _prepare(folder: Path, arrivals: list[dict[str, bytes]], part: Path) -> None:
    prepare(folder / MAIN, arrivals)
    wider = packed(gzip.decompress((part / SHIP_MODES).read_bytes()).decode().replace("|\n", "|new|more|\n"))
    prepare(folder / EVOLVING, [{SHIP_MODES: wider}], schema_drift="evolve")
    prepare(folder / SETTING_ASIDE, [{SHIP_MODES: wider}], rules={"bronze.*.schema": "quarantine"})


@pytest.fixture(scope="module")
def sail_lakes(tmp_path_factory: pytest.TempPathFactory, planted: Planted, part: Path, engine: SessionEngine) -> Lakes:
    folder = tmp_path_factory.mktemp("faults_sail")
    _prepare(folder, planted.arrivals, part)
    play(folder, engine)
    return Lakes(folder)


@pytest.fixture(scope="module")
def spark_lakes(java: None, tmp_path_factory: pytest.TempPathFactory, planted: Planted, part: Path) -> Lakes:
    folder = tmp_path_factory.mktemp("faults_spark")
    _prepare(folder, planted.arrivals[:FIRST], part)
    play_apart(folder, "spark")
    return Lakes(folder)


@pytest.fixture(scope="module", params=ENGINES)
def lakes(request: pytest.FixtureRequest) -> Lakes:
    found: Lakes = request.getfixturevalue(f"{request.param}_lakes")
    return found


@dataclass(frozen=True)
class Moment:
    """A lake after an arrival."""

    lake: Contents
    arrival: int


@pytest.fixture(scope="module", params=MOMENTS)
def moment(request: pytest.FixtureRequest) -> Moment:
    engine, arrival = request.param
    found: Lakes = request.getfixturevalue(f"{engine}_lakes")
    return Moment(found.main[arrival - 1], arrival)


def _named(fault: Fault) -> str:
    return fault.name


def test_real_files_break_no_rule(clean: Contents) -> None:
    assert clean.totals == {}
    assert clean.state.record.failures == {}
    assert [found for found in clean.state.record.found if found.violations is None] == []


def test_many_faults_are_injected() -> None:
    assert len(FAULTY) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", AT_ONCE, ids=_named)
def test_a_fault_is_found_by_its_rules(lakes: Lakes, planted: Planted, fault: Fault) -> None:
    _check_fault(lakes, planted, fault)


@pytest.mark.parametrize("fault", LATER, ids=_named)
def test_a_fault_of_a_later_arrival_is_found_by_its_rules(sail_lakes: Lakes, planted: Planted, fault: Fault) -> None:
    _check_fault(sail_lakes, planted, fault)


def _check_fault(lakes: Lakes, planted: Planted, fault: Fault) -> None:
    injected = planted.injected[fault.name]
    lake = lakes.main[injected.arrival - 1]
    together = planted.expected(injected.arrival, lake.state.record.tables)
    assert injected.expected
    for (identifier, partition, name), rows in injected.expected.items():
        found = lake.state.broken[identifier, partition, name]
        assert 0 < rows <= together[identifier, partition, name]
        assert found.violations == together[identifier, partition, name]
        assert found.action == rule_of(_lake_table(identifier), name).action
        assert found.blocks == (found.action == "block")
    for identifier, key, rules in injected.quarantined:
        all_rules = planted.quarantined(identifier, key, injected.arrival)
        assert frozenset(rules) in all_rules
        assert Counter(map(frozenset, lake.quarantined(identifier, key))) == all_rules
    for table, key in injected.kept:
        assert lake.keys(table)[key] == 1, f"{table} {key}"
        assert lake.quarantined(SILVER[table].identifier, key) == []


@pytest.mark.parametrize("fault", HARMLESS, ids=_named)
def test_another_form_of_a_file_changes_nothing(lakes: Lakes, clean: Contents, planted: Planted, fault: Fault) -> None:
    state, table = lakes.main[0].state, fault.table
    of_others = {where for where in planted.expected(FIRST, state.record.tables) if where[0].endswith(f".{table}")}
    assert {where for where in state.broken if where[0].endswith(f".{table}")} == of_others
    assert _differences(lakes.main[0], clean, table) <= _changed(planted, table)


def test_the_rules_find_nothing_but_the_faults(moment: Moment, planted: Planted) -> None:
    lake = moment.lake
    assert lake.totals == planted.expected(moment.arrival, lake.state.record.tables)
    unread = {where[0] for where, found in lake.state.broken.items() if found.rule == "schema"}
    not_evaluated = [found for found in lake.state.record.found if found.violations is None]
    assert {(found.table, found.rule) for found in not_evaluated} == {(table, "conservation") for table in unread}


def test_only_what_is_blocked_is_not_published(moment: Moment, planted: Planted) -> None:
    arrived = [known for known in planted.injected.values() if known.arrival == moment.arrival]
    blocked = {where for known in arrived for where in known.blocked}
    failures = moment.lake.state.record.failures
    assert {(table, partition) for table, failed in failures.items() for partition in failed} == blocked


@pytest.mark.parametrize("table", TABLES)
def test_silver_differs_from_the_clean_lake_in_faulty_rows_only(
    lakes: Lakes, clean: Contents, planted: Planted, table: str
) -> None:
    lake = lakes.main[0]
    there = set(lake.keys(table)) | set(clean.keys(table))
    assert _differences(lake, clean, table) == _changed(planted, table) & there


def _changed(planted: Planted, table: str) -> set[Key]:
    return {
        key
        for known in planted.injected.values()
        if known.arrival == FIRST
        for changed, key in known.changed
        if changed == table
    }


def _differences(lake: Contents, clean: Contents, table: str) -> set[Key]:
    """Keys of rows that are not the same in both lakes."""
    rows = f"SELECT * EXCLUDE ({LOAD_TIMESTAMP.name}) FROM"
    left, right = f"{rows} {lake.silver(table)}", f"{rows} {clean.silver(table)}"
    found = duckdb.execute(
        f"SELECT {', '.join(TABLES[table].primary_key)} FROM"
        f" (({left} EXCEPT ALL {right}) UNION ALL ({right} EXCEPT ALL {left}))"
    )
    return {_key(row) for row in found.fetchall()}


@pytest.mark.parametrize("table", TABLES)
def test_every_line_is_accounted_for(moment: Moment, planted: Planted, table: str) -> None:
    lake, arrival = moment.lake, moment.arrival
    balance = lake.state.balance(table)
    if balance is None:
        assert table in _behind(planted, arrival)
        return
    assert table not in _behind(planted, arrival)
    lines, superseded = planted.lines(table, arrival)
    duplicates = planted.duplicates(table, arrival)
    quarantined = lake.stored_rows(f"quarantine/silver/{table}") + lake.stored_rows(f"quarantine/bronze/{table}")
    assert lines == lake.stored_rows(f"silver/{table}") + quarantined + duplicates + superseded
    assert (balance.source, balance.superseded, balance.duplicates) == (lines, superseded, duplicates)
    assert (balance.quarantined, balance.missing) == (quarantined, 0)


def _behind(planted: Planted, arrival: int) -> set[str]:
    """Tables of which something delivered is not published."""
    return {
        identifier.partition(".")[2]
        for known in planted.injected.values()
        if known.holds_in(arrival)
        for identifier, _ in known.blocked
    }


@pytest.mark.parametrize("fault", BLOCKING, ids=_named)
def test_what_is_blocked_stays_as_it_was_byte_for_byte(sail_lakes: Lakes, planted: Planted, fault: Fault) -> None:
    before, after = sail_lakes.main[0], sail_lakes.main[1]
    injected = planted.injected[fault.name]
    for identifier, partition in injected.blocked:
        told = {rule: rows for (_, where, rule), rows in injected.expected.items() if where == partition}
        assert after.state.entry(identifier, partition).blocked == told
        if identifier.startswith("bronze"):
            assert after.state.entry(identifier, partition).committed is None
        silver = SILVER[fault.table].identifier
        kept = WHOLE_TABLE if identifier.startswith("bronze") else partition
        assert after.state.publication(silver, kept) == before.state.publication(silver, kept)
        assert after.objects(silver, kept) == before.objects(silver, kept) != {}


def test_while_months_are_blocked_the_others_are_published(sail_lakes: Lakes) -> None:
    before, after = sail_lakes.main[0].state, sail_lakes.main[1].state
    blocked = set(after.record.failures["silver.store_sales"])
    touched = set(after.publication("bronze.store_sales", BATCH.format(2)).touches or ())
    assert blocked < touched
    for month in SILVER["store_sales"].partitions:
        anew = (
            after.publication("silver.store_sales", month).inputs
            != before.publication("silver.store_sales", month).inputs
        )
        assert anew == (month in touched - blocked), month


def test_a_corrected_file_publishes_what_was_blocked(sail_lakes: Lakes) -> None:
    before, after = sail_lakes.main[0], sail_lakes.main[2]
    assert after.state.record.failures == {}
    for month in sail_lakes.main[1].state.record.failures["silver.store_sales"]:
        key = f"silver/store_sales/sold_month={month}"
        assert after.stored_rows(key) == before.stored_rows(key) > 0


def test_a_return_is_published_once_its_sale_is_there(sail_lakes: Lakes, planted: Planted) -> None:
    ((identifier, key, rules),) = planted.injected["a return comes a batch before its sale"].quarantined
    assert isinstance(key, tuple)
    assert sail_lakes.main[0].quarantined(identifier, key) == [rules]
    assert sail_lakes.main[1].quarantined(identifier, key) == []
    assert (sail_lakes.main[0].keys("store_returns")[key], sail_lakes.main[1].keys("store_returns")[key]) == (0, 1)


def test_added_columns_are_left_out_where_the_settings_say_so(lakes: Lakes, clean: Contents) -> None:
    lake = lakes.evolving
    assert lake.totals == {("bronze.ship_mode", BATCH.format(FIRST), "schema"): 20}
    assert lake.state.record.failures == {}
    assert _differences(lake, clean, "ship_mode") == set()
    for table in (BRONZE["ship_mode"], SILVER["ship_mode"]):
        partition = BATCH.format(FIRST) if table.layer == "bronze" else WHOLE_TABLE
        assert (
            lake.state.publication(table.identifier, partition).content
            == clean.state.publication(table.identifier, partition).content
        )


def test_lines_with_added_columns_go_to_quarantine_where_the_settings_say_so(lakes: Lakes) -> None:
    lake = lakes.setting_aside
    assert lake.totals == {("bronze.ship_mode", BATCH.format(FIRST), "schema"): 20}
    assert [row["rules"] for row in lake.quarantine("bronze.ship_mode")] == [["schema"]] * 20
    assert lake.stored_rows("silver/ship_mode") == 0


@pytest.mark.spark
def test_both_engines_find_and_publish_the_same(sail_lakes: Lakes, spark_lakes: Lakes) -> None:
    sail, spark = (known.main[0].state for known in (sail_lakes, spark_lakes))
    assert spark.broken == sail.broken
    assert _contents(spark) == _contents(sail)


def _contents(state: Played) -> dict[tuple[str, str], tuple[str, int, int, int]]:
    return {
        (table.identifier, partition): (known.content, known.rows, known.quarantined, known.duplicates)
        for table in SILVER.values()
        for partition in table.partitions
        for known in (state.publication(table.identifier, partition),)
    }


def _cut_off(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) * 8 + content[middle + 8 :]


def _text(content: bytes) -> bytes:
    return gzip.decompress(content)


def _prose(content: bytes) -> bytes:
    return gzip.compress(b"This is no table.\n" * 20)


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        pytest.param("new.dat.gz", _cut_off, "ends too early", id="a gzip file is cut off"),
        pytest.param(
            "new.dat.gz", lambda content: content[:-4], "ends too early", id="a gzip file lacks its last bytes"
        ),
        pytest.param("new.dat.gz", _flipped, "Cannot read", id="a gzip file is damaged in the middle"),
        pytest.param("new.dat.gz", _text, "not a gzip file", id="plain text is named as gzip"),
        pytest.param("new.dat", bytes, "is a gzip file", id="a gzip file is named as plain text"),
        pytest.param("new.dat.gz", _prose, "does not fit table store_sales", id="a file is no table at all"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_nothing_happens(
    sail_lakes: Lakes, part: Path, tmp_path: Path, *, name: str, spoil: Callable[[bytes], bytes], told: str
) -> None:
    root, ledger = sail_lakes.main[0].state.root, Lake(sail_lakes.main[0].state.settings).ledger
    before = tree_digest(root)
    good = (part / "store_sales/store_sales.dat.0001.gz").read_bytes()
    bad = tmp_path / "store_sales" / name
    bad.parent.mkdir()
    bad.write_bytes(spoil(good))
    source = LocalSource(tmp_path)
    with pytest.raises(SourceError, match=told) as raised:
        examine(source, look(source, ledger.batches()), ledger.batches(), threads=2)
    assert str(bad) in str(raised.value)
    assert tree_digest(root) == before
    bad.unlink()
    (bad.parent / "new.dat.gz").write_bytes(good)
    (repaired,) = examine(source, look(source, ledger.batches()), ledger.batches(), threads=2).files
    assert repaired.inspection is not None
    assert repaired.inspection.lines == _line_count("new.dat.gz", good)
