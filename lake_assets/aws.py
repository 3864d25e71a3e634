"""Clients of AWS: one place for credentials, retries and time limits, and for the words that tell what AWS refused.

Credentials come from the default chain (environment, profile, instance or task role), or from a role that they may assume;
the address of another endpoint from `AWS_ENDPOINT_URL`, which boto3 reads by itself. No key is ever a setting.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import boto3
import botocore
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, NoCredentialsError

from lake_assets.errors import AwsError, AwsUnavailableError
from lake_assets.s3_requests import S3_REQUESTS

_ATTEMPTS = 9
_CONNECT_SECONDS = 5
_READ_SECONDS = 60
_CONNECTIONS = 32

_PASSING = frozenset(
    {
        "SlowDown",
        "ServiceUnavailable",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceException",
        "RequestTimeout",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "ConcurrentRunsExceededException",
        "ResourceNumberLimitExceededException",
        "OperationTimeoutException",
        "500",
        "502",
        "503",
        "504",
    }
)
"""Error codes of what may succeed a little later."""
MISSING = frozenset({"NoSuchKey", "NotFound", "404"})
"""Error codes of S3 for an object that is not there."""
_REFUSED = frozenset({"AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedOperation"})
_KEYS_ARE_WRONG = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId"}
    | {"UnrecognizedClientException"}
)


@dataclass(frozen=True)
class Aws:
    """Clients in one region, with the process's credentials or those of a role; `anonymous` ones sign nothing."""

    region: str | None = None
    role: str | None = None
    anonymous: bool = False
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _sessions: list[Any] = field(default_factory=list, repr=False, compare=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def client(self, service: str, attempts: int | None = None) -> Any:
        """A client of a service; one for each service, because making one takes a tenth of a second.

        With one attempt, for calls that must not be repeated without looking what became of them.
        """
        name = f"{service} {attempts or _ATTEMPTS}"
        with self._lock:
            if name not in self._clients:
                self._clients[name] = self._new_client(service, attempts or _ATTEMPTS)
            return self._clients[name]

    def credentials(self) -> Any:
        """Frozen credentials (`access_key`, `secret_key`, `token`) for libraries that take no session; None without any."""
        if self.anonymous:
            return None
        found = self._session().get_credentials()
        return found.get_frozen_credentials() if found else None

    def _new_client(self, service: str, attempts: int) -> Any:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            max_pool_connections=_CONNECTIONS,
            **({"signature_version": botocore.UNSIGNED} if self.anonymous else {}),
        )
        with told_plainly(f"connect to {service}"):
            client = self._session().client(service, config=config)
        if service == "s3" and not self.anonymous:
            S3_REQUESTS.watch(client)
        return client

    def _session(self) -> Any:
        """Made once: it takes a tenth of a second, and renews its credentials by itself."""
        with self._lock:
            if not self._sessions:
                self._sessions.append(self._new_session())
            return self._sessions[0]

    def _new_session(self) -> Any:
        base = botocore.session.get_session()
        if self.region:
            base.set_config_variable("region", self.region)
        if self.role:
            fetcher = AssumeRoleCredentialFetcher(
                client_creator=base.create_client,
                source_credentials=base.get_credentials(),
                role_arn=self.role,
                extra_args={"RoleSessionName": "lake-assets"},
            )
            # Asked for when they are first needed, and again before they expire.
            base._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
        return boto3.Session(botocore_session=base)


def shared_aws(region: str | None = None, role: str | None = None, *, anonymous: bool = False) -> Aws:
    """Clients that all of this process share, for as long as its environment says the same of AWS."""
    return _shared(
        region, role, anonymous, frozenset(item for item in os.environ.items() if item[0].startswith("AWS_"))
    )


@lru_cache(maxsize=32)
def _shared(region: str | None, role: str | None, anonymous: bool, _environment: frozenset[tuple[str, str]]) -> Aws:
    return Aws(region, role, anonymous)


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def told_plainly(doing: str) -> Iterator[None]:
    """Raises what AWS refused as an `AwsError`; `doing` completes the sentence "Cannot ...".

    What may pass by itself, after the client has tried several times, is an `AwsUnavailableError`.
    """
    try:
        yield
    except ClientError as error:
        raise _refusal(doing, error) from error
    except NoCredentialsError as error:
        raise AwsError(
            f"Cannot {doing}: there are no AWS credentials. Set AWS_PROFILE, sign in (`aws sso login`), or run under a role."
        ) from error
    except (ConnectionError, HTTPClientError) as error:
        raise AwsUnavailableError(f"Cannot {doing}: {error}") from error
    except BotoCoreError as error:
        raise AwsError(f"Cannot {doing}: {error}") from error


def _refusal(doing: str, error: ClientError) -> AwsError:
    code, message = error_code(error), str(error.response.get("Error", {}).get("Message", "")).strip()
    told = f"Cannot {doing}: {message or 'refused'} ({code})."
    if code in _PASSING:
        return AwsUnavailableError(told)
    if code in _REFUSED:
        return AwsError(f"{told} The role that the lake runs under lacks this permission.")
    if code in _KEYS_ARE_WRONG:
        return AwsError(f"{told} Renew the AWS credentials.")
    if code == "NoSuchBucket":
        return AwsError(f"{told} Create the bucket, or correct the address.")
    return AwsError(told)
