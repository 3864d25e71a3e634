"""How results are shown: query results, the state of the lake, and the closing table of a run."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from lake_assets.cli.console import errors, human_bytes, output
from lake_assets.contract.layers import BRONZE, LAKE_TABLES, SILVER, LakeTable
from lake_assets.lake.balance import balance
from lake_assets.lake.lake import Lake
from lake_assets.lake.planning import Planner
from lake_assets.query.engine import questions
from lake_assets.query.examples import ExampleQuery
from lake_assets.query.quality import BrokenRule, broken_rules
from lake_assets.query.result import QueryResult

_NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT", "NUMBER")


def show_result(result: QueryResult, form: str) -> None:
    """Rows on standard output; their number, the time and the cost on standard error."""
    if form == "table":
        output.print(_result_table(result))
    else:
        write_rows(result.columns, result.rows, form)
    noun = "row" if len(result.rows) == 1 else "rows"
    errors.print(f"{len(result.rows):,} {noun} in {result.seconds:.2f} s ({_cost(result)})")


def _cost(result: QueryResult) -> str:
    if result.bytes_scanned is None or result.cost is None:
        return "DuckDB, no cost"
    if result.reused:
        return "Athena, an earlier result, no cost"
    return f"Athena, {human_bytes(result.bytes_scanned)} scanned, ${result.cost:.6f}"


def show_example(example: ExampleQuery, result: QueryResult, form: str) -> None:
    """As `show_result`, with the question and how to read the answer on standard error."""
    errors.print(f"[bold]{escape(example.title)}[/]\n{escape(example.question)}", highlight=False)
    show_result(result, form)
    errors.print(f"How to read: {escape(example.reading)}", highlight=False)


def show_examples(examples: Iterable[ExampleQuery], form: str) -> None:
    """Names, titles and questions; for programs the SQL too."""
    if form == "table":
        grid = Table()
        for heading in ("name", "title", "question"):
            grid.add_column(heading, no_wrap=heading == "name", overflow="fold")
        for example in examples:
            grid.add_row(example.name, escape(example.title), escape(example.question))
        output.print(grid)
    else:
        rows = [(example.name, example.title, example.question, example.sql) for example in examples]
        write_rows(("name", "title", "question", "sql"), rows, form)


def write_rows(columns: Sequence[str], rows: Sequence[tuple[Any, ...]], form: str) -> None:
    """As CSV or JSON on standard output."""
    if form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows(rows)
    else:
        records = [dict(zip(columns, row, strict=True)) for row in rows]
        json.dump(records, sys.stdout, default=str, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")


def _result_table(result: QueryResult) -> Table:
    table = Table()
    for name, kind in zip(result.columns, result.types, strict=True):
        table.add_column(
            escape(name), justify="right" if any(word in kind for word in _NUMBERS) else "left", overflow="fold"
        )
    for row in result.rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def _cell(value: Any) -> str:
    return "NULL" if value is None else escape(str(value))


def show_status(lake: Lake) -> None:
    planner = lake.planner()
    if not planner.batches:
        output.print(
            f"The lake at {lake.settings.root} is empty. Run `lake-assets sample` and `lake-assets run`.",
            soft_wrap=True,
        )
        return
    output.print(f"Lake {lake.settings.root}, {len(planner.batches)} batches", soft_wrap=True)
    output.print(_tables(planner, LAKE_TABLES, {}))
    output.print(_balances(planner))
    with questions(lake.settings) as asked:
        broken = broken_rules(asked)
    output.print(_broken_rules(broken) if broken else "No rule is broken.")


def closing_table(planner: Planner, seconds: Mapping[LakeTable, float]) -> Table:
    """What a run refreshed: the tables' rows, bytes and seconds."""
    return _tables(planner, [table for table in LAKE_TABLES if table in seconds], seconds)


def _tables(planner: Planner, tables: Iterable[LakeTable], seconds: Mapping[LakeTable, float]) -> Table:
    grid = Table(title="Tables")
    for heading in ("table", "partitions", "rows", "bytes"):
        grid.add_column(heading, justify="left" if heading == "table" else "right", no_wrap=True)
    grid.add_column("seconds" if seconds else "last published (UTC)", justify="right", no_wrap=True)
    for table in tables:
        published = [entry.settled for entry in planner.entries(table).values() if entry.settled]
        entries = [versioned.entry for versioned in planner.entries(table).values()]
        blocked = sum(1 for entry in entries if entry.blocked)
        unfinished = sum(1 for entry in entries if not entry.settled and not entry.blocked)
        notes = [f"{count} {what}" for count, what in ((blocked, "blocked"), (unfinished, "unfinished")) if count]
        last = max((known.published_at for known in published), default=None)
        latest = f"{last:%Y-%m-%d %H:%M:%S}" if last else "never"
        grid.add_row(
            table.identifier,
            f"{len(published):,}" + (f" ({', '.join(notes)})" if notes else ""),
            f"{sum(known.rows for known in published):,}",
            human_bytes(sum(known.bytes for known in published)),
            f"{seconds[table]:.2f}" if seconds else latest,
        )
    return grid


def _broken_rules(broken: Iterable[BrokenRule]) -> Table:
    grid = Table(title="Broken rules")
    for heading in ("table", "rule", "action", "rows", "partitions", "broken since (UTC)"):
        grid.add_column(heading, justify="right" if heading == "rows" else "left", overflow="fold")
    for rule in broken:
        style = "red" if rule.action == "block" else "yellow"
        since = f"{rule.since:%Y-%m-%d %H:%M:%S}"
        grid.add_row(rule.table, rule.rule, rule.action, f"{rule.rows:,}", rule.partitions, since, style=style)
    return grid


def _balances(planner: Planner) -> Table:
    grid = Table(title="Every source row accounted for")
    for heading in ("table", "source", "published", "quarantined", "duplicates", "superseded", "missing"):
        grid.add_column(heading, justify="left" if heading == "table" else "right", no_wrap=True)
    for name in BRONZE:
        found = balance(planner, name)
        if not planner.entries(BRONZE[name]):
            grid.add_row(name, "no files yet")
        elif found is None:
            blocked = any(
                known.entry.blocked for layer in (BRONZE, SILVER) for known in planner.entries(layer[name]).values()
            )
            grid.add_row(name, "blocked" if blocked else "to be run")
        else:
            counts = (
                found.source,
                found.published,
                found.quarantined,
                found.duplicates,
                found.superseded,
                found.missing,
            )
            grid.add_row(name, *(f"{count:,}" for count in counts), style="red" if found.missing else "")
    return grid
