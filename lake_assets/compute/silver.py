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


def with_resolved_order(lines: DataFrame, header: OrderHeader) -> DataFrame:
    """Sales lines with the date and the customer of their order in `*_resolved`, and whether they were imputed.

    Each order has at most one distinct date and customer, so MAX over its lines is that one (and the audit checks it).
    A hash aggregate joined back, because a window would sort every line.
    """
    orders = lines.groupBy(F.col(header.order).alias("_order")).agg(
        F.max(header.sold_date).alias("sold_date_sk_resolved"),
        F.max(header.customer).alias("customer_sk_resolved"),
    )
    joined = lines.join(orders, F.col(header.order) == F.col("_order")).drop("_order")
    return joined.withColumns(
        {
            "sold_date_imputed": F.col(header.sold_date).isNull() & F.col("sold_date_sk_resolved").isNotNull(),
            "customer_imputed": F.col(header.customer).isNull() & F.col("customer_sk_resolved").isNotNull(),
        }
    )


def silver_rows(lines: DataFrame, table: LakeTable, load_timestamp: datetime) -> DataFrame:
    """The columns of the silver table in order, text without trailing blanks and NULL when nothing is left."""
    if table.source is None:
        raise ValueError(f"{table.identifier} has no source table")
    clean = {column.name: _clean_text(column.name) for column in table.source.columns if is_text(column)}
    stamped = {**clean, LOAD_TIMESTAMP.name: timestamp(load_timestamp)}
    return lines.withColumns(stamped).select(*(column.name for column in table.columns))


def month_of_row(table: Table) -> Column:
    """Partition of a silver row: by the resolved date for sales, else by the event's own date."""
    return month_from_sk(F.col("sold_date_sk_resolved")) if table.order else raw_month(table)


def _clean_text(name: str) -> Column:
    trimmed = F.rtrim(F.col(name))
    return F.when(trimmed != "", trimmed)
