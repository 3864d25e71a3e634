"""Dagster resources: the lake, the engine and Athena, from the settings. Nothing is opened or started until an asset runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import dagster as dg

from lake_assets.engine.session import Engine, SessionEngine
from lake_assets.errors import EngineError
from lake_assets.lake.lake import Lake
from lake_assets.liveness import hold
from lake_assets.settings import EngineName, SchemaDrift, Settings

if TYPE_CHECKING:
    from lake_assets.query.athena import Athena


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake that assets read and publish to."""

    root: str
    source: str
    memory_gb: float
    threads: int
    rules: str = "{}"
    schema_drift: str = "strict"
    fresh_hours: float = 24.0

    @classmethod
    def from_settings(cls, settings: Settings) -> "LakeResource":
        return cls(
            root=str(settings.root),
            source=str(settings.source),
            memory_gb=settings.memory_gb,
            threads=settings.threads,
            rules=settings.model_dump_json(include={"rules"}, exclude_none=True),
            schema_drift=settings.schema_drift,
            fresh_hours=settings.fresh_hours,
        )

    def lake(self) -> Lake:
        return Lake(
            Settings(
                root=Path(self.root),
                source=Path(self.source),
                memory_gb=self.memory_gb,
                threads=self.threads,
                rules=json.loads(self.rules).get("rules", {}),
                schema_drift=cast(SchemaDrift, self.schema_drift),
                fresh_hours=self.fresh_hours,
            )
        )


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
    """The engine that carries out tasks."""

    engine: str
    memory_gb: float
    threads: int

    @classmethod
    def from_settings(cls, settings: Settings) -> "EngineResource":
        return cls(engine=settings.engine, memory_gb=settings.memory_gb, threads=settings.threads)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Whoever wonders whether the run is still alive can see it from here on: the engine lives in its process."""
        if context.instance and context.run:
            hold(Path(context.instance.root_directory), context.run.run_id)

    def get(self) -> Engine:
        if self.engine not in get_args(EngineName):
            raise EngineError(f"Unknown engine {self.engine!r}; engines are {', '.join(get_args(EngineName))}.")
        return SessionEngine(cast(EngineName, self.engine), self.threads, self.memory_gb)
