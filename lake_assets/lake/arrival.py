"""Arrivals: which files of the source are new, and the batch that pins them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from lake_assets.lake import layout
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.records import Batch, SourceFile
from lake_assets.lake.source import FileSource, Listed


@dataclass(frozen=True)
class Arrival:
    """The source compared with what is pinned, by path, size and time of change.

    `new` are files that are not pinned in this version (some may only have another time stamp), `gone` are pinned paths where
    no file is any more, `pinned` counts the files that are as they were.
    """

    new: tuple[Listed, ...]
    gone: tuple[str, ...]
    pinned: int

    @property
    def version(self) -> str:
        """The same as long as nothing is added to the new files and none of them changes."""
        text = "\n".join(f"{file.path} {file.size} {file.modified_ns}" for file in self.new)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.new)


@dataclass(frozen=True)
class Examined:
    """What a look through new files found: those with a new content, and those that there was no time for."""

    files: tuple[SourceFile, ...]
    left: tuple[Listed, ...]


def look(source: FileSource, batches: Iterable[Batch]) -> Arrival:
    """Compare the source with what is pinned; reads no file. Raises `SourceError` as listing it does."""
    newest = _newest(batches)
    listed = source.list_files()
    new = tuple(file for file in listed if not _is_as_pinned(file, newest.get(file.path)))
    present = {file.path for file in listed}
    return Arrival(new, tuple(sorted(path for path in newest if path not in present)), len(listed) - len(new))


def examine(
    source: FileSource,
    arrival: Arrival,
    batches: Iterable[Batch],
    *,
    threads: int,
    advance: Callable[[Listed], None] = lambda _: None,
    seconds: float = float("inf"),
) -> Examined:
    """Read the new files, as many as can be begun within `seconds`, at least one; `advance` is called after each.

    Raises `SourceError` for a file that cannot be read.
    """
    newest = _newest(batches)
    deadline = time.monotonic() + seconds

    left: list[Listed] = []

    def read(position: int) -> SourceFile | None:
        """The file; None when its content is pinned already, or when there was no time for it."""
        file = arrival.new[position]
        if position and time.monotonic() > deadline:
            left.append(file)
            return None
        found = source.identify(file)
        is_new = not _is_same_content(found, newest.get(found.path))
        if is_new:
            found = found.model_copy(update={"inspection": source.inspect(file)})
        advance(file)
        return found if is_new else None

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(read, range(len(arrival.new))))
    return Examined(tuple(file for file in found if file), tuple(sorted(left, key=lambda file: file.path)))


def pin(
    ledger: Ledger,
    source: FileSource,
    files: Sequence[SourceFile],
    seen: Iterable[Batch] | None = None,
    marker: str | None = None,
) -> Batch:
    """Write the files as the next batch after those `seen` when they were discovered (default: all there are).

    `marker` is the version of the marker file that told that the drop is complete. `PublishConflictError` when another process
    pinned a batch meanwhile: it may hold the same files.
    """
    # Not how many there are: a damaged batch may have been removed.
    number = (
        max((layout.batch_number(known.name) for known in (ledger.batches() if seen is None else seen)), default=0) + 1
    )
    batch = Batch(
        name=layout.batch_name(number),
        source=str(source),
        created_at=datetime.now(UTC),
        files=tuple(files),
        marker=marker,
    )
    ledger.pin(batch)
    return batch


def _newest(batches: Iterable[Batch]) -> dict[str, SourceFile]:
    return {file.path: file for batch in batches for file in batch.files}


def _is_as_pinned(file: Listed, pinned: SourceFile | None) -> bool:
    return pinned is not None and (pinned.size, pinned.modified_ns) == (file.size, file.modified_ns)


def _is_same_content(file: SourceFile, pinned: SourceFile | None) -> bool:
    return pinned is not None and (pinned.size, pinned.etag) == (file.size, file.etag)
