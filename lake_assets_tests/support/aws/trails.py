"""What plain moto gets wrong of CloudTrail: it deletes a trail by its name, but not by its ARN."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.cloudtrail.models import CloudTrailBackend

from lake_assets_tests.support.aws.patching import replaced

_delete_trail = CloudTrailBackend.delete_trail


@contextmanager
def mended_trails() -> Iterator[None]:
    with replaced(CloudTrailBackend, delete_trail=_delete_by_name_or_arn):
        yield


def _delete_by_name_or_arn(backend: Any, name: str) -> None:
    """Of `arn:aws:cloudtrail:REGION:ACCOUNT:trail/NAME`, or of the name alone."""
    _delete_trail(backend, name.rpartition("/")[2])
