"""Dagster resources: the lake, the engine and Athena, from the settings. Nothing is opened or started until an asset runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from lake_assets.engine.engines import Engine, engine_of
from lake_assets.lake.lake import Lake
from lake_assets.liveness import hold
from lake_assets.settings import Settings

if TYPE_CHECKING:
    from lake_assets.query.athena import Athena


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake that assets read and publish to. `settings` are those of the lake as JSON."""

    settings: str

    @classmethod
    def from_settings(cls, settings: Settings) -> "LakeResource":
        return cls(settings=settings.model_dump_json(exclude_none=True))

    def lake(self) -> Lake:
        return Lake(Settings.model_validate_json(self.settings))


class AthenaResource(dg.ConfigurableResource[Any]):
    """Athena, for users' own assets about a lake on AWS: `athena.get().query("SELECT ... FROM gold.monthly_trends")`.

    `name` is the deployment's; without a region or a role, those of the process count. `price` is dollars for a scanned TB.
    """

    name: str
    region: str = ""
    role: str = ""
    price: float = 5.0
    timeout_seconds: float = 1800.0

    @classmethod
    def from_settings(cls, settings: Settings) -> "AthenaResource":
        return cls(name=settings.name, region=settings.region, price=settings.prices.athena_tb)

    def get(self) -> "Athena":
        # Imported here, so that loading the definitions imports no boto3.
        from lake_assets.aws import Aws
        from lake_assets.query.athena import Athena

        return Athena(Aws(self.region or None, self.role or None), self.name, self.price, self.timeout_seconds)


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
