"""Work of a refresh as requests for Dagster runs, and which tables the runs in progress are busy with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg

from lake_assets.contract.layers import LAKE_TABLES, LakeTable
from lake_assets.jobs import JOBS, REBUILD_TAG
from lake_assets.refresh import Work

REQUESTED_BY_TAG = "lake_assets/requested_by"
"""Run tag: the sensor, schedule or command that the run was requested by."""

IN_PROGRESS = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True)
class Request:
    """One run of a job: of some of its assets, for one partition or a range of them."""

    job: str
    assets: tuple[dg.AssetKey, ...]
    partition: str | None
    tags: dict[str, str]

    def for_dagster(self) -> dg.RunRequest:
        return dg.RunRequest(
            job_name=self.job, asset_selection=list(self.assets), partition_key=self.partition, tags=self.tags
        )


def request(work: Work, *, by: str, rebuild: bool = False) -> Request:
    """The run that does a piece of work for whom it is requested `by`; a contiguous range of partitions is one run.

    A single month or year is a range too. Of a run for one partition Dagster takes the results of checks for that partition's
    alone, and shows them no more once another partition was built: a blocked month would look as if nothing was wrong.
    """
    axis = work.tables[0].axis
    first, last = work.partitions[0], work.partitions[-1]
    tags = {REQUESTED_BY_TAG: by, REBUILD_TAG: str(rebuild).lower()}
    is_batch = axis == "source_batch"
    if not is_batch:
        tags |= {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return Request(
        job=JOBS[axis].name,
        assets=tuple(dg.AssetKey([table.layer, table.name]) for table in work.tables),
        partition=first if is_batch else None,
        tags=tags,
    )


def busy_tables(instance: dg.DagsterInstance) -> frozenset[LakeTable]:
    """Tables that a run in progress, or one that waits in the queue, builds."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=list(IN_PROGRESS)))
    return frozenset(table for run in runs for table in _tables_of(run))


def _tables_of(run: dg.DagsterRun) -> Iterable[LakeTable]:
    if run.asset_selection:
        known: dict[tuple[str, ...], LakeTable] = {(table.layer, table.name): table for table in LAKE_TABLES}
        # Assets of the catalog are no tables.
        return [known[path] for path in (tuple(key.path) for key in run.asset_selection) if path in known]
    axes = [axis for axis, job in JOBS.items() if job.name == run.job_name]
    return [table for table in LAKE_TABLES if table.axis in axes]
