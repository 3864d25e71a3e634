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
from lake_assets.lake.arrival import examine, look, pin
from lake_assets.lake.lake import Lake
from lake_assets.lake.records import Batch, SourceFile
from lake_assets_tests.support.lake_support import arrive, new_lake, write_source


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return new_lake(tmp_path)


def new_files(lake: Lake) -> list[str]:
    return [file.path for file in examined(lake)]


def examined(lake: Lake) -> tuple[SourceFile, ...]:
    """New files of the source, looked through."""
    source, batches = lake.source, lake.ledger.batches()
    return examine(source, look(source, batches), batches, threads=2).files


def touch(path: Path, seconds: float = 10) -> None:
    """Another time stamp on the same content."""
    written = path.stat().st_mtime + seconds
    os.utime(path, (written, written))


def test_a_source_that_does_not_exist_is_told_with_what_to_do(lake: Lake) -> None:
    with pytest.raises(SourceError, match=r"source folder .*/source does not exist.*lake-assets sample.*LAKE_SOURCE"):
        new_files(lake)


def test_a_source_that_is_a_file_is_told_plainly(lake: Lake) -> None:
    lake.settings.local_source.write_text("no folder")
    with pytest.raises(SourceError, match=r"Cannot read the source folder .*/source: Not a directory"):
        new_files(lake)


@pytest.mark.parametrize("folder", ["", "store_sales", "store_sales/2024"])
def test_a_source_without_files_is_told_with_what_to_do(lake: Lake, folder: str) -> None:
    (lake.settings.local_source / folder).mkdir(parents=True)
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


