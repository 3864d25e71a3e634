"""Fragments of SQL that the invariants share, in the words that DuckDB, Spark (ANSI) and Sail have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from lake_assets.contract.calendar import JULIAN_DAY_OF_EPOCH, UNDATED
from lake_assets.contract.conformed import returns_words, sales_words
from lake_assets.contract.model import CHANNELS, Channel, Invariant


def differs(column: str, formula: str) -> str:
    return f"{column} IS DISTINCT FROM {formula}"


def differs_from_quotient(column: str, numerator: str, denominator: str) -> str:
    """Condition: DECIMAL(18,6) `column` is not `numerator / denominator` within half a millionth, or not NULL without one.

    By multiplication, which is exact on every engine, where each rounds a division in its own way.
    """
    above, below = (f"CAST({operand} AS DECIMAL(18,2))" for operand in (numerator, denominator))
    error, allowed = f"CAST(ABS({column} * {below} - {above}) AS DOUBLE)", f"5.1e-7 * CAST(ABS({below}) AS DOUBLE)"
    return (
        f"CASE WHEN {below} <> 0 AND {above} IS NOT NULL THEN {column} IS NULL OR {error} > {allowed} "
        f"ELSE {column} IS NOT NULL END"
    )


def recomputed(column: str, formula: str, sentence: str = "") -> Invariant:
    """`column` is what the formula makes of other columns of its row, NULL included."""
    return Invariant(
        "recomputed",
        column,
        sentence or f"{column} = {formula}.",
        (column, *_names(formula)),
        condition=differs(column, formula),
    )


def quotient(column: str, numerator: str, denominator: str) -> Invariant:
    """`column` is the quotient of other columns of its row, rounded to a millionth."""
    return Invariant(
        "recomputed",
        column,
        f"{column} = {numerator} / {denominator}, rounded to a millionth, and missing where that is no number.",
        (column, *_names(f"{numerator} {denominator}")),
        condition=differs_from_quotient(column, numerator, denominator),
    )


def fraction(column: str) -> Invariant:
    """`column` lies between 0 and 1, where there is one."""
    return Invariant(
        "range",
        column,
        f"{column} is between 0 and 1.",
        (column,),
        condition=f"COALESCE(NOT {column} BETWEEN 0 AND 1, FALSE)",
    )


def _names(formula: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(re.findall(r"\b[a-z]\w*\b", re.sub(r"'[^']*'", "", formula))))


def rows_where(broken: str, table: str, part: str, **derived: str) -> str:
    """Query: one violation for each row of `table` for which `broken` holds; `derived` columns are added to the row first."""
    added = "".join(f", {expression} AS {name}" for name, expression in derived.items())
    return f"SELECT {part} AS part, 1 AS n FROM (SELECT *{added} FROM {table}) AS seen WHERE {broken}"


def side(rows: str, columns: Mapping[str, str]) -> str:
    """One side of a balance: expressions over rows, by name."""
    return f"SELECT {', '.join(f'{expression} AS {name}' for name, expression in columns.items())} FROM {rows}"


def same(names: Iterable[str]) -> dict[str, str]:
    """The columns of these names as they are."""
    return {name: name for name in names}


def less(names: Iterable[str]) -> dict[str, str]:
    """The columns of these names with the opposite sign."""
    return {name: f"-{name}" for name in names}


def balance(
    sides: Iterable[str],
    key: Sequence[str],
    measures: Iterable[str],
    *,
    part: str = "part",
    unequal: Iterable[str] = (),
    only: str = "",
) -> str:
    """Query: one violation for each `key` over which a measure does not add up to 0 over all sides.

    `sides` are SELECTs of the same columns, some of them with the opposite sign. `unequal` are further conditions over the
    group, `part` is its partition, and groups for which `only` does not hold are left out.
    """
    broken = " OR ".join([*(f"COALESCE(SUM({measure}), 0) <> 0" for measure in measures), *unequal])
    condition = f"({broken})" + (f" AND {only}" if only else "")
    rows = " UNION ALL ".join(sides)
    return f"SELECT {part} AS part, 1 AS n FROM ({rows}) AS sides GROUP BY {', '.join(key)} HAVING {condition}"


def day(date_sk: str) -> str:
    """DATE of a date key."""
    return f"CAST('1970-01-01' AS DATE) + CAST({date_sk} - {JULIAN_DAY_OF_EPOCH} AS INT)"


def month_of(date: str) -> str:
    """Key of the month partition of a DATE."""
    return f"COALESCE(SUBSTRING(CAST({date} AS STRING), 1, 7), '{UNDATED}')"


def year_of(date: str) -> str:
    """Key of the year partition of a DATE."""
    return f"COALESCE(SUBSTRING(CAST({date} AS STRING), 1, 4), '{UNDATED}')"


def _money(column: str) -> str:
    return f"CAST(COALESCE({column}, 0) AS DECIMAL(18,2))"


def _units(column: str) -> str:
    return f"CAST(COALESCE({column}, 0) AS BIGINT)"


def _sums(channel: Channel) -> dict[str, str]:
    """Sums over sale lines; NULL where no line has the figure."""
    of = sales_words(channel)
    return {
        "line_count": "COUNT(*)",
        "units_sold": f"SUM({of['quantity']})",
        "list_amt": f"SUM({of['ext_list_price']})",
        "gross_sales": f"SUM({of['ext_sales_price']})",
        "coupon_amt": f"SUM({of['coupon_amt']})",
        "net_paid": f"SUM({of['net_paid']})",
        "tax_amt": f"SUM({of['ext_tax']})",
        "wholesale_cost": f"SUM({of['ext_wholesale_cost']})",
        "net_profit": f"SUM({of['net_profit']})",
        "null_amount_lines": f"COUNT(*) - COUNT({of['ext_sales_price']})",
        "imputed_date_lines": f"SUM(CASE WHEN {of['date_imputed']} THEN 1 ELSE 0 END)",
    }


def _grouped(channel: Channel, *words: str) -> str:
    """Subquery: sums of a channel's sale lines by these words."""
    of = sales_words(channel)
    rows = side(f"silver.{channel}_sales", {word: of[word] for word in words} | _sums(channel))
    return f"({rows} GROUP BY {', '.join(of[word] for word in words)}) AS sums"


