"""Sail as a process of its own, which reads and writes S3 with the credentials of its environment: `serving(environment)`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_PROGRAM = """
import sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
print(server.listening_address[1], flush=True)
sys.stdin.read()
import os
os._exit(0)  # With a session open it would not stop.
"""


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[str]:
    """Its address; it ends with the block, and with this process."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"RUST_LOG": "error", **environment},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"sc://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait(10)
