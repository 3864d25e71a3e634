"""What the audit adds to the time of silver: every table built with all its rules and with none, in alternation, on clean data.

Run with `python benchmarks/audit_cost.py [SCALE] [ENGINE]`, e.g. `1 sail`.

Without rules means: without those of rows, references, sales and sets, and what is read only for them. The rules without which
a row has no place, and the content hash, stay. Prints the engine's median seconds of three builds, and their ratio.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import cast
from unittest.mock import patch

from lake_assets.contract.layers import BRONZE, MONTHS, SILVER_DIMENSIONS, SILVER_FACTS, LakeTable
from lake_assets.contract.rules import Rule, rules_of
from lake_assets.engine import silver_audit
from lake_assets.engine.session import SessionEngine
from lake_assets.lake.arrival import examine, look, pin
from lake_assets.lake.lake import Lake
from lake_assets.lake.sample import make_sample
from lake_assets.settings import EngineName, Settings

REPEATS = 3


def placement_only(table: LakeTable) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules_of(table) if rule.scope == "placement")


def seconds(lake: Lake, engine: SessionEngine, batch: str, rules: Callable[[LakeTable], tuple[Rule, ...]]) -> float:
    """Engine seconds of all silver tables."""
    total = 0.0
    with patch.object(silver_audit, "rules_of", rules):
        for table in (*SILVER_DIMENSIONS, *SILVER_FACTS):
            partitions = list(MONTHS) if table.partition_column else [batch]
            outcome = lake.materialise(table, partitions, engine.run, "benchmark")
            if outcome.failed:
                raise RuntimeError(f"{table.identifier}: {outcome.failed}")
            total += outcome.seconds
    return total


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    name = cast(EngineName, sys.argv[2] if len(sys.argv) > 2 else "sail")
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "source")
        make_sample(scale, source, lambda _: None)
        lake = Lake(Settings(root=Path(scratch, "lake"), source=source))
        batch = pin(lake.ledger, source, examine(source, look(source, ()), (), threads=2).files).name
        engine = SessionEngine(name, lake.settings.threads, lake.settings.memory_gb)
        for table in BRONZE.values():
            lake.materialise(table, [batch], engine.run, "benchmark")
        seconds(lake, engine, batch, rules_of)  # warms the engine and the caches up
        rounds = [
            (seconds(lake, engine, batch, placement_only), seconds(lake, engine, batch, rules_of))
            for _ in range(REPEATS)
        ]
    without, with_rules = (statistics.median(column) for column in zip(*rounds, strict=True))
    evaluated = sum(len(rules_of(table)) for table in (*SILVER_DIMENSIONS, *SILVER_FACTS))
    sys.stdout.write(
        f"silver at scale {scale:g} on {name}: {without:.1f} s without rules, {with_rules:.1f} s with {evaluated} "
        f"({with_rules / without:.2f} times)\n"
    )


if __name__ == "__main__":
    main()
