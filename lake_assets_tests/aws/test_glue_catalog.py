"""The Glue Data Catalog of a lake: complete, written only when something differs, and right whoever else writes to it."""

from __future__ import annotations

import copy
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lake_assets.aws import Aws
from lake_assets.catalog import catalog_of
from lake_assets.catalog.drift import Difference
from lake_assets.catalog.glue import GlueCatalog
from lake_assets.catalog.reconcile import differences, repair
from lake_assets.catalog.tables import all_tables
from lake_assets.contract.layers import BRONZE, GOLD, LAKE_TABLES, SILVER, LakeTable
from lake_assets.contract.types import physical_type
from lake_assets.errors import AwsError
from lake_assets.lake.lake import Lake
from lake_assets.location import S3Folder
from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.lake_support import commit as committed
from lake_assets_tests.support.lake_support import new_lake, publication
from lake_assets_tests.support.published import BATCH, on_aws, partitions_of, publish, publish_all

ROOT = S3Folder("some-bucket", "lake")
INVENTORY, ITEM = SILVER["inventory"], SILVER["item"]
MONTHS = INVENTORY.partitions[:3]
_NAMES = iter(range(1000))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return new_lake(tmp_path)


@pytest.fixture
def name() -> str:
    """A deployment of its own, whose databases are not there yet."""
    return f"my-lake-{next(_NAMES)}"


@pytest.fixture
def glue(aws: Emulator) -> Any:
    return Aws(aws.region).client("glue")


@pytest.fixture
def calls(glue: Any) -> Iterator[Counter[str]]:
    """How often each operation was called."""
    made: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        made[model.name] += 1

    glue.meta.events.register("before-call.glue.*", count)
    yield made
    glue.meta.events.unregister("before-call.glue.*", count)


@pytest.fixture
def catalog(glue: Any, name: str, lake: Lake) -> GlueCatalog:
    return GlueCatalog(glue, name, ROOT, lake.ledger)


def database(name: str, schema: str) -> str:
    return f"{name.replace('-', '_')}_{schema}"


def table_of(glue: Any, name: str, schema: str, table: str) -> dict[str, Any]:
    found: dict[str, Any] = glue.get_table(DatabaseName=database(name, schema), Name=table)["Table"]
    return found


def partitions(glue: Any, name: str, schema: str, table: str) -> dict[tuple[str, ...], dict[str, Any]]:
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database(name, schema), TableName=table)
    return {tuple(part["Values"]): part for page in pages for part in page["Partitions"]}


def writes(calls: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in calls.items() if not name.startswith(("Get", "List"))}


def months(lake: Lake, *keys: str) -> None:
    for key in keys:
        publish(lake, INVENTORY, key, {"inv_item_sk": 1})


