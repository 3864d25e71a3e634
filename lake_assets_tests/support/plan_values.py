"""What one expression of a Spark Connect plan is computed from, over rows whose columns are known; see `plan_lineage.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

UNKNOWN = object()
_AGGREGATES = {"count", "sum", "min", "max"}
_WINDOWS = {"row_number", "rank", "lag"}
_SCALARS = {
    *(
        "and",
        "or",
        "not",
        "in",
        "==",
        ">",
        ">=",
        "<",
        "<=",
        "+",
        "-",
        "*",
        "/",
        "isNull",
        "isNotNull",
        "isnull",
        "isnotnull",
    ),
    *("coalesce", "greatest", "round", "floor", "rtrim", "substring", "try_cast"),
    *("date_add", "date_sub", "datediff", "date_format", "quarter", "year", "month"),
    # A row for each of several values: every one of them may be the row's.
    *("array", "explode"),
}


@dataclass(frozen=True, eq=False)
class Value:
    """Where a value comes from: columns as `layer.table.column`, and literals of the plan.

    `constant` is the value itself where it is one. A `mark` is a constant that stands for its row, perhaps under a condition.
    `apart` is for a count of rows what else tells these apart, but was the same in all of them: their group.
    """

    columns: frozenset[str] = frozenset()
    literals: frozenset[str] = frozenset()
    constant: object = UNKNOWN
    mark: bool = False
    apart: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Branch:
    """Rows of one kind: their columns, the values that tell them apart, and the tables they were read from.

    They may be groups, and they are `alone` when they are all the rows of their relation.
    """

    columns: dict[str, Value]
    key: tuple[Value, ...] = ()
    tables: frozenset[str] = frozenset()
    grouped: bool = False
    alone: bool = True


def together(values: Iterable[Value], constant: object = UNKNOWN, mark: bool = False) -> Value:
    """A value computed from all of these."""
    found = list(values)
    return Value(
        frozenset().union(*(value.columns for value in found)),
        frozenset().union(*(value.literals for value in found)),
        constant,
        mark,
        tuple(apart for value in found for apart in value.apart),
    )


def among(value: Value, others: Iterable[Value]) -> bool:
    """Whether it is one of the others itself, whatever its name is by now."""
    return any(value is other for other in others)


def named(expressions: Iterable[Any], branch: Branch, group: tuple[Value, ...] | None = None) -> dict[str, Value]:
    """Values of the columns that a list of expressions makes, by name."""
    found: dict[str, Value] = {}
    for expression in expressions:
        if expression.WhichOneof("expr_type") == "unresolved_star":
            found |= branch.columns
        else:
            found[name_of(expression)] = value_of(expression, branch, group)
    return found


def name_of(expression: Any) -> str:
    """Name of the column that an expression makes or means."""
    kind = expression.WhichOneof("expr_type")
    if kind == "alias":
        return str(expression.alias.name[0])
    if kind == "unresolved_attribute":
        return str(expression.unresolved_attribute.unparsed_identifier)
    raise NotImplementedError(f"a column without a name, of {kind}")


def value_of(expression: Any, branch: Branch, group: tuple[Value, ...] | None = None) -> Value:
    """Value of an expression in these rows. `group` are the values of the keys when the rows are being grouped."""
    kind = expression.WhichOneof("expr_type")
    inner = getattr(expression, kind)
    match kind:
        case "unresolved_attribute":
            return branch.columns[inner.unparsed_identifier]
        case "alias" | "cast":
            return value_of(inner.expr, branch, group)
        case "literal":
            literal = inner.WhichOneof("literal_type")
            found = None if literal == "null" else getattr(inner, literal)
            return Value(literals=frozenset({str(found)}), constant=found, mark=found is not None)
        case "expression_string":
            return Value(literals=frozenset({str(float(inner.expression))}))
        case "window":
            return _window(inner, branch)
        case "unresolved_function":
            return _function(inner, branch, group)
    raise NotImplementedError(f"expression {kind}")


def _window(window: Any, branch: Branch) -> Value:
    function = window.window_function.unresolved_function
    if not branch.alone:
        raise NotImplementedError("a window over a union, whose branches would have to be looked at together")
    over = [value_of(each, branch) for each in (*window.partition_spec, *(order.child for order in window.order_spec))]
    if function.function_name in _WINDOWS:
        return together((*over, *(value_of(argument, branch) for argument in function.arguments)))
    return together((*over, _function(function, branch, group=())))


def _function(function: Any, branch: Branch, group: tuple[Value, ...] | None) -> Value:
    name = function.function_name
    if name == "when":
        return _case([value_of(argument, branch, group) for argument in function.arguments])
    if name in _AGGREGATES and group is not None:
        (argument,) = (value_of(argument, branch) for argument in function.arguments)
        return _aggregate(name, argument, branch, group, is_distinct=function.is_distinct)
    if name not in _SCALARS:
        raise NotImplementedError(f"function {name}")
    arguments = [value_of(argument, branch, group) for argument in function.arguments]
    constants = [argument.constant for argument in arguments]
    if name == "==" and UNKNOWN not in constants:
        return together(arguments, constants[0] == constants[1])
    if name == "and" and any(constant is False for constant in constants):
        return Value(constant=False)
    return together(arguments)


def _aggregate(name: str, argument: Value, branch: Branch, group: tuple[Value, ...], *, is_distinct: bool) -> Value:
    """A count of rows comes from what tells them apart; a sum of such counts also from what did so between their groups."""
    apart: Sequence[Value] = ()
    same: tuple[Value, ...] = ()
    if name == "count" and argument.mark and not is_distinct:
        apart = branch.key
        same = tuple(value for value in apart if among(value, group))
    elif name == "sum":
        apart = argument.apart
        same = tuple(value for value in apart if any(value.columns <= key.columns for key in group))
    found = together((argument, *(value for value in apart if not among(value, same))))
    return replace(found, apart=same)


def _case(arguments: Sequence[Value]) -> Value:
    """Conditions and outcomes by turns, perhaps one more outcome; of conditions that are constants only what they leave."""
    conditions: list[Value] = []
    outcomes: list[Value] = []
    for condition, outcome in zip(arguments[::2], arguments[1::2], strict=False):
        if condition.constant is False:
            continue
        outcomes.append(outcome)
        if condition.constant is True:
            break
        conditions.append(condition)
    else:
        outcomes.append(arguments[-1] if len(arguments) % 2 else Value(constant=None))
    if not conditions:
        return outcomes[0]
    return together((*conditions, *outcomes), mark=all(each.mark or each.constant is None for each in outcomes))
