"""`lake-assets doctor` tells what a run would fail of, before it is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from lake_assets_tests.conftest import lake_assets, lake_environment


@pytest.fixture
def environment(source: Path, tmp_path: Path) -> dict[str, str]:
    return lake_environment(tmp_path / "lake", source, tmp_path / "home")


def found(text: str) -> dict[str, str]:
    """`ok` or `failed` by subject."""
    words = [line.split(maxsplit=2) for line in text.splitlines()]
    return {each[1]: each[0] for each in words if each and each[0] in ("ok", "failed")}


def test_where_nothing_is_missing_every_finding_is_well(environment: dict[str, str]) -> None:
    done = lake_assets(environment, "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    subjects = ["Python", "Settings", "Dagster", "Source", "Lake", "Disk", "Engine", "Queries"]
    assert found(done.stdout) == dict.fromkeys(subjects, "ok")
    assert "32 files of 24 of the 24 tables" in done.stdout
    assert "sail answers" in done.stdout
    assert not any(Path(environment["LAKE_ROOT"]).rglob("*.parquet"))


@pytest.mark.parametrize(
    ("more", "subject", "told"),
    [
        ({"LAKE_ENGINE": "presto"}, "Settings", "LAKE_ENGINE"),
        ({"LAKE_SOURCE": "/nowhere"}, "Source", "/nowhere"),
        ({"LAKE_ROOT": "/dev/null/lake"}, "Lake", "/dev/null/lake"),
        ({"LAKE_ENGINE": "spark", "JAVA_HOME": "/nowhere"}, "Engine", "Install Java 17"),
        ({"DAGSTER_HOME": "/dev/null/home"}, "Dagster", "DAGSTER_HOME"),
    ],
)
def test_what_is_missing_is_told_with_what_to_do(
    environment: dict[str, str], more: dict[str, str], subject: str, told: str
) -> None:
    done = lake_assets(environment | more, "doctor")
    assert done.returncode == 1
    assert found(done.stdout)[subject] == "failed"
    assert told in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr == "This would make a run fail.\n"


def test_a_disk_too_small_for_the_lake_is_told(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: Path
) -> None:
    from lake_assets.cli import doctor

    for name in ("LAKE_ROOT", "LAKE_SOURCE", "DAGSTER_HOME"):
        monkeypatch.setenv(name, environment[name])
    size = sum(path.stat().st_size for path in source.rglob("*.gz"))
    monkeypatch.setattr(doctor, "_ROOM", 10**15 // size)
    told = {finding.subject: finding for finding in doctor.examine()}
    assert [subject for subject, finding in told.items() if not finding.is_well] == ["Disk"]
    assert "choose another disk with LAKE_ROOT" in told["Disk"].told
