"""Sensors: files in the source become fresh tables without a hand being lifted."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TypeVar

import dagster as dg
from pydantic import BaseModel, ValidationError

from lake_assets.automation import arrivals, staleness
from lake_assets.automation.attempts import Attempts
from lake_assets.automation.requests import busy_tables, request
from lake_assets.contract.layers import BATCH_COLUMN
from lake_assets.jobs import ingest, refresh_months, refresh_years
from lake_assets.lake.lake import Lake
from lake_assets.refresh import Work
from lake_assets.settings import Settings

Kept = TypeVar("Kept", bound=BaseModel)


def sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """`source_files` takes in what arrives, `stale_partitions` rebuilds what depends on it."""
    status = dg.DefaultSensorStatus.RUNNING if settings.automation == "on" else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        job=ingest,
        minimum_interval_seconds=settings.sensor_seconds,
        default_status=status,
        description="Finds new and changed source files, waits until the drop is complete, pins it as a batch and requests its "
        "ingestion.",
    )
    def source_files(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        found = arrivals.tick(
            Lake(settings), _read(arrivals.Cursor, context), busy_tables(context.instance), time.time()
        )
        # Before the runs are requested, and again by the next tick if this one dies here.
        context.instance.add_dynamic_partitions(BATCH_COLUMN, list(found.batches))
        return _result(context, found.work, found.cursor, found.told)

    @dg.sensor(
        jobs=[refresh_months, refresh_years],
        minimum_interval_seconds=settings.sensor_seconds,
        default_status=status,
        description="Requests the months of facts that the batches touch, and then the months and years of gold that are built "
        "from them.",
    )
    def stale_partitions(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        found = staleness.tick(Lake(settings), _read(Attempts, context), busy_tables(context.instance))
        return _result(context, found.work, found.attempts, found.told or ("Every partition is up to date.",))

    return [source_files, stale_partitions]


def _read(kind: type[Kept], context: dg.SensorEvaluationContext) -> Kept:
    """The cursor; an empty one when there is none, or it is of another version of this code."""
    try:
        return kind.model_validate_json(context.cursor or "{}")
    except ValidationError:
        context.log.warning(
            "The cursor cannot be read and is begun anew; at worst failed partitions are tried once more."
        )
        return kind()


def _result(
    context: dg.SensorEvaluationContext, work: Iterable[Work], cursor: BaseModel, told: Iterable[str]
) -> dg.SensorResult:
    """Requests with the next cursor; without any, the reason. What is to be told is in the tick's log in any case."""
    requests = [request(piece, by=context.sensor_name).for_dagster() for piece in work]
    told = list(told)
    for line in told:
        context.log.info(line)
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else " ".join(told),
        cursor=cursor.model_dump_json(exclude_defaults=True),
    )
