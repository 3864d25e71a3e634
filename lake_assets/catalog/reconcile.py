"""Reconciliation: catalog, storage and ledger compared, and brought back together as far as that loses nothing.

The ledger is what counts. The catalog is written anew from it. A partition whose objects are missing or altered is marked in
the ledger as half published, which it is: nobody may build on it, and the next run publishes it again. What the lake did not
write is told and left alone. Repairing again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from lake_assets.catalog import catalog_of
from lake_assets.catalog.drift import MEANINGS, Difference
from lake_assets.catalog.storage import storage_differences
from lake_assets.contract.layers import LAKE_TABLES, LakeTable, Layer
from lake_assets.errors import PublishConflictError
from lake_assets.lake import layout
from lake_assets.lake.lake import Lake
from lake_assets.lake.ledger import Ledger

_TO_BUILD = ("missing_object", "altered_object", "old_schema")


@dataclass(frozen=True)
class Repaired:
    """One difference and what became of it. `mended`: it is no more, or the next run settles it."""

    difference: Difference
    action: str
    mended: bool


@dataclass(frozen=True)
class Repair:
    """What was found and done. `staging` are folders of attempts that died: removed, or in a dry run all there are."""

    repaired: tuple[Repaired, ...]
    staging: tuple[str, ...]
    to_build: tuple[tuple[LakeTable, str], ...]


def differences(lake: Lake, tables: Sequence[LakeTable], *, deep: bool = False) -> list[Difference]:
    """Everything in which storage and catalog differ from the ledger, for these tables; `deep` compares checksums too."""
    return [*storage_differences(lake, tables, deep=deep), *catalog_of(lake).differences(tables)]


def repair(lake: Lake, *, dry_run: bool = False, deep: bool = False) -> Repair:
    """Find every difference and mend it; in a dry run nothing is written. `deep` compares checksums as well as sizes."""
    stored = storage_differences(lake, LAKE_TABLES, deep=deep)
    catalog = catalog_of(lake).differences(LAKE_TABLES)
    to_build = _partitions_to_build(stored)
    staging = _attempts(lake) if dry_run else lake.store.sweep(layout.STAGING, lake.settings.staging_hours * 3600)
    left: set[tuple[LakeTable, str]] = set()
    if not dry_run:
        left = {(table, partition) for table, partition in to_build if not _mark(lake, table, partition)}
        if catalog:
            for layer in get_args(Layer):
                catalog_of(lake, layer).renew([table for table in LAKE_TABLES if table.layer == layer])
    remaining = set(catalog if dry_run else catalog_of(lake).differences(LAKE_TABLES) if catalog else ())
    return Repair(
        tuple(
            [_told(one, mended=not dry_run and one.kind in _TO_BUILD) for one in stored]
            + [_told(one, mended=one not in remaining) for one in catalog]
        ),
        tuple(staging),
        tuple(known for known in to_build if known not in left),
    )


def _told(difference: Difference, *, mended: bool) -> Repaired:
    return Repaired(difference, MEANINGS[difference.kind].remedy, mended)


def _partitions_to_build(differences: Iterable[Difference]) -> list[tuple[LakeTable, str]]:
    tables = {table.identifier: table for table in LAKE_TABLES}
    found = (
        (tables[one.table], partition) for one in differences if one.kind in _TO_BUILD for partition in one.partitions
    )
    return list(dict.fromkeys(found))


def _mark(lake: Lake, table: LakeTable, partition: str) -> bool:
    """Say in the ledger that the objects of a partition are not what was published; False when a run publishes it just now."""
    versioned = lake.ledger.read(table, partition)
    if versioned.entry.settled is None:
        return True
    entry = versioned.entry.model_copy(update={"publishing": versioned.entry.committed})
    try:
        Ledger(lake.store_of(table)).write(table, entry, versioned.version)
    except PublishConflictError:
        return False
    return True


def _attempts(lake: Lake) -> list[str]:
    """Staging folders of all attempts, those that go on among them."""
    keys = (info.key for info in lake.store.objects(layout.STAGING))
    return list(dict.fromkeys("/".join(key.split("/")[:2]) for key in keys))
