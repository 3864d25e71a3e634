"""Discovery of a local lake from its footers: what is found, what differs from the contract, and how the assets tell it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake_assets.assets.catalog import catalog_assets, drift_markdown
from lake_assets.catalog.discovery import discover_layer
from lake_assets.catalog.drift import Difference, Field
from lake_assets.catalog.footers import footer_fields, glue_type, local_files, shape
from lake_assets.contract.layers import GOLD, LAKE_TABLES, SILVER, Layer
from lake_assets.contract.types import arrow_schema, physical_type
from lake_assets.lake import layout
from lake_assets.lake.lake import Lake
from lake_assets_tests.support.lake_support import new_lake
from lake_assets_tests.support.published import publish, publish_all

INVENTORY, REASON = SILVER["inventory"], SILVER["reason"]
MONTHS = INVENTORY.partitions[:3]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = new_lake(tmp_path)
    for month in MONTHS:
        publish(made, INVENTORY, month, {"inv_item_sk": 1})
    publish(made, REASON, "all", {"r_reason_sk": 1})
    return made


def rewrite(lake: Lake, month: str, change: Any, **options: Any) -> None:
    """Put an object of inventory there that somebody else wrote."""
    file = Path(lake.store.uri(layout.object_key(INVENTORY, month)))
    pq.write_table(change(pq.read_table(file, partitioning=None)), file, **options)


def found(lake: Lake, layer: Layer = "silver") -> list[tuple[str, str, str, str, tuple[str, ...]]]:
    told = discover_layer(lake, layer).differences
    return [(each.kind, each.subject, each.expected, each.found, each.partitions) for each in told]


@pytest.mark.parametrize("layer", ["bronze", "silver", "gold"])
def test_a_lake_with_every_table_is_found_as_the_contract_says(tmp_path: Path, layer: Layer) -> None:
    discovery = discover_layer(publish_all(new_lake(tmp_path)), layer)
    assert discovery.differences == ()
    assert [(each.table, each.columns) for each in discovery.tables] == [
        (table.identifier, len(table.columns)) for table in LAKE_TABLES if table.layer == layer
    ]


@pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.identifier)
def test_the_type_of_every_column_survives_the_way_through_a_footer(tmp_path: Path, table: Any) -> None:
    pq.write_table(arrow_schema(table.columns).empty_table(), tmp_path / "x.parquet")
    assert footer_fields(local_files(), str(tmp_path / "x.parquet")) == tuple(
        Field(column.name, physical_type(column)) for column in table.columns
    )


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (pa.decimal128(7, 2), "decimal(7,2)"),
        (pa.decimal256(40, 2), "decimal(40,2)"),
        (pa.timestamp("us", "UTC"), "timestamp"),
        (pa.timestamp("ms"), "timestamp"),
        (pa.timestamp("ns"), "timestamp (ns)"),
        (pa.list_(pa.string()), "array<string>"),
        (pa.dictionary(pa.int32(), pa.string()), "string"),
        (pa.float64(), "double"),
        (pa.int16(), "smallint"),
        (pa.uint64(), "uint64"),
    ],
)
def test_an_arrow_type_has_the_name_that_glue_gives_it(kind: pa.DataType, name: str) -> None:
    assert glue_type(kind) == name


def test_a_timestamp_stored_as_int96_is_told_apart(lake: Lake) -> None:
    file = Path(lake.store.uri(layout.object_key(REASON, "all")))
    pq.write_table(pq.read_table(file), file, use_deprecated_int96_timestamps=True)
    assert found(lake) == [("column_type", "load_timestamp", "timestamp", "timestamp (INT96)", ())]


def test_a_column_of_another_type_is_told_with_the_months_in_which_it_is(lake: Lake) -> None:
    def wider(table: pa.Table) -> pa.Table:
        return table.set_column(3, "inv_quantity_on_hand", pa.array([5], pa.int64()))

    rewrite(lake, MONTHS[1], wider)
    assert found(lake) == [("column_type", "inv_quantity_on_hand", "int", "bigint", (MONTHS[1],))]
    rewrite(lake, MONTHS[0], wider)
    rewrite(lake, MONTHS[2], wider)
    assert found(lake) == [("column_type", "inv_quantity_on_hand", "int", "bigint", ())]


def test_added_missing_and_moved_columns_are_told(lake: Lake) -> None:
    rewrite(
        lake, MONTHS[0], lambda table: table.append_column("strange", pa.array(["x"])).drop_columns(["inv_item_sk"])
    )
    assert found(lake) == [
        ("missing_column", "inv_item_sk", "bigint", "", (MONTHS[0],)),
        ("extra_column", "strange", "", "string", (MONTHS[0],)),
    ]
    rewrite(lake, MONTHS[0], lambda table: table)
    publish(lake, INVENTORY, MONTHS[0], {"inv_item_sk": 1})
    rewrite(lake, MONTHS[1], lambda table: table.select(list(reversed(table.column_names))))
    assert [kind for kind, *_ in found(lake)] == ["column_order"]


def test_a_partition_without_an_object_or_without_a_publication_is_told(lake: Lake) -> None:
    source = Path(lake.store.uri(layout.object_key(INVENTORY, MONTHS[0])))
    strange = Path(lake.store.uri(layout.object_key(INVENTORY, "2049-01")))
    strange.parent.mkdir()
    source.rename(strange)
    assert found(lake) == [
        ("missing_partition", "", "", "", (MONTHS[0],)),
        ("extra_partition", "", "", "", ("2049-01",)),
    ]


def test_a_table_without_objects_and_one_that_is_no_parquet_are_told(lake: Lake) -> None:
    Path(lake.store.uri(layout.object_key(REASON, "all"))).write_bytes(b"no parquet")
    for month in MONTHS:
        Path(lake.store.uri(layout.object_key(INVENTORY, month))).unlink()
    told = found(lake)
    assert [(kind, subject) for kind, subject, *_ in told] == [
        ("missing_table", ""),
        ("missing_table", ""),
        ("unreadable_object", layout.object_key(REASON, "all")),
    ]


def test_a_layer_of_which_nothing_is_published_has_nothing_to_be_found(lake: Lake) -> None:
    assert discover_layer(lake, "gold").tables == ()


def test_a_table_has_the_columns_of_most_of_its_partitions() -> None:
    usual, odd = (Field("a", "int"),), (Field("a", "bigint"),)
    made = shape({(("month", "1"),): odd, (("month", "2"),): usual, (("month", "3"),): usual})
    assert made is not None
    assert (made.fields, made.keys) == (usual, (Field("month", "string"),))


def test_the_asset_of_a_healthy_layer_passes_its_check(lake: Lake) -> None:
    (bronze, silver, gold) = catalog_assets(lake.settings)
    result = dg.materialize([bronze, silver, gold])
    assert result.success
    assert all(check.passed for check in result.get_asset_check_evaluations())
    (event,) = result.asset_materializations_for_node("catalog__silver")
    assert event.metadata["tables"].value == 2
    assert event.metadata["partitions"].value == 3
    assert event.metadata["objects_read"].value == 4
    assert "| silver.inventory | 6 | 3 | 0 |" in str(event.metadata["found"].value)
    assert "crawler" not in event.metadata


def test_the_asset_shows_drift_table_by_table_and_column_by_column(lake: Lake) -> None:
    rewrite(lake, MONTHS[1], lambda table: table.append_column("strange", pa.array(["x"])))
    silver = catalog_assets(lake.settings)[1]
    result = dg.materialize([silver])
    (check,) = result.get_asset_check_evaluations()
    assert result.success
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.description == "drift in silver.inventory"
    assert f"| silver.inventory | extra column | strange |  | string | {MONTHS[1]} |" in str(
        check.metadata["drift"].value
    )


def test_drift_in_many_partitions_is_told_in_short() -> None:
    many = Difference("gold.monthly_trends", "missing_partition", partitions=tuple(f"{n:02}" for n in range(73)))
    line = drift_markdown([many]).splitlines()[-1]
    assert line.endswith("18, 19 and 53 more |")
    assert GOLD["monthly_trends"].identifier in line
