"""What keeps a query from running unchanged on DuckDB and on Athena, told without either.

What belongs here: the grammar and the functions that both have, and where they give different answers to the same text. sqlglot
reads much that is neither, and silently mends it; so a query may only use what is listed here, and its text must come out of
sqlglot as it went in.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from lake_assets.contract.layers import GOLD
from lake_assets.contract.types import physical_type

ATHENA, DUCKDB = "trino", "duckdb"

_RENDERINGS = ((ATHENA, ATHENA), (ATHENA, DUCKDB), (DUCKDB, DUCKDB))
_SAME_FUNCTION = {"SUBSTR": "SUBSTRING"}
"""Both engines know both names; sqlglot writes one in each dialect."""

_GRAMMAR: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Select,
        exp.With,
        exp.CTE,
        exp.TableAlias,
        exp.From,
        exp.Join,
        exp.Table,
        exp.Where,
        exp.Group,
        exp.Order,
        exp.Ordered,
        exp.Limit,
        exp.Alias,
        exp.Column,
        exp.Identifier,
        exp.Star,
        exp.Literal,
        exp.Null,
        exp.Paren,
        exp.Tuple,
        exp.Case,
        exp.If,
        exp.Cast,
        exp.DataType,
        exp.Filter,
        exp.Window,
        exp.WindowSpec,
        exp.And,
        exp.Or,
        exp.Not,
        exp.EQ,
        exp.NEQ,
        exp.LT,
        exp.LTE,
        exp.GT,
        exp.GTE,
        exp.Is,
        exp.In,
        exp.Between,
        exp.Add,
        exp.Sub,
        exp.Mul,
        exp.Div,
    }
)
# Not GREATEST and LEAST: one NULL makes them NULL on Athena and is skipped by DuckDB. Nothing with the clock or chance.
_FUNCTIONS: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Abs,
        exp.Avg,
        exp.Coalesce,
        exp.Count,
        exp.Lag,
        exp.Max,
        exp.Min,
        exp.Nullif,
        exp.Rank,
        exp.Round,
        exp.RowNumber,
        exp.Sqrt,
        exp.Substring,
        exp.Sum,
    }
)
_PARTS_OF_GROUP = {"expressions"}
_RESERVED_WORDS = """
alter and as between by case cast constraint create cross cube current_catalog current_date current_path current_role
current_schema current_time current_timestamp current_user deallocate delete describe distinct drop else end escape
except exists extract execute false first for from full group grouping having in inner insert intersect interval into
is join last left like listagg localtime localtimestamp natural normalize not null on or order outer partition prepare
recursive right rollup select skip table then trim true uescape union unnest using values when where with
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())
"""Words that Athena takes as names only in quotes."""


def portability_faults(sql: str) -> list[str]:
    """What stands in the way, in words; empty for a query that both engines run and answer alike.

    Every table and column must be in the contract of gold.
    """
    try:
        query = sqlglot.parse_one(sql, read=ATHENA)
        texts = {(read, write): sqlglot.transpile(sql, read=read, write=write) for read, write in _RENDERINGS}
    except SqlglotError as error:
        return [f"does not parse: {error}"]
    faults = [
        f"read as {read}, written as {write}, it becomes {' '.join(text)}"
        for (read, write), text in texts.items()
        if len(text) != 1 or _tokens(text[0]) != _tokens(sql)
    ]
    faults += [*_foreign_nodes(query), *_names(query), *_order(query)]
    try:
        known = qualify(query.copy(), schema=_schema(), dialect=ATHENA, expand_alias_refs=False)
    except SqlglotError as error:
        return [*faults, f"names what is not in the contract: {error}"]
    return faults + list(_quotients(annotate_types(known, schema=_schema(), dialect=ATHENA)))


def columns_read(sql: str) -> set[tuple[str, str]]:
    """(table, column) of everything that a query takes from gold."""
    query = qualify(sqlglot.parse_one(sql, read=ATHENA), schema=_schema(), dialect=ATHENA, expand_alias_refs=False)
    found = set()
    for select in query.find_all(exp.Select):
        sources = {table.alias_or_name: table for table in select.find_all(exp.Table) if table.db}
        for column in select.find_all(exp.Column):
            if column.table in sources:
                found.add((sources[column.table].name, column.name))
    return found


def _schema() -> dict[str, object]:
    gold = {
        table.name: {column.name: physical_type(column) for column in table.columns}
        | ({table.partition_column: "string"} if table.partition_column else {})
        for table in GOLD.values()
    }
    return {"gold": gold}


def _tokens(sql: str) -> list[str]:
    """Without NOT, whose place changes: `x IS NOT NULL` is written as `NOT x IS NULL`."""
    words = (token.text.upper() for token in sqlglot.tokenize(sql, read=ATHENA))
    return [_SAME_FUNCTION.get(word, word) for word in words if word != "NOT"]


def _foreign_nodes(query: exp.Expr) -> Iterator[str]:
    for node in query.walk():
        if type(node) not in _GRAMMAR | _FUNCTIONS:
            yield f"{type(node).__name__} is not known to both: {node.sql()}"
        if isinstance(node, exp.Group) and {name for name, value in node.args.items() if value} > _PARTS_OF_GROUP:
            yield f"groups by more than expressions: {node.sql()}"
        if isinstance(node, exp.Group) and not node.expressions:
            yield f"groups by no expression: {node.sql()}"
        if isinstance(node, exp.Cast) and not node.is_type(exp.DataType.Type.DOUBLE):
            yield f"only casts to DOUBLE are alike: {node.sql()}"
        if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
            yield f"columns are not named: {node.parent_select.sql() if node.parent_select else node.sql()}"


def _names(query: exp.Expr) -> Iterator[str]:
    own = {cte.alias for cte in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        if table.db != "gold" and (table.db or table.name not in own):
            yield f"the table is not named gold.<table>: {table.sql()}"
    for identifier in query.find_all(exp.Identifier):
        if identifier.quoted or identifier.name != identifier.name.lower() or identifier.name in _RESERVED:
            yield f"the name is quoted, reserved or not in small letters: {identifier.name}"


def _order(query: exp.Expr) -> Iterator[str]:
    """The rows come in an order, and by names that mean the same to both engines: those of the result."""
    order = query.args.get("order")
    if order is None or not isinstance(query, exp.Select):
        yield "the rows come in no order"
        return
    sources = {column.name for column in query.find_all(exp.Column) if column.find_ancestor(exp.Order) is not order}
    output = {column.alias_or_name: column for column in query.selects}
    for ordered in order.expressions:
        name, found = ordered.this.name, output.get(ordered.this.name)
        if not isinstance(ordered.this, exp.Column) or found is None:
            yield f"ordered by what is no column of the result: {ordered.sql()}"
        elif name in sources and not isinstance(found, exp.Column):
            yield f"ordered by a name that means two things: {ordered.sql()}"


def _quotients(query: exp.Expr) -> Iterator[str]:
    """Athena divides integers to an integer and decimals to a few digits, and fails on 0; DuckDB does neither."""
    for node in query.find_all(exp.Div, exp.Avg):
        value = node.left if isinstance(node, exp.Div) else node.this
        if not value.is_type(exp.DataType.Type.DOUBLE):
            yield f"not a DOUBLE, so each engine rounds it in its own way: {node.sql()}"
        if isinstance(node, exp.Div) and not isinstance(node.right, exp.Nullif):
            yield f"divides by what may be 0: {node.sql()}"
