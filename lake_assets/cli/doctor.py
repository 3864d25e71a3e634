"""`lake-assets doctor`: looks at everything that a run will need, and says what to do about what is missing."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from lake_assets.cli.console import errors, human_bytes, output
from lake_assets.contract.tables import TABLES
from lake_assets.engine.session import SessionEngine, check_java
from lake_assets.errors import LakeError
from lake_assets.lake.places import aws_of, source_of, store_of
from lake_assets.query.engine import questions
from lake_assets.settings import Settings, load_settings

_ROOM = 3
"""Bytes on disk for each byte of compressed source files: all layers take about twice as much, and what is staged once more."""


@dataclass(frozen=True)
class Finding:
    """What a look at one subject found; `is_well` is false where a run would fail."""

    subject: str
    is_well: bool
    told: str


def examine() -> Iterator[Finding]:
    """One finding after the other, as they are made: some take seconds."""
    yield Finding("Python", True, f"{platform.python_version()}, lake-assets {version('lake-assets')}")
    try:
        settings = load_settings()
    except LakeError as error:
        # All others depend on them.
        yield Finding("Settings", False, str(error))
        return
    where = f"{settings.environment}, engine {settings.engine}"
    yield Finding("Settings", True, where if settings.environment == "local" else f"{where}, lake {settings.name}")
    for subject, look in _looks(settings):
        try:
            yield Finding(subject, True, look(settings))
        except LakeError as error:
            yield Finding(subject, False, str(error))


def _looks(settings: Settings) -> Iterator[tuple[str, Callable[[Settings], str]]]:
    yield "Dagster", _dagster
    if settings.environment == "aws":
        yield "Credentials", _credentials
        for layer in settings.roles:
            yield f"Role of {layer}", lambda known, layer=layer: _identity(known, layer)  # type: ignore[misc]
    yield "Source", _source
    yield "Lake", _lake
    if isinstance(settings.root, Path):
        yield "Disk", _disk
    yield "Engine", _engine
    yield "Queries", _queries


def _dagster(_: Settings) -> str:
    # Here, because it loads the definitions, which settings that are wrong would end.
    from lake_assets.cli.run import dagster_instance

    with dagster_instance() as instance:
        return f"{version('dagster')}, history in {instance.root_directory}"


def _credentials(settings: Settings) -> str:
    return _identity(settings, "")


def _identity(settings: Settings, layer: str) -> str:
    from lake_assets.aws import told_plainly

    role = settings.roles.get(layer)
    with told_plainly(f"take the role {role}" if role else "ask AWS who is asking"):
        # Needs no right: whoever has credentials is told whose they are.
        return str(aws_of(settings, layer).client("sts").get_caller_identity()["Arn"])


def _source(settings: Settings) -> str:
    files = source_of(settings).list_files()
    tables = {file.table for file in files}
    size = human_bytes(sum(file.size for file in files))
    return f"{settings.source}: {len(files):,} files of {len(tables)} of the {len(TABLES)} tables, {size}"


def _lake(settings: Settings) -> str:
    store_of(settings).check_writable()
    return f"{settings.root}: writable"


def _disk(settings: Settings) -> str:
    folder = settings.local_root
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(there).free
    try:
        needed = _ROOM * sum(file.size for file in source_of(settings).list_files())
    except LakeError:
        # Told under Source.
        return f"{human_bytes(free)} free"
    if free < needed:
        raise LakeError(
            f"{there} has {human_bytes(free)} free; a lake of these source files takes up to {human_bytes(needed)} while it "
            "is built. Free some, or choose another disk with LAKE_ROOT."
        )
    return f"{human_bytes(free)} free, {human_bytes(needed)} are enough to build everything"


def _engine(settings: Settings) -> str:
    if settings.engine == "glue":
        return _jobs(settings)
    if settings.engine == "spark":
        check_java()
    engine = SessionEngine(settings.engine, settings.threads, settings.memory_gb, settings.remote)
    return f"{settings.engine} answers, Spark {engine.session().version}"


def _jobs(settings: Settings) -> str:
    from lake_assets.engine.glue_runs import GlueJob, Patience

    jobs = [GlueJob(aws_of(settings), f"{settings.name}-{layer}", Patience()) for layer in ("bronze", "silver", "gold")]
    told = [f"{job.name} (Glue {job.definition()['GlueVersion']})" for job in jobs]
    return f"jobs {', '.join(told)}"


def _queries(settings: Settings) -> str:
    with questions(settings) as asked:
        engine = "Athena" if settings.environment == "aws" else "DuckDB"
        return f"{engine} sees {len(asked.tables)} tables"


def doctor() -> bool:
    """Print every finding; whether all is well."""
    ill = 0
    for finding in examine():
        ill += not finding.is_well
        mark = "[green]ok[/]" if finding.is_well else "[red]failed[/]"
        line = Table.grid(padding=(0, 2))
        line.add_column(width=6)
        line.add_column(width=14)
        line.add_column(overflow="fold")
        line.add_row(mark, finding.subject, escape(finding.told))
        output.print(line, highlight=False)
    if ill:
        errors.print(f"{ill} of these would make a run fail." if ill > 1 else "This would make a run fail.")
    return not ill
