"""An engine that is killed while it works on an asset: `python -m lake_assets_tests.support.dying_engine ENGINE FOLDER`.

In a process of its own, because engines do not mix in one process and tests share the one of theirs. Fails unless the step is
tried again in the same run, on a new engine, and succeeds.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import cast

import dagster as dg
import pytest
from pyspark.sql import SparkSession

from lake_assets.assets import retries
from lake_assets.assets.bronze import bronze_assets
from lake_assets.contract.layers import BRONZE
from lake_assets.engine import runner, session
from lake_assets.lake.task import Result, Task
from lake_assets.resources import EngineResource, LakeResource
from lake_assets.settings import EngineName
from lake_assets_tests.support.apart import run_apart
from lake_assets_tests.support.lake_support import arrive, new_lake, write_source

_ENDLESS = "SELECT sum(id * id) FROM range(1000000000000)"
(reason,) = [asset for asset in bronze_assets() if asset.key.path == ["bronze", "reason"]]


def kill_apart(engine: EngineName, folder: Path) -> None:
    run_apart(__name__, engine, str(folder))


def _die(engine: EngineName, spark: SparkSession) -> None:
    """Let the engine of this process be killed: a JVM in the middle of a query, a Sail server before the next one."""
    if engine == "sail":
        session._sessions._servers[0].stop()
        return
    from pyspark import SparkContext

    assert SparkContext._gateway is not None
    threading.Timer(1, SparkContext._gateway.proc.kill).start()
    spark.sql(_ENDLESS).collect()


def main(engine: EngineName, folder: Path) -> None:
    lake = new_lake(folder, engine=engine)
    write_source(lake, "reason/1.dat", "1|AAAAAAAABAAAAAAA|Too heavy|")
    arrive(lake)
    tasks: list[Task] = []
    work = runner.run

    def work_but_die_once(spark: SparkSession, task: Task) -> Result:
        tasks.append(task)
        if len(tasks) == 1:
            _die(engine, spark)
        return work(spark, task)

    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setattr(runner, "run", work_but_die_once)
        patch.setattr(retries, "ATTEMPTS", dg.RetryPolicy(max_retries=1, delay=0))
        instance.add_dynamic_partitions("source_batch", ["batch-000001"])
        settings = lake.settings
        result = dg.materialize(
            [reason],
            instance=instance,
            partition_key="batch-000001",
            resources={
                "lake": LakeResource.from_settings(settings),
                "engine": EngineResource.from_settings(settings),
            },
        )
    assert result.success
    (again,) = [event for event in result.all_events if event.is_step_up_for_retry]
    assert f"The engine '{engine}' died while it worked on bronze.reason." in str(again.step_retry_data.error)
    assert len(tasks) == 2
    published = lake.ledger.read(BRONZE["reason"], "batch-000001").settled
    assert published is not None
    assert published.rows == 1


if __name__ == "__main__":
    main(cast(EngineName, sys.argv[1]), Path(sys.argv[2]))
