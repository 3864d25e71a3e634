"""What plain moto gets wrong about objects: conditional copies, atomic conditions, the bucket's owner, and checksums."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlparse

from moto.s3.exceptions import MissingKey, PreconditionFailed, S3AccessDeniedError
from moto.s3.models import s3_backends
from moto.s3.responses import S3Response
from moto.s3.utils import compute_checksum

from lake_assets_tests.support.aws.patching import replaced

_put_object = S3Response.put_object
_copy_object = S3Response.copy_object
_delete_object = S3Response.delete_object
_upload_part_copy = S3Response.upload_part_copy
_complete_upload = S3Response._key_response_post
_head_object = S3Response.head_object
_authorize = S3Response._authenticate_and_authorize_s3_action

_writing = threading.RLock()
"""Held from looking at a condition until the write is done: moto's threads could otherwise both find theirs fulfilled."""


@contextmanager
def mended_objects() -> Iterator[None]:
    with replaced(
        S3Response,
        put_object=_one_by_one(_put_object),
        copy_object=_one_by_one(_copy_on_condition),
        delete_object=_one_by_one(_delete_object),
        _key_response_post=_one_by_one(_complete_upload),
        upload_part_copy=_upload_part_copy_on_condition,
        head_object=_head_with_checksum,
        _authenticate_and_authorize_s3_action=_authorize_for_owner,
    ):
        yield


def _one_by_one(write: Callable[..., Any]) -> Callable[..., Any]:
    def alone(response: Any, *arguments: Any, **named: Any) -> Any:
        with _writing:
            return write(response, *arguments, **named)

    return alone


def _copy_on_condition(response: Any) -> Any:
    """moto looks at no condition of a copy but `x-amz-copy-source-if-none-match`."""
    _check_source(response)
    there = response.backend.get_object(response.bucket_name, response.parse_key_name())
    expected = response.headers.get("If-Match")
    if expected and there is None:
        raise MissingKey(key=response.parse_key_name())
    if expected and not _is_same(there.etag, expected):
        raise PreconditionFailed("If-Match")
    if response.headers.get("If-None-Match") == "*" and there is not None:
        raise PreconditionFailed("If-None-Match")
    answer = _copy_object(response)
    _recompute_checksum(response.backend.get_object(response.bucket_name, response.parse_key_name()))
    return answer


def _upload_part_copy_on_condition(response: Any) -> Any:
    _check_source(response)
    return _upload_part_copy(response)


def _check_source(response: Any) -> None:
    source = urlparse(response.headers["x-amz-copy-source"])
    bucket, key = unquote(source.path).lstrip("/").split("/", 1)
    _check_owner(bucket, response.headers.get("x-amz-source-expected-bucket-owner"))
    expected = response.headers.get("x-amz-copy-source-if-match")
    if expected and not source.query:
        found = response.backend.get_object(bucket, key)
        if found is not None and not _is_same(found.etag, expected):
            raise PreconditionFailed("x-amz-copy-source-If-Match")


def _is_same(etag: str, expected: str) -> bool:
    return expected == "*" or etag.strip('"') == expected.strip('"')


def _recompute_checksum(copied: Any) -> None:
    """A copy is one part, so its checksum is that of the whole content, also where the source's was one of its parts' sums."""
    if copied is not None and copied.checksum_algorithm:
        copied.checksum_value = compute_checksum(copied.value, copied.checksum_algorithm).decode()
        copied.checksum_type, copied.checksum_parts = "FULL_OBJECT", None


def _authorize_for_owner(response: Any, *arguments: Any, **named: Any) -> Any:
    """moto ignores `ExpectedBucketOwner`; S3 refuses when another account owns the bucket."""
    _check_owner(response.bucket_name, response.headers.get("x-amz-expected-bucket-owner"))
    return _authorize(response, *arguments, **named)


def _check_owner(bucket: str, expected: str | None) -> None:
    _, owner = s3_backends.bucket_accounts.get(bucket, (None, None))
    if expected and owner and owner != expected:
        raise S3AccessDeniedError()  # type: ignore[no-untyped-call, unused-ignore]


def _head_with_checksum(response: Any, bucket: str, query: dict[str, Any], key_name: str, headers: Any) -> Any:
    """S3 gives every object that came without a checksum a CRC64NVME of its own; moto has then none to tell.

    Computed when it is asked for. moto also tells a composite checksum without the number of its parts.
    """
    status, told, body = _head_object(response, bucket, query, key_name, headers)
    if status == 200 and headers.get("x-amz-checksum-mode") == "ENABLED" and "partNumber" not in query:
        version = query.get("versionId", [None])[0]
        key = response.backend.get_object(bucket, key_name, version_id=version)
        if not key.checksum_algorithm:
            key.checksum_algorithm, key.checksum_type = "CRC64NVME", "FULL_OBJECT"
            key.checksum_value = compute_checksum(key.value, "CRC64NVME").decode()
        parts = f"-{key.checksum_parts}" if key.checksum_type == "COMPOSITE" else ""
        told[f"x-amz-checksum-{key.checksum_algorithm.lower()}"] = f"{key.checksum_value}{parts}"
        told["x-amz-checksum-type"] = key.checksum_type or "FULL_OBJECT"
    return status, told, body
