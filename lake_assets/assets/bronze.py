"""Bronze assets: every source table as delivered, one partition per batch of source files."""

import dagster as dg

from lake_assets.assets.metadata import OWNERS, definition_metadata, tags
from lake_assets.assets.partitions import SOURCE_BATCHES
from lake_assets.assets.step import materialise
from lake_assets.contract.layers import BRONZE, LakeTable
from lake_assets.lake.planning import TRANSFORM_VERSIONS
from lake_assets.resources import EngineResource, LakeResource


def bronze_asset(table: LakeTable) -> dg.AssetsDefinition:
    """Asset `bronze/<table>`, partitioned by `source_batch`."""

    @dg.asset(
        key=[table.layer, table.name],
        partitions_def=SOURCE_BATCHES,
        backfill_policy=dg.BackfillPolicy.single_run(),
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


bronze_assets = [bronze_asset(table) for table in BRONZE.values()]
