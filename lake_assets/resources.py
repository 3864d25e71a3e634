"""Dagster resources: the lake and the engine, from the settings. Nothing is opened or started until an asset runs."""

from pathlib import Path

import dagster as dg

from lake_assets.engine.engines import Engine, engine_of
from lake_assets.lake.lake import Lake
from lake_assets.liveness import hold
from lake_assets.settings import Settings


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake that assets read and publish to. `settings` are those of the lake as JSON."""

    settings: str

    @classmethod
    def from_settings(cls, settings: Settings) -> "LakeResource":
        return cls(settings=settings.model_dump_json(exclude_none=True))

    def lake(self) -> Lake:
        return Lake(Settings.model_validate_json(self.settings))


class EngineResource(dg.ConfigurableResource[Engine]):
    """The engine that carries out tasks. `settings` are those of the lake as JSON."""

    settings: str

    @classmethod
    def from_settings(cls, settings: Settings) -> "EngineResource":
        return cls(settings=settings.model_dump_json(exclude_none=True))

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Whoever wonders whether the run is still alive can see it from here on: the engine lives in its process."""
        if context.instance and context.run:
            hold(Path(context.instance.root_directory), context.run.run_id)

    def get(self, context: dg.AssetExecutionContext) -> Engine:
        """The engine for the step of `context`."""
        return engine_of(Settings.model_validate_json(self.settings), context)
