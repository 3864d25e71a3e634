"""Rows as a gold table stores them: every column of the contract, in its type and order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake_assets.compute.expressions import timestamp
from lake_assets.contract.layers import LOAD_TIMESTAMP
from lake_assets.contract.model import GoldTable
from lake_assets.contract.types import physical_type


def measured(rows: DataFrame, table: GoldTable, names: Iterable[str]) -> DataFrame:
    """Rows with these measures in the contract's type, 0 where there is none: ratios are taken of what is stored."""
    types = {column.name: physical_type(column) for column in table.columns}
    return rows.withColumns({name: F.coalesce(F.col(name), F.lit(0)).cast(types[name]) for name in names})


def contracted(table: GoldTable, load_timestamp: datetime) -> list[Column]:
    """The columns of the contract, in its order and types."""
    return [
        (timestamp(load_timestamp) if column.name == LOAD_TIMESTAMP.name else F.col(column.name))
        .cast(physical_type(column))
        .alias(column.name)
        for column in table.columns
    ]
