"""Quotients of stored figures, equal to the last digit on every engine."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F


def ratio(numerator: Column, denominator: Column) -> Column:
    """`numerator / denominator` as DECIMAL(18,6), rounded HALF_UP; NULL when the denominator is 0 or NULL.

    Both operands are stored figures, DECIMAL(18,2) or BIGINT with up to 16 digits before the point.

    Sail keeps 4 digits more than the numerator has, and cuts off the rest, so the numerator needs a longer scale. Spark
    rounds to the scale it keeps, so too long a numerator (DECIMAL(38,12) leaves 10 digits) is rounded twice and comes
    out one millionth too high about once in 30,000 quotients of money. DECIMAL(24,8) by DECIMAL(18,2) leaves 12 digits
    cut off on Sail and 20 rounded on Spark: too many to land on a tie by rounding, for amounts below 10^12.
    """
    divisor = denominator.cast("decimal(18,2)")
    quotient = numerator.cast("decimal(24,8)") / F.when(divisor != 0, divisor)
    return F.round(quotient, 6).cast("decimal(18,6)")
