"""The audit's measurements of staged data: rows, content hash and date range, per partition, in one pass."""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake_assets.compute.expressions import total

_BITS_PER_WORD = 62


def row_hash(columns: Iterable[str]) -> Column:
    """BIGINT hash of a row, equal on every engine.

    xxhash64 passes over NULLs, so that (1, NULL) and (NULL, 1) would be equal: the pattern of NULLs is hashed with them.
    """
    names = list(columns)
    words = [names[start : start + _BITS_PER_WORD] for start in range(0, len(names), _BITS_PER_WORD)]
    return F.xxhash64(*(F.col(name) for name in names), *(_null_mask(word) for word in words))


def _null_mask(names: list[str]) -> Column:
    return total([F.col(name).isNull().cast("bigint") * F.lit(1 << position) for position, name in enumerate(names)])


def content_hash(columns: Iterable[str]) -> Column:
    """Hash of a set of rows that depends neither on their order nor on the engine: the sum of the row hashes.

    A sum, not an exclusive or, in which a doubled row would vanish.
    """
    return F.sum(row_hash(columns).cast("decimal(38,0)")).cast("string")


def profile(frame: DataFrame, by: str, columns: Iterable[str], extra: dict[str, Column]) -> DataFrame:
    """One row per value of `by`: `rows`, `content` and the aggregates of `extra`."""
    return frame.groupBy(by).agg(
        F.count(F.lit(1)).alias("rows"),
        content_hash(columns).alias("content"),
        *(aggregate.alias(name) for name, aggregate in extra.items()),
    )
