"""Whether the process that executes a run is alive: it holds a lock on a file named after the run, below DAGSTER_HOME.

The kernel takes the lock back when the process ends, however it ends. A process number would not tell as much: it goes to
another process sooner or later, at the latest after a restart of the machine, and the time at which a process started, which
could tell the two apart, moves with the clock.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

FOLDER = "running"
Sign = Literal["alive", "dead", "unknown"]

_held: dict[Path, IO[str]] = {}


@contextmanager
def held(home: Path, run_id: str) -> Iterator[None]:
    """Let others see for the time of the block that this process executes the run."""
    hold(home, run_id)
    try:
        yield
    finally:
        release(home, run_id)


def hold(home: Path, run_id: str) -> None:
    """Let others see that this process executes the run, until it ends or calls `release`.

    Where nothing can be written or locked, the run is executed all the same, and nobody can tell whether it lives.
    """
    path = home / FOLDER / run_id
    if path in _held:
        return
    scratch = path.with_name(f".{run_id}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = scratch.open("w", encoding="utf-8")
    except OSError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(f"{platform.node()}\nprocess {os.getpid()}\n")
        file.flush()
        # Only now has it the name that others look for: a file that is not locked is one of a dead process.
        scratch.replace(path)
    except OSError:
        file.close()
        scratch.unlink(missing_ok=True)
        return
    _held[path] = file


def release(home: Path, run_id: str) -> None:
    """The run is finished and on record as such; nobody needs to ask any more."""
    path = home / FOLDER / run_id
    if file := _held.pop(path, None):
        path.unlink(missing_ok=True)
        file.close()


def sign_of_life(home: Path, run_id: str) -> Sign:
    """What is known about the process that executes a run.

    `unknown` when it works on another machine or never said that it executes the run: of such a one nothing can be told from
    here. A folder that machines share does not change that, because not every file system shares its locks.
    """
    try:
        with (home / FOLDER / run_id).open(encoding="utf-8") as file:
            if file.readline().strip() != platform.node():
                return "unknown"
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "alive"
    except OSError:
        return "unknown"
    return "dead"


@atexit.register
def _release_all() -> None:
    for path in list(_held):
        release(path.parent.parent, path.name)
