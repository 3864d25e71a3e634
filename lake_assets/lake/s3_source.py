"""A source on S3: a bucket, perhaps somebody else's and in another region, whose listing tells the tag of each content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from lake_assets.aws import MISSING, Aws, error_code, told_plainly
from lake_assets.contract.tables import TABLES
from lake_assets.errors import SourceError
from lake_assets.lake.records import SourceFile
from lake_assets.lake.source import Listed, changed, check_names, holds_no_table, is_hidden, no_files, unknown_place
from lake_assets.location import S3Folder


class S3Source:
    """A folder of a bucket. A listing of it is the truth; whoever reads a file asks for the version that was pinned."""

    def __init__(self, folder: S3Folder, aws: Aws) -> None:
        self.folder = folder
        self._aws = aws

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def _s3(self) -> Any:
        return self._aws.client("s3")

    def list_files(self) -> tuple[Listed, ...]:
        found = tuple(self._listed())
        if not found:
            raise no_files(self)
        check_names((file.path for file in found), self.folder)
        return found

    def _listed(self) -> Iterator[Listed]:
        below = f"{self.folder.prefix}/" if self.folder.prefix else ""
        with told_plainly(f"list the source {self.folder}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.folder.bucket, Prefix=below):
                for item in page.get("Contents", ()):
                    path = item["Key"].removeprefix(below)
                    top, _, rest = path.partition("/")
                    # Consoles mark folders by empty objects.
                    if holds_no_table(top) or path.endswith("/") or is_hidden(rest.split("/")):
                        continue
                    if top not in TABLES or not rest:
                        raise unknown_place(top, "folder" if rest else "file", self.folder)
                    modified = int(item["LastModified"].timestamp() * 1e9)
                    yield Listed(path, item["Size"], modified, item["ETag"])

    def marker_version(self, name: str) -> str | None:
        found = self._head(name, f"read the marker {self.folder / name}")
        return f"{found['ETag']} {found['LastModified']}" if found else None

    def identify(self, file: Listed) -> SourceFile:
        return SourceFile(
            table=file.table, path=file.path, size=file.size, etag=file.etag, modified_ns=file.modified_ns
        )

    def inspect(self, file: Listed) -> None:
        """Left to the engine: at terabytes nobody wants every byte to come here first."""
        return

    def check_unchanged(self, file: SourceFile) -> str:
        address = str(self.folder / file.path)
        found = self._head(file.path, f"read {address}")
        if found is None:
            raise SourceError(f"Source file {address} was pinned but is gone. Restore it.")
        if found["ETag"] != file.etag:
            raise changed(address)
        return address

    def _head(self, path: str, doing: str) -> dict[str, Any] | None:
        with told_plainly(doing):
            try:
                found: dict[str, Any] = self._s3.head_object(Bucket=self.folder.bucket, Key=self.folder.key(path))
                return found
            except ClientError as error:
                if error_code(error) in MISSING:
                    return None
                raise
