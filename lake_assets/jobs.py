"""Jobs: one per partition axis, because the assets of a job share one partitions definition, and two that verify."""

import dagster as dg

from lake_assets.contract.layers import GOLD, SILVER_DIMENSIONS, SILVER_FACTS
from lake_assets.errors import LakeError
from lake_assets.resources import LakeResource

REBUILD_TAG = "lake_assets/rebuild"
"""Run tag. `true`: partitions that stand for their present inputs are built anew; `false`: they stay as they are.

Without it, a backfill leaves them as they are, so that it can be interrupted and started again, and any other run builds them.
"""

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

discover_catalog = dg.define_asset_job(
    "discover_catalog",
    selection=dg.AssetSelection.groups("catalog"),
    tags={JOB_TAG: "discover_catalog"},
    description="Look at each layer without knowing the contract, on AWS by a Glue crawler, and compare what is found.",
)

JOBS = {"source_batch": ingest, "month": refresh_months, "year": refresh_years}


@dg.op(
    description="Recomputes the invariants of gold and those across tables, with an engine that took no part in building them."
)
def verify(context: dg.OpExecutionContext, lake: LakeResource) -> None:
    # Here, because DuckDB is not needed for loading the definitions.
    from lake_assets.query.verify import verify as find

    try:
        found = find(lake.lake())
    except LakeError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    context.add_output_metadata(
        {
            "invariants": len(found),
            "not_checked": sum(bool(known.missing) for known in found),
            "violations": sum(sum(known.broken.values()) for known in found),
        }
    )
    failed = [known for known in found if known.broken and known.rule.action == "block"]
    for known in found:
        if known.broken:
            context.log.warning(f"{known.table}, {known.rule.name}: {dict(known.broken)}. {known.rule.sentence}")
    if failed:
        names = ", ".join(f"{known.table}: {known.rule.name}" for known in failed)
        raise dg.Failure(f"Broken: {names}. `lake-assets verify` tells the partitions.", allow_retries=False)


@dg.job(description="Recomputes from the published tables what must hold of gold; fails when it does not.")
def verify_gold() -> None:
    verify()
