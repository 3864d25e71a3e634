"""The partition axes as Dagster sees them, and how the partitions of one table follow from those of another."""

from __future__ import annotations

import dagster as dg

from lake_assets.contract.calendar import MONTHS, month_after
from lake_assets.contract.layers import BATCH_COLUMN

SOURCE_BATCHES = dg.DynamicPartitionsDefinition(name=BATCH_COLUMN)
MONTH_PARTITIONS = dg.StaticPartitionsDefinition(list(MONTHS))

SAME_MONTH = dg.StaticPartitionMapping({month: month for month in MONTHS})
SAME_AND_NEXT_MONTH = dg.StaticPartitionMapping(
    {month: [month, *([after] if (after := month_after(month)) else [])] for month in MONTHS}
)
"""For moving averages and week-on-week growth: a month of sales changes its own summary and the following one."""
