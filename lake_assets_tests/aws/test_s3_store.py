"""The store on S3: conditional writes, replacement by copy, listings; and what becomes of them when S3 or the network fails."""

from __future__ import annotations

import hashlib
import io
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake_assets.aws import Aws
from lake_assets.errors import AwsError, AwsUnavailableError, PublishConflictError, may_pass
from lake_assets.lake import s3_store
from lake_assets.lake.s3_store import S3Store
from lake_assets.lake.store import ObjectInfo
from lake_assets.location import S3Folder
from lake_assets.s3_requests import S3_REQUESTS, Requests
from lake_assets_tests.support.aws.emulator import Emulator

KEY = "_ledger/silver/inventory/1998-01.json"
STAGED, TARGET = "_staging/run/data/part.parquet", "silver/item/item.parquet"


@pytest.fixture(params=["", "lakes/one"])
def store(aws: Emulator, request: pytest.FixtureRequest) -> S3Store:
    return S3Store(S3Folder(aws.new_bucket(), request.param), Aws())


@pytest.fixture
def plain(aws: Emulator) -> S3Store:
    return S3Store(S3Folder(aws.new_bucket()), Aws())


def keys_in(aws: Emulator, store: S3Store) -> list[str]:
    listed = aws.client("s3").list_objects_v2(Bucket=store.root.bucket)
    return [item["Key"] for item in listed.get("Contents", ())]


def content_of(store: S3Store, key: str) -> bytes:
    found = store.read(key)
    assert found is not None
    return found[0]


def test_what_was_written_is_read_back_with_its_version(store: S3Store) -> None:
    assert store.read(KEY) is None
    version = store.write_if(KEY, b"one", None)
    assert store.read(KEY) == (b"one", version)
    assert store.write_if(KEY, b"two", version) != version
    assert content_of(store, KEY) == b"two"


def test_an_empty_object_is_read_as_such(store: S3Store) -> None:
    store.put(KEY, b"")
    assert content_of(store, KEY) == b""


def test_a_write_on_an_old_version_or_on_none_is_refused_and_changes_nothing(store: S3Store) -> None:
    first = store.write_if(KEY, b"one", None)
    store.write_if(KEY, b"two", first)
    for expected in (first, None):
        with pytest.raises(PublishConflictError, match="changed by another writer"):
            store.write_if(KEY, b"three", expected)
    assert content_of(store, KEY) == b"two"
    store.delete(KEY)
    with pytest.raises(PublishConflictError):
        store.write_if(KEY, b"three", first)
    assert store.read(KEY) is None


def test_of_eight_writers_of_the_same_version_exactly_one_wins(plain: S3Store) -> None:
    def attempt(number: int) -> bool:
        try:
            plain.write_if(KEY, f"writer {number}".encode(), None)
        except PublishConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(8)))
    assert sum(won) == 1
    assert content_of(plain, KEY) == f"writer {won.index(True)}".encode()


def test_a_staged_object_takes_the_place_of_another_as_a_whole(store: S3Store) -> None:
    for content in (b"old", b"new"):
        store.put(f"{STAGED}.{content.decode()}", content)
        store.replace(f"{STAGED}.{content.decode()}", TARGET)
        assert content_of(store, TARGET) == content


def test_a_large_object_is_copied_in_parts(plain: S3Store, monkeypatch: pytest.MonkeyPatch, aws: Emulator) -> None:
    monkeypatch.setattr(s3_store, "_LARGEST_COPY", 6 << 20)
    monkeypatch.setattr(s3_store, "_PART", 5 << 20)
    content = bytes(range(256)) * (48 << 10)
    plain.put(STAGED, content)
    plain.replace(STAGED, TARGET)
    assert hashlib.sha256(content_of(plain, TARGET)).digest() == hashlib.sha256(content).digest()
    assert aws.faults.count("UploadPartCopy") == 3
    plain.put(f"{STAGED}.late", content)
    with pytest.raises(PublishConflictError, match="taken over"):
        plain.replace(f"{STAGED}.late", TARGET, lambda: False)
    assert aws.client("s3").list_multipart_uploads(Bucket=plain.root.bucket).get("Uploads", []) == []


def test_replacing_by_something_that_was_not_staged_keeps_the_object(store: S3Store) -> None:
    store.put(TARGET, b"old")
    with pytest.raises(AwsError, match=r"the staged object s3://.*nowhere is gone"):
        store.replace("_staging/nowhere", TARGET)
    assert content_of(store, TARGET) == b"old"


def test_a_writer_that_lost_its_right_replaces_nothing(store: S3Store) -> None:
    store.put(TARGET, b"theirs")
    store.put(STAGED, b"mine")
    with pytest.raises(PublishConflictError, match="taken over"):
        store.replace(STAGED, TARGET, lambda: False)
    assert content_of(store, TARGET) == b"theirs"


