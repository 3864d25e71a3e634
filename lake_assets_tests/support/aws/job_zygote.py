"""Starts the processes of Glue jobs: a program that has loaded what jobs need, and forks a child for each.

    python -P job_zygote.py           requests on standard input, what became of them on standard output, a JSON text a line
    python -P job_zygote.py REQUEST   one job in this process, without a fork

A request is `{"id", "script", "arguments", "environment", "folder", "path", "output", "error"}`: the file to run as
`__main__`, its arguments, its whole environment, where it works, what comes first on `sys.path`, and the files for what it
prints. Answers are `{"id", "pid"}` and, at the end, `{"id", "code"}`; a negative code is the signal that ended the child.

The program must have no thread of its own when it forks, and no channel of gRPC, which does not survive a fork. It imports
nothing of the checkout, and hides the checkout from the jobs: these get the package from their `--extra-py-files`, as on Glue.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import select
import signal
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

_LOADED = (
    "boto3",
    "dagster_pipes",
    "pandas",
    "pyarrow.parquet",
    "pyspark.sql.functions",
    "pyspark.sql.connect.session",
)


def main() -> None:
    if len(sys.argv) > 1:
        os._exit(_carry_out(json.loads(sys.argv[1])))
    for name in _LOADED:
        __import__(name)
    _serve()


def _serve() -> None:
    """Until standard input ends, which it does also when the emulator dies."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, str] = {}
    text = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _report_ended(children)
        if 0 in ready:
            received = os.read(0, 1 << 16)
            if not received:
                break
            *lines, text = (text + received).split(b"\n")
            for line in lines:
                request = json.loads(line)
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    os._exit(_carry_out(request))
                children[pid] = request["id"]
                _tell({"id": request["id"], "pid": pid})
    for pid in children:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _report_ended(children: dict[int, str]) -> None:
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell({"id": children.pop(pid), "code": os.waitstatus_to_exitcode(status)})


def _tell(what: dict[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _carry_out(request: dict[str, Any]) -> int:
    """Run the script to its end; the exit code."""
    # A group of its own, so that what the job starts can be ended with it.
    with suppress(PermissionError):
        os.setpgid(0, 0)
    for descriptor, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, request["error"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        os.dup2(os.open(path, flags), descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = [request["script"], *request["arguments"]]
    sys.path[:] = [*request["path"], *(entry for entry in sys.path if not _is_checkout(entry))]
    sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]
    code = 0
    try:
        runpy.run_path(request["script"], run_name="__main__")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
    except BaseException:  # What the interpreter does with an error that nobody caught.
        traceback.print_exc()
        code = 1
    # What `sys.exit` would do, which in a fork would also end what belongs to the program that was forked.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _is_checkout(entry: str) -> bool:
    return (Path(entry or ".") / "lake_assets_tests").is_dir()


if __name__ == "__main__":
    main()
