"""How recently tables must have been built, for Dagster's freshness badges and alerts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import dagster as dg

from lake_assets.contract.layers import LAKE_TABLES, Layer
from lake_assets.settings import Settings

_STEPS: dict[Layer, int] = {"bronze": 0, "silver": 1, "gold": 2}


def with_freshness(assets: Iterable[dg.AssetsDefinition], settings: Settings) -> list[dg.AssetsDefinition]:
    """The assets, the facts and gold of them with a freshness policy.

    New files of facts are expected within `delivery_hours`; each layer may take `fresh_hours` more. A warning comes at half of
    that. Dimensions have no policy: most never change.
    """
    of_facts = {(table.layer, table.name) for table in LAKE_TABLES if table.source is None or table.source.is_fact}

    def fresh(spec: dg.AssetSpec) -> dg.AssetSpec:
        layer, name = spec.key.path
        return dg.apply_freshness_policy(spec, policy(layer, settings)) if (layer, name) in of_facts else spec  # type: ignore[arg-type]

    return list(dg.map_asset_specs(fresh, assets))


def policy(layer: Layer, settings: Settings) -> dg.FreshnessPolicy:
    window = timedelta(hours=settings.delivery_hours + _STEPS[layer] * settings.fresh_hours)
    return dg.FreshnessPolicy.time_window(fail_window=window, warn_window=window / 2)
