"""What the quality history says of the present: rules that are broken, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from lake_assets.catalog.views import QUALITY_VIEW
from lake_assets.query.engine import Questions

_PARTITIONS_TOLD = 3
# A rule is broken in a partition when the latest audit says so, and since the first of the audits that have said so ever since.
_BROKEN = f"""
WITH audits AS (
    SELECT layer || '.' || table_name AS name, rule, "partition" AS part, action, failed, violations, audited_at,
           MAX(CASE WHEN NOT failed THEN audited_at END)
               OVER (PARTITION BY layer, table_name, rule, "partition") AS last_passed
    FROM {QUALITY_VIEW}
    WHERE evaluated
), broken AS (
    SELECT name, rule, part,
           ARG_MAX(action, audited_at) AS action, ARG_MAX(violations, audited_at) AS violations, MIN(audited_at) AS since
    FROM audits
    WHERE failed AND (last_passed IS NULL OR audited_at > last_passed)
    GROUP BY name, rule, part
)
SELECT name, rule, action, violations, since, part
FROM broken
ORDER BY name, rule, action, part
"""  # noqa: S608 (a constant of ours)


@dataclass(frozen=True)
class BrokenRule:
    """A rule that the latest audit of at least one partition found broken; `since` is when that was first found (UTC)."""

    table: str
    rule: str
    action: str
    rows: int
    since: datetime
    partitions: str


def broken_rules(asked: Questions) -> list[BrokenRule]:
    """Broken rules by table and name."""
    if QUALITY_VIEW not in asked.tables:
        return []
    found = []
    for (name, rule, action), group in groupby(asked.rows(_BROKEN), key=lambda row: row[:3]):
        _, _, _, violations, since, partitions = zip(*group, strict=True)
        # Athena's times have no zone; the lake's are UTC.
        first = min(moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in since)
        found.append(BrokenRule(name, rule, action, sum(violations), first, _told(partitions)))
    return found


def _told(partitions: Sequence[str]) -> str:
    if len(partitions) <= _PARTITIONS_TOLD:
        return ", ".join(partitions)
    return f"{partitions[0]} .. {partitions[-1]} ({len(partitions)})"
