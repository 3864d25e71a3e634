"""`lake-assets run` as files arrive over time: it refreshes what depends on them and ends where one run would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from isal import igzip

from lake_assets.contract.calendar import MONTHS, sk_of
from lake_assets.contract.layers import GOLD, SILVER, lake_table
from lake_assets.contract.tables import FACTS, TABLES
from lake_assets.lake.lake import Lake
from lake_assets.lake.records import Publication
from lake_assets.query.duckdb import connect
from lake_assets.settings import Settings
from lake_assets_tests.conftest import BuiltLake, lake_assets, lake_environment
from lake_assets_tests.support.dirty_files import RETURN, with_amounts, with_fields

SOLD = tuple(table.name for table in FACTS if table.channel)
IN_PARTS = ("inventory", *SOLD)
DELIVERED = ("date_dim", "customer", "item", *IN_PARTS)
"""What gold reads. The other tables would make the same two runs only longer."""
SUMMARY = GOLD["daily_sales_summary"]
FIRST_QUARTER = "2000-01..2000-03"
NOTHING = "Nothing to do"


@dataclass(frozen=True)
class Place:
    """A lake, its source and its Dagster home below one folder."""

    folder: Path

    @property
    def settings(self) -> Settings:
        return Settings(root=self.folder / "lake", source=self.folder / "source")

    @property
    def home(self) -> Path:
        return self.folder / "dagster_home"

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        environment = lake_environment(self.settings.local_root, self.settings.local_source, self.home)
        return lake_assets(environment, "run", *options)

    def publications(self, layer: str, table: str) -> dict[str, Publication]:
        """By partition, as the ledger has them now."""
        entries = Lake(self.settings).ledger.entries(lake_table(layer, table))
        return {partition: entry.settled for partition, entry in entries.items() if entry.settled}

    def dagster_runs(self) -> int:
        with _instance(self.home) as instance:
            return instance.get_runs_count()


def _instance(home: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(home))


def _contents(publications: dict[str, Publication]) -> dict[str, str]:
    return {partition: known.content for partition, known in publications.items()}


def _published_at(publications: dict[str, Publication]) -> dict[str, object]:
    return {partition: known.published_at for partition, known in publications.items()}


@dataclass(frozen=True)
class Grown:
    """A lake that grew in two runs, with what the runs printed and how many Dagster runs there were after each."""

    place: Place
    outputs: tuple[str, ...]
    dagster_runs: tuple[int, ...]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Grown:
    """First every dimension and the first file of each fact, then the other files, then nothing new."""
    place = Place(tmp_path_factory.mktemp("grown"))
    outputs, counts = [], []
    for files in ("*.0001.gz", "*", "*"):
        for path in (path for table in DELIVERED for path in (source / table).glob(files)):
            target = place.settings.local_source / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        done = place.run()
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout + done.stderr)
        counts.append(place.dagster_runs())
    return Grown(place, tuple(outputs), tuple(counts))


@pytest.fixture(scope="module")
def both(grown: Grown, built_lake: BuiltLake) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake that grew as schemas `bronze`, `silver`, `gold`, and the one built at once as `<layer>_at_once`."""
    with connect(grown.place.settings.local_root) as connection:
        for layer, names in (("silver", DELIVERED), ("gold", tuple(GOLD))):
            connection.execute(f"CREATE SCHEMA {layer}_at_once")
            for name in names:
                folder = built_lake.root / layer / name
                connection.execute(
                    f"CREATE VIEW {layer}_at_once.{name} AS SELECT * FROM read_parquet('{folder}/**/*.parquet', "
                    "hive_partitioning = true, hive_types_autocast = false)"
                )
        yield connection


def test_the_second_run_refreshes_and_the_third_has_nothing_to_do(grown: Grown) -> None:
    first, second, third = grown.outputs
    assert NOTHING not in first + second
    assert NOTHING in third
    assert grown.dagster_runs[1] > grown.dagster_runs[0] > 0
    assert grown.dagster_runs[2] == grown.dagster_runs[1]


def test_the_batches_are_what_arrived(grown: Grown) -> None:
    batches = Lake(grown.place.settings).ledger.batches()
    arrived = [[file.path for file in batch.files] for batch in batches]
    assert [len(paths) for paths in arrived] == [len(DELIVERED), len(IN_PARTS)]
    assert all(path.endswith(".0002.gz") for path in arrived[1])


