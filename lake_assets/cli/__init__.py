"""The command line `lake-assets`."""

from __future__ import annotations

import sys

from rich.markup import escape

from lake_assets.cli.console import errors
from lake_assets.errors import LakeError

INTERRUPTED = 130


def main() -> None:
    """Entry point: a mistake of the user's ends in one message and exit code 1, without a stack trace."""
    from lake_assets.cli.app import app

    try:
        app()
    except LakeError as error:
        errors.print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            errors.print("Interrupted. What was published stays; run the same command again to go on.")
        raise
