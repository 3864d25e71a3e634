"""Exact quantiles of a column, however many rows: no sort of all values, and no split of equal ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F


def quantiles(rows: DataFrame, column: str, shares: Sequence[float], width: int = 1) -> tuple[Decimal, ...]:
    """For each share the smallest value that at least this share of the values does not exceed (PERCENTILE_DISC of SQL).

    The values are counted by intervals of `width` first, then one by one only within the intervals that hold a quantile. None
    is NULL. Of no rows there are no quantiles.
    """
    placed = rows.select(F.col(column).alias("value"), F.floor(F.col(column) / width).cast("bigint").alias("interval"))
    counts = sorted((row["interval"], row["n"]) for row in _counted(placed, "interval"))
    total = sum(count for _, count in counts)
    if not total:
        return ()
    wanted = {_holding(counts, share, total) for share in shares}
    within = placed.where(F.col("interval").isin(sorted(wanted)))
    values = sorted((Decimal(row["value"]), row["n"]) for row in _counted(within, "value"))
    below = {interval: sum(count for other, count in counts if other < interval) for interval in wanted}
    return tuple(_value(values, below, _holding(counts, share, total), _rank(share, total), width) for share in shares)


def _counted(rows: DataFrame, column: str) -> Iterator[Row]:
    yield from rows.groupBy(column).agg(F.count(F.lit(1)).alias("n")).collect()


def _rank(share: float, total: int) -> int:
    # By way of text, or 0.2 x 5 would be a little more than 1.
    return max(1, math.ceil(Decimal(str(share)) * total))


def _holding(counts: Sequence[tuple[int, int]], share: float, total: int) -> int:
    """The interval in which the value of that rank lies."""
    seen = 0
    for interval, count in counts:
        seen += count
        if seen >= _rank(share, total):
            return interval
    raise ValueError("a share lies between 0 and 1")


def _value(
    values: Sequence[tuple[Decimal, int]], below: dict[int, int], interval: int, rank: int, width: int
) -> Decimal:
    seen = below[interval]
    for value, count in values:
        if math.floor(value / width) == interval:
            seen += count
            if seen >= rank:
                return value
    raise ValueError("the values changed between two looks at them")
