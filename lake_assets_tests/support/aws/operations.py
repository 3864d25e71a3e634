"""Which operation of which service a request asks for, as boto3 calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote


@dataclass(frozen=True)
class Call:
    """One request. `resource` is `bucket/key` for S3, which has no operation in its requests; else it is empty."""

    service: str
    operation: str
    resource: str = ""


def call_of(environ: dict[str, Any]) -> Call:
    """The call of a WSGI request. S3's operations are told by method, path, query and header; only common ones are named."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    credential = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0].split("/")
    service = credential[3] if len(credential) > 3 else "s3"
    if target:
        return Call(service, str(target).rpartition(".")[2])
    if service != "s3":
        return Call(service, environ["PATH_INFO"])
    path = unquote(environ["PATH_INFO"]).lstrip("/")
    return Call("s3", _s3_operation(environ, "/" in path.rstrip("/")), path)


def _s3_operation(environ: dict[str, Any], on_object: bool) -> str:
    method = str(environ["REQUEST_METHOD"])
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    sub = next((name for name in query if name in _SUBRESOURCES), None)
    if sub is not None:
        return f"{method.title()}{_SUBRESOURCES[sub]}"
    if not on_object:
        return _LISTS.get(next((name for name in query if name in _LISTS), method), method)
    source = "Copy" if "HTTP_X_AMZ_COPY_SOURCE" in environ else ""
    if "uploadId" in query:
        return f"UploadPart{source}" if method == "PUT" else _OF_UPLOAD.get(method, method)
    if method == "POST":
        return "CreateMultipartUpload"
    return "CopyObject" if source else f"{method.title()}Object"


_LISTS = {
    "list-type": "ListObjectsV2",
    "uploads": "ListMultipartUploads",
    "GET": "ListObjects",
    "POST": "DeleteObjects",
    "HEAD": "HeadBucket",
    "PUT": "CreateBucket",
    "DELETE": "DeleteBucket",
}
"""Operations of buckets by what their query has in it, or else by method."""
_OF_UPLOAD = {"POST": "CompleteMultipartUpload", "GET": "ListParts", "DELETE": "AbortMultipartUpload"}
_SUBRESOURCES = {
    "tagging": "Tagging",
    "acl": "Acl",
    "policy": "BucketPolicy",
    "versioning": "BucketVersioning",
    "versions": "ObjectVersions",
    "lifecycle": "BucketLifecycleConfiguration",
    "encryption": "BucketEncryption",
    "location": "BucketLocation",
}
"""Parts of a query that make it one about something beside an object's content or a bucket's list."""
