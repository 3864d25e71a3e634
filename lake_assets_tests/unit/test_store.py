"""The local object store: conditional writes, atomic replacement, locks, listings and the sweeping of stale staging."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lake_assets.errors import PublishConflictError, StorageError
from lake_assets.lake.store import LocalStore, ObjectInfo

KEY = "_ledger/silver/inventory/1998-01.json"
HOUR = 3600

COUNT_TO_FIFTY = """
import sys
from pathlib import Path
from lake_assets.errors import PublishConflictError
from lake_assets.lake.store import LocalStore
store, key, done = LocalStore(Path(sys.argv[1])), sys.argv[2], 0
while done < 50:
    content, version = store.read(key)
    try:
        store.write_if(key, b"%d" % (int(content) + 1), version)
        done += 1
    except PublishConflictError:
        pass
"""
CREATE_ONCE = """
import sys
from pathlib import Path
from lake_assets.errors import PublishConflictError
from lake_assets.lake.store import LocalStore
sys.stdin.readline()
try:
    LocalStore(Path(sys.argv[1])).write_if(sys.argv[2], sys.argv[3].encode(), None)
    print("won")
except PublishConflictError:
    print("lost")
"""
HOLD_THE_LOCK = """
import sys, time
from pathlib import Path
from lake_assets.lake.store import LocalStore
with LocalStore(Path(sys.argv[1])).exclusive(sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def files_below(folder: Path) -> list[str]:
    """Names of all files that are not locks."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_creating_a_store_writes_nothing(store: LocalStore) -> None:
    assert not store.root.exists()
    assert store.read(KEY) is None
    assert list(store.objects("silver")) == []
    assert not store.root.exists()


def test_what_was_written_is_read_back_with_its_version(store: LocalStore) -> None:
    version = store.write_if(KEY, b"one", None)
    assert store.read(KEY) == (b"one", version)


def test_another_content_is_another_version(store: LocalStore) -> None:
    first = store.write_if(KEY, b"one", None)
    second = store.write_if(KEY, b"two", first)
    assert first != second
    assert store.read(KEY) == (b"two", second)


def test_a_write_on_an_old_version_is_refused_and_changes_nothing(store: LocalStore) -> None:
    first = store.write_if(KEY, b"one", None)
    second = store.write_if(KEY, b"two", first)
    with pytest.raises(PublishConflictError, match=r"1998-01\.json was changed by another writer"):
        store.write_if(KEY, b"three", first)
    assert store.read(KEY) == (b"two", second)
    assert files_below(store.root) == ["1998-01.json"]


def test_an_exclusive_create_refuses_an_object_that_exists(store: LocalStore) -> None:
    store.write_if(KEY, b"one", None)
    with pytest.raises(PublishConflictError):
        store.write_if(KEY, b"two", None)
    content, _ = store.read(KEY) or (None, None)
    assert content == b"one"


def test_a_write_on_a_version_of_an_object_that_is_gone_creates_none(store: LocalStore) -> None:
    version = store.write_if(KEY, b"one", None)
    store.delete(KEY)
    with pytest.raises(PublishConflictError):
        store.write_if(KEY, b"two", version)
    assert store.read(KEY) is None


def test_a_write_that_fails_half_way_keeps_the_old_content_and_leaves_no_scratch(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = store.write_if(KEY, b"one", None)

    def disk_is_full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", disk_is_full)
        with pytest.raises(
            StorageError, match=r"Cannot write to .*1998-01\.json: No space left on device\. .*LAKE_ROOT"
        ):
            store.write_if(KEY, b"two", version)
    assert store.read(KEY) == (b"one", version)
    assert files_below(store.root) == ["1998-01.json"]
    store.write_if(KEY, b"two", version)


def test_of_eight_threads_that_create_the_same_object_exactly_one_wins(store: LocalStore) -> None:
    barrier = threading.Barrier(8)

    def create(number: int) -> bytes | None:
        barrier.wait()
        try:
            store.write_if(KEY, b"%d" % number, None)
        except PublishConflictError:
            return None
        return b"%d" % number

    with ThreadPoolExecutor(8) as pool:
        winners = [content for content in pool.map(create, range(8)) if content is not None]
    assert len(winners) == 1
    content, _ = store.read(KEY) or (None, None)
    assert content == winners[0]


def test_of_four_processes_that_create_the_same_object_exactly_one_wins(store: LocalStore) -> None:
    processes = [start(CREATE_ONCE, str(store.root), KEY, f"writer {number}") for number in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=30)[0].strip() for process in processes]
    assert sorted(said) == ["lost", "lost", "lost", "won"]
    content, _ = store.read(KEY) or (b"", None)
    assert content.decode() == f"writer {said.index('won')}"


def test_no_update_of_four_processes_that_count_at_the_same_time_is_lost(store: LocalStore) -> None:
    store.write_if(KEY, b"0", None)
    processes = [start(COUNT_TO_FIFTY, str(store.root), KEY) for _ in range(4)]
    assert [process.wait(timeout=50) for process in processes] == [0, 0, 0, 0]
    content, _ = store.read(KEY) or (None, None)
    assert content == b"200"


def test_a_reader_sees_the_old_or_the_new_object_while_it_is_replaced_two_hundred_times(store: LocalStore) -> None:
    versions = {letter: letter * size for letter, size in ((b"a", 300_000), (b"b", 70_000))}
    store.put("object", versions[b"a"])
    stop = threading.Event()
    seen: set[bytes] = set()
    errors: list[object] = []

    def look() -> None:
        while not stop.is_set():
            found = store.read("object")
            if found is None or found[0] not in versions.values():
                errors.append(None if found is None else len(found[0]))
            else:
                seen.add(found[0][:1])

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(200):
        store.put("_staging/object", versions[(b"b", b"a")[number % 2]])
        store.replace("_staging/object", "object")
    stop.set()
    reader.join(10)
    assert errors == []
    assert seen == {b"a", b"b"}


def test_a_replaced_object_is_no_longer_staged(store: LocalStore) -> None:
    store.put("_staging/run/part.parquet", b"new")
    store.replace("_staging/run/part.parquet", "silver/inventory/inventory.parquet")
    assert (store.root / "silver/inventory/inventory.parquet").read_bytes() == b"new"
    assert list(store.objects("_staging")) == []


def test_replacing_by_something_that_was_not_staged_keeps_the_object(store: LocalStore) -> None:
    store.put("object", b"old")
    with pytest.raises(StorageError, match="No such file or directory"):
        store.replace("_staging/nothing", "object")
    assert (store.root / "object").read_bytes() == b"old"


def test_deleting_removes_an_object_and_is_content_when_there_is_none(store: LocalStore) -> None:
    store.put("object", b"x")
    store.delete("object")
    store.delete("object")
    assert store.read("object") is None


def test_objects_are_listed_by_key_without_the_side_files_of_spark(store: LocalStore) -> None:
    for key, size in (("data/b/part-1.parquet", 3), ("data/a/part-0.parquet", 2)):
        store.put(key, b"x" * size)
    for side in ("data/_SUCCESS", "data/a/.part-0.parquet.crc", "data/_SUCCESS.crc", "data/a/.scratch"):
        store.put(side, b"side")
    (store.root / "data" / "empty").mkdir()
    assert list(store.objects("data")) == [
        ObjectInfo("data/a/part-0.parquet", 2),
        ObjectInfo("data/b/part-1.parquet", 3),
    ]


def test_the_locks_of_the_ledger_are_no_objects(store: LocalStore) -> None:
    store.write_if(KEY, b"one", None)
    with store.exclusive(KEY):
        assert list(store.objects("_ledger")) == [ObjectInfo(KEY, 3)]


def test_an_object_is_listed_under_its_own_key_and_a_missing_one_is_not(store: LocalStore) -> None:
    store.put("silver/item/item.parquet", b"1234")
    assert list(store.objects("silver/item/item.parquet")) == [ObjectInfo("silver/item/item.parquet", 4)]
    assert list(store.objects("silver/store/store.parquet")) == []
    assert list(store.objects("silver/it")) == []


def test_a_checksum_names_its_algorithm(store: LocalStore) -> None:
    store.put("object", b"content")
    assert store.checksum("object") == f"sha256:{hashlib.sha256(b'content').hexdigest()}"


def test_a_second_publisher_of_a_key_waits_and_one_of_another_key_does_not(store: LocalStore) -> None:
    entered: list[str] = []

    def publish(key: str) -> None:
        with store.exclusive(key):
            entered.append(key)

    with ThreadPoolExecutor(2) as pool:
        with store.exclusive("a"):
            same, other = pool.submit(publish, "a"), pool.submit(publish, "b")
            other.result(10)
            time.sleep(0.1)
            assert entered == ["b"]
        same.result(10)
    assert entered == ["b", "a"]


def test_a_publisher_may_write_the_entry_that_it_keeps_others_out_of(store: LocalStore) -> None:
    with ThreadPoolExecutor(1) as pool, store.exclusive(KEY):
        assert pool.submit(store.write_if, KEY, b"one", None).result(10)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_is_released_when_its_holder_dies(store: LocalStore, end: signal.Signals) -> None:
    holder = start(HOLD_THE_LOCK, str(store.root), KEY)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    entered = threading.Event()

    def enter() -> None:
        with store.exclusive(KEY):
            entered.set()

    waiting = threading.Thread(target=enter, daemon=True)
    waiting.start()
    assert not entered.wait(0.3)
    holder.send_signal(end)
    assert entered.wait(10)
    holder.communicate(timeout=10)


def test_a_lock_is_released_when_what_it_guards_fails(store: LocalStore) -> None:
    with pytest.raises(ValueError, match="in the middle"), store.exclusive(KEY):
        raise ValueError("in the middle")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(_enter, store).result(10)


def _enter(store: LocalStore) -> bool:
    with store.exclusive(KEY):
        return True


def age(path: Path, hours: float) -> None:
    for each in (*path.rglob("*"), path):
        written = time.time() - hours * HOUR
        os.utime(each, (written, written), follow_symlinks=False)


def test_staging_is_swept_when_nothing_was_written_to_it_for_a_day(store: LocalStore) -> None:
    for run in ("old", "young"):
        store.put(f"_staging/{run}/data/part.parquet", b"x")
    age(store.root / "_staging/old", 25)
    age(store.root / "_staging/young", 23)
    assert store.sweep("_staging", 24 * HOUR) == ["_staging/old"]
    assert [info.key for info in store.objects("_staging")] == ["_staging/young/data/part.parquet"]


def test_a_young_file_deep_inside_keeps_an_old_staging_folder(store: LocalStore) -> None:
    store.put("_staging/run/data/0/part.parquet", b"x")
    age(store.root / "_staging/run", 25)
    store.put("_staging/run/data/0/next.parquet", b"y")
    age_of_folders = time.time() - 25 * HOUR
    for folder in ("_staging/run", "_staging/run/data", "_staging/run/data/0"):
        os.utime(store.root / folder, (age_of_folders, age_of_folders))
    assert store.sweep("_staging", 24 * HOUR) == []
    assert len(list(store.objects("_staging/run"))) == 2


def test_sweeping_where_nothing_was_staged_does_nothing(store: LocalStore) -> None:
    assert store.sweep("_staging", 0) == []
    assert not store.root.exists()


def test_a_staged_file_that_vanishes_during_the_sweep_does_not_stop_it(store: LocalStore) -> None:
    # A link to nothing fails as a file does that another run removes between its listing and the look at it.
    store.put("_staging/run/part.parquet", b"x")
    (store.root / "_staging/run/vanished").symlink_to(store.root / "nowhere")
    store.put("_staging/stale/part.parquet", b"x")
    age(store.root / "_staging/stale", 25)
    assert store.sweep("_staging", 24 * HOUR) == ["_staging/stale"]


def test_removing_a_folder_leaves_its_neighbours(store: LocalStore) -> None:
    store.put("_staging/a/part", b"x")
    store.put("_staging/ab/part", b"x")
    store.remove_folder("_staging/a")
    store.remove_folder("_staging/never")
    assert [info.key for info in store.objects("_staging")] == ["_staging/ab/part"]


def test_the_probe_for_a_writable_root_leaves_nothing(store: LocalStore) -> None:
    store.check_writable()
    assert list(store.root.iterdir()) == []


@pytest.mark.parametrize(
    "write",
    [
        LocalStore.check_writable,
        lambda store: store.put("silver/object", b"x"),
        lambda store: store.write_if(KEY, b"x", None),
        lambda store: store.exclusive(KEY).__enter__(),
    ],
    ids=["check_writable", "put", "write_if", "exclusive"],
)
def test_a_root_that_cannot_be_written_to_is_told_with_what_to_do(
    tmp_path: Path, write: Callable[[LocalStore], object]
) -> None:
    (tmp_path / "file").write_text("no folder")
    store = LocalStore(tmp_path / "file" / "lake")
    with pytest.raises(StorageError, match=r"Cannot write to .*Not a directory.*or set LAKE_ROOT to another folder"):
        write(store)


def test_an_object_that_cannot_be_read_is_told_plainly(store: LocalStore) -> None:
    (store.root / "folder").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"Cannot read .*/folder: Is a directory"):
        store.read("folder")
