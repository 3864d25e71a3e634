"""Publishing: the protocol that makes staged files the content of a partition, once and as a whole.

For each partition: a conditional write of the intent (fencing: whoever planned on an older state stops here), one atomic
replacement of each object, and a conditional write of the commit. Each step may be repeated; a writer that dies leaves an
entry that says "publishing", and publishing the partition again settles it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lake_assets.contract.layers import LakeTable
from lake_assets.contract.types import arrow_schema, schema_fingerprint
from lake_assets.errors import AuditError, PublishConflictError
from lake_assets.lake import layout
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.planning import PartitionPlan
from lake_assets.lake.records import Publication, StoredObject
from lake_assets.lake.store import Store
from lake_assets.lake.task import PartitionResult, StagedObject, Task

if TYPE_CHECKING:
    import pyarrow as pa


class Publisher:
    """Publishes the partitions of one carried-out task."""

    def __init__(self, store: Store, ledger: Ledger, table: LakeTable, task: Task, *, staging: str, rules: str) -> None:
        """`rules` is the version of the rules that the partitions were audited by."""
        self._store = store
        self._ledger = ledger
        self._table = table
        self._task = task
        self._staging = staging
        self._rules = rules

    def publish(self, result: PartitionResult, plan: PartitionPlan) -> Publication:
        """Publish one partition; `PublishConflictError` when someone else did so since it was planned.

        When the staged content equals what is published, the objects stay as they are and only the ledger learns which
        inputs they stand for.
        """
        before = plan.entry.settled
        key = layout.ledger_key(self._table, result.partition)
        with self._store.exclusive(key):
            if before is not None and self._same_content(result, before):
                return self._commit_unchanged(result, before, plan)
            return self._replace(result, plan)

    def note_blocked(self, plan: PartitionPlan, rules: Mapping[str, int]) -> None:
        """Put on record that the audit blocked a partition; nothing when someone else published it meanwhile."""
        entry = plan.entry.entry.model_copy(update={"blocked": dict(rules)})
        with suppress(PublishConflictError):
            self._ledger.write(self._table, entry, plan.entry.version)

    def _replace(self, result: PartitionResult, plan: PartitionPlan) -> Publication:
        staged = dict(self._staged_objects(result))
        publication = self._publication(result, plan, staged)
        entry = plan.entry.entry
        intent = entry.model_copy(update={"publishing": publication})
        version = self._ledger.write(self._table, intent, plan.entry.version)
        # After the intent is on record, so that of two batches at the same time at least one sees the other.
        if publication.touches is not None and self._has_changed_meanwhile(plan):
            publication = publication.model_copy(update={"touches": None})
        before = entry.committed
        if before and _versions(before) == _versions(publication):
            publication = publication.model_copy(update={"touches": before.touches})

        def holds() -> bool:
            return self._ledger.version(self._table, plan.partition) == version

        for stored, source in staged.values():
            self._store.replace(source, stored.key, holds)
        for obsolete in self._obsolete(plan, publication):
            self._store.delete(obsolete, holds)
        committed = entry.model_copy(update={"publishing": None, "committed": publication, "blocked": {}})
        self._ledger.write(self._table, committed, version)
        return publication

    def _has_changed_meanwhile(self, plan: PartitionPlan) -> bool:
        """Whether other partitions of the table are not what this one was planned beside."""
        now = {name: known.version for name, known in self._ledger.entries(self._table).items()}
        return {**now, plan.partition: None} != {**plan.beside, plan.partition: None}

    def _commit_unchanged(self, result: PartitionResult, before: Publication, plan: PartitionPlan) -> Publication:
        publication = before.model_copy(
            update={
                "inputs": plan.inputs,
                "batches": plan.batches,
                "violations": _counted(result),
                "waits_for": self._waits_for(result),
                "rules": self._rules,
            }
        )
        entry = plan.entry.entry.model_copy(update={"committed": publication, "blocked": {}})
        # Also when it says nothing new: it is refused when someone else published since.
        self._ledger.write(self._table, entry, plan.entry.version)
        return publication

    def _same_content(self, result: PartitionResult, before: Publication) -> bool:
        counts = (before.rows, before.quarantined, before.duplicates, before.content, before.schema_fingerprint)
        staged = (
            result.rows,
            result.quarantined,
            result.duplicates,
            result.content,
            schema_fingerprint(self._table.columns),
        )
        # Quarantined rows are not in the content hash, and bronze objects are replaced file by file.
        comparable = not result.quarantined and self._table.layer != "bronze"
        return comparable and counts == staged and all(self._intact(stored) for stored in before.objects)

    def _intact(self, stored: StoredObject) -> bool:
        found = next(iter(self._store.objects(stored.key)), None)
        return found is not None and found.size == stored.bytes

    def _staged_objects(self, result: PartitionResult) -> Iterator[tuple[str, tuple[StoredObject, str]]]:
        """Target key, and the object with the staged key it comes from."""
        # A partition without rows is an empty file, so that readers know its columns; a batch without files is nothing.
        empty = (StagedObject(folder=f"empty/{result.partition}", rows=0),) if self._table.layer != "bronze" else ()
        for staged in result.objects or empty:
            key = staged.object or layout.object_key(self._table, result.partition)
            yield key, self._stored(staged, key)
        if result.quarantine is not None:
            key = layout.quarantine_key(self._table, result.partition)
            yield key, self._stored(result.quarantine, key)

    def _stored(self, staged: StagedObject, key: str) -> tuple[StoredObject, str]:
        source, size = self._staged_file(staged)
        stored = StoredObject(
            key=key,
            rows=staged.rows,
            bytes=size,
            checksum=self._store.checksum(source),
            source=staged.source,
            lines=staged.lines,
        )
        return stored, source

    def _staged_file(self, staged: StagedObject) -> tuple[str, int]:
        folder = f"{self._staging}/{staged.folder}"
        if staged.rows == 0:
            content = _empty_parquet(arrow_schema(self._table.columns), self._table.codec)
            key = f"{self._staging}/{staged.folder}/empty.parquet"
            self._store.put(key, content)
            return key, len(content)
        files = [info for info in self._store.objects(folder) if info.key.endswith(".parquet")]
        if len(files) != 1:
            raise AuditError(f"{self._table.identifier}: {len(files)} files were staged in {folder}, expected one.")
        return files[0].key, files[0].size

    def _publication(
        self, result: PartitionResult, plan: PartitionPlan, staged: Mapping[str, tuple[StoredObject, str]]
    ) -> Publication:
        quarantine_key = layout.quarantine_key(self._table, result.partition)
        quarantine = staged.get(quarantine_key)
        return Publication(
            run_id=self._task.run_id,
            published_at=datetime.now(UTC),
            load_timestamp=self._task.load_timestamp,
            objects=tuple(stored for key, (stored, _) in staged.items() if key != quarantine_key),
            quarantine=quarantine[0] if quarantine else None,
            source_rows=result.source_rows,
            rows=result.rows,
            quarantined=result.quarantined,
            duplicates=result.duplicates,
            content=result.content,
            schema_fingerprint=schema_fingerprint(self._table.columns),
            inputs=plan.inputs,
            batches=plan.batches,
            first_date_sk=result.first_date_sk,
            first_key=result.first_key,
            last_key=result.last_key,
            last_date_sk=result.last_date_sk,
            violations=_counted(result),
            waits_for=self._waits_for(result),
            touches=result.touches,
            rules=self._rules,
        )

    def _waits_for(self, result: PartitionResult) -> dict[str, str]:
        return {name: self._task.reference_versions[name] for name in result.waits_for}

    def _obsolete(self, plan: PartitionPlan, publication: Publication) -> Iterator[str]:
        """Objects of earlier publications, finished or not, that the new one has no more."""
        entry = plan.entry.entry
        earlier = [known for known in (entry.committed, entry.publishing) if known]
        kept = {stored.key for stored in publication.objects}
        if publication.quarantine:
            kept.add(publication.quarantine.key)
        for known in earlier:
            for stored in (*known.objects, *((known.quarantine,) if known.quarantine else ())):
                if stored.key not in kept:
                    yield stored.key
        if entry.publishing and not publication.quarantine:
            # A writer that died before that one may have left a quarantine that no entry names any more.
            yield layout.quarantine_key(self._table, plan.partition)


@contextmanager
def staging(store: Store, attempt: str) -> Iterator[str]:
    """A fresh staging folder's key; removed when the attempt ends, however it ends."""
    folder = layout.staging_folder(attempt)
    try:
        yield folder
    finally:
        store.remove_folder(folder)


def _versions(publication: Publication) -> set[tuple[str, str]]:
    return {(stored.key, stored.checksum) for stored in publication.objects}


def _counted(result: PartitionResult) -> dict[str, int]:
    return {violation.rule: violation.rows for violation in result.violations}


def _empty_parquet(schema: pa.Schema, codec: str) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(schema.empty_table(), buffer, compression=codec, store_decimal_as_integer=True)
    return buffer.getvalue()
