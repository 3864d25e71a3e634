"""The credentials under which a Glue job or crawler runs: those of its role, where the role is known to the emulator's IAM."""

from __future__ import annotations

from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

FAKE_KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
"""What moto lets do everything, as long as its IAM is not enforced."""


def credentials_of(backend: Any, role: str, session_policy: str | None) -> dict[str, str]:
    """Variables of the environment. Every one for a role that there is not: without enforcement, roles need not exist."""
    known = iam_backends[backend.account_id]["aws"].roles.values()
    found = next((each for each in known if role in (each.arn, each.name)), None)
    if found is None:
        return dict(FAKE_KEYS)
    assumed = sts_backends[backend.account_id]["aws"].assume_role(
        region_name=backend.region_name,
        role_session_name="GlueJobRunnerSession",
        role_arn=found.arn,
        policy=session_policy or "",
        duration=3600,
        external_id="",
    )
    return {
        "AWS_ACCESS_KEY_ID": assumed.access_key_id,
        "AWS_SECRET_ACCESS_KEY": assumed.secret_access_key,
        "AWS_SESSION_TOKEN": assumed.session_token,
    }
