"""`lake-assets run`: discover, pin, and let Dagster materialise what is stale, so that the UI shows the same runs."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import dagster as dg
from rich.progress import Progress, TaskID
from yaml import YAMLError  # type: ignore[import-untyped]

from lake_assets import liveness, refresh
from lake_assets.assets.catalog import CHECK, GROUP, catalog_key
from lake_assets.automation.requests import REQUESTED_BY_TAG, Request, request
from lake_assets.cli.console import errors, human_bytes, output, progress
from lake_assets.cli.history import kept_open
from lake_assets.cli.selection import parse_months, select
from lake_assets.cli.show import closing_table
from lake_assets.contract.layers import BATCH_COLUMN, LakeTable, Layer, lake_table
from lake_assets.definitions import build_definitions
from lake_assets.engine.session import check_java
from lake_assets.errors import LakeError
from lake_assets.jobs import discover_catalog
from lake_assets.lake import layout
from lake_assets.lake.arrival import examine, look, pin
from lake_assets.lake.lake import Lake
from lake_assets.lake.planning import Planner
from lake_assets.lake.records import Batch
from lake_assets.settings import Settings

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_POLL_SECONDS = 0.3
_COMMAND = "lake-assets run"
# Only the command knows what comes after it, so Dagster does not repeat its runs; the next command finds what is missing.
_NEVER_REPEATED = {"dagster/max_retries": "0"}


class RunFailedError(LakeError):
    """One or more assets failed; the message says why for each."""


def run_lake(
    settings: Settings, months: str | None, only: str | None, rebuild: Callable[[LakeTable, str], bool] | None = None
) -> None:
    """Bring the lake up to date with the source, or the part of it that `months` and `only` name.

    What fails does not hold up what does not depend on it. `rebuild` tells partitions to build although they are up to date.
    """
    rebuild = rebuild or (lambda _, __: False)
    lake = Lake(settings)
    wanted_months = parse_months(months)
    definitions = build_definitions(settings)
    selected = select(definitions, only)
    tables = selected.tables
    if settings.engine == "spark":
        check_java()
    lake.store.check_writable()
    lake.store.sweep(layout.STAGING, settings.staging_hours * 3600)
    with kept_open(), dagster_instance() as instance, progress() as bars:
        if tables:
            _pin_new_files(lake, bars)
        batches = [batch.name for batch in lake.planner().batches]
        instance.add_dynamic_partitions(BATCH_COLUMN, batches)
        runner = _Runner(definitions, instance, bars)
        runner.phase("Bronze and dimensions", refresh.ingestion(lake.planner(), tables, rebuild))
        planner = lake.planner()
        months_of_facts = refresh.months_of_facts(planner, tables, wanted_months)
        runner.phase("Silver facts", refresh.facts(planner, tables, months_of_facts, rebuild))
        runner.phase("Gold", refresh.gold(lake.planner(), tables, wanted_months, rebuild))
        runner.discover(selected.catalogs)
    _close(lake.planner(), runner, is_part=only is not None or months is not None)
    if runner.failures:
        raise RunFailedError("\n".join(runner.failures))


def _pin_new_files(lake: Lake, bars: Progress) -> Batch | None:
    source = lake.source
    seen = lake.ledger.batches()
    arrival = look(source, seen)
    for path in arrival.gone:
        errors.print(f"{path} is in the lake, but no longer in the source; its rows stay. Restore it, or ignore this.")
    if not arrival.new:
        return None
    bar = bars.add_task("Source files", total=len(arrival.new), doing="")
    files = examine(
        source,
        arrival,
        seen,
        threads=lake.settings.threads,
        advance=lambda file: bars.update(bar, advance=1, doing=file.path),
    ).files
    bars.update(bar, doing=human_bytes(arrival.bytes))
    return pin(lake.ledger, source, files, seen) if files else None


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of DAGSTER_HOME; by default the folder `dagster_home` of the working directory."""
    home = Path(os.environ.get("DAGSTER_HOME") or "dagster_home").expanduser().absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "dagster.yaml").exists():
            (home / "dagster.yaml").write_text(files("lake_assets").joinpath("dagster.yaml").read_text())
    except OSError as error:
        raise LakeError(f"Cannot create DAGSTER_HOME {home}: {error.strerror}.") from error
    os.environ["DAGSTER_HOME"] = str(home)
    try:
        instance = dg.DagsterInstance.get()
    except OSError as error:
        raise LakeError(
            f"Dagster cannot write to DAGSTER_HOME {home}: {error.strerror}. Choose another folder."
        ) from error
    except (dg.DagsterError, YAMLError) as error:
        raise LakeError(
            f"Dagster cannot use its settings in {home / 'dagster.yaml'}: {error}. Mend the file."
        ) from error
    with instance:
        yield instance


