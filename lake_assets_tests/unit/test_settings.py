"""The settings: from the environment, with wrong names and values refused in words that tell what is allowed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lake_assets.errors import SettingsError
from lake_assets.settings import Settings, load_settings


def test_without_any_variable_the_defaults_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.root == tmp_path / "data/lake"
    assert settings.source == tmp_path / "data/source"
    assert settings.engine == "sail"
    assert settings.months_per_run == 12
    assert settings.threads == os.cpu_count()
    assert settings.staging_hours == 24
    assert list(tmp_path.iterdir()) == []


def test_variables_set_what_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "LAKE_ROOT": "/lake",
        "LAKE_SOURCE": "~/files",
        "LAKE_ENGINE": "spark",
        "LAKE_MONTHS_PER_RUN": "3",
        "LAKE_MEMORY_GB": "0.5",
        "LAKE_THREADS": "7",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.root, settings.source) == (Path("/lake"), Path.home() / "files")
    assert (settings.engine, settings.months_per_run, settings.memory_gb, settings.threads) == ("spark", 3, 0.5, 7)


def test_a_relative_folder_is_one_below_the_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAKE_ROOT", "here")
    settings = load_settings()
    monkeypatch.chdir("/")
    assert settings.root == tmp_path / "here"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("LAKE_ENGIN", "Did you mean LAKE_ENGINE?"),
        ("LAKE_MONTH_PER_RUN", "Did you mean LAKE_MONTHS_PER_RUN?"),
        ("LAKE_SOURCES", "Did you mean LAKE_SOURCE?"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_one_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == f"Unknown setting {name}. {hint}"


def test_a_variable_like_none_is_refused_with_all_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_XYZQJ", "x")
    with pytest.raises(SettingsError, match=r"Unknown setting LAKE_XYZQJ\. Settings are LAKE_") as refused:
        load_settings()
    assert all(f"LAKE_{name.upper()}" in str(refused.value) for name in Settings.model_fields)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("LAKE_ENGINE", "duckdb", "'sail' or 'spark'"),
        ("LAKE_ENGINE", "", "'sail' or 'spark'"),
        ("LAKE_ENGINE", "Sail", "'sail' or 'spark'"),
        ("LAKE_MONTHS_PER_RUN", "0", "greater than or equal to 1"),
        ("LAKE_MONTHS_PER_RUN", "many", "valid integer"),
        ("LAKE_MONTHS_PER_RUN", "1.5", "valid integer"),
        ("LAKE_MEMORY_GB", "0", "greater than 0"),
        ("LAKE_MEMORY_GB", "4GB", "valid number"),
        ("LAKE_THREADS", "-1", "greater than or equal to 1"),
        ("LAKE_STAGING_HOURS", "-2", "greater than 0"),
    ],
)
def test_a_wrong_value_is_refused_with_its_variable_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value).startswith(f"Setting {name} has the value {value!r}, which is not allowed: ")
    assert allowed in str(refused.value)


def test_every_wrong_value_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_ENGINE", "duckdb")
    monkeypatch.setenv("LAKE_THREADS", "0")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert [line.split(" has ")[0] for line in str(refused.value).splitlines()] == [
        "Setting LAKE_ENGINE",
        "Setting LAKE_THREADS",
    ]


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("variable", ["LAKE_ROOT", "LAKE_SOURCE"])
@pytest.mark.parametrize("value", ["", " ", "s3://bucket/lake", "/data/lake[1]", "/data/*"])
def test_a_folder_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        load_settings()
