"""The command line and the lake's own questions on AWS: the same queries, answered by Athena as DuckDB does locally."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from lake_assets.cli.app import app
from lake_assets.contract.invariants import ACROSS, invariants_of
from lake_assets.contract.layers import GOLD, SILVER
from lake_assets.contract.types import arrow_schema
from lake_assets.errors import QueryError
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.planning import Planner
from lake_assets.lake.store import LocalStore
from lake_assets.query.engine import ask, questions
from lake_assets.query.examples import ExampleQuery, example_queries
from lake_assets.query.quality import BrokenRule, broken_rules
from lake_assets.query.quarantine import QuarantineCount, quarantine_counts
from lake_assets.resources import AthenaResource
from lake_assets.settings import Settings
from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.aws.small_catalog import SmallCatalog

NAME = "told-lake"
FIRST, LAST = datetime(2001, 2, 3, tzinfo=UTC), datetime(2001, 2, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def catalog(emulator: Emulator) -> SmallCatalog:
    """Gold and silver as the contract declares them with a row in none; a quality history; a quarantine."""
    made = SmallCatalog(emulator, NAME)
    for table in (*GOLD.values(), *SILVER.values()):
        empty = arrow_schema(table.columns).empty_table()
        made.table(
            table.identifier, {"2000": empty} if table.partition_column else empty, key=table.partition_column or ""
        )
    audits = [("1998-01", FIRST, 3), ("1998-01", LAST, 5), ("1998-02", FIRST, 4), ("1998-02", LAST, 0)]
    made.table(
        "quality.results",
        pa.table(
            {
                "layer": ["silver"] * 4,
                "table_name": ["inventory"] * 4,
                "partition": [partition for partition, _, _ in audits],
                "rule": ["in_band"] * 4,
                "action": ["warn"] * 4,
                "evaluated": [True] * 4,
                "failed": [violations > 0 for _, _, violations in audits],
                "violations": pa.array([violations for _, _, violations in audits], pa.int64()),
                "audited_at": pa.array([moment for _, moment, _ in audits], pa.timestamp("us", tz="UTC")),
            }
        ),
    )
    rejected = pa.table({"source_batch": ["batch-000001"] * 3, "rules": [["a"], ["a", "b"], ["b"]]})
    made.table("quarantine.silver_inventory", {"1998-01": rejected}, key="inventory_month")
    return made


@pytest.fixture
def settings(catalog: SmallCatalog, aws: Emulator) -> Settings:
    return Settings(environment="aws", name=NAME, root=f"s3://{catalog.bucket}")  # type: ignore[arg-type]


@pytest.fixture
def environment(catalog: SmallCatalog, aws: Emulator) -> dict[str, str]:
    return {
        "LAKE_ENVIRONMENT": "aws",
        "LAKE_NAME": NAME,
        "LAKE_ROOT": f"s3://{catalog.bucket}",
    }


@pytest.mark.parametrize("example", example_queries().values(), ids=example_queries())
def test_every_example_runs_on_athena_unchanged(settings: Settings, example: ExampleQuery) -> None:
    found = ask(settings, example.sql)
    assert found.rows == ()
    assert len(found.columns) > 2


def test_the_query_command_asks_athena_and_tells_rows_bytes_and_cost(environment: dict[str, str]) -> None:
    done = CliRunner().invoke(
        app,
        ["query", "SELECT rule, violations FROM quality.results ORDER BY violations DESC LIMIT 1", "--format", "json"],
        env=environment,
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == [{"rule": "in_band", "violations": 5}]
    assert "1 row in" in done.stderr
    assert "(Athena, " in done.stderr
    assert "B scanned, $0.000048)" in done.stderr


def test_the_query_command_reuses_results_where_that_is_asked_for(environment: dict[str, str]) -> None:
    for told in ("scanned, $0.000048", "an earlier result, no cost"):
        done = CliRunner().invoke(app, ["query", "SELECT 1 AS one", "--reuse", "5"], env=environment)
        assert told in done.stderr


def test_the_example_queries_are_kept_in_the_workgroup(environment: dict[str, str], aws: Emulator) -> None:
    count = len(example_queries())
    for told in (f"{count} created, 0 updated, 0 deleted", "0 created, 0 updated, 0 deleted"):
        done = CliRunner().invoke(app, ["query", "--deploy"], env=environment)
        assert done.exit_code == 0, done.output
        assert told in done.stdout
    kept = aws.client("athena").list_named_queries(WorkGroup=NAME)["NamedQueryIds"]
    assert len(kept) == count


def test_a_local_lake_has_no_workgroup_that_keeps_queries(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["query", "--deploy"], env={"LAKE_ROOT": str(tmp_path)})
    assert isinstance(done.exception, QueryError)
    assert "Only a lake on AWS has a workgroup" in str(done.exception)


def test_rules_that_the_history_calls_broken_are_told(settings: Settings) -> None:
    with questions(settings) as asked:
        assert broken_rules(asked) == [BrokenRule("silver.inventory", "in_band", "warn", 5, FIRST, "1998-01")]


def test_rows_in_quarantine_are_counted(settings: Settings, tmp_path: Path) -> None:
    with questions(settings) as asked:
        found = quarantine_counts(asked, Planner(Ledger(LocalStore(tmp_path))), ["inventory"])
    assert found == [QuarantineCount("silver.inventory", "1998-01", "batch-000001", rule, 2) for rule in ("a", "b")]


def test_every_invariant_of_gold_can_be_asked_of_athena(settings: Settings) -> None:
    with questions(settings) as asked:
        for table in GOLD.values():
            rules = list(invariants_of(table))
            conditions = "".join(f", COUNT(*) FILTER ({rule.condition})" for rule in rules if rule.condition)
            assert asked.rows(f"SELECT COUNT(*){conditions} FROM {table.identifier}")[0][0] == 0
            for rule in rules:
                if rule.query:
                    assert asked.rows(f"SELECT part, SUM(n) FROM ({rule.query}) AS broken GROUP BY part") == ()
        for rule in ACROSS:
            assert asked.rows(f"SELECT part, SUM(n) FROM ({rule.query}) AS broken GROUP BY part") == ()


def test_users_assets_have_athena_as_a_resource(settings: Settings) -> None:
    athena = AthenaResource.from_settings(settings).get()
    found = athena.query("SELECT violations FROM quality.results WHERE violations > ? ORDER BY 1", [3])
    assert found.rows == ((4,), (5,))
    assert found.bytes_scanned


def test_the_profile_says_that_it_needs_a_local_lake(environment: dict[str, str]) -> None:
    done = CliRunner().invoke(app, ["profile", "item"], env=environment)
    assert "The profile reads a lake in a local folder" in str(done.exception)
