"""Schedules: every night what the sensors left is tried again, failed partitions among it; every week gold and the catalog are
verified."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import dagster as dg

from lake_assets import refresh
from lake_assets.automation.requests import busy_tables, request
from lake_assets.contract.calendar import MONTHS
from lake_assets.contract.layers import BATCH_COLUMN, LAKE_TABLES
from lake_assets.jobs import discover_catalog, ingest, refresh_months, refresh_years, verify_gold
from lake_assets.lake.lake import Lake
from lake_assets.lake.planning import Planner
from lake_assets.refresh import Work
from lake_assets.settings import Settings

_ALL = frozenset(LAKE_TABLES)


@dataclass(frozen=True)
class CatchUp:
    """What of the lake is looked after at an hour of the night (UTC), and by which job."""

    name: str
    job: dg.UnresolvedAssetJobDefinition
    hour: int
    needed: Callable[[Planner], Iterable[Work]]


CATCH_UPS = (
    CatchUp("ingest", ingest, 2, lambda planner: refresh.ingestion(planner, _ALL)),
    CatchUp("facts", refresh_months, 3, lambda planner: refresh.facts(planner, _ALL, MONTHS)),
    CatchUp("gold_months", refresh_months, 4, lambda planner: _gold(planner, "month")),
    CatchUp("gold_years", refresh_years, 4, lambda planner: _gold(planner, "year")),
)


def due(lake: Lake, instance: dg.DagsterInstance, catch_up: CatchUp) -> list[dg.RunRequest]:
    """Runs for all that is not up to date, except of tables that a run in progress builds."""
    planner = lake.planner()
    instance.add_dynamic_partitions(BATCH_COLUMN, [batch.name for batch in planner.batches])
    busy = busy_tables(instance)
    work = [piece for piece in catch_up.needed(planner) if not busy.intersection(piece.tables)]
    return [request(piece, by=f"nightly_{catch_up.name}").for_dagster() for piece in work]


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Those that catch up, an hour apart because each needs what the one before published, and two that verify."""
    status = dg.DefaultScheduleStatus.RUNNING if settings.automation == "on" else dg.DefaultScheduleStatus.STOPPED

    def schedule(catch_up: CatchUp) -> dg.ScheduleDefinition:
        @dg.schedule(
            job=catch_up.job,
            name=f"nightly_{catch_up.name}",
            cron_schedule=f"0 {catch_up.hour} * * *",
            default_status=status,
            description="Requests every night what is not up to date, also where it failed before.",
        )
        def nightly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
            requests = due(Lake(settings), context.instance, catch_up)
            return requests or dg.SkipReason("Everything is up to date, or a run is at it.")

        return nightly

    return [
        *(schedule(catch_up) for catch_up in CATCH_UPS),
        dg.ScheduleDefinition(
            job=verify_gold,
            name="weekly_verify_gold",
            cron_schedule="0 6 * * 0",
            default_status=status,
            description="Recomputes every Sunday from the published tables what must hold of gold.",
        ),
        dg.ScheduleDefinition(
            job=discover_catalog,
            name="weekly_discover_catalog",
            cron_schedule="0 7 * * 0",
            default_status=status,
            description="Compares every Sunday with the contract what is found in the layers; on AWS by crawlers, which are "
            "billed for ten minutes each.",
        ),
    ]


def _gold(planner: Planner, axis: str) -> list[Work]:
    return [work for work in refresh.gold(planner, _ALL, MONTHS) if work.tables[0].axis == axis]
