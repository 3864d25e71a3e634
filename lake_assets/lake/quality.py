"""The quality history: one small Parquet file per audit, which no one changes afterwards.

Written before anything is published, so that there is no publication without its audit on record.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lake_assets.contract.layers import LakeTable
from lake_assets.contract.quality import RESULTS
from lake_assets.contract.types import arrow_schema
from lake_assets.lake import layout
from lake_assets.lake.audit import Verdict
from lake_assets.lake.store import Store

_SHARE = Decimal("0.000001")


def record(store: Store, table: LakeTable, run_id: str, staging: str, verdicts: Iterable[Verdict]) -> None:
    """Add the verdicts of one audit, by way of the staging folder, which is unique to it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    audited_at = datetime.now(UTC)
    rows = [_row(verdict, run_id, audited_at) for verdict in verdicts]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, arrow_schema(RESULTS)), buffer, compression="zstd")
    staged = f"{staging}/quality.parquet"
    store.put(staged, buffer.getvalue())
    store.replace(staged, layout.quality_key(table, f"{audited_at:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:12]}"))


def _row(verdict: Verdict, run_id: str, audited_at: datetime) -> dict[str, Any]:
    rule, share = verdict.rule, verdict.share
    evaluated = verdict.violations is not None
    return {
        "partition": verdict.partition,
        "rule": rule.name,
        "kind": rule.kind,
        "sentence": rule.sentence,
        "action": rule.action,
        "evaluated": evaluated,
        "failed": verdict.failed,
        "blocked": verdict.blocks,
        "rows_checked": verdict.rows if evaluated else None,
        "violations": verdict.violations,
        "share": Decimal(share).quantize(_SHARE) if share is not None and verdict.rows else None,
        "threshold": Decimal(str(rule.threshold)).quantize(_SHARE),
        "samples": "; ".join(verdict.samples) or None,
        "note": verdict.note or None,
        "run_id": run_id,
        "audited_at": audited_at,
    }
