"""`dagster dev` as a user starts it, and a headless Chromium that looks at it.

What belongs here: starting, asking, clicking and stopping. What a page must show is the matter of the tests.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    NoSuchElementException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

REPOSITORY = Path(__file__).parents[2]
HOST = "127.0.0.1"
# Generous, for a machine that is busy with something else; an idle one needs a tenth.
SERVER_SECONDS = 120.0
RUN_SECONDS = 120.0
# Dagster looks after a backfill every 30 seconds, and after a killed run every 10.
BACKFILL_SECONDS = 480.0
PAGE_SECONDS = 60.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.25
SETTLE_SECONDS = 5.0

# No name that begins with LAKE_: the settings refuse those they do not know.
SCREENSHOTS_VARIABLE = "UI_SCREENSHOTS"

_CHROMIUM_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1000",
)
_LOCATIONS = (
    "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError { __typename } } } } }"
)
_MATERIALISATIONS = """
query ($path: [String!]!) {
  assetOrError(assetKey: {path: $path}) {
    ... on Asset {
      assetMaterializations(limit: 1000) {
        runId timestamp partition
        metadataEntries { label ... on IntMetadataEntry { intValue } ... on BoolMetadataEntry { boolValue } }
      }
    }
  }
}
"""
_CHECKS = """
query ($path: [String!]!) {
  assetNodeOrError(assetKey: {path: $path}) {
    ... on AssetNode {
      assetChecksOrError {
        ... on AssetChecks {
          checks { name executionForLatestMaterialization { runId evaluation { success severity } } }
        }
      }
    }
  }
}
"""
_RUN = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_LINEAGE = """
query ($path: [String!]!) {
  assetNodeOrError(assetKey: {path: $path}) {
    ... on AssetNode {
      metadataEntries {
        label
        ... on TableColumnLineageMetadataEntry {
          lineage { columnName columnDeps { assetKey { path } columnName } }
        }
      }
    }
  }
}
"""
_RUNS = "{ runsOrError(limit: 1000) { ... on Runs { results { runId } } } }"
_BACKFILLS = "{ partitionBackfillsOrError { ... on PartitionBackfills { results { id } } } }"
_BACKFILL = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status error { message } } }
}
"""
_RUNS_OF_BACKFILL = """
query ($id: String!) {
  runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) {
    ... on Runs { results { runId status parentRunId } }
  }
}
"""

# An editor of code: what is typed into it goes to whatever has the focus.
_SEARCH = "//*[contains(@class, 'CodeMirror')]"

Found = TypeVar("Found")


@dataclass(frozen=True)
class Materialisation:
    """One materialisation that Dagster recorded; `figures` are its whole-number metadata, `flags` what is said to be true."""

    run_id: str
    timestamp: str
    partition: str | None
    figures: tuple[tuple[str, int], ...]
    flags: frozenset[str]


@dataclass(frozen=True)
class Run:
    """A run; `parent` is the one that it does again."""

    run_id: str
    status: str
    parent: str | None


@dataclass(frozen=True)
class CheckResult:
    """The latest result of an asset check; `severity` is ERROR or WARN."""

    run_id: str
    passed: bool
    severity: str


