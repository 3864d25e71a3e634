"""Which months of a fact change when files arrive: those of the rows that came or went, and of the rows related to them.

A line without a date takes that of its order, so that a line that arrives today can move lines that arrived before; and of
two rows with one key only the later one stays.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake_assets.compute.expressions import in_calendar, month_from_sk
from lake_assets.contract.model import OrderHeader, Table

_BEFORE, _AFTER, _DAY = "_before", "_after", "_day"


def touched_months(table: Table, arrived: DataFrame, replaced: DataFrame, standing: DataFrame) -> DataFrame:
    """Months of the silver fact whose content may change, in the one column `month`; each once.

    The rows are bronze rows: those that `arrived`, those of earlier versions of the same files, which they `replaced`, and
    those of all other files, `standing`. A month is one before the arrival or after it: of a row's own date, of its order's, or
    of the other rows with its key. Rows that silver takes out count in the month of their own date, as they do there.
    """
    if table.month is None:
        raise ValueError(f"{table.name} is not partitioned by month")
    names = list(dict.fromkeys((*table.primary_key, table.month.column)))
    came_or_went = _flagged(arrived, names, before=False, after=True).unionByName(
        _flagged(replaced, names, before=True, after=False)
    )
    rows = came_or_went.withColumn(_DAY, F.col(table.month.column))
    if table.month.column not in table.primary_key:
        # Where the date is part of the key, related rows have the same month.
        key = [table.order.order] if table.order else list(table.primary_key)
        related = _flagged(standing, names, before=True, after=True).withColumn(_DAY, F.col(table.month.column))
        rows = rows.unionByName(related.join(came_or_went.select(*key).distinct(), key, "left_semi"))
    return _months_of_sales(rows, table, table.order) if table.order else _months(rows)


def _months_of_sales(rows: DataFrame, table: Table, header: OrderHeader) -> DataFrame:
    """A line without a date is in `undated` only if no line of its order has one, before or after."""
    unplaced = reduce(lambda left, right: left | right, (F.col(name).isNull() for name in table.primary_key))
    unplaced = unplaced | ~F.coalesce(in_calendar(F.col(_DAY)), F.lit(True))
    kept = rows.where(~unplaced)
    orders = kept.groupBy(header.order).agg(*_counted(_BEFORE), *_counted(_AFTER))
    undated = orders.where(_has_no_date(_BEFORE) | _has_no_date(_AFTER)).select(F.lit(None).cast("bigint").alias(_DAY))
    # One of several rows with one key is a duplicate, and as such in the month of its own date.
    repeated = kept.groupBy(*table.primary_key).agg(*_counted(_BEFORE), *_counted(_AFTER))
    repeated = repeated.where((F.col(f"{_BEFORE}_rows") > 1) | (F.col(f"{_AFTER}_rows") > 1))
    doubled = kept.join(repeated.select(*table.primary_key), list(table.primary_key), "left_semi")
    frames = (rows.where(unplaced), kept.where(F.col(_DAY).isNotNull()), doubled)
    return _months(reduce(DataFrame.unionByName, (frame.select(_DAY) for frame in frames), undated))


def _flagged(rows: DataFrame, names: list[str], *, before: bool, after: bool) -> DataFrame:
    return rows.select(*names, F.lit(before).alias(_BEFORE), F.lit(after).alias(_AFTER))


def _counted(when: str) -> tuple[Column, Column]:
    """Rows of a group at that time, and how many of them have a date."""
    present = F.col(when).cast("bigint")
    dated = (F.col(when) & F.col(_DAY).isNotNull()).cast("bigint")
    return F.sum(present).alias(f"{when}_rows"), F.sum(dated).alias(f"{when}_dated")


def _has_no_date(when: str) -> Column:
    return (F.col(f"{when}_rows") > 0) & (F.col(f"{when}_dated") == 0)


def _months(rows: DataFrame) -> DataFrame:
    return rows.select(month_from_sk(F.col(_DAY)).alias("month")).distinct()
