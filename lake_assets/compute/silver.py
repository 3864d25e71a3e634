"""Bronze rows to silver: keyed rows told from rejected ones, one row per key, order keys resolved, text cleaned.

Clean data needs no splitting, so `look` counts first and the costly frames are built only where it found something.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake_assets.compute.expressions import month_from_sk, timestamp
from lake_assets.contract.layers import BATCH_COLUMN, LOAD_TIMESTAMP, LakeTable
from lake_assets.contract.model import OrderHeader, Table
from lake_assets.contract.types import is_text

CONFLICT = -1
"""Resolved date of an order whose lines name several; never published."""
PLACED = "_placed_sk"
_RANK = "_rank"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at all the rows of a table found: rows, rows that must be rejected, rows that share a key."""

    rows: int
    rejected: int
    keys_repeated: int


def look(lines: DataFrame, table: Table, unplaced: Column) -> Look:
    """Count before splitting. Two passes over few columns. `unplaced` is true for rows without a key or a place."""
    row = lines.agg(F.count(F.lit(1)).alias("rows"), F.sum(unplaced.cast("bigint")).alias("rejected")).collect()[0]
    repeated = lines.groupBy(*table.primary_key).agg(F.count(F.lit(1)).alias("n")).where("n > 1").count()
    return Look(rows=row["rows"], rejected=row["rejected"] or 0, keys_repeated=repeated)


def ranked(lines: DataFrame, table: Table) -> DataFrame:
    """Rows with `_rank` within their key: 1 is the one that stays, of the latest batch.

    Within a batch the values themselves decide, so that the same rows give the same winner in any order.
    """
    order = [F.col(BATCH_COLUMN).desc(), *(F.col(name).desc_nulls_last() for name in table.column_names)]
    return lines.withColumn(_RANK, F.row_number().over(Window.partitionBy(*table.primary_key).orderBy(*order)))


def winners(ranked_lines: DataFrame) -> DataFrame:
    return ranked_lines.where(F.col(_RANK) == 1).drop(_RANK)


def repeated_within_batch(lines: DataFrame, table: Table) -> DataFrame:
    """Of rows with the same key in the same batch, all but one."""
    order = [F.col(name).desc_nulls_last() for name in table.column_names]
    window = Window.partitionBy(BATCH_COLUMN, *table.primary_key).orderBy(*order)
    return lines.withColumn(_RANK, F.row_number().over(window)).where(F.col(_RANK) > 1).drop(_RANK)


def losers(ranked_lines: DataFrame) -> DataFrame:
    """Rows that lost to a later or equal row of the same key: the duplicates that are removed."""
    return ranked_lines.where(F.col(_RANK) > 1).drop(_RANK)


def raw_month(table: Table) -> Column:
    """Partition of a row by its own date, for rows that are taken out before orders are resolved."""
    if table.month is None:
        raise ValueError(f"{table.name} is not partitioned by month")
    return month_from_sk(F.col(table.month.column))


def with_resolved_order(lines: DataFrame, header: OrderHeader, *, guess: bool) -> DataFrame:
    """Sales lines with the date and the customer of their order in `*_resolved`, and whether they were imputed.

    An order whose lines name several dates has none: its resolved date is `CONFLICT`, which the audit finds on every line, so
    that no month in which the order has a line is published. With `guess` it is the latest of the dates instead. `PLACED` is
    the day by which a line is given its partition. A hash aggregate joined back, because a window would sort every line.
    """
    day = F.col(header.sold_date)
    orders = lines.groupBy(F.col(header.order).alias("_order")).agg(
        F.min(day).alias("_first"), F.max(day).alias("_last"), F.max(header.customer).alias("customer_sk_resolved")
    )
    joined = lines.join(orders, F.col(header.order) == F.col("_order"))
    agreed = F.when(F.col("_first") != F.col("_last"), F.lit(CONFLICT)).otherwise(F.col("_last"))
    resolved = F.col("_last") if guess else agreed
    return joined.withColumns(
        {
            "sold_date_sk_resolved": resolved,
            "sold_date_imputed": day.isNull() & F.col("_last").isNotNull(),
            "customer_imputed": F.col(header.customer).isNull() & F.col("customer_sk_resolved").isNotNull(),
            PLACED: F.col("_last") if guess else F.coalesce(day, F.col("_last")),
        }
    ).drop("_order", "_first", "_last")


def silver_rows(lines: DataFrame, table: LakeTable, load_timestamp: datetime, *besides: str) -> DataFrame:
    """The columns of the silver table in order, text without trailing blanks and NULL when nothing is left, and `besides`."""
    if table.source is None:
        raise ValueError(f"{table.identifier} has no source table")
    clean = {column.name: _clean_text(column.name) for column in table.source.columns if is_text(column)}
    stamped = {**clean, LOAD_TIMESTAMP.name: timestamp(load_timestamp)}
    return lines.withColumns(stamped).select(*(column.name for column in table.columns), *besides)


def month_of_row(table: Table) -> Column:
    """Partition of a silver row: by the resolved date for sales, else by the event's own date."""
    return month_from_sk(F.col("sold_date_sk_resolved")) if table.order else raw_month(table)


def _clean_text(name: str) -> Column:
    trimmed = F.rtrim(F.col(name))
    return F.when(trimmed != "", trimmed)
