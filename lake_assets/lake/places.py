"""The store and the source that the settings name: local ones, or S3's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake_assets.lake.source import FileSource, LocalSource
from lake_assets.lake.store import LocalStore, Store
from lake_assets.location import S3Folder
from lake_assets.settings import Settings

if TYPE_CHECKING:
    from lake_assets.aws import Aws


def store_of(settings: Settings, layer: str = "") -> Store:
    """The store of the lake, under the role that publishes to `layer` where the settings name one."""
    if not isinstance(settings.root, S3Folder):
        return LocalStore(settings.root)
    # Here, because a local lake needs no client of AWS, and loading one takes a fifth of a second.
    from lake_assets.lake.s3_store import S3Store

    return S3Store(settings.root, aws_of(settings, layer), settings.expected_owner, settings.kms_key)


def source_of(settings: Settings) -> FileSource:
    if not isinstance(settings.source, S3Folder):
        return LocalSource(settings.source)
    from lake_assets.aws import shared_aws
    from lake_assets.lake.s3_source import S3Source

    region = settings.source_region or settings.region or None
    return S3Source(settings.source, shared_aws(region, anonymous=settings.source_access == "anonymous"))


def aws_of(settings: Settings, layer: str = "") -> Aws:
    """Clients in the region of the lake, under the role of a layer where the settings name one."""
    from lake_assets.aws import shared_aws

    return shared_aws(settings.region or None, settings.roles.get(layer))
