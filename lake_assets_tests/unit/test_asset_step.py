"""What an asset tells Dagster of one materialisation, over a real lake and an engine that stages rows made up here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake_assets.assets.bronze import bronze_assets
from lake_assets.assets.silver import silver_assets
from lake_assets.cli.cost import costs
from lake_assets.contract.calendar import MONTHS
from lake_assets.contract.layers import BRONZE, SILVER, lake_table
from lake_assets.contract.rules import rule_of, rules_of
from lake_assets.contract.types import arrow_schema
from lake_assets.errors import EngineError
from lake_assets.lake.arrival import examine, look, pin
from lake_assets.lake.lake import Lake
from lake_assets.lake.task import PartitionResult, Result, StagedObject, Task, Violation
from lake_assets.resources import LakeResource
from lake_assets.s3_requests import S3_REQUESTS, Requests
from lake_assets.settings import Settings

FIRST, SECOND = "batch-000001", "batch-000002"
DELIVERED = ("income_band", "customer", "store_returns", "store_sales")
LINES = 12
CONTRADICTION = Violation(rule="order_header__date", rows=2, samples=("ss_item_sk=1, ss_ticket_number=7",))
DANGLING = Violation(rule="foreign_key__sr_item_sk", rows=3, samples=("sr_item_sk=9, sr_ticket_number=7",))
LOW_BAND = Violation(rule="range__ib_lower_bound", rows=1, samples=("ib_income_band_sk=4",))

ASSETS = {tuple(asset.key.path): asset for asset in (*bronze_assets(), *silver_assets(months_per_run=12))}
income_band = ASSETS["bronze", "income_band"]
customer = ASSETS["bronze", "customer"]
silver_income_band = ASSETS["silver", "income_band"]
store_returns = ASSETS["silver", "store_returns"]
store_sales = ASSETS["silver", "store_sales"]


@dataclass
class FakeEngine:
    """Stages rows that are all NULL: as many as `rows` says for a partition, else all lines of a batch, or one for a month.

    Of a batch the other lines go to quarantine. `violations` are what it finds; `unevaluated` rules it gives up.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    violations: Mapping[str, Sequence[Violation]] = field(default_factory=dict)
    unevaluated: Mapping[str, str] = field(default_factory=dict)
    error: Exception | None = None
    name: str = "fake"
    tasks: list[Task] = field(default_factory=list)

    def get(self, _: object) -> FakeEngine:
        """As the resource `engine` the fake hands out itself."""
        return self

    def run(self, task: Task) -> Result:
        self.tasks.append(task)
        if self.error:
            raise self.error
        staged = tuple(self._stage(task, partition) for partition in task.partitions)
        read = None if task.files else sum(item.source_rows for item in staged)
        return Result(
            partitions=staged,
            seconds=0.5,
            source_rows=read,
            unevaluated=dict(self.unevaluated),
            audit_seconds=0.25,
        )

    def _stage(self, task: Task, partition: str) -> PartitionResult:
        lines = sum(file.inspection.lines for file in task.files if file.inspection)
        rows = self.rows.get(partition, lines or 1)
        folder = Path(task.staging, partition)
        folder.mkdir(parents=True)
        schema = arrow_schema(lake_table(task.layer, task.table).columns)
        pq.write_table(pa.Table.from_pylist([{}] * rows, schema), folder / "part.parquet")
        key = task.files[0].object if task.files else None
        return PartitionResult(
            partition=partition,
            rows=rows,
            quarantined=max(lines - rows, 0),
            content=f"content of {partition}",
            objects=(StagedObject(folder=partition, rows=rows, object=key),),
            violations=tuple(self.violations.get(partition, ())),
        )


class AskingEngine(FakeEngine):
    """Makes ten writes and four reads of S3 on the way."""

    def run(self, task: Task) -> Result:
        S3_REQUESTS.add(Requests(writes=10, reads=4))
        return super().run(task)


