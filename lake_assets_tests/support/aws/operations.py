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
        return Call(service, target.rpartition(".")[2])
    if service != "s3":
        return Call(service, environ["PATH_INFO"])
    path = unquote(environ["PATH_INFO"]).lstrip("/")
    return Call("s3", _s3_operation(environ, "/" in path.rstrip("/")), path)


def _s3_operation(environ: dict[str, Any], on_object: bool) -> str:
    method = environ["REQUEST_METHOD"]
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    copied = "HTTP_X_AMZ_COPY_SOURCE" in environ
    sub = next((name for name in query if name in _SUBRESOURCES), None)
    if sub is not None:
        return f"{method.title()}{_SUBRESOURCES[sub]}"
    if not on_object:
        return {
            "GET": "ListObjectsV2" if "list-type" in query else "ListObjects",
            "POST": "DeleteObjects",
            "HEAD": "HeadBucket",
            "PUT": "CreateBucket",
            "DELETE": "DeleteBucket",
        }.get(method, method)
    if "uploadId" in query:
        part = "UploadPartCopy" if copied else "UploadPart"
        return {"PUT": part, "POST": "CompleteMultipartUpload", "GET": "ListParts", "DELETE": "AbortMultipartUpload"}[
            method
        ]
    if method == "POST":
        return "CreateMultipartUpload"
    if method == "PUT":
        return "CopyObject" if copied else "PutObject"
    return f"{method.title()}Object"


_OF_BUCKET = {"POST": "DeleteObjects", "HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
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
