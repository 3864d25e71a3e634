"""Reading one version of one S3 object from its beginning to its end, whatever happens to the connection on the way."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from lake_assets.aws import error_code, told_plainly
from lake_assets.errors import AwsUnavailableError, SourceError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BROKEN = (ConnectionClosedError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
_RESUMPTIONS = 5
"""Times that a stream is resumed without a byte in between."""
_CHANGED = frozenset({"PreconditionFailed", "412"})


class S3Reader(io.RawIOBase):
    """The bytes of an object in the version `etag`, by default the one that is there at the first read.

    A connection that breaks is made anew from where it broke. Raises `SourceError` when the object changed meanwhile, and
    `AwsError` as `told_plainly` does.
    """

    def __init__(self, client: Any, *, etag: str | None = None, **place: str) -> None:
        """`place` is what `get_object` asks for: `Bucket`, `Key` and, if it is known, `ExpectedBucketOwner`."""
        self._client = client
        self._object = place
        self._name = f"s3://{place['Bucket']}/{place['Key']}"
        self.etag = etag
        self._position = 0
        self._size: int | None = None
        self._body: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        for _ in range(_RESUMPTIONS):
            if self._size is not None and self._position >= self._size:
                return 0
            with told_plainly(f"read {self._name}"):
                try:
                    chunk = self._opened().read(len(view))
                except _BROKEN:
                    chunk = b""
            if chunk:
                view[: len(chunk)] = chunk
                self._position += len(chunk)
                return len(chunk)
            if self._size == 0:
                return 0
            # Ended before its time: some connections break without saying so.
            self._body = None
        raise AwsUnavailableError(f"Cannot read {self._name}: the connection breaks at byte {self._position:,}.")

    def _opened(self) -> Any:
        if self._body is None:
            condition = {"IfMatch": self.etag} if self.etag else {}
            rest = {"Range": f"bytes={self._position}-"} if self._position else {}
            try:
                answer = self._client.get_object(**self._object, **condition, **rest)
            except ClientError as error:
                if error_code(error) in _CHANGED:
                    raise SourceError(f"{self._name} changed while it was read, or after it was pinned.") from error
                raise
            self.etag = answer["ETag"]
            if self._size is None:
                self._size = answer["ContentLength"]
            self._body = answer["Body"]
        return self._body
