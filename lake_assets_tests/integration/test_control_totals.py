"""Control totals of TPC-DS at scale factor 0.01, in silver and in gold. Known beforehand, from no code of this project.

Figures are derived from TPC-DS and not comparable with published results. A SUM passes over NULLs; "resolved" means
that a sale line without a date has the date of its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import pytest

ROW_COUNTS = {
    "call_center": 2,
    "catalog_page": 11_718,
    "catalog_returns": 8_923,
    "catalog_sales": 89_807,
    "customer": 1_000,
    "customer_address": 1_000,
    "customer_demographics": 1_920_800,
    "date_dim": 73_049,
    "household_demographics": 7_200,
    "income_band": 20,
    "inventory": 261_261,
    "item": 2_000,
    "promotion": 3,
    "reason": 1,
    "ship_mode": 20,
    "store": 2,
    "store_returns": 11_925,
    "store_sales": 120_527,
    "time_dim": 86_400,
    "warehouse": 1,
    "web_page": 2,
    "web_returns": 1_152,
    "web_sales": 11_876,
    "web_site": 2,
}

CHANNELS = ("store", "catalog", "web")

# Per figure: store, catalog, web.
TOTALS: dict[str, tuple[str | int, str | int, str | int]] = {
    "lines": (120_527, 89_807, 11_876),
    "orders": (10_000, 10_000, 1_000),
    "units": (5_825_993, 4_526_459, 597_338),
    "list": ("441106449.42", "458098353.38", "60477512.40"),
    "gross": ("219916536.91", "229362833.52", "30061053.89"),
    "coupon": ("22143664.68", "23209388.60", "2972477.90"),
    "net_paid": ("198160895.25", "206063130.30", "27096934.16"),
    "net_profit": ("-96239860.87", "-22946374.56", "-3239943.76"),
    "return_lines": (11_925, 8_923, 1_152),
    "returns": ("11119451.24", "11495713.92", "1363250.54"),
    "net_loss": ("6633387.83", "6658248.45", "771010.46"),
    "net_sales": ("208797085.67", "217867119.60", "28697803.35"),
    "null_date_lines": (5_335, 457, 3),
    "undated_return_lines": (451, 0, 52),
    "undated_returns": ("271073.14", 0, "33404.70"),
    "gross_2000": ("44524813.62", "45502105.43", "5735004.43"),
    "gross_2000_12": ("7468983.07", "7653600.96", "1139549.05"),
    "orders_2000_12": (336, 341, 39),
    "returns_2000_12": ("226588.63", "168206.71", "23219.33"),
}
NULL_DATE_GROSS = {"store": Decimal("5184116.13"), "catalog": Decimal("669702.46"), "web": Decimal("66.69")}
ALL_CHANNELS = {
    "gross": Decimal("479340424.32"),
    "returns": Decimal("23978415.70"),
    "net_sales": Decimal("455362008.62"),
}

EVERY_TABLE = pytest.mark.parametrize("table", ROW_COUNTS)
EVERY_CHANNEL = pytest.mark.parametrize("channel", CHANNELS)
EVERY_FIGURE = pytest.mark.parametrize("figure", TOTALS)

Totals = dict[str, dict[str, Any]]
"""Per channel: figure to value."""


@dataclass(frozen=True)
class Names:
    """What the tables of a channel call the same things; `s` and `r` prefix the columns of sales and returns."""

    s: str
    r: str
    order: str
    return_amount: str


NAMES = {
    "store": Names("ss", "sr", "ticket_number", "return_amt"),
    "catalog": Names("cs", "cr", "order_number", "return_amount"),
    "web": Names("ws", "wr", "order_number", "return_amt"),
}

YEAR_2000 = "d_date BETWEEN DATE '2000-01-01' AND DATE '2000-12-31'"
DECEMBER_2000 = "d_date BETWEEN DATE '2000-12-01' AND DATE '2000-12-31'"


def _expected(figure: str, channel: str) -> Decimal:
    return Decimal(TOTALS[figure][CHANNELS.index(channel)])


def _one_row(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    result = connection.execute(sql)
    names = [column[0] for column in result.description or ()]
    (row,) = result.fetchall()
    return {name: 0 if value is None else value for name, value in zip(names, row, strict=True)}


@pytest.fixture(scope="module")
def silver(database: duckdb.DuckDBPyConnection) -> Totals:
    """Every figure of every channel from the silver facts."""
    return {channel: _silver_totals(database, channel) for channel in CHANNELS}


def _silver_totals(connection: duckdb.DuckDBPyConnection, channel: str) -> dict[str, Any]:
    n = NAMES[channel]
    sales = _one_row(
        connection,
        f"""
        SELECT count(*) AS lines, count(DISTINCT {n.s}_{n.order}) AS orders, sum({n.s}_quantity) AS units,
            sum({n.s}_ext_list_price) AS list, sum({n.s}_ext_sales_price) AS gross, sum({n.s}_coupon_amt) AS coupon,
            sum({n.s}_net_paid) AS net_paid, sum({n.s}_net_profit) AS net_profit,
            count(*) FILTER ({n.s}_sold_date_sk IS NULL) AS null_date_lines,
            sum({n.s}_ext_sales_price) FILTER ({n.s}_sold_date_sk IS NULL) AS null_date_gross,
            sum({n.s}_ext_sales_price) FILTER ({YEAR_2000}) AS gross_2000,
            sum({n.s}_ext_sales_price) FILTER ({DECEMBER_2000}) AS gross_2000_12,
            count(DISTINCT {n.s}_{n.order}) FILTER ({DECEMBER_2000}) AS orders_2000_12
        FROM silver.{channel}_sales LEFT JOIN silver.date_dim ON d_date_sk = sold_date_sk_resolved
        """,
    )
    returns = _one_row(
        connection,
        f"""
        SELECT count(*) AS return_lines, sum({n.r}_{n.return_amount}) AS returns, sum({n.r}_net_loss) AS net_loss,
            count(*) FILTER ({n.r}_returned_date_sk IS NULL) AS undated_return_lines,
            sum({n.r}_{n.return_amount}) FILTER ({n.r}_returned_date_sk IS NULL) AS undated_returns,
            sum({n.r}_{n.return_amount}) FILTER ({DECEMBER_2000}) AS returns_2000_12
        FROM silver.{channel}_returns LEFT JOIN silver.date_dim ON d_date_sk = {n.r}_returned_date_sk
        """,
    )
    return sales | returns | {"net_sales": sales["gross"] - returns["returns"]}


@pytest.fixture(scope="module")
def gold(database: duckdb.DuckDBPyConnection) -> Totals:
    """Every figure of every channel added up over the rows of `daily_sales_summary`, undated rows included."""
    return {channel: _gold_totals(database, channel) for channel in CHANNELS}


def _gold_totals(connection: duckdb.DuckDBPyConnection, channel: str) -> dict[str, Any]:
    return _one_row(
        connection,
        f"""
        SELECT sum(line_count) AS lines, sum(order_count) AS orders, sum(units_sold) AS units, sum(list_amt) AS list,
            sum(gross_sales) AS gross, sum(coupon_amt) AS coupon, sum(net_paid) AS net_paid,
            sum(net_profit) AS net_profit, sum(return_line_count) AS return_lines, sum(returns_amt) AS returns,
            sum(return_net_loss) AS net_loss, sum(net_sales) AS net_sales,
            sum(imputed_date_lines) AS null_date_lines,
            sum(return_line_count) FILTER (date_sk = -1) AS undated_return_lines,
            sum(returns_amt) FILTER (date_sk = -1) AS undated_returns,
            sum(gross_sales) FILTER (year = 2000) AS gross_2000,
            sum(gross_sales) FILTER (sales_month = '2000-12') AS gross_2000_12,
            sum(order_count) FILTER (sales_month = '2000-12') AS orders_2000_12,
            sum(returns_amt) FILTER (sales_month = '2000-12') AS returns_2000_12
        FROM gold.daily_sales_summary WHERE channel = '{channel}'
        """,
    )


@EVERY_TABLE
@pytest.mark.parametrize("layer", ["bronze", "silver"])
def test_a_table_has_the_rows_of_the_specification(database: duckdb.DuckDBPyConnection, layer: str, table: str) -> None:
    assert database.execute(f"SELECT count(*) FROM {layer}.{table}").fetchall() == [(ROW_COUNTS[table],)]


@EVERY_CHANNEL
@EVERY_FIGURE
def test_silver_gives_the_control_total(silver: Totals, figure: str, channel: str) -> None:
    assert silver[channel][figure] == _expected(figure, channel)


@EVERY_CHANNEL
def test_silver_keeps_the_amounts_of_lines_without_a_date(silver: Totals, channel: str) -> None:
    assert silver[channel]["null_date_gross"] == NULL_DATE_GROSS[channel]


@EVERY_CHANNEL
@EVERY_FIGURE
def test_the_days_of_gold_add_up_to_the_control_total(gold: Totals, figure: str, channel: str) -> None:
    assert gold[channel][figure] == _expected(figure, channel)


@EVERY_CHANNEL
def test_every_order_finds_a_date_so_that_no_sale_is_undated_in_gold(
    database: duckdb.DuckDBPyConnection, channel: str
) -> None:
    undated = f"SELECT sum(line_count) FROM gold.daily_sales_summary WHERE channel = '{channel}' AND date_sk = -1"
    assert database.execute(undated).fetchall() in ([(0,)], [(None,)])


@pytest.mark.parametrize("figure", ALL_CHANNELS)
def test_the_channels_add_up_to_the_company(silver: Totals, gold: Totals, figure: str) -> None:
    assert sum(silver[channel][figure] for channel in CHANNELS) == ALL_CHANNELS[figure]
    assert sum(gold[channel][figure] for channel in CHANNELS) == ALL_CHANNELS[figure]
