"""The data dictionary: what the contract says of every table and column, as Markdown pages.

python -m lake_assets.contract.dictionary docs/dictionary      # write the pages; `make dictionary`

One page per layer with its entities, one per table with its columns, rules and lineage, and one of the quality history.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lake_assets.contract.column_lineage import SourceColumn, column_lineage
from lake_assets.contract.layers import (
    BRONZE,
    GOLD,
    LAKE_TABLES,
    LOAD_TIMESTAMP,
    SILVER,
    SOURCE_BATCH,
    LakeTable,
    Layer,
)
from lake_assets.contract.model import Column
from lake_assets.contract.quality import QUALITY_SCHEMA, RESULTS, RESULTS_COMMENT, RESULTS_NAME, RESULTS_PARTITIONS
from lake_assets.contract.quarantine import LINE_TEXT, REASONS, RULES, SOURCE_PATH
from lake_assets.contract.rules import rules_of

_LAYERS: dict[Layer, tuple[dict[str, LakeTable], str]] = {
    "bronze": (
        BRONZE,
        "The source files, row by row as they were delivered, in declared types. One partition per batch.",
    ),
    "silver": (SILVER, "Typed, deduplicated and audited. Facts are partitioned by month; a dimension is one object."),
    "gold": (GOLD, "What analysts ask, computed from silver."),
}
_MADE = "<!-- Made from the contract by `make dictionary`; changes belong there. -->"
_AXES = {
    "source_batch": "one per batch of files",
    "month": "one per month",
    "year": "one per year",
}


def pages() -> dict[str, str]:
    """Text of every page by its path below the dictionary's folder."""
    found = {"README.md": _index(), f"{QUALITY_SCHEMA}.md": _quality()}
    for layer in _LAYERS:
        found[f"{layer}.md"] = _layer(layer)
    for table in LAKE_TABLES:
        found[f"{table.layer}/{table.name}.md"] = _table(table)
    return found


def _index() -> str:
    columns = sum(len(_all_columns(table)) for table in LAKE_TABLES)
    rules = sum(len(rules_of(table)) for table in LAKE_TABLES)
    layers = [
        (
            f"[{layer}]({layer}.md)",
            str(len(tables)),
            str(sum(len(_all_columns(each)) for each in tables.values())),
            text,
        )
        for layer, (tables, text) in _LAYERS.items()
    ]
    return _page(
        "Data dictionary",
        f"{len(LAKE_TABLES)} tables with {columns:,} columns and {rules:,} rules. The tables of bronze and silver "
        "are those of TPC-DS; their data is derived from TPC-DS and not comparable with published TPC results.",
        _grid(("layer", "tables", "columns", "what it is"), layers),
        f"Beside the layers stand what every audit found ([{QUALITY_SCHEMA}]({QUALITY_SCHEMA}.md)) and, for each table of "
        "bronze and silver, the rows that were taken out ([quarantine](quality.md#quarantine)).",
    )


def _layer(layer: Layer) -> str:
    tables, text = _LAYERS[layer]
    rows = [
        (
            f"[{name}]({layer}/{name}.md)",
            _AXES[table.axis] if table.partition_column else "none",
            _sentence(table.comment),
        )
        for name, table in tables.items()
    ]
    return _page(
        f"Layer {layer}",
        text,
        _grid(("table", "partitions", "what it holds"), rows),
        "## Entities",
        _diagram(tables.values()),
    )


def _diagram(tables: Iterable[LakeTable]) -> str:
    """Mermaid's entity diagram: references between tables of a layer; for gold the tables that it is computed from."""
    lines = ["```mermaid", "erDiagram"]
    for table in tables:
        keys = [column for column in table.columns if column.name in table.primary_key]
        lines += [f"  {table.name} {{", *(f"    {_word(column.type)} {column.name} PK" for column in keys), "  }"]
        lines += [f"  {below} ||--o{{ {table.name} : {label}" for below, label in _relations(table)]
    return "\n".join([*lines, "```"])


def _relations(table: LakeTable) -> Iterator[tuple[str, str]]:
    """Tables that a table refers to, each once, with the word on the line between them."""
    if table.source is not None:
        for dimension in table.source.dimensions:
            count = sum(key.references == dimension for key in table.source.foreign_keys)
            yield dimension, f'"{count} keys"' if count > 1 else '"key"'
        if table.source.sale is not None:
            yield table.source.sale.sales, '"sale"'
    else:
        below = {source.table for sources in column_lineage(table).values() for source in sources}
        yield from ((name, '"values"') for name in sorted(below))


