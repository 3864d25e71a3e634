"""The lineage of every column of silver and gold, compared with the transformations themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import Window
from pyspark.sql import functions as F

from lake_assets.compute import silver
from lake_assets.compute.gold.customer_lifetime_value import Population, population
from lake_assets.contract.calendar import Range, sk_of
from lake_assets.contract.column_lineage import SourceColumn, column_lineage
from lake_assets.contract.layers import BATCH_COLUMN, BRONZE, GOLD, SILVER, LakeTable
from lake_assets.contract.model import CHANNELS
from lake_assets.engine import gold_builders
from lake_assets.lake.task import Task
from lake_assets_tests.support.lake_support import SOME_TIME
from lake_assets_tests.support.plan_lineage import Plan, no_rows_of, trace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Sources = dict[str, frozenset[str]]

DATES_OF_SALES = frozenset(f"silver.{channel}_sales.sold_date_sk_resolved" for channel in CHANNELS)
DATES_OF_RETURNS = frozenset(
    {
        "silver.store_returns.sr_returned_date_sk",
        "silver.catalog_returns.cr_returned_date_sk",
        "silver.web_returns.wr_returned_date_sk",
    }
)
SOLD: Range = (sk_of(date(1998, 1, 1)), sk_of(date(2003, 12, 31)))
SOLD_SHORTER: Range = (sk_of(date(1998, 1, 1)), sk_of(date(2000, 2, 15)))
ACTIVE: Range = (sk_of(date(2000, 1, 1)), sk_of(date(2000, 3, 31)))
ACTIVE_LONGER: Range = (sk_of(date(2000, 1, 1)), sk_of(date(2000, 4, 30)))
EVERYONE = Population(
    days=1000,
    mean_orders=Decimal(3),
    r=Decimal(2),
    alpha=Decimal(700),
    order_value=Decimal(90),
    base_orders=Decimal(1),
    base_value=Decimal(100),
    rate=Decimal("0.5"),
    recency=(Decimal(10), Decimal(20), Decimal(30), Decimal(40)),
    frequency=(Decimal(1), Decimal(2), Decimal(3), Decimal(4)),
    monetary=(Decimal(100), Decimal(200), Decimal(300), Decimal(400)),
    tiers=(Decimal(150), Decimal(250), Decimal(350)),
)


def stated(table: LakeTable) -> Sources:
    """What the contract says, for all columns of a table."""
    return {name: frozenset(map(_full_name, sources)) for name, sources in column_lineage(table).items()}


def _full_name(source: SourceColumn) -> str:
    return f"{source.layer}.{source.table}.{source.column}"


class Gold:
    """The builders of gold over empty silver tables, and what their plans say."""

    def __init__(self, spark: SparkSession, staging: Path, patch: pytest.MonkeyPatch) -> None:
        self.purchases: list[DataFrame] = []
        self.everyone = EVERYONE
        self._spark = spark
        self._staging = staging
        patch.setattr(gold_builders, "read_columns", lambda session, _, table: no_rows_of(session, table))
        patch.setattr(gold_builders, "read_written", self._not_read_again)
        patch.setattr(gold_builders, "population", lambda *_: self.everyone)

    def _not_read_again(self, _: object, __: str, frame: DataFrame) -> DataFrame:
        self.purchases.append(frame)
        return frame

    def plan(self, table: LakeTable, sold: Range = SOLD, active: Range = ACTIVE) -> Plan:
        task = Task(
            layer="gold",
            table=table.name,
            partitions=("2000-02",) if table.axis == "month" else ("2000",),
            staging=str(self._staging / f"{table.name}-{len(self.purchases)}"),
            run_id="run",
            load_timestamp=SOME_TIME,
            memory_gb=1,
            threads=1,
            sold_range=dict.fromkeys(CHANNELS, sold),
            active_range=dict.fromkeys(CHANNELS, active),
        )
        return trace(gold_builders.build(gold_builders.Silver(self._spark, task)).rows)

    def found(self, table: LakeTable) -> Sources:
        """Sources of every column: those in the plan, and those of the figures that it contains."""
        plan = self.plan(table)
        found = plan.sources()
        figures = {
            DATES_OF_SALES: self.plan(table, sold=SOLD_SHORTER),
            DATES_OF_SALES | DATES_OF_RETURNS: self.plan(table, active=ACTIVE_LONGER),
        }
        for sources, other in figures.items():
            for name in plan.differing(other):
                found[name] |= sources
        if self.purchases:
            for name, sources in self._of_the_population(table, plan):
                found[name] |= sources
        return found

    def _of_the_population(self, table: LakeTable, plan: Plan) -> Iterator[tuple[str, frozenset[str]]]:
        """Columns of the table into which a figure of all customers goes, with what the figure comes from."""
        purchases = trace(self.purchases[0]).sources() | {"days": DATES_OF_SALES}
        for figure, names in figures_of_purchases(self._spark).items():
            self.everyone = replace(EVERYONE, **{figure: _another(getattr(EVERYONE, figure))})
            sources = frozenset[str]().union(*(purchases[name] for name in names))
            yield from ((column, sources) for column in plan.differing(self.plan(table)))
        self.everyone = EVERYONE


def _another(value: Any) -> Any:
    return tuple(each + 1 for each in value) if isinstance(value, tuple) else value + 1


def figures_of_purchases(spark: SparkSession) -> dict[str, set[str]]:
    """For each figure of the population the columns of the purchases that change it; `days` is the length of the data."""
    names = ("customer_sk", "order_count", "net_sales", "recency_days")
    # Orders that are spread more widely than chance would, or the model would be a simpler one.
    rows = [(number, number % 4 * 5 + 1, Decimal(number * number * 100), number * 10) for number in range(1, 13)]

    def of(rows: list[tuple[int, int, Decimal, int]], days: int = 1000) -> Population:
        types = "customer_sk bigint, order_count bigint, net_sales decimal(18,2), recency_days int"
        return population(spark.createDataFrame(rows, types), days)

    def changed(position: int) -> list[Any]:
        return [(*row[:position], row[position] + 5, *row[position + 1 :]) for row in rows]

    others = {name: of(changed(position)) for position, name in enumerate(names) if position}
    others |= {"customer_sk": of([*rows, (13, 0, Decimal(0), 0)]), "days": of(rows, days=1001)}
    base = of(rows)
    return {
        each.name: {name for name, other in others.items() if getattr(other, each.name) != getattr(base, each.name)}
        for each in fields(Population)
    }


@pytest.fixture
def gold(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gold:
    return Gold(spark, tmp_path, monkeypatch)


@pytest.mark.parametrize("table", GOLD.values(), ids=lambda table: table.identifier)
def test_the_lineage_of_gold_is_what_its_transformation_does(gold: Gold, table: LakeTable) -> None:
    """Nothing is missing and nothing is claimed that is not so."""
    found = gold.found(table)
    assert table.partition_column is None or table.partition_column in found
    assert {name: found[name] for name in stated(table)} == stated(table)


def test_the_figures_of_all_customers_come_from_their_orders_sales_and_dates(spark: SparkSession) -> None:
    found = figures_of_purchases(spark)
    assert found["base_orders"] == {"customer_sk", "order_count", "days"}
    assert found["base_value"] == {"customer_sk", "order_count", "net_sales", "days"}
    assert found["recency"] == {"recency_days"}


@pytest.mark.parametrize("table", SILVER.values(), ids=lambda table: table.identifier)
def test_the_lineage_of_silver_is_what_its_transformation_does(spark: SparkSession, table: LakeTable) -> None:
    assert table.source is not None
    delivered = no_rows_of(spark, BRONZE[table.name]).withColumn(BATCH_COLUMN, F.lit("batch-000001"))
    lines = silver.winners(silver.ranked(delivered, table.source))
    header = table.source.order
    # Conflicting dates of an order are blocked or guessed, as the rules say.
    ways = [silver.with_resolved_order(lines, header, guess=guess) for guess in (False, True)] if header else [lines]
    for way in ways:
        assert trace(silver.silver_rows(way, table, SOME_TIME)).sources() == stated(table)


def test_every_column_of_gold_can_be_followed_to_bronze() -> None:
    """All but the channel, which is the table that a row stood in, and the time of loading."""
    nowhere = set()
    for table in GOLD.values():
        for name, sources in column_lineage(table).items():
            below = [column_lineage(SILVER[source.table])[source.column] for source in sources]
            assert all(below), f"{table.identifier}.{name} ends in silver"
            if not below:
                nowhere.add(f"{table.name}.{name}")
    assert nowhere == {
        "daily_sales_summary.channel",
        "monthly_trends.channel",
        *(f"{name}.load_timestamp" for name in GOLD),
    }


def test_bronze_comes_from_files_and_from_no_column() -> None:
    assert not any(sources for table in BRONZE.values() for sources in column_lineage(table).values())


def test_a_source_that_does_not_exist_is_named() -> None:
    table = GOLD["monthly_trends"]
    for source in ("sales.no_word", "store_sales.no_column", "no_column", "no_table.ss_quantity"):
        wrong = replace(table, columns=(replace(table.columns[0], sources=(source,)),))
        with pytest.raises(KeyError, match=r"no_(word|column|table)"):
            column_lineage(wrong)


def test_net_sales_of_a_day_come_from_six_columns_of_silver() -> None:
    assert stated(GOLD["daily_sales_summary"])["net_sales"] == {
        "silver.store_sales.ss_ext_sales_price",
        "silver.catalog_sales.cs_ext_sales_price",
        "silver.web_sales.ws_ext_sales_price",
        "silver.store_returns.sr_return_amt",
        "silver.catalog_returns.cr_return_amount",
        "silver.web_returns.wr_return_amt",
    }


def test_the_customer_of_an_order_comes_from_the_order_number_and_the_customers_of_its_lines() -> None:
    assert stated(SILVER["web_sales"])["customer_sk_resolved"] == {
        "bronze.web_sales.ws_order_number",
        "bronze.web_sales.ws_bill_customer_sk",
    }


Step = Callable[["DataFrame"], "DataFrame"]


@pytest.mark.parametrize(
    ("step", "sources"),
    [
        (
            lambda rows: rows.select((F.col("inv_item_sk") + F.col("inv_date_sk")).alias("x")),
            {"inv_item_sk", "inv_date_sk"},
        ),
        (
            lambda rows: rows.select(F.when(F.col("inv_item_sk") > 1, F.col("inv_date_sk")).alias("x")),
            {"inv_item_sk", "inv_date_sk"},
        ),
        (lambda rows: rows.where(F.col("inv_item_sk") > 1).select(F.col("inv_date_sk").alias("x")), {"inv_date_sk"}),
        (lambda rows: rows.groupBy("inv_item_sk").agg(F.sum("inv_date_sk").alias("x")), {"inv_date_sk"}),
        (lambda rows: rows.agg(F.count(F.lit(1)).alias("x")), {"inv_date_sk", "inv_item_sk", "inv_warehouse_sk"}),
        (
            lambda rows: rows.groupBy("inv_item_sk").agg(F.count(F.lit(1)).alias("x")),
            {"inv_date_sk", "inv_warehouse_sk"},
        ),
        (
            lambda rows: (
                rows.select("inv_item_sk", "inv_date_sk")
                .distinct()
                .groupBy("inv_item_sk")
                .agg(F.count(F.lit(1)).alias("x"))
            ),
            {"inv_date_sk"},
        ),
    ],
    ids=[
        "arguments",
        "conditions",
        "no filter",
        "no group",
        "count of lines",
        "count in groups",
        "count of distinct rows",
    ],
)
def test_the_trace_of_a_column_finds(spark: SparkSession, step: Step, sources: set[str]) -> None:
    found = trace(step(no_rows_of(spark, SILVER["inventory"]))).sources()["x"]
    assert found == {f"silver.inventory.{name}" for name in sources}


@pytest.mark.parametrize(
    "step",
    [
        lambda rows: rows.limit(1),
        lambda rows: rows.crossJoin(rows.select(F.lit(1).alias("one"))),
        lambda rows: rows.select(F.sha1("inv_item_sk").alias("x")),
        lambda rows: rows.select(F.expr("inv_item_sk + 1").alias("x")),
        lambda rows: rows.unionAll(rows).select(
            F.row_number().over(Window.partitionBy("inv_item_sk").orderBy("inv_date_sk")).alias("x")
        ),
    ],
    ids=["limit", "cross join", "sha1", "SQL", "window over a union"],
)
def test_the_trace_refuses_what_it_does_not_know(spark: SparkSession, step: Step) -> None:
    with pytest.raises((NotImplementedError, ValueError)):
        trace(step(no_rows_of(spark, SILVER["inventory"])))
