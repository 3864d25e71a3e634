"""Bronze assets: every source table as delivered, one partition per batch of source files."""

import dagster as dg

from lake_assets.assets.factory import ENGINE_POOL, lake_asset
from lake_assets.contract.layers import BRONZE


def bronze_assets(pool: str = ENGINE_POOL) -> list[dg.AssetsDefinition]:
    return [lake_asset(table, dg.BackfillPolicy.single_run(), pool=pool) for table in BRONZE.values()]
