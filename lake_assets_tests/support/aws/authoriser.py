"""IAM in front of moto: whoever comes with the credentials of a role may do what the role's policies allow, and nothing else.

The keys with which tests prepare and look at things may do everything. moto's own IAM knows resources of few services, no
conditions and no session policies.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree as ET

from moto.athena.models import athena_backends
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.sts.models import sts_backends

from lake_assets_tests.support.aws.operations import Call, call_of
from lake_assets_tests.support.aws.refusals import drain, refused

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Account:
    """Where requests arrive. `workgroup_of` tells the workgroup of a query of Athena by the query's id."""

    number: str
    region: str
    workgroup_of: Callable[[str], str | None]


@dataclass(frozen=True)
class Access:
    """One thing that a request does: an action on a resource (an ARN, or `*` where an action has none)."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Caller:
    """Who asks: the session of a role, or somebody without one, who may do everything."""

    account: str
    session: Any = None

    def denial(self, access: Access) -> str | None:
        """What AWS says to who may not do this; None for who may."""
        if self.session is None:
            return None
        is_granted = is_allowed(access, policies_of(self.session, self.account))
        if is_granted and _is_trusted(access, self.session, self.account):
            return None
        return f"User: {self.session.arn} is not authorized to perform: {access.action} on resource: {access.resource}"


def authorised(application: Application, account: Account) -> Application:
    """The application, behind IAM."""

    def guarded(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        caller = caller_of(environ.get("HTTP_AUTHORIZATION", ""), account.number)
        if caller.session is not None:
            call, body = call_of(environ), _body(environ)
            for access in accesses(call, environ, body, account):
                if told := caller.denial(access):
                    drain(environ)
                    code = "AccessDenied" if call.service in ("s3", "sts") else "AccessDeniedException"
                    status = "400 BAD REQUEST" if call.service not in ("s3", "sts") else "403 FORBIDDEN"
                    return refused(call, environ, start, status=status, code=code, message=told)
        return application(environ, start)

    return guarded


def policies_of(session: Any, account: str) -> list[list[dict[str, Any]]]:
    """Sets of policies, each of which must allow: those of the role, and that of the session if it has one."""
    iam = iam_backends[account]["aws"]
    role = session.role_arn.rpartition("/")[2]
    own = [iam.get_role_policy(role, name)[1] for name in iam.list_role_policies(role)]
    attached = [
        iam.get_policy_version(policy.arn, policy.default_version_id).document
        for policy in iam.list_attached_role_policies(role)[0]
    ]
    sets = [[_document(each) for each in (*own, *attached)]]
    return [*sets, [_document(session.policy)]] if session.policy else sets


def is_allowed(access: Access, sets: Iterable[list[dict[str, Any]]]) -> bool:
    """What each set allows and none denies."""
    for policies in sets:
        fitting = [
            statement["Effect"]
            for policy in policies
            for statement in _listed(policy["Statement"])
            if _fits(statement, access)
        ]
        if "Allow" not in fitting or "Deny" in fitting:
            return False
    return True


def _fits(statement: Mapping[str, Any], access: Access) -> bool:
    is_action = any(fnmatchcase(access.action.lower(), each.lower()) for each in _listed(statement["Action"]))
    is_resource = any(_matches(access.resource, each) for each in _listed(statement["Resource"]))
    return is_action and is_resource and _holds(statement.get("Condition", {}), access.context)


def _holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    for operator, wanted in conditions.items():
        if operator not in ("StringEquals", "StringLike"):
            raise NotImplementedError(f"The emulator's IAM does not know the condition {operator}.")
        for key, values in wanted.items():
            found = context.get(key)
            like = _matches if operator == "StringLike" else str.__eq__
            if found is None or not any(like(found, value) for value in _listed(values)):
                return False
    return True


def _matches(text: str, pattern: str) -> bool:
    """As IAM does: a star stands for anything, slashes too, and brackets for themselves."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, re.DOTALL) is not None


def accesses(call: Call, environ: Mapping[str, Any], body: bytes, account: Account) -> list[Access]:
    """All that a request does, each part of which must be allowed."""
    if call.service == "s3":
        return [*_of_s3(call, environ, body), *_of_missing_object(call, environ, account)]
    given = json.loads(body) if environ.get("HTTP_X_AMZ_TARGET") else {}
    arn = f"arn:aws:{call.service}:{account.region}:{account.number}:"
    if call.service == "glue":
        return [Access(f"glue:{call.operation}", arn + name) for name in _names_of_glue(call.operation, given)]
    if call.service == "athena":
        known = account.workgroup_of(given.get("QueryExecutionId", ""))
        group = given.get("WorkGroup") or known or _workgroup_of_named(given.get("NamedQueryId", ""), account)
        return [Access(f"athena:{call.operation}", f"{arn}workgroup/{group}")]
    if call.service == "logs":
        return [Access(f"logs:{call.operation}", f"{arn}log-group:{given.get('logGroupName', '')}:")]
    if call.service == "sts":
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        return (
            [
                Access(f"sts:{asked['Action']}", asked["RoleArn"]),
            ]
            if asked["Action"] == "AssumeRole"
            else []
        )
    raise NotImplementedError(f"The emulator's IAM does not know {call.service}:{call.operation}.")


