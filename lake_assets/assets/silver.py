"""Silver assets: facts by month of their event, dimensions with the latest row per key over the applied batches."""

import dagster as dg

from lake_assets.assets.metadata import OWNERS, definition_metadata, tags
from lake_assets.assets.partitions import MONTH_PARTITIONS, SOURCE_BATCHES
from lake_assets.assets.step import materialise
from lake_assets.contract.layers import SILVER_DIMENSIONS, SILVER_FACTS, LakeTable
from lake_assets.lake.planning import TRANSFORM_VERSIONS
from lake_assets.resources import EngineResource, LakeResource


def silver_asset(
    table: LakeTable,
    partitions_def: dg.PartitionsDefinition[str],
    mapping: dg.PartitionMapping,
    backfill_policy: dg.BackfillPolicy,
) -> dg.AssetsDefinition:
    """Asset `silver/<table>` over its bronze asset."""

    @dg.asset(
        key=[table.layer, table.name],
        deps=[dg.AssetDep(["bronze", table.name], partition_mapping=mapping)],
        partitions_def=partitions_def,
        backfill_policy=backfill_policy,
        group_name=table.layer,
        kinds={"pyspark", "parquet"},
        owners=OWNERS,
        tags=tags(table),
        description=table.comment,
        metadata=definition_metadata(table),
        code_version=TRANSFORM_VERSIONS[table.layer],
    )
    def build(
        context: dg.AssetExecutionContext, lake: LakeResource, engine: EngineResource
    ) -> dg.MaterializeResult[None]:
        return materialise(context, table, lake.lake(), engine.get())

    return build


def silver_assets(months_per_run: int) -> list[dg.AssetsDefinition]:
    """All 24. `months_per_run` bounds what one run of a backfill takes, in one pass over the inputs."""
    # A month is built from every batch: an order's lines may be spread over batches.
    facts = [
        silver_asset(table, MONTH_PARTITIONS, dg.AllPartitionMapping(), dg.BackfillPolicy.multi_run(months_per_run))
        for table in SILVER_FACTS
    ]
    dimensions = [
        silver_asset(table, SOURCE_BATCHES, dg.IdentityPartitionMapping(), dg.BackfillPolicy.single_run())
        for table in SILVER_DIMENSIONS
    ]
    return facts + dimensions
