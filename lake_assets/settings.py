"""The settings of a lake: one typed object, read from `LAKE_*` environment variables.

A wrong value or an unknown variable is refused at once with a message that names it and what is allowed.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSetting

from lake_assets.contract.layers import LAKE_TABLES, LakeTable, Layer
from lake_assets.contract.rules import Action, Rule, overridden, rules_of
from lake_assets.errors import SettingsError
from lake_assets.location import Location, S3Folder, location

PREFIX = "LAKE_"
Environment = Literal["local", "aws"]
EngineName = Literal["sail", "spark", "remote", "glue"]
SchemaDrift = Literal["strict", "evolve"]
Automation = Literal["on", "off"]
Access = Literal["signed", "anonymous"]
WorkerType = Literal["G.1X", "G.2X", "G.4X", "G.8X", "R.1X", "R.2X", "R.4X", "R.8X"]
_PATTERN_SIGNS = "*?[]{}"
_PUBLIC_SOURCE: dict[str, Any] = {
    "source": "s3://redshift-downloads/TPC-DS/2.13/3TB/",
    "source_region": "us-east-1",
}
"""The source of a lake on AWS unless another one is given: AWS's public TPC-DS data of 3 TB."""

Place = Annotated[
    Location,
    BeforeValidator(lambda given: location(given) if isinstance(given, str) else given),
    PlainSerializer(str, return_type=str),
]


class RuleSetting(BaseModel):
    """What the settings change of a rule: what happens to rows that break it, and the share of them that is tolerated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action | None = None
    threshold: float | None = Field(None, ge=0, le=1)


class GlueSetting(BaseModel):
    """How the Glue jobs of a layer run. `gb_per_worker`: input for which a run asks for one more worker, up to `workers`.

    With `autoscaling` Glue starts them when they are needed, and bills them for as long.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    worker_type: WorkerType = "G.1X"
    workers: int = Field(10, ge=2)
    gb_per_worker: float = Field(8.0, gt=0)
    autoscaling: bool = True
    flex: bool = False
    timeout_minutes: int = Field(120, ge=1)


