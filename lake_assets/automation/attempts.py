"""Which partitions were requested already, so that one that failed is not requested for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, Field

from lake_assets.contract.layers import BRONZE, WHOLE_TABLE, LakeTable
from lake_assets.lake.lake import Lake
from lake_assets.lake.planning import TRANSFORM_VERSIONS, Planner

Partitions = Mapping[LakeTable, Sequence[str]]
"""Keys of partitions by table."""

Versions = Mapping[LakeTable, Mapping[str, str]]
"""What partitions would be built from, by table and partition: changes with the inputs, the rules and the transform."""


class Attempts(BaseModel):
    """Partitions that were requested and are not up to date since: by table and partition, the version requested."""

    requested: dict[str, dict[str, str]] = Field(default_factory=dict)

    def untried(self, versions: Versions) -> dict[LakeTable, list[str]]:
        """Partitions that were not requested in this version."""
        return {
            table: [
                key for key, version in by_key.items() if self.requested.get(table.identifier, {}).get(key) != version
            ]
            for table, by_key in versions.items()
        }

    def after(self, stale: Versions, requested: Partitions) -> Attempts:
        """After some stale partitions were requested. Of the tables of `stale`, what is not stale any more is forgotten."""
        looked_at = {table.identifier for table in stale}
        found = {name: known for name, known in self.requested.items() if name not in looked_at}
        for table, versions in stale.items():
            before = self.requested.get(table.identifier, {})
            now = set(requested.get(table, ()))
            kept = {key: before[key] for key in versions if key in before} | {key: versions[key] for key in now}
            if kept:
                found[table.identifier] = kept
        return Attempts(requested=found)


def versions(lake: Lake, planner: Planner, partitions: Partitions) -> dict[LakeTable, dict[str, str]]:
    """The versions of partitions: batches of bronze tables and dimensions, months of facts, months or years of gold."""
    return {
        table: {
            key: hashlib.sha256(f"{inputs} {lake.rules_version(table)}".encode()).hexdigest()[:12]
            for key, inputs in _inputs(planner, table, keys)
        }
        for table, keys in partitions.items()
    }


def _inputs(planner: Planner, table: LakeTable, partitions: Sequence[str]) -> Iterator[tuple[str, str]]:
    if not partitions:
        return
    if table.layer == "gold":
        yield from ((plan.partition, plan.inputs) for plan in planner.gold(table, partitions))
    elif table.layer == "silver" and table.partition_column:
        for plan in planner.silver(table, partitions):
            yield plan.partition, f"{plan.inputs} {sorted(plan.waited_for.items())}"
    else:
        # A dimension is built from the batch and from what was applied to it before.
        dimension = table.layer == "silver"
        before = planner.silver(table, (WHOLE_TABLE,))[0].inputs if dimension else ""
        for batch in partitions:
            yield (
                batch,
                f"{planner.bronze(BRONZE[table.name], batch)[0].inputs} {before} {TRANSFORM_VERSIONS[table.layer]}",
            )
