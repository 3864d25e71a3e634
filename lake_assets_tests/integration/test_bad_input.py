"""What a user can get wrong: one message that names the thing and the remedy, no stack trace, and the lake as it was."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from isal import igzip

from lake_assets.contract.layers import BRONZE, SILVER
from lake_assets.engine.session import SessionEngine
from lake_assets.errors import SourceError
from lake_assets.lake.arrival import examine, look, pin
from lake_assets.lake.lake import Lake
from lake_assets_tests.conftest import lake_assets, lake_environment
from lake_assets_tests.support.dirty_files import PAGE, REASON, STOCK
from lake_assets_tests.support.small_lake import State, arrive, play, states, tree_digest, write_arrivals, write_files

LAYERS = ("bronze", "silver")
SECONDS = 120
USAGE = 2
"""Exit code of the command line library for an option that it refuses itself."""
PACKED = bytes(igzip.compress("".join(f"{number}|AAAAAAAABAAAAAAA|No {number}|\n" for number in range(9000)).encode()))
DAMAGED = PACKED[:2000] + b"\x00\x01\x02\x03" + PACKED[2004:]
MESSAGE = re.compile(r"^(Error:|╭─ Error)", re.MULTILINE)
PROGRAMS = Path(sys.executable).parent
BLOCKED_FILE = (
    "_ledger/batches/batch-000002.json",
    "_ledger/bronze/reason/batch-000002.json",
    "quality/results/layer=bronze/table_name=reason/",
    "lake.duckdb",
)
"""Where the lake remembers that a file of the second batch was judged and not published."""


@dataclass(frozen=True)
class Mistake:
    """One mistake: files that lie in the source, or variables and arguments of the command; and what the user is told."""

    name: str
    told: tuple[str, ...]
    arguments: tuple[str, ...] = ("run",)
    files: Mapping[str, bytes] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    """`{}` in a value stands for the folder of the test."""
    prepare: Callable[[State], object] = lambda _: None
    exit_code: int = 1
    recorded: tuple[str, ...] = ()
    """Files of the lake, or folders of them, in which the mistake is put on record."""


def _with_file(name: str, content: bytes, path: str, *told: str) -> Mistake:
    return Mistake(name, (path, *told), files={path: content})


def _with_option(name: str, option: str, value: str, *told: str) -> Mistake:
    return Mistake(name, (option, *told), ("run", option, value))


def _with_variable(name: str, variable: str, value: str, *told: str) -> Mistake:
    return Mistake(name, told, variables={variable: value})


def _damage_ledger(state: State) -> None:
    (state.root / "_ledger/silver/reason/all.json").write_text('{"layer": "silver"')


MISTAKES = (
    _with_variable("missing source", "LAKE_SOURCE", "{}/nowhere", "/nowhere does not exist", "lake-assets sample"),
    _with_variable("empty source", "LAKE_SOURCE", "{}/empty", "/empty holds no files", "lake-assets sample"),
    _with_variable("source that is a file", "LAKE_SOURCE", "{}/file", "/file", "source"),
    Mistake(
        "unknown table folder", ("'store_sale'", "store_sales", "Rename or remove"), files={"store_sale/a.dat": b"1"}
    ),
    Mistake("stray file", ("'read.me'", "one folder per table", "Rename or remove"), files={"read.me": b"hello"}),
    _with_file("truncated gzip", PACKED[: len(PACKED) // 2], "reason/b.dat.gz", "too early", "complete copy"),
    _with_file("gzip truncated by a byte", PACKED[:-1], "reason/b.dat.gz", "complete copy"),
    _with_file("gzip without its last eight bytes", PACKED[:-8], "reason/b.dat.gz", "too early", "complete copy"),
    _with_file("damaged gzip", DAMAGED, "reason/b.dat.gz", "complete copy"),
    _with_file("gzip that is none", REASON.encode(), "reason/b.dat.gz", "not a gzip file", "complete copy"),
    _with_file("empty gz file", b"", "reason/b.dat.gz", "not a gzip file", "complete copy"),
    _with_file("gzip without the name of one", PACKED, "reason/b.dat", "ends in .gz"),
    Mistake(
        "file of another table",
        ("bronze.reason", "batch-000002: schema (1 row)", "3 columns are declared", "reason/b.dat: 14 columns", "anew"),
        files={"reason/b.dat": f"{PAGE}\n".encode()},
        recorded=BLOCKED_FILE,
    ),
    Mistake(
        "Parquet file",
        ("bronze.reason", "batch-000002: schema (9 rows)", "3 columns are declared", "reason/b.parquet: 2 columns"),
        files={"reason/b.parquet": b"PAR1" + bytes(range(256)) * 8},
        recorded=BLOCKED_FILE,
    ),
    _with_file(
        "file without delimiters", b"1\n2\n", "reason/b.dat", "3 columns", "one field each", "folder of its table"
    ),
    _with_file("two files of one name", PACKED, "reason/a.dat.gz", "same object", "Rename one"),
    _with_variable("lake below a file", "LAKE_ROOT", "{}/file/lake", "Cannot write to", "/file/lake", "LAKE_ROOT"),
    _with_variable("lake that is a file", "LAKE_ROOT", "{}/file", "Cannot write to", "/file", "LAKE_ROOT"),
    _with_variable("Dagster home below a file", "DAGSTER_HOME", "{}/file/home", "DAGSTER_HOME", "/file/home"),
    _with_variable(
        "Dagster home with a broken file", "DAGSTER_HOME", "{}/broken_home", "broken_home/dagster.yaml", "Mend"
    ),
    _with_variable("unknown setting", "LAKE_ENGIN", "sail", "LAKE_ENGIN", "Did you mean LAKE_ENGINE?"),
    _with_variable(
        "wrong engine", "LAKE_ENGINE", "duckdb", "LAKE_ENGINE", "'duckdb'", "'sail', 'spark', 'remote' or 'glue'"
    ),
    _with_variable("no thread", "LAKE_THREADS", "0", "LAKE_THREADS", "'0'", "greater than or equal to 1"),
    _with_variable("memory in words", "LAKE_MEMORY_GB", "lots", "LAKE_MEMORY_GB", "'lots'", "number"),
    Mistake(
        "Spark without Java on the path",
        ("'spark' needs Java 17", "PATH", "LAKE_ENGINE=sail"),
        variables={"LAKE_ENGINE": "spark", "PATH": str(PROGRAMS), "JAVA_HOME": ""},
    ),
    Mistake(
        "Spark with a wrong JAVA_HOME",
        ("'spark' needs Java 17", "JAVA_HOME=/no/such/java", "LAKE_ENGINE=sail"),
        variables={"LAKE_ENGINE": "spark", "JAVA_HOME": "/no/such/java"},
    ),
    _with_option("months that are none", "--months", "2000-13", "'2000-13'", "2000-01..2000-12"),
    _with_option("months of nonsense", "--months", "yesterday", "'yesterday'", "1998-01 to 2003-12"),
    _with_option("reversed months", "--months", "2000-05..2000-01", "ends before it starts"),
    _with_option("open range of months", "--months", "2000-05..", "2000-01..2000-12"),
    _with_option("invalid selection", "--only", "key:(", "Examples"),
    _with_option("selection of nothing", "--only", "key:silver/nothing", "selects no asset", "Examples"),
    _with_option("empty selection", "--only", "", "Examples"),
    Mistake("unknown table in a query", ("'nothing'", "silver.reason"), ("query", "SELECT * FROM silver.nothing")),
    Mistake("unknown schema in a query", ("'platinum.reason'", "silver.reason"), ("query", "FROM platinum.reason")),
    Mistake(
        "unknown column in a query", ("The query failed", "r_nothing"), ("query", "SELECT r_nothing FROM silver.reason")
    ),
    Mistake("table not published yet", ("silver.item", "lake-assets run"), ("query", "SELECT * FROM silver.item")),
    Mistake(
        "error in the SQL", ("The query failed", "syntax error", "silver"), ("query", "SELECT * FORM silver.reason")
    ),
    Mistake(
        "query on an empty lake",
        ("Nothing is published", "lake-assets run"),
        ("query", "SELECT * FROM silver.reason"),
        variables={"LAKE_ROOT": "{}/none"},
    ),
    Mistake("sample into a folder with files", ("source", "not empty", "--source"), ("sample", "--scale", "0.01")),
    Mistake("sample of no size", ("--scale",), ("sample", "--scale", "0"), exit_code=USAGE),
    Mistake("sample of a size in words", ("--scale", "number"), ("sample", "--scale", "big"), exit_code=USAGE),
    Mistake("sample below a file", ("file/sample",), ("sample", "--source", "{}/file/sample")),
    Mistake("unknown verb", ("paint",), ("paint",), exit_code=USAGE),
    Mistake("damaged ledger, run", ("_ledger/silver/reason/all.json", "damaged", "Remove"), prepare=_damage_ledger),
    Mistake("damaged ledger, status", ("_ledger/silver/reason/all.json",), ("status",), prepare=_damage_ledger),
)


@dataclass(frozen=True)
class Outcome:
    """What a command did: its process, and the lake's files before and after."""

    process: subprocess.CompletedProcess[str]
    before: dict[str, str]
    after: dict[str, str]

    @property
    def everything(self) -> str:
        return self.process.stdout + self.process.stderr


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, engine: SessionEngine) -> State:
    """A lake of one small dimension."""
    folder = tmp_path_factory.mktemp("small")
    write_arrivals(folder, [{"reason/a.dat": f"{REASON}\n".encode()}])
    play(folder, engine, LAYERS)
    return states(folder)[0]


