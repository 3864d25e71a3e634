"""Carries out a task on a session: read, transform, write to staging, measure. The same function on every engine.

It writes only below the task's staging folder, in `data/<partition>=<value>/` and `quarantine/<partition>=<value>/`, one file
per value; what becomes of it is decided by whoever gave the task.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pyspark.sql import SparkSession

from lake_assets.contract.layers import lake_table
from lake_assets.engine.bronze_step import run_bronze
from lake_assets.engine.gold_step import run_gold
from lake_assets.engine.silver_step import run_silver
from lake_assets.lake.task import Result, Task

_LAYERS: dict[str, Callable[[SparkSession, Task], Result]] = {
    "bronze": run_bronze,
    "silver": run_silver,
    "gold": run_gold,
}


def run(spark: SparkSession, task: Task) -> Result:
    """Carry out `task`; engine errors pass through, rules that were broken are told in the result."""
    started = time.monotonic()
    table = lake_table(task.layer, task.table)
    result = _LAYERS[table.layer](spark, task)
    return result.model_copy(update={"seconds": round(time.monotonic() - started, 3)})