def update(glue: Any, name: str, table: LakeTable, **changes: Any) -> None:
    """Change a table behind the lake's back."""
    found = table_of(glue, name, table.layer, table.name)
    known = ("Name", "Description", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
    changed = {key: found[key] for key in known} | changes
    glue.update_table(DatabaseName=database(name, table.layer), TableInput=changed)


def test_every_table_column_type_comment_and_partition_of_the_contract_is_in_the_catalog(
    lake: Lake, catalog: GlueCatalog, glue: Any, name: str
) -> None:
    publish_all(lake)
    for table in LAKE_TABLES:
        catalog.register(table)
    found = {
        f"{schema}.{table['Name']}": table
        for schema in ("bronze", "silver", "gold", "quarantine", "quality")
        for page in glue.get_paginator("get_tables").paginate(DatabaseName=database(name, schema))
        for table in page["TableList"]
    }
    assert set(found) == {table.identifier for table in all_tables()}
    assert len(found) == 24 + 24 + 4 + 48 + 1
    for shown in all_tables():
        known, storage = found[shown.identifier], found[shown.identifier]["StorageDescriptor"]
        wanted = [(column.name, physical_type(column), column.comment) for column in shown.columns]
        assert [(column["Name"], column["Type"], column["Comment"]) for column in storage["Columns"]] == wanted
        keys = [(column.name, "string", column.comment) for column in shown.partition_columns]
        assert [(key["Name"], key["Type"], key["Comment"]) for key in known["PartitionKeys"]] == keys
        assert known["Description"] == shown.comment
        assert known["TableType"] == "EXTERNAL_TABLE"
        assert known["Parameters"]["classification"] == "parquet"
        assert storage["Location"] == f"s3://some-bucket/lake/{shown.folder}/"
    for table in LAKE_TABLES:
        if table.partition_columns:
            there = partitions(glue, name, table.layer, table.name)
            assert set(there) == {(key,) for key in partitions_of(table)}
            for (key,), part in there.items():
                folder = f"s3://some-bucket/lake/{table.layer}/{table.name}/{table.partition_column}={key}/"
                assert part["StorageDescriptor"]["Location"] == folder
                storage = found[table.identifier]["StorageDescriptor"]
                assert part["StorageDescriptor"]["Columns"] == storage["Columns"]
    audited = partitions(glue, name, "quality", "results")
    assert set(audited) == {(table.layer, table.name) for table in LAKE_TABLES}
    assert catalog.differences(LAKE_TABLES) == []


def test_registering_what_is_registered_writes_nothing(lake: Lake, catalog: GlueCatalog, calls: Counter[str]) -> None:
    months(lake, *MONTHS)
    catalog.register(INVENTORY)
    assert writes(calls) == {"CreateDatabase": 3, "CreateTable": 6, "BatchCreatePartition": 2}
    calls.clear()
    catalog.register(INVENTORY)
    assert writes(calls) == {}
    assert calls["GetTable"] == 3


def test_a_new_month_is_one_call(lake: Lake, catalog: GlueCatalog, calls: Counter[str], glue: Any, name: str) -> None:
    months(lake, *MONTHS[:2])
    catalog.register(INVENTORY)
    calls.clear()
    months(lake, MONTHS[2])
    catalog.register(INVENTORY)
    assert writes(calls) == {"BatchCreatePartition": 1}
    assert set(partitions(glue, name, "silver", "inventory")) == {(key,) for key in MONTHS}


def test_a_batch_that_has_no_object_any_more_loses_its_partition_and_a_quarantine_goes_with_its_rows(
    lake: Lake, catalog: GlueCatalog, glue: Any, name: str
) -> None:
    table = BRONZE["inventory"]
    publish(lake, table, BATCH, {}, rejected=[{}])
    publish(lake, table, "batch-000002", {})
    catalog.register(table)
    assert set(partitions(glue, name, "quarantine", "bronze_inventory")) == {(BATCH,)}
    publish(lake, table, BATCH, {})
    committed(lake.ledger, table, "batch-000002", publication(objects=()))
    catalog.register(table)
    assert set(partitions(glue, name, "bronze", "inventory")) == {(BATCH,)}
    assert partitions(glue, name, "quarantine", "bronze_inventory") == {}


def test_more_partitions_than_a_call_takes_are_written_and_removed_in_several(
    lake: Lake, catalog: GlueCatalog, calls: Counter[str], glue: Any, name: str
) -> None:
    table = BRONZE["reason"]
    for number in range(1, 131):
        committed(lake.ledger, table, f"batch-{number:06d}", publication())
    catalog.register(table)
    assert calls["BatchCreatePartition"] == 2 + 1
    assert len(partitions(glue, name, "bronze", "reason")) == 130
    for number in range(1, 61):
        committed(lake.ledger, table, f"batch-{number:06d}", publication(objects=()))
    calls.clear()
    catalog.register(table)
    assert writes(calls) == {"BatchDeletePartition": 3}
    assert len(partitions(glue, name, "bronze", "reason")) == 70


def test_a_changed_schema_reaches_the_partitions_that_are_there(
    lake: Lake, catalog: GlueCatalog, calls: Counter[str], glue: Any, name: str
) -> None:
    months(lake, *MONTHS)
    catalog.register(INVENTORY)
    before = copy.deepcopy(table_of(glue, name, "silver", "inventory")["StorageDescriptor"])
    before["Columns"] = before["Columns"][:-1]
    update(glue, name, INVENTORY, StorageDescriptor=before)
    for values in MONTHS:
        part = {"Values": [values], "StorageDescriptor": before | {"Location": f"{before['Location']}elsewhere/"}}
        glue.update_partition(
            DatabaseName=database(name, "silver"),
            TableName="inventory",
            PartitionValueList=[values],
            PartitionInput=part,
        )
    calls.clear()
    catalog.register(INVENTORY)
    assert writes(calls) == {"UpdateTable": 1, "BatchUpdatePartition": 1}
    for part in partitions(glue, name, "silver", "inventory").values():
        assert [column["Name"] for column in part["StorageDescriptor"]["Columns"]] == [
            column.name for column in INVENTORY.columns
        ]
    assert catalog.differences([INVENTORY]) == []


def test_what_others_note_on_a_table_stays_but_a_tag_that_the_contract_dropped_goes(
    lake: Lake, catalog: GlueCatalog, glue: Any, name: str
) -> None:
    publish(lake, ITEM, "all", {})
    catalog.register(ITEM)
    parameters = table_of(glue, name, "silver", "item")["Parameters"]
    strange = {"recordCount": "7", "personal_data": "i_color"}
    update(glue, name, ITEM, Parameters=parameters | strange)
    assert catalog.differences([ITEM]) == [Difference("silver.item", "properties")]
    catalog.register(ITEM)
    assert table_of(glue, name, "silver", "item")["Parameters"] == parameters | {"recordCount": "7"}


def test_a_table_that_another_writer_changed_meanwhile_is_read_again(
    lake: Lake, catalog: GlueCatalog, calls: Counter[str], glue: Any, name: str
) -> None:
    publish(lake, ITEM, "all", {})
    catalog.register(ITEM)
    update(glue, name, ITEM, Description="other")
    meddled: list[str] = []

    def meddle(**_: Any) -> None:
        if not meddled:
            meddled.append("once")
            update(Aws("eu-west-1").client("glue"), name, ITEM, Description="and another")

    glue.meta.events.register("before-call.glue.UpdateTable", meddle)
    calls.clear()
    catalog.register(ITEM)
    glue.meta.events.unregister("before-call.glue.UpdateTable", meddle)
    assert calls["UpdateTable"] == 2
    assert table_of(glue, name, "silver", "item")["Description"] == ITEM.comment


def test_what_glue_refuses_of_single_partitions_is_told_although_the_answer_is_a_success(
    lake: Lake, catalog: GlueCatalog, glue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    months(lake, *MONTHS)

    def refuse(**given: Any) -> dict[str, Any]:
        detail = {"ErrorCode": "InvalidInputException", "ErrorMessage": "no such bucket"}
        return {
            "Errors": [
                {"PartitionValues": part["Values"], "ErrorDetail": detail} for part in given["PartitionInputList"][:2]
            ]
        }

    monkeypatch.setattr(glue, "batch_create_partition", refuse)
    with pytest.raises(AwsError, match=r"refused 2 of 3 partitions: 1998-01: no such bucket \(InvalidInputException\)"):
        catalog.register(INVENTORY)


def test_a_partition_that_another_run_created_first_is_no_error(
    lake: Lake, catalog: GlueCatalog, glue: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    months(lake, MONTHS[0])
    catalog.register(INVENTORY)
    months(lake, MONTHS[1])
    create, pending = glue.batch_create_partition, [1]

    def twice(**given: Any) -> Any:
        if pending:
            pending.pop()
            create(**given)
        return create(**given)

    monkeypatch.setattr(glue, "batch_create_partition", twice)
    catalog.register(INVENTORY)
    assert set(partitions(glue, name, "silver", "inventory")) == {(key,) for key in MONTHS[:2]}


def test_runs_that_publish_months_of_one_table_at_the_same_time_lose_none(lake: Lake, glue: Any, name: str) -> None:
    keys = INVENTORY.partitions[:12]
    failed: list[BaseException] = []

    def run(key: str) -> None:
        try:
            publish(lake, INVENTORY, key, {})
            GlueCatalog(glue, name, ROOT, lake.ledger).register(INVENTORY)
        except BaseException as error:  # told by the assertion below
            failed.append(error)

    threads = [threading.Thread(target=run, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set(partitions(glue, name, "silver", "inventory")) == {(key,) for key in keys}
    assert set(partitions(glue, name, "quality", "results")) == {("silver", "inventory")}


def test_a_lost_answer_to_a_creation_is_no_error(aws: Emulator, lake: Lake, catalog: GlueCatalog) -> None:
    publish(lake, ITEM, "all", {})
    aws.faults.add("CreateTable", reset="after", skip=1)
    catalog.register(ITEM)
    assert catalog.differences([ITEM]) == []


def test_a_missing_permission_is_told_plainly(aws: Emulator, lake: Lake, catalog: GlueCatalog) -> None:
    publish(lake, ITEM, "all", {})
    aws.faults.add("CreateTable", error="AccessDeniedException", message="not authorized to perform glue:CreateTable")
    with pytest.raises(AwsError, match=r"Cannot register silver.item in the Glue Data Catalog.*lacks this permission"):
        catalog.register(ITEM)


@pytest.mark.parametrize("kind", ["type", "comment", "order", "column", "location", "partitions", "key", "table"])
def test_every_kind_of_drift_is_found_and_mended(
    lake: Lake, catalog: GlueCatalog, glue: Any, name: str, kind: str
) -> None:
    months(lake, *MONTHS)
    catalog.register(INVENTORY)
    storage = copy.deepcopy(table_of(glue, name, "silver", "inventory")["StorageDescriptor"])
    columns = storage["Columns"]
    expected = [Difference("silver.inventory", "column_type", "inv_quantity_on_hand", "int", "double")]
    names = {"DatabaseName": database(name, "silver"), "TableName": "inventory"}
    if kind == "type":
        columns[3]["Type"] = "double"
    elif kind == "comment":
        expected = [Difference("silver.inventory", "column_comment", "inv_date_sk", columns[0]["Comment"], "?")]
        columns[0]["Comment"] = "?"
    elif kind == "order":
        columns[0], columns[1] = columns[1], columns[0]
        expected = [Difference("silver.inventory", "column_order", "inv_date_sk", "at 1", "at 2")]
    elif kind == "column":
        expected = [
            Difference("silver.inventory", "missing_column", "inv_date_sk", "bigint"),
            Difference("silver.inventory", "extra_column", "strange", "", "string"),
        ]
        columns[0] = {"Name": "strange", "Type": "string"}
    elif kind == "location":
        expected = [Difference("silver.inventory", "location", "", storage["Location"], "s3://elsewhere/")]
        storage["Location"] = "s3://elsewhere/"
    update(glue, name, INVENTORY, StorageDescriptor=storage)
    if kind == "partitions":
        glue.delete_partition(**names, PartitionValues=[MONTHS[0]])
        glue.create_partition(**names, PartitionInput={"Values": ["2049-01"], "StorageDescriptor": storage})
        expected = [
            Difference("silver.inventory", "missing_partition", partitions=(MONTHS[0],)),
            Difference("silver.inventory", "extra_partition", partitions=("2049-01",)),
        ]
    elif kind == "key":
        (key,) = table_of(glue, name, "silver", "inventory")["PartitionKeys"]
        update(glue, name, INVENTORY, PartitionKeys=[key | {"Type": "date"}])
        expected = [Difference("silver.inventory", "partition_key", "inventory_month", "string", "date")]
    elif kind == "table":
        glue.delete_table(DatabaseName=names["DatabaseName"], Name="inventory")
        expected = [Difference("silver.inventory", "missing_table")]
    assert catalog.differences([INVENTORY]) == expected
    catalog.register(INVENTORY)
    assert catalog.differences([INVENTORY]) == []


def test_a_partition_with_another_schema_than_its_table_is_found_and_mended(
    lake: Lake, catalog: GlueCatalog, glue: Any, name: str
) -> None:
    """Athena fails every query that touches it: HIVE_PARTITION_SCHEMA_MISMATCH."""
    months(lake, *MONTHS)
    catalog.register(INVENTORY)
    storage = copy.deepcopy(partitions(glue, name, "silver", "inventory")[(MONTHS[1],)]["StorageDescriptor"])
    storage["Columns"][3]["Type"] = "bigint"
    glue.update_partition(
        DatabaseName=database(name, "silver"),
        TableName="inventory",
        PartitionValueList=[MONTHS[1]],
        PartitionInput={"Values": [MONTHS[1]], "StorageDescriptor": storage},
    )
    assert catalog.differences([INVENTORY]) == [
        Difference("silver.inventory", "column_type", "inv_quantity_on_hand", "int", "bigint", (MONTHS[1],))
    ]
    catalog.register(INVENTORY)
    assert catalog.differences([INVENTORY]) == []


def test_a_strange_table_is_told_and_left_alone_and_a_view_is_nobodys_business(
    lake: Lake, catalog: GlueCatalog, glue: Any, name: str
) -> None:
    table = GOLD["monthly_trends"]
    publish(lake, table, "2000", {})
    catalog.register(table)
    for made, kind in (("strange", "EXTERNAL_TABLE"), ("a_view", "VIRTUAL_VIEW")):
        glue.create_table(DatabaseName=database(name, "gold"), TableInput={"Name": made, "TableType": kind})
    assert catalog.differences([table]) == [Difference("gold.strange", "extra_table")]
    catalog.register(table)
    assert catalog.differences([table]) == [Difference("gold.strange", "extra_table")]


def test_a_catalog_changed_behind_the_lakes_back_is_mended_by_repair_with_the_role_of_each_layer(
    aws: Emulator, lake: Lake, glue: Any, name: str
) -> None:
    trends = GOLD["monthly_trends"]
    for table, partition in ((ITEM, "all"), (INVENTORY, MONTHS[0]), (trends, "2000")):
        publish(lake, table, partition, {})
    roles = {layer: f"arn:aws:iam::123456789012:role/lake-{layer}" for layer in ("bronze", "silver", "gold")}
    here = on_aws(lake, aws.client("s3"), aws.new_bucket(), name=name, roles=roles)
    for table in (ITEM, INVENTORY, trends):
        catalog_of(here, table.layer).register(table)
    assert differences(here, LAKE_TABLES) == []
    glue.delete_table(DatabaseName=database(name, "silver"), Name="item")
    update(glue, name, trends, Description="something else")
    glue.delete_partition(DatabaseName=database(name, "silver"), TableName="inventory", PartitionValues=[MONTHS[0]])
    found = {(one.table, one.kind) for one in differences(here, LAKE_TABLES)}
    assert found == {
        ("silver.item", "missing_table"),
        ("silver.inventory", "missing_partition"),
        ("gold.monthly_trends", "properties"),
    }
    done = repair(here)
    assert {(one.difference.table, one.mended) for one in done.repaired} == {(table, True) for table, _ in found}
    assert repair(here).repaired == ()
    assert sum(call.service == "sts" for call in aws.faults.calls) == 3
