"""The code location as Dagster resolves it: assets, partitions, dependencies and jobs, and what loading it costs."""

from __future__ import annotations

import functools
import os
import re
import statistics
import subprocess
import sys
import textwrap
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from lake_assets.assets.checks import check_results
from lake_assets.contract.column_lineage import column_lineage
from lake_assets.contract.layers import BRONZE, GOLD, LAKE_TABLES, SILVER, LakeTable
from lake_assets.contract.rules import KINDS, rules_of
from lake_assets.contract.tables import TABLES
from lake_assets.contract.types import physical_type
from lake_assets.definitions import build_definitions, defs
from lake_assets.lake.audit import Verdict
from lake_assets.lake.planning import TRANSFORM_VERSIONS
from lake_assets.lake.store import LocalStore
from lake_assets.settings import Settings

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetNode

REPOSITORY = Path(__file__).parents[2]
GRAPH = defs.resolve_asset_graph()

SALES = {"catalog_sales", "store_sales", "web_sales"}
RETURNS = {"catalog_returns", "store_returns", "web_returns"}
FACTS = SALES | RETURNS | {"inventory"}
DIMENSIONS = set(TABLES) - FACTS
SUMMARY = ("gold", "daily_sales_summary")
BY_YEAR = {"customer_lifetime_value", "monthly_trends", "product_performance"}
PRODUCTS, TRENDS = ("gold", "product_performance"), ("gold", "monthly_trends")
CUSTOMERS = ("gold", "customer_lifetime_value")
BATCHES = ("batch-000001", "batch-000002")
SECONDS_TO_LOAD = 3

# Dagster is imported first, because its copy of croniter runs `file` to learn whether Python has 64 bits.
AUDIT = """
        import os, sys, dagster
        WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
        CHANGING = ("socket.connect", "socket.bind", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn",
                    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.", "tempfile.")
        def audit(event, arguments):
            if event.startswith(CHANGING) or (event == "open" and arguments[2] & WRITING):
                print(event)
        sys.addaudithook(audit)
""".strip()

ALL_TABLES = pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.identifier)


def node(layer: str, name: str) -> AssetNode:
    return GRAPH.get(dg.AssetKey([layer, name]))


def keys(layer: str, names: set[str]) -> set[dg.AssetKey]:
    return {dg.AssetKey([layer, name]) for name in names}


CATALOGS = keys("catalog", {"bronze", "silver", "gold"})


@functools.cache
def arrived() -> dg.DagsterInstance:
    """An instance that knows of `BATCHES`."""
    instance = dg.DagsterInstance.ephemeral()
    instance.add_dynamic_partitions("source_batch", BATCHES)
    return instance


def partition_keys(asset: AssetNode) -> list[str]:
    assert asset.partitions_def is not None
    return list(asset.partitions_def.get_partition_keys(dynamic_partitions_store=arrived()))


def read_by(downstream: tuple[str, str], partition: str, upstream: tuple[str, str]) -> set[str]:
    """Partitions of `upstream` that a partition of `downstream` is made from, as the UI shows and backfills it."""
    below, above = node(*downstream), node(*upstream)
    assert below.partitions_def is not None
    assert above.partitions_def is not None
    mapped = below.partition_mappings[above.key].get_upstream_mapped_partitions_result_for_partitions(
        below.partitions_def.subset_with_partition_keys([partition]),
        below.partitions_def,
        above.partitions_def,
        current_time=datetime.now(UTC),
        dynamic_partitions_store=arrived(),
    )
    return set(mapped.partitions_subset.get_partition_keys())


def test_there_is_one_asset_per_table_of_each_layer_and_one_for_its_catalog() -> None:
    assert GRAPH.get_all_asset_keys() == {
        *keys("bronze", set(TABLES)),
        *keys("silver", set(TABLES)),
        *keys("gold", {"daily_sales_summary", *BY_YEAR}),
        *CATALOGS,
    }
    assert len(GRAPH.get_all_asset_keys()) == 24 + 24 + 4 + 3


@pytest.mark.parametrize("layer", ["bronze", "silver", "gold"])
def test_the_catalog_of_a_layer_comes_after_its_tables_and_has_no_partitions(layer: str) -> None:
    asset = node("catalog", layer)
    assert asset.group_name == "catalog"
    assert asset.partitions_def is None
    assert asset.parent_keys == keys(layer, {table.name for table in LAKE_TABLES if table.layer == layer})
    (check,) = specs_of(asset.key).values()
    assert (check.name, check.blocking) == ("matches_contract", False)


