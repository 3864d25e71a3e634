"""Source files as an engine gets at them: where they lie, or copied to this machine, always in the version that was pinned."""

from __future__ import annotations

import io
import shutil
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Literal, cast

from lake_assets.lake.inspection import SourceText
from lake_assets.lake.source import changed
from lake_assets.lake.task import FileInput, SourceAccess
from lake_assets.location import S3Folder, location

if TYPE_CHECKING:
    from lake_assets.aws import Aws

_BUFFER = 1 << 20


class S3Text:
    """A source file on S3, in the version that was pinned."""

    def __init__(self, file: FileInput, aws: Aws) -> None:
        place = cast(S3Folder, location(file.uri))
        self._file = file
        self._place = {"Bucket": place.bucket, "Key": place.prefix}
        self._aws = aws

    def __str__(self) -> str:
        return self._file.uri

    @property
    def suffix(self) -> str:
        return PurePosixPath(self._file.path).suffix

    def open(self, mode: Literal["rb"]) -> IO[bytes]:
        """Raises `SourceError` at the first read when the file is in another version by now."""
        from lake_assets.lake.s3_reader import S3Reader

        return io.BufferedReader(S3Reader(self._client, etag=self._file.etag, **self._place), _BUFFER)

    def check_unchanged(self) -> None:
        """Raises `SourceError` when the file is in another version by now."""
        from lake_assets.aws import told_plainly

        with told_plainly(f"look at {self}"):
            if self._client.head_object(**self._place)["ETag"] != self._file.etag:
                raise changed(self)

    @property
    def _client(self) -> Any:
        return self._aws.client("s3")


class SourceReader:
    """The source files of a task. `folder` is a local one, for copies."""

    def __init__(self, access: SourceAccess, folder: Path) -> None:
        self._access = access
        self._folder = folder
        self._aws: Aws | None = None

    def text(self, file: FileInput) -> SourceText:
        """The file for reading it in Python; a copy on this machine where the task asks for one."""
        if not file.uri.startswith("s3://"):
            return Path(file.uri)
        if self._aws is None:
            from lake_assets.aws import shared_aws

            self._aws = shared_aws(self._access.region or None, anonymous=self._access.anonymous)
        found = S3Text(file, self._aws)
        if not self._access.copied:
            return found
        copy = self._folder / file.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        with found.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, _BUFFER)
        return copy

    def scratch(self, number: int) -> Path:
        """A new local file."""
        path = self._folder / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
