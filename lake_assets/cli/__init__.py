"""The command line `lake-assets`."""

from __future__ import annotations

import sys

from lake_assets.cli.console import errors
from lake_assets.errors import LakeError


def main() -> None:
    """Entry point: a mistake of the user's ends in one message and exit code 1, without a stack trace."""
    from lake_assets.cli.app import app

    try:
        app()
    except LakeError as error:
        errors.print(f"[bold red]Error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("Interrupted. What was published stays; run the same command again to go on.")
        sys.exit(130)
