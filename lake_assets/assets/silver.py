"""Silver assets: facts by month of their event, dimensions with the latest row per key over the applied batches."""

import dagster as dg

from lake_assets.assets.factory import lake_asset
from lake_assets.contract.layers import SILVER_DIMENSIONS, SILVER_FACTS, LakeTable


def silver_assets(months_per_run: int) -> list[dg.AssetsDefinition]:
    """All 24. `months_per_run` bounds what one run of a backfill takes, in one pass over the inputs."""
    # A month is built from every batch: an order's lines may be spread over batches.
    facts = [
        lake_asset(table, dg.BackfillPolicy.multi_run(months_per_run), [_bronze(table, dg.AllPartitionMapping())])
        for table in SILVER_FACTS
    ]
    dimensions = [
        lake_asset(table, dg.BackfillPolicy.single_run(), [_bronze(table, dg.IdentityPartitionMapping())])
        for table in SILVER_DIMENSIONS
    ]
    return facts + dimensions


def _bronze(table: LakeTable, mapping: dg.PartitionMapping) -> dg.AssetDep:
    return dg.AssetDep(["bronze", table.name], partition_mapping=mapping)
