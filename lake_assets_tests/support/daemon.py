"""Dagster's daemon one step at a time: ticks of the lake's own sensors, and the runs that they request.

What belongs here: doing what the daemon does, in the same order, on a real instance. What a tick must lead to is the matter of
the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from lake_assets.automation.schedules import CATCH_UPS, due
from lake_assets.contract.layers import LakeTable, lake_table
from lake_assets.definitions import build_definitions
from lake_assets.lake.lake import Lake
from lake_assets.settings import Settings
from lake_assets_tests.support.lake_support import FakeEngine

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

Asked = dict[str, tuple[str, ...]]
"""By table the partitions that are requested, in order."""


@dataclass
class Daemon:
    """A lake with its sensors, on an instance that forgets. Runs are in progress until `work_off` executes them."""

    settings: Settings
    instance: dg.DagsterInstance
    engine: FakeEngine = field(default_factory=FakeEngine)
    cursors: dict[str, str | None] = field(default_factory=dict)
    queue: list[dg.RunRequest] = field(default_factory=list)
    told: str = ""
    _loaded: tuple[Settings, dg.Definitions] | None = None

    @property
    def lake(self) -> Lake:
        return Lake(self.settings)

    @property
    def definitions(self) -> dg.Definitions:
        """The lake's own, with this daemon's engine. Made anew when the settings change, as after a new start."""
        if self._loaded is None or self._loaded[0] != self.settings:
            built = build_definitions(self.settings)
            resources: Mapping[str, Any] = {**(built.resources or {}), "engine": _Engine(self)}
            loaded = dg.Definitions(
                assets=built.assets,
                jobs=built.jobs,
                sensors=built.sensors,
                schedules=built.schedules,
                resources=resources,
                executor=built.executor,
            )
            self._loaded = (self.settings, loaded)
        return self._loaded[1]

    def evaluate(self, name: str) -> tuple[list[dg.RunRequest], str | None]:
        """What a tick of a sensor requests, and its next cursor; nothing of it has happened yet."""
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursors.get(name), sensor_name=name
        ) as context:
            found = self.definitions.resolve_sensor_def(name)(context)
        assert isinstance(found, dg.SensorResult)
        self.told = found.skip_reason.skip_message or "" if found.skip_reason else ""
        return list(found.run_requests or []), found.cursor

    def tick(self, name: str) -> Asked:
        """One tick: its runs are queued, then its cursor is kept."""
        requests, cursor = self.evaluate(name)
        self.submit(requests)
        self.cursors[name] = cursor
        return asked(requests)

    def catch_up(self, name: str) -> Asked:
        """One tick of a nightly schedule: its runs are submitted."""
        (catch_up,) = (known for known in CATCH_UPS if known.name == name)
        requests = due(self.lake, self.instance, catch_up)
        self.submit(requests)
        return asked(requests)

    def submit(self, requests: list[dg.RunRequest]) -> None:
        for request in requests:
            self.queue.append(request)
            self.instance.add_run(
                dg.DagsterRun(
                    job_name=_job_of(request),
                    status=dg.DagsterRunStatus.STARTED,
                    asset_selection=frozenset(request.asset_selection or ()),
                )
            )

    def work_off(self) -> bool:
        """Execute the queued runs; whether all of them succeeded."""
        queued, self.queue = self.queue, []
        for run in self.instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
            self.instance.delete_run(run.run_id)
        succeeded = [self._execute(request) for request in queued]
        return all(succeeded)

    def _execute(self, request: dg.RunRequest) -> bool:
        job = self.definitions.resolve_job_def(_job_of(request))
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=list(request.asset_selection or ()),
            partition_key=request.partition_key,
            tags=dict(request.tags),
            run_config=_QUIET,
            raise_on_error=False,
        ).success

    def settle(self) -> None:
        """Ticks and runs until both sensors have nothing to request."""
        for _ in range(20):
            if not any([self.tick("source_files"), self.tick("stale_partitions")]):
                return
            self.work_off()
        raise AssertionError("the sensors do not come to rest")


class _Engine:
    """The resource `engine`: gives an asset the engine that the daemon has by then."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def get(self, _: object) -> FakeEngine:
        return self._daemon.engine


def asked(requests: list[dg.RunRequest]) -> Asked:
    """Tables and partitions of run requests, those of a range one by one."""
    found: dict[str, tuple[str, ...]] = {}
    for request in requests:
        for key in request.asset_selection or ():
            table = lake_table(*key.path)
            found[table.identifier] = (*found.get(table.identifier, ()), *_partitions(request, table))
    return found


def _partitions(request: dg.RunRequest, table: LakeTable) -> tuple[str, ...]:
    if request.partition_key:
        return (request.partition_key,)
    first, last = (request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end"))
    keys = table.partitions
    return keys[keys.index(first) : keys.index(last) + 1]


def _job_of(request: dg.RunRequest) -> str:
    if request.job_name:
        return request.job_name
    axis = lake_table(*(request.asset_selection or ())[0].path).axis
    return {"source_batch": "ingest", "month": "refresh_months", "year": "refresh_years"}[axis]