def test_a_writer_that_falls_asleep_before_its_copy_does_not_undo_that_of_its_successor(store: S3Store) -> None:
    store.put(STAGED, b"mine")
    rights = iter([True, False])

    def overtaken() -> bool:
        if right := next(rights):
            store.put(TARGET, b"theirs")
        return right

    with pytest.raises(PublishConflictError, match="taken over"):
        store.replace(STAGED, TARGET, overtaken)
    assert content_of(store, TARGET) == b"theirs"


def test_a_writer_that_has_the_right_goes_on_over_what_a_late_one_left(store: S3Store) -> None:
    store.put(STAGED, b"mine")
    late = iter([b"late", None, None])

    def interfered() -> bool:
        if content := next(late):
            store.put(TARGET, content)
        return True

    store.replace(STAGED, TARGET, interfered)
    assert content_of(store, TARGET) == b"mine"


def test_objects_are_listed_by_key_without_markers(store: S3Store) -> None:
    for key in ("silver/item/b.parquet", "silver/item/a.parquet", "silver/item/_SUCCESS", "silver/item_more/c.parquet"):
        store.put(key, b"12")
    store.put("silver/item/.hidden", b"")
    assert list(store.objects("silver/item")) == [
        ObjectInfo("silver/item/a.parquet", 2),
        ObjectInfo("silver/item/b.parquet", 2),
    ]
    assert list(store.objects("silver/item/a.parquet")) == [ObjectInfo("silver/item/a.parquet", 2)]
    assert list(store.objects("silver/none")) == []


def test_more_than_a_page_of_objects_is_listed_and_removed(plain: S3Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: plain.put(f"_staging/run/{number:04}.parquet", b""), range(1050)))
    assert len(list(plain.objects("_staging/run"))) == 1050
    plain.remove_folder("_staging/run")
    assert list(plain.objects("_staging/run")) == []


def test_a_checksum_is_the_one_that_s3_keeps_and_names_its_algorithm(store: S3Store) -> None:
    store.put(STAGED, b"content")
    store.replace(STAGED, TARGET)
    algorithm, _, value = store.checksum(TARGET).partition(":")
    assert algorithm in {"crc32", "crc64nvme"}
    assert value
    assert store.checksum(TARGET) == store.checksum(STAGED)
    store.put(STAGED, b"other")
    assert store.checksum(TARGET) != store.checksum(STAGED)


def test_staging_is_swept_when_nothing_wrote_to_it_for_a_while(store: S3Store) -> None:
    store.put("_staging/old/x/part.parquet", b"1")
    store.put("_staging/old/_SUCCESS", b"")
    time.sleep(2.1)
    store.put("_staging/new/part.parquet", b"1")
    assert store.sweep("_staging", 2) == ["_staging/old"]
    assert [info.key for info in store.objects("_staging")] == ["_staging/new/part.parquet"]
    assert store.sweep("_staging", 2) == []


def test_an_object_is_opened_as_parquet_readers_do(store: S3Store) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"number": [1, 2, 3]}), buffer)
    store.put(TARGET, buffer.getvalue())
    with store.open(TARGET) as file:
        assert pq.ParquetFile(file).read().to_pydict() == {"number": [1, 2, 3]}


def test_what_is_written_is_encrypted_and_nothing_is_left_of_a_probe(store: S3Store, aws: Emulator) -> None:
    store.check_writable()
    assert keys_in(aws, store) == []
    store.put(STAGED, b"1")
    store.replace(STAGED, TARGET)
    head = aws.client("s3").head_object(Bucket=store.root.bucket, Key=store.root.key(TARGET))
    assert head["ServerSideEncryption"] == "AES256"


def test_each_request_is_counted_as_it_is_billed(plain: S3Store) -> None:
    before = S3_REQUESTS.made
    plain.put(STAGED, b"1")
    assert S3_REQUESTS.made - before == Requests(writes=1)
    # A look at what is staged and at what stands, and the copy.
    plain.replace(STAGED, TARGET)
    assert S3_REQUESTS.made - before == Requests(writes=2, reads=2)
    assert plain.read(TARGET) is not None
    assert S3_REQUESTS.made - before == Requests(writes=2, reads=3)
    # Lists, and removes for nothing.
    plain.remove_folder(STAGED.rpartition("/")[0])
    assert S3_REQUESTS.made - before == Requests(writes=3, reads=3)


def test_a_repeated_request_is_counted_again(plain: S3Store, aws: Emulator) -> None:
    before = S3_REQUESTS.made
    aws.faults.add("PutObject", times=2, error="SlowDown")
    plain.put(TARGET, b"1")
    assert S3_REQUESTS.made - before == Requests(writes=3)


