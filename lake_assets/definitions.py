"""The code location: every asset, job, sensor and schedule of the lake. Loading it opens, starts and reads nothing."""

import dagster as dg

from lake_assets.assets.bronze import bronze_assets
from lake_assets.assets.catalog import catalog_assets
from lake_assets.assets.factory import pool_of
from lake_assets.assets.freshness import with_freshness
from lake_assets.assets.gold import gold_assets
from lake_assets.assets.silver import silver_assets
from lake_assets.automation.schedules import schedules
from lake_assets.automation.sensors import sensors
from lake_assets.jobs import JOBS, discover_catalog, verify_gold
from lake_assets.resources import EngineResource, LakeResource
from lake_assets.settings import Settings, check_engine, load_settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """The definitions for a lake with these settings. Raises `SettingsError` where its engine lacks one."""
    check_engine(settings)
    pool, months = pool_of(settings), settings.months_per_run
    assets = [*bronze_assets(pool), *silver_assets(months, pool), *gold_assets(months, pool)]
    return dg.Definitions(
        assets=[*with_freshness(assets, settings), *catalog_assets(settings)],
        jobs=[*JOBS.values(), discover_catalog, verify_gold],
        sensors=sensors(settings),
        schedules=schedules(settings),
        resources={
            "lake": LakeResource.from_settings(settings),
            "engine": EngineResource.from_settings(settings),
        },
        # One process, because steps share the engine's session and its cores.
        executor=dg.in_process_executor,
    )


defs = build_definitions(load_settings())
