"""The audit of rows: which of them break which rule.

A rule becomes a condition that is true for rows that break it and never NULL: a missing value breaks `not_null` and no
other rule. Rules about another table are conditions over columns that `with_references` and `with_sale` add.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake_assets.compute import silver
from lake_assets.compute.expressions import any_of, in_calendar, reasons, timestamp
from lake_assets.contract.layers import LOAD_TIMESTAMP, SILVER
from lake_assets.contract.model import Column as TableColumn
from lake_assets.contract.model import OrderHeader, SaleLink, SlowlyChanging, Table
from lake_assets.contract.quarantine import REASONS, RULES, quarantine_columns
from lake_assets.contract.rules import Rule
from lake_assets.contract.tables import TABLES
from lake_assets.contract.types import physical_type, text_length

LEAVES = "_leaves"
_FOUND = "_found__"
_SALE = "_sale__"


def broken(rule: Rule, source: Table) -> Column:
    """True for a row that breaks the rule. For scopes `placement`, `row`, `reference`, `sale` and `order`."""
    return F.coalesce(_condition(rule, source), F.lit(False))


def _condition(rule: Rule, source: Table) -> Column:
    if rule.scope == "sale":
        return _sale_condition(rule, source)
    if rule.scope == "order":
        return _order_condition(rule, source)
    if rule.kind == "identity":
        return _identity(rule, source)
    return _OF_KIND[rule.kind](rule, F.col(rule.columns[0]))


def _identity(rule: Rule, source: Table) -> Column:
    if rule.identity is None:
        raise ValueError(f"the rule {rule.name} has no formula")
    whole = {column.name for column in source.columns if physical_type(column) in ("int", "bigint")}

    def operand(match: re.Match[str]) -> str:
        # The sum of two whole numbers may be none of their type, and that would end the audit.
        return f"CAST({match[0]} AS DECIMAL(20,0))" if match[0] in whole else match[0]

    return F.col(rule.identity.column) != F.expr(re.sub(r"[a-z_]\w*", operand, rule.identity.formula))


def _column(rule: Rule) -> TableColumn:
    if rule.column is None:
        raise ValueError(f"the rule {rule.name} is not about a column")
    return rule.column


_OF_KIND: dict[str, Callable[[Rule, Column], Column]] = {
    "not_null": lambda _, value: value.isNull(),
    "calendar": lambda _, value: ~in_calendar(value),
    "accepted_values": lambda rule, value: ~value.isin(*_column(rule).values),
    "range": lambda rule, value: _outside(value, _column(rule).low, _column(rule).high),
    "pattern": lambda rule, value: ~value.rlike(rf"^(?:{_column(rule).pattern})\z"),
    "length": lambda rule, value: F.char_length(value) > F.lit(text_length(_column(rule))),
    "history": lambda rule, start: start > F.col(rule.columns[1]),
    "foreign_key": lambda rule, _: ~F.col(f"{_FOUND}{rule.columns[0]}"),
}


def _outside(value: Column, low: object, high: object) -> Column:
    # As SQL, so that a bound with a point is a decimal on every engine.
    bounds = []
    if low is not None:
        bounds.append(value < F.expr(str(low)))
    if high is not None:
        bounds.append(value > F.expr(str(high)))
    return any_of(bounds)


def _sale_condition(rule: Rule, source: Table) -> Column:
    link, month = source.sale, source.month
    if link is None or month is None:
        raise ValueError(f"{source.name} has no sale to undo")
    sale = {name: F.col(f"{_SALE}{name}") for name in ("quantity", "amount", "price", "date")}
    exists = F.col(f"{_SALE}exists")
    quantity, amount = F.col(link.quantity), F.col(link.amount)
    conditions = {
        "exists": ~exists & F.col(link.item).isNotNull() & F.col(link.order).isNotNull(),
        "quantity": quantity > sale["quantity"],
        "amount": amount > sale["amount"],
        "price": amount != quantity * sale["price"],
        "date": F.col(month.column) < sale["date"],
    }
    return conditions[rule.subject]


def _order_condition(rule: Rule, source: Table) -> Column:
    header = _order_header(source)
    if rule.subject == "date":
        resolved = F.col("sold_date_sk_resolved")
        return (resolved == silver.CONFLICT) | (F.col(header.sold_date) != resolved)
    return F.col(header.customer) != F.col("customer_sk_resolved")


def _order_header(source: Table) -> OrderHeader:
    if source.order is None:
        raise ValueError(f"{source.name} has no orders")
    return source.order


def breaks_any(conditions: Iterable[Column]) -> Column:
    """True where any of the conditions is.

    In an array, because a chain of as many ORs as a table has rules is nested deeper than Sail accepts.
    """
    return F.array_contains(F.array(F.lit(False), *conditions), F.lit(True))


def count(condition: Column) -> Column:
    return F.sum(condition.cast("bigint"))


def _referring(rule: Rule, rows: DataFrame) -> str:
    """The column that holds a reference: for the customer of an order what its lines say together, once that is known."""
    resolved = _RESOLVED.get(rule.columns[0])
    return resolved if resolved and resolved in rows.columns else rule.columns[0]


_RESOLVED = {table.order.customer: "customer_sk_resolved" for table in TABLES.values() if table.order}


@dataclass(frozen=True)
class Keys:
    """The primary keys of a dimension: `rows` in the column `_key`, and the `range` that they fill, when they have no gap."""

    rows: DataFrame
    range: tuple[int, int] | None = None

    @classmethod
    def of(cls, dimension: DataFrame, name: str, filled: tuple[int, int] | None = None) -> Keys:
        (key,) = TABLES[name].primary_key
        return cls(dimension.select(F.col(key).alias("_key")), filled)


def dangling(rows: DataFrame, rules: Iterable[Rule], keys: Mapping[str, Keys]) -> list[str]:
    """Names of the foreign key rules that any row breaks.

    By the distinct values of each column, and all columns in one query.
    """
    found = [
        rows.select(F.col(_referring(rule, rows)).alias("_key"))
        .where(F.col("_key").isNotNull())
        .distinct()
        .join(keys[rule.foreign_key.references].rows, "_key", "left_anti")
        .select(F.lit(rule.name).alias("rule"))
        .limit(1)
        for rule in rules
        if rule.foreign_key
    ]
    return [row["rule"] for row in reduce(DataFrame.unionAll, found).collect()] if found else []


def with_references(rows: DataFrame, rules: Iterable[Rule], keys: Mapping[str, Keys]) -> DataFrame:
    """Rows with a BOOLEAN `_found__<column>` for the foreign key of each rule: whether the row it refers to, if any, exists.

    Keys that fill a range are compared with its ends, the others are joined.
    """
    found: dict[str, Column] = {}
    for rule in rules:
        if rule.foreign_key:
            column, known = rule.foreign_key.column, keys[rule.foreign_key.references]
            name, referring = f"{_FOUND}{column}", _referring(rule, rows)
            if known.range:
                there = F.col(referring).between(*known.range)
            else:
                joined = known.rows.select(
                    F.col("_key").alias(f"_key__{column}"), F.lit(True).alias(f"_there__{column}")
                )
                rows = rows.join(joined, F.col(referring) == F.col(f"_key__{column}"), "left")
                there = F.col(f"_there__{column}")
            found[name] = F.coalesce(there, F.col(referring).isNull())
    unwanted = [f"_{kind}__{name.removeprefix(_FOUND)}" for name in found for kind in ("key", "there")]
    return rows.withColumns(found).drop(*unwanted) if found else rows


def with_sale(returns: DataFrame, link: SaleLink, sales: DataFrame) -> DataFrame:
    """Returns with their sale: `_sale__exists` BOOLEAN, and `_sale__quantity`, `_sale__amount`, `_sale__price`, `_sale__date`.

    `sales` are sales lines in source columns; a return appears once for each line of its key.
    """
    header = _order_header(TABLES[link.sales])
    lines = sales.select(
        F.col(header.item).alias("_item"),
        F.col(header.order).alias("_order"),
        F.col(header.quantity).alias(f"{_SALE}quantity"),
        F.col(header.amount).alias(f"{_SALE}amount"),
        F.col(header.price).alias(f"{_SALE}price"),
        F.col(header.sold_date).alias(f"{_SALE}date"),
    )
    same = (F.col(link.item) == F.col("_item")) & (F.col(link.order) == F.col("_order"))
    joined = returns.join(lines, same, "left")
    return joined.withColumn(f"{_SALE}exists", F.col("_order").isNotNull()).drop("_item", "_order")


def latest_sales(sales: DataFrame, link: SaleLink, returns: DataFrame) -> DataFrame:
    """Of the sales that `returns` undo, the line of each key that silver keeps."""
    source = TABLES[link.sales]
    header = _order_header(source)
    wanted = returns.select(F.col(link.item).alias("_item"), F.col(link.order).alias("_order")).distinct()
    same = (F.col(header.item) == F.col("_item")) & (F.col(header.order) == F.col("_order"))
    return silver.winners(silver.ranked(sales.join(wanted, same, "left_semi"), source))


@dataclass(frozen=True)
class Judgement:
    """Rows of a frame against rules of rows: `rules` are those to evaluate, `removing` those that take a row out."""

    source: Table
    rules: tuple[Rule, ...]
    removing: frozenset[str]

    @property
    def must_go(self) -> Column:
        return breaks_any(broken(rule, self.source) for rule in self.rules if rule.name in self.removing)

    def counts(self) -> dict[str, Column]:
        """For each rule the number of rows that break it."""
        return {rule.name: count(broken(rule, self.source)) for rule in self.rules}

    def broken_rows(self, rows: DataFrame, partition_column: str, load_timestamp: datetime) -> DataFrame:
        """The rows that break any rule: partition, the columns of the quarantine, and `LEAVES`, whether the row must go.

        A row carries every rule that it breaks, also those that alone would have let
        it stay.
        """
        names = [F.when(broken(rule, self.source), F.lit(rule.name)) for rule in self.rules]
        told = [F.when(broken(rule, self.source), reason(rule)) for rule in self.rules]
        added = {
            RULES.name: reasons(names),
            REASONS.name: reasons(told),
            LOAD_TIMESTAMP.name: timestamp(load_timestamp),
        }
        stored = (column.name for column in quarantine_columns(SILVER[self.source.name]))
        return rows.where(breaks_any(broken(rule, self.source) for rule in self.rules)).select(
            partition_column,
            *(added[name].alias(name) if name in added else F.col(name) for name in stored),
            self.must_go.alias(LEAVES),
        )


def reason(rule: Rule) -> Column:
    """What is wrong with a row that breaks the rule, with the values that show it."""
    if rule.kind == "not_null":
        return F.lit(f"{rule.subject} is missing")
    return F.concat(values(rule.columns), F.lit(f": {rule.sentence}"))


def values(names: Iterable[str]) -> Column:
    """STRING of the values of columns, such as `ss_item_sk=1, ss_ticket_number=NULL`."""
    told = (F.concat(F.lit(f"{name}="), F.coalesce(F.col(name).cast("string"), F.lit("NULL"))) for name in names)
    return F.concat_ws(", ", *told)


def repeated_values(rows: DataFrame, columns: Iterable[str]) -> DataFrame:
    """Rows whose values in `columns` stand in another row too; a missing value repeats none."""
    names = list(columns)
    present = rows.where(~any_of(F.col(name).isNull() for name in names))
    several = present.groupBy(*names).agg(F.count(F.lit(1)).alias("_n")).where("_n > 1").select(*names)
    return present.join(several, names, "left_semi")


def open_twice(rows: DataFrame, key: str, scd2: SlowlyChanging) -> DataFrame:
    """Open versions of business keys that have more than one."""
    return repeated_values(rows.where(F.col(scd2.end).isNull()), [key])


def overlapping(rows: DataFrame, key: str, scd2: SlowlyChanging) -> DataFrame:
    """Versions that begin before the version before them, by start, has ended. Versions without a start are left out."""
    dated = rows.where(F.col(scd2.start).isNotNull() & F.col(key).isNotNull())
    before = Window.partitionBy(key).orderBy(F.col(scd2.start), F.col(scd2.end).asc_nulls_last())
    forever = F.lit("9999-12-31").cast("date")
    ended = F.max(F.coalesce(F.col(scd2.end), forever)).over(before.rowsBetween(Window.unboundedPreceding, -1))
    return dated.withColumn("_ended", ended).where(F.col(scd2.start) <= F.col("_ended")).drop("_ended")
