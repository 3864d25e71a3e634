"""The object store under a lake: a local folder here, S3 by the same few operations in `s3_store`.

The publish protocol needs exactly this much of a store: whole objects by key, a conditional write for the ledger, and one
atomic replacement of an object by a staged one. Nothing above this module knows what the store is.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from lake_assets.errors import PublishConflictError, StorageError


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """`version` is that of `Store.read`, where a listing tells it."""

    key: str
    size: int
    version: str | None = field(default=None, compare=False)


class Store(Protocol):
    """Objects by key. `version` is opaque and changes with the content (S3: the ETag).

    `side_by_side` is how many calls are worth having under way at once.
    """

    side_by_side: int

    def uri(self, key: str) -> str:
        """Address under which an engine reads or writes `key`."""

    def check_writable(self) -> None:
        """Raises `StorageError` when nothing can be written."""

    def read(self, key: str) -> tuple[bytes, str] | None:
        """Content and version, or None when there is no such object."""

    def write_if(self, key: str, content: bytes, expected: str | None) -> str:
        """Write when the current version is `expected` (None: when there is no object); the new version.

        Raises `PublishConflictError` when it is not.
        """

    def put(self, key: str, content: bytes) -> None:
        """Write an object that nobody else knows of (staging)."""

    def replace(self, staged: str, key: str, holds: Callable[[], bool] = ...) -> None:
        """Make the staged object the content of `key` in one atomic step; readers see the old one or the new one.

        `holds` tells whether the writer still has the right to; `PublishConflictError` when it has not. Where there are no
        locks, it is asked between a look at the object and its replacement, which only takes place if it is still that object.
        """

    def delete(self, key: str, holds: Callable[[], bool] = ...) -> None:
        """Remove an object; nothing happens when there is none. `holds` as in `replace`."""

    def objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """The object `prefix`, or the objects below the folder `prefix` in order of their keys."""

    def checksum(self, key: str) -> str:
        """`sha256:` and the hexadecimal digest of the object."""

    def exclusive(self, key: str) -> AbstractContextManager[None]:
        """Keeps every other publisher of `key` out, as long as the store has the means to."""

    def remove_folder(self, prefix: str) -> None:
        """Remove everything below the folder `prefix`."""

    def sweep(self, prefix: str, older_than_seconds: float) -> list[str]:
        """Remove the direct sub-folders of `prefix` that nothing has written to for that long; their keys."""

    def open(self, key: str) -> BinaryIO:
        """The object for reading at any place of it, as Parquet readers do."""


_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


def side_by_side(store: Store, function: Callable[[_Item], _Answer], items: Iterable[_Item]) -> list[_Answer]:
    """The answers in order of the items. On S3 each takes tens of milliseconds of waiting."""
    wanted = list(items)
    at_once = min(store.side_by_side, len(wanted))
    if at_once <= 1:
        return [function(item) for item in wanted]
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(function, wanted))


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class LocalStore:
    """A folder. Creating it opens nothing; the folder is made by the first write."""

    side_by_side = 1

    def __init__(self, root: Path) -> None:
        self.root = root

    def _path(self, key: str) -> Path:
        return self.root / key

    def uri(self, key: str) -> str:
        return str(self._path(key))

    def check_writable(self) -> None:
        """Raises `StorageError` when the root cannot be created or written to."""
        probe = self._path(f".write-probe-{uuid.uuid4().hex}")
        with _told_plainly(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()

    def read(self, key: str) -> tuple[bytes, str] | None:
        try:
            content = self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StorageError(f"Cannot read {self._path(key)}: {error.strerror}.") from error
        return content, _version(content)

    def write_if(self, key: str, content: bytes, expected: str | None) -> str:
        path = self._path(key)
        with _told_plainly(path), self._locked(key):
            found = self.read(key)
            if (found[1] if found else None) != expected:
                raise PublishConflictError(f"{key} was changed by another writer.")
            scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
            try:
                with scratch.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                scratch.replace(path)
            except BaseException:
                scratch.unlink(missing_ok=True)
                raise
        return _version(content)

    def put(self, key: str, content: bytes) -> None:
        path = self._path(key)
        with _told_plainly(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def replace(self, staged: str, key: str, holds: Callable[[], bool] = lambda: True) -> None:
        """Under the lock of `exclusive`, so nobody can have taken the right meanwhile: `holds` is not asked."""
        path = self._path(key)
        with _told_plainly(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # On the disk before the ledger says that it is published, also when the power goes.
            with self._path(staged).open("rb") as file:
                os.fsync(file.fileno())
            self._path(staged).replace(path)

    def delete(self, key: str, holds: Callable[[], bool] = lambda: True) -> None:
        """Under the lock of `exclusive`, as `replace`."""
        with _told_plainly(self._path(key)):
            self._path(key).unlink(missing_ok=True)

    def objects(self, prefix: str) -> Iterator[ObjectInfo]:
        folder = self._path(prefix)
        for path in [folder] if folder.is_file() else sorted(folder.rglob("*")):
            # Spark leaves checksum files and markers (`.x.crc`, `_SUCCESS`) beside what it writes: no objects of ours.
            if path.is_file() and not path.name.startswith((".", "_")):
                yield ObjectInfo(path.relative_to(self.root).as_posix(), path.stat().st_size)

    def checksum(self, key: str) -> str:
        with self._path(key).open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"

    @contextmanager
    def exclusive(self, key: str) -> Iterator[None]:
        with _told_plainly(self._path(key)), self._locked(f"{key}.publish"):
            yield

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """An advisory lock that the kernel gives back when its holder dies, so a crash never leaves one behind."""
        path = self._path(f"{key}.lock")
        path = path.with_name(f".{path.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def remove_folder(self, prefix: str) -> None:
        folder = self._path(prefix)
        shutil.rmtree(folder, ignore_errors=True)
        # A folder is no object: one that held nothing else goes too.
        with suppress(OSError):
            folder.parent.rmdir()

    def open(self, key: str) -> BinaryIO:
        return self._path(key).open("rb")

    def sweep(self, prefix: str, older_than_seconds: float) -> list[str]:
        folder = self._path(prefix)
        if not folder.is_dir():
            return []
        oldest = time.time() - older_than_seconds
        children = [child for child in sorted(folder.iterdir()) if child.is_dir()]
        stale = [child for child in children if _last_written(child) < oldest]
        for child in stale:
            shutil.rmtree(child, ignore_errors=True)
        return [child.relative_to(self.root).as_posix() for child in stale]


def _last_written(folder: Path) -> float:
    """Latest change of anything in the folder. What another run removes meanwhile does not count."""
    newest = 0.0
    for parent, _, names in os.walk(folder):
        for path in (Path(parent), *(Path(parent, name) for name in names)):
            with suppress(FileNotFoundError):
                newest = max(newest, path.stat().st_mtime)
    return newest


@contextmanager
def _told_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"Cannot write to {path}: {error.strerror}. "
            "Check the permissions and the free space, or set LAKE_ROOT to another folder."
        ) from error
