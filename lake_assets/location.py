"""Where a lake or its source lies: a local folder, or a folder of an S3 bucket."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_SCHEMES = ("s3://", "s3a://")


@dataclass(frozen=True)
class S3Folder:
    """A bucket, or a folder in it. `prefix` neither begins nor ends with a slash."""

    bucket: str
    prefix: str = ""

    def __truediv__(self, below: str) -> S3Folder:
        return S3Folder(self.bucket, self.key(below))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def key(self, below: str) -> str:
        """Key in the bucket of what lies at `below` in this folder."""
        return "/".join(part for part in (self.prefix, below.strip("/")) if part)


Location = Path | S3Folder


def location(text: str) -> Location:
    """The place that a text names. Raises `ValueError` for an address that is neither a folder nor S3's."""
    scheme = next((scheme for scheme in _SCHEMES if text.startswith(scheme)), None)
    if scheme is None:
        if ":/" in text or not text.strip():
            raise ValueError("give a local folder or s3://bucket/folder")
        return Path(text)
    bucket, _, prefix = text.removeprefix(scheme).partition("/")
    if not bucket:
        raise ValueError("the bucket is missing: give s3://bucket/folder")
    return S3Folder(bucket, prefix.strip("/"))