@pytest.mark.parametrize("name", DELIVERED)
def test_silver_holds_the_rows_of_the_lake_built_at_once(both: duckdb.DuckDBPyConnection, name: str) -> None:
    rows = f"(SELECT * EXCLUDE (load_timestamp, source_batch) FROM silver.{name})"
    at_once = f"(SELECT * EXCLUDE (load_timestamp, source_batch) FROM silver_at_once.{name})"
    count, difference = both.execute(
        f"SELECT (SELECT count(*) FROM {rows}), (SELECT count(*) FROM ({rows} EXCEPT ALL {at_once}))"
        f" + (SELECT count(*) FROM ({at_once} EXCEPT ALL {rows}))"
    ).fetchall()[0]
    assert count > 0
    assert difference == 0


@pytest.mark.parametrize("name", GOLD)
def test_gold_has_the_content_of_the_lake_built_at_once(grown: Grown, built_lake: BuiltLake, name: str) -> None:
    at_once = Place(built_lake.root.parent)
    assert at_once.settings.local_root == built_lake.root
    expected = _contents(at_once.publications("gold", name))
    assert len(expected) == len(GOLD[name].partitions)
    assert _contents(grown.place.publications("gold", name)) == expected


def test_every_row_of_every_table_is_accounted_for(grown: Grown) -> None:
    done = lake_assets(
        lake_environment(grown.place.settings.local_root, grown.place.settings.local_source, grown.place.home), "status"
    )
    assert done.returncode == 0, done.stderr
    for name in DELIVERED:
        (line,) = [line for line in done.stdout.splitlines() if re.match(rf"│ {name} +│", line)]
        figures = [cell.strip() for cell in line.strip("│").split("│")]
        assert figures[-1] == "0", line


def test_dagster_knows_the_runs_and_credits_every_partition(grown: Grown) -> None:
    with _instance(grown.place.home) as instance:
        runs = instance.get_runs()
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
        assert {run.job_name for run in runs} >= {"ingest", "refresh_months", "refresh_years"}
        assert instance.get_dynamic_partitions("source_batch") == ["batch-000001", "batch-000002"]
        for name in SOLD:
            assert instance.get_materialized_partitions(dg.AssetKey(["silver", name])) == set(MONTHS)
        for table in GOLD.values():
            assert instance.get_materialized_partitions(dg.AssetKey(["gold", table.name])) == set(table.partitions)
        both_batches = {"batch-000001", "batch-000002"}
        assert instance.get_materialized_partitions(dg.AssetKey(["bronze", "store_sales"])) == both_batches
        assert instance.get_materialized_partitions(dg.AssetKey(["silver", "item"])) == {"batch-000001"}


def _last_metadata(home: Path, key: list[str], partition: str) -> dict[str, object]:
    """Metadata of the latest materialisation of one partition."""
    with _instance(home) as instance:
        filters = dg.AssetRecordsFilter(asset_key=dg.AssetKey(key), asset_partitions=[partition])
        (record,) = instance.fetch_materializations(filters, limit=1).records
    assert record.asset_materialization is not None
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}


@pytest.mark.parametrize(
    ("key", "partition"),
    [
        (["silver", "store_sales"], "2000-03"),
        (["gold", "daily_sales_summary"], "2000-03"),
        (["gold", "product_performance"], "2000"),
        (["bronze", "web_returns"], "batch-000002"),
    ],
    ids=["silver", "gold by month", "gold by year", "bronze"],
)
def test_the_metadata_of_a_materialisation_is_what_the_ledger_says(
    grown: Grown, key: list[str], partition: str
) -> None:
    published = grown.place.publications(*key)[partition]
    told = _last_metadata(grown.place.home, key, partition)
    assert told["dagster/partition_row_count"] == published.rows > 0
    assert (
        told["bytes"]
        == published.bytes
        == sum((grown.place.settings.local_root / stored.key).stat().st_size for stored in published.objects)
    )
    assert (told["quarantined_rows"], told["duplicate_rows"]) == (0, 0)
    assert told["content_hash"] == published.content
    assert str(told["preview"]).startswith("| ")


