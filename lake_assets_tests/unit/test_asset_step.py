"""What an asset tells Dagster of one materialisation, over a real lake and an engine that stages rows made up here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake_assets.assets.bronze import bronze_assets
from lake_assets.assets.silver import silver_assets
from lake_assets.contract.layers import BRONZE, lake_table
from lake_assets.contract.types import arrow_schema
from lake_assets.errors import EngineError
from lake_assets.lake.lake import Lake
from lake_assets.lake.source import discover, pin
from lake_assets.lake.task import PartitionResult, Result, StagedObject, Task
from lake_assets.resources import LakeResource
from lake_assets.settings import Settings

FIRST, SECOND = "batch-000001", "batch-000002"
DELIVERED = ("income_band", "customer", "store_returns")

ASSETS = {tuple(asset.key.path): asset for asset in (*bronze_assets, *silver_assets(months_per_run=12))}
income_band = ASSETS["bronze", "income_band"]
customer = ASSETS["bronze", "customer"]
silver_income_band = ASSETS["silver", "income_band"]
store_returns = ASSETS["silver", "store_returns"]


@dataclass
class FakeEngine:
    """Stages for each partition as many rows as `rows` says (else 1), all NULL. `blocked` fail their audit."""

    rows: Mapping[str, int] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)
    error: Exception | None = None
    name: str = "fake"
    tasks: list[Task] = field(default_factory=list)

    def get(self) -> FakeEngine:
        """As the resource `engine` the fake hands out itself."""
        return self

    def run(self, task: Task) -> Result:
        self.tasks.append(task)
        if self.error:
            raise self.error
        return Result(partitions=tuple(self._stage(task, partition) for partition in task.partitions), seconds=0.5)

    def _stage(self, task: Task, partition: str) -> PartitionResult:
        if partition in self.blocked:
            return PartitionResult(partition=partition, rows=0, blocked=(self.blocked[partition],))
        rows = self.rows.get(partition, 1)
        folder = Path(task.staging, partition)
        folder.mkdir(parents=True)
        schema = arrow_schema(lake_table(task.layer, task.table).columns)
        pq.write_table(pa.Table.from_pylist([{}] * rows, schema), folder / "part.parquet")
        key = task.files[0].object if task.files else None
        return PartitionResult(
            partition=partition,
            rows=rows,
            quarantined=2,
            content=f"content of {partition}",
            objects=(StagedObject(folder=partition, rows=rows, object=key),),
        )


@dataclass(frozen=True)
class Site:
    """A lake with two batches pinned, each with one file of every table of `DELIVERED`."""

    lake: LakeResource
    instance: dg.DagsterInstance

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
    lake = Lake(Settings(root=root, source=source))
    for number in (1, 2):
        for table in DELIVERED:
            (source / table).mkdir(parents=True, exist_ok=True)
            columns = len(BRONZE[table].columns)
            (source / table / f"{number}.dat").write_text("1|" * columns + "\n")
        pin(lake.ledger, source, discover(source, lake.ledger.batches()))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("source_batch", [FIRST, SECOND])
        yield Site(LakeResource(root=str(root), source=str(source), memory_gb=1, threads=1), instance)


@pytest.fixture
def ingested(site: Site) -> Site:
    """The site with its bronze tables published, of which Dagster knows nothing."""
    lake = site.lake.lake()
    for table in DELIVERED:
        lake.materialise(BRONZE[table], [FIRST, SECOND], FakeEngine().run, "ingestion")
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
    assert figures["quarantined_rows"] == 2
    assert figures["source_rows"] == 5
    assert figures["bytes"] == publication.bytes > 0
    assert figures["content_hash"] == f"content of {SECOND}"
    assert figures["location"] == str(Path(site.lake.root, "bronze", "income_band", f"source_batch={SECOND}"))


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
    engine = FakeEngine(rows={"2000-05": 5, "2000-07": 7}, blocked={"2000-06": "2 rows were lost"})
    message = failure_of(ingested.materialise(store_returns, engine, "2000-05", "2000-07"))
    assert "silver.store_returns: 1 of 3 partitions were not published" in message
    assert "2000-06: 2 rows were lost" in message
    credited = ingested.credited(store_returns)
    assert {month: figures["dagster/partition_row_count"] for month, figures in credited.items()} == {
        "2000-05": 5,
        "2000-07": 7,
    }


def test_an_asset_may_be_called_like_a_function(ingested: Site) -> None:
    engine = FakeEngine(rows={"2000-05": 5})
    context = dg.build_asset_context(partition_key="2000-05")
    result = store_returns(context, lake=ingested.lake, engine=engine)
    assert isinstance(result, dg.MaterializeResult)
    assert result.metadata is not None
    assert result.metadata["dagster/partition_row_count"] == 5
    assert [task.table for task in engine.tasks] == ["store_returns"]


def test_an_asset_called_like_a_function_fails_as_in_a_run(ingested: Site) -> None:
    engine = FakeEngine(blocked={"2000-05": "2 rows were lost"})
    with pytest.raises(dg.Failure, match="2000-05: 2 rows were lost"):
        store_returns(dg.build_asset_context(partition_key="2000-05"), lake=ingested.lake, engine=engine)
