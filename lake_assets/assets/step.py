"""The one step behind every asset: plan, run on the engine, audit, publish, register, and tell Dagster what was published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from lake_assets.assets.metadata import publication_metadata
from lake_assets.catalog.local import LocalCatalog
from lake_assets.contract.layers import LakeTable
from lake_assets.engine.session import Engine
from lake_assets.errors import LakeError
from lake_assets.lake.lake import Lake, Outcome


def materialise(
    context: dg.AssetExecutionContext, table: LakeTable, lake: Lake, engine: Engine
) -> dg.MaterializeResult[None]:
    """Materialise the partitions of the run. Published ones are credited even when others fail; then the step fails."""
    partitions = list(context.partition_keys)
    # `context.run` and, for a single partition, `add_asset_metadata` are missing when a test calls the asset directly.
    run_id = context.op_execution_context.run_id
    try:
        outcome = lake.materialise(table, partitions, engine.run, run_id)
        LocalCatalog(lake.store, lake.settings.root).register(table)
    except LakeError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    published = _metadata_by_partition(table, partitions, outcome, lake)
    if outcome.failed:
        for partition, metadata in published.items():
            context.log_event(
                dg.AssetMaterialization(asset_key=context.asset_key, partition=partition, metadata=metadata)
            )
        raise dg.Failure(description=_explain(table, outcome), allow_retries=False)
    if len(partitions) == 1:
        return dg.MaterializeResult(metadata=published[partitions[0]])
    for partition, metadata in published.items():
        context.add_asset_metadata(metadata, partition_key=partition)
    return dg.MaterializeResult()


def _metadata_by_partition(
    table: LakeTable, partitions: list[str], outcome: Outcome, lake: Lake
) -> dict[str, Mapping[str, Any]]:
    """Metadata for each published Dagster partition. A dimension is one object, whichever batches were applied to it."""
    seconds = outcome.seconds / max(1, len(partitions))
    metadata = {
        partition: publication_metadata(table, publication, lake.settings.root, seconds)
        for partition, publication in outcome.published.items()
    }
    if table.partition_column is None:
        return {partition: found for partition in partitions for found in metadata.values()}
    return metadata


def _explain(table: LakeTable, outcome: Outcome) -> str:
    reasons = "\n".join(f"{partition}: {reason}" for partition, reason in sorted(outcome.failed.items()))
    return (
        f"{table.identifier}: {len(outcome.failed)} of {len(outcome.failed) + len(outcome.published)} partitions were not "
        f"published; what was published before stays as it was.\n{reasons}"
    )