def test_the_preview_of_customers_shows_no_personal_data(grown: Grown) -> None:
    preview = str(_last_metadata(grown.place.home, ["silver", "customer"], "batch-000001")["preview"])
    personal = [column.name for column in TABLES["customer"].columns if column.personal]
    assert "c_customer_id" in preview
    assert [name for name in personal if name in preview] == []
    with connect(grown.place.settings.local_root) as connection:
        people = connection.execute(
            "SELECT c_email_address, c_first_name, c_last_name FROM silver.customer ORDER BY c_customer_sk LIMIT 10"
        ).fetchall()
    values = [value for person in people for value in person if value]
    assert len(values) > 20
    assert [value for value in values if value in preview] == []


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory, built_lake: BuiltLake) -> Place:
    """A copy of the built lake, with its source and Dagster home."""
    place = Place(tmp_path_factory.mktemp("later"))
    shutil.copytree(built_lake.root, place.settings.local_root)
    shutil.copytree(built_lake.source, place.settings.local_source)
    shutil.copytree(built_lake.dagster_home, place.home)
    return place


def _deliver_return(place: Place, name: str, day: int) -> Decimal:
    """A file with one return: all pieces of a sale that nothing came back of. What they were worth."""
    with connect(place.settings.local_root) as connection:
        item, ticket, quantity, amount = connection.execute(
            "SELECT ss_item_sk, ss_ticket_number, ss_quantity, ss_ext_sales_price"
            " FROM silver.store_sales ANTI JOIN silver.store_returns"
            " ON ss_item_sk = sr_item_sk AND ss_ticket_number = sr_ticket_number"
            " WHERE ss_sold_date_sk < ? AND ss_ext_sales_price > 0 AND ss_quantity * ss_sales_price = ss_ext_sales_price"
            " ORDER BY ss_ticket_number, ss_item_sk LIMIT 1",
            [day],
        ).fetchall()[0]
    line = with_amounts(
        "store_returns",
        RETURN,
        sr_item_sk=item,
        sr_ticket_number=ticket,
        sr_returned_date_sk=day,
        sr_return_quantity=quantity,
        sr_refunded_cash=amount,
        sr_reversed_charge="0.00",
        sr_store_credit="0.00",
    )
    (place.settings.local_source / "store_returns" / name).write_bytes(bytes(igzip.compress(f"{line}\n".encode())))
    return Decimal(amount)


def _returns_by_month(place: Place) -> dict[str, object]:
    with connect(place.settings.local_root) as connection:
        return dict(
            connection.execute(
                "SELECT sales_month, sum(returns_amt) FROM gold.daily_sales_summary WHERE channel = 'store' GROUP BY ALL"
            ).fetchall()
        )


def test_a_late_return_changes_one_month_and_months_can_be_refreshed_by_name(later: Place) -> None:
    gold, silver = later.publications("gold", SUMMARY.name), later.publications("silver", "store_returns")
    sums = _returns_by_month(later)
    amount = _deliver_return(later, "late.dat.gz", sk_of_month("2000-05"))

    # It is ingested, but no month of the quarter has anything to do with it.
    done = later.run("--months", FIRST_QUARTER)
    assert done.returncode == 0, done.stderr
    assert later.publications("silver", "store_returns") == silver
    assert later.publications("gold", SUMMARY.name) == gold

    done = later.run("--months", "2000-03..2000-06")
    assert done.returncode == 0, done.stderr
    now = later.publications("silver", "store_returns")
    assert {month for month in MONTHS if now[month] != silver[month]} == {"2000-05"}
    assert now["2000-05"].rows == silver["2000-05"].rows + 1
    refreshed = _published_at(later.publications("gold", SUMMARY.name))
    assert {month for month in MONTHS if refreshed[month] != gold[month].published_at} == {"2000-05"}
    expected = {**sums, "2000-05": sums["2000-05"] + amount}  # type: ignore[operator]
    assert _returns_by_month(later) == expected

    assert NOTHING in later.run().stderr


def sk_of_month(month: str) -> int:
    """Date key of the 15th of a month."""
    return sk_of(date.fromisoformat(f"{month}-15"))


