"""How AWS says no: errors in the form of each service, and a connection that can be used on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from lake_assets_tests.support.aws.operations import Call


def drain(environ: dict[str, Any]) -> None:
    """Takes what the client still sends, else it would be read as the next request of this connection."""
    length = environ.get("CONTENT_LENGTH")
    environ["wsgi.input"].read(int(length) if length else -1 if environ.get("wsgi.input_terminated") else 0)


def refused(
    call: Call, environ: dict[str, Any], start: Callable[..., Any], *, status: str, code: str, message: str
) -> Iterable[bytes]:
    """The answer with an error. `status` is HTTP's, e.g. `403 FORBIDDEN`."""
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    if call.service == "s3":
        text, kind = error, "application/xml"
    elif call.service == "sts":
        text, kind = f"<ErrorResponse>{error}</ErrorResponse>", "text/xml"
    else:
        text, kind = json.dumps({"__type": code, "message": message}), "application/x-amz-json-1.1"
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else text.encode()
    start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]
