"""Short forms in which the modules of this package state columns and keys.

What belongs here: one function per kind of column that occurs in many tables. A type that occurs once is written
out as a `Column` where it occurs.
"""

from __future__ import annotations

from lake_assets.contract.model import Column, ForeignKey


def key(name: str, comment: str, *, nullable: bool = True) -> Column:
    """A surrogate key, or a ticket or order number."""
    return Column(name, "BIGINT", comment, nullable=nullable)


def business_id(name: str, comment: str) -> Column:
    """The source system's own identifier of a dimension member; never NULL."""
    return Column(name, "CHAR(16)", comment, nullable=False)


def money(name: str, comment: str) -> Column:
    """An amount or a unit price in US dollars."""
    return Column(name, "DECIMAL(7,2)", comment)


def rate(name: str, comment: str) -> Column:
    """A tax rate or an offset in hours."""
    return Column(name, "DECIMAL(5,2)", comment)


def whole(name: str, comment: str, *, personal: bool = False) -> Column:
    """A plain whole number: a count, a position or a code."""
    return Column(name, "INT", comment, personal=personal)


def day(name: str, comment: str) -> Column:
    return Column(name, "DATE", comment)


def flag(name: str, comment: str) -> Column:
    """`Y` or `N`."""
    return Column(name, "CHAR(1)", comment)


def char(name: str, length: int, comment: str, *, personal: bool = False) -> Column:
    return Column(name, f"CHAR({length})", comment, personal=personal)


def varchar(name: str, length: int, comment: str, *, personal: bool = False) -> Column:
    return Column(name, f"VARCHAR({length})", comment, personal=personal)


def references(**columns_by_dimension: tuple[str, ...]) -> tuple[ForeignKey, ...]:
    """Foreign keys, grouped by the dimension that they refer to: `references(item=("ss_item_sk",))`."""
    return tuple(
        ForeignKey(column, dimension) for dimension, columns in columns_by_dimension.items() for column in columns
    )
