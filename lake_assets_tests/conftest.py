"""Fixtures shared by all tests: one sample of the source, one engine session and one built lake per test run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from lake_assets.engine.session import SessionEngine, check_java
from lake_assets.errors import EngineError
from lake_assets.lake.sample import make_sample
from lake_assets.settings import PREFIX, EngineName
from lake_assets_tests.support.apart import QUICK_JAVA

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lake_assets_tests.support.aws.emulator import Emulator

SCALE = 0.01
TIERS = ("unit", "infra", "aws", "chaos", "integration", "ui")
_OUTPUT = "output.txt"
_DONE = "done"
IN_CI = bool(os.environ.get("CI"))


@dataclass(frozen=True)
class BuiltLake:
    """A lake that `lake-assets run` built from the whole sample, with what the command printed."""

    root: Path
    source: Path
    dagster_home: Path
    engine: EngineName
    output: str

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a command about this lake."""
        return lake_environment(self.root, self.source, self.dagster_home, self.engine)


@dataclass(frozen=True)
class Shared:
    """What is slow to make, made once for all processes among which the tests are divided."""

    root: Path

    def made_once(self, name: str, make: Callable[[Path], object]) -> Path:
        """The folder `name`, filled by `make` in the process that asks first; the others wait."""
        folder = self.root / name
        with FileLock(self.root / f"{name}.lock"):
            if not (folder / _DONE).exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                (folder / _DONE).touch()
        return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its tier, the folder it lies in, and keep the heavy fixtures out of the unit tier."""
    for item in items:
        tier = next((tier for tier in TIERS if tier in item.path.parts), None)
        if tier is None:
            raise pytest.UsageError(f"{item.nodeid} lies in no tier; the tiers are the folders {', '.join(TIERS)}")
        item.add_marker(tier)
        heavy = {"built_lake", "spark_lake"} & set(getattr(item, "fixturenames", ()))
        if tier == "unit" and heavy:
            raise pytest.UsageError(f"{item.nodeid} is a unit test but builds a whole lake ({', '.join(heavy)})")
    # Divided among processes, the files that take long must not be the last to begin.
    items.sort(key=lambda item: "unit" in item.path.parts)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """In CI a skipped test is a failure: there every tool must be present."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {report.longrepr}"


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """Settings of the developer's shell (and of make) must not reach the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(PREFIX) or name == "DAGSTER_HOME":
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """Folders that all processes of a test run have in common."""
    own = tmp_path_factory.getbasetemp()
    return Shared(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(scope="session")
def source(shared: Shared) -> Path:
    """The sample's source files at scale 0.01, as `lake-assets sample` makes them. Do not change them."""
    return shared.made_once("sample", lambda folder: make_sample(SCALE, folder / "source", lambda _: None)) / "source"


@pytest.fixture(scope="session")
def java() -> None:
    """For what runs classic Spark: skips where Java is missing or too old."""
    try:
        check_java()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def engine() -> SessionEngine:
    """The default engine; its session is started once per test run."""
    return SessionEngine("sail", threads=2, memory_gb=4)


@pytest.fixture(scope="session")
def spark(engine: SessionEngine) -> SparkSession:
    """A session of the default engine."""
    return engine.session()


@pytest.fixture(scope="session")
def built_lake(shared: Shared, source: Path) -> BuiltLake:
    """The whole lake at scale 0.01, built by the command line with the default engine. Do not change it."""
    return _built_once(shared, source, "sail")


@pytest.fixture(scope="session")
def spark_lake(java: None, shared: Shared, source: Path) -> BuiltLake:
    """The whole lake at scale 0.01, built by the command line with classic Spark. Do not change it."""
    return _built_once(shared, source, "spark")


def lake_environment(root: Path, source: Path, dagster_home: Path, engine: str = "sail") -> dict[str, str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return outside | {
        "LAKE_ROOT": str(root),
        "LAKE_SOURCE": str(source),
        "LAKE_ENGINE": engine,
        # What a test starts does what the test says and nothing by itself.
        "LAKE_AUTOMATION": "off",
        "DAGSTER_HOME": str(dagster_home),
    }


def lake_assets(environment: dict[str, str], *arguments: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, in a process of its own."""
    program = Path(sys.executable).with_name("lake-assets")
    return subprocess.run(
        [str(program), *arguments], env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )


def _built_once(shared: Shared, source: Path, engine: EngineName) -> BuiltLake:
    def build(folder: Path) -> None:
        environment = lake_environment(folder / "lake", source, folder / "dagster_home", engine)
        done = lake_assets(environment | (QUICK_JAVA if engine == "spark" else {}), "run", seconds=900)
        assert done.returncode == 0, done.stderr
        (folder / _OUTPUT).write_text(done.stdout + done.stderr)

    folder = shared.made_once(f"lake_{engine}", build)
    return BuiltLake(folder / "lake", source, folder / "dagster_home", engine, (folder / _OUTPUT).read_text())


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """AWS on loopback; the developer's own account is out of reach."""
    from botocore.retries.standard import ExponentialBackoff

    from lake_assets_tests.support.aws.emulator import Emulator

    with Emulator() as emulator, pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                patch.delenv(name)
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        # As often as on AWS, but without the waiting.
        patch.setattr(ExponentialBackoff, "delay_amount", lambda _, __: 0.01)
        yield emulator


@pytest.fixture(scope="session")
def sail(emulator: Emulator) -> str:
    """Address of a Sail server that reads and writes `s3://` in the emulator; it lives as long as the tests."""
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    # Stopped with a session open, it would hold up the end of the process: it ends with it.
    _servers.append(server)
    _, port = server.listening_address
    return f"sc://127.0.0.1:{port}"


_servers: list[object] = []


@pytest.fixture(scope="session")
def wheel(shared: Shared) -> Path:
    """The package as Glue jobs load it."""
    from lake_assets_tests.support.aws.glue_lake import build_wheel

    return next(shared.made_once("wheel", build_wheel).glob("*.whl"))