@dataclass(frozen=True)
class Site:
    """A lake with two batches pinned, each with one file of `LINES` lines of every table of `DELIVERED`."""

    lake: LakeResource
    instance: dg.DagsterInstance

    @property
    def root(self) -> Path:
        return self.lake.lake().settings.local_root

    def with_rules(self, rules: Mapping[str, object]) -> Site:
        """The same lake with these changes of rules in its settings."""
        settings = self.lake.lake().settings
        changed = Settings.model_validate(settings.model_dump() | {"rules": rules})
        return Site(LakeResource.from_settings(changed), self.instance)

    def materialise(
        self, asset: dg.AssetsDefinition, engine: FakeEngine, *partitions: str
    ) -> dg.ExecuteInProcessResult:
        """A run over one partition, or over a range when two are given; it may fail."""
        start, end = partitions[0], partitions[-1]
        of_range = {"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end}
        return dg.materialize(
            [asset],
            instance=self.instance,
            resources={"lake": self.lake, "engine": engine},
            partition_key=start if len(partitions) == 1 else None,
            tags=of_range if len(partitions) > 1 else None,
            raise_on_error=False,
        )

    def credited(self, asset: dg.AssetsDefinition) -> dict[str | None, dict[str, Any]]:
        """Metadata of the materialisations that Dagster recorded for an asset, by partition."""
        records = self.instance.fetch_materializations(asset.key, limit=100).records
        found = [record.asset_materialization for record in records]
        assert len({event.partition for event in found if event}) == len(found)
        return {
            event.partition: {name: value.value for name, value in event.metadata.items()} for event in found if event
        }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    root, source = tmp_path / "lake", tmp_path / "source"
    lake = Lake(Settings(root=root, source=source, memory_gb=1, threads=1))
    for number in (1, 2):
        for table in DELIVERED:
            (source / table).mkdir(parents=True, exist_ok=True)
            columns = len(BRONZE[table].columns)
            (source / table / f"{number}.dat").write_text(("1|" * columns + "\n") * LINES)
        batches = lake.ledger.batches()
        pin(lake.ledger, lake.source, examine(lake.source, look(lake.source, batches), batches, threads=1).files)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("source_batch", [FIRST, SECOND])
        yield Site(LakeResource.from_settings(lake.settings), instance)


@pytest.fixture
def ingested(site: Site) -> Site:
    """The site with its bronze tables published, of which Dagster knows nothing."""
    lake = site.lake.lake()
    for table in DELIVERED:
        assert lake.materialise(BRONZE[table], [FIRST, SECOND], FakeEngine().run, "ingestion").failed == {}
    return site


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """What the one failed step of a run says."""
    assert not result.success
    (event,) = result.get_step_failure_events()
    assert event.step_failure_data.user_failure_data is not None
    return event.step_failure_data.user_failure_data.description or ""


def test_a_materialised_partition_is_credited_with_its_own_figures(site: Site) -> None:
    engine = FakeEngine(rows={SECOND: 3})
    result = site.materialise(income_band, engine, SECOND)
    assert result.success
    credited = site.credited(income_band)
    assert set(credited) == {SECOND}
    figures = credited[SECOND]
    publication = site.lake.lake().ledger.read(BRONZE["income_band"], SECOND).settled
    assert publication is not None
    assert publication.run_id == result.run_id
    assert figures["dagster/partition_row_count"] == figures["dagster/row_count"] == 3
    assert figures["quarantined_rows"] == LINES - 3
    assert figures["source_rows"] == LINES
    assert (figures["engine_seconds"], figures["audit_seconds"]) == (0.5, 0.25)
    assert figures["bytes"] == publication.bytes > 0
    assert figures["content_hash"] == f"content of {SECOND}"
    assert figures["location"] == str(Path(site.root, "bronze", "income_band", f"source_batch={SECOND}"))


def test_every_partition_of_a_range_is_credited_with_its_own_figures(site: Site) -> None:
    assert site.materialise(income_band, FakeEngine(rows={FIRST: 4, SECOND: 7}), FIRST, SECOND).success
    credited = site.credited(income_band)
    assert {partition: figures["dagster/partition_row_count"] for partition, figures in credited.items()} == {
        FIRST: 4,
        SECOND: 7,
    }
    assert credited[FIRST]["location"] != credited[SECOND]["location"]


def test_a_range_of_months_is_one_task_and_credits_each_month(ingested: Site) -> None:
    engine = FakeEngine(rows={"2000-05": 5, "2000-06": 6, "2000-07": 0})
    assert ingested.materialise(store_returns, engine, "2000-05", "2000-07").success
    assert [task.partitions for task in engine.tasks] == [("2000-05", "2000-06", "2000-07")]
    credited = ingested.credited(store_returns)
    assert {month: figures["dagster/partition_row_count"] for month, figures in credited.items()} == engine.rows
    assert credited["2000-07"]["preview"] == "no rows"


def test_the_requests_to_s3_of_a_step_are_shared_by_its_partitions(ingested: Site) -> None:
    S3_REQUESTS.add(Requests(writes=1000, reads=1000))  # of earlier steps
    assert ingested.materialise(store_returns, AskingEngine(), "2000-05", "2000-06").success
    for figures in ingested.credited(store_returns).values():
        assert (figures["s3_writes"], figures["s3_reads"]) == (5, 2)
        assert figures["s3_cost_usd"] == pytest.approx(5 * 0.005 / 1000 + 2 * 0.0004 / 1000)
    (cost,) = costs(ingested.instance, runs=1)
    assert cost.dollars == pytest.approx(10 * 0.005 / 1000 + 4 * 0.0004 / 1000)


def test_a_step_that_publishes_nothing_still_tells_what_its_requests_cost(ingested: Site) -> None:
    engine = AskingEngine(violations={"2000-05": [CONTRADICTION]})
    assert not ingested.materialise(store_sales, engine, "2000-05").success
    (cost,) = costs(ingested.instance, runs=1)
    assert (cost.table, cost.partitions) == ("silver.store_sales", 0)
    assert cost.dollars == pytest.approx(10 * 0.005 / 1000 + 4 * 0.0004 / 1000)


def test_a_lake_that_asks_nothing_of_s3_tells_nothing_of_it(site: Site) -> None:
    assert site.materialise(income_band, FakeEngine(), FIRST).success
    assert not [name for name in site.credited(income_band)[FIRST] if name.startswith("s3_")]


def test_a_dimension_is_one_object_and_every_batch_applied_is_credited_with_it(ingested: Site) -> None:
    assert ingested.materialise(silver_income_band, FakeEngine(rows={"all": 20}), FIRST, SECOND).success
    credited = ingested.credited(silver_income_band)
    assert set(credited) == {FIRST, SECOND}
    assert credited[FIRST] == credited[SECOND]
    assert credited[FIRST]["dagster/partition_row_count"] == 20


def test_the_preview_shows_no_personal_data(site: Site) -> None:
    assert site.materialise(customer, FakeEngine(rows={FIRST: 12}), FIRST).success
    header, _, *rows = site.credited(customer)[FIRST]["preview"].splitlines()
    personal = {column.name for column in BRONZE["customer"].columns if column.personal}
    shown = {name.strip() for name in header.strip("|").split("|")}
    assert "c_email_address" in personal
    assert shown == {column.name for column in BRONZE["customer"].columns} - personal
    assert len(rows) == 10


def test_an_error_that_the_user_can_mend_is_told_in_its_own_words(site: Site) -> None:
    result = site.materialise(income_band, FakeEngine(error=EngineError("The engine 'fake' died.")), FIRST)
    assert failure_of(result) == "The engine 'fake' died."
    assert site.credited(income_band) == {}


def test_an_error_that_the_user_can_mend_is_not_retried(site: Site) -> None:
    engine = FakeEngine(error=EngineError("The engine 'fake' died."))
    definitions = dg.Definitions(
        assets=[income_band],
        jobs=[dg.define_asset_job("retrying", op_retry_policy=dg.RetryPolicy(max_retries=3))],
        resources={"lake": site.lake, "engine": engine},
    )
    result = definitions.resolve_job_def("retrying").execute_in_process(
        instance=site.instance, partition_key=FIRST, raise_on_error=False
    )
    assert failure_of(result) == "The engine 'fake' died."
    assert len(engine.tasks) == 1


def test_a_batch_that_never_arrived_is_named_together_with_those_that_did(site: Site) -> None:
    site.instance.add_dynamic_partitions("source_batch", ["batch-000009"])
    message = failure_of(site.materialise(income_band, FakeEngine(), "batch-000009"))
    assert message.startswith(f"The lake has no batch 'batch-000009'; it has {FIRST}, {SECOND}.")


def test_a_range_that_fails_in_part_credits_what_was_published_and_fails(ingested: Site) -> None:
    engine = FakeEngine(rows={"2000-05": 5, "2000-07": 7}, violations={"2000-06": [CONTRADICTION]})
    message = failure_of(ingested.materialise(store_sales, engine, "2000-05", "2000-07"))
    assert "silver.store_sales: 1 of 3 partitions were not published" in message
    assert "2000-06: order_header__date (2 rows), e.g. ss_item_sk=1, ss_ticket_number=7" in message
    credited = ingested.credited(store_sales)
    assert {month: figures["dagster/partition_row_count"] for month, figures in credited.items()} == {
        "2000-05": 5,
        "2000-07": 7,
    }


def called(asset: dg.AssetsDefinition, site: Site, engine: FakeEngine) -> list[object]:
    """What an asset yields for a month when it is called as a function."""
    yielded = asset(dg.build_asset_context(partition_key="2000-05"), lake=site.lake, engine=engine)
    assert isinstance(yielded, Iterator)
    return list(yielded)


def test_an_asset_may_be_called_like_a_function(ingested: Site) -> None:
    engine = FakeEngine(rows={"2000-05": 5})
    *checks, result = called(store_returns, ingested, engine)
    assert [type(check) for check in checks] == [dg.AssetCheckResult] * len(declared(store_returns))
    assert isinstance(result, dg.MaterializeResult)
    assert result.metadata is not None
    assert result.metadata["dagster/partition_row_count"] == 5
    assert [task.table for task in engine.tasks] == ["store_returns"]


def test_an_asset_called_like_a_function_fails_as_in_a_run(ingested: Site) -> None:
    engine = FakeEngine(violations={"2000-05": [CONTRADICTION]})
    with pytest.raises(dg.Failure, match=r"2000-05: order_header__date \(2 rows\)"):
        called(store_sales, ingested, engine)


def declared(asset: dg.AssetsDefinition) -> list[str]:
    return sorted(key.name for key in asset.check_keys)


def evaluated(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """What each check said in a run; none may have spoken twice."""
    found = result.get_asset_check_evaluations()
    by_name = {evaluation.check_name: evaluation for evaluation in found}
    assert len(by_name) == len(found)
    return by_name


def failed(result: dg.ExecuteInProcessResult) -> set[str]:
    return {name for name, evaluation in evaluated(result).items() if not evaluation.passed}


def told(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    """Metadata of a check by label; a table as its rows."""
    return {
        name: [dict(record.data) for record in value.records]
        if isinstance(value, dg.TableMetadataValue)
        else value.value
        for name, value in evaluation.metadata.items()
    }


MONTHS_OF_A_RUN = [("2000-05",), ("2000-05", "2000-07")]


@pytest.mark.parametrize("months", MONTHS_OF_A_RUN, ids="..".join)
def test_every_declared_check_reports_once_when_all_is_well(ingested: Site, months: tuple[str, ...]) -> None:
    result = ingested.materialise(store_sales, FakeEngine(), *months)
    assert result.success
    assert sorted(evaluated(result)) == declared(store_sales)


@pytest.mark.parametrize("months", MONTHS_OF_A_RUN, ids="..".join)
def test_every_declared_check_reports_once_when_a_month_is_blocked(ingested: Site, months: tuple[str, ...]) -> None:
    result = ingested.materialise(store_sales, FakeEngine(violations={"2000-05": [CONTRADICTION]}), *months)
    assert not result.success
    assert sorted(evaluated(result)) == declared(store_sales)


@pytest.mark.parametrize("batches", [(SECOND,), (FIRST, SECOND)], ids="..".join)
@pytest.mark.parametrize("asset", [income_band, silver_income_band], ids=lambda asset: asset.key.to_user_string())
def test_every_declared_check_of_a_table_by_batch_reports_once(
    ingested: Site, asset: dg.AssetsDefinition, batches: tuple[str, ...]
) -> None:
    result = ingested.materialise(asset, FakeEngine(), *batches)
    assert result.success
    assert sorted(evaluated(result)) == declared(asset)
    assert failed(result) == set()


def test_a_check_that_passes_says_how_many_rules_hold(ingested: Site) -> None:
    result = ingested.materialise(silver_income_band, FakeEngine(rows={"all": 20}), FIRST)
    found = evaluated(result)["range"]
    rules = [rule for rule in rules_of(SILVER["income_band"]) if rule.kind == "range"]
    assert found.description == f"{len(rules)} of {len(rules)} rules hold"
    metadata = told(found)
    assert "broken" not in metadata
    assert (metadata["violations"], metadata["rows_checked"]) == (0, 20)
    assert [row["rule"] for row in metadata["rules"]] == [rule.name for rule in rules]
    assert [row["demands"] for row in metadata["rules"]] == [rule.sentence for rule in rules]


def test_a_broken_rule_of_a_blocked_month_is_an_error_that_tells_month_rule_rows_and_examples(ingested: Site) -> None:
    engine = FakeEngine(rows={"2000-06": 40}, violations={"2000-06": [CONTRADICTION]})
    result = ingested.materialise(store_sales, engine, "2000-05", "2000-07")
    found = evaluated(result)["order_header"]
    assert not found.passed
    assert found.asset_key == store_sales.key
    assert found.severity == dg.AssetCheckSeverity.ERROR
    assert found.description == "order_header__date: 2 in 2000-06, e.g. ss_item_sk=1, ss_ticket_number=7"
    metadata = told(found)
    sentence = rule_of(SILVER["store_sales"], "order_header__date").sentence
    assert metadata["broken"] == (
        f"**order_header__date** (block): {sentence}\n"
        "- violations per partition: 2000-06: 2\n"
        "- e.g. ss_item_sk=1, ss_ticket_number=7"
    )
    assert (metadata["violations"], metadata["rows_checked"]) == (2, 42)
    assert metadata["quarantine"] == str(Path(ingested.root, "quarantine", "silver", "store_sales"))
    assert metadata["rules"][0] == {
        "rule": "order_header__date",
        "demands": sentence,
        "action": "block",
        "threshold": 0.0,
        "violations": 2,
        "share": round(2 / 42, 6),
    }
    assert failed(result) - {"conservation"} == {"order_header"}


def test_rows_in_quarantine_fail_the_check_as_an_error_but_not_the_run(ingested: Site) -> None:
    result = ingested.materialise(store_returns, FakeEngine(violations={"2000-05": [DANGLING]}), "2000-05")
    assert result.success
    found = evaluated(result)["foreign_key"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert found.description == "foreign_key__sr_item_sk: 3 in 2000-05, e.g. sr_item_sk=9, sr_ticket_number=7"
    assert set(ingested.credited(store_returns)) == {"2000-05"}


def test_a_rule_that_only_warns_fails_its_check_as_a_warning(ingested: Site) -> None:
    result = ingested.materialise(silver_income_band, FakeEngine({"all": 20}, {"all": [LOW_BAND]}), FIRST)
    assert result.success
    found = evaluated(result)["range"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert failed(result) == {"range"}


@pytest.mark.parametrize(("threshold", "passed"), [(0.04, False), (0.05, True)])
def test_as_many_rows_as_the_threshold_allows_do_not_fail_the_check_but_are_told(
    ingested: Site, threshold: float, passed: bool
) -> None:
    tolerant = ingested.with_rules({"silver.income_band.range__*": {"threshold": threshold}})
    result = tolerant.materialise(silver_income_band, FakeEngine({"all": 20}, {"all": [LOW_BAND]}), FIRST)
    found = evaluated(result)["range"]
    assert found.passed == passed
    assert "ib_income_band_sk=4" in told(found)["broken"]
    assert told(found)["violations"] == 1


def test_a_check_stays_failed_while_a_month_that_the_run_did_not_touch_breaks_its_rule(ingested: Site) -> None:
    ingested.materialise(store_returns, FakeEngine({"2000-05": 9}, {"2000-05": [DANGLING]}), "2000-05")
    other = evaluated(ingested.materialise(store_returns, FakeEngine(), "2000-06"))["foreign_key"]
    assert (other.passed, other.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert other.description == "foreign_key__sr_item_sk: 3 in 2000-05"
    assert "- violations per partition: 2000-05: 3" in told(other)["broken"]
    assert told(other)["violations"] == 3

    mended = evaluated(ingested.materialise(store_returns, FakeEngine(), "2000-05"))["foreign_key"]
    assert mended.passed
    assert "broken" not in told(mended)


def test_months_that_a_run_touched_and_others_are_told_together(ingested: Site) -> None:
    ingested.materialise(store_returns, FakeEngine({"2000-05": 9}, {"2000-05": [DANGLING]}), "2000-05")
    more = DANGLING.model_copy(update={"rows": 4})
    result = ingested.materialise(store_returns, FakeEngine(violations={"2000-06": [more]}), "2000-06")
    found = evaluated(result)["foreign_key"]
    assert str(found.description).startswith("foreign_key__sr_item_sk: 7 in 2000-05 and 1 more, e.g. ")
    assert "- violations per partition: 2000-05: 3, 2000-06: 4" in told(found)["broken"]


def test_a_blocked_month_counts_by_what_it_would_have_been_not_by_what_it_is(ingested: Site) -> None:
    """A month once published with a broken rule that is blocked now is told once."""
    relaxed = ingested.with_rules({"silver.store_sales.order_header__date": "warn"})
    assert relaxed.materialise(store_sales, FakeEngine(violations={"2000-05": [CONTRADICTION]}), "2000-05").success
    more = CONTRADICTION.model_copy(update={"rows": 5})
    result = ingested.materialise(store_sales, FakeEngine(violations={"2000-05": [more]}), "2000-05")
    assert str(evaluated(result)["order_header"].description).startswith("order_header__date: 5 in 2000-05, e.g. ")


def test_a_check_stays_failed_while_a_month_is_blocked_that_the_run_did_not_touch(ingested: Site) -> None:
    ingested.materialise(store_sales, FakeEngine(violations={"2000-05": [CONTRADICTION]}), "2000-05")
    other = evaluated(ingested.materialise(store_sales, FakeEngine(), "2000-06"))["order_header"]
    assert (other.passed, other.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert other.description == "order_header__date: 2 in 2000-05"
    mended = evaluated(ingested.materialise(store_sales, FakeEngine(), "2000-05"))["order_header"]
    assert mended.passed


def test_a_rule_that_was_not_evaluated_does_not_pass_and_only_warns(ingested: Site) -> None:
    reason = "nothing of item has been published yet"
    engine = FakeEngine(unevaluated={"foreign_key__sr_item_sk": reason})
    result = ingested.materialise(store_returns, engine, "2000-05")
    assert result.success
    found = evaluated(result)["foreign_key"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description == f"not evaluated: {reason}"
    assert f"- {reason}" in told(found)["broken"]
    (row,) = [row for row in told(found)["rules"] if row["rule"] == "foreign_key__sr_item_sk"]
    assert (row["violations"], row["share"]) == (None, None)


def test_conservation_is_evaluated_only_once_every_month_is_there(ingested: Site) -> None:
    part = evaluated(ingested.materialise(store_returns, FakeEngine(), "2000-05"))["conservation"]
    assert (part.passed, part.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert str(part.description).startswith("not evaluated: this run builds only some of the partitions")
    everything = dict.fromkeys(MONTHS, 0) | {"undated": 2 * LINES}
    whole = ingested.materialise(store_returns, FakeEngine(everything), MONTHS[0], MONTHS[-1])
    assert evaluated(whole)["conservation"].passed
    again = ingested.materialise(store_returns, FakeEngine(everything), "undated")
    assert evaluated(again)["conservation"].passed


def test_lost_lines_of_a_batch_fail_the_check_and_keep_it_from_being_published(site: Site) -> None:
    result = site.materialise(income_band, FakeEngine(rows={FIRST: LINES + 1}), FIRST)
    assert not result.success
    assert failed(result) == {"conservation"}
    assert evaluated(result)["conservation"].severity == dg.AssetCheckSeverity.ERROR
    assert "1 row invented" in failure_of(result)
    assert site.credited(income_band) == {}


def test_an_error_of_the_engine_leaves_the_checks_without_a_result(ingested: Site) -> None:
    result = ingested.materialise(store_sales, FakeEngine(error=EngineError("The engine 'fake' died.")), "2000-05")
    assert failure_of(result) == "The engine 'fake' died."
    assert evaluated(result) == {}


def test_an_error_that_nobody_foresaw_leaves_the_checks_without_a_result(ingested: Site) -> None:
    result = ingested.materialise(store_sales, FakeEngine(error=ZeroDivisionError("division")), "2000-05")
    assert not result.success
    assert evaluated(result) == {}