_READ_AS = {
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "ListObjects": "ListBucket",
    "HeadBucket": "ListBucket",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "GetTagging": "GetObjectTagging",
    "PutTagging": "PutObjectTagging",
}
"""Operations of S3 that are allowed by an action of another name."""


def _of_s3(call: Call, environ: Mapping[str, Any], body: bytes) -> Iterable[Access]:
    place = f"arn:aws:s3:::{call.resource.rstrip('/') if call.resource.count('/') <= 1 else call.resource}"
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if call.operation == "DeleteObjects":
        keys = [each.text or "" for each in ET.fromstring(body).iter() if each.tag.endswith("Key")]  # noqa: S314
        return [Access("s3:DeleteObject", f"{place}/{key}") for key in keys]
    action = _READ_AS.get(call.operation, call.operation)
    if call.operation in ("CopyObject", "UploadPartCopy"):
        source = unquote(environ["HTTP_X_AMZ_COPY_SOURCE"]).lstrip("/").partition("?versionId=")[0]
        return [Access("s3:GetObject", f"arn:aws:s3:::{source}"), Access("s3:PutObject", place)]
    if action == "ListBucket":
        return [Access("s3:ListBucket", place, {"s3:prefix": query.get("prefix", [""])[0]})]
    written = [Access(f"s3:{action}", place)]
    if action == "PutObject" and "HTTP_X_AMZ_TAGGING" in environ:
        written.append(Access("s3:PutObjectTagging", place))
    return written


def _of_missing_object(call: Call, environ: Mapping[str, Any], account: Account) -> Iterable[Access]:
    """That an object is not there S3 tells only to who may list its bucket; the request names no prefix."""
    if call.operation in ("GetObject", "HeadObject"):
        place = call.resource
    elif call.operation in ("CopyObject", "UploadPartCopy"):
        place = unquote(environ["HTTP_X_AMZ_COPY_SOURCE"]).lstrip("/").partition("?versionId=")[0]
    else:
        return
    bucket, _, key = place.partition("/")
    s3 = s3_backends[account.number]["aws"]
    if bucket in s3.buckets and s3.get_object(bucket, key) is None:
        yield Access("s3:ListBucket", f"arn:aws:s3:::{bucket}")


def _names_of_glue(operation: str, given: Mapping[str, Any]) -> list[str]:
    """Resources as Glue asks for them: a table needs its database and the catalog allowed as well."""
    if "Crawl" in operation:
        return [f"crawler/{given.get('Name') or given.get('CrawlerName')}"]
    if "Job" in operation:
        return [f"job/{given['JobName']}"]
    if "Database" in operation:
        name = given.get("Name") or given.get("DatabaseInput", {}).get("Name", "*")
        return ["catalog", f"database/{name}"]
    database = given.get("DatabaseName")
    single = given.get("TableName") or given.get("Name") or given.get("TableInput", {}).get("Name")
    tables = given.get("TablesToDelete") or [single or "*"]
    return ["catalog", f"database/{database}", *(f"table/{database}/{table}" for table in tables)]


def _workgroup_of_named(query_id: str, account: Account) -> str:
    """That of a named query; `primary` is Athena's own, which stands for what no other one is named for."""
    query = athena_backends[account.number][account.region].named_queries.get(query_id)
    return str(query.workgroup.name) if query else "primary"


def _is_trusted(access: Access, session: Any, account: str) -> bool:
    """Whether the role that a session wants to assume trusts the session's own; true of all else."""
    if access.action != "sts:AssumeRole":
        return True
    role = iam_backends[account]["aws"].get_role_by_arn(access.resource)
    callers = {session.role_arn, f"arn:aws:iam::{account}:root"}
    return any(
        statement["Effect"] == "Allow" and callers & set(_listed(statement["Principal"].get("AWS", [])))
        for statement in _listed(_document(role.assume_role_policy_document)["Statement"])
    )


def caller_of(authorization: str, account: str) -> Caller:
    """Who signed a request. Keys, and roles that IAM does not know, are nobody's session: they may do all."""
    key = authorization.partition("Credential=")[2].partition("/")[0]
    known = {role.arn for role in iam_backends[account]["aws"].roles.values()}
    sessions = sts_backends[account]["aws"].assumed_roles
    return Caller(
        account, next((each for each in sessions if each.access_key_id == key and each.role_arn in known), None)
    )


def _body(environ: dict[str, Any]) -> bytes:
    """The request's body, put back for the application; that of an object's content is left where it is."""
    is_content = environ["REQUEST_METHOD"] == "PUT" and "HTTP_X_AMZ_TARGET" not in environ
    if is_content:
        return b""
    content: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    return content


def _document(policy: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(policy) if isinstance(policy, str) else policy
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
