"""Source files in a bucket: found, pinned by the tag of their content, and read in the version that was pinned."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import boto3
import pytest

from lake_assets.aws import Aws
from lake_assets.contract.tables import TABLES
from lake_assets.engine.source_files import S3Text, SourceReader
from lake_assets.errors import AwsError, SourceError
from lake_assets.lake.arrival import examine, look, pin
from lake_assets.lake.inspection import inspect
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.s3_source import S3Source
from lake_assets.lake.s3_store import S3Store
from lake_assets.lake.task import FileInput, SourceAccess
from lake_assets.location import S3Folder
from lake_assets_tests.support.aws.emulator import Emulator

LINES = b"1|AAAAAAAABAAAAAAA|Too heavy|\n2|AAAAAAAACAAAAAAA|Too light|\n"
PATH = "reason/reason.dat.0001.gz"


@pytest.fixture(params=["", "TPC-DS/2.13"])
def source(aws: Emulator, request: pytest.FixtureRequest) -> S3Source:
    return S3Source(S3Folder(aws.new_bucket(), request.param), Aws())


def deliver(source: S3Source, path: str, content: bytes = b"1|\n") -> None:
    boto3.client("s3").put_object(Bucket=source.folder.bucket, Key=source.folder.key(path), Body=content)


def file_input(source: S3Source, path: str) -> FileInput:
    (listed,) = (file for file in source.list_files() if file.path == path)
    return FileInput(uri=str(source.folder / path), path=path, object="bronze/x.parquet", etag=listed.etag)


def test_files_are_listed_by_path_with_size_and_tag_and_without_markers(source: S3Source) -> None:
    for path in (
        "reason/b.dat",
        "reason/a.dat",
        "item/deep/c.dat.gz",
        "reason/_SUCCESS",
        "_SUCCESS",
        "dbgen_version/1.dat",
    ):
        deliver(source, path)
    boto3.client("s3").put_object(Bucket=source.folder.bucket, Key=f"{source.folder.key('reason')}/")
    listed = source.list_files()
    assert [(file.table, file.path, file.size) for file in listed] == [
        ("item", "item/deep/c.dat.gz", 3),
        ("reason", "reason/a.dat", 3),
        ("reason", "reason/b.dat", 3),
    ]
    assert all(file.etag for file in listed)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("resaon/a.dat", "Unknown folder 'resaon' in the source s3://"),
        ("reason.dat", "Unknown file 'reason.dat'"),
        ("reason/a[1].dat", "which engines take for a pattern"),
    ],
)
def test_what_belongs_to_no_table_or_cannot_be_read_is_told(source: S3Source, path: str, told: str) -> None:
    deliver(source, path)
    with pytest.raises(SourceError if "Unknown" in told else Exception) as refused:
        source.list_files()
    assert told in str(refused.value)


def test_a_source_without_files_or_without_a_bucket_is_told(source: S3Source) -> None:
    with pytest.raises(SourceError, match="holds no files"):
        source.list_files()
    with pytest.raises(AwsError, match="Create the bucket, or correct the address"):
        S3Source(S3Folder("no-such-bucket-here"), Aws()).list_files()


def test_two_files_that_would_become_the_same_object_are_refused(source: S3Source) -> None:
    deliver(source, "reason/a.dat")
    deliver(source, "reason/a.dat.gz")
    with pytest.raises(SourceError, match="would become the same object"):
        source.list_files()


def test_only_a_new_content_is_new_and_nothing_is_read_to_find_out(source: S3Source, aws: Emulator) -> None:
    ledger = Ledger(S3Store(S3Folder(aws.new_bucket()), Aws()))
    deliver(source, PATH, gzip.compress(LINES))
    found = examine(source, look(source, ()), (), threads=2).files
    assert [(file.path, file.inspection) for file in found] == [(PATH, None)]
    batch = pin(ledger, source, found)
    assert batch.source == str(source.folder)
    assert look(source, [batch]).new == ()
    deliver(source, PATH, gzip.compress(LINES + b"3|AAAAAAAADAAAAAAA|Too blue|\n"))
    changed = look(source, [batch])
    assert [file.path for file in changed.new] == [PATH]
    assert len(examine(source, changed, [batch], threads=2).files) == 1
    assert aws.faults.count("GetObject") == 0


def test_a_pinned_file_that_changed_or_is_gone_is_told(source: S3Source) -> None:
    deliver(source, PATH, b"one")
    (file,) = examine(source, look(source, ()), (), threads=1).files
    assert source.check_unchanged(file) == str(source.folder / PATH)
    deliver(source, PATH, b"two")
    with pytest.raises(SourceError, match="changed after it was pinned"):
        source.check_unchanged(file)
    boto3.client("s3").delete_object(Bucket=source.folder.bucket, Key=source.folder.key(PATH))
    with pytest.raises(SourceError, match=r"is gone\. Restore it"):
        source.check_unchanged(file)


def test_a_marker_has_another_version_when_it_is_written_anew(source: S3Source) -> None:
    assert source.marker_version("_SUCCESS") is None
    deliver(source, "_SUCCESS", b"1")
    first = source.marker_version("_SUCCESS")
    assert first == source.marker_version("_SUCCESS") is not None
    deliver(source, "_SUCCESS", b"2")
    assert source.marker_version("_SUCCESS") != first


@pytest.mark.parametrize("copied", [True, False])
def test_an_engine_reads_the_version_that_was_pinned_even_when_the_connection_breaks(
    source: S3Source, aws: Emulator, tmp_path: Path, copied: bool
) -> None:
    content = b"".join(b"%d|AAAAAAAABAAAAAAA|Too heavy|\n" % number for number in range(50_000))
    deliver(source, PATH, gzip.compress(content))
    aws.faults.add("GetObject", times=2, cut=0.5)
    text = SourceReader(SourceAccess(copied=copied), tmp_path).text(file_input(source, PATH))
    assert isinstance(text, Path if copied else S3Text)
    found = inspect(text, TABLES["reason"])
    assert (found.lines, found.fields, found.encoding, found.terminated) == (50_000, 3, "utf-8", True)


def test_an_engine_refuses_another_version_than_the_pinned_one(source: S3Source, tmp_path: Path) -> None:
    deliver(source, PATH, gzip.compress(LINES))
    pinned = file_input(source, PATH)
    deliver(source, PATH, gzip.compress(LINES * 2))
    with pytest.raises(SourceError, match="changed while it was read, or after it was pinned"):
        SourceReader(SourceAccess(), tmp_path).text(pinned)
    direct = SourceReader(SourceAccess(copied=False), tmp_path).text(pinned)
    assert isinstance(direct, S3Text)
    with pytest.raises(SourceError, match="changed after it was pinned"):
        direct.check_unchanged()


def test_a_damaged_file_is_told_with_its_address(source: S3Source, tmp_path: Path) -> None:
    deliver(source, PATH, gzip.compress(LINES)[:-5])
    text = SourceReader(SourceAccess(copied=False), tmp_path).text(file_input(source, PATH))
    with pytest.raises(SourceError, match=r"Cannot read s3://.*reason\.dat\.0001\.gz .*ends too early"):
        inspect(text, TABLES["reason"])


def test_a_public_bucket_is_read_without_signing(source: S3Source) -> None:
    deliver(source, PATH, LINES)
    seen: list[str] = []
    anonymous = Aws(anonymous=True)
    anonymous.client("s3").meta.events.register(
        "before-send.s3", lambda request, **_: seen.append(str(request.headers.get("Authorization")))
    )
    assert len(S3Source(source.folder, anonymous).list_files()) == 1
    assert seen == ["None"]
    assert anonymous.credentials() is None


def test_a_stream_reads_what_is_asked_for_and_no_more(source: S3Source) -> None:
    deliver(source, PATH, LINES)
    with S3Text(file_input(source, PATH), Aws()).open("rb") as file:
        assert isinstance(file, io.BufferedReader)
        assert file.read(5) == LINES[:5]
        assert file.read() == LINES[5:]
        assert file.read() == b""
