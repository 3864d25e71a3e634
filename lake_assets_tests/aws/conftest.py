"""Fixtures of the tier `aws`; the emulator, through which every client of AWS goes, is one for the whole test run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lake_assets_tests.support.aws.emulator import Emulator


@pytest.fixture
def aws(emulator: Emulator) -> Iterator[Emulator]:
    """The emulator, with no faults waiting and no job running, before and after the test. Buckets and definitions stay."""
    emulator.calm()
    yield emulator
    emulator.calm()