class Prices(BaseModel):
    """US dollars, as AWS lists them for us-east-1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    glue_dpu_hour: float = Field(0.44, ge=0)
    glue_flex_dpu_hour: float = Field(0.29, ge=0)
    athena_tb: float = Field(5.0, ge=0)
    s3_thousand_writes: float = Field(0.005, ge=0)
    s3_thousand_reads: float = Field(0.0004, ge=0)


class Settings(BaseSettings):
    """Every setting with its default; the environment variable is the upper-case name with the prefix `LAKE_`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    environment: Environment = Field(
        "local",
        description="`local`: a folder, DuckDB and no account. `aws`: S3, Glue, the Glue Data Catalog and Athena.",
    )
    root: Place = Field(Path("data/lake"), description="Folder of the lake, or s3://bucket/folder.")
    source: Place = Field(
        Path("data/source"), description="Folder of the source files, one sub-folder per table, or s3://bucket/folder."
    )
    engine: EngineName = Field(
        "sail",
        description="Where transformations run: `sail` needs no JVM, `spark` needs Java 17, `remote` is a Spark Connect "
        "server, `glue` starts AWS Glue jobs.",
    )
    remote: str = Field(
        "",
        pattern=r"^(sc://\S+)?$",
        description="Spark Connect address for the engine `remote`, e.g. sc://spark:15002.",
    )
    name: str = Field(
        "lake",
        pattern=r"^[a-z][a-z0-9-]{1,30}$",
        description="Name of the deployment on AWS: its jobs and crawlers are <name>-<layer>, its databases <name>_<layer>, "
        "its Athena workgroup is <name>.",
    )
    region: str = Field("", description="AWS region of the lake; default: that of the AWS profile or environment.")
    source_region: str = Field("", description="AWS region of the source bucket; default: that of the lake.")
    source_access: Access = Field(
        "signed", description="`anonymous` reads a public source bucket without signing, where that is refused."
    )
    expected_owner: str = Field(
        "", pattern=r"^(\d{12})?$", description="AWS account that must own the bucket of the lake; others are refused."
    )
    roles: dict[str, str] = Field(
        default_factory=dict,
        description="Roles to assume for publishing the tables of a layer and registering them in the Glue Data Catalog, "
        'as JSON, e.g. {"gold": "arn:aws:iam::...:role/lake-gold"}. Without, the process needs these rights itself.',
    )
    pipes_bucket: str = Field(
        "", description="Bucket through which Glue jobs report; its objects may expire after a day."
    )
    kms_key: str = Field("", description="KMS key that encrypts what the lake writes to S3; default: S3's own key.")
    glue: dict[str, GlueSetting] = Field(
        default_factory=dict,
        description='Workers of the Glue jobs by layer, as JSON, e.g. {"silver": {"workers": 40}}.',
    )
    prices: Prices = Field(Prices(), description="Prices for the cost of each materialisation, as JSON.")
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

    @model_validator(mode="before")
    @classmethod
    def _with_defaults_of_the_environment(cls, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("environment") != "aws":
            return given
        return {"engine": "glue", **(_PUBLIC_SOURCE if "source" not in given else {}), **given}

    @property
    def local_root(self) -> Path:
        """The folder of a lake on this machine. Raises `SettingsError` for one on S3."""
        return _local("LAKE_ROOT", self.root)

    @property
    def local_source(self) -> Path:
        """The folder of a source on this machine. Raises `SettingsError` for one on S3."""
        return _local("LAKE_SOURCE", self.source)

    def glue_of(self, layer: str) -> GlueSetting:
        return self.glue.get(layer, GlueSetting())


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
        # Pydantic names the field only in its message.
        variable = PREFIX + next(name for name in Settings.model_fields if f'"{name}"' in str(error)).upper()
        raise SettingsError(
            f"Setting {variable} has the value {os.environ.get(variable)!r}, which is not allowed: give JSON."
        ) from error
    except ValidationError as error:
        raise SettingsError(
            "\n".join(_explain(problem["loc"], problem["input"], problem["msg"]) for problem in error.errors())
        ) from error
    check_rules(settings.rules)
    places = {name: _place(name, getattr(settings, name)) for name in ("root", "source")}
    settings = settings.model_copy(update=places)
    _check_environment(settings)
    return settings


def _check_environment(settings: Settings) -> None:
    """Raises `SettingsError` for settings that do not go together, naming the one that is missing or too much."""
    on_s3 = isinstance(settings.root, S3Folder)
    if (settings.environment == "aws") != on_s3:
        wanted = "s3://bucket/folder" if settings.environment == "aws" else "a local folder, or LAKE_ENVIRONMENT=aws"
        raise SettingsError(
            f"Setting LAKE_ROOT has the value {str(settings.root)!r}, which is not allowed in the environment "
            f"{settings.environment!r}: give {wanted}."
        )
    if settings.engine == "glue" and not on_s3:
        raise SettingsError("Setting LAKE_ENGINE has the value 'glue', which needs LAKE_ENVIRONMENT=aws.")
    if settings.engine == "spark" and on_s3:
        raise SettingsError(
            "Setting LAKE_ENGINE has the value 'spark', which reads local files only. On AWS, give 'glue', 'sail' or 'remote'."
        )
    for name, layers in (("LAKE_ROLES", settings.roles), ("LAKE_GLUE", settings.glue)):
        for layer in layers:
            if layer not in get_args(Layer):
                raise SettingsError(f"Setting {name} names {layer!r}; layers are {', '.join(get_args(Layer))}.")


def check_engine(settings: Settings) -> None:
    """Raises `SettingsError` for an engine that lacks a setting. Whoever only asks the lake starts none and needs none."""
    if settings.engine == "glue" and not settings.pipes_bucket:
        raise SettingsError("The engine 'glue' needs LAKE_PIPES_BUCKET, the bucket through which its jobs report.")
    if settings.engine == "remote" and not settings.remote:
        raise SettingsError("The engine 'remote' needs LAKE_REMOTE, a Spark Connect address, e.g. sc://spark:15002.")


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


def _local(variable: str, place: Location) -> Path:
    if isinstance(place, S3Folder):
        raise SettingsError(f"Setting {variable} has the value {str(place)!r}: this needs a folder on this machine.")
    return place


def _place(name: str, value: Location) -> Location:
    """The absolute place. Raises `SettingsError` for an empty value, or a pattern."""
    variable = f"{PREFIX}{name.upper()}"
    place = value if isinstance(value, S3Folder) else value.expanduser().absolute()
    check_plain_path(str(place), f"{variable}, {place},")
    return place


def _explain(location: tuple[int | str, ...], value: object, message: str) -> str:
    variable = PREFIX + "_".join(str(part) for part in location).upper()
    return f"Setting {variable} has the value {value!r}, which is not allowed: {message[0].lower()}{message[1:]}."
