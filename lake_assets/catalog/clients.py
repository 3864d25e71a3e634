"""The Glue client of a deployment, made once per role because making one takes a tenth of a second."""

from __future__ import annotations

from typing import Any

from lake_assets.aws import shared_aws
from lake_assets.contract.layers import Layer
from lake_assets.settings import Settings


def glue_client(settings: Settings, layer: Layer | None = None) -> Any:
    """With the rights of the role that publishes to a layer where the settings name one, else with the process's own."""
    return shared_aws(settings.region or None, settings.roles.get(layer) if layer else None).client("glue")
