"""What a query reads: the columns of each table, and the partitions that its filters on partition columns leave.

Athena bills the bytes of the column chunks in these. The filters are found by pushing the query's conditions down to its
tables, and are evaluated on the catalog's values. A condition that also concerns other columns leaves every partition.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from sqlglot import exp
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.scope import Scope, traverse_scope

from lake_assets_tests.support.aws.athena_catalog import CatalogTable, Partition, duckdb_type

Name = tuple[str, str]
"""Database and table."""


@dataclass
class Reading:
    """One place of a query where it reads a table."""

    table: CatalogTable
    columns: frozenset[str]
    partitions: tuple[Partition, ...]


@dataclass
class Readings:
    """All places, in order; a common table expression counts once, however often it is used."""

    places: list[Reading] = field(default_factory=list)

    def partitions(self, table: CatalogTable) -> list[Partition]:
        """Those that at least one place reads."""
        read = {partition for place in self.places if place.table == table for partition in place.partitions}
        return [partition for partition in table.partitions if partition in read]


def readings(query: exp.Expr, tables: Mapping[Name, CatalogTable]) -> Readings:
    """Of a query whose columns are qualified."""
    pushed = pushdown_projections(pushdown_predicates(query.copy(), dialect="athena"))
    found = Readings()
    for scope in traverse_scope(pushed):
        for alias, source in scope.sources.items():
            if not isinstance(source, exp.Table) or (source.db, source.name) not in tables:
                continue
            table = tables[source.db, source.name]
            columns = frozenset(column.name for column in scope.source_columns(alias))
            found.places.append(Reading(table, columns, _left(table, list(_filters(scope, alias, table)))))
    return found


def bytes_of(path: Path, columns: frozenset[str]) -> int:
    """Of the column chunks of these columns in all row groups."""
    metadata = pq.read_metadata(path)
    sizes: dict[str, int] = defaultdict(int)
    for group in range(metadata.num_row_groups):
        for position in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(position)
            sizes[chunk.path_in_schema.partition(".")[0].lower()] += chunk.total_compressed_size
    return sum(size for name, size in sizes.items() if name in columns)


def _filters(scope: Scope, alias: str, table: CatalogTable) -> Iterable[exp.Expr]:
    """Conditions that only concern partition columns of this table."""
    select = scope.expression
    conditions: list[exp.Expr] = []
    where = select.args.get("where")
    if where is not None and not _may_be_missing(select, alias):
        conditions.append(where.this)
    for join in select.args.get("joins") or ():
        # The rows of the other side of an outer join stay, whatever its condition says.
        if join.args.get("on") is not None and (join.this.alias_or_name == alias or not join.side):
            conditions.append(join.args["on"])
    for condition in conditions:
        for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
            columns = list(part.find_all(exp.Column))
            own = all(column.table == alias and column.name in table.partition_columns for column in columns)
            if columns and own and not part.find(exp.Select, exp.Window, exp.Placeholder):
                yield part


def _may_be_missing(select: exp.Expr, alias: str) -> bool:
    """Whether an outer join fills this table's columns with NULL; its filters then come after the join."""
    return any(
        join.side and (join.side == "FULL" or (join.this.alias_or_name == alias) == (join.side == "LEFT"))
        for join in select.args.get("joins") or ()
    )


def _left(table: CatalogTable, filters: Sequence[exp.Expr]) -> tuple[Partition, ...]:
    if not filters or not table.partitions:
        return table.partitions
    bare = [_without_table(part).sql("duckdb") for part in filters]
    columns = ", ".join(f'"{name}" {duckdb_type(kind)}' for name, kind in table.partition_columns.items())
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE partitions (place INTEGER, {columns})")
        marks = ", ".join("?" * (len(table.partition_columns) + 1))
        values = [[place, *partition.values] for place, partition in enumerate(table.partitions)]
        connection.executemany(f"INSERT INTO partitions VALUES ({marks})", values)
        conditions = " AND ".join(f"({part})" for part in bare)
        left = connection.execute(f"SELECT place FROM partitions WHERE {conditions} ORDER BY place").fetchall()
    return tuple(table.partitions[place] for (place,) in left)


def _without_table(part: exp.Expr) -> exp.Expr:
    bare = part.copy()
    for column in bare.find_all(exp.Column):
        column.set("table", None)
    return bare