def _table(table: LakeTable) -> str:
    lineage = column_lineage(table)
    layers = ("bronze", "silver", "gold")
    elsewhere = " · ".join(
        f"[{layer}](../{layer}/{table.name}.md)"
        for layer in layers
        if layer != table.layer and table.name in _LAYERS[layer][0]  # type: ignore[index]
    )
    key = ", ".join(f"`{name}`" for name in table.primary_key)
    stored = (
        f"Partitions: {_AXES[table.axis]} (`{table.partition_column}`)." if table.partition_column else "One object."
    )
    order = f" Sorted by {', '.join(f'`{name}`' for name in table.sort)}." if table.sort else ""
    grain = "Grain: a line of a file; one row per" if table.layer == "bronze" else "Grain: one row per"
    return _page(
        table.identifier,
        _sentence(table.comment),
        f"{grain} {key}. {stored}{order} Layer: [{table.layer}](../{table.layer}.md)"
        + (f"; the same table in {elsewhere}." if elsewhere else "."),
        "## Columns",
        _grid(
            ("column", "type", "key", "meaning", "allowed", "from"),
            [_column(table, column, lineage.get(column.name, ())) for column in _all_columns(table)],
        ),
        "## Rules",
        "What happens to a row that breaks one: *warn* keeps and counts it, *quarantine* takes it out, *block* keeps the "
        "partition from being published.",
        _grid(
            ("rule", "action", "what it demands"),
            [(f"`{rule.name}`", rule.action, _sentence(rule.sentence)) for rule in rules_of(table)],
        ),
    )


def _all_columns(table: LakeTable) -> tuple[Column, ...]:
    return (*table.columns, *table.partition_columns)


def _column(table: LakeTable, column: Column, sources: Sequence[SourceColumn]) -> tuple[str, ...]:
    return (
        f"`{column.name}`",
        _type(column),
        _key(table, column),
        _sentence(column.comment) + (" **Personal data.**" if column.personal else ""),
        _allowed(column),
        ", ".join(f"[{source.table}](../{source.layer}/{source.table}.md).{source.column}" for source in sources),
    )


def _type(column: Column) -> str:
    return _sentence(column.type) + ("" if column.nullable else " NOT NULL")


def _key(table: LakeTable, column: Column) -> str:
    marks = []
    if column.name in table.primary_key:
        marks.append("primary")
    if column.name == table.partition_column:
        marks.append("partition")
    if table.source is not None:
        if column.name == table.source.business_key:
            marks.append("business")
        marks += [
            f"→ [{key.references}]({key.references}.md)"
            for key in table.source.foreign_keys
            if key.column == column.name
        ]
    return ", ".join(marks)


def _allowed(column: Column) -> str:
    """The bounds of the values, in words."""
    said = []
    if column.values:
        said.append(", ".join(f"`{value}`" for value in column.values))
    if column.low is not None and column.high is not None:
        said.append(f"{column.low} to {column.high}")
    elif column.low is not None:
        said.append(f"at least {column.low}")
    elif column.high is not None:
        said.append(f"at most {column.high}")
    if column.pattern is not None:
        said.append(f"form `{column.pattern}`")
    if column.filled:
        said.append("never NULL")
    return "; ".join(said)


def _quality() -> str:
    def rows(columns: Iterable[Column]) -> list[tuple[str, ...]]:
        return [(f"`{each.name}`", _type(each), _sentence(each.comment)) for each in columns]

    heads = ("column", "type", "meaning")
    return _page(
        f"{QUALITY_SCHEMA}.{RESULTS_NAME}",
        _sentence(RESULTS_COMMENT),
        _grid(heads, rows((*RESULTS_PARTITIONS, *RESULTS))),
        "## Quarantine",
        "What was taken out is kept, partitioned as its table, with the rules it breaks: `quarantine.bronze_<table>` "
        "has lines of files that cannot be read, `quarantine.silver_<table>` rows with the columns of their bronze table. "
        "Both have:",
        _grid(heads, rows((RULES, REASONS, LOAD_TIMESTAMP))),
        "Those of bronze also have:",
        _grid(heads, rows((SOURCE_PATH, LINE_TEXT))),
        "Those of silver also have:",
        _grid(heads, rows((SOURCE_BATCH,))),
    )


def _page(title: str, *blocks: str) -> str:
    return "\n\n".join([_MADE, f"# {title}", *blocks]) + "\n"


def _grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", r"\|").split())


def _sentence(text: str) -> str:
    """`<` and `*` of formulas are not Markdown's."""
    return text.replace("<", "&lt;").replace("*", r"\*").replace("_", r"\_")


def _word(kind: str) -> str:
    """Mermaid's types hold no commas."""
    return kind.replace(",", "_")


def main(arguments: Sequence[str]) -> None:
    if len(arguments) != 1:
        sys.exit("Give the folder for the pages, e.g. docs/dictionary")
    folder = Path(arguments[0])
    for path, text in pages().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