def test_no_job_that_builds_tables_looks_at_the_catalog() -> None:
    for name in ("ingest", "refresh_months", "refresh_years"):
        assert not CATALOGS & defs.resolve_job_def(name).asset_layer.selected_asset_keys
    assert defs.resolve_job_def("discover_catalog").asset_layer.selected_asset_keys == CATALOGS


@ALL_TABLES
def test_an_asset_says_what_it_is_and_whose_it_is(table: LakeTable) -> None:
    asset = node(table.layer, table.name)
    assert asset.group_name == table.layer
    assert asset.owners == ["team:data-engineering"]
    assert asset.kinds == {"pyspark", "parquet"}
    assert asset.description == table.comment
    assert asset.code_version == TRANSFORM_VERSIONS[table.layer]
    assert asset.tags["layer"] == table.layer
    assert asset.metadata["dagster/table_name"] == f"{table.layer}.{table.name}"
    assert asset.metadata["primary_key"] == ", ".join(table.primary_key)


def comment_of(column: dg.TableColumn) -> str:
    """The description of a column without its last paragraph, which tells where the column comes from."""
    return str(column.description).partition("\n\nFrom ")[0]


@ALL_TABLES
def test_the_columns_of_an_asset_are_those_of_the_contract(table: LakeTable) -> None:
    schema = node(table.layer, table.name).metadata["dagster/column_schema"]
    assert [(column.name, column.type, comment_of(column)) for column in schema.columns] == [
        (column.name, physical_type(column), column.comment) for column in table.columns
    ]
    assert [column.constraints.nullable for column in schema.columns] == [column.nullable for column in table.columns]
    assert {column.name for column in schema.columns if "primary_key" in column.tags} == set(table.primary_key)


@pytest.mark.parametrize("table", [*SILVER.values(), *GOLD.values()], ids=lambda table: table.identifier)
def test_the_lineage_of_columns_is_that_of_the_contract_and_leads_to_columns_of_the_assets_above(
    table: LakeTable,
) -> None:
    asset = node(table.layer, table.name)
    found = asset.metadata["dagster/column_lineage"].deps_by_column
    assert {name: [(tuple(dep.asset_key.path), dep.column_name) for dep in deps] for name, deps in found.items()} == {
        name: [((source.layer, source.table), source.column) for source in sources]
        for name, sources in column_lineage(table).items()
    }
    for dep in (dep for deps in found.values() for dep in deps):
        assert dep.asset_key in asset.parent_keys
        above = GRAPH.get(dep.asset_key).metadata["dagster/column_schema"]
        assert dep.column_name in {column.name for column in above.columns}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_bronze_table_has_no_lineage_of_columns_because_it_is_made_from_files(name: str) -> None:
    assert "dagster/column_lineage" not in node("bronze", name).metadata


@ALL_TABLES
def test_the_description_of_a_column_names_and_links_what_it_comes_from(table: LakeTable) -> None:
    """The lineage itself is shown by no page of the open-source UI."""
    for column in node(table.layer, table.name).metadata["dagster/column_schema"].columns:
        linked: set[tuple[str, str]] = set()
        told = str(column.description).removeprefix(comment_of(column)).removeprefix("\n\nFrom ")
        for part in told.split("; ") if told else ():
            (link,) = re.findall(r"^\[([\w.]+)\]\(/assets/(\w+)/(\w+)\) ", part)
            assert link[0] == f"{link[1]}.{link[2]}"
            linked |= {(link[0], name) for name in re.findall(r"`(\w+)`", part)}
        sources = column_lineage(table)[column.name]
        assert linked == {(f"{source.layer}.{source.table}", source.column) for source in sources}


@ALL_TABLES
def test_personal_data_is_tagged_on_the_column_and_on_the_asset(table: LakeTable) -> None:
    asset = node(table.layer, table.name)
    tagged = {
        column.name for column in asset.metadata["dagster/column_schema"].columns if "personal_data" in column.tags
    }
    assert tagged == {column.name for column in table.columns if column.personal}
    assert ("personal_data" in asset.tags) == bool(tagged)


def test_assets_with_personal_data_are_found_by_their_tag() -> None:
    named = {"call_center", "customer", "customer_address", "store", "web_site"}
    found = {key for key in GRAPH.get_all_asset_keys() if "personal_data" in GRAPH.get(key).tags}
    assert found == keys("bronze", named) | keys("silver", named) | keys("gold", {"customer_lifetime_value"})


