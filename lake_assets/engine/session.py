"""Engines: where a PySpark session comes from. A session is started once per process, when the first task needs it."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Protocol

from lake_assets.errors import EngineError
from lake_assets.lake.task import Result, Task
from lake_assets.settings import EngineName

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_JAVA_VERSION = "17"
_CONFIGURATION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    # Spark's default, INT96, is what Athena and crawlers misread.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}


class Engine(Protocol):
    """Carries out tasks. The Glue engine will start a job for it; the engines here run it in this process."""

    name: str

    def run(self, task: Task) -> Result: ...


class SessionEngine:
    """Runs tasks on a PySpark session of this process: Sail without a JVM, or classic local Spark."""

    def __init__(self, name: EngineName, threads: int, memory_gb: float) -> None:
        self.name: str = name
        self._threads = threads
        self._memory_gb = memory_gb

    def run(self, task: Task) -> Result:
        # Imported here, so that loading the definitions imports no pyspark.
        from pyspark.errors import PySparkException

        from lake_assets.engine.runner import run

        session = self.session()
        try:
            return run(session, task)
        except PySparkException as error:
            if _is_connection_lost(error):
                raise EngineError(
                    f"The engine {self.name!r} died while it worked on {task.layer}.{task.table}."
                ) from error
            raise

    def session(self) -> SparkSession:
        """The session of this process. Raises `EngineError` when it cannot be started."""
        session: SparkSession = _sessions.get(self.name, self._threads, self._memory_gb)
        return session


class _Sessions:
    """One session per engine and process, started under a lock and stopped at exit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: dict[str, Any] = {}
        # A Sail server stops when nothing refers to it.
        self._servers: list[Any] = []

    def get(self, name: str, threads: int, memory_gb: float) -> Any:
        with self._lock:
            if name not in self._started:
                session = self._start_sail() if name == "sail" else _start_spark(threads, memory_gb)
                self._started[name] = session
                # Before the Sail server goes: a client whose server is gone retries for minutes.
                atexit.register(session.stop)
            return self._started[name]

    def _start_sail(self) -> Any:
        # The server's log would stand between the progress bars; RUST_LOG=info shows it.
        os.environ.setdefault("RUST_LOG", "error")
        from dagster_pyspark import LazyPySparkResource
        from pysail.spark import SparkConnectServer
        from pyspark.sql.connect.client.retries import DefaultPolicy

        server = SparkConnectServer("127.0.0.1", 0)
        server.start(background=True)
        self._servers.append(server)
        _, port = server.listening_address
        session = LazyPySparkResource(spark_config={"spark.remote": f"sc://127.0.0.1:{port}"}).spark_session
        # By default a client asks a dead engine again for ten minutes.
        session.client.set_retry_policies([DefaultPolicy(max_retries=4, initial_backoff=100, max_backoff=1000)])
        for key, value in _CONFIGURATION.items():
            session.conf.set(key, value)
        return session


_sessions = _Sessions()


def _start_spark(threads: int, memory_gb: float) -> Any:
    check_java()
    from dagster_pyspark import LazyPySparkResource

    memory = f"{max(2, round(memory_gb))}g"
    configuration = {
        "spark.master": f"local[{threads}]",
        "spark.driver.memory": memory,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": str(4 * threads),
        **_CONFIGURATION,
    }
    session = LazyPySparkResource(spark_config=configuration).spark_session
    session.sparkContext.setLogLevel("ERROR")
    return session


def check_java() -> None:
    """Raises `EngineError` when the Java that Spark would use is missing or too old."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    remedy = "Install Java 17 and set JAVA_HOME, or use the engine that needs none: LAKE_ENGINE=sail."
    if java is None:
        where = f"in JAVA_HOME={home}" if home else "on the PATH"
        raise EngineError(f"The engine 'spark' needs Java 17, and there is no java {where}. {remedy}")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    first_line = (answer.stderr or answer.stdout).splitlines()[0] if answer.returncode == 0 else "it does not run"
    version = first_line.partition('"')[2].partition(".")[0]
    if not version.isdigit() or int(version) < int(_JAVA_VERSION):
        raise EngineError(f"The engine 'spark' needs Java 17, but {java} is: {first_line}. {remedy}")


def _is_connection_lost(error: Exception) -> bool:
    text = str(error)
    return any(sign in text for sign in ("UNAVAILABLE", "Connection refused", "Py4JNetworkError"))
