"""Roles made by hand in the emulator's IAM, for tests of what a right allows."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import boto3

from lake_assets_tests.support.aws.emulator import Emulator

_NUMBERS = itertools.count()
Statement = tuple[Sequence[str], Sequence[str]] | tuple[Sequence[str], Sequence[str], Mapping[str, Any]]
"""Actions, the resources on which they are allowed, and on what condition."""


class SmallRole:
    """A role that may do what its statements say, and is taken by Glue and by the roles that it trusts."""

    def __init__(self, aws: Emulator, *statements: Statement, trusts: Sequence[str] = ()) -> None:
        self._aws = aws
        self.name = f"small-{next(_NUMBERS)}"
        iam = aws.client("iam")
        principals = {"Service": "glue.amazonaws.com", **({"AWS": list(trusts)} if trusts else {})}
        taken = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principals}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [taken]})
        self.arn = str(iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
        self.may(*statements)

    def may(self, *statements: Statement) -> None:
        """From now on these things, and nothing else."""
        allowed = [
            {"Effect": "Allow", "Action": list(actions), "Resource": list(names), "Condition": dict(*condition)}
            for actions, names, *condition in statements
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        self._aws.client("iam").put_role_policy(RoleName=self.name, PolicyName="small", PolicyDocument=policy)

    def remove(self) -> None:
        iam = self._aws.client("iam")
        iam.delete_role_policy(RoleName=self.name, PolicyName="small")
        iam.delete_role(RoleName=self.name)

    @property
    def keys(self) -> dict[str, str]:
        """Credentials, as variables of the environment."""
        taken = self._aws.client("sts").assume_role(RoleArn=self.arn, RoleSessionName="test")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": taken["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": taken["SecretAccessKey"],
            "AWS_SESSION_TOKEN": taken["SessionToken"],
        }

    def client(self, service: str) -> Any:
        keys = {name.lower(): value for name, value in self.keys.items()}
        return boto3.client(service, region_name=self._aws.region, endpoint_url=self._aws.url, **keys)
