"""The infrastructure as it would be planned, without an account and without a network."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from lake_assets_tests.support.terraform import CHECKOUT, Terraform, copy_of_infra, is_there

CHECKOV = CHECKOUT / ".venv-checkov" / "bin" / "checkov"
EXAMPLES = ("dev", "prod")


@pytest.fixture(scope="module")
def infra(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not is_there():
        pytest.skip("Terraform is not installed")
    folder = copy_of_infra(tmp_path_factory.mktemp("infra"), wheel)
    Terraform(folder).init()
    return folder


def test_every_file_is_formatted(infra: Path) -> None:
    assert Terraform(infra)("fmt", "-check", "-recursive", ".").stdout == ""


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_valid(infra: Path, example: str) -> None:
    terraform = Terraform(infra / "examples" / example)
    terraform.init()
    assert "The configuration is valid" in terraform.done("validate")


def test_what_is_planned_is_safe_and_wrong_inputs_are_refused(infra: Path, wheel: Path) -> None:
    """The assertions stand in `infra/tests`."""
    done = Terraform(infra, {"TF_VAR_wheel": str(wheel)})("test")
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"Success! (\d+) passed, 0 failed", done.stdout)
    written = sum(len(re.findall(r"^run ", path.read_text(), re.MULTILINE)) for path in (infra / "tests").iterdir())
    assert passed is not None
    assert int(passed[1]) == written > 20


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("environment", "qa", "environment is one of dev, staging, prod."),
        ("lake_bucket", "My.Bucket", "lake_bucket: 3 to 63 lower-case letters"),
        ("athena_cutoff_gb", "0.001", "athena_cutoff_gb: Athena allows no cutoff below 10 MB, which is 0.01."),
        ("wheel", "nowhere.whl", "wheel: there is no such .whl file. Build it with `make wheel`"),
    ],
)
def test_a_wrong_input_is_refused_with_a_message_that_says_what_to_do(
    infra: Path, wheel: Path, variable: str, value: str, told: str
) -> None:
    given = {"wheel": str(wheel), "environment": "dev", variable: value}
    arguments = [f"-var={name}={each}" for name, each in given.items()]
    keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "eu-west-1"}
    done = Terraform(infra, keys)("plan", "-input=false", *arguments)
    assert done.returncode == 1
    # Terraform breaks lines.
    assert told in " ".join(done.stderr.replace("│", " ").split())


def test_an_example_without_a_wheel_says_how_to_build_it(infra: Path, wheel: Path, tmp_path: Path) -> None:
    folder = copy_of_infra(tmp_path, wheel)
    (tmp_path / "dist" / wheel.name).unlink()
    terraform = Terraform(
        folder / "examples" / "dev",
        {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "eu-west-1"},
    )
    terraform.init()
    done = terraform("plan", "-input=false")
    assert done.returncode == 1
    assert "Build it with `make wheel`" in " ".join(done.stderr.split())


def test_checkov_finds_nothing_and_every_skip_gives_its_reason(infra: Path) -> None:
    if not CHECKOV.exists():
        pytest.skip("checkov is not installed: `make infra-test` installs it")
    done = subprocess.run(
        [CHECKOV, "-d", infra, "--framework", "terraform", "--compact", "--quiet", "--skip-download"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"Passed checks: (\d+), Failed checks: 0", done.stdout)
    assert found is None or int(found[1]) > 300
    for path in infra.rglob("*.tf"):
        for skip in re.findall(r"#checkov:skip=.*", path.read_text()):
            assert re.match(r"#checkov:skip=CKV2?_AWS_\d+: \S.{20,}", skip), f"{path.name}: {skip}"
