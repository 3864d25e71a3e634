"""`lake-assets doctor` of a lake on AWS: who asks, which roles it may take, and whether the jobs are there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lake_assets_tests.conftest import lake_assets
from lake_assets_tests.integration.test_doctor_command import found
from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.aws.glue_lake import GlueLake, glue_lake


@pytest.fixture
def lake(aws: Emulator, wheel: Path) -> GlueLake:
    made = glue_lake(aws, wheel)
    aws.client("s3").put_object(Bucket=made.source, Key="tpcds/reason/reason.dat.gz", Body=b"x")
    return made


def doctor(lake: GlueLake, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("LAKE_")}
    return lake_assets({**outside, **lake.environment, "DAGSTER_HOME": str(home), **more}, "doctor")


def test_a_lake_whose_jobs_and_buckets_are_there_is_well(lake: GlueLake, tmp_path: Path) -> None:
    done = doctor(lake, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    subjects = ["Python", "Settings", "Dagster", "Credentials", "Source", "Lake", "Engine", "Queries"]
    assert found(done.stdout) == dict.fromkeys(subjects, "ok")
    assert f"{lake.name}-gold (Glue 6.0)" in done.stdout
    assert "1 files of 1 of the 24 tables" in done.stdout


def test_jobs_and_buckets_that_are_not_there_are_told(aws: Emulator, lake: GlueLake, tmp_path: Path) -> None:
    aws.client("glue").delete_job(JobName=f"{lake.name}-gold")
    done = doctor(lake, tmp_path, LAKE_ROOT="s3://nobodys-bucket/lake")
    assert done.returncode == 1
    told = found(done.stdout)
    assert {subject for subject, state in told.items() if state == "failed"} == {"Lake", "Engine"}
    assert f"There is no Glue job {lake.name}-gold." in done.stdout
    assert "nobodys-bucket" in done.stdout
