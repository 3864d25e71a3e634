"""The contract in the words of the Glue Data Catalog, and how it is compared with what the catalog says."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from lake_assets.catalog.glue_tables import (
    COMMENT_BYTES,
    database_name,
    discovered_database,
    partition_input,
    shortened,
    table_input,
    updated,
)
from lake_assets.catalog.tables import QUALITY_TABLE, CatalogTable, all_tables, data_table, quarantine_table, registered
from lake_assets.contract.layers import BRONZE, GOLD, LAKE_TABLES, SILVER
from lake_assets.contract.quarantine import quarantine_columns
from lake_assets.lake.records import LedgerEntry
from lake_assets.location import S3Folder
from lake_assets_tests.support.lake_support import publication

ROOT = S3Folder("bucket", "lake")
SALES, CUSTOMER = data_table(SILVER["store_sales"]), data_table(SILVER["customer"])
EVERY = pytest.mark.parametrize("table", all_tables(), ids=lambda table: table.identifier)


def quarantine_of(name: str) -> CatalogTable:
    found = quarantine_table(SILVER[name])
    assert found is not None
    return found


def column(table: CatalogTable, name: str) -> dict[str, Any]:
    columns = table_input(table, ROOT)["StorageDescriptor"]["Columns"]
    found: dict[str, Any] = next(column for column in columns if column["Name"] == name)
    return found


def entry(**state: Any) -> LedgerEntry:
    return LedgerEntry(layer="silver", table="inventory", partition="1998-01", **state)


def test_databases_are_named_after_the_deployment_without_a_hyphen() -> None:
    assert database_name("my-lake", "gold") == "my_lake_gold"
    assert discovered_database("my-lake", "gold") == "my_lake_discovered_gold"


@EVERY
def test_a_table_is_external_parquet_at_its_folder(table: CatalogTable) -> None:
    made = table_input(table, ROOT)
    storage = made["StorageDescriptor"]
    assert made["TableType"] == "EXTERNAL_TABLE"
    assert storage["Location"] == f"s3://bucket/lake/{table.folder}/"
    assert storage["SerdeInfo"]["SerializationLibrary"].endswith("ParquetHiveSerDe")
    wanted = {"classification": "parquet", "compressionType": "none", "typeOfData": "file", "EXTERNAL": "TRUE"}
    assert wanted.items() <= made["Parameters"].items()


@EVERY
def test_glue_takes_every_name_comment_and_key(table: CatalogTable) -> None:
    made = table_input(table, ROOT)
    columns = [*made["StorageDescriptor"]["Columns"], *made["PartitionKeys"]]
    names = [column["Name"] for column in columns]
    assert names == [name.lower() for name in names]
    assert len(names) == len(set(names)), "a partition key is no column"
    assert all(0 < len(column["Comment"].encode()) <= COMMENT_BYTES for column in columns)
    assert 0 < len(made["Description"]) <= 2048
    assert {key["Type"] for key in made["PartitionKeys"]} <= {"string"}


@EVERY
def test_a_partition_is_stored_as_its_table_is(table: CatalogTable) -> None:
    values = tuple("2000" for _ in table.partition_columns)
    made, part = table_input(table, ROOT), partition_input(table, ROOT, values)
    place = part["StorageDescriptor"].pop("Location")
    own = made["StorageDescriptor"].pop("Location")
    assert part["StorageDescriptor"] == made["StorageDescriptor"]
    assert place == own + "".join(f"{key['Name']}=2000/" for key in made["PartitionKeys"])


def test_keys_and_personal_data_are_tagged_on_columns_and_table() -> None:
    assert column(SALES, "ss_item_sk")["Parameters"] == {
        "declared_type": "BIGINT",
        "nullable": "false",
        "primary_key": "true",
        "references": "item",
    }
    assert column(CUSTOMER, "c_email_address")["Parameters"]["personal_data"] == "true"
    parameters = table_input(CUSTOMER, ROOT)["Parameters"]
    assert "c_email_address" in parameters["personal_data"].split(",")
    assert parameters["primary_key"] == "c_customer_sk"
    assert parameters["layer"] == "silver"
    assert parameters["parquet.compression"] == "ZSTD"
    assert table_input(data_table(BRONZE["customer"]), ROOT)["Parameters"]["parquet.compression"] == "SNAPPY"
    assert table_input(SALES, ROOT)["Parameters"]["sorted_by"].startswith("sold_date_sk_resolved,")
    assert "ss_item_sk=item" in table_input(SALES, ROOT)["Parameters"]["foreign_keys"]


def test_a_rejected_line_is_personal_data_where_its_columns_are() -> None:
    lines = {name: quarantine_columns(BRONZE[name])[1] for name in ("customer", "item")}
    assert {name: (line.name, line.personal) for name, line in lines.items()} == {
        "customer": ("line_text", True),
        "item": ("line_text", False),
    }


def test_a_quarantine_has_the_columns_of_its_source_and_why_the_row_is_there() -> None:
    table = quarantine_of("inventory")
    assert table.identifier == "quarantine.silver_inventory"
    assert table.folder == "quarantine/silver/inventory"
    types = {column["Name"]: column["Type"] for column in table_input(table, ROOT)["StorageDescriptor"]["Columns"]}
    assert types == {
        "inv_date_sk": "bigint",
        "inv_item_sk": "bigint",
        "inv_warehouse_sk": "bigint",
        "inv_quantity_on_hand": "int",
        "source_batch": "string",
        "rules": "array<string>",
        "reasons": "array<string>",
        "load_timestamp": "timestamp",
    }


def test_gold_has_no_quarantine_and_every_other_table_has_one() -> None:
    assert [table.identifier for table in LAKE_TABLES if quarantine_table(table) is None] == [
        table.identifier for table in GOLD.values()
    ]
    assert len(all_tables()) == 52 + 48 + 1


def test_a_long_comment_is_cut_between_words_and_whole_among_the_parameters() -> None:
    assert shortened("short") == "short"
    long = "wörter " * 60
    cut = shortened(long)
    assert len(cut.encode()) <= COMMENT_BYTES
    assert cut.endswith("wörter…")


def test_what_the_ledger_says_decides_which_partitions_there_are() -> None:
    table = SILVER["inventory"]
    rejected = publication().objects[0]
    entries = {
        "1998-01": entry(committed=publication()),
        "1998-02": entry(committed=publication(quarantine=rejected)),
        "1998-03": entry(publishing=publication()),
        "1998-04": entry(committed=publication(), publishing=publication()),
        "1998-05": entry(blocked={"unique": 1}),
        "1998-06": entry(committed=publication(objects=())),
    }
    assert {known.identifier: values for known, values in registered(table, entries).items()} == {
        "silver.inventory": {("1998-01",), ("1998-02",), ("1998-04",)},
        "quarantine.silver_inventory": {("1998-02",)},
        "quality.results": {("silver", "inventory")},
    }
    assert registered(table, {}) == {}
    assert registered(SILVER["item"], {"all": entry(committed=publication())})[data_table(SILVER["item"])] == {()}


@EVERY
def test_a_table_as_glue_tells_it_needs_no_update(table: CatalogTable) -> None:
    wanted = table_input(table, ROOT)
    told = copy.deepcopy(wanted) | {"CreateTime": "now", "VersionId": "3", "CatalogId": "1", "Retention": 0}
    told["StorageDescriptor"] |= {"BucketColumns": [], "SortColumns": [], "Parameters": {}}
    assert updated(wanted, told) is None


def test_an_update_keeps_what_others_noted_and_drops_what_the_contract_no_longer_says() -> None:
    wanted = table_input(QUALITY_TABLE, ROOT)
    told = copy.deepcopy(wanted)
    told["Parameters"] |= {"recordCount": "7", "personal_data": "samples"}
    change = updated(wanted, told)
    assert change is not None
    assert change["Parameters"] == wanted["Parameters"] | {"recordCount": "7"}


def test_a_table_lies_at_the_root_whatever_that_is() -> None:
    assert table_input(SALES, S3Folder("bucket"))["StorageDescriptor"]["Location"] == "s3://bucket/silver/store_sales/"
    assert table_input(SALES, Path("/lake"))["StorageDescriptor"]["Location"] == "/lake/silver/store_sales/"
