"""The settings of a lake: one typed object, read from `LAKE_*` environment variables.

A wrong value or an unknown variable is refused at once with a message that names it and what is allowed.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from lake_assets.errors import SettingsError

PREFIX = "LAKE_"
EngineName = Literal["sail", "spark"]
_PATTERN_SIGNS = "*?[]{}"


class Settings(BaseSettings):
    """Every setting with its default; the environment variable is the upper-case name with the prefix `LAKE_`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    root: Path = Field(Path("data/lake"), description="Folder of the lake.")
    source: Path = Field(Path("data/source"), description="Folder of the source files, one sub-folder per table.")
    engine: EngineName = Field(
        "sail", description="Where transformations run: `sail` needs no JVM, `spark` needs Java 17."
    )
    months_per_run: int = Field(
        12,
        ge=1,
        description="Months that one run of a backfill takes from the Dagster UI; `lake-assets run` takes them all.",
    )
    memory_gb: float = Field(
        4.0,
        gt=0,
        description="Memory for one transformation. A range of months that needs more is cut into several passes over "
        "the inputs.",
    )
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, description="Source files read side by side."
    )
    staging_hours: float = Field(24.0, gt=0, description="Age after which staging left by a crashed run is removed.")


def load_settings() -> Settings:
    """Settings from the environment. Raises `SettingsError` naming the variable, its value and what is allowed."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Settings are {', '.join(sorted(known))}."
            raise SettingsError(f"Unknown setting {name}. {hint}")
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsError(
            "\n".join(_explain(problem["loc"], problem["input"], problem["msg"]) for problem in error.errors())
        ) from error
    folders = {name: _folder(name, getattr(settings, name)) for name in ("root", "source")}
    return settings.model_copy(update=folders)


def check_plain_path(path: str, what: str) -> None:
    """Raises `SettingsError` for a path with signs that engines take for a pattern."""
    found = sorted(set(path) & set(_PATTERN_SIGNS))
    if found:
        raise SettingsError(f"The path of {what} holds {' '.join(found)}, which engines take for a pattern. Rename it.")


def _folder(name: str, value: Path) -> Path:
    """The absolute folder. Raises `SettingsError` for an empty value, an address of a remote store, or a pattern."""
    variable = f"{PREFIX}{name.upper()}"
    given = os.environ.get(variable, str(value))
    if not given.strip() or ":/" in str(value):
        raise SettingsError(f"Setting {variable} has the value {given!r}, which is not allowed: give a local folder.")
    folder = value.expanduser().absolute()
    check_plain_path(str(folder), f"{variable}, {folder},")
    return folder


def _explain(location: tuple[int | str, ...], value: object, message: str) -> str:
    variable = PREFIX + "_".join(str(part) for part in location).upper()
    return f"Setting {variable} has the value {value!r}, which is not allowed: {message[0].lower()}{message[1:]}."