@pytest.fixture
def lake(small: State, tmp_path: Path) -> State:
    return _copy(small, tmp_path / "copy")


@pytest.fixture(scope="module")
def outcomes(small: State, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Every mistake, made once on a lake of its own; a few commands side by side."""
    folder = tmp_path_factory.mktemp("mistakes")
    copies = [_copy(small, folder / str(number)) for number in range(len(MISTAKES))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(_make, MISTAKES, copies)
        return {mistake.name: outcome for mistake, outcome in zip(MISTAKES, found, strict=True)}


def _copy(small: State, folder: Path) -> State:
    shutil.copytree(small.folder, folder)
    return State(folder)


def _environment(state: State) -> dict[str, str]:
    return lake_environment(state.root, state.settings.local_source, state.folder / "dagster_home")


def _make(mistake: Mistake, state: State) -> Outcome:
    write_files(state.folder, {"file": b"a file", "broken_home/dagster.yaml": b"storage: ["})
    (state.folder / "empty").mkdir()
    write_files(state.settings.local_source, mistake.files)
    mistake.prepare(state)
    variables = {name: value.format(state.folder) for name, value in mistake.variables.items()}
    before = tree_digest(state.root)
    arguments = [argument.format(state.folder) for argument in mistake.arguments]
    process = lake_assets(_environment(state) | variables, *arguments, seconds=SECONDS)
    return Outcome(process, before, tree_digest(state.root))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_ends_in_one_message_and_changes_nothing(outcomes: dict[str, Outcome], mistake: Mistake) -> None:
    outcome = outcomes[mistake.name]
    assert outcome.process.returncode == mistake.exit_code, outcome.everything
    assert "Traceback" not in outcome.everything
    assert len(MESSAGE.findall(outcome.process.stderr)) == 1, outcome.process.stderr
    assert [text for text in mistake.told if text not in outcome.process.stderr] == [], outcome.process.stderr
    changed = {path for path, _ in outcome.before.items() ^ outcome.after.items()}
    assert {path for path in changed if not path.startswith(mistake.recorded)} == set()


def test_the_status_of_an_empty_lake_says_how_to_fill_it(tmp_path: Path) -> None:
    environment = lake_environment(tmp_path / "lake", tmp_path / "source", tmp_path / "home")
    done = lake_assets(environment, "status", seconds=SECONDS)
    assert done.returncode == 0, done.stderr
    assert "is empty" in done.stdout
    assert "lake-assets sample" in done.stdout
    assert "lake-assets run" in done.stdout
    assert not (tmp_path / "lake").exists()


def test_a_good_file_beside_a_bad_one_arrives_once_the_bad_one_is_replaced(lake: State) -> None:
    good, bad = "reason/b.dat", "reason/c.dat.gz"
    write_files(lake.settings.local_source, {good: b"2|AAAAAAAACAAAAAAA|Good|\n", bad: PACKED[:-9]})
    assert lake_assets(_environment(lake), "run", seconds=SECONDS).returncode == 1
    write_files(lake.settings.local_source, {bad: bytes(igzip.compress(b"3|AAAAAAAADAAAAAAA|Whole|\n"))})
    done = lake_assets(_environment(lake), "run", seconds=SECONDS)
    assert done.returncode == 0, done.stderr
    assert {row["r_reason_sk"] for row in lake.rows("silver.reason", "all")} == {1, 2, 3}


def _pin(lake: Lake) -> str:
    """Pin what is new in the source without reading it, as a run that is killed then leaves it."""
    source = lake.source
    batches = lake.ledger.batches()
    return pin(lake.ledger, source, examine(source, look(source, batches), batches, threads=1).files).name


def test_a_file_that_changed_after_it_was_pinned_is_refused(lake: State, engine: SessionEngine) -> None:
    write_files(lake.settings.local_source, {"inventory/a.dat": f"{STOCK}\n".encode()})
    core = Lake(lake.settings)
    batch = _pin(core)
    write_files(lake.settings.local_source, {"inventory/a.dat": f"{STOCK}\n{STOCK}\n".encode()})
    before = tree_digest(lake.root)
    with pytest.raises(SourceError, match=r"inventory/a\.dat changed after it was pinned.*`lake-assets run`"):
        core.materialise(BRONZE["inventory"], [batch], engine.run, "test")
    assert tree_digest(lake.root) == before


def test_a_file_that_is_gone_after_it_was_pinned_is_named(lake: State, engine: SessionEngine) -> None:
    write_files(lake.settings.local_source, {"inventory/a.dat": f"{STOCK}\n".encode()})
    core = Lake(lake.settings)
    batch = _pin(core)
    (lake.settings.local_source / "inventory/a.dat").unlink()
    with pytest.raises(SourceError, match=r"inventory/a\.dat was pinned but cannot be read.*Restore it"):
        core.materialise(BRONZE["inventory"], [batch], engine.run, "test")


def test_the_next_run_takes_the_new_version_of_a_file_that_changed_after_it_was_pinned(
    lake: State, engine: SessionEngine
) -> None:
    write_files(lake.settings.local_source, {"inventory/a.dat": f"{STOCK}\n".encode()})
    core = Lake(lake.settings)
    _pin(core)
    changed = STOCK.replace("|211|", "|5|")
    write_files(lake.settings.local_source, {"inventory/a.dat": f"{changed}\n".encode()})
    assert arrive(core, engine, LAYERS) == {}
    rows = [row for month in SILVER["inventory"].partitions for row in lake.rows("silver.inventory", month)]
    assert [row["inv_quantity_on_hand"] for row in rows] == [5]
    found = lake.balance("inventory")
    assert found is not None
    assert found.missing == 0
