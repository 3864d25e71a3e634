"""The source: which files lie in its folders, one folder per table, and whether a file is still the version that was pinned."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lake_assets.contract.tables import TABLES
from lake_assets.errors import SourceError
from lake_assets.lake import layout
from lake_assets.lake.records import SourceFile
from lake_assets.settings import check_plain_path

# Folders of the TPC-DS kit's output that hold no table.
_NO_TABLES = frozenset({"dbgen_version"})
_HIDDEN = (".", "_")


@dataclass(frozen=True)
class Listed:
    """A file as the listing tells it, unread. `path` is relative to the source and starts with the table's folder."""

    path: str
    size: int
    modified_ns: int

    @property
    def table(self) -> str:
        return self.path.partition("/")[0]


def list_files(source: Path) -> tuple[Listed, ...]:
    """Every file of a table, by path.

    Raises `SourceError` for a source that is missing or empty and for a folder that is no table.
    """
    found = tuple(_listed(source, path) for folder in _table_folders(source) for path in _data_files(folder))
    if not found:
        raise SourceError(
            f"The source folder {source} holds no files. Put files into one folder per table "
            "(e.g. store_sales/store_sales.dat.0001.gz), or make some with `lake-assets sample`."
        )
    return found


def marker_version(source: Path, name: str) -> str | None:
    """Changes when the marker file `name` in the source folder is written anew; None while there is none."""
    try:
        status = (source / name).stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceError(f"Cannot read the marker {source / name}: {error.strerror}.") from error
    return f"{status.st_mtime_ns}-{status.st_size}"


def check_unchanged(source: Path, file: SourceFile) -> Path:
    """Path of a pinned file. Raises `SourceError` when it is gone or is not the version that was pinned."""
    path = source / file.path
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"Source file {path} was pinned but cannot be read: {error.strerror}. Restore it.") from error
    unchanged = status.st_size == file.size and (status.st_mtime_ns == file.modified_ns or etag(path) == file.etag)
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
        if child.name.startswith(_HIDDEN) or child.name in _NO_TABLES:
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
    return any(part.startswith(_HIDDEN) for part in path.parts)


def _listed(source: Path, path: Path) -> Listed:
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {error.strerror}.") from error
    return Listed(path.relative_to(source).as_posix(), status.st_size, status.st_mtime_ns)


def etag(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {error.strerror}.") from error
