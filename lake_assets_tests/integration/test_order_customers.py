"""A customer that an order's line takes from its sibling must exist, as one of its own must."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake_assets.contract.layers import SILVER
from lake_assets.contract.rules import rule_of
from lake_assets.contract.tables import TABLES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOBODY = 999_999_999


def test_a_line_with_the_customer_of_its_sibling_is_taken_out_when_there_is_no_such_customer(
    spark: SparkSession,
) -> None:
    from pyspark.sql import functions as F

    from lake_assets.compute import audit
    from lake_assets.compute.silver import with_resolved_order

    source = TABLES["store_sales"]
    assert source.order is not None
    rule = rule_of(SILVER["store_sales"], "foreign_key__ss_customer_sk")
    lines = spark.createDataFrame(
        [(1, 1, NOBODY), (1, 2, None), (2, 1, 7), (2, 2, None), (3, 1, None)],
        "ss_ticket_number bigint, ss_item_sk bigint, ss_customer_sk bigint",
    ).withColumn("ss_sold_date_sk", F.lit(2451000).cast("bigint"))
    keys = {"customer": audit.Keys(spark.createDataFrame([(7,)], "_key bigint"))}
    resolved = with_resolved_order(lines, source.order, guess=False)
    assert audit.dangling(resolved, [rule], keys) == [rule.name]
    judged = audit.with_references(resolved, [rule], keys).where(audit.broken(rule, source))
    found = sorted((row["ss_ticket_number"], row["ss_item_sk"]) for row in judged.collect())
    assert found == [(1, 1), (1, 2)]
