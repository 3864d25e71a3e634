"""Source files: what lies in the source, what of it is new, and batches that pin it."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lake_assets.errors import PublishConflictError, SettingsError, SourceError
from lake_assets.lake.lake import Lake
from lake_assets.lake.records import Batch, SourceFile
from lake_assets.lake.source import check_unchanged, discover, inspect_all, pin
from lake_assets_tests.support.lake_support import arrive, new_lake, write_source


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return new_lake(tmp_path)


def new_files(lake: Lake) -> list[str]:
    return [file.path for file in discover(lake.settings.source, lake.ledger.batches())]


def touch(path: Path, seconds: float = 10) -> None:
    """Another time stamp on the same content."""
    written = path.stat().st_mtime + seconds
    os.utime(path, (written, written))


def test_a_source_that_does_not_exist_is_told_with_what_to_do(lake: Lake) -> None:
    with pytest.raises(SourceError, match=r"source folder .*/source does not exist.*lake-assets sample.*LAKE_SOURCE"):
        new_files(lake)


def test_a_source_that_is_a_file_is_told_plainly(lake: Lake) -> None:
    lake.settings.source.write_text("no folder")
    with pytest.raises(SourceError, match=r"Cannot read the source folder .*/source: Not a directory"):
        new_files(lake)


@pytest.mark.parametrize("folder", ["", "store_sales", "store_sales/2024"])
def test_a_source_without_files_is_told_with_what_to_do(lake: Lake, folder: str) -> None:
    (lake.settings.source / folder).mkdir(parents=True)
    with pytest.raises(SourceError, match=r"holds no files.*one folder per table.*lake-assets sample"):
        new_files(lake)


@pytest.mark.parametrize(
    ("path", "told"),
    [("store_sale/a.dat", "Unknown folder 'store_sale'"), ("reason.dat", "Unknown file 'reason.dat'")],
)
def test_what_belongs_to_no_table_is_named_with_the_tables_there_are(lake: Lake, path: str, told: str) -> None:
    write_source(lake, "reason/a.dat", "1|A|x|")
    write_source(lake, path, "1|")
    with pytest.raises(SourceError) as refused:
        new_files(lake)
    assert told in str(refused.value)
    assert "call_center, catalog_page, " in str(refused.value)


def test_a_file_named_like_a_table_is_no_folder_of_it(lake: Lake) -> None:
    write_source(lake, "reason", "1|")
    with pytest.raises(SourceError, match="Unknown file 'reason'"):
        new_files(lake)


def test_hidden_and_side_files_and_the_version_of_the_kit_are_ignored(lake: Lake) -> None:
    for path in (
        "reason/a.dat",
        "reason/2024/b.dat",
        "reason/.a.dat.swp",
        "reason/_SUCCESS",
        "reason/.part.crc",
        "reason/_temporary/0/part.dat",
        "reason/.git/config",
        ".sample.json",
        ".cache/file",
        "dbgen_version/dbgen_version.dat",
    ):
        write_source(lake, path, "1|A|x|")
    assert new_files(lake) == ["reason/2024/b.dat", "reason/a.dat"]


def test_files_come_by_table_and_name_with_their_size_and_content_but_not_looked_through(lake: Lake) -> None:
    write_source(lake, "store/b.dat", "1|")
    write_source(lake, "item/z.dat.gz", "1|")
    path = write_source(lake, "store/a.dat", "1|2|")
    digest = hashlib.sha256(b"1|2|\n").hexdigest()
    found = discover(lake.settings.source, ())
    assert [(file.table, file.path) for file in found] == [
        ("item", "item/z.dat.gz"),
        ("store", "store/a.dat"),
        ("store", "store/b.dat"),
    ]
    assert found[1] == SourceFile(
        table="store",
        path="store/a.dat",
        size=5,
        etag=f"sha256:{digest}",
        modified_ns=path.stat().st_mtime_ns,
    )


@pytest.mark.parametrize(
    ("one", "other", "stem"),
    [
        ("reason/a.dat", "reason/a.dat.gz", "a.dat"),
        ("reason/2024/a.dat", "reason/2024__a.dat", "2024__a.dat"),
    ],
)
def test_two_files_that_would_become_one_object_are_refused(lake: Lake, one: str, other: str, stem: str) -> None:
    first, second = write_source(lake, one, "1|A|x|"), write_source(lake, other, "1|A|x|")
    with pytest.raises(SourceError) as refused:
        new_files(lake)
    assert f"{first} and {second} would become the same object {stem}.parquet" in str(refused.value)


def test_files_of_the_same_name_in_two_tables_or_folders_are_two_objects(lake: Lake) -> None:
    for path in ("reason/a.dat", "store/a.dat", "reason/1/a.dat", "reason/2/a.dat"):
        write_source(lake, path, "1|")
    assert len(new_files(lake)) == 4


def test_what_was_pinned_is_not_new_and_what_came_since_is(lake: Lake) -> None:
    write_source(lake, "reason/a.dat", "1|A|x|")
    assert arrive(lake).name == "batch-000001"
    assert new_files(lake) == []
    write_source(lake, "reason/b.dat", "2|B|y|")
    assert new_files(lake) == ["reason/b.dat"]


def test_a_file_with_another_time_stamp_only_is_not_new(lake: Lake) -> None:
    path = write_source(lake, "reason/a.dat", "1|A|x|")
    arrive(lake)
    touch(path)
    assert new_files(lake) == []
    touch(path, -3600)
    assert new_files(lake) == []


@pytest.mark.parametrize("line", ["1|A|yy|", "1|A|y|"], ids=["another size", "the same size"])
def test_a_file_with_another_content_is_new(lake: Lake, line: str) -> None:
    path = write_source(lake, "reason/a.dat", "1|A|x|")
    arrive(lake)
    write_source(lake, "reason/a.dat", line)
    touch(path)
    assert new_files(lake) == ["reason/a.dat"]


def test_a_file_of_another_size_is_new_even_with_the_old_time_stamp(lake: Lake) -> None:
    path = write_source(lake, "reason/a.dat", "1|A|x|")
    arrive(lake)
    before = path.stat()
    write_source(lake, "reason/a.dat", "1|A|longer|")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert new_files(lake) == ["reason/a.dat"]


def test_a_file_that_returns_to_an_earlier_content_is_new_again(lake: Lake) -> None:
    for number, text in enumerate(("x", "y", "x")):
        touch(write_source(lake, "reason/a.dat", f"1|A|{text}|"), number + 1)
        assert new_files(lake) == ["reason/a.dat"]
        arrive(lake)
    assert new_files(lake) == []
    assert len(lake.ledger.batches()) == 3


def test_a_file_that_was_removed_is_no_change(lake: Lake) -> None:
    write_source(lake, "reason/a.dat", "1|A|x|")
    gone = write_source(lake, "reason/b.dat", "2|B|y|")
    arrive(lake)
    gone.unlink()
    assert new_files(lake) == []


def test_a_batch_holds_what_the_look_through_each_file_found(lake: Lake) -> None:
    write_source(lake, "reason/a.dat.gz", "1|A|x|", "2|B|y|")
    write_source(lake, "inventory/a.dat", "1|2|3|4")
    seen: list[str] = []
    found = discover(lake.settings.source, ())
    inspected = inspect_all(lake.settings.source, found, 2, lambda file: seen.append(file.path))
    assert sorted(seen) == ["inventory/a.dat", "reason/a.dat.gz"]
    assert [file.path for file in inspected] == ["inventory/a.dat", "reason/a.dat.gz"]
    looks = [file.inspection for file in inspected if file.inspection]
    assert [(each.lines, each.terminated, each.plain) for each in looks] == [(1, False, True), (2, True, False)]
    batch = pin(lake.ledger, lake.settings.source, inspected)
    assert lake.ledger.batches() == (batch,)
    assert (batch.name, batch.source) == ("batch-000001", str(lake.settings.source))


def test_one_unreadable_file_keeps_the_whole_batch_from_being_pinned(lake: Lake) -> None:
    write_source(lake, "reason/a.dat.gz", "1|A|x|")
    write_source(lake, "reason/b.dat.gz", "1|A|x|").write_bytes(gzip.compress(b"1|A|x|\n")[:-3])
    with pytest.raises(SourceError, match=r"reason/b\.dat\.gz"):
        arrive(lake)
    assert lake.ledger.batches() == ()


def test_of_two_processes_that_pin_at_the_same_time_one_is_refused(lake: Lake) -> None:
    write_source(lake, "reason/a.dat", "1|A|x|")
    found = discover(lake.settings.source, ())

    class SlowLedger:
        """Lets a rival pin its batch between the look at the batches and the write."""

        def batches(self) -> tuple[Batch, ...]:
            before = lake.ledger.batches()
            pin(lake.ledger, lake.settings.source, found)
            return before

        def pin(self, batch: Batch) -> None:
            lake.ledger.pin(batch)

    with pytest.raises(PublishConflictError):
        pin(SlowLedger(), lake.settings.source, found)  # type: ignore[arg-type]
    assert len(lake.ledger.batches()) == 1


def test_after_a_damaged_batch_was_removed_its_files_arrive_as_a_new_one(lake: Lake) -> None:
    write_source(lake, "reason/a.dat", "1|A|x|")
    first = arrive(lake)
    write_source(lake, "reason/b.dat", "2|B|y|")
    arrive(lake)
    lake.store.delete(f"_ledger/batches/{first.name}.json")
    assert new_files(lake) == ["reason/a.dat"]
    assert arrive(lake).name == "batch-000003"
    assert new_files(lake) == []


def pinned_file(lake: Lake, *lines: str) -> tuple[Path, SourceFile]:
    path = write_source(lake, "reason/a.dat", *lines)
    (file,) = arrive(lake).files
    return path, file


def test_a_pinned_file_is_found_again_also_with_another_time_stamp(lake: Lake) -> None:
    path, file = pinned_file(lake, "1|A|x|")
    assert check_unchanged(lake.settings.source, file) == path
    touch(path)
    assert check_unchanged(lake.settings.source, file) == path


@pytest.mark.parametrize("line", ["1|A|y|", "1|A|longer|", ""])
def test_a_pinned_file_that_changed_is_refused_with_what_to_do(lake: Lake, line: str) -> None:
    path, file = pinned_file(lake, "1|A|x|")
    write_source(lake, "reason/a.dat", line)
    touch(path)
    with pytest.raises(SourceError, match=r"reason/a\.dat changed after it was pinned\. Run `lake-assets run`"):
        check_unchanged(lake.settings.source, file)


def test_a_pinned_file_that_is_gone_is_refused_with_what_to_do(lake: Lake) -> None:
    path, file = pinned_file(lake, "1|A|x|")
    path.unlink()
    with pytest.raises(SourceError, match=r"reason/a\.dat was pinned but cannot be read: No such file .*Restore it"):
        check_unchanged(lake.settings.source, file)


def test_a_run_that_saw_fewer_batches_than_there_are_is_refused(lake: Lake) -> None:
    write_source(lake, "reason/a.dat", "1|AAAAAAAABAAAAAAA|one|")
    seen = lake.ledger.batches()
    found = discover(lake.settings.source, seen)
    arrive(lake)
    with pytest.raises(PublishConflictError, match="pinned them as batch-000001"):
        pin(lake.ledger, lake.settings.source, found, seen)
    assert [batch.name for batch in lake.ledger.batches()] == ["batch-000001"]


@pytest.mark.parametrize("name", ["a[1].dat", "a*.dat", "part?/a.dat", "{a}.dat.gz"])
def test_a_file_name_that_an_engine_would_take_for_a_pattern_is_refused(lake: Lake, name: str) -> None:
    file = write_source(lake, f"reason/{name}", "1|AAAAAAAABAAAAAAA|one|")
    with pytest.raises(SettingsError, match="Rename it") as refused:
        discover(lake.settings.source, [])
    assert str(file) in str(refused.value)


def test_a_folder_that_cannot_be_listed_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    write_source(lake, "reason/a.dat", "1|AAAAAAAABAAAAAAA|one|")
    walk = os.walk

    def denied(top: Path, **options: Any) -> Iterator[tuple[str, list[str], list[str]]]:
        options["onerror"](PermissionError(13, "Permission denied", str(top)))
        return walk(top)

    monkeypatch.setattr(os, "walk", denied)
    with pytest.raises(SourceError, match=r"reason: Permission denied"):
        discover(lake.settings.source, [])
