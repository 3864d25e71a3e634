"""What the quality history says of the present: rules that are broken, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lake_assets.catalog.views import QUALITY_VIEW, quality_statements
from lake_assets.query.duckdb import query

# A rule is broken in a partition when the latest audit says so, and since the first of the audits that have said so ever since.
_BROKEN = f"""
WITH audits AS (
    SELECT layer || '.' || table_name AS name, rule, "partition", action, failed, violations, audited_at,
           MAX(audited_at) FILTER (WHERE NOT failed) OVER w AS last_passed,
           ROW_NUMBER() OVER (PARTITION BY layer, table_name, rule, "partition" ORDER BY audited_at DESC) AS age
    FROM {QUALITY_VIEW}
    WHERE evaluated
    WINDOW w AS (PARTITION BY layer, table_name, rule, "partition")
), broken AS (
    SELECT name, rule, "partition",
           ARG_MAX(action, audited_at) AS action, ARG_MAX(violations, audited_at) AS violations, MIN(audited_at) AS since
    FROM audits
    WHERE failed AND audited_at > COALESCE(last_passed, TIMESTAMPTZ '-infinity')
    GROUP BY ALL
)
SELECT name, rule, action, SUM(violations)::BIGINT, MIN(since),
       CASE WHEN COUNT(*) <= 3 THEN STRING_AGG("partition", ', ' ORDER BY "partition")
            ELSE MIN("partition") || ' .. ' || MAX("partition") || ' (' || COUNT(*) || ')' END
FROM broken
GROUP BY ALL
ORDER BY name, rule, action
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


def broken_rules(root: Path) -> list[BrokenRule]:
    """Broken rules by table and name."""
    if not quality_statements(root):
        return []
    return [
        BrokenRule(name, rule, action, rows, since, partitions)
        for name, rule, action, rows, since, partitions in query(root, _BROKEN).rows
    ]