@dataclass(frozen=True)
class Server:
    """A running `dagster dev`."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """The data that GraphQL answers. Raises `OSError` while nothing listens."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PAGE_SECONDS)
        with contextlib.closing(connection):
            body = json.dumps({"query": query, "variables": variables})
            connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def materialisations(self, *asset: str) -> frozenset[Materialisation]:
        found = self.ask(_MATERIALISATIONS, path=asset)["assetOrError"]["assetMaterializations"]
        return frozenset(
            Materialisation(
                event["runId"],
                event["timestamp"],
                event["partition"],
                tuple((entry["label"], entry["intValue"]) for entry in event["metadataEntries"] if "intValue" in entry),
                frozenset(entry["label"] for entry in event["metadataEntries"] if entry.get("boolValue")),
            )
            for event in found
        )

    def check_results(self, *asset: str) -> dict[str, CheckResult]:
        """Results of the checks of an asset by name; checks that never ran have none."""
        checks = self.ask(_CHECKS, path=asset)["assetNodeOrError"]["assetChecksOrError"]["checks"]
        latest = {check["name"]: check["executionForLatestMaterialization"] for check in checks}
        return {
            name: CheckResult(found["runId"], found["evaluation"]["success"], found["evaluation"]["severity"])
            for name, found in latest.items()
            if found and found["evaluation"]
        }

    def column_lineage(self, *asset: str) -> dict[str, set[tuple[str, str]]]:
        """For each column of an asset the columns that it comes from, as (`layer/table`, column)."""
        entries = self.ask(_LINEAGE, path=asset)["assetNodeOrError"]["metadataEntries"]
        (found,) = (entry["lineage"] for entry in entries if entry["label"] == "dagster/column_lineage")
        return {
            column["columnName"]: {
                ("/".join(dep["assetKey"]["path"]), dep["columnName"]) for dep in column["columnDeps"]
            }
            for column in found
        }

    def runs(self) -> frozenset[str]:
        return frozenset(run["runId"] for run in self.ask(_RUNS)["runsOrError"]["results"])

    def wait_for_new_run(self, known: frozenset[str]) -> str:
        """The one run that is not among `known`."""
        (run_id,) = self._wait(lambda: self.runs() - known, PAGE_SECONDS, "no run was launched")
        return run_id

    def runs_of(self, backfill: str) -> dict[str, Run]:
        """The runs of a backfill by id."""
        found: list[dict[str, Any]] = self.ask(_RUNS_OF_BACKFILL, id=backfill)["runsOrError"]["results"]
        return {run["runId"]: Run(run["runId"], run["status"], run["parentRunId"]) for run in found}

    def wait_for_backfill(self) -> str:
        """The only backfill that was ever launched."""

        def launched() -> list[str]:
            return [known["id"] for known in self.ask(_BACKFILLS)["partitionBackfillsOrError"]["results"]]

        (backfill,) = self._wait(launched, PAGE_SECONDS, "no backfill was launched")
        return backfill

    def wait_for_end_of_backfill(self, backfill: str) -> str:
        """Final status of a backfill, e.g. `COMPLETED_SUCCESS`."""

        def ended() -> str | None:
            found = self.ask(_BACKFILL, id=backfill)["partitionBackfillOrError"]
            assert not found["error"], found["error"]
            status: str = found["status"]
            return status if status.startswith("COMPLETED") or status in {"FAILED", "CANCELED"} else None

        return self._wait(ended, BACKFILL_SECONDS, f"backfill {backfill} did not end")

    def wait_for_end(self, run_id: str) -> str:
        """Final status of a run, e.g. `SUCCESS`."""

        def ended() -> str | None:
            status: str = self.ask(_RUN, id=run_id)["runOrError"]["status"]
            return status if status in {"SUCCESS", "FAILURE", "CANCELED"} else None

        return self._wait(ended, RUN_SECONDS, f"run {run_id} did not end")

    def wait_until_loaded(self) -> None:
        """Until the code location is loaded; its error is told when it cannot be."""

        def loaded() -> bool:
            try:
                entries = self.ask(_LOCATIONS)["workspaceOrError"]["locationEntries"]
            except (OSError, http.client.HTTPException):
                return False
            kinds = [entry["locationOrLoadError"]["__typename"] for entry in entries if entry["loadStatus"] == "LOADED"]
            assert "PythonError" not in kinds, self._told()
            return kinds == ["RepositoryLocation"]

        self._wait(loaded, SERVER_SECONDS, "dagster dev did not load the definitions")

    def _wait(self, condition: Callable[[], Found | None], seconds: float, complaint: str) -> Found:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"dagster dev ended\n{self._told()}"
            if found := condition():
                return found
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"{complaint} within {seconds:g} s\n{self._told()}")

    def _told(self) -> str:
        return self.log.read_text(errors="replace")[-5000:]


