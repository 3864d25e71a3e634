"""What plain moto gets wrong about buckets: policies with conditions, lifecycle rules, and emptying a versioned bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey
from moto.s3.responses import S3Response

from lake_assets_tests.support.aws.patching import replaced

_set_lifecycle = FakeBucket.set_lifecycle
_get_lifecycle = S3Response.get_bucket_lifecycle


@contextmanager
def mended_buckets() -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(replaced(FakeBucket, get_permission=_get_permission, set_lifecycle=_set_lifecycle_whole))
        stack.enter_context(replaced(FakeDeleteMarker, dispose=_dispose))
        stack.enter_context(replaced(FakeKey, __deepcopy__=_listed))
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
