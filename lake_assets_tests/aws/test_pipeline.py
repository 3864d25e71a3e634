"""The whole lake on AWS: from the source bucket to gold, with every transformation a Glue job."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from lake_assets.contract.layers import LAKE_TABLES
from lake_assets.lake.lake import Lake
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.store import LocalStore
from lake_assets_tests.conftest import BuiltLake, lake_assets
from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.aws.glue_lake import GlueLake, glue_lake


@dataclass(frozen=True)
class Built:
    lake: GlueLake
    environment: dict[str, str]
    done: subprocess.CompletedProcess[str]
    seconds: float


@pytest.fixture(scope="module")
def built(emulator: Emulator, sail: str, wheel: Path, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    emulator.calm()
    emulator.glue.environment["SPARK_REMOTE"] = sail
    lake = glue_lake(emulator, wheel)
    s3 = emulator.client("s3")
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        s3.upload_file(str(file), lake.source, f"tpcds/{file.relative_to(source).as_posix()}")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("LAKE_")}
    home = tmp_path_factory.mktemp("glue_home")
    environment = {**outside, **lake.environment, "DAGSTER_HOME": str(home)}
    started = time.monotonic()
    done = lake_assets(environment, "run", seconds=600)
    return Built(lake, environment, done, time.monotonic() - started)


def test_every_partition_has_the_content_that_it_has_locally(built: Built, built_lake: BuiltLake) -> None:
    assert built.done.returncode == 0, built.done.stderr
    here, there = Ledger(LocalStore(built_lake.root)), Lake(built.lake.settings()).ledger
    for table in LAKE_TABLES:
        contents = [
            {
                partition: (known.content, known.rows, known.quarantined)
                for partition, entry in ledger.entries(table).items()
                if (known := entry.settled)
            }
            for ledger in (here, there)
        ]
        assert contents[0] == contents[1], table.identifier
        assert contents[0], table.identifier
