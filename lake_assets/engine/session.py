"""Engines: where a PySpark session comes from. A session is started once per process, when the first task needs it."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from lake_assets.errors import EngineError, EngineLostError
from lake_assets.lake.task import Result, Task
from lake_assets.settings import EngineName

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_JAVA_VERSION = "17"
# Its connections are gone a moment before a process is.
_DYING_SECONDS = 1.0
SPARK_CONFIGURATION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    # Spark's default, INT96, is what Athena and crawlers misread.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
# Inherited from a process with a Connect session, or from a user's shell, they would turn classic Spark into a client.
_CONNECT_VARIABLES = ("SPARK_CONNECT_MODE_ENABLED", "SPARK_REMOTE", "SPARK_LOCAL_REMOTE", "SPARK_API_MODE")


class Engine(Protocol):
    """Carries out tasks."""

    name: str

    def run(self, task: Task) -> Result: ...


class SessionEngine:
    """Runs tasks on a PySpark session of this process: Sail without a JVM, local Spark, or a Spark Connect server."""

    def __init__(self, name: EngineName, threads: int, memory_gb: float, remote: str = "") -> None:
        """`remote` is the address of the Spark Connect server of the engine of that name."""
        self.name: str = name
        self._remote = remote
        self._threads = threads
        self._memory_gb = memory_gb

    def run(self, task: Task) -> Result:
        # Imported here, so that loading the definitions imports no pyspark.
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        from lake_assets.engine.runner import run

        session = self.session()
        try:
            return run(session, task)
        except (PySparkException, Py4JError, ConnectionError) as error:
            if _sessions.forget_if_dead(self.name, error):
                raise EngineLostError(
                    f"The engine {self.name!r} died while it worked on {task.layer}.{task.table}."
                ) from error
            raise

    def session(self) -> SparkSession:
        """The session of this process. Raises `EngineError` when it cannot be started."""
        session: SparkSession = _sessions.get(self.name, self._threads, self._memory_gb, self._remote)
        return session


class _Sessions:
    """One session per engine and process, started under a lock and stopped at exit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: dict[str, Any] = {}
        # A Sail server stops when nothing refers to it.
        self._servers: list[Any] = []

    def get(self, name: str, threads: int, memory_gb: float, remote: str) -> Any:
        with self._lock:
            if name not in self._started:
                if self._started:
                    raise EngineError(
                        f"One process runs one engine, and this one runs {', '.join(self._started)} already."
                    )
                session = self._start(name, threads, memory_gb, remote)
                self._started[name] = session
                # Before the Sail server goes: a client whose server is gone retries for minutes.
                atexit.register(session.stop)
            return self._started[name]

    def _start(self, name: str, threads: int, memory_gb: float, remote: str) -> Any:
        if name == "sail":
            return self._start_sail()
        return connect(remote) if name == "remote" else _start_spark(threads, memory_gb)

    def forget_if_dead(self, name: str, error: Exception) -> bool:
        """Whether the engine of this process is gone, as far as `error` tells; the next `get` then starts another one."""
        with self._lock:
            if name not in self._started or not (_is_jvm_dead() if name == "spark" else _is_unreachable(error)):
                return False
            session = self._started.pop(name)
            atexit.unregister(session.stop)
            if name != "spark":
                # It would ask the dead server to release the session, again and again.
                session.release_session_on_close = False
                session.stop()
                # One that does not answer may still hold memory; one that stopped refuses to stop again.
                with suppress(RuntimeError):
                    for server in self._servers:
                        server.stop()
                self._servers.clear()
            else:
                _forget_jvm()
            return True

    def _start_sail(self) -> Any:
        # The server's log would stand between the progress bars; RUST_LOG=info shows it.
        os.environ.setdefault("RUST_LOG", "error")
        # A server forgets an idle session after minutes; this one serves one process, which may have other things to wait for.
        os.environ.setdefault("SAIL_SPARK__SESSION_TIMEOUT_SECS", str(7 * 24 * 3600))
        from pysail.spark import SparkConnectServer

        server = SparkConnectServer("127.0.0.1", 0)
        server.start(background=True)
        self._servers.append(server)
        _, port = server.listening_address
        return connect(f"sc://127.0.0.1:{port}")


def connect(address: str) -> Any:
    """A session on a Spark Connect server."""
    from dagster_pyspark import LazyPySparkResource
    from pyspark.sql.connect.client.retries import DefaultPolicy

    session = LazyPySparkResource(spark_config={"spark.remote": address}).spark_session
    # By default a client asks a dead engine again for ten minutes.
    session.client.set_retry_policies([DefaultPolicy(max_retries=4, initial_backoff=100, max_backoff=1000)])
    for key, value in SPARK_CONFIGURATION.items():
        session.conf.set(key, value)
    return session


_sessions = _Sessions()


def _start_spark(threads: int, memory_gb: float) -> Any:
    check_java()
    for name in _CONNECT_VARIABLES:
        os.environ.pop(name, None)
    from dagster_pyspark import LazyPySparkResource

    memory = f"{max(2, round(memory_gb))}g"
    configuration = {
        "spark.master": f"local[{threads}]",
        "spark.driver.memory": memory,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # The default one starts a process for each file and folder that it makes, to set permissions, and adds a checksum file.
        "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
        "spark.sql.shuffle.partitions": str(4 * threads),
        # Beyond so many paths Spark lists them by a job of many tasks, which on a local disk takes longer than to list them.
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
        # Spark derives constraints from each filter under each alias, in all combinations: of many rules far too many.
        "spark.sql.constraintPropagation.enabled": "false",
        **SPARK_CONFIGURATION,
    }
    session = LazyPySparkResource(spark_config=configuration).spark_session
    # Errors reach the caller as exceptions; logged, they would be pages of Java between the progress bars.
    session.sparkContext.setLogLevel("FATAL")
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
    told = (answer.stderr or answer.stdout).splitlines() if answer.returncode == 0 else []
    # Not always the first line: java tells first which options it picked up from the environment.
    line = next((line for line in told if ' version "' in line), "it does not run")
    version = line.partition('"')[2].partition(".")[0]
    if not version.isdigit() or int(version) < int(_JAVA_VERSION):
        raise EngineError(f"The engine 'spark' needs Java 17, but {java} is: {line}. {remedy}")


def _is_unreachable(error: Exception) -> bool:
    return any(sign in str(error) for sign in ("UNAVAILABLE", "Connection refused"))


def _is_jvm_dead() -> bool:
    """Asked of the process itself: what Py4J says of a call during which it died is what it says of any other error."""
    from pyspark import SparkContext

    process = getattr(SparkContext._gateway, "proc", None)
    if process is None:
        return False
    with suppress(subprocess.TimeoutExpired):
        process.wait(_DYING_SECONDS)
    return process.poll() is not None


def _forget_jvm() -> None:
    """PySpark keeps the JVM of a process for ever, as class attributes, and its own `stop` asks the JVM first."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if SparkContext._gateway is not None:
        SparkContext._gateway.shutdown()
    SparkContext._gateway = None
    SparkContext._jvm = None
    SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None
    SparkSession._activeSession = None
