"""From which columns of the layer below the values of each column are computed.

Lineage of values: a column comes from every column that its value is computed from, through all steps in between.

- Of an expression that is its arguments, the conditions of a CASE among them, and for a window also its partition and order.
  An aggregate joined back to the rows it was computed of is a window over them: the date of an order comes from the order
  number and the dates of its lines.
- A count of rows has no argument. It comes from what tells the rows apart that are counted: the primary key of lines, or the
  columns that were made distinct. So does the mark that an outer join found a row.
- Figures that were looked up beforehand (first and last day of sale, parameters of a model) pass on what they come from.

What only chooses, finds or groups rows is left out (filters, keys of joins and of groups), or every figure of a table would
list the key of the table. Without sources are constants such as the channel, `load_timestamp`, and `source_batch`, which is the
partition of bronze.

`Column.sources` states one step. `sales.WORD` and `returns.WORD` are the columns of all three channels that the conformed
word means (`conformed.py`), `TABLE.COLUMN` is a column of silver, and a name alone is another column of the same table, with
all that this one comes from. A column of silver without sources comes from the one of the same name in bronze.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lake_assets.contract.conformed import CONFORMED
from lake_assets.contract.layers import BRONZE, SILVER, LakeTable


@dataclass(frozen=True, slots=True, order=True)
class SourceColumn:
    """A column of a table of the layer below."""

    layer: str
    table: str
    column: str


def column_lineage(table: LakeTable) -> dict[str, tuple[SourceColumn, ...]]:
    """For each column of a table, in order, the columns of the layer below that its values are computed from, sorted.

    Bronze comes from files, so none of its columns has any. KeyError names a source that does not exist.
    """
    return {column.name: _resolved(table, column.name) for column in table.columns}


def _resolved(table: LakeTable, name: str) -> tuple[SourceColumn, ...]:
    column = next((column for column in table.columns if column.name == name), None)
    if column is None:
        raise KeyError(f"{table.identifier} has no column {name!r}")
    if not column.sources:
        return _same_in_bronze(table, name)
    found = {each for source in column.sources for each in _step(table, source)}
    return tuple(sorted(found))


def _same_in_bronze(table: LakeTable, name: str) -> tuple[SourceColumn, ...]:
    if table.layer != "silver" or name not in BRONZE[table.name].content_columns:
        return ()
    return (SourceColumn("bronze", table.name, name),)


def _step(table: LakeTable, source: str) -> Iterator[SourceColumn]:
    owner, _, name = source.rpartition(".")
    if not owner:
        yield from _resolved(table, name)
    elif owner in CONFORMED:
        yield from (_of_silver(fact, words[name]) for fact, words in CONFORMED[owner].items())
    else:
        yield _of_silver(owner, name)


def _of_silver(table: str, column: str) -> SourceColumn:
    if column not in SILVER[table].content_columns:
        raise KeyError(f"silver.{table} has no column {column!r}")
    return SourceColumn("silver", table, column)
