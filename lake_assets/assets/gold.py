"""Gold assets: the business tables."""

import dagster as dg

from lake_assets.assets.factory import ENGINE_POOL, lake_asset
from lake_assets.assets.partitions import mapping
from lake_assets.contract.layers import GOLD, LakeTable
from lake_assets.contract.lineage import upstream


def gold_assets(months_per_run: int, pool: str = ENGINE_POOL) -> list[dg.AssetsDefinition]:
    """All four. `months_per_run` bounds what one run of a backfill takes of a table by month."""
    return [
        lake_asset(table, _backfill_policy(table, months_per_run), _deps(table), pool=pool) for table in GOLD.values()
    ]


def _backfill_policy(table: LakeTable, months_per_run: int) -> dg.BackfillPolicy:
    # Years read each other's sales, so that one run over several reads them once.
    return dg.BackfillPolicy.multi_run(months_per_run) if table.axis == "month" else dg.BackfillPolicy.single_run()


def _deps(table: LakeTable) -> list[dg.AssetDep]:
    return [
        dg.AssetDep([silver.layer, silver.name], partition_mapping=mapping(silver, table)) for silver in upstream(table)
    ]
