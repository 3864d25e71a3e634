"""The partition axes as Dagster sees them, and how the partitions of one table follow from those of another."""

from __future__ import annotations

from collections import defaultdict

import dagster as dg

from lake_assets.contract.calendar import MONTHS, YEARS
from lake_assets.contract.layers import BATCH_COLUMN, Axis, LakeTable
from lake_assets.contract.lineage import reads

SOURCE_BATCHES = dg.DynamicPartitionsDefinition(name=BATCH_COLUMN)
PARTITIONS: dict[Axis, dg.PartitionsDefinition[str]] = {
    "source_batch": SOURCE_BATCHES,
    "month": dg.StaticPartitionsDefinition(list(MONTHS)),
    "year": dg.StaticPartitionsDefinition(list(YEARS)),
}


def mapping(silver: LakeTable, gold: LakeTable) -> dg.PartitionMapping:
    """Which partitions of a gold table each partition of a silver one makes stale: those that are built from it."""
    if silver.partition_column is None:
        return dg.AllPartitionMapping()
    stale: dict[str, list[str]] = defaultdict(list)
    for partition in gold.partitions:
        for table, key in reads(gold, partition):
            if table == silver:
                stale[key].append(partition)
    return dg.StaticPartitionMapping(stale)
