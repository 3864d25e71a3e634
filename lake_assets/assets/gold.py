"""Gold assets: the business tables."""

import dagster as dg

from lake_assets.assets.factory import lake_asset
from lake_assets.assets.partitions import SAME_AND_NEXT_MONTH, SAME_MONTH
from lake_assets.contract.layers import GOLD
from lake_assets.contract.tables import FACTS


def gold_assets(months_per_run: int) -> list[dg.AssetsDefinition]:
    return [_daily_sales_summary(months_per_run)]


def _daily_sales_summary(months_per_run: int) -> dg.AssetsDefinition:
    """A month reads its own sales and returns, and the sales of the month before."""
    facts = [
        dg.AssetDep(["silver", fact.name], partition_mapping=SAME_AND_NEXT_MONTH if fact.order else SAME_MONTH)
        for fact in FACTS
        if fact.channel
    ]
    calendar = dg.AssetDep(["silver", "date_dim"], partition_mapping=dg.AllPartitionMapping())
    return lake_asset(GOLD["daily_sales_summary"], dg.BackfillPolicy.multi_run(months_per_run), [*facts, calendar])
