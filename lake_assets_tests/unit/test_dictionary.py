"""The data dictionary: complete, current, and without a dead link."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest

import lake_assets
from lake_assets.contract.column_lineage import column_lineage
from lake_assets.contract.dictionary import main, pages
from lake_assets.contract.layers import GOLD, LAKE_TABLES, SILVER
from lake_assets.contract.rules import rules_of

WRITTEN = Path(lake_assets.__file__).parents[1] / "docs" / "dictionary"
PAGES = pages()


def _rows(text: str, heading: str) -> dict[str, list[str]]:
    """Cells of the table under a heading, by the name in the first one."""
    part = text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    cells = [re.split(r" (?<!\\)\| ", line.removeprefix("| ").removesuffix(" |")) for line in lines]
    return {each[0].strip("`"): each for each in cells}


def test_the_written_pages_are_those_of_the_contract() -> None:
    """Else: `make dictionary`."""
    written = {path.relative_to(WRITTEN).as_posix(): path.read_text() for path in WRITTEN.rglob("*.md")}
    assert written.keys() == PAGES.keys()
    assert [path for path, text in PAGES.items() if written[path] != text] == []


def test_every_column_and_every_rule_of_every_table_has_its_line() -> None:
    assert len(LAKE_TABLES) == 52
    for table in LAKE_TABLES:
        text = PAGES[f"{table.layer}/{table.name}.md"]
        columns = [column.name for column in (*table.columns, *table.partition_columns)]
        assert list(_rows(text, "Columns")) == columns, table.identifier
        assert list(_rows(text, "Rules")) == [rule.name for rule in rules_of(table)], table.identifier


def test_keys_bounds_personal_data_and_lineage_stand_beside_the_column() -> None:
    customer = _rows(PAGES["silver/customer.md"], "Columns")
    assert customer["c_customer_sk"][2] == "primary"
    assert "[customer_address](customer_address.md)" in customer["c_current_addr_sk"][2]
    assert customer["c_email_address"][3].endswith("**Personal data.**")
    assert "Personal data" not in customer["c_customer_sk"][3]
    sales = _rows(PAGES["gold/daily_sales_summary.md"], "Columns")
    table = GOLD["daily_sales_summary"]
    for name, sources in column_lineage(table).items():
        assert all(f"({'../silver/' + each.table}.md).{each.column}" in sales[name][5] for each in sources)
    assert sales["sales_month"][2].endswith("partition")


def test_every_link_leads_to_a_page() -> None:
    checked = 0
    for path, text in PAGES.items():
        for target in re.findall(r"\]\(([^)#]+\.md)", text):
            place = PurePosixPath(path).parent / target
            resolved = Path("/", *place.parts).resolve().relative_to("/").as_posix()
            assert resolved in PAGES, f"{path}: {target}"
            checked += 1
    assert checked > 1000


@pytest.mark.parametrize("layer", ["bronze", "silver", "gold"])
def test_the_diagram_of_a_layer_names_every_entity_and_only_references_that_there_are(layer: str) -> None:
    diagram = PAGES[f"{layer}.md"].split("```mermaid\n")[1].split("```")[0]
    entities = set(re.findall(r"^  (\w+) \{$", diagram, re.MULTILINE))
    assert entities == {table.name for table in LAKE_TABLES if table.layer == layer}
    lines = set(re.findall(r"^  (\w+) \|\|--o\{ (\w+) : ", diagram, re.MULTILINE))
    if layer == "gold":
        assert {below for below, _ in lines} <= SILVER.keys()
        assert ("store_sales", "daily_sales_summary") in lines
    else:
        assert ("item", "store_sales") in lines
        assert ("store_sales", "store_returns") in lines
        assert all(below in entities and above in entities for below, above in lines)


def test_a_call_without_a_folder_says_what_to_give() -> None:
    with pytest.raises(SystemExit, match="Give the folder"):
        main([])