def test_only_the_selected_assets_are_refreshed(later: Place) -> None:
    before = {name: later.publications("silver", name) for name in ("item", "reason")}
    for name, line in (("reason", "2|AAAAAAAACAAAAAAA|Too late|\n"), ("item", None)):
        table = later.settings.local_source / name
        text = line or igzip.decompress((table / "item.dat.0001.gz").read_bytes()).decode().splitlines()[0] + "\n"
        (table / "more.dat.gz").write_bytes(bytes(igzip.compress(text.encode())))
    done = later.run("--only", "key:bronze/item or key:silver/item")
    assert done.returncode == 0, done.stderr
    assert later.publications("silver", "item")["all"].duplicates == 1
    assert later.publications("silver", "reason") == before["reason"]
    assert "silver.reason" not in done.stdout

    done = later.run()
    assert done.returncode == 0, done.stderr
    assert later.publications("silver", "reason")["all"].rows == before["reason"]["all"].rows + 1
    assert "silver.item" not in done.stdout


def test_a_contradicting_order_blocks_its_months_until_the_file_is_corrected(later: Place) -> None:
    table = later.settings.local_source / "web_sales"
    lines = igzip.decompress((table / "web_sales.dat.0001.gz").read_bytes()).decode().splitlines()
    dated = next(line for line in lines if line.split("|")[0])
    order, item = 10**9, TABLES["web_sales"].column_names.index("ws_item_sk")
    contradicting = [
        with_fields("web_sales", dated, ws_order_number=order, ws_sold_date_sk=sk_of_month(month), ws_item_sk=number)
        for number, month in enumerate(("1999-07", "2000-07"), 1)
    ]
    assert contradicting[0].split("|")[item] == "1"
    # Beside one of the two months, in the same run, one that is good.
    fine = with_fields("web_sales", dated, ws_order_number=order + 1, ws_sold_date_sk=sk_of_month("2000-08"))
    blocked = {"1999-07", "2000-07"}
    before, gold = later.publications("silver", "web_sales"), later.publications("gold", SUMMARY.name)
    wrong = table / "more.dat.gz"
    wrong.write_bytes(bytes(igzip.compress("".join(f"{line}\n" for line in (*contradicting, fine)).encode())))

    done = later.run()
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "silver.web_sales" in done.stderr
    for item_sk, month in enumerate(sorted(blocked), 1):
        told = f"{month}: order_header__date (1 row), e.g. ws_item_sk={item_sk}, ws_order_number={order}"
        assert told in " ".join(done.stderr.split())
    now = later.publications("silver", "web_sales")
    assert {month for month in MONTHS if now[month] != before[month]} == {"2000-08"}
    assert now["2000-08"].rows == before["2000-08"].rows + 1
    refreshed = later.publications("gold", SUMMARY.name)
    assert {month for month in MONTHS if refreshed[month] != gold[month]} == {"2000-08", "2000-09"}
    with _instance(later.home) as instance:
        of_range = dg.RunsFilter(tags={"dagster/asset_partition_range_start": "2000-07"})
        (last,) = instance.get_runs(filters=of_range, limit=1)
        assert last.status == dg.DagsterRunStatus.FAILURE
        credited = [
            record.partition_key
            for record in instance.fetch_materializations(
                dg.AssetKey(["silver", "web_sales"]), limit=len(MONTHS)
            ).records
            if record.run_id == last.run_id
        ]
    assert credited == ["2000-08"]

    wrong.write_bytes(bytes(igzip.compress(f"{contradicting[1]}\n{fine}\n".encode())))
    os.utime(wrong)
    done = later.run()
    assert done.returncode == 0, done.stderr
    assert later.publications("silver", "web_sales")["2000-07"].rows == before["2000-07"].rows + 1
    assert _contents(later.publications("silver", "web_sales"))["1999-07"] == before["1999-07"].content
    changed = _contents(later.publications("gold", SUMMARY.name)).items() - _contents(gold).items()
    assert {month for month, _ in changed} == {"2000-07", "2000-08"}
    assert NOTHING in later.run().stderr


def test_silver_partitions_are_named_as_the_contract_says(grown: Grown) -> None:
    for name in SOLD:
        column = SILVER[name].partition_column
        folders = {path.name for path in (grown.place.settings.local_root / "silver" / name).iterdir() if path.is_dir()}
        assert folders == {f"{column}={month}" for month in MONTHS}
