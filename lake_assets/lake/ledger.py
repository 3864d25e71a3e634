"""The ledger: which batches arrived and what is published, kept beside the data and changed by conditional writes only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from lake_assets.contract.layers import LakeTable
from lake_assets.errors import PublishConflictError, StorageError
from lake_assets.lake import layout
from lake_assets.lake.records import Batch, LedgerEntry, Publication
from lake_assets.lake.store import ObjectInfo, Store, side_by_side


@dataclass(frozen=True)
class VersionedEntry:
    """An entry and the version it was read at; version None: there is no entry yet."""

    entry: LedgerEntry
    version: str | None

    @property
    def settled(self) -> Publication | None:
        return self.entry.settled


_known: dict[str, VersionedEntry] = {}
"""By address, entries as this process last read them from a store whose listings tell versions."""


def never_published(table: LakeTable, partition: str) -> VersionedEntry:
    return VersionedEntry(LedgerEntry(layer=table.layer, table=table.name, partition=partition), None)


class Ledger:
    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, table: LakeTable, partition: str) -> VersionedEntry:
        """Entry of a partition; an empty one when it was never published."""
        key = layout.ledger_key(table, partition)
        found = self._store.read(key)
        if found is None:
            return never_published(table, partition)
        content, version = found
        return VersionedEntry(_entry(key, content), version)

    def version(self, table: LakeTable, partition: str) -> str | None:
        """Version of the entry of a partition as it is now."""
        found = self._store.read(layout.ledger_key(table, partition))
        return found[1] if found else None

    def write(self, table: LakeTable, entry: LedgerEntry, expected: str | None) -> str:
        """Conditional write; `PublishConflictError` when the entry is not at version `expected` any more."""
        key = layout.ledger_key(table, entry.partition)
        try:
            return self._store.write_if(key, entry.model_dump_json(indent=1).encode(), expected)
        except PublishConflictError as error:
            raise PublishConflictError(
                f"{table.identifier}, partition {entry.partition}: another run published it meanwhile. "
                "This run changed nothing; run it again if it is still needed."
            ) from error

    def entries(self, table: LakeTable) -> dict[str, VersionedEntry]:
        """Every entry of a table by partition, in order of the partitions."""
        listed = self._store.objects(layout.ledger_folder(table))
        found = side_by_side(self._store, self._listed_entry, listed)
        return {known.entry.partition: known for known in found if known}

    def _listed_entry(self, info: ObjectInfo) -> VersionedEntry | None:
        """Read only when it is not known in the version that the listing tells; None when it is gone meanwhile."""
        uri = self._store.uri(info.key)
        known = _known.get(uri)
        if known and known.version == info.version:
            return known
        stored = self._store.read(info.key)
        if stored is None:
            return None
        found = VersionedEntry(_entry(info.key, stored[0]), stored[1])
        if info.version:
            _known[uri] = found
        return found

    def batches(self) -> tuple[Batch, ...]:
        """All batches in order of arrival."""
        return tuple(self._read_batches())

    def _read_batches(self) -> Iterator[Batch]:
        for info in self._store.objects(layout.BATCHES):
            stored = self._store.read(info.key)
            if stored is not None:
                yield _batch(info.key, stored[0])

    def batch(self, name: str) -> Batch:
        """Raises `StorageError` for a batch that never arrived."""
        key = layout.batch_key(name)
        stored = self._store.read(key)
        if stored is None:
            known = ", ".join(batch.name for batch in self.batches()) or "none"
            raise StorageError(f"The lake has no batch {name!r}; it has {known}. `lake-assets run` finds new files.")
        return _batch(key, stored[0])

    def pin(self, batch: Batch) -> None:
        """Write a new batch; `PublishConflictError` when its name is taken."""
        try:
            self._store.write_if(layout.batch_key(batch.name), batch.model_dump_json(indent=1).encode(), expected=None)
        except PublishConflictError as error:
            raise PublishConflictError(
                f"Another run found new files at the same time and pinned them as {batch.name}. "
                "Run again when it has finished, if it is still needed."
            ) from error


def _entry(key: str, content: bytes) -> LedgerEntry:
    try:
        return LedgerEntry.model_validate_json(content)
    except ValidationError as error:
        raise _damaged(key, error) from error


def _batch(key: str, content: bytes) -> Batch:
    try:
        return Batch.model_validate_json(content)
    except ValidationError as error:
        raise _damaged(key, error) from error


def _damaged(key: str, error: ValidationError) -> StorageError:
    return StorageError(
        f"The ledger file {key} is damaged ({error.error_count()} problems, the first: {error.errors()[0]['msg']}). "
        "Remove the file and run again: what it describes is then published anew."
    )