def test_files_come_by_table_and_name_with_their_size_and_content(lake: Lake) -> None:
    write_source(lake, "reason/b.dat", "2|B|y|")
    write_source(lake, "inventory/z.dat.gz", "1|2|3|4|")
    path = write_source(lake, "reason/a.dat", "1|A|x|")
    digest = hashlib.sha256(b"1|A|x|\n").hexdigest()
    found = examined(lake)
    assert [(file.table, file.path) for file in found] == [
        ("inventory", "inventory/z.dat.gz"),
        ("reason", "reason/a.dat"),
        ("reason", "reason/b.dat"),
    ]
    assert found[1].model_copy(update={"inspection": None}) == SourceFile(
        table="reason",
        path="reason/a.dat",
        size=7,
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
    assert len(lake.source.list_files()) == 4


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


def test_a_file_that_was_removed_is_no_change_but_told(lake: Lake) -> None:
    write_source(lake, "reason/a.dat", "1|A|x|")
    gone = write_source(lake, "reason/b.dat", "2|B|y|")
    arrive(lake)
    gone.unlink()
    assert new_files(lake) == []
    assert look(lake.source, lake.ledger.batches()).gone == ("reason/b.dat",)


def test_the_version_of_an_arrival_is_the_same_until_a_file_is_added_or_changes(lake: Lake) -> None:
    def version() -> str:
        return look(lake.source, lake.ledger.batches()).version

    path = write_source(lake, "reason/a.dat", "1|A|x|")
    versions = [version(), version()]
    touch(path)
    versions.append(version())
    write_source(lake, "reason/b.dat", "2|B|y|")
    versions.append(version())
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


def test_files_that_there_is_no_time_for_are_left_for_the_next_batch(lake: Lake) -> None:
    for name in ("a", "b", "c"):
        write_source(lake, f"reason/{name}.dat", f"1|{name}|x|")
    source = lake.source
    examined = examine(source, look(source, ()), (), threads=1, seconds=-1)
    assert [file.path for file in examined.files] == ["reason/a.dat"]
    assert [file.path for file in examined.left] == ["reason/b.dat", "reason/c.dat"]
    pin(lake.ledger, source, examined.files)
    assert new_files(lake) == ["reason/b.dat", "reason/c.dat"]


def test_the_version_of_a_marker_changes_when_it_is_written_anew(lake: Lake) -> None:
    write_source(lake, "reason/a.dat", "1|A|x|")
    source = lake.source
    assert source.marker_version("_SUCCESS") is None
    marker = write_source(lake, "_SUCCESS")
    first = source.marker_version("_SUCCESS")
    assert first == source.marker_version("_SUCCESS") is not None
    touch(marker)
    assert source.marker_version("_SUCCESS") != first
    assert [file.path for file in source.list_files()] == ["reason/a.dat"]


def test_a_batch_holds_what_the_look_through_each_file_found(lake: Lake) -> None:
    write_source(lake, "reason/a.dat.gz", "1|A|x|", "2|B|y|")
    write_source(lake, "inventory/a.dat", "1|2|3|4")
    seen: list[str] = []
    source = lake.source
    inspected = examine(source, look(source, ()), (), threads=2, advance=lambda file: seen.append(file.path)).files
    assert sorted(seen) == ["inventory/a.dat", "reason/a.dat.gz"]
    assert [file.path for file in inspected] == ["inventory/a.dat", "reason/a.dat.gz"]
    looks = [file.inspection for file in inspected if file.inspection]
    assert [(each.lines, each.terminated, each.plain) for each in looks] == [(1, False, True), (2, True, False)]
    batch = pin(lake.ledger, lake.source, inspected)
    assert lake.ledger.batches() == (batch,)
    assert (batch.name, batch.source) == ("batch-000001", str(lake.settings.local_source))


def test_one_unreadable_file_keeps_the_whole_batch_from_being_pinned(lake: Lake) -> None:
    write_source(lake, "reason/a.dat.gz", "1|A|x|")
    write_source(lake, "reason/b.dat.gz", "1|A|x|").write_bytes(gzip.compress(b"1|A|x|\n")[:-3])
    with pytest.raises(SourceError, match=r"reason/b\.dat\.gz"):
        arrive(lake)
    assert lake.ledger.batches() == ()


def test_of_two_processes_that_pin_at_the_same_time_one_is_refused(lake: Lake) -> None:
    write_source(lake, "reason/a.dat", "1|A|x|")
    found = examined(lake)

    class SlowLedger:
        """Lets a rival pin its batch between the look at the batches and the write."""

        def batches(self) -> tuple[Batch, ...]:
            before = lake.ledger.batches()
            pin(lake.ledger, lake.source, found)
            return before

        def pin(self, batch: Batch) -> None:
            lake.ledger.pin(batch)

    with pytest.raises(PublishConflictError):
        pin(SlowLedger(), lake.source, found)  # type: ignore[arg-type]
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
    assert lake.source.check_unchanged(file) == str(path)
    touch(path)
    assert lake.source.check_unchanged(file) == str(path)


@pytest.mark.parametrize("line", ["1|A|y|", "1|A|longer|", ""])
def test_a_pinned_file_that_changed_is_refused_with_what_to_do(lake: Lake, line: str) -> None:
    path, file = pinned_file(lake, "1|A|x|")
    write_source(lake, "reason/a.dat", line)
    touch(path)
    with pytest.raises(SourceError, match=r"reason/a\.dat changed after it was pinned\. Run `lake-assets run`"):
        lake.source.check_unchanged(file)


def test_a_pinned_file_that_is_gone_is_refused_with_what_to_do(lake: Lake) -> None:
    path, file = pinned_file(lake, "1|A|x|")
    path.unlink()
    with pytest.raises(SourceError, match=r"reason/a\.dat was pinned but cannot be read: No such file .*Restore it"):
        lake.source.check_unchanged(file)


def test_a_run_that_saw_fewer_batches_than_there_are_is_refused(lake: Lake) -> None:
    write_source(lake, "reason/a.dat", "1|AAAAAAAABAAAAAAA|one|")
    seen = lake.ledger.batches()
    found = examined(lake)
    arrive(lake)
    with pytest.raises(PublishConflictError, match="pinned them as batch-000001"):
        pin(lake.ledger, lake.source, found, seen)
    assert [batch.name for batch in lake.ledger.batches()] == ["batch-000001"]


@pytest.mark.parametrize("name", ["a[1].dat", "a*.dat", "part?/a.dat", "{a}.dat.gz"])
def test_a_file_name_that_an_engine_would_take_for_a_pattern_is_refused(lake: Lake, name: str) -> None:
    file = write_source(lake, f"reason/{name}", "1|AAAAAAAABAAAAAAA|one|")
    with pytest.raises(SettingsError, match="Rename it") as refused:
        lake.source.list_files()
    assert str(file) in str(refused.value)


def test_a_folder_that_cannot_be_listed_is_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    write_source(lake, "reason/a.dat", "1|AAAAAAAABAAAAAAA|one|")
    walk = os.walk

    def denied(top: Path, **options: Any) -> Iterator[tuple[str, list[str], list[str]]]:
        options["onerror"](PermissionError(13, "Permission denied", str(top)))
        return walk(top)

    monkeypatch.setattr(os, "walk", denied)
    with pytest.raises(SourceError, match=r"reason: Permission denied"):
        lake.source.list_files()
