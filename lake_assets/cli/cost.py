"""What the last runs cost: the money and the engine time in the events of their assets, summed by run and by table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter

import dagster as dg
from rich.table import Table

from lake_assets.cli.console import errors, human_bytes, output
from lake_assets.cli.show import write_rows

_EVENTS = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_OBSERVATION}


@dataclass(frozen=True)
class Cost:
    """What one asset cost in one run. `table` is `layer.table`, or `catalog.<layer>` for a crawl; `started` is UTC.

    `partitions` and `bytes` are what was published, `engine_seconds` what the engine worked for it. `dpu_seconds` are those
    that Glue bills, also for what failed; `dollars` are theirs and those of the step's requests to S3, at the prices of the
    settings when it ran.
    """

    run_id: str
    started: datetime
    status: str
    table: str
    partitions: int
    bytes: int
    engine_seconds: float
    dpu_seconds: float
    dollars: float


def costs(instance: dg.DagsterInstance, runs: int) -> list[Cost]:
    """Costs of the assets of the latest runs, the newest run first; a run that built nothing has none."""
    return [
        _cost(record, table, events)
        for record in instance.get_run_records(limit=runs)
        for table, events in _events(instance, record.dagster_run.run_id).items()
    ]


def _events(instance: dg.DagsterInstance, run_id: str) -> dict[str, list[tuple[bool, Mapping[str, float]]]]:
    """By table, the events of a run: whether it is a materialisation, and its numbers by name."""
    found: dict[str, list[tuple[bool, Mapping[str, float]]]] = {}
    for entry in instance.all_logs(run_id, of_type=_EVENTS):
        event = entry.asset_materialization or entry.asset_observation
        if event is None:
            continue
        numbers = {
            name: float(value.value)
            for name, value in event.metadata.items()
            if isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue) and value.value is not None
        }
        is_new = entry.asset_materialization is not None and "reused" not in event.metadata
        found.setdefault(".".join(event.asset_key.path), []).append((is_new, numbers))
    return found


def _cost(record: dg.RunRecord, table: str, events: Sequence[tuple[bool, Mapping[str, float]]]) -> Cost:
    def total(name: str, of: Iterable[tuple[bool, Mapping[str, float]]] = events) -> float:
        return sum(numbers.get(name, 0.0) for _, numbers in of)

    published = [event for event in events if event[0]]
    return Cost(
        run_id=record.dagster_run.run_id,
        started=datetime.fromtimestamp(record.start_time or record.create_timestamp.timestamp(), UTC),
        status=record.dagster_run.status.value.lower(),
        table=table,
        partitions=len(published),
        bytes=int(total("bytes", published)),
        engine_seconds=round(total("engine_seconds"), 3),
        # A crawl tells hours.
        dpu_seconds=round(total("glue_dpu_seconds") + 3600 * total("dpu_hours"), 3),
        dollars=total("cost_usd") + total("s3_cost_usd"),
    )


def show_costs(found: Sequence[Cost], by: str, form: str) -> None:
    """By run or by table; for programs each table of each run."""
    if form != "table":
        write_rows([field.name for field in fields(Cost)], [astuple(cost) for cost in found], form)
    else:
        output.print(_grid(by, found))
    runs = len({cost.run_id for cost in found})
    told = f"{runs} runs that built something, ${sum(cost.dollars for cost in found):.4f}"
    errors.print(f"{told} for Glue's jobs and crawlers, and the steps' requests to S3.")
    errors.print("What Spark asks of S3, storage and queries are not counted.")


def _run_name(cost: Cost) -> str:
    return f"{cost.run_id[:8]}  {cost.started:%Y-%m-%d %H:%M}  {cost.status}"


def _grid(by: str, found: Sequence[Cost]) -> Table:
    name, counted = (_run_name, "table") if by == "run" else (attrgetter("table"), "run_id")
    groups: dict[str, list[Cost]] = {}
    for cost in found:
        groups.setdefault(name(cost), []).append(cost)
    grid = Table()
    grid.add_column(by, no_wrap=True)
    for heading in ("tables" if by == "run" else "runs", "partitions", "bytes", "engine s", "DPU s", "cost"):
        grid.add_column(heading, justify="right")
    for title, group in groups.items():
        grid.add_row(
            title,
            str(len({getattr(cost, counted) for cost in group})),
            f"{sum(cost.partitions for cost in group):,}",
            human_bytes(sum(cost.bytes for cost in group)),
            f"{sum(cost.engine_seconds for cost in group):,.1f}",
            f"{sum(cost.dpu_seconds for cost in group):,.0f}",
            f"${sum(cost.dollars for cost in group):,.4f}",
        )
    return grid
