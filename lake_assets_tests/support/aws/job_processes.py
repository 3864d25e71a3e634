"""The processes of Glue jobs, as the emulator sees them: started warm, by a fork of a loaded program, or each from nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("job_zygote.py")
_START_SECONDS = 60


@dataclass(frozen=True)
class Request:
    """A job's process, as `job_zygote` takes it."""

    id: str
    script: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    path: list[str]
    output: str
    error: str


@dataclass
class JobProcess:
    """A process and, once it ended, its exit code; a negative one is the signal that ended it."""

    pid: int = 0
    code: int | None = None
    _started: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float) -> bool:
        """Whether it ended within this time."""
        return self._ended.wait(seconds)

    def kill(self) -> None:
        """At once, with all that it started."""
        if not self._ended.is_set():
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


class JobProcesses:
    """Starts them; warm, from one helper process that begins with the first job and ends with `close`."""

    def __init__(self, warm: bool = True) -> None:
        self._warm = warm
        self._helper: subprocess.Popen[bytes] | None = None
        self._known: dict[str, JobProcess] = {}
        self._lock = threading.Lock()

    def start(self, request: Request) -> JobProcess:
        process = JobProcess()
        self._known[request.id] = process
        if self._warm:
            self._ask_helper(request)
            if not process._started.wait(_START_SECONDS):
                raise RuntimeError("the helper that starts jobs does not answer")
        else:
            self._start_cold(request, process)
        return process

    def close(self) -> None:
        """End every job, and the helper."""
        for process in list(self._known.values()):
            process.kill()
        if self._helper is not None and self._helper.stdin is not None:
            self._helper.stdin.close()
            self._helper.wait(_START_SECONDS)
            self._helper = None

    def _ask_helper(self, request: Request) -> None:
        with self._lock:
            if self._helper is None or self._helper.poll() is not None:
                # Threads of numerical libraries would not survive a fork.
                environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
                self._helper = subprocess.Popen(
                    [sys.executable, "-P", str(_PROGRAM)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=environment,
                    start_new_session=True,
                )
                threading.Thread(target=self._listen, args=(self._helper,), daemon=True).start()
            assert self._helper.stdin is not None
            self._helper.stdin.write(json.dumps(asdict(request)).encode() + b"\n")
            self._helper.stdin.flush()

    def _listen(self, helper: subprocess.Popen[bytes]) -> None:
        assert helper.stdout is not None
        for line in helper.stdout:
            told: dict[str, Any] = json.loads(line)
            process = self._known[told["id"]]
            if "pid" in told:
                process.pid = told["pid"]
                process._started.set()
            else:
                process.code = told["code"]
                process._ended.set()

    def _start_cold(self, request: Request, process: JobProcess) -> None:
        started = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM), json.dumps(asdict(request))], stdin=subprocess.DEVNULL
        )
        process.pid = started.pid
        process._started.set()

        def watch() -> None:
            process.code = started.wait()
            process._ended.set()

        threading.Thread(target=watch, daemon=True).start()
