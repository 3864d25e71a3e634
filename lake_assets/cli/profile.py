"""How the profile of a table is shown: its columns, and the rules that its contract could add."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from lake_assets.cli.console import errors, output
from lake_assets.query.profile import ROWS_NEEDED, ColumnProfile, Proposal, TableProfile

PERSONAL = "personal data"
_LONGEST_TEXT = 16
"""Characters of a value that are shown, so that a table fits in 100 columns; the JSON has the whole of it."""


def show_profile(profile: TableProfile, form: str) -> None:
    """Figures on standard output, the time on standard error."""
    if form == "json":
        json.dump(_as_json(profile), sys.stdout, default=str, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        _show_columns(profile)
        _show_frequent_values(profile)
        _show_proposals(profile)
    errors.print(f"{len(profile.columns)} columns in {profile.seconds:.2f} s (DuckDB, no cost)")


def _show_columns(profile: TableProfile) -> None:
    grid = _grid()
    grid.add_column("column", no_wrap=True)
    grid.add_column("type", no_wrap=True)
    for heading in ("nulls", "share", "distinct"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for heading in ("min", "max"):
        grid.add_column(heading, overflow="fold")
    for column in profile.columns:
        ends = (PERSONAL, "") if column.personal else (_short(column.low), _short(column.high))
        grid.add_row(column.name, column.type, f"{column.nulls:,}", _share(column), f"{column.distinct:,}", *ends)
    _show(f"{profile.table.identifier}: {_counted(profile.rows)}", grid)


def _share(column: ColumnProfile) -> str:
    """Share of the rows without a value; never 0.0% or 100.0% when it is not."""
    if not column.nulls:
        return ""
    share = column.nulls / column.rows
    if column.nulls == column.rows:
        return "100%"
    return "<0.1%" if share < 0.001 else ">99.9%" if share > 0.999 else f"{share:.1%}"


def _show_frequent_values(profile: TableProfile) -> None:
    """Of the columns whose values repeat; a line of their own leaves room for them."""
    shown = [column for column in profile.columns if column.top and column.distinct > 1]
    if not shown:
        return
    grid = _grid()
    grid.add_column("column", no_wrap=True)
    grid.add_column("values", overflow="fold")
    for column in shown:
        grid.add_row(column.name, " | ".join(f"{_short(value)} ({rows:,})" for value, rows in column.top))
    _show("Most frequent values, and the rows that have them", grid)


def _show_proposals(profile: TableProfile) -> None:
    if profile.rows < ROWS_NEEDED:
        _show(f"No rules are proposed: what holds in fewer than {ROWS_NEEDED} rows may hold by chance.")
        return
    if not profile.proposals:
        _show(f"No rules to add: the contract has all that {_counted(profile.rows)} suggest.")
        return
    grid = _grid()
    grid.add_column("column", no_wrap=True)
    grid.add_column("add to the contract", overflow="fold")
    grid.add_column("because", overflow="fold")
    for proposal in profile.proposals:
        grid.add_row(proposal.column, escape(proposal.words), escape(proposal.evidence))
    _show("Rules that these rows keep and the contract lacks", grid)


def _grid() -> Table:
    return Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)


def _show(heading: str, grid: Table | None = None) -> None:
    """A part of the profile and an empty line. The heading is no title of the grid, which may be too narrow for it."""
    output.print(heading, style="bold", highlight=False)
    if grid:
        output.print(grid)
    output.print()


def _counted(rows: int) -> str:
    return f"{rows:,} row" if rows == 1 else f"{rows:,} rows"


def _short(value: Any) -> str:
    """A value as it stands in a cell: a text with blanks at its ends, or signs that cannot be seen, in quotes."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    text = str(value)
    if text != text.strip() or not text.isprintable() or not text:
        text = repr(text)
    return escape(text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…")


def _as_json(profile: TableProfile) -> dict[str, Any]:
    """The profile for a program: keys are stable, and personal columns have no `min`, `max` and `top`."""
    return {
        "table": profile.table.identifier,
        "rows": profile.rows,
        "rows_needed_for_proposals": ROWS_NEEDED,
        "columns": [_column_json(column) for column in profile.columns],
        "proposals": [_proposal_json(proposal) for proposal in profile.proposals],
    }


def _column_json(column: ColumnProfile) -> dict[str, Any]:
    known = {
        "name": column.name,
        "type": column.type,
        "personal": column.personal,
        "rows": column.rows,
        "nulls": column.nulls,
        "null_share": column.nulls / column.rows if column.rows else None,
        "distinct": column.distinct,
    }
    if column.personal:
        return known
    top = [{"value": value, "rows": rows} for value, rows in column.top]
    return known | {"min": column.low, "max": column.high, "top": top}


def _proposal_json(proposal: Proposal) -> dict[str, Any]:
    return {"kind": proposal.kind, "column": proposal.column, "add": proposal.words, "evidence": proposal.evidence}
