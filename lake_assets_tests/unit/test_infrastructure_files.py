"""What `infra` and the package must agree about, without Terraform."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from lake_assets.catalog.tables import SCHEMAS
from lake_assets.query.examples import example_queries
from lake_assets.settings import Settings
from lake_assets_tests.support.terraform import CHECKOUT

SCRIPT = CHECKOUT / "scripts" / "settings_to_env.py"


def _written(told: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT], input=told, capture_output=True, text=True, check=False)


def test_a_shell_reads_back_the_settings_that_terraform_told(tmp_path: Path) -> None:
    settings = {"LAKE_NAME": "lake-dev", "LAKE_ROLES": '{"gold": "arn:aws:iam::1:role/it\'s gold"}', "LAKE_KMS_KEY": ""}
    file = tmp_path / "lake.env"
    file.write_text(_written(json.dumps(settings)).stdout)
    read = f'set -a; source {file}; set +a; {sys.executable} -c "import os, json; print(json.dumps(dict(os.environ)))"'
    told = subprocess.run(["bash", "-c", read], capture_output=True, text=True, check=True).stdout  # noqa: S607
    assert {name: json.loads(told)[name] for name in settings} == settings


def test_without_settings_the_script_says_what_to_do() -> None:
    done = _written("")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Terraform told no settings: apply the example first")


def test_jobs_load_packages_in_the_versions_that_setup_py_allows() -> None:
    job = (CHECKOUT / "infra" / "modules" / "glue" / "main.tf").read_text()
    found = re.search(r'^  modules = "(.*)"$', job, re.MULTILINE)
    assert found is not None
    wanted = dict(re.findall(r"([a-z-]+)(>=[^,]+,<[\d.]+)", found[1]))
    declared = dict(re.findall(r'"([a-z-]+)(>=[^,]+,<[^"]+)"', (CHECKOUT / "setup.py").read_text()))
    # A part of dagster, released with it in the same version.
    declared["dagster-pipes"] = declared["dagster"]
    assert wanted == {name: declared[name] for name in ("pydantic", "pydantic-settings", "isal", "dagster-pipes")}


def test_every_schema_has_a_database() -> None:
    schemas = re.search(r"schemas = \{\n(.*?)\n  \}", (CHECKOUT / "infra" / "main.tf").read_text(), re.DOTALL)
    assert schemas is not None
    assert re.findall(r"^\s+(\w+)\s+= ", schemas[1], re.MULTILINE) == list(SCHEMAS)


def test_every_output_is_a_setting() -> None:
    told = re.findall(r"\b(LAKE_[A-Z_]+)\b", (CHECKOUT / "infra" / "main.tf").read_text())
    known = {f"LAKE_{name.upper()}" for name in Settings.model_fields}
    assert len(told) >= 12
    assert set(told) <= known


def test_the_readme_counts_the_example_queries() -> None:
    assert f"| {len(example_queries())} named queries |" in (CHECKOUT / "infra" / "README.md").read_text().replace(
        "| | ", "| "
    )
