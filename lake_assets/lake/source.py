"""The source: which files lie in its folders, one folder per table, and whether a file is still the version that was pinned.

A local folder here, a bucket in `s3_source`; nothing above these modules knows which it is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lake_assets.contract.tables import TABLES
from lake_assets.errors import SourceError
from lake_assets.lake import layout
from lake_assets.lake.inspection import inspect
from lake_assets.lake.records import Inspection, SourceFile
from lake_assets.settings import check_plain_path

# Folders of the TPC-DS kit's output that hold no table.
_NO_TABLES = frozenset({"dbgen_version"})
_HIDDEN = (".", "_")


@dataclass(frozen=True)
class Listed:
    """A file as the listing tells it, unread. `path` is relative to the source and starts with the table's folder.

    `etag` is empty where a listing does not tell it.
    """

    path: str
    size: int
    modified_ns: int
    etag: str = ""

    @property
    def table(self) -> str:
        return self.path.partition("/")[0]


class FileSource(Protocol):
    """A place with one folder of files per table. `str` is its address."""

    def list_files(self) -> tuple[Listed, ...]:
        """Every file of a table, by path.

        Raises `SourceError` for a source that is missing or empty and for a folder that is no table.
        """

    def marker_version(self, name: str) -> str | None:
        """Changes when the marker file `name` in the source is written anew; None while there is none."""

    def identify(self, file: Listed) -> SourceFile:
        """The file with the tag of its content. Raises `SourceError` when it cannot be read."""

    def inspect(self, file: Listed) -> Inspection | None:
        """What one look through the file finds; None where that is left to the engine, which is nearer to the data."""

    def check_unchanged(self, file: SourceFile) -> str:
        """Address of a pinned file. Raises `SourceError` when it is gone or is not the version that was pinned."""


class LocalSource:
    """A local folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def list_files(self) -> tuple[Listed, ...]:
        found = tuple(
            _listed(self.folder, path) for folder in _table_folders(self.folder) for path in _data_files(folder)
        )
        if not found:
            raise no_files(self)
        return found

    def marker_version(self, name: str) -> str | None:
        try:
            status = (self.folder / name).stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SourceError(f"Cannot read the marker {self.folder / name}: {error.strerror}.") from error
        return f"{status.st_mtime_ns}-{status.st_size}"

    def identify(self, file: Listed) -> SourceFile:
        return SourceFile(
            table=file.table,
            path=file.path,
            size=file.size,
            etag=_etag(self.folder / file.path),
            modified_ns=file.modified_ns,
        )

    def inspect(self, file: Listed) -> Inspection:
        return inspect(self.folder / file.path, TABLES[file.table])

    def check_unchanged(self, file: SourceFile) -> str:
        path = self.folder / file.path
        try:
            status = path.stat()
        except OSError as error:
            raise SourceError(
                f"Source file {path} was pinned but cannot be read: {error.strerror}. Restore it."
            ) from error
        unchanged = status.st_size == file.size and (status.st_mtime_ns == file.modified_ns or _etag(path) == file.etag)
        if not unchanged:
            raise changed(path)
        return str(path)


def no_files(source: FileSource) -> SourceError:
    return SourceError(
        f"The source folder {source} holds no files. Put files into one folder per table "
        "(e.g. store_sales/store_sales.dat.0001.gz), or make some with `lake-assets sample`."
    )


def changed(address: object) -> SourceError:
    return SourceError(
        f"Source file {address} changed after it was pinned. Run `lake-assets run`: the new version becomes a new batch."
    )


def unknown_place(name: str, what: str, source: object) -> SourceError:
    return SourceError(
        f"Unknown {what} {name!r} in the source {source}: files lie in one folder per table, and the tables "
        f"are {', '.join(TABLES)}. Rename or remove it."
    )


def is_hidden(parts: Iterable[str]) -> bool:
    """Markers and half-written files of other programs, or anything in a folder of such."""
    return any(part.startswith(_HIDDEN) for part in parts)


def holds_no_table(name: str) -> bool:
    """Whether something at the top of a source is to be passed over."""
    return name.startswith(_HIDDEN) or name in _NO_TABLES


def check_names(files: Iterable[str], source: object) -> None:
    """Raises `SourceError` for paths that an engine cannot read, or of which two would become the same object."""
    stems: dict[tuple[str, str], str] = {}
    for path in files:
        check_plain_path(path, f"the source file {source}/{path}")
        stem = layout.source_stem(path)
        other = stems.setdefault((path.partition("/")[0], stem), path)
        if other != path:
            raise SourceError(
                f"{source}/{other} and {source}/{path} would become the same object {stem}.parquet. Rename one of them."
            )


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
        if holds_no_table(child.name):
            continue
        if child.name not in TABLES or not child.is_dir():
            raise unknown_place(child.name, "folder" if child.is_dir() else "file", source)
        yield child


def _data_files(folder: Path) -> list[Path]:
    files = sorted(path for path in _files_below(folder) if not is_hidden(path.relative_to(folder).parts))
    check_names((path.relative_to(folder.parent).as_posix() for path in files), folder.parent)
    return files


def _files_below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise SourceError(f"Cannot read the source folder {error.filename}: {error.strerror}.") from error

    for parent, _, names in os.walk(folder, onerror=refuse, followlinks=True):
        yield from (Path(parent, name) for name in names)


def _listed(source: Path, path: Path) -> Listed:
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {error.strerror}.") from error
    return Listed(path.relative_to(source).as_posix(), status.st_size, status.st_mtime_ns)


def _etag(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {error.strerror}.") from error
