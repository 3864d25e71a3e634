"""Which engine the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake_assets.engine.session import Engine, SessionEngine
from lake_assets.settings import Settings

if TYPE_CHECKING:
    import dagster as dg


def engine_of(settings: Settings, context: dg.AssetExecutionContext) -> Engine:
    """The engine for a step. One that starts jobs elsewhere reports their course to the step's `context`."""
    if settings.engine == "glue":
        # Here, because loading the clients of AWS takes a fifth of a second that other engines do not need.
        from lake_assets.engine.glue import GlueEngine

        return GlueEngine(settings, context)
    return SessionEngine(settings.engine, settings.threads, settings.memory_gb, settings.remote)


__all__ = ["Engine", "engine_of"]
