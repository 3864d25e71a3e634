"""Storage against ledger: objects that are missing, altered, or nobody's, and publications left half done.

Reads the listing of the table folders and the ledger; the objects themselves only when checksums are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lake_assets.catalog.drift import Difference
from lake_assets.contract.layers import LakeTable
from lake_assets.contract.quarantine import has_quarantine
from lake_assets.contract.types import schema_fingerprint
from lake_assets.lake import layout
from lake_assets.lake.lake import Lake
from lake_assets.lake.records import LedgerEntry, Publication, StoredObject


def has_ledger(lake: Lake) -> bool:
    """Whether anything can be said of the objects of a lake: without a ledger nobody knows which should be there."""
    return next(iter(lake.store.objects(layout.LEDGER)), None) is not None


def storage_differences(lake: Lake, tables: Iterable[LakeTable], *, deep: bool = False) -> list[Difference]:
    """How the objects of these tables differ from what the ledger says; `deep` reads all of them for their checksums.

    What is found is looked at twice: a run that publishes at the same moment is no drift.
    """
    found: list[Difference] = []
    for table in tables:
        first = list(_of_table(lake, table, deep=deep))
        if first:
            second = set(_of_table(lake, table, deep=deep))
            found += [one for one in first if one in second]
    return found


def _of_table(lake: Lake, table: LakeTable, *, deep: bool) -> Iterator[Difference]:
    sizes = dict(_listed(lake, table))
    entries = {name: versioned.entry for name, versioned in lake.ledger.entries(table).items()}
    yield from compare_objects(table, sizes, entries)
    if deep:
        yield from _checksums(lake, table, sizes, entries)


def _listed(lake: Lake, table: LakeTable) -> Iterator[tuple[str, int]]:
    folders = [layout.table_folder(table), *([layout.quarantine_folder(table)] if has_quarantine(table) else [])]
    for folder in folders:
        for info in lake.store.objects(folder):
            yield info.key, info.size


def compare_objects(
    table: LakeTable, sizes: Mapping[str, int], entries: Mapping[str, LedgerEntry]
) -> Iterator[Difference]:
    """The differences between the objects of a table, with their sizes in bytes, and its ledger entries.

    While a partition is being published its objects are the old or the new ones, so that they are not compared.
    """
    known: set[str] = set()
    fingerprint = schema_fingerprint(table.columns)
    publishing: list[str] = []
    old: dict[str, list[str]] = {}
    for partition, entry in entries.items():
        known |= {stored.key for publication in _publications(entry) for stored in objects_of(publication)}
        if entry.publishing:
            # A writer that died may have left a quarantine that is in no publication.
            known.add(layout.quarantine_key(table, partition))
            publishing.append(partition)
        if entry.settled is None:
            continue
        if entry.settled.schema_fingerprint != fingerprint:
            old.setdefault(entry.settled.schema_fingerprint, []).append(partition)
        for stored in objects_of(entry.settled):
            size = sizes.get(stored.key)
            if size is None:
                yield Difference(table.identifier, "missing_object", stored.key, partitions=(partition,))
            elif size != stored.bytes:
                told = (f"{stored.bytes:,} bytes", f"{size:,} bytes")
                yield Difference(table.identifier, "altered_object", stored.key, *told, (partition,))
    if publishing:
        yield Difference(table.identifier, "publishing", partitions=tuple(publishing))
    for found, partitions in old.items():
        yield Difference(table.identifier, "old_schema", "", fingerprint, found, tuple(partitions))
    for key in sorted(set(sizes) - known):
        yield Difference(table.identifier, "foreign_object", key, found=f"{sizes[key]:,} bytes")


def _checksums(
    lake: Lake, table: LakeTable, sizes: Mapping[str, int], entries: Mapping[str, LedgerEntry]
) -> Iterator[Difference]:
    """Objects of the size that they should have, but with another content."""
    for partition, entry in entries.items():
        for stored in objects_of(entry.settled) if entry.settled else ():
            if sizes.get(stored.key) == stored.bytes:
                found = lake.store.checksum(stored.key)
                if found != stored.checksum:
                    yield Difference(
                        table.identifier, "altered_object", stored.key, stored.checksum, found, (partition,)
                    )


def objects_of(publication: Publication) -> tuple[StoredObject, ...]:
    """Data and quarantine."""
    return (*publication.objects, *((publication.quarantine,) if publication.quarantine else ()))


def _publications(entry: LedgerEntry) -> tuple[Publication, ...]:
    return tuple(known for known in (entry.committed, entry.publishing) if known)
