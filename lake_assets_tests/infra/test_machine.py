"""What the machine of Dagster runs: its scripts with a real PostgreSQL, and its services as systemd would start them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lake_assets.contract.layers import LAKE_TABLES
from lake_assets.settings import PREFIX
from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.terraform import CHECKOUT

FILES = CHECKOUT / "infra" / "modules" / "machine" / "files"
SCRIPTS = sorted([*CHECKOUT.glob("scripts/*.sh"), *FILES.glob("*.sh"), CHECKOUT / ".ci" / "run"])
BINARIES = Path(sys.executable).parent
_STARTED = 90.0
_ASSETS = len(LAKE_TABLES) + 3
"""Every table, and the look of the crawlers at each layer."""
_READY = "{ assetNodes { id } instance { daemonHealth { allDaemonStatuses { healthy required } } } }"

_AWS = """#!/usr/bin/env bash
[[ "$*" == "s3 cp --only-show-errors - s3://the-logs/"* ]] || exit 2
cat > "$(dirname "$0")/$(basename "${@: -1}")"
"""
"""As much of AWS's command line, which Amazon Linux brings, as backup.sh asks for: what it would upload stays beside it."""


@dataclass(frozen=True)
class Database:
    """A PostgreSQL made by the machine's scripts."""

    port: int
    secret: Path
    environment: dict[str, str]

    def asked(self, sql: str) -> str:
        return _done(
            ["runuser", "-u", "postgres", "--", "psql", "-d", "dagster", "-Atc", sql], self.environment
        ).strip()


