"""Rows of the gold tables from the published silver partitions that a task names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pyspark.sql import DataFrame, SparkSession

from lake_assets.compute.gold.customer_lifetime_value import customer_lifetime_value, customer_purchases, population
from lake_assets.compute.gold.daily_sales_summary import daily_sales_summary
from lake_assets.compute.gold.monthly_trends import monthly_trends
from lake_assets.compute.gold.product_performance import product_performance
from lake_assets.compute.silver import month_of_row
from lake_assets.contract.calendar import YEARS, Range, first_sk_of, last_sk_of, span
from lake_assets.contract.layers import SILVER
from lake_assets.contract.model import Channel
from lake_assets.contract.tables import FACTS, TABLES
from lake_assets.engine.staging import read_columns, read_written
from lake_assets.lake.task import Task

PURCHASES = "purchases"


@dataclass(frozen=True)
class Built:
    """Rows of the partitions asked for, and `figures` that were computed of all rows together on the way."""

    rows: DataFrame
    figures: dict[str, str] = field(default_factory=dict)


def build(silver: Silver) -> Built:
    """The rows of the partitions that the task asks for."""
    return _BUILDERS[silver.task.table](silver)


class Silver:
    """The published silver partitions among the inputs of a task."""

    def __init__(self, spark: SparkSession, task: Task) -> None:
        self.spark = spark
        self.task = task

    def rows(self, name: str) -> DataFrame:
        """Rows of a table, with a fact's month in its partition column.

        One read of all files: the month follows from the row itself, and a read per partition would make the engine plan
        hundreds of scans.
        """
        table = SILVER[name]
        rows = read_columns(self.spark, (item for item in self.task.inputs if item.table == name), table)
        return rows.withColumn(table.partition_column, month_of_row(TABLES[name])) if table.partition_column else rows

    @cached_property
    def sales(self) -> Mapping[Channel, DataFrame]:
        return {fact.channel: self.rows(fact.name) for fact in FACTS if fact.channel and fact.order}

    @cached_property
    def returns(self) -> Mapping[Channel, DataFrame]:
        return {fact.channel: self.rows(fact.name) for fact in FACTS if fact.channel and fact.sale}

    @property
    def days_of_sale(self) -> Range:
        """First and last date key with a sale in any channel, over the whole lake."""
        return span(bounds for bounds in self.task.sold_range.values() if bounds)


def _daily_sales_summary(silver: Silver) -> Built:
    return Built(
        daily_sales_summary(
            months=silver.task.partitions,
            sales=silver.sales,
            returns=silver.returns,
            date_dim=silver.rows("date_dim"),
            sold_range=silver.task.sold_range,
            load_timestamp=silver.task.load_timestamp,
        )
    )


def _monthly_trends(silver: Silver) -> Built:
    return Built(
        monthly_trends(
            years=silver.task.partitions,
            sales=silver.sales,
            returns=silver.returns,
            sold_range=silver.task.sold_range,
            active_range=silver.task.active_range,
            load_timestamp=silver.task.load_timestamp,
        )
    )


def _product_performance(silver: Silver) -> Built:
    days = silver.days_of_sale
    complete = [
        year
        for year in YEARS[1:]
        if days and days[0] <= first_sk_of(f"{year}-01") and last_sk_of(f"{year}-12") <= days[1]
    ]
    return Built(
        product_performance(
            years=silver.task.partitions,
            sales=silver.sales,
            returns=silver.returns,
            item=silver.rows("item"),
            inventory=silver.rows("inventory"),
            complete_years=complete,
            load_timestamp=silver.task.load_timestamp,
        )
    )


def _customer_lifetime_value(silver: Silver) -> Built:
    """Purchases are staged in between: all customers are looked at several times, to compare each of them with all."""
    days = silver.days_of_sale
    computed = customer_purchases(
        sales=silver.sales, returns=silver.returns, customer=silver.rows("customer"), as_of_sk=days[1] if days else None
    )
    uri = f"{silver.task.staging}/{PURCHASES}"
    computed.write.parquet(uri)
    purchases = read_written(silver.spark, uri, computed)
    everyone = population(purchases, days[1] - days[0] if days else 0)
    rows = customer_lifetime_value(
        purchases=purchases,
        population=everyone,
        cohorts=silver.task.partitions,
        load_timestamp=silver.task.load_timestamp,
    )
    return Built(rows, everyone.figures)


_BUILDERS: dict[str, Callable[[Silver], Built]] = {
    "daily_sales_summary": _daily_sales_summary,
    "monthly_trends": _monthly_trends,
    "product_performance": _product_performance,
    "customer_lifetime_value": _customer_lifetime_value,
}
