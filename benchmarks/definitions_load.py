"""How long loading the definitions takes, in fresh processes, beside `import dagster` alone.

Run with `python benchmarks/definitions_load.py`.

Prints for each the median of five wall-clock times and of five processor times (user and system), in seconds, start of the
interpreter included. The processes of both alternate, so that a busy moment of the machine touches both.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

REPEATS = 5
PROGRAMS = {
    "import dagster": "import dagster",
    "definitions": "from lake_assets.definitions import defs; defs.get_repository_def().load_all_definitions()",
}


def measure(program: str) -> tuple[float, float]:
    """Wall-clock and processor seconds of one fresh interpreter that runs `program`."""
    before, started = os.times(), time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    wall, after = time.monotonic() - started, os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, processor


def main() -> None:
    for program in PROGRAMS.values():
        measure(program)  # fills the caches of byte code and of the disk
    rounds = [[measure(program) for program in PROGRAMS.values()] for _ in range(REPEATS)]
    sys.stdout.write(f"{'':16}{'wall s':>8}{'processor s':>13}\n")
    for name, times in zip(PROGRAMS, zip(*rounds, strict=True), strict=True):
        wall, processor = (statistics.median(column) for column in zip(*times, strict=True))
        sys.stdout.write(f"{name:16}{wall:8.2f}{processor:13.2f}\n")


if __name__ == "__main__":
    main()
