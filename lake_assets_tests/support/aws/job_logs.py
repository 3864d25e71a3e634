"""The driver's log of a Glue run in CloudWatch Logs, where Glue puts it: a group each for what it printed and for errors."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from moto.logs.models import logs_backends

OUTPUT_GROUP = "/aws-glue/jobs/output"
ERROR_GROUP = "/aws-glue/jobs/error"


def write_log(glue: Any, run_id: str, output: Path, error: Path) -> str:
    """Both logs of a run, in streams named as the run. The last line of the error log, which Glue takes for the run's error."""
    _write(glue, OUTPUT_GROUP, run_id, output)
    lines = _write(glue, ERROR_GROUP, run_id, error)
    return lines[-1] if lines else ""


def _write(glue: Any, group: str, stream: str, log: Path) -> list[str]:
    text = log.read_text(errors="replace") if log.exists() else ""
    lines = [line for line in text.splitlines() if line.strip()]
    logs = logs_backends[glue.account_id][glue.region_name]
    if group not in logs.groups:
        logs.create_log_group(group, {})
    logs.create_log_stream(group, stream)
    now = int(time.time() * 1000)
    if lines:
        logs.groups[group].put_log_events(stream, [{"timestamp": now, "message": line} for line in lines])
    return lines