def _done(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """Set up twice, as on a machine that was replaced."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if os.geteuid() != 0 or not binaries:
        pytest.skip("needs PostgreSQL, and to be root: its server runs as the user postgres")
    # A folder of pytest is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="lake_machine_"))
    folder.chmod(0o755)
    (folder / "sockets").mkdir()
    shutil.chown(folder / "sockets", "postgres")
    cluster, secret = folder / "postgres", folder / "secrets" / "database.env"
    port = _free_port()
    environment = {
        "PATH": f"{binaries[0]}:{os.environ['PATH']}",
        "PGPORT": str(port),
        "PGHOST": str(folder / "sockets"),
        "LANG": "C.UTF-8",
    }
    server = ["runuser", "-u", "postgres", "--", "pg_ctl", "--pgdata", str(cluster), "--wait", "--silent"]
    try:
        for _ in range(2):
            _done([str(FILES / "database.sh"), str(cluster), str(secret)], environment)
        options = f"-p {port} -k {folder / 'sockets'}"
        _done([*server, "--log", str(folder / "sockets" / "log"), "-o", options, "start"], environment)
        for _ in range(2):
            _done([str(FILES / "user.sh"), str(secret)], environment)
        yield Database(port, secret, environment)
    finally:
        subprocess.run([*server, "-m", "immediate", "stop"], env=environment, check=False, timeout=60, cwd="/")
        shutil.rmtree(folder)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing_in_a_script(script: Path) -> None:
    done = subprocess.run([BINARIES / "shellcheck", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_password_is_made_on_the_machine_and_only_root_reads_it(database: Database) -> None:
    assert re.fullmatch(r"DAGSTER_PG_PASSWORD=[0-9a-f]{48}\n", database.secret.read_text())
    assert database.secret.stat().st_mode & 0o777 == 0o600
    assert database.secret.parent.stat().st_mode & 0o777 == 0o700


def test_the_database_listens_on_this_machine_only_and_refuses_a_wrong_password(database: Database) -> None:
    assert database.asked("SHOW listen_addresses") == "127.0.0.1"
    assert database.asked("SHOW ssl") == "on"
    assert database.asked("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'dagster'") == "dagster"
    assert database.asked("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = 'dagster'") == "f"
    wrong = {**database.environment, "PGPASSWORD": "wrong", "PGHOST": "127.0.0.1"}
    done = subprocess.run(
        ["psql", "-U", "dagster", "-d", "dagster", "-c", "SELECT 1"],  # noqa: S607
        env=wrong,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
    )
    assert "password authentication failed" in done.stderr


def _command(service: str, replaced: dict[str, str]) -> list[str]:
    """What a service starts, with the places of this machine."""
    found = re.search(r"^ExecStart=(.*)$", (FILES / f"lake-{service}.service").read_text(), re.MULTILINE)
    assert found is not None
    line = found[1]
    for there, here in replaced.items():
        line = line.replace(there, here)
    return shlex.split(line)


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A service; it and what it started end with the block."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command, env=environment, cwd=environment["DAGSTER_HOME"], stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _asked(port: int, query: str) -> dict[str, object]:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        data: dict[str, object] = json.loads(answer.read())["data"]
        return data


def test_the_services_run_on_that_database_and_show_all_assets(
    database: Database, emulator: Emulator, tmp_path: Path
) -> None:
    code, web = _free_port(), _free_port()
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text((FILES / "workspace.yaml").read_text().replace("4000", str(code)))
    home = tmp_path / "home"
    home.mkdir()
    configuration = (CHECKOUT / "infra" / "dagster.yaml").read_text()
    (home / "dagster.yaml").write_text(configuration.replace("port: 5432", f"port: {database.port}"))
    outside = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "DAGSTER"))}
    environment = {
        **outside,
        "DAGSTER_HOME": str(home),
        "DAGSTER_LOGS_BUCKET": emulator.new_bucket("logs"),
        "DAGSTER_PG_HOST": "127.0.0.1",
        "DAGSTER_PG_DB": "dagster",
        "DAGSTER_PG_USER": "dagster",
        "DAGSTER_PG_PASSWORD": database.secret.read_text().strip().partition("=")[2],
        "LAKE_ROOT": str(tmp_path / "lake"),
        "LAKE_SOURCE": str(tmp_path),
        "LAKE_AUTOMATION": "off",
    }
    here = {
        "/opt/lake/venv/bin": str(BINARIES),
        "/etc/lake/workspace.yaml": str(workspace),
        "-p 4000": f"-p {code}",
        "-p 3000": f"-p {web}",
    }
    _done(_command("migrate", here), environment)
    assert int(database.asked("SELECT count(*) FROM alembic_version")) >= 1
    logs = {service: tmp_path / f"{service}.log" for service in ("code", "daemon", "webserver")}
    with (
        _running(_command("code", here), environment, logs["code"]),
        _running(_command("daemon", here), environment, logs["daemon"]),
        _running(_command("webserver", here), environment, logs["webserver"]),
    ):
        until = time.monotonic() + _STARTED
        told: dict[str, object] = {}
        while time.monotonic() < until:
            time.sleep(1)
            try:
                told = _asked(web, _READY)
            except OSError:
                continue
            if len(told["assetNodes"]) == _ASSETS and _healthy(told):  # type: ignore[arg-type]
                break
        printed = {service: log.read_text()[-3000:] for service, log in logs.items()}
        assert told, printed
        assert len(told["assetNodes"]) == _ASSETS, printed  # type: ignore[arg-type]
        assert _healthy(told), printed
        encrypted = database.asked(
            "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'dagster'"
        )
        assert encrypted == "t"


def _healthy(told: dict[str, object]) -> bool:
    instance = told["instance"]
    assert isinstance(instance, dict)
    statuses = [status for status in instance["daemonHealth"]["allDaemonStatuses"] if status["required"]]
    return len(statuses) > 2 and all(status["healthy"] for status in statuses)


def test_a_dump_of_the_database_brings_it_back(database: Database) -> None:
    database.asked("CREATE TABLE kept AS SELECT 42 AS answer")
    tools = database.secret.parents[1] / "tools"
    tools.mkdir()
    shutil.chown(tools, "postgres")
    (tools / "aws").write_text(_AWS)
    (tools / "aws").chmod(0o755)
    environment = {
        **database.environment,
        "PATH": f"{tools}:{database.environment['PATH']}",
        "DAGSTER_LOGS_BUCKET": "the-logs",
        "DAGSTER_PG_DB": "dagster",
    }
    # As the user postgres, who need not be able to look into the checkout.
    script = str(shutil.copy(FILES / "backup.sh", tools))
    _done(["runuser", "-u", "postgres", "--", script], environment)
    (dump,) = tools.glob("*.dump")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}Z\.dump", dump.name)
    database.asked("DROP TABLE kept")
    restored = ["pg_restore", "--clean", "--if-exists", "--dbname", "dagster", str(dump)]
    _done(["runuser", "-u", "postgres", "--", *restored], environment)
    assert database.asked("SELECT answer FROM kept") == "42"


def test_a_service_waits_for_the_disk_and_the_database() -> None:
    for service in ("migrate", "code", "daemon", "webserver"):
        unit = (FILES / f"lake-{service}.service").read_text()
        assert "RequiresMountsFor=/data\n" in unit
        assert "Requires=postgresql.service" in unit
        assert "EnvironmentFile=/data/secrets/database.env\n" in unit
        assert "\nUser=lake\n" in unit
    setup = (FILES / "setup.sh").read_text()
    enabled = re.search(r"^systemctl enable --now (lake-.*)$", setup, re.MULTILINE)
    assert enabled is not None
    started = {name if "." in name else f"{name}.service" for name in enabled[1].split()}
    # The timer starts the backup.
    assert started == {path.name for path in FILES.glob("lake-*.*")} - {"lake-backup.service"}
