"""Another attempt of a step in the same run, for what passes by itself: an engine that died, a network that was away.

Not a retry policy of the assets, because Dagster applies one to every error, and to Ctrl-C as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from lake_assets.errors import LakeError, may_pass

ATTEMPTS = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""How often and after how many seconds a step is tried again."""


@contextmanager
def attempt(context: dg.AssetExecutionContext) -> Iterator[None]:
    """What fails in the block and may pass is tried again; what the user can mend fails at once, in its own words."""
    try:
        yield
    except (LakeError, OSError) as error:
        if may_pass(error) and is_another_left(context):
            raise _again(context) from error
        if isinstance(error, LakeError):
            raise dg.Failure(description=str(error), allow_retries=False) from error
        raise


def is_another_left(context: dg.AssetExecutionContext) -> bool:
    return _attempts_before(context) < ATTEMPTS.max_retries


def _again(context: dg.AssetExecutionContext) -> dg.RetryRequested:
    return dg.RetryRequested(ATTEMPTS.max_retries, ATTEMPTS.calculate_delay(_attempts_before(context) + 1))


def _attempts_before(context: dg.AssetExecutionContext) -> int:
    # A test that calls an asset as a function makes the only attempt there is.
    attempts: int = getattr(context.op_execution_context, "retry_number", ATTEMPTS.max_retries)
    return attempts
