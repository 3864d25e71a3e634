"""The settings of a lake: one typed object, read from `LAKE_*` environment variables.

A wrong value or an unknown variable is refused at once with a message that names it and what is allowed.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSetting

from lake_assets.contract.layers import LAKE_TABLES, LakeTable
from lake_assets.contract.rules import Action, Rule, overridden, rules_of
from lake_assets.errors import SettingsError

PREFIX = "LAKE_"
EngineName = Literal["sail", "spark"]
SchemaDrift = Literal["strict", "evolve"]
Automation = Literal["on", "off"]
_PATTERN_SIGNS = "*?[]{}"


class RuleSetting(BaseModel):
    """What the settings change of a rule: what happens to rows that break it, and the share of them that is tolerated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action | None = None
    threshold: float | None = Field(None, ge=0, le=1)


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
    rules: dict[str, Action | RuleSetting] = Field(
        default_factory=dict,
        description='Changes of rules as JSON, e.g. {"silver.store_sales.range__ss_quantity": "warn", '
        '"silver.*.foreign_key__*": {"action": "quarantine", "threshold": 0.001}}.',
    )
    schema_drift: SchemaDrift = Field(
        "strict",
        description="Files with other columns than declared: `strict` publishes nothing of them, `evolve` reads files with "
        "added columns at the end and leaves these out.",
    )
    fresh_hours: float = Field(
        24.0, gt=0, description="Hours that files may wait to become part of silver before the rule `freshness` fails."
    )
    drop_marker: str = Field(
        "",
        pattern=r"^([._][\w.-]*)?$",
        description="Name of a file, e.g. _SUCCESS, that is written into the source folder when a drop is complete. Without it "
        "a drop is complete when its files have not changed for a while.",
    )
    settle_seconds: float = Field(
        30.0, ge=0, description="Seconds for which new files must not change before the sensor takes them."
    )
    sensor_seconds: int = Field(30, ge=1, description="Seconds from one look of the sensors to the next.")
    tick_seconds: float = Field(
        30.0,
        gt=0,
        description="Seconds that a sensor reads new files for; the others become the next batch. Dagster ends a tick that "
        "takes longer than DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS, 60 by default.",
    )
    automation: Automation = Field(
        "on", description="`on`: sensors and schedules run as soon as Dagster does. `off`: switch them on in the UI."
    )
    delivery_hours: float = Field(
        168.0,
        gt=0,
        description="Hours within which new files of facts are expected; Dagster shows tables as late that were not built.",
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
    except UnreadableSetting as error:
        # The only setting that is more than a word.
        given = os.environ.get(f"{PREFIX}RULES")
        raise SettingsError(
            f"Setting {PREFIX}RULES has the value {given!r}, which is not allowed: give JSON."
        ) from error
    except ValidationError as error:
        raise SettingsError(
            "\n".join(_explain(problem["loc"], problem["input"], problem["msg"]) for problem in error.errors())
        ) from error
    check_rules(settings.rules)
    folders = {name: _folder(name, getattr(settings, name)) for name in ("root", "source")}
    return settings.model_copy(update=folders)


def rules_with(table: LakeTable, changes: Mapping[str, Action | RuleSetting]) -> tuple[Rule, ...]:
    """The rules of a table as the settings want them; of several patterns that fit a rule, the last one decides."""
    return tuple(_changed(rule, table, changes) for rule in rules_of(table))


def _changed(rule: Rule, table: LakeTable, changes: Mapping[str, Action | RuleSetting]) -> Rule:
    for pattern, change in changes.items():
        if fnmatchcase(f"{table.identifier}.{rule.name}", pattern):
            wanted = change if isinstance(change, RuleSetting) else RuleSetting(action=change)
            rule = overridden(rule, wanted.action, wanted.threshold)
    return rule


def check_rules(changes: Mapping[str, Action | RuleSetting]) -> None:
    """Raises `SettingsError` for a pattern that fits no rule, or an action that a rule which it fits cannot take."""
    rules = {f"{table.identifier}.{rule.name}": rule for table in LAKE_TABLES for rule in rules_of(table)}
    for pattern, change in changes.items():
        fitting = [name for name in rules if fnmatchcase(name, pattern)]
        if not fitting:
            close = difflib.get_close_matches(pattern, rules, n=3)
            hint = (
                f"Did you mean {' or '.join(close)}?"
                if close
                else "Rules are named layer.table.rule, * stands for any text."
            )
            raise SettingsError(f"Setting {PREFIX}RULES names {pattern!r}, which is no rule. {hint}")
        action = change.action if isinstance(change, RuleSetting) else change
        for name in fitting:
            allowed = rules[name].allowed_actions
            if action and action not in allowed:
                raise SettingsError(
                    f"Setting {PREFIX}RULES has the value {action!r} for {name}, which is not allowed: "
                    f"this rule can {' or '.join(allowed)}."
                )


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
