"""What infrastructure gives a lake on AWS: buckets, the package as a wheel, and a Glue job for each layer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lake_assets
from lake_assets.settings import Settings
from lake_assets_tests.support.aws.emulator import Emulator

PACKAGE = Path(lake_assets.__file__).parent
LAYERS = ("bronze", "silver", "gold")


def build_wheel(folder: Path) -> None:
    """As `make wheel` does, from a copy, so that the checkout stays as it is."""
    checkout = folder / "checkout"
    shutil.copytree(PACKAGE, checkout / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(PACKAGE.parent / name, checkout)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), "."],
        cwd=checkout,
        check=True,
    )


@dataclass(frozen=True)
class GlueLake:
    """A lake of its own on the emulator, named as its Glue jobs are; its source bucket is empty."""

    name: str
    bucket: str
    source: str
    pipes: str

    @property
    def environment(self) -> dict[str, str]:
        """Settings of the lake as variables."""
        return {
            "LAKE_ENVIRONMENT": "aws",
            "LAKE_ROOT": f"s3://{self.bucket}/lake",
            "LAKE_SOURCE": f"s3://{self.source}/tpcds",
            "LAKE_SOURCE_REGION": "",
            "LAKE_PIPES_BUCKET": self.pipes,
            "LAKE_NAME": self.name,
            "LAKE_AUTOMATION": "off",
        }

    def settings(self, **more: Any) -> Settings:
        given = {name.removeprefix("LAKE_").lower(): value for name, value in self.environment.items()}
        return Settings.model_validate({**given, **more})


def glue_lake(aws: Emulator, wheel: Path, *, script: str | None = None, concurrent: int = 4) -> GlueLake:
    """Create buckets and jobs; `script` stands in for the one of the package."""
    bucket, source, pipes = (aws.new_bucket(name) for name in ("lake", "source", "pipes"))
    s3, glue = aws.client("s3"), aws.client("glue")
    code = script if script is not None else (PACKAGE / "engine" / "glue_script.py").read_text()
    s3.put_object(Bucket=bucket, Key="code/glue_script.py", Body=code.encode())
    s3.put_object(Bucket=bucket, Key=f"code/{wheel.name}", Body=wheel.read_bytes())
    name = f"l-{bucket.rpartition('-')[2]}"
    for layer in LAYERS:
        glue.create_job(
            Name=f"{name}-{layer}",
            Role=f"arn:aws:iam::{aws.account}:role/{name}-{layer}",
            Command={
                "Name": "glueetl",
                "ScriptLocation": f"s3://{bucket}/code/glue_script.py",
                "PythonVersion": "3",
            },
            DefaultArguments={"--extra-py-files": f"s3://{bucket}/code/{wheel.name}"},
            GlueVersion="6.0",
            ExecutionProperty={"MaxConcurrentRuns": concurrent},
        )
    return GlueLake(name, bucket, source, pipes)
