"""Lakes to attack: on this machine, and in the emulated S3."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import pytest

from lake_assets.lake.lake import Lake
from lake_assets.location import S3Folder
from lake_assets.settings import Settings
from lake_assets_tests.support.aws.emulator import Emulator

RULES = {"silver.inventory.row_count": "warn", "silver.income_band.row_count": "warn"}
"""Lakes this small grow and shrink by more than these rules let pass."""


class Place(ABC):
    """Where lakes can be. Their source is a local folder in any case."""

    @abstractmethod
    def new_lake(self, source: Path, folder: Path) -> Lake:
        """An empty lake; `folder` is its own."""

    @abstractmethod
    def copy(self, lake: Lake, folder: Path) -> Lake:
        """A lake with the objects of another one, in a catalog of its own."""


class Here(Place):
    def new_lake(self, source: Path, folder: Path) -> Lake:
        return Lake(Settings.model_validate({"root": folder, "source": source, "threads": 2, "rules": RULES}))

    def copy(self, lake: Lake, folder: Path) -> Lake:
        shutil.copytree(lake.settings.local_root, folder)
        return self.new_lake(lake.settings.local_source, folder)


@dataclass(frozen=True)
class OnS3(Place):
    aws: Emulator

    def new_lake(self, source: Path, folder: Path) -> Lake:
        bucket = self.aws.new_bucket()
        root = S3Folder(bucket, "lakes/one")
        known = {"environment": "aws", "root": root, "source": source, "name": bucket, "threads": 2, "rules": RULES}
        return Lake(Settings.model_validate(known))

    def copy(self, lake: Lake, folder: Path) -> Lake:
        copy = self.new_lake(lake.settings.local_source, folder)
        there, here = lake.settings.root, copy.settings.root
        assert isinstance(there, S3Folder)
        assert isinstance(here, S3Folder)
        s3 = self.aws.client("s3")
        for item in s3.list_objects_v2(Bucket=there.bucket)["Contents"]:
            s3.copy_object(Bucket=here.bucket, Key=item["Key"], CopySource={"Bucket": there.bucket, "Key": item["Key"]})
        return copy


@pytest.fixture
def here() -> Here:
    return Here()


@pytest.fixture
def on_s3(emulator: Emulator) -> OnS3:
    emulator.calm()
    return OnS3(emulator)
