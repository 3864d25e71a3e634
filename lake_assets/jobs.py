"""Jobs: one per partition axis, because the assets of a job share one partitions definition."""

import dagster as dg

from lake_assets.contract.layers import GOLD, SILVER_DIMENSIONS, SILVER_FACTS

JOB_TAG = "lake_assets/job"
"""On every run of a job, its name: by it `dagster.yaml` limits how many runs of the job go on at once."""

ingest = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.groups("bronze")
    | dg.AssetSelection.assets(*(["silver", table.name] for table in SILVER_DIMENSIONS)),
    tags={JOB_TAG: "ingest"},
    description="Convert the files of a batch to bronze and apply the batch to the silver dimensions.",
)

refresh_months = dg.define_asset_job(
    "refresh_months",
    selection=dg.AssetSelection.assets(
        *(["silver", table.name] for table in SILVER_FACTS),
        *(["gold", table.name] for table in GOLD.values() if table.axis == "month"),
    ),
    tags={JOB_TAG: "refresh_months"},
    description="Rebuild months of the silver facts and of the gold tables by month.",
)

refresh_years = dg.define_asset_job(
    "refresh_years",
    selection=dg.AssetSelection.assets(*(["gold", table.name] for table in GOLD.values() if table.axis == "year")),
    tags={JOB_TAG: "refresh_years"},
    description="Rebuild years of the gold tables by year.",
)

JOBS = {"source_batch": ingest, "month": refresh_months, "year": refresh_years}