def test_only_sales_and_returns_belong_to_a_channel() -> None:
    found = {asset.key.path[-1]: asset.tags["channel"] for asset in GRAPH.asset_nodes if "channel" in asset.tags}
    assert found == {name: name.partition("_")[0] for name in SALES | RETURNS}


def test_bronze_and_dimensions_are_partitioned_by_the_batches_that_arrived() -> None:
    for asset in [*(node("bronze", name) for name in TABLES), *(node("silver", name) for name in DIMENSIONS)]:
        assert isinstance(asset.partitions_def, dg.DynamicPartitionsDefinition)
        assert asset.partitions_def.name == "source_batch"
        assert partition_keys(asset) == list(BATCHES)


def test_facts_and_daily_sales_are_partitioned_by_month_with_one_partition_for_the_undated() -> None:
    for asset in [*(node("silver", name) for name in FACTS), node(*SUMMARY)]:
        months = partition_keys(asset)
        assert len(months) == len(set(months)) == 73
        assert (months[0], months[1], months[-1]) == ("undated", "1998-01", "2003-12")


def test_bronze_is_made_from_files_only() -> None:
    assert {asset.key for asset in GRAPH.asset_nodes if not asset.parent_keys} == keys("bronze", set(TABLES))


@pytest.mark.parametrize("name", sorted(FACTS))
def test_a_fact_is_made_from_its_own_bronze_table(name: str) -> None:
    assert node("silver", name).parent_keys == {dg.AssetKey(["bronze", name])}


@pytest.mark.parametrize("name", sorted(DIMENSIONS))
def test_a_dimension_is_made_from_its_own_bronze_table_after_the_dimensions_that_it_refers_to(name: str) -> None:
    referred = {key.references for key in TABLES[name].foreign_keys}
    assert node("silver", name).parent_keys == keys("bronze", {name}) | keys("silver", referred)


def test_a_batch_of_a_dimension_comes_after_the_same_batch_of_those_that_it_refers_to() -> None:
    assert read_by(("silver", "customer"), BATCHES[1], ("silver", "customer_address")) == {BATCHES[1]}


@pytest.mark.parametrize("name", sorted(FACTS))
def test_a_month_of_a_fact_reads_every_batch(name: str) -> None:
    for month in ("undated", "2000-05"):
        assert read_by(("silver", name), month, ("bronze", name)) == set(BATCHES)


@pytest.mark.parametrize("name", sorted(DIMENSIONS))
def test_a_dimension_takes_one_batch_after_the_other(name: str) -> None:
    assert read_by(("silver", name), "batch-000002", ("bronze", name)) == {"batch-000002"}


def test_daily_sales_are_made_from_sales_returns_and_the_calendar() -> None:
    assert node(*SUMMARY).parent_keys == keys("silver", SALES | RETURNS | {"date_dim"})
    assert read_by(SUMMARY, "2000-05", ("silver", "date_dim")) == set(BATCHES)


@pytest.mark.parametrize("name", sorted(SALES))
@pytest.mark.parametrize(
    ("month", "months_read"),
    [
        ("2000-05", {"2000-04", "2000-05"}),
        ("2000-01", {"1999-12", "2000-01"}),
        ("1998-01", {"1998-01"}),
        ("2003-12", {"2003-11", "2003-12"}),
        ("undated", {"undated"}),
    ],
)
def test_a_month_of_daily_sales_reads_its_own_sales_and_those_of_the_month_before(
    name: str, month: str, months_read: set[str]
) -> None:
    assert read_by(SUMMARY, month, ("silver", name)) == months_read


@pytest.mark.parametrize("name", sorted(RETURNS))
@pytest.mark.parametrize("month", ["undated", "1998-01", "2000-05", "2003-12"])
def test_a_month_of_daily_sales_reads_the_returns_of_that_month_only(name: str, month: str) -> None:
    assert read_by(SUMMARY, month, ("silver", name)) == {month}


def months_of(*years: int) -> set[str]:
    return {f"{year}-{month:02d}" for year in years for month in range(1, 13)}


def test_the_other_gold_tables_are_partitioned_by_year_with_one_partition_for_the_undated() -> None:
    for name in BY_YEAR:
        assert partition_keys(node("gold", name)) == ["undated", "1998", "1999", "2000", "2001", "2002", "2003"]


