"""Column expressions shared by the layers. They build nothing until called, so importing needs no session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from lake_assets.contract.calendar import FIRST_DATE_SK, JULIAN_DAY_OF_EPOCH, LAST_DATE_SK, UNDATED


def date_from_sk(date_sk: Column) -> Column:
    """DATE of a date surrogate key: 1970-01-01 + (date_sk - 2440588); NULL for NULL."""
    return F.date_add(F.lit("1970-01-01").cast("date"), (date_sk - F.lit(JULIAN_DAY_OF_EPOCH)).cast("int"))


def in_calendar(date_sk: Column) -> Column:
    """True when a day lies within the months that the lake has partitions for; NULL for NULL."""
    return date_sk.between(FIRST_DATE_SK, LAST_DATE_SK)


def month_from_sk(date_sk: Column) -> Column:
    """Partition key `YYYY-MM` of a day; `undated` for NULL and for a day outside the calendar."""
    return F.when(in_calendar(date_sk), F.date_format(date_from_sk(date_sk), "yyyy-MM")).otherwise(F.lit(UNDATED))


def timestamp(moment: datetime) -> Column:
    """TIMESTAMP literal. By way of text, because engines disagree about the time zone of a Python datetime."""
    return F.lit(moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")).cast("timestamp")


def any_of(conditions: Iterable[Column]) -> Column:
    return reduce(lambda left, right: left | right, conditions, F.lit(False))


def total(terms: Sequence[Column]) -> Column:
    """The sum of the terms, halved again and again: a chain of forty additions is nested deeper than Spark Connect allows."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return total(terms[:middle]) + total(terms[middle:])


def reasons(candidates: Iterable[Column]) -> Column:
    """ARRAY<STRING> of the candidates that are not NULL (array_compact is not on every engine)."""
    separator = "\u001f"
    return F.split(F.concat_ws(separator, *candidates), separator)
