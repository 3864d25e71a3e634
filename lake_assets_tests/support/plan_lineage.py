"""What the values of a frame's columns are computed from, read off the plan that Spark Connect would send to the engine.

Follows the rules stated in `lake_assets/contract/column_lineage.py`, but knows nothing of what the contract says of any column.
A plan with a relation, a join or a function that is not known here is an error, so that no way of a value is overlooked.

Rows are followed in branches, one for each table that a union brought together, because a branch knows its channel: of
`CASE WHEN channel = 'store' THEN amount END` only the store's amount is a source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from lake_assets.contract.layers import LakeTable, lake_table
from lake_assets.contract.types import spark_ddl
from lake_assets_tests.support.plan_values import UNKNOWN, Branch, Value, among, name_of, named, together, value_of

_Rows = list[Branch]


@dataclass(frozen=True)
class Plan:
    """The traced columns of a frame, in order."""

    columns: dict[str, Value]

    def sources(self) -> dict[str, frozenset[str]]:
        return {name: value.columns for name, value in self.columns.items()}

    def differing(self, other: Plan) -> set[str]:
        """Columns into which other literals went."""
        assert list(self.columns) == list(other.columns)
        return {name for name, value in self.columns.items() if value.literals != other.columns[name].literals}


def no_rows_of(spark: SparkSession, table: LakeTable) -> DataFrame:
    """An empty frame of a table, by which its columns are known again in a plan."""
    return spark.createDataFrame([], spark_ddl(table.columns)).alias(table.identifier)


def trace(frame: DataFrame) -> Plan:
    """Trace every column of a frame to the columns of the `no_rows_of` from which it was made."""
    plan: Any = frame._plan.to_proto(frame.sparkSession.client)  # type: ignore[operator]
    branches = _rows(plan.root)
    names = list(branches[0].columns)
    return Plan({name: together(branch.columns[name] for branch in branches) for name in names})


def _rows(relation: Any) -> _Rows:
    kind = relation.WhichOneof("rel_type")
    if kind not in _RELATIONS:
        raise NotImplementedError(f"relation {kind}")
    return _RELATIONS[kind](getattr(relation, kind))


def _local_relation(relation: Any) -> _Rows:
    """Rows that stand in the plan: each column is the set of its values."""
    table = pa.ipc.open_stream(relation.data).read_all()
    values = {name: frozenset(map(repr, table.column(name).to_pylist())) for name in table.column_names}
    return [Branch({name: Value(literals=found) for name, found in values.items()})]


def _subquery_alias(relation: Any) -> _Rows:
    layer, _, name = relation.alias.partition(".")
    table = lake_table(layer, name)
    columns = {column.name: Value(frozenset({f"{table.identifier}.{column.name}"})) for column in table.columns}
    return [Branch(columns, tuple(columns[name] for name in table.primary_key), frozenset({table.identifier}))]


def _filter(relation: Any) -> _Rows:
    branches = _rows(relation.input)
    return [branch for branch in branches if value_of(relation.condition, branch).constant is not False]


def _project(relation: Any) -> _Rows:
    return [replace(branch, columns=named(relation.expressions, branch)) for branch in _rows(relation.input)]


def _with_columns(relation: Any) -> _Rows:
    return [
        replace(
            branch, columns=branch.columns | {each.name[0]: value_of(each.expr, branch) for each in relation.aliases}
        )
        for branch in _rows(relation.input)
    ]


def _drop(relation: Any) -> _Rows:
    gone = {*relation.column_names, *(name_of(column) for column in relation.columns)}
    return [
        replace(branch, columns={name: value for name, value in branch.columns.items() if name not in gone})
        for branch in _rows(relation.input)
    ]


def _set_op(relation: Any) -> _Rows:
    if relation.set_op_type != relation.SET_OP_TYPE_UNION or not relation.is_all:
        raise NotImplementedError("a set operation other than UNION ALL")
    left, right = _rows(relation.left_input), _rows(relation.right_input)
    names = list(left[0].columns)
    ordered = [
        [each.columns[name] for name in names] if relation.by_name else each.columns.values()
        for each in (*left, *right)
    ]
    return [
        replace(each, columns=dict(zip(names, values, strict=True)), alone=False)
        for each, values in zip((*left, *right), ordered, strict=True)
    ]


def _deduplicate(relation: Any) -> _Rows:
    return [
        replace(branch, key=tuple(branch.columns[name] for name in relation.column_names or branch.columns))
        for branch in _rows(relation.input)
    ]


def _aggregate(relation: Any) -> _Rows:
    if relation.group_type != relation.GROUP_TYPE_GROUPBY:
        raise NotImplementedError("groups other than GROUP BY")
    branches = _rows(relation.input)
    keys = [named(relation.grouping_expressions, branch) for branch in branches]
    found = [
        named(relation.aggregate_expressions, branch, tuple(key.values()))
        for branch, key in zip(branches, keys, strict=True)
    ]
    by_key = {name: together(key[name] for key in keys) for name in keys[0]}
    figures = {name: together(each[name] for each in found) for name in found[0]}
    tables = frozenset().union(*(branch.tables for branch in branches))
    return [Branch(by_key | figures, tuple(by_key.values()), tables, grouped=True)]


def _join(relation: Any) -> _Rows:
    kinds = {
        relation.JOIN_TYPE_INNER: (False, False),
        relation.JOIN_TYPE_LEFT_OUTER: (False, True),
        relation.JOIN_TYPE_FULL_OUTER: (True, True),
    }
    if relation.join_type not in kinds:
        raise NotImplementedError("a join that is not INNER, LEFT or FULL")
    optional_left, optional_right = kinds[relation.join_type]
    using = list(relation.using_columns)
    rights, joined = _rows(relation.right), []
    for left in _rows(relation.left):
        meeting = [right for right in rights if _may_meet(left, right, using)]
        if not meeting:
            raise NotImplementedError("a join in which some rows can meet no others")
        for right in meeting:
            on_left, on_right = _join_keys(relation, left, right, using)
            columns = _perhaps_missing(left, optional_left)
            added = _perhaps_missing(_as_window(left, on_left, right, on_right), optional_right)
            for name in using:
                del added[name]
                both = (left.columns[name], right.columns[name])
                columns[name] = together(both) if optional_left else both[0]
            if twice := columns.keys() & added.keys():
                raise NotImplementedError(f"columns of one name on both sides of a join: {twice}")
            more = tuple(value for value in right.key if not among(value, on_right))
            tables, alone = left.tables | right.tables, left.alone and right.alone
            joined.append(Branch(columns | added, left.key + more, tables, alone=alone))
    return joined


def _may_meet(left: Branch, right: Branch, using: Sequence[str]) -> bool:
    """Whether their keys are not constants that differ, such as two channels."""
    pairs = [(left.columns[name].constant, right.columns[name].constant) for name in using]
    return all(UNKNOWN in pair or pair[0] == pair[1] for pair in pairs)


def _join_keys(
    relation: Any, left: Branch, right: Branch, using: Sequence[str]
) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    if using:
        return tuple(left.columns[name] for name in using), tuple(right.columns[name] for name in using)
    function = relation.join_condition.unresolved_function
    if function.function_name != "==":
        raise NotImplementedError("a join by anything but an equality")
    one, other = (name_of(argument) for argument in function.arguments)
    return (left.columns[one],), (right.columns[other],)


def _as_window(left: Branch, on_left: Sequence[Value], right: Branch, on_right: Sequence[Value]) -> Branch:
    """Groups that are joined to the rows of which they were made are a window over these, partitioned by the group."""
    joined_back = right.grouped and left.tables and left.tables <= right.tables
    if not joined_back or all(among(value, on_left) for value in left.key):
        return right
    return replace(right, columns={name: together((value, *on_right)) for name, value in right.columns.items()})


def _perhaps_missing(side: Branch, optional: bool) -> dict[str, Value]:
    """Columns of one side of a join: a constant that may be missing tells that there is a row, so it comes from its key."""
    if not optional:
        return dict(side.columns)
    return {
        name: together((value, *side.key)) if value.mark else replace(value, constant=UNKNOWN)
        for name, value in side.columns.items()
    }


_RELATIONS: Mapping[str, Callable[[Any], _Rows]] = {
    "local_relation": _local_relation,
    "subquery_alias": _subquery_alias,
    "filter": _filter,
    "project": _project,
    "with_columns": _with_columns,
    "drop": _drop,
    "set_op": _set_op,
    "deduplicate": _deduplicate,
    "aggregate": _aggregate,
    "join": _join,
}
