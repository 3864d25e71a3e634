"""The two consoles of the command line: results go to standard output, progress and errors to standard error."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_WIDTH_OF_A_FILE = 160
"""Wide enough for every table of ours when the output is read by a program."""

output = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)
errors = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH_OF_A_FILE)


def progress() -> Progress:
    """A progress display with one bar per phase."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[doing]}"),
        console=errors,
    )


def human_bytes(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
