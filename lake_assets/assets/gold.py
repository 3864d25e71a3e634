"""Gold assets: the business tables."""

import dagster as dg

from lake_assets.assets.metadata import OWNERS, definition_metadata, tags
from lake_assets.assets.partitions import MONTH_PARTITIONS, SAME_AND_NEXT_MONTH, SAME_MONTH
from lake_assets.assets.step import materialise
from lake_assets.contract.layers import GOLD
from lake_assets.contract.tables import FACTS
from lake_assets.lake.planning import TRANSFORM_VERSIONS
from lake_assets.resources import EngineResource, LakeResource


def daily_sales_summary_asset(months_per_run: int) -> dg.AssetsDefinition:
    """Asset `gold/daily_sales_summary`: a month reads its own sales and returns, and the sales of the month before."""
    table = GOLD["daily_sales_summary"]
    facts = [
        dg.AssetDep(["silver", fact.name], partition_mapping=SAME_AND_NEXT_MONTH if fact.order else SAME_MONTH)
        for fact in FACTS
        if fact.channel
    ]

    @dg.asset(
        key=[table.layer, table.name],
        deps=[*facts, dg.AssetDep(["silver", "date_dim"], partition_mapping=dg.AllPartitionMapping())],
        partitions_def=MONTH_PARTITIONS,
        backfill_policy=dg.BackfillPolicy.multi_run(months_per_run),
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


def gold_assets(months_per_run: int) -> list[dg.AssetsDefinition]:
    return [daily_sales_summary_asset(months_per_run)]
