"""Terraform on a copy of `infra`, so that a checkout stays as it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lake_assets

CHECKOUT = Path(lake_assets.__file__).parents[1]
PROVIDERS = "TERRAFORM_PROVIDERS"
"""Variable that names a folder with Terraform's providers, where they cannot be loaded from the registry."""
NO_CHANGE, CHANGES = 0, 2
"""What `plan -detailed-exitcode` returns."""

_EMULATED = """
provider "aws" {
  access_key                  = "testing"
  secret_key                  = "testing"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  max_retries                 = 3
}
"""
"""Merged into the example's provider. Where a client finds the emulator, `AWS_ENDPOINT_URL` tells it."""


def is_there() -> bool:
    return shutil.which("terraform") is not None


def copy_of_infra(folder: Path, wheel: Path) -> Path:
    """`infra` with what it takes from the rest of the checkout; the wheel lies where `make wheel` puts it."""
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__")
    shutil.copytree(CHECKOUT / "infra", folder / "infra", ignore=ignored)
    shutil.copytree(CHECKOUT / "lake_assets", folder / "lake_assets", ignore=ignored)
    (folder / "dist").mkdir()
    shutil.copy(wheel, folder / "dist")
    return folder / "infra"


@dataclass(frozen=True)
class Terraform:
    """Commands in a folder. `environment` is added to the process's own."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def init(self) -> None:
        mirror = os.environ.get(PROVIDERS)
        done = self("init", "-input=false", *([f"-plugin-dir={mirror}"] if mirror else []))
        assert done.returncode == 0, done.stdout + done.stderr

    def __call__(self, *arguments: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        outside = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        return subprocess.run(
            ["terraform", f"-chdir={self.folder}", arguments[0], "-no-color", *arguments[1:]],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env={**outside, **self.environment, "CHECKPOINT_DISABLE": "1"},
        )

    def done(self, *arguments: str) -> str:
        """What a command printed that must succeed."""
        done = self(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def planned(self, *arguments: str) -> tuple[int, str]:
        """`NO_CHANGE` or `CHANGES`, and what was printed."""
        done = self("plan", "-input=false", "-detailed-exitcode", *arguments)
        assert done.returncode in (NO_CHANGE, CHANGES), done.stdout + done.stderr
        return done.returncode, done.stdout

    def outputs(self) -> dict[str, Any]:
        return {name: output["value"] for name, output in json.loads(self.done("output", "-json")).items()}

    def emulated(self) -> None:
        """Have the provider talk to the emulator."""
        (self.folder / "emulator_override.tf").write_text(_EMULATED)