@pytest.mark.parametrize(
    ("table", "dimensions", "facts"),
    [
        (PRODUCTS, {"item"}, SALES | RETURNS | {"inventory"}),
        (TRENDS, set(), SALES | RETURNS),
        (CUSTOMERS, {"customer"}, SALES | RETURNS),
    ],
    ids=["products", "trends", "customers"],
)
def test_a_gold_table_by_year_is_made_from_the_facts_and_the_dimension_that_it_is_about(
    table: tuple[str, str], dimensions: set[str], facts: set[str]
) -> None:
    assert node(*table).parent_keys == keys("silver", dimensions | facts)
    for name in dimensions:
        assert read_by(table, "2000", ("silver", name)) == set(BATCHES)


@pytest.mark.parametrize(
    ("table", "name", "year", "months_read"),
    [
        (PRODUCTS, "web_sales", "2000", months_of(1999, 2000)),
        (PRODUCTS, "web_sales", "1998", months_of(1998)),
        (PRODUCTS, "web_sales", "undated", {"undated"}),
        (PRODUCTS, "web_returns", "2002", {"undated"} | months_of(2002, 2003)),
        (PRODUCTS, "web_returns", "undated", {"undated"} | months_of(*range(1998, 2004))),
        (PRODUCTS, "inventory", "2000", months_of(2000)),
        (TRENDS, "store_sales", "2000", months_of(1998, 1999, 2000)),
        (TRENDS, "store_sales", "undated", {"undated"}),
        (TRENDS, "store_returns", "2000", months_of(2000)),
        (TRENDS, "store_returns", "undated", {"undated"}),
        (CUSTOMERS, "catalog_sales", "1998", {"undated"} | months_of(*range(1998, 2004))),
        (CUSTOMERS, "catalog_returns", "undated", {"undated"} | months_of(*range(1998, 2004))),
    ],
)
def test_a_year_of_gold_reads_the_months_that_can_change_it(
    table: tuple[str, str], name: str, year: str, months_read: set[str]
) -> None:
    assert read_by(table, year, ("silver", name)) == months_read


def test_a_range_of_batches_is_one_run_and_of_months_as_many_as_the_settings_allow() -> None:
    graph = build_definitions(Settings(months_per_run=6)).resolve_asset_graph()
    by_month = {*keys("silver", FACTS), dg.AssetKey(SUMMARY)}
    for asset in (node for node in graph.asset_nodes if node.partitions_def):
        expected = dg.BackfillPolicy.multi_run(6) if asset.key in by_month else dg.BackfillPolicy.single_run()
        assert asset.backfill_policy == expected, asset.key


def test_each_partition_axis_has_a_job_of_exactly_its_assets() -> None:
    jobs = ("ingest", "refresh_months", "refresh_years")
    found = {name: defs.resolve_job_def(name).asset_layer.selected_asset_keys for name in jobs}
    assert found == {
        "ingest": keys("bronze", set(TABLES)) | keys("silver", DIMENSIONS),
        "refresh_months": keys("silver", FACTS) | {dg.AssetKey(SUMMARY)},
        "refresh_years": keys("gold", BY_YEAR),
    }
    assert set.union(*map(set, found.values())) == GRAPH.get_all_asset_keys() - CATALOGS


def specs(table: LakeTable) -> dict[str, dg.AssetCheckSpec]:
    """The checks of a table as Dagster resolves them, by name."""
    return specs_of(dg.AssetKey([table.layer, table.name]))


def specs_of(asset: dg.AssetKey) -> dict[str, dg.AssetCheckSpec]:
    found = [GRAPH.get_check_spec(key) for key in GRAPH.asset_check_keys if key.asset_key == asset]
    return {spec.name: spec for spec in found}


def listed_rules(spec: dg.AssetCheckSpec) -> list[tuple[str, str, str]]:
    """Names, actions and sentences of the rules that the metadata of a check lists."""
    text = str(spec.metadata["rules"].value)
    lines = [re.fullmatch(r"- `(\w+)` \((\w+)\): (.+)", line) for line in text.splitlines()]
    return [(line[1], line[2], line[3]) for line in lines if line]


