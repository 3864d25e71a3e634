"""The one step behind every asset: plan, run on the engine, audit, publish, register, and tell Dagster what was published."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from lake_assets.assets.checks import check_results
from lake_assets.assets.metadata import publication_metadata
from lake_assets.assets.retries import attempt, is_another_left
from lake_assets.catalog import catalog_of
from lake_assets.contract.layers import LakeTable
from lake_assets.contract.rules import Rule
from lake_assets.engine.session import Engine
from lake_assets.errors import LakeError, PublishConflictError
from lake_assets.jobs import REBUILD_TAG
from lake_assets.lake.lake import Lake, Outcome
from lake_assets.lake.records import Publication
from lake_assets.lake.store import side_by_side
from lake_assets.s3_requests import S3_REQUESTS

_BACKFILL_TAG = "dagster/backfill"


def materialise(
    context: dg.AssetExecutionContext, table: LakeTable, lake: Lake, engine: Engine
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Materialise the partitions of the run. Published ones are credited even when others fail; then the step fails.

    Every check of the table reports, whatever becomes of the partitions. In a backfill, those that stand for their present
    inputs are credited as they are: what was interrupted goes on where it was.
    """
    partitions = list(context.partition_keys)
    # `context.run` and, for a single partition, `add_asset_metadata` are missing when a test calls the asset directly.
    run_id = context.op_execution_context.run_id
    before = S3_REQUESTS.made
    with attempt(context):
        outcome = lake.materialise(table, partitions, engine.run, run_id, rebuild=_rebuilds(context))
        if outcome.contested and is_another_left(context):
            raise PublishConflictError("; ".join(outcome.failed[partition] for partition in outcome.contested))
    problems = [*_explain(table, outcome), *_register(table, lake)]
    entries = {name: versioned.entry for name, versioned in lake.ledger.entries(table).items()}
    yield from check_results(table, lake.store, lake.rules(table), lake.told(table, outcome), entries)
    standing = {name: entry.settled for name, entry in entries.items() if entry.settled}
    published = _metadata_by_partition(table, partitions, outcome, lake, standing)
    asked, prices = S3_REQUESTS.made - before, lake.settings.prices
    share = asked.figures(prices, max(1, len(published)))
    published = {partition: {**metadata, **share} for partition, metadata in published.items()}
    if problems:
        if share and not published:
            # What publishes nothing has no materialisation that could tell what it cost.
            context.log_event(dg.AssetObservation(context.asset_key, metadata=share))
        for partition, metadata in published.items():
            context.log_event(
                dg.AssetMaterialization(asset_key=context.asset_key, partition=partition, metadata=metadata)
            )
        raise dg.Failure(description="\n".join(problems), allow_retries=False)
    if len(partitions) == 1:
        yield dg.MaterializeResult(metadata=published[partitions[0]])
        return
    for partition, metadata in published.items():
        context.add_asset_metadata(metadata, partition_key=partition)
    yield dg.MaterializeResult()


def _rebuilds(context: dg.AssetExecutionContext) -> bool:
    """Whether partitions that stand for their present inputs are built all the same."""
    run = context.op_execution_context
    if run.has_tag(REBUILD_TAG):
        return run.get_tag(REBUILD_TAG) == "true"
    return not run.has_tag(_BACKFILL_TAG)


def _metadata_by_partition(
    table: LakeTable, partitions: list[str], outcome: Outcome, lake: Lake, standing: Mapping[str, Publication]
) -> dict[str, Mapping[str, Any]]:
    """Metadata for each published Dagster partition. A dimension is one object, whichever batches were applied to it."""
    built = max(1, len(partitions) - len(outcome.reused))
    cost = (outcome.seconds / built, outcome.audit_seconds / built)
    # What is a number, of all partitions together, is told as each one's share.
    figures = {name: value / built if isinstance(value, float) else value for name, value in outcome.figures.items()}
    table_rows = sum(publication.rows for publication in standing.values())

    def metadata_of(partition: str, publication: Publication) -> Mapping[str, Any]:
        reused = partition in outcome.reused
        of_partition = (0.0, 0.0) if reused else cost
        told = publication_metadata(table, publication, lake.store, table_rows, of_partition)
        return {**told, **({"reused": True} if reused else figures)}

    told = side_by_side(lake.store, lambda item: metadata_of(*item), outcome.published.items())
    metadata = dict(zip(outcome.published, told, strict=True))
    if table.partition_column is None:
        return {partition: found for partition in partitions for found in metadata.values()}
    return metadata


def _register(table: LakeTable, lake: Lake) -> list[str]:
    """Put what was published into the catalog; the problem when that fails."""
    try:
        catalog_of(lake, table.layer).register(table)
    except LakeError as error:
        return [f"{table.identifier} is published, but not in the catalog: {error}"]
    return []


def _explain(table: LakeTable, outcome: Outcome) -> list[str]:
    """What was not published and why, partitions with the same reason together."""
    if not outcome.failed:
        return []
    by_reason: dict[str, list[str]] = {}
    for partition, reason in sorted(outcome.failed.items()):
        by_reason.setdefault(reason, []).append(partition)
    total = len(outcome.failed) + len(outcome.published)
    blocking = [verdict.rule for verdict in outcome.verdicts if verdict.blocks]
    return [
        f"{table.identifier}: {len(outcome.failed)} of {total} partitions were not published; "
        "what was published before stays as it was.",
        *(f"{', '.join(partitions)}: {reason}" for reason, partitions in by_reason.items()),
        *([_remedy(table, blocking)] if blocking else []),
    ]


def _remedy(table: LakeTable, rules: Iterable[Rule]) -> str:
    relaxed = {
        f"{table.identifier}.{rule.name}": rule.allowed_actions[0] for rule in rules if rule.kind != "conservation"
    }
    if not relaxed:
        return "Nothing was lost: the files are as they were, and so is what was published."
    setting = json.dumps(relaxed)
    return f"Correct the data, or, where it is right after all, relax the rule: LAKE_RULES='{setting}'."
