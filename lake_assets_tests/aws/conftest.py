"""Fixtures of the tier `aws`: one emulator for the test run, through which every client of AWS goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.retries.standard import ExponentialBackoff

from lake_assets_tests.conftest import Shared
from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.aws.glue_lake import build_wheel


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """AWS on loopback; the developer's own account is out of reach."""
    with Emulator() as emulator, pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                patch.delenv(name)
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        # As often as on AWS, but without the waiting.
        patch.setattr(ExponentialBackoff, "delay_amount", lambda _, __: 0.01)
        yield emulator


@pytest.fixture
def aws(emulator: Emulator) -> Iterator[Emulator]:
    """The emulator, with no faults waiting and no job running, before and after the test. Buckets and definitions stay."""
    emulator.calm()
    yield emulator
    emulator.calm()


@pytest.fixture(scope="session")
def sail(emulator: Emulator) -> str:
    """Address of a Sail server that reads and writes `s3://` in the emulator; it lives as long as the tests."""
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    # Stopped with a session open, it would hold up the end of the process: it ends with it.
    _servers.append(server)
    _, port = server.listening_address
    return f"sc://127.0.0.1:{port}"


_servers: list[object] = []


@pytest.fixture(scope="session")
def wheel(shared: Shared) -> Path:
    """The package as Glue jobs load it."""
    return next(shared.made_once("wheel", build_wheel).glob("*.whl"))
