"""Faults of AWS on demand: refusals, throttling, lost connections, lost answers, and bodies that end in the middle.

They happen in front of moto, on the way of a request, so a client meets them as it would on AWS.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, NoReturn

from werkzeug.test import run_wsgi_app

from lake_assets_tests.support.aws.operations import Call, call_of
from lake_assets_tests.support.aws.refusals import drain, refused

Moment = Literal["before", "after"]
_STATUS = {
    "SlowDown": 503,
    "ServiceUnavailable": 503,
    "InternalError": 500,
    "AccessDenied": 403,
    "PreconditionFailed": 412,
    "NoSuchKey": 404,
    "NoSuchBucket": 404,
}
"""HTTP status of S3's errors; those of the other services come with 400."""
_REASON = {403: "FORBIDDEN", 404: "NOT FOUND", 412: "PRECONDITION FAILED", 500: "INTERNAL SERVER ERROR"}


@dataclass
class Fault:
    """What goes wrong with the next `times` calls of an operation, after the first `skip` of them; None: with all.

    Exactly one of: `error`, a code of AWS; `reset`, the connection ends without an answer, before or after the operation was
    carried out (then the answer is lost, and the work is done); `cut`, the answer ends after this share of its body;
    `seconds`, the answer is late. `resource` is a pattern for `bucket/key`.
    """

    operation: str
    resource: str = "*"
    times: int | None = 1
    skip: int = 0
    error: str | None = None
    message: str = ""
    reset: Moment | None = None
    cut: float | None = None
    seconds: float | None = None
    met: int = 0
    """Calls that it spoiled so far."""

    def __post_init__(self) -> None:
        if sum(kind is not None for kind in (self.error, self.reset, self.cut, self.seconds)) != 1:
            raise ValueError("a fault is one of error, reset, cut and seconds")

    def fits(self, call: Call) -> bool:
        return fnmatchcase(call.operation, self.operation) and fnmatchcase(call.resource, self.resource)


@dataclass
class Faults:
    """The faults that wait for their calls, and every call that came, in order."""

    calls: list[Call] = field(default_factory=list)
    _waiting: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, operation: str, **what: Any) -> Fault:
        """A `Fault` from now on; the arguments are its fields."""
        fault = Fault(operation, **what)
        with self._lock:
            self._waiting.append(fault)
        return fault

    def clear(self) -> None:
        """No fault waits, and no call came."""
        with self._lock:
            self._waiting.clear()
            self.calls.clear()

    def count(self, operation: str, resource: str = "*") -> int:
        """Calls of an operation that came so far, those that failed among them."""
        wanted = Fault(operation, resource, error="any")
        with self._lock:
            return sum(wanted.fits(call) for call in self.calls)

    def _meet(self, call: Call) -> Fault | None:
        with self._lock:
            self.calls.append(call)
            for fault in self._waiting:
                if not fault.fits(call) or fault.times == 0:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                fault.met += 1
                return fault
        return None

    def before(self, application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """The WSGI application with these faults in front of it."""

        def spoiled(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            call = call_of(environ)
            fault = self._meet(call)
            if fault is None:
                return application(environ, start)
            if fault.seconds is not None:
                time.sleep(fault.seconds)
                return application(environ, start)
            if fault.error is not None:
                drain(environ)
                return _refusal(call, fault, environ, start)
            if fault.reset == "before":
                drain(environ)
                _hang_up(environ)
            # Carried out to the end, whatever the client gets to see of it.
            body, status, headers = run_wsgi_app(application, environ, buffered=True)
            if fault.reset == "after":
                _hang_up(environ)
            start(status, list(headers))
            content = b"".join(body)
            return _broken_off(content[: int(len(content) * (fault.cut or 0))], environ)

        return spoiled


def _broken_off(content: bytes, environ: dict[str, Any]) -> Iterable[bytes]:
    """Fewer bytes than the header announced, and then no connection."""
    yield content
    _hang_up(environ)


def _hang_up(environ: dict[str, Any]) -> NoReturn:
    """The exception alone would leave the connection open: the server takes it for one that the client ended."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError


def _refusal(call: Call, fault: Fault, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    code = fault.error or ""
    status = _STATUS.get(code, 400) if call.service == "s3" else 400
    message = fault.message or f"{code} (on demand of a test)"
    told = f"{status} {_REASON.get(status, 'ERROR')}"
    return refused(call, environ, start, status=told, code=code, message=message)
