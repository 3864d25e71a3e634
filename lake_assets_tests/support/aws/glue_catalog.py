"""What plain moto lacks of the Glue Data Catalog: a table is changed by one writer at a time, and batches have a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.glue.exceptions import GlueClientError
from moto.glue.responses import GlueResponse

from lake_assets_tests.support.aws.patching import replaced

_update_table = GlueResponse.update_table
_changing = threading.Lock()
_BATCHES = {
    "batch_create_partition": ("PartitionInputList", 100),
    "batch_update_partition": ("Entries", 100),
    "batch_delete_partition": ("PartitionsToDelete", 25),
    "batch_get_partition": ("PartitionsToGet", 1000),
}
"""Where a call has its partitions, and how many of them AWS takes at once."""


@contextmanager
def mended_catalog() -> Iterator[None]:
    limited = {
        name: _limited(getattr(GlueResponse, name), argument, most) for name, (argument, most) in _BATCHES.items()
    }
    with replaced(GlueResponse, update_table=_update_table_of_version, **limited):
        yield


def _update_table_of_version(response: Any) -> Any:
    """moto takes any VersionId; Glue refuses to change a table that somebody else changed meanwhile."""
    given = response.parameters
    with _changing:
        if given.get("VersionId"):
            table = response.glue_backend.get_table(given["DatabaseName"], given["TableInput"]["Name"])
            if str(table._current_version) != str(given["VersionId"]):
                raise GlueClientError(
                    "ConcurrentModificationException",
                    f"Update table failed due to concurrent modifications: the version is {table._current_version}.",
                )
        return _update_table(response)


def _limited(call: Callable[[Any], Any], argument: str, most: int) -> Callable[[Any], Any]:
    def within_limit(response: Any) -> Any:
        given = response.parameters.get(argument) or []
        if len(given) > most:
            raise GlueClientError(
                "ValidationException",
                f"1 validation error detected: Value at '{argument}' failed to satisfy constraint: Member must have "
                f"length less than or equal to {most}",
            )
        return call(response)

    return within_limit