@contextmanager
def serve(environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    """`dagster dev` on a free port in a process group of its own, which is ended as a whole."""
    port = _free_port()
    program = Path(sys.executable).with_name("dagster")
    command = [str(program), "dev", "-w", "workspace.yaml", "-h", HOST, "-p", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=dict(environment), stdout=output, stderr=output, start_new_session=True
        )
    try:
        server = Server(port, process, log)
        server.wait_until_loaded()
        # Else a new DAGSTER_HOME greets with a dialog that invites to a newsletter and covers the page.
        server.ask("mutation { setNuxSeen }")
        yield server
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # What did not listen, e.g. a run's worker in the middle of native code.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def missing_programs() -> str | None:
    """What a browser test lacks on this machine, None when it has all."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(missing)} not found on the PATH" if missing else None


class Browser:
    """A page of Dagster's UI. Elements are found by what a user reads; every look waits until the page shows it."""

    def __init__(self, driver: Chrome, server: Server, screenshots: Path) -> None:
        self._driver = driver
        self._server = server
        self._screenshots = screenshots
        self._wait = WebDriverWait(
            driver,
            PAGE_SECONDS,
            POLL_SECONDS,
            # React replaces elements while one looks at them, and dialogs slide in over what one wants to click.
            (NoSuchElementException, StaleElementReferenceException, ElementClickInterceptedException),
        )

    def open(self, path: str) -> None:
        self._driver.get(f"{self._server.url}{path}")

    def see(self, text: str) -> None:
        """Wait until the page shows `text`."""
        self._wait.until(lambda _: text in self.text(), f"the page does not show {text!r}")

    def see_no_more(self, text: str) -> None:
        """Wait until the page does not show `text` any more."""
        self._wait.until(lambda _: text not in self.text(), f"the page still shows {text!r}")

    def see_at(self, xpath: str) -> None:
        """Wait until the page shows an element at `xpath`."""
        self._wait.until(lambda _: self._visible(xpath), f"the page does not show {xpath}")

    def text(self) -> str:
        return self._driver.find_element(By.TAG_NAME, "body").text

    def click(self, xpath: str) -> None:
        """Click the first visible and enabled element of `xpath`."""

        def clicked(_: Chrome) -> bool:
            element = self._visible(xpath)
            element.click()
            return True

        self._wait.until(clicked, f"nothing to click at {xpath}")

    def type(self, xpath: str, text: str) -> None:
        def typed(_: Chrome) -> bool:
            self._visible(xpath).send_keys(text)
            return True

        self._wait.until(typed, f"nothing to type into at {xpath}")

    def search(self, selection: str) -> None:
        """Type a selection of assets into the search field above the lineage."""
        self.click(_SEARCH)
        ActionChains(self._driver).send_keys(selection, Keys.ENTER).perform()

    def _visible(self, xpath: str) -> WebElement:
        for element in self._driver.find_elements(By.XPATH, xpath):
            if element.is_displayed() and element.is_enabled():
                return element
        raise NoSuchElementException(xpath)

    def complaints(self) -> list[str]:
        """Errors in the browser's console: exceptions of the page and failed requests."""
        entries: list[dict[str, Any]] = self._driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [str(entry["message"]) for entry in entries if entry["level"] == "SEVERE"]

    def screenshot(self, name: str) -> None:
        """Save what the page shows once it stands still (a page that counts seconds never does)."""
        self._screenshots.mkdir(parents=True, exist_ok=True)
        file = self._screenshots / f"{name}.png"
        deadline = time.monotonic() + SETTLE_SECONDS
        before, now = b"", self._driver.get_screenshot_as_png()
        while now != before and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            before, now = now, self._driver.get_screenshot_as_png()
        file.write_bytes(now)
        if wanted := os.environ.get(SCREENSHOTS_VARIABLE):
            Path(wanted).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, wanted)


@contextmanager
def browse(server: Server, scratch: Path) -> Iterator[Browser]:
    """Chromium with a fresh profile in `scratch`, where the screenshots go too; its driver is not downloaded."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for option in (*_CHROMIUM_OPTIONS, f"--user-data-dir={scratch / 'profile'}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "SEVERE"})
    driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield Browser(driver, server, scratch / "screenshots")
    finally:
        # Where a test that failed got stuck.
        with contextlib.suppress(WebDriverException):
            driver.save_screenshot(str(scratch / "last_page.png"))
        driver.quit()
