"""What plain moto gets wrong about buckets: policies with conditions, lifecycle rules, and emptying a versioned bucket."""

from __future__ import annotations

import copy
import heapq
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, S3Backend
from moto.s3.responses import S3Response
from moto.s3.utils import _VersionedKeyStore

from lake_assets_tests.support.aws.patching import replaced

_set_lifecycle = FakeBucket.set_lifecycle
_get_lifecycle = S3Response.get_bucket_lifecycle
_list_versions = S3Backend.list_object_versions


@contextmanager
def mended_buckets() -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(replaced(FakeBucket, get_permission=_get_permission, set_lifecycle=_set_lifecycle_whole))
        stack.enter_context(replaced(FakeDeleteMarker, dispose=_dispose))
        stack.enter_context(replaced(FakeKey, __deepcopy__=_listed))
        stack.enter_context(replaced(S3Backend, list_object_versions=_list_page_of_versions))
        stack.enter_context(replaced(S3Response, get_bucket_lifecycle=_get_lifecycle_whole))
        yield


def _get_permission(bucket: Any, action: str, resource: str) -> PermissionResult:
    """moto decides without looking at Condition, so a policy that denies insecure transport would deny everything.

    Loopback counts as secure: statements with a condition are left out of the decision.
    """
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    document = json.loads(bucket.policy)
    unconditional = [statement for statement in document["Statement"] if not statement.get("Condition")]
    policy = IAMPolicy(json.dumps({**document, "Statement": unconditional}))
    return policy.is_action_permitted(action, resource)  # type: ignore[no-any-return, no-untyped-call, unused-ignore]


def _dispose(marker: Any) -> None:
    """A delete marker holds no content. moto asks it to drop its own when a bucket is emptied, and it cannot."""


class _Listed(FakeKey):
    """What a list of versions tells of an object, whose content it shares."""

    def __del__(self) -> None:
        """The content is the object's, and must outlive the list."""


def _listed(key: FakeKey, _: Any) -> FakeKey:
    """moto copies every object with its content for each page of versions, and keeps the copies: gigabytes in the end."""
    listed = object.__new__(_Listed)
    listed.__dict__.update(key.__dict__)
    return listed


def _list_page_of_versions(backend: S3Backend, bucket_name: str, **asked: Any) -> Any:
    """moto sorts all versions of a bucket for each page: emptying a bucket of many objects does not end.

    It is shown the names that the page can hold, and one more, by which it knows that the list goes on.
    """
    bucket, size = backend.get_bucket(bucket_name), asked.get("max_keys", 1000)
    if size is not None and not asked.get("delimiter"):
        prefix, first = asked.get("prefix", ""), asked.get("key_marker") or ""
        window = _VersionedKeyStore()
        for name in heapq.nsmallest(
            size + 2, (key for key in list(bucket.keys) if key.startswith(prefix) and key >= first)
        ):
            dict.__setitem__(window, name, bucket.keys.getlist(name))
        bucket = copy.copy(bucket)
        bucket.keys = window
    return _list_versions(_One(bucket), bucket_name, **asked)  # type: ignore[arg-type]


class _One:
    """As much of a backend as listing versions asks for: its bucket."""

    def __init__(self, bucket: FakeBucket) -> None:
        self._bucket = bucket

    def get_bucket(self, _: str) -> FakeBucket:
        return self._bucket


def _set_lifecycle_whole(bucket: Any, rules: list[dict[str, Any]]) -> None:
    """moto drops NewerNoncurrentVersions; Terraform then waits for it to appear until it gives up."""
    _set_lifecycle(bucket, rules)
    for given, rule in zip(rules, bucket.rules, strict=True):
        rule.newer_kept = (given.get("NoncurrentVersionExpiration") or {}).get("NewerNoncurrentVersions")


def _get_lifecycle_whole(response: Any) -> Any:
    serialize = response.serialized

    def with_newer_kept(answer: Any) -> Any:
        if isinstance(answer.result, dict):
            stored = response.backend.get_bucket_lifecycle(response.bucket_name)
            for told, rule in zip(answer.result["Rules"], stored, strict=True):
                if getattr(rule, "newer_kept", None):
                    told["NoncurrentVersionExpiration"]["NewerNoncurrentVersions"] = rule.newer_kept
        return serialize(answer)

    response.serialized = with_newer_kept
    return _get_lifecycle(response)