def _days(channel: Channel) -> str:
    return side(_grouped(channel, "date_sk"), {"channel": f"'{channel}'", "date_sk": "date_sk"} | _present(OF_SALES))


def _days_of_orders(channel: Channel) -> str:
    columns = {"channel": f"'{channel}'", "date_sk": "date_sk", "order_count": "COUNT(*)"}
    sums = _present(OF_SALES, "SUM({})")
    return f"{side(_grouped(channel, 'date_sk', 'order_number'), columns | sums)} GROUP BY date_sk"


def _buyers(channel: Channel) -> str:
    columns = {
        "channel": f"'{channel}'",
        "customer_sk": "customer_sk",
        "first_sk": "MIN(date_sk)",
        "last_sk": "MAX(date_sk)",
        "order_count": "COUNT(*)",
    }
    sums = _present(OF_PURCHASES, "SUM({})")
    rows = _grouped(channel, "customer_sk", "date_sk", "order_number")
    return f"{side(rows, columns | sums)} GROUP BY customer_sk"


def _purchases(channel: Channel) -> str:
    of = sales_words(channel)
    return side(f"silver.{channel}_sales", {word: of[word] for word in ("customer_sk", "date_sk")})


def _present(names: Iterable[str], figure: str = "{}") -> dict[str, str]:
    return {name: f"COALESCE({figure.format(name)}, 0)" for name in names}


def _return_measures(channel: Channel) -> dict[str, str]:
    of = returns_words(channel)
    return {
        "return_line_count": "1",
        "units_returned": _units(of["return_quantity"]),
        "returns_amt": _money(of["return_amt"]),
        "return_net_loss": _money(of["net_loss"]),
    }


def _returns(channel: Channel) -> str:
    columns = {"channel": f"'{channel}'", "date_sk": returns_words(channel)["date_sk"]} | _return_measures(channel)
    return side(f"silver.{channel}_returns", columns)


def _undone_sales(channel: Channel) -> str:
    sale, back = sales_words(channel), returns_words(channel)
    columns = {
        "is_sold": f"{sale['item_sk']} IS NOT NULL",
        "date_sk": sale["date_sk"],
        "customer_sk": sale["customer_sk"],
        "returned_date_sk": back["date_sk"],
    }
    rows = (
        f"silver.{channel}_returns LEFT JOIN silver.{channel}_sales "
        f"ON {sale['item_sk']} = {back['item_sk']} AND {sale['order_number']} = {back['order_number']}"
    )
    return side(rows, columns | _return_measures(channel))


def _union(of_channel: Callable[[Channel], str]) -> str:
    return f"({' UNION ALL '.join(of_channel(channel) for channel in CHANNELS)}) AS lines"


OF_SALES = tuple(_sums("store"))
"""Measures that add up over sale lines: lines, units, and amounts in US dollars; NULL counts 0."""

SALES_BY_DAY = _union(_days)
"""Sums of sale lines of silver per channel and date_sk: `OF_SALES`."""

ORDERS_BY_DAY = _union(_days_of_orders)
"""The same with order_count, the orders of the day; they add up, because an order has one date."""

OF_PURCHASES = ("line_count", "units_sold", "gross_sales", "coupon_amt", "net_paid", "net_profit")
"""Those of them that are told of a customer."""

SALES_BY_CUSTOMER = _union(_buyers)
"""Per channel and customer_sk: first_sk and last_sk, the days of the first and last sale, order_count and `OF_PURCHASES`."""

FIRST_DAYS = (
    f"(SELECT MIN(date_sk) AS date_sk FROM {_union(_purchases)} WHERE customer_sk IS NOT NULL "
    "GROUP BY customer_sk) AS firsts"
)
"""The first day with a sale of each customer of silver, over all channels."""

OF_RETURNS = tuple(_return_measures("store"))
"""Measures that add up over return lines: lines, units, and amounts in US dollars; NULL counts 0."""

RETURNS_BY_DAY = (
    f"(SELECT channel, date_sk{''.join(f', SUM({name}) AS {name}' for name in OF_RETURNS)} FROM {_union(_returns)} "
    # Keys of days, not months: to group by text takes several times as long.
    "GROUP BY channel, date_sk) AS days"
)
"""Sums of return lines of silver per channel and date_sk of the return: `OF_RETURNS`."""

UNDONE_SALES = _union(_undone_sales)
"""Return lines of silver with their sale: is_sold (there is one), its date_sk and customer_sk, returned_date_sk and
`OF_RETURNS`."""

SHARED = (SALES_BY_CUSTOMER,)
"""Subqueries that several rules of a table have in common. Who evaluates these together need compute them but once."""
