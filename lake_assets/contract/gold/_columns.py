"""Types and columns that the gold tables share."""

from __future__ import annotations

from lake_assets.contract.model import Column

MONEY = "DECIMAL(18,2)"
RATIO = "DECIMAL(18,6)"
COUNT = "BIGINT"

LOADED = Column("load_timestamp", "TIMESTAMP", "When the run that wrote the row started, UTC.", nullable=False)


def money(name: str, comment: str, *, sources: tuple[str, ...], nullable: bool = False) -> Column:
    return Column(name, MONEY, comment, nullable=nullable, sources=sources)


def count(name: str, comment: str, *, sources: tuple[str, ...], nullable: bool = False) -> Column:
    return Column(name, COUNT, comment, nullable=nullable, sources=sources)


def ratio(name: str, comment: str, *, sources: tuple[str, ...], nullable: bool = True) -> Column:
    """A quotient, rounded to a millionth; NULL when its denominator is 0 or NULL."""
    return Column(name, RATIO, comment, nullable=nullable, sources=sources)
