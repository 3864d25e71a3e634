"""Drift as a comparison: every way in which a table or the objects of a lake can differ, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from lake_assets.catalog.drift import MEANINGS, Difference, Field, Kind, Part, Shape, compare, expected_shape
from lake_assets.catalog.storage import compare_objects
from lake_assets.catalog.tables import Values, data_table
from lake_assets.contract.layers import SILVER
from lake_assets.contract.types import schema_fingerprint
from lake_assets.lake.records import LedgerEntry
from lake_assets_tests.support.lake_support import publication

INVENTORY = SILVER["inventory"]
JANUARY: Values = ("1998-01",)
FEBRUARY: Values = ("1998-02",)
EXPECTED = expected_shape(data_table(INVENTORY), "s3://bucket", [JANUARY, FEBRUARY])
KEY = "silver/inventory/inventory_month=1998-01/inventory.parquet"
WHOLE = publication(KEY, schema_fingerprint=schema_fingerprint(INVENTORY.columns))


def differences(found: Shape | None) -> list[tuple[str, str, str, str, tuple[str, ...]]]:
    told = compare("silver.inventory", EXPECTED, found)
    assert {each.table for each in told} <= {"silver.inventory"}
    return [(each.kind, each.subject, each.expected, each.found, each.partitions) for each in told]


def fields(**changes: Field | None) -> tuple[Field, ...]:
    """The columns with some changed or, None, left out."""
    return tuple(field for field in (changes.get(known.name, known) for known in EXPECTED.fields) if field is not None)


def objects(sizes: dict[str, int], **entry: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    known = LedgerEntry(layer="silver", table="inventory", partition="1998-01", **entry)
    return [
        (each.kind, each.subject, each.partitions) for each in compare_objects(INVENTORY, sizes, {"1998-01": known})
    ]


def test_a_table_that_is_as_it_should_be_differs_in_nothing() -> None:
    assert differences(EXPECTED) == []
    assert differences(replace(EXPECTED, location=None, parts={JANUARY: Part(), FEBRUARY: Part()})) == []


def test_a_missing_table_is_one_difference() -> None:
    assert differences(None) == [("missing_table", "", "", "", ())]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (fields(inv_item_sk=None), ("missing_column", "inv_item_sk", "bigint", "", ())),
        ((*fields(), Field("more", "int")), ("extra_column", "more", "", "int", ())),
        (
            fields(inv_quantity_on_hand=Field("inv_quantity_on_hand", "bigint")),
            ("column_type", "inv_quantity_on_hand", "int", "bigint", ()),
        ),
        ((*fields()[1:], fields()[0]), ("column_order", "inv_date_sk", "at 1", "at 6", ())),
        (
            fields(inv_item_sk=Field("inv_item_sk", "bigint", "?")),
            ("column_comment", "inv_item_sk", EXPECTED.fields[1].comment, "?", ()),
        ),
    ],
)
def test_a_difference_of_columns_is_told_with_what_was_expected(
    found: tuple[Field, ...], told: tuple[Any, ...]
) -> None:
    assert differences(replace(EXPECTED, fields=found)) == [told]


def test_names_differ_only_when_they_do_in_lower_case() -> None:
    upper = tuple(replace(field, name=field.name.upper()) for field in EXPECTED.fields)
    assert differences(replace(EXPECTED, fields=upper)) == []


def test_partition_keys_and_places_are_compared() -> None:
    assert differences(replace(EXPECTED, keys=(Field("inventory_month", "date"),))) == [
        ("partition_key", "inventory_month", "string", "date", ())
    ]
    assert differences(replace(EXPECTED, location="s3://other")) == [
        ("location", "", "s3://bucket/silver/inventory/", "s3://other", ())
    ]


def test_missing_and_extra_partitions_are_named_together() -> None:
    found = replace(EXPECTED, parts={("2049-01",): Part(), ("2049-02",): Part()})
    assert differences(found) == [
        ("missing_partition", "", "", "", ("1998-01", "1998-02")),
        ("extra_partition", "", "", "", ("2049-01", "2049-02")),
    ]


def test_a_column_that_differs_in_some_partitions_is_told_once_with_all_of_them() -> None:
    other = fields(inv_quantity_on_hand=Field("inv_quantity_on_hand", "double"))
    parts = {JANUARY: Part(fields=other), FEBRUARY: Part(fields=other)}
    assert differences(replace(EXPECTED, parts=parts)) == [
        ("column_type", "inv_quantity_on_hand", "int", "double", ("1998-01", "1998-02"))
    ]
    # What the table itself says wrongly is not told again for each partition.
    assert differences(replace(EXPECTED, fields=other, parts=parts)) == [
        ("column_type", "inv_quantity_on_hand", "int", "double", ())
    ]


def test_every_kind_of_drift_says_what_it_demands_and_what_becomes_of_it() -> None:
    assert set(MEANINGS) == set(get_args(Kind))
    assert all(meaning.demands and meaning.remedy for meaning in MEANINGS.values())
    assert not Difference("silver.inventory", "column_comment").serious
    assert Difference("silver.inventory", "foreign_object").serious


def test_objects_that_are_as_published_differ_in_nothing() -> None:
    assert objects({KEY: 100}, committed=WHOLE) == []


def test_a_missing_an_altered_and_a_foreign_object_are_told() -> None:
    assert objects({}, committed=WHOLE) == [("missing_object", KEY, ("1998-01",))]
    assert objects({KEY: 99}, committed=WHOLE) == [("altered_object", KEY, ("1998-01",))]
    assert objects({KEY: 100, "silver/inventory/x.parquet": 5}, committed=WHOLE) == [
        ("foreign_object", "silver/inventory/x.parquet", ())
    ]


def test_a_partition_that_is_being_published_is_told_but_not_compared() -> None:
    assert objects({KEY: 99}, committed=WHOLE, publishing=WHOLE) == [("publishing", "", ("1998-01",))]
    left = {KEY: 99, "quarantine/silver/inventory/inventory_month=1998-01/inventory.parquet": 3}
    assert objects(left, publishing=WHOLE) == [("publishing", "", ("1998-01",))]


def test_a_partition_published_with_other_columns_is_told() -> None:
    assert objects({KEY: 100}, committed=publication(KEY)) == [("old_schema", "", ("1998-01",))]