def test_there_is_one_check_for_each_table_and_kind_of_rule() -> None:
    expected = {
        dg.AssetCheckKey(dg.AssetKey([table.layer, table.name]), rule.kind)
        for table in LAKE_TABLES
        for rule in rules_of(table)
    }
    of_catalogs = {dg.AssetCheckKey(asset, "matches_contract") for asset in CATALOGS}
    assert GRAPH.asset_check_keys == expected | of_catalogs
    assert len(expected) == 334
    by_layer = Counter(key.asset_key.path[0] for key in expected)
    assert by_layer == {"bronze": 3 * 24, "silver": 232, "gold": 6 + 8 + 7 + 9}


@ALL_TABLES
def test_every_rule_of_a_table_stands_in_the_check_of_its_kind_and_nowhere_else(table: LakeTable) -> None:
    assert {name: listed_rules(spec) for name, spec in specs(table).items()} == {
        kind: [(rule.name, rule.action, rule.sentence) for rule in rules_of(table) if rule.kind == kind]
        for kind in {rule.kind for rule in rules_of(table)}
    }


@ALL_TABLES
def test_a_check_says_what_its_kind_demands_and_by_how_many_rules(table: LakeTable) -> None:
    demands = {str(kind): text for kind, text in KINDS.items()}
    for name, spec in specs(table).items():
        listed = listed_rules(spec)
        count = f"{len(listed)} {'rule' if len(listed) == 1 else 'rules'}"
        blocks = any(action == "block" for _, action, _ in listed)
        told = " A partition that breaks a blocking one is not published." if blocks else ""
        assert spec.description == f"{demands[name]}: {count}.{told}"


def test_all_tables_together_have_as_many_rules_as_the_contract() -> None:
    assert sum(len(listed_rules(spec)) for table in LAKE_TABLES for spec in specs(table).values()) == 1092


def test_no_table_is_without_rules_and_what_each_kind_of_table_must_have_is_there() -> None:
    for table in LAKE_TABLES:
        names = set(specs(table))
        if table.layer == "bronze":
            assert names == {"readable", "schema", "conservation"}
        elif table.layer == "silver":
            assert names >= {"not_null", "unique", "row_count", "conservation", "freshness"}, table.identifier
            assert ("calendar" in names) == (table.name in FACTS)
            assert ("order_header" in names) == (table.name in SALES)
            assert ("sale" in names) == (table.name in RETURNS)
        else:
            assert names >= {"not_null", "unique", "recomputed", "totals", "row_count"}
            assert ("complete" in names) == (table.name in ("monthly_trends", "customer_lifetime_value"))
            # The year of a product is its partition and nothing else.
            assert ("partition" in names) == (table.name != "product_performance")


def test_the_name_of_a_check_or_rule_holds_no_bound_so_that_its_history_survives_another_one() -> None:
    for table in LAKE_TABLES:
        columns = {column.name for column in table.columns}
        for name, spec in specs(table).items():
            assert re.fullmatch("[a-z_]+", name), name
            for rule, _, _ in listed_rules(spec):
                subject = rule.removeprefix(name).removeprefix("__")
                assert subject in columns or re.fullmatch("[a-z_]*", subject), rule


@ALL_TABLES
def test_a_check_reports_but_does_not_itself_hold_anything_up(table: LakeTable) -> None:
    """What breaks a blocking rule is not published; partitions that are, must go on into gold."""
    assert [name for name, spec in specs(table).items() if spec.blocking] == []


@ALL_TABLES
def test_a_broken_rule_is_an_error_of_its_check_unless_it_only_warns(table: LakeTable) -> None:
    for broken in rules_of(table):
        verdicts = [Verdict(rule, "all", 10, int(rule is broken)) for rule in rules_of(table)]
        results = {
            result.check_name: result
            for result in check_results(table, LocalStore(REPOSITORY), rules_of(table), verdicts, {})
        }
        assert set(results) == set(specs(table))
        assert {name for name, result in results.items() if not result.passed} == {broken.kind}
        severe = results[broken.kind].severity == dg.AssetCheckSeverity.ERROR
        assert severe == (broken.action in ("quarantine", "block")), broken.name


def test_the_severities_of_the_rules_of_store_sales_and_of_an_item() -> None:
    """Taken out or blocked is an error; what stays in the lake is a warning."""
    errors = {
        table.identifier: {rule.kind for rule in rules_of(table) if rule.action != "warn"}
        for table in (SILVER["store_sales"], SILVER["item"], BRONZE["item"], GOLD["daily_sales_summary"])
    }
    assert errors == {
        "silver.store_sales": {
            *("not_null", "calendar", "range", "identity", "foreign_key", "order_header"),
            *("row_count", "conservation"),
        },
        "silver.item": {"not_null", "pattern", "length", "history", "row_count", "conservation"},
        "bronze.item": {"readable", "schema", "conservation"},
        "gold.daily_sales_summary": {"not_null", "unique", "partition", "recomputed", "totals", "row_count"},
    }


