"""The sample: real TPC-DS data in the layout of the real bucket, complete or not there at all."""

from __future__ import annotations

import gzip
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from lake_assets.contract.tables import FACTS, TABLES
from lake_assets.errors import SourceError
from lake_assets.lake.sample import MARKER, make_sample
from lake_assets.lake.source import LocalSource
from lake_assets_tests.conftest import SCALE

# Tables whose size the TPC-DS specification (table 3-2) does not scale.
ROWS_AT_EVERY_SCALE = {
    "customer_demographics": 1_920_800,
    "date_dim": 73_049,
    "household_demographics": 7_200,
    "income_band": 20,
    "ship_mode": 20,
    "time_dim": 86_400,
}


@pytest.fixture
def no_generator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path / "bin"))


def contents(source: Path, table: str) -> Iterator[bytes]:
    for path in sorted((source / table).iterdir()):
        with gzip.open(path) as file:
            yield file.read()


def test_every_table_has_a_folder_and_every_fact_and_every_table_over_64_mb_two_files(source: Path) -> None:
    files = {
        folder.name: sorted(path.name for path in folder.iterdir()) for folder in source.iterdir() if folder.is_dir()
    }
    assert sorted(files) == list(TABLES)
    for name, table in TABLES.items():
        numbers = ("0001", "0002") if table.is_fact or name == "customer_demographics" else ("0001",)
        assert files[name] == [f"{name}.dat.{number}.gz" for number in numbers]


def test_tables_that_do_not_scale_have_the_rows_of_the_specification(source: Path) -> None:
    found = {name: sum(part.count(b"\n") for part in contents(source, name)) for name in ROWS_AT_EVERY_SCALE}
    assert found == ROWS_AT_EVERY_SCALE


def test_files_are_split_between_lines_and_every_line_fits_its_table(source: Path) -> None:
    for fact in FACTS:
        parts = list(contents(source, fact.name))
        sizes = [len(part) for part in parts]
        assert max(sizes) - min(sizes) < 400, fact.name
        for part in parts:
            assert part.endswith(b"|\n")
            assert {line.count(b"|") for line in part.splitlines()} == {len(fact.columns)}, fact.name


def test_a_sample_is_a_source(source: Path) -> None:
    assert len(LocalSource(source).list_files()) == 24 + len(FACTS) + 1


def test_the_same_scale_gives_the_same_bytes_and_reports_each_table(source: Path, tmp_path: Path) -> None:
    again, tables = tmp_path / "again", list[str]()
    again.mkdir()
    assert make_sample(SCALE, again, tables.append) is True
    assert tables == list(TABLES)
    files = {path.relative_to(source) for path in source.rglob("*")}
    assert {path.relative_to(again) for path in again.rglob("*")} == files
    assert all(
        (source / path).read_bytes() == (again / path).read_bytes() for path in files if (source / path).is_file()
    )
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_a_sample_that_is_there_already_is_left_alone(source: Path, no_generator: None) -> None:
    assert make_sample(SCALE, source, lambda _: None) is False


def test_a_sample_of_another_scale_is_not_overwritten(source: Path, no_generator: None) -> None:
    with pytest.raises(SourceError, match=r"is not empty and is not a sample of scale 1\..*--source"):
        make_sample(1, source, lambda _: None)


@pytest.mark.parametrize("content", [None, "", "no json", '{"scale": 0.02}', '["scale"]'])
def test_a_folder_that_holds_anything_else_is_not_touched(
    tmp_path: Path, no_generator: None, content: str | None
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    if content is not None:
        (folder / MARKER).write_text(content)
    with pytest.raises(SourceError, match=r"mine is not empty and is not a sample of scale 0\.01"):
        make_sample(0.01, folder, lambda _: None)
    assert (folder / "thesis.txt").read_text() == "precious"


def test_a_generator_that_is_not_installed_is_named_and_nothing_is_left(tmp_path: Path, no_generator: None) -> None:
    with pytest.raises(SourceError, match=r"tpcgen-cli is not installed: `pip install tpcgen-cli`"):
        make_sample(0.01, tmp_path / "source", lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_generator_that_fails_is_told_with_what_it_said_and_nothing_is_left(
    tmp_path: Path, no_generator: None
) -> None:
    program = tmp_path / "bin" / "tpcgen-cli"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'scale is odd' >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(SourceError, match=r"generator failed at scale 0\.01: scale is odd"):
        make_sample(0.01, tmp_path / "source", lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SourceError, match=r"Cannot write the sample to .*/file/source: (Not a directory|File exists)"):
        make_sample(0.01, tmp_path / "file" / "source", lambda _: None)