class _Runner:
    """Executes pieces of work as Dagster runs in this process, and adds up the seconds of each table."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance, bars: Progress) -> None:
        self._definitions = definitions
        self._instance = instance
        self._bars = bars
        self.seconds: dict[LakeTable, float] = {}
        self.runs = 0
        self.failures: list[str] = []
        self.told: list[str] = []

    def phase(self, title: str, work: Sequence[refresh.Work]) -> None:
        """Execute the pieces in order; after a failed one the rest still runs."""
        if not work:
            return
        bar = self._bars.add_task(title, total=sum(len(piece.tables) for piece in work), doing="")
        for piece in work:
            # What is to be built was found out already.
            self.failures += self._execute(request(piece, by=_COMMAND, rebuild=True), bar)
        self._bars.update(bar, doing="")

    def discover(self, layers: Sequence[Layer]) -> None:
        """Compare what is found in these layers with the contract; drift is a failure."""
        if layers:
            bar = self._bars.add_task("Catalog", total=len(layers), doing="")
            keys = tuple(catalog_key(layer) for layer in layers)
            asked = Request(discover_catalog.name, keys, None, {REQUESTED_BY_TAG: _COMMAND})
            self.failures += self._execute(asked, bar)

    def _execute(self, asked: Request, bar: TaskID) -> list[str]:
        run_id = str(uuid.uuid4())
        job = self._definitions.resolve_job_def(asked.job)
        home = Path(self._instance.root_directory)
        with _watching(self._instance, run_id, self._bars, bar), liveness.held(home, run_id):
            result = job.execute_in_process(
                run_id=run_id,
                instance=self._instance,
                asset_selection=list(asked.assets),
                run_config=_QUIET,
                raise_on_error=False,
                partition_key=asked.partition,
                tags=_NEVER_REPEATED | asked.tags,
            )
        self.runs += 1
        self._add_seconds(run_id)
        if _was_interrupted(result):
            raise KeyboardInterrupt
        if not result.success:
            return _failures(result)
        checks = [each for each in result.get_asset_check_evaluations() if each.check_name == CHECK]
        self.told += [_in_short(check) for check in checks if check.passed]
        return [f"{_in_short(check)}\n{check.metadata['drift'].value}" for check in checks if not check.passed]

    def _add_seconds(self, run_id: str) -> None:
        for step in self._instance.get_run_step_stats(run_id):
            if step.start_time and step.end_time:
                table = _table_of(step.step_key)
                if table is None:
                    continue
                self.seconds[table] = self.seconds.get(table, 0.0) + step.end_time - step.start_time


def _table_of(step_key: str) -> LakeTable | None:
    """None for a step that builds no table."""
    layer, _, name = step_key.partition("__")
    return None if layer == GROUP else lake_table(layer, name)


def _in_short(check: dg.AssetCheckEvaluation) -> str:
    return f"{check.asset_key.to_user_string()}: {check.description}"


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether Ctrl-C or a signal ended the run: Dagster records that as the failure of the step it interrupted."""
    errors_of_steps = [event.step_failure_data.error for event in result.get_step_failure_events()]
    return any(error and "DagsterExecutionInterruptedError" in error.to_string() for error in errors_of_steps)


def _failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """One message per failed step: what the asset said, else the error of the engine or of Dagster."""
    messages: list[str] = []
    for event in result.get_step_failure_events():
        data = event.step_failure_data
        told = data.user_failure_data.description if data.user_failure_data else None
        cause = data.error.cause or data.error if data.error else None
        messages.append(told or f"{event.step_key}: {cause.message.strip() if cause else 'failed'}")
    return messages or [f"Run {result.run_id} failed; see it in the Dagster UI."]


@contextmanager
def _watching(instance: dg.DagsterInstance, run_id: str, bars: Progress, bar: TaskID) -> Iterator[None]:
    """Moves the bar while a run goes on, from the events that the run writes."""
    finished = threading.Event()
    base = bars.tasks[bar].completed

    def update() -> None:
        types = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE}
        logs = instance.all_logs(run_id, of_type=types)
        steps = [(log.dagster_event.event_type, log.step_key) for log in logs if log.dagster_event]
        started = [key for kind, key in steps if kind == dg.DagsterEventType.STEP_START]
        ended = [key for kind, key in steps if kind != dg.DagsterEventType.STEP_START]
        doing = next((key for key in reversed(started) if key not in ended), "") or ""
        bars.update(bar, completed=base + len(ended), doing=doing.replace("__", "."))

    def poll() -> None:
        while not finished.wait(_POLL_SECONDS):
            update()

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
        update()


def _close(planner: Planner, runner: _Runner, is_part: bool) -> None:
    for table, names in refresh.waiting_for(planner).items():
        errors.print(f"{table.identifier} waits for source files of {', '.join(names)}.")
    for fact, on in refresh.held_up(planner).items():
        errors.print(f"{fact.identifier} waits until {', '.join(on)} {'is' if len(on) == 1 else 'are'} up to date.")
    if not runner.runs:
        whole = "every table is up to date with the source."
        part = "what is selected is up to date, or waits for tables that are not (`+key:...` selects those too)."
        errors.print(f"Nothing to do: {part if is_part else whole}")
        return
    if runner.seconds:
        output.print(closing_table(planner, runner.seconds))
    for line in runner.told:
        output.print(line)
    noun = "run" if runner.runs == 1 else "runs"
    output.print(
        f"{runner.runs} {noun} recorded in Dagster (DAGSTER_HOME={os.environ['DAGSTER_HOME']}).", soft_wrap=True
    )
