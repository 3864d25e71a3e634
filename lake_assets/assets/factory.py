"""How a table of the lake becomes an asset: everything but its place in the graph follows from the contract."""

from collections.abc import Iterable, Iterator

import dagster as dg

from lake_assets.assets.checks import check_specs
from lake_assets.assets.metadata import OWNERS, definition_metadata, tags
from lake_assets.assets.partitions import PARTITIONS
from lake_assets.assets.step import materialise
from lake_assets.contract.layers import LakeTable
from lake_assets.lake.planning import TRANSFORM_VERSIONS
from lake_assets.resources import EngineResource, LakeResource
from lake_assets.settings import Settings

ENGINE_POOL = "engine"
"""What assets that run on the engine of their process wait for; `dagster.yaml` says how many runs may have one."""
GLUE_POOL = "glue"


def pool_of(settings: Settings) -> str:
    """Runs whose work Glue does wait for a pool of their own, which may have room for several."""
    return GLUE_POOL if settings.engine == "glue" else ENGINE_POOL


def lake_asset(
    table: LakeTable, backfill_policy: dg.BackfillPolicy, deps: Iterable[dg.AssetDep] = (), *, pool: str
) -> dg.AssetsDefinition:
    """Asset `<layer>/<table>` over `deps`, partitioned along the table's axis."""

    @dg.asset(
        key=[table.layer, table.name],
        deps=list(deps),
        partitions_def=PARTITIONS[table.axis],
        backfill_policy=backfill_policy,
        group_name=table.layer,
        pool=pool,
        kinds={"pyspark", "parquet"},
        owners=OWNERS,
        tags=tags(table),
        description=table.comment,
        metadata=definition_metadata(table),
        code_version=TRANSFORM_VERSIONS[table.layer],
        check_specs=check_specs(table),
    )
    def build(
        context: dg.AssetExecutionContext, lake: LakeResource, engine: EngineResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        yield from materialise(context, table, lake.lake(), engine.get(context))

    return build
