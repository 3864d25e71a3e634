"""Jobs: one per partition axis, because the assets of a job share one partitions definition."""

import dagster as dg

from lake_assets.contract.layers import GOLD, SILVER_DIMENSIONS, SILVER_FACTS

ingest = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.groups("bronze")
    | dg.AssetSelection.assets(*(["silver", table.name] for table in SILVER_DIMENSIONS)),
    description="Convert the files of a batch to bronze and apply the batch to the silver dimensions.",
)

refresh_months = dg.define_asset_job(
    "refresh_months",
    selection=dg.AssetSelection.assets(
        *(["silver", table.name] for table in SILVER_FACTS),
        *(["gold", table.name] for table in GOLD.values() if table.axis == "month"),
    ),
    description="Rebuild months of the silver facts and of the gold tables by month.",
)

refresh_years = dg.define_asset_job(
    "refresh_years",
    selection=dg.AssetSelection.assets(*(["gold", table.name] for table in GOLD.values() if table.axis == "year")),
    description="Rebuild years of the gold tables by year.",
)

JOBS = {"source_batch": ingest, "month": refresh_months, "year": refresh_years}
