"""Kills: a process is killed (SIGKILL) just before and just after every change it makes, and the next run heals the lake."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lake_assets.catalog import catalog_of
from lake_assets.lake.lake import Lake
from lake_assets_tests.chaos.conftest import Here, OnS3, Place
from lake_assets_tests.support.chaos import FULL, TABLES, State, check_healed, killed_at, refresh, state
from lake_assets_tests.support.lake_support import FEBRUARY, JANUARY, write_source

EVERY = 1 if FULL else 10
"""Of the steps, those at which a process is killed."""
FIRST = {
    "inventory/a.dat": (f"{JANUARY}|1|1|10|", "|2|1|20|", "too|few"),
    "inventory/b.dat": (f"{FEBRUARY}|1|1|20|",),
    "income_band/a.dat": ("1|0|10000|", "|10001|20000|", "too|few"),
}
"""Rows of two months, and of a dimension; one of each without its key, and a line that is none."""
RESTATED = {
    "inventory/a.dat": (f"{JANUARY}|1|1|11|", f"{JANUARY}|2|1|20|"),
    "income_band/a.dat": ("1|0|10001|",),
    "income_band/b.dat": ("2|10002|20000|",),
}
"""The same, with what was wrong put right: every quarantine goes."""
SCENARIOS = {"first publication": (FIRST,), "restatement": (FIRST, RESTATED)}
SHOWN = ("write", "stage", "replace quality", "replace quarantine", "replace", "delete", "tidy up", "register")


@dataclass
class Figures:
    """What became of the kills of one scenario in one place."""

    steps: int
    kills: Counter[str] = field(default_factory=Counter)
    healed: Counter[str] = field(default_factory=Counter)


def attack(place: Place, scenario: str, folder: Path) -> Figures:
    """Kill the program at every step of the last deliveries of a scenario, each time in a copy of the lake before it."""
    before, healthy, steps = _prepared(place, scenario, folder)
    figures = Figures(steps)
    points = [(after, step) for after in (False, True) for step in range(1, steps + 1)]
    for after, step in points[EVERY // 2 :: EVERY]:
        name = f"{'after' if after else 'before'}-{step}"
        lake = _copy(place, before, folder / name)
        killed = killed_at(lake.settings, step, after, folder / f"{name}.steps")
        assert killed, f"{name}: the process ended by itself"
        what = next(kind for kind in SHOWN if killed.startswith(kind))
        figures.kills[what] += 1
        refresh(lake)
        check_healed(lake, healthy)
        figures.healed[what] += 1
    return figures


def _prepared(place: Place, scenario: str, folder: Path) -> tuple[Lake, State, int]:
    """The lake in which the program is killed, the state of one in which it never is, and how many steps that took."""
    *earlier, last = SCENARIOS[scenario]
    before = place.new_lake(folder / "source", folder / "before")
    for delivery in earlier:
        _deliver(before, delivery)
        refresh(before)
    _deliver(before, last)
    # There from the start, so that it can be copied.
    before.store.put("_staging/other/part.parquet", b"of a run that goes on elsewhere")
    never_killed = _copy(place, before, folder / "never killed")
    told = folder / "never killed.steps"
    assert killed_at(never_killed.settings, 0, False, told) is None
    healthy = state(never_killed)
    check_healed(never_killed, healthy)
    return before, healthy, len(told.read_text().splitlines())


def _deliver(lake: Lake, files: dict[str, tuple[str, ...]]) -> None:
    for path, lines in files.items():
        write_source(lake, path, *lines)


def _copy(place: Place, before: Lake, folder: Path) -> Lake:
    lake = place.copy(before, folder)
    for table in TABLES:
        catalog_of(lake).register(table)
    return lake


def report(scenario: str, where: str, figures: Figures, seconds: float) -> None:
    """Add the figures to the table in the file that CHAOS_REPORT names."""
    if not (FULL and (target := os.environ.get("CHAOS_REPORT"))):
        return
    path = Path(target)
    head = (
        ""
        if path.exists()
        else "| scenario | place | steps | change | kills | healed |\n|---|---|---:|---|---:|---:|\n"
    )
    lines = [
        f"| {scenario} | {where} | | {kind} | {kills} | {figures.healed[kind]} |\n"
        for kind, kills in sorted(figures.kills.items())
    ]
    total = f"| {scenario} | {where} | {figures.steps} | all, {seconds:.0f} s | {figures.kills.total()} "
    with path.open("a") as file:
        file.write(head + "".join(lines) + f"{total}| {figures.healed.total()} |\n")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_process_killed_at_any_change_of_a_local_lake_leaves_one_that_the_next_run_heals(
    scenario: str, here: Here, tmp_path: Path
) -> None:
    started = time.monotonic()
    figures = attack(here, scenario, tmp_path)
    report(scenario, "local", figures, time.monotonic() - started)
    assert figures.kills == figures.healed
    assert figures.kills.total() >= 2 * figures.steps // EVERY
    assert figures.steps >= 35


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_process_killed_at_any_change_of_a_lake_on_s3_leaves_one_that_the_next_run_heals(
    scenario: str, on_s3: OnS3, tmp_path: Path
) -> None:
    started = time.monotonic()
    figures = attack(on_s3, scenario, tmp_path)
    report(scenario, "S3", figures, time.monotonic() - started)
    assert figures.kills == figures.healed
    assert figures.kills.total() >= 2 * figures.steps // EVERY
    assert figures.steps >= 35