def test_a_request_that_nobody_signed_is_counted_for_nobody(plain: S3Store, aws: Emulator) -> None:
    plain.put(TARGET, b"1")
    place = {"Bucket": plain.root.bucket, "Key": plain.root.key(TARGET)}
    aws.client("s3").put_object_acl(**place, ACL="public-read")
    before = S3_REQUESTS.made
    Aws(aws.region, anonymous=True).client("s3").get_object(**place)
    assert S3_REQUESTS.made == before


def test_a_bucket_of_another_account_is_refused(plain: S3Store) -> None:
    stranger = S3Store(plain.root, Aws(), owner="999999999999")
    with pytest.raises(AwsError, match="AccessDenied"):
        stranger.check_writable()


def test_a_late_writer_does_not_remove_what_another_one_published_meanwhile(plain: S3Store) -> None:
    plain.put(TARGET, b"obsolete")
    asked: list[str] = []

    def holds() -> bool:
        """Still so when it is asked; then the other writer is faster than the removal."""
        asked.append("asked")
        plain.put(TARGET, b"new")
        return len(asked) == 1

    with pytest.raises(PublishConflictError, match="taken over by another writer"):
        plain.delete(TARGET, holds)
    assert content_of(plain, TARGET) == b"new"
    assert len(asked) == 2


def test_a_removal_whose_answer_was_lost_is_done(plain: S3Store, aws: Emulator) -> None:
    plain.put(TARGET, b"obsolete")
    aws.faults.add("DeleteObject", reset="after")
    plain.delete(TARGET, lambda: True)
    assert plain.read(TARGET) is None
    plain.delete(TARGET, lambda: True)


def test_a_bucket_that_does_not_exist_is_told_at_once(aws: Emulator) -> None:
    store = S3Store(S3Folder("no-such-bucket-here"), Aws())
    asked = aws.faults.count("PutObject")
    with pytest.raises(AwsError, match=r"Create the bucket") as refused:
        store.check_writable()
    assert not may_pass(refused.value)
    assert aws.faults.count("PutObject") - asked == 1


@pytest.mark.parametrize(
    "operation", ["PutObject", "GetObject", "CopyObject", "HeadObject", "ListObjectsV2", "DeleteObjects"]
)
def test_bursts_of_throttling_are_sat_out(plain: S3Store, aws: Emulator, operation: str) -> None:
    aws.faults.add(operation, times=3, error="SlowDown")
    plain.put(STAGED, b"content")
    plain.replace(STAGED, TARGET)
    assert content_of(plain, TARGET) == b"content"
    assert [info.key for info in plain.objects("silver")] == [TARGET]
    plain.remove_folder("_staging")
    assert keys_in(aws, plain) == [TARGET]


def test_throttling_without_an_end_is_told_as_something_that_may_pass(plain: S3Store, aws: Emulator) -> None:
    aws.faults.add("PutObject", times=100, error="SlowDown")
    with pytest.raises(AwsUnavailableError, match="SlowDown") as refused:
        plain.put(STAGED, b"content")
    assert may_pass(refused.value)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("operation", ["PutObject", "CopyObject"])
def test_a_connection_lost_around_a_change_neither_loses_nor_doubles_it(
    plain: S3Store, aws: Emulator, operation: str, moment: str
) -> None:
    version = plain.write_if(KEY, b"one", None)
    plain.put(STAGED, b"content")
    plain.put(TARGET, b"old")
    aws.faults.add(operation, times=1, reset=moment)
    plain.replace(STAGED, TARGET)
    assert content_of(plain, TARGET) == b"content"
    changed = plain.write_if(KEY, b"two", version)
    assert plain.read(KEY) == (b"two", changed)


def test_a_write_whose_answer_was_lost_and_that_another_writer_overtook_is_a_conflict(
    plain: S3Store, aws: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = plain.write_if(KEY, b"one", None)
    other = S3Store(plain.root, Aws())
    genuine = plain.read

    def overtaken(key: str) -> Any:
        mine = genuine(key)
        assert mine is not None
        other.write_if(key, b"theirs", mine[1])
        return genuine(key)

    monkeypatch.setattr(plain, "read", overtaken)
    aws.faults.add("PutObject", times=1, reset="after")
    with pytest.raises(PublishConflictError):
        plain.write_if(KEY, b"mine", version)
    assert content_of(other, KEY) == b"theirs"


def test_an_object_is_read_to_its_end_although_the_connection_breaks_in_the_middle(
    plain: S3Store, aws: Emulator
) -> None:
    content = bytes(range(256)) * 4096
    plain.put(TARGET, content)
    aws.faults.add("GetObject", times=2, cut=0.5)
    assert content_of(plain, TARGET) == content


def test_a_connection_that_always_breaks_is_told(plain: S3Store, aws: Emulator) -> None:
    plain.put(TARGET, b"content" * 1000)
    aws.faults.add("GetObject", times=100, reset="before")
    with pytest.raises(AwsUnavailableError, match="Cannot read s3://"):
        plain.read(TARGET)
