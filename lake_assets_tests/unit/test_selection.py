"""What a user asks for on the command line: months of the lake and a selection of its assets."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from lake_assets.cli.selection import parse_months, select_tables
from lake_assets.contract.calendar import MONTHS
from lake_assets.contract.layers import LAKE_TABLES
from lake_assets.definitions import build_definitions
from lake_assets.errors import SettingsError
from lake_assets.settings import Settings

CHANNELS = ("store", "catalog", "web")


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions(Settings(root=Path("/nowhere/lake"), source=Path("/nowhere/source")))


def test_without_months_all_73_are_meant() -> None:
    assert parse_months(None) == MONTHS
    assert len(MONTHS) == 73


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("2000-02", ("2000-02",)),
        ("undated", ("undated",)),
        ("1999-11..2000-02", ("1999-11", "1999-12", "2000-01", "2000-02")),
        ("2000-02..2000-02", ("2000-02",)),
        ("undated..1998-01", ("undated", "1998-01")),
        ("2003-11..2003-12", ("2003-11", "2003-12")),
    ],
)
def test_months_are_one_or_a_range_with_both_ends(text: str, months: tuple[str, ...]) -> None:
    assert parse_months(text) == months


def test_the_whole_calendar_can_be_written_as_a_range() -> None:
    assert parse_months("1998-01..2003-12") == MONTHS[1:]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("1997-12", "'1997-12'"),
        ("2004-01", "'2004-01'"),
        ("2000-13", "'2000-13'"),
        ("2000-1", "'2000-1'"),
        ("2000", "'2000'"),
        ("2000-01..", "''"),
        ("..2000-01", "''"),
        ("", "''"),
        ("2000-01...2000-03", "'.2000-03'"),
        ("2000-01,2000-02", "'2000-01,2000-02'"),
        ("2000-01..march", "'march'"),
    ],
)
def test_what_is_no_month_of_the_lake_is_named_with_those_there_are(text: str, wrong: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_months(text)
    assert f"--months {text}: {wrong} is no month of the lake" in str(refused.value)
    assert "from 1998-01 to 2003-12" in str(refused.value)
    assert "2000-01..2000-12" in str(refused.value)


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"2000-02\.\.2000-01: the range ends before it starts"):
        parse_months("2000-02..2000-01")


def test_without_a_selection_every_table_is_meant(definitions: dg.Definitions) -> None:
    assert select_tables(definitions, None) == set(LAKE_TABLES)


@pytest.mark.parametrize(
    ("selection", "tables"),
    [
        ("key:silver/item", {"silver.item"}),
        ("key:silver/item or key:gold/daily_sales_summary", {"silver.item", "gold.daily_sales_summary"}),
        ("+key:silver/item", {"silver.item", "bronze.item"}),
        # Rows of silver.promotion are compared with those of silver.item.
        ("key:bronze/item+", {"silver.promotion", "silver.item", "bronze.item", "gold.product_performance"}),
        (
            "+key:gold/daily_sales_summary",
            {
                "gold.daily_sales_summary",
                *(f"{layer}.date_dim" for layer in ("bronze", "silver")),
                *(f"{layer}.{channel}_sales" for layer in ("bronze", "silver") for channel in CHANNELS),
                *(f"{layer}.{channel}_returns" for layer in ("bronze", "silver") for channel in CHANNELS),
            },
        ),
    ],
)
def test_a_selection_is_one_of_dagster_assets(definitions: dg.Definitions, selection: str, tables: set[str]) -> None:
    assert {table.identifier for table in select_tables(definitions, selection)} == tables


def test_a_group_is_a_layer(definitions: dg.Definitions) -> None:
    for layer in ("bronze", "silver", "gold"):
        selected = select_tables(definitions, f"group:{layer}")
        assert selected == {table for table in LAKE_TABLES if table.layer == layer}


@pytest.mark.parametrize("selection", ["key:(", "silver item", "nonsense:silver", ""])
def test_what_is_no_selection_is_refused_with_examples(definitions: dg.Definitions, selection: str) -> None:
    with pytest.raises(SettingsError) as refused:
        select_tables(definitions, selection)
    assert f"--only {selection!r} is no valid selection of assets" in str(refused.value)
    assert "group:silver" in str(refused.value)


@pytest.mark.parametrize("selection", ["key:silver/nothing", "group:platinum", "group:silver and group:gold"])
def test_a_selection_of_nothing_is_refused_with_examples(definitions: dg.Definitions, selection: str) -> None:
    with pytest.raises(SettingsError) as refused:
        select_tables(definitions, selection)
    assert f"--only {selection!r} selects no asset" in str(refused.value)
    assert "key:silver/item" in str(refused.value)
