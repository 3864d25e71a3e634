"""Silver assets: facts by month of their event, dimensions with the latest row per key over the applied batches."""

import dagster as dg

from lake_assets.assets.factory import ENGINE_POOL, lake_asset
from lake_assets.contract.layers import SILVER_DIMENSIONS, SILVER_FACTS, LakeTable


def silver_assets(months_per_run: int, pool: str = ENGINE_POOL) -> list[dg.AssetsDefinition]:
    """All 24. `months_per_run` bounds what one run of a backfill takes, in one pass over the inputs."""
    # A month is built from every batch: an order's lines may be spread over batches.
    facts = [
        lake_asset(
            table, dg.BackfillPolicy.multi_run(months_per_run), [_bronze(table, dg.AllPartitionMapping())], pool=pool
        )
        for table in SILVER_FACTS
    ]
    dimensions = [
        lake_asset(
            table,
            dg.BackfillPolicy.single_run(),
            [_bronze(table, dg.IdentityPartitionMapping()), *_compared_with(table)],
            pool=pool,
        )
        for table in SILVER_DIMENSIONS
    ]
    return facts + dimensions


def _compared_with(dimension: LakeTable) -> list[dg.AssetDep]:
    """Dimensions that this one refers to: its audit looks for their rows, so within a run they come first.

    Facts refer to dimensions too, but are refreshed by another job, after them.
    """
    referred = dimension.source.dimensions if dimension.source else ()
    return [dg.AssetDep(["silver", name], partition_mapping=dg.IdentityPartitionMapping()) for name in referred]


def _bronze(table: LakeTable, mapping: dg.PartitionMapping) -> dg.AssetDep:
    return dg.AssetDep(["bronze", table.name], partition_mapping=mapping)