def run_python(code: str, folder: Path, *options: str) -> str:
    """What a fresh interpreter prints, with a lake in `folder` that does not exist."""
    environment = os.environ | {"LAKE_ROOT": str(folder / "lake"), "LAKE_SOURCE": str(folder / "source")}
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_loading_the_definitions_imports_no_engine_and_no_library_of_data(tmp_path: Path) -> None:
    code = """
        import sys
        from lake_assets.definitions import defs
        defs.get_repository_def().load_all_definitions()
        print(*sorted({name.partition(".")[0] for name in sys.modules}))
    """
    loaded = run_python(code, tmp_path).split()
    assert "dagster" in loaded
    assert not {"pyspark", "pysail", "py4j", "dagster_pyspark", "grpc", "pyarrow", "numpy", "pandas", "boto3"} & set(
        loaded
    )


def test_loading_the_definitions_writes_nothing_connects_nowhere_and_starts_nothing(tmp_path: Path) -> None:
    code = f"""
        {AUDIT}
        from lake_assets.definitions import defs
        defs.get_repository_def().load_all_definitions()
    """
    assert run_python(code, tmp_path, "-B") == ""
    assert list(tmp_path.iterdir()) == []


def test_the_audit_notices_a_write_a_connection_and_a_process(tmp_path: Path) -> None:
    code = f"""
        {AUDIT}
        import contextlib, pathlib, socket, subprocess
        pathlib.Path({str(tmp_path)!r}, "written").write_text("")
        with contextlib.suppress(OSError):
            socket.socket().connect(("127.0.0.1", 1))
        subprocess.run(["true"])
    """
    assert run_python(code, tmp_path, "-B").split() == ["open", "socket.connect", "subprocess.Popen"]


def test_loading_the_definitions_takes_under_three_seconds_of_processor_time(tmp_path: Path) -> None:
    """Processor time, because a machine that is busy with something else must not fail this test."""
    code = """
        import time
        import lake_assets.definitions
        print(time.process_time())
    """
    assert statistics.median(float(run_python(code, tmp_path)) for _ in range(3)) < SECONDS_TO_LOAD


def test_the_workspace_is_valid_to_dagster(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("dagster")
    done = subprocess.run(
        [str(program), "definitions", "validate", "-w", "workspace.yaml"],
        cwd=REPOSITORY,
        env=os.environ | {"DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Validation successful for code location lake_assets" in done.stdout + done.stderr


def test_facts_and_gold_are_late_when_nothing_was_built_for_long_and_dimensions_never() -> None:
    hours = {"bronze": 168, "silver": 192, "gold": 216}
    for table in LAKE_TABLES:
        policy = GRAPH.get(dg.AssetKey([table.layer, table.name])).freshness_policy
        if table.source is not None and not table.source.is_fact:
            assert policy is None, table.identifier
            continue
        window = timedelta(hours=hours[table.layer])
        assert policy == dg.FreshnessPolicy.time_window(fail_window=window, warn_window=window / 2), table.identifier


def test_sensors_and_schedules_are_on_unless_the_settings_say_otherwise() -> None:
    for automation, running in (("on", True), ("off", False)):
        definitions = build_definitions(Settings.model_validate({"automation": automation}))
        sensors, schedules = list(definitions.sensors or []), list(definitions.schedules or [])
        assert {sensor.name for sensor in sensors} == {"source_files", "stale_partitions"}
        resolved = [definitions.resolve_schedule_def(schedule.name) for schedule in schedules]
        assert {schedule.name: schedule.cron_schedule for schedule in resolved} == {
            "nightly_ingest": "0 2 * * *",
            "nightly_facts": "0 3 * * *",
            "nightly_gold_months": "0 4 * * *",
            "nightly_gold_years": "0 4 * * *",
            "weekly_verify_gold": "0 6 * * 0",
            "weekly_discover_catalog": "0 7 * * 0",
        }
        for sensor in sensors:
            assert (sensor.default_status == dg.DefaultSensorStatus.RUNNING) is running
        for schedule in resolved:
            assert (schedule.default_status == dg.DefaultScheduleStatus.RUNNING) is running
