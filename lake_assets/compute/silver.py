"""Bronze rows to silver: keyed rows told from rejected ones, one row per key, order keys resolved, text cleaned.

Clean data needs no splitting, so `look` counts first and the costly frames are built only where it found something.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake_assets.compute.expressions import any_of, in_calendar, month_from_sk, reasons, timestamp
from lake_assets.contract.calendar import FIRST_YEAR, LAST_YEAR
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


def look(lines: DataFrame, table: Table) -> Look:
    """Count before splitting. Two passes over few columns."""
    reject = F.coalesce(_must_reject(table), F.lit(False))
    row = lines.agg(F.count(F.lit(1)).alias("rows"), F.sum(reject.cast("bigint")).alias("rejected")).collect()[0]
    repeated = lines.groupBy(*table.primary_key).agg(F.count(F.lit(1)).alias("n")).where("n > 1").count()
    return Look(rows=row["rows"], rejected=row["rejected"] or 0, keys_repeated=repeated)


def keyed(lines: DataFrame, table: Table) -> DataFrame:
    """The rows that are not rejected."""
    return lines.where(~F.coalesce(_must_reject(table), F.lit(False)))


def rejected(lines: DataFrame, table: Table, load_timestamp: datetime) -> DataFrame:
    """Rows without a key or with a date outside the calendar: source columns, `source_batch`, `reasons`, `load_timestamp`."""
    found = [F.when(F.col(name).isNull(), F.lit(f"{name} is missing")) for name in table.primary_key]
    if table.month:
        day = F.col(table.month.column)
        span = f"{FIRST_YEAR}-01-01 to {LAST_YEAR}-12-31"
        found.append(
            F.when(
                ~in_calendar(day),
                F.concat(F.lit(f"{table.month.column}: "), day.cast("string"), F.lit(f" lies outside {span}")),
            )
        )
    return lines.where(F.coalesce(_must_reject(table), F.lit(False))).select(
        *table.column_names,
        BATCH_COLUMN,
        reasons(found).alias("reasons"),
        timestamp(load_timestamp).alias(LOAD_TIMESTAMP.name),
    )


def ranked(lines: DataFrame, table: Table) -> DataFrame:
    """Rows with `_rank` within their key: 1 is the one that stays, of the latest batch.

    Within a batch the values themselves decide, so that the same rows give the same winner in any order.
    """
    order = [F.col(BATCH_COLUMN).desc(), *(F.col(name).desc_nulls_last() for name in table.column_names)]
    return lines.withColumn(_RANK, F.row_number().over(Window.partitionBy(*table.primary_key).orderBy(*order)))


def winners(ranked_lines: DataFrame) -> DataFrame:
    return ranked_lines.where(F.col(_RANK) == 1).drop(_RANK)


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


def order_conflicts(header: OrderHeader) -> dict[str, Column]:
    """Aggregates over silver lines: how many name another date or customer than their order."""
    return {
        "date_conflicts": _count(F.col(header.sold_date) != F.col("sold_date_sk_resolved")),
        "customer_conflicts": _count(F.col(header.customer) != F.col("customer_sk_resolved")),
    }


def _count(condition: Column) -> Column:
    return F.sum(F.coalesce(condition, F.lit(False)).cast("bigint"))


def _must_reject(table: Table) -> Column:
    conditions = [F.col(name).isNull() for name in table.primary_key]
    if table.month:
        conditions.append(~in_calendar(F.col(table.month.column)))
    return any_of(conditions)


def _clean_text(name: str) -> Column:
    trimmed = F.rtrim(F.col(name))
    return F.when(trimmed != "", trimmed)
