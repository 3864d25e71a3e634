"""Short forms in which the modules of this package state columns, their value domains and keys.

What belongs here: one function per kind of column that occurs in many tables. A type that occurs once is written
out as a `Column` where it occurs. The keywords are the fields of `Column`: numbers take `low` and `high`, text takes
`values` and `pattern`.
"""

from __future__ import annotations

from decimal import Decimal

from lake_assets.contract.model import Column, ForeignKey


def key(
    name: str,
    comment: str,
    *,
    nullable: bool = True,
    low: int | None = None,
    high: int | None = None,
    filled: bool = False,
) -> Column:
    """A surrogate key, or a ticket or order number."""
    return Column(name, "BIGINT", comment, nullable=nullable, low=low, high=high, filled=filled)


def business_id(name: str, comment: str) -> Column:
    """The source system's own identifier of a dimension member, 16 letters from A to P; never NULL."""
    return Column(name, "CHAR(16)", comment, nullable=False, pattern="[A-P]{16}")


def money(
    name: str,
    comment: str,
    *,
    low: Decimal | int | None = None,
    high: Decimal | int | None = None,
    filled: bool = False,
) -> Column:
    """An amount or a unit price in US dollars."""
    return Column(name, "DECIMAL(7,2)", comment, low=low, high=high, filled=filled)


def rate(
    name: str,
    comment: str,
    *,
    low: Decimal | int | None = None,
    high: Decimal | int | None = None,
    filled: bool = False,
) -> Column:
    """A tax rate or an offset in hours."""
    return Column(name, "DECIMAL(5,2)", comment, low=low, high=high, filled=filled)


def whole(
    name: str,
    comment: str,
    *,
    personal: bool = False,
    low: int | None = None,
    high: int | None = None,
    filled: bool = False,
) -> Column:
    """A plain whole number: a count, a position or a code."""
    return Column(name, "INT", comment, personal=personal, low=low, high=high, filled=filled)


def day(name: str, comment: str, *, filled: bool = False) -> Column:
    return Column(name, "DATE", comment, filled=filled)


def flag(name: str, comment: str, *, filled: bool = False) -> Column:
    """`Y` or `N`."""
    return Column(name, "CHAR(1)", comment, values=("Y", "N"), filled=filled)


def char(
    name: str,
    length: int,
    comment: str,
    *,
    personal: bool = False,
    values: tuple[str, ...] = (),
    pattern: str | None = None,
    filled: bool = False,
) -> Column:
    return Column(name, f"CHAR({length})", comment, personal=personal, values=values, pattern=pattern, filled=filled)


def varchar(
    name: str,
    length: int,
    comment: str,
    *,
    personal: bool = False,
    values: tuple[str, ...] = (),
    pattern: str | None = None,
    filled: bool = False,
) -> Column:
    return Column(name, f"VARCHAR({length})", comment, personal=personal, values=values, pattern=pattern, filled=filled)


def references(**columns_by_dimension: tuple[str, ...]) -> tuple[ForeignKey, ...]:
    """Foreign keys, grouped by the dimension that they refer to: `references(item=("ss_item_sk",))`."""
    return tuple(
        ForeignKey(column, dimension) for dimension, columns in columns_by_dimension.items() for column in columns
    )
