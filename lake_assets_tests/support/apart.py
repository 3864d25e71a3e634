"""Processes of their own: for classic Spark, which does not mix with Sail in one process, and for the command line."""

from __future__ import annotations

import os
import subprocess
import sys

# A JVM that lives for a minute or two is faster when it does not optimise, and hundreds of queries over few rows each are when
# not every one of them is compiled as a whole. What it compiles must have room all the same.
QUICK_JAVA = {
    "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=256m "
    "-Dspark.sql.codegen.wholeStage=false"
}
_SECONDS = 900


def run_apart(module: str, *arguments: str) -> None:
    """Run a module in a process of its own. Fails with the end of what it wrote as errors."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, env=os.environ | QUICK_JAVA, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
