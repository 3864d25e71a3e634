"""Source files: what lies in the source folder, what of it is new, and the batch that pins it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from lake_assets.contract.tables import TABLES
from lake_assets.errors import SourceError
from lake_assets.lake import layout
from lake_assets.lake.inspection import inspect
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.records import Batch, SourceFile
from lake_assets.settings import check_plain_path

# Folders of the TPC-DS kit's output that hold no table.
_NO_TABLES = frozenset({"dbgen_version"})


def discover(source: Path, batches: Iterable[Batch]) -> tuple[SourceFile, ...]:
    """Files that are new, or whose content changed, since the batches pinned them; not yet inspected.

    Raises `SourceError` for a source that is missing or empty and for a folder that is no table.
    """
    newest = {file.path: file for batch in batches for file in batch.files}
    found = [path for folder in _table_folders(source) for path in _data_files(folder)]
    if not found:
        raise SourceError(
            f"The source folder {source} holds no files. Put files into one folder per table "
            "(e.g. store_sales/store_sales.dat.0001.gz), or make some with `lake-assets sample`."
        )
    changed = (_if_changed(source, path, newest) for path in found)
    return tuple(file for file in changed if file is not None)


def inspect_all(
    source: Path, files: Iterable[SourceFile], threads: int, advance: Callable[[SourceFile], None]
) -> tuple[SourceFile, ...]:
    """The files with what a look through each found; `advance` is called after each one."""

    def look(file: SourceFile) -> SourceFile:
        inspected = file.model_copy(update={"inspection": inspect(source / file.path, TABLES[file.table])})
        advance(inspected)
        return inspected

    with ThreadPoolExecutor(threads) as pool:
        return tuple(pool.map(look, files))


def pin(ledger: Ledger, source: Path, files: tuple[SourceFile, ...], seen: Iterable[Batch] | None = None) -> Batch:
    """Write the files as the next batch after those `seen` when they were discovered (default: all there are).

    `PublishConflictError` when another process pinned one meanwhile: it may hold the same files.
    """
    # Not how many there are: a damaged batch may have been removed.
    number = (
        max((layout.batch_number(known.name) for known in (ledger.batches() if seen is None else seen)), default=0) + 1
    )
    batch = Batch(name=layout.batch_name(number), source=str(source), created_at=datetime.now(UTC), files=files)
    ledger.pin(batch)
    return batch


def check_unchanged(source: Path, file: SourceFile) -> Path:
    """Path of a pinned file. Raises `SourceError` when it is gone or is not the version that was pinned."""
    path = source / file.path
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"Source file {path} was pinned but cannot be read: {error.strerror}. Restore it.") from error
    unchanged = status.st_size == file.size and (status.st_mtime_ns == file.modified_ns or _etag(path) == file.etag)
    if not unchanged:
        raise SourceError(
            f"Source file {path} changed after it was pinned. Run `lake-assets run`: the new version becomes a new batch."
        )
    return path


def _table_folders(source: Path) -> Iterator[Path]:
    try:
        children = sorted(source.iterdir())
    except FileNotFoundError:
        raise SourceError(
            f"The source folder {source} does not exist. Make sample data with `lake-assets sample`, "
            "or set LAKE_SOURCE to the folder that holds your files."
        ) from None
    except OSError as error:
        raise SourceError(f"Cannot read the source folder {source}: {error.strerror}.") from error
    for child in children:
        if child.name.startswith(".") or child.name in _NO_TABLES:
            continue
        if child.name not in TABLES or not child.is_dir():
            what = "folder" if child.is_dir() else "file"
            raise SourceError(
                f"Unknown {what} {child.name!r} in the source {source}: files lie in one folder per table, and the tables "
                f"are {', '.join(TABLES)}. Rename or remove it."
            )
        yield child


def _data_files(folder: Path) -> list[Path]:
    files = sorted(path for path in _files_below(folder) if not _is_hidden(path.relative_to(folder)))
    stems: dict[str, Path] = {}
    for path in files:
        check_plain_path(path.relative_to(folder.parent).as_posix(), f"the source file {path}")
        stem = layout.source_stem(path.relative_to(folder.parent).as_posix())
        if stem in stems:
            raise SourceError(
                f"{stems[stem]} and {path} would become the same object {stem}.parquet. Rename one of them."
            )
        stems[stem] = path
    return files


def _files_below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise SourceError(f"Cannot read the source folder {error.filename}: {error.strerror}.") from error

    for parent, _, names in os.walk(folder, onerror=refuse, followlinks=True):
        yield from (Path(parent, name) for name in names)


def _is_hidden(path: Path) -> bool:
    """Markers and half-written files of other programs, or anything in a folder of such."""
    return any(part.startswith((".", "_")) for part in path.parts)


def _if_changed(source: Path, path: Path, newest: dict[str, SourceFile]) -> SourceFile | None:
    relative = path.relative_to(source).as_posix()
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {error.strerror}.") from error
    pinned = newest.get(relative)
    same_size = pinned is not None and pinned.size == status.st_size
    if pinned is not None and same_size and pinned.modified_ns == status.st_mtime_ns:
        return None
    etag = _etag(path)
    if pinned is not None and same_size and pinned.etag == etag:
        return None
    return SourceFile(
        table=relative.partition("/")[0],
        path=relative,
        size=status.st_size,
        etag=etag,
        modified_ns=status.st_mtime_ns,
    )


def _etag(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {error.strerror}.") from error
