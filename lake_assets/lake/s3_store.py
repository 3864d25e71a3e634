"""A lake on S3: conditional writes instead of locks, server-side copies instead of renames.

Readers of an object see the old one or the new one, because S3 replaces objects as a whole. A call that is repeated after its
answer was lost finds its own work and is content with it.
"""

from __future__ import annotations

import hashlib
import io
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from lake_assets.aws import MISSING, Aws, error_code, told_plainly
from lake_assets.errors import AwsError, PublishConflictError
from lake_assets.lake.layout import STAGING
from lake_assets.lake.s3_reader import S3Reader
from lake_assets.lake.store import ObjectInfo
from lake_assets.location import S3Folder

_LARGEST_COPY = 5 << 30
"""Bytes that S3 copies in one call."""
_PART = 1 << 30
_DELETED_AT_ONCE = 1000
_CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_CHUNK = 1 << 20


class S3Store:
    """A folder of a bucket. Creating it asks nothing of AWS.

    `owner` is the account that must own the bucket; `kms_key` encrypts what is written, by default S3's own key does.
    """

    side_by_side = 16

    def __init__(self, root: S3Folder, aws: Aws, owner: str = "", kms_key: str = "") -> None:
        self.root = root
        self._aws = aws
        self._owner = {"ExpectedBucketOwner": owner} if owner else {}
        self._encryption = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
            if kms_key
            else {"ServerSideEncryption": "AES256"}
        )

    @property
    def _s3(self) -> Any:
        return self._aws.client("s3")

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.root.bucket, "Key": self.root.key(key), **self._owner}

    def uri(self, key: str) -> str:
        return str(self.root / key)

    def check_writable(self) -> None:
        """Raises `AwsError` when nothing can be written below the root."""
        probe = f"{STAGING}/.write-probe-{uuid.uuid4().hex}"
        self.put(probe, b"")
        # Nobody else knows the probe: its removal needs no look beforehand.
        self._remove([self.root.key(probe)])

    def read(self, key: str) -> tuple[bytes, str] | None:
        reader = self._reader(key)
        try:
            content = reader.readall()
        except AwsError as error:
            if isinstance(error.__cause__, ClientError) and error_code(error.__cause__) in MISSING:
                return None
            raise
        return content, str(reader.etag)

    def write_if(self, key: str, content: bytes, expected: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        with told_plainly(f"write {self.uri(key)}"):
            try:
                answer = self._s3.put_object(**self._at(key), Body=content, **condition, **self._encryption)
                return str(answer["ETag"])
            except ClientError as error:
                if error_code(error) not in _CHANGED | MISSING:
                    raise
                refusal = error
        # Repeated after a lost answer, a write is refused because it did succeed.
        found = self.read(key)
        if found is None or found[0] != content:
            raise PublishConflictError(f"{key} was changed by another writer.") from refusal
        return found[1]

    def put(self, key: str, content: bytes) -> None:
        with told_plainly(f"write {self.uri(key)}"):
            self._s3.put_object(**self._at(key), Body=content, **self._encryption)

    def upload(self, key: str, path: Path) -> None:
        """Put a local file, however large it is."""
        # `upload_file` would hide what S3 said in an error of its own.
        with told_plainly(f"write {self.uri(key)}"), path.open("rb") as file:
            extra = {**self._owner, **self._encryption}
            self._s3.upload_fileobj(file, self.root.bucket, self.root.key(key), ExtraArgs=extra)

    def replace(self, staged: str, key: str, holds: Callable[[], bool] = lambda: True) -> None:
        """A writer that fell asleep here and wakes up late finds another object than it looked at, and is refused."""
        source = self._head(staged)
        if source is None:
            raise AwsError(f"Cannot publish {self.uri(key)}: the staged object {self.uri(staged)} is gone.")
        while True:
            standing = self._head(key)
            if standing is not None and standing["Metadata"].get("staged") == staged:
                # The answer to an earlier call was lost.
                return None
            if not holds():
                raise PublishConflictError(f"{key} was taken over by another writer.")
            condition = {"IfMatch": standing["ETag"]} if standing else {"IfNoneMatch": "*"}
            with told_plainly(f"publish {self.uri(key)}"):
                try:
                    return self._copy(staged, source, key, condition)
                except ClientError as error:
                    if error_code(error) not in _CHANGED | MISSING:
                        raise
            # Replaced meanwhile, by a writer that lost its right or by this very call; whoever still has it goes on.

    def _copy(self, staged: str, source: dict[str, Any], key: str, condition: dict[str, str]) -> None:
        origin = {
            "CopySource": {"Bucket": self.root.bucket, "Key": self.root.key(staged)},
            "CopySourceIfMatch": source["ETag"],
            **({"ExpectedSourceBucketOwner": self._owner["ExpectedBucketOwner"]} if self._owner else {}),
        }
        told = {"Metadata": {"staged": staged}, **self._encryption}
        if source["ContentLength"] <= _LARGEST_COPY:
            self._s3.copy_object(**self._at(key), **origin, **told, **condition, MetadataDirective="REPLACE")
            return
        upload = self._s3.create_multipart_upload(**self._at(key), **told)["UploadId"]
        try:
            parts = [
                {
                    "PartNumber": number,
                    "ETag": self._s3.upload_part_copy(
                        **self._at(key), **origin, UploadId=upload, PartNumber=number, CopySourceRange=part
                    )["CopyPartResult"]["ETag"],
                }
                for number, part in enumerate(_ranges(source["ContentLength"]), 1)
            ]
            self._s3.complete_multipart_upload(
                **self._at(key), UploadId=upload, MultipartUpload={"Parts": parts}, **condition
            )
        except BaseException:
            self._s3.abort_multipart_upload(**self._at(key), UploadId=upload)
            raise

    def delete(self, key: str, holds: Callable[[], bool] = lambda: True) -> None:
        """A writer that wakes up late must not remove what another one published here meanwhile: see `replace`."""
        while (standing := self._head(key)) is not None:
            if not holds():
                raise PublishConflictError(f"{key} was taken over by another writer.")
            with told_plainly(f"remove {self.uri(key)}"):
                try:
                    self._s3.delete_object(**self._at(key), IfMatch=standing["ETag"])
                    return
                except ClientError as error:
                    if error_code(error) not in _CHANGED | MISSING:
                        raise

    def objects(self, prefix: str) -> Iterator[ObjectInfo]:
        found = False
        for item in self._listed(f"{prefix}/"):
            found = True
            yield ObjectInfo(self._key(item), item["Size"], item["ETag"])
        head = None if found else self._head(prefix)
        if head:
            yield ObjectInfo(prefix, head["ContentLength"], head["ETag"])

    def checksum(self, key: str) -> str:
        """The checksum that S3 keeps of the whole object; where it keeps none, the SHA-256 of what is read."""
        head = self._head(key, ChecksumMode="ENABLED")
        if head is None:
            raise AwsError(f"Cannot read {self.uri(key)}: there is no such object.")
        whole = head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
        kept = next((name for name in sorted(head) if name.startswith("Checksum") and name != "ChecksumType"), None)
        if kept and whole:
            return f"{kept.removeprefix('Checksum').lower()}:{head[kept]}"
        with io.BufferedReader(self._reader(key), _CHUNK) as content:
            return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"

    @contextmanager
    def exclusive(self, key: str) -> Iterator[None]:
        """S3 has no locks: the conditional write of the intent and the condition of each replacement keep others out."""
        yield

    def remove_folder(self, prefix: str) -> None:
        self._remove([item["Key"] for item in self._listed(f"{prefix}/", hidden=True)])

    def sweep(self, prefix: str, older_than_seconds: float) -> list[str]:
        oldest = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        keys: dict[str, list[str]] = {}
        latest: dict[str, datetime] = {}
        for item in self._listed(f"{prefix}/", hidden=True):
            below, _, rest = self._key(item).removeprefix(f"{prefix}/").partition("/")
            if rest:
                folder = f"{prefix}/{below}"
                keys.setdefault(folder, []).append(item["Key"])
                latest[folder] = max(latest.get(folder, item["LastModified"]), item["LastModified"])
        stale = sorted(folder for folder, changed in latest.items() if changed < oldest)
        for folder in stale:
            self._remove(keys[folder])
        return stale

    def open(self, key: str) -> BinaryIO:
        """The object for reading at any place of it, as Parquet readers do."""
        credentials = self._aws.credentials()
        keys = (credentials.access_key, credentials.secret_key, credentials.token) if credentials else None
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        files = _files(keys, self._s3.meta.region_name, endpoint)
        opened: BinaryIO = files.open_input_file(f"{self.root.bucket}/{self.root.key(key)}")
        return opened

    def _reader(self, key: str) -> S3Reader:
        return S3Reader(self._s3, **self._at(key))

    def _head(self, key: str, **more: str) -> dict[str, Any] | None:
        with told_plainly(f"look at {self.uri(key)}"):
            try:
                found: dict[str, Any] = self._s3.head_object(**self._at(key), **more)
                return found
            except ClientError as error:
                if error_code(error) in MISSING:
                    return None
                raise

    def _key(self, item: dict[str, Any]) -> str:
        return str(item["Key"])[len(self.root.key("")) + 1 if self.root.prefix else 0 :]

    def _listed(self, prefix: str, *, hidden: bool = False) -> Iterator[dict[str, Any]]:
        """What lies below a prefix, in order of the keys; without markers of other programs, unless `hidden`."""
        below = f"{self.root.key(prefix)}/"
        with told_plainly(f"list {self.uri(prefix)}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.root.bucket, Prefix=below, **self._owner
            )
            for page in pages:
                for item in page.get("Contents", ()):
                    name = item["Key"].rsplit("/", 1)[-1]
                    if hidden or (name and not name.startswith((".", "_"))):
                        yield item

    def _remove(self, keys: list[str]) -> None:
        with told_plainly(f"remove objects below {self.root}"):
            for start in range(0, len(keys), _DELETED_AT_ONCE):
                answer = self._s3.delete_objects(
                    Bucket=self.root.bucket,
                    Delete={
                        "Objects": [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]],
                        "Quiet": True,
                    },
                    **self._owner,
                )
                for failure in answer.get("Errors", ()):
                    raise AwsError(f"Cannot remove {failure['Key']}: {failure.get('Message')} ({failure.get('Code')}).")


def _ranges(size: int) -> Iterator[str]:
    for start in range(0, size, _PART):
        yield f"bytes={start}-{min(start + _PART, size) - 1}"


@lru_cache(maxsize=4)
def _files(keys: tuple[str, str, str | None] | None, region: str, endpoint: str | None) -> Any:
    """pyarrow's own S3, with keys of the moment."""
    from pyarrow.fs import S3FileSystem

    given: dict[str, Any] = (
        dict(zip(("access_key", "secret_key", "session_token"), keys, strict=True)) if keys else {"anonymous": True}
    )
    return S3FileSystem(**given, region=region, **({"endpoint_override": endpoint} if endpoint else {}))
