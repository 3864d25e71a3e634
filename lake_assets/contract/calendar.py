"""The calendar of the lake: surrogate date keys, and the keys of the month and year partition axes.

TPC-DS numbers days by Julian day: date = 1970-01-01 + (date_sk - 2440588), without exception in date_dim.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

JULIAN_DAY_OF_EPOCH = 2440588
FIRST_YEAR, LAST_YEAR = 1998, 2003
UNDATED = "undated"

YEARS: tuple[str, ...] = (UNDATED, *(str(year) for year in range(FIRST_YEAR, LAST_YEAR + 1)))
MONTHS: tuple[str, ...] = (
    UNDATED,
    *(f"{year}-{month:02d}" for year in range(FIRST_YEAR, LAST_YEAR + 1) for month in range(1, 13)),
)


Range = tuple[int, int] | None
"""First and last of a range of date keys, None for none."""


def span(ranges: Iterable[tuple[int, int]]) -> Range:
    """The range that holds all of them."""
    known = list(ranges)
    return (min(first for first, _ in known), max(last for _, last in known)) if known else None


def date_of(date_sk: int) -> date:
    return date(1970, 1, 1) + timedelta(days=date_sk - JULIAN_DAY_OF_EPOCH)


def sk_of(day: date) -> int:
    return (day - date(1970, 1, 1)).days + JULIAN_DAY_OF_EPOCH


FIRST_DATE_SK = sk_of(date(FIRST_YEAR, 1, 1))
LAST_DATE_SK = sk_of(date(LAST_YEAR, 12, 31))


def month_of(date_sk: int | None) -> str:
    """Partition key of a day; `undated` for no date and for a date outside the calendar of the partitions."""
    if date_sk is None or not FIRST_DATE_SK <= date_sk <= LAST_DATE_SK:
        return UNDATED
    return date_of(date_sk).strftime("%Y-%m")


def first_sk_of(month: str) -> int:
    year, number = month.split("-")
    return sk_of(date(int(year), int(number), 1))


def last_sk_of(month: str) -> int:
    year, number = (int(part) for part in month.split("-"))
    following = date(year + number // 12, number % 12 + 1, 1)
    return sk_of(following) - 1


def month_before(month: str) -> str | None:
    """The month before, or None where the calendar of the partitions begins (and for `undated`)."""
    position = MONTHS.index(month)
    return MONTHS[position - 1] if position > 1 else None


def month_after(month: str) -> str | None:
    """The month after, or None where the calendar of the partitions ends (and for `undated`)."""
    position = MONTHS.index(month)
    return MONTHS[position + 1] if 0 < position < len(MONTHS) - 1 else None
