"""Gold customer_lifetime_value on a handful of customers: purchases, expectations, scores and segments at their limits."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from lake_assets.compute.gold.customer_lifetime_value import (
    Population,
    customer_lifetime_value,
    customer_purchases,
    population,
)
from lake_assets.contract.calendar import YEARS, span
from lake_assets.contract.gold import GOLD_TABLES
from lake_assets.contract.model import CHANNELS
from lake_assets.contract.types import physical_type
from lake_assets_tests.support.silver_lines import (
    AS_QUERIES,
    Lines,
    Return,
    Returns,
    Sale,
    Sales,
    money,
    repartitioned,
    values,
)

TABLE = GOLD_TABLES["customer_lifetime_value"]
LOADED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DAY = "2000-05-17"
SCORES = ("recency_score", "frequency_score", "monetary_score")


def purchases_frame(spark: SparkSession, lines: Lines, customers: Iterable[int], parts: int | None = None) -> DataFrame:
    sales, returns, customer = lines.sales_frames(spark), lines.returns_frames(spark), _customer_frame(spark, customers)
    days = span(bounds for bounds in lines.sold_range.values() if bounds)
    return customer_purchases(
        sales=repartitioned(sales, parts) if parts else sales,
        returns=repartitioned(returns, parts) if parts else returns,
        customer=customer.repartition(parts) if parts else customer,
        as_of_sk=days[1] if days else None,
    )


def _customer_frame(spark: SparkSession, customers: Iterable[int]) -> DataFrame:
    schema = (
        "c_customer_sk bigint, c_customer_id string, c_first_name string, c_last_name string, c_email_address string,"
        " c_birth_country string, c_preferred_cust_flag string"
    )
    texts = ("id", "first", "last", "mail", "country")
    return spark.createDataFrame([(sk, *(f"{text} {sk}" for text in texts), "Y") for sk in customers], schema)


def purchases(
    spark: SparkSession, sales: Sales, returns: Returns | None = None, customers: Iterable[int] = (7,)
) -> dict[int, Row]:
    """Rows of the first step by customer."""
    rows = purchases_frame(spark, Lines(sales, returns or {}), customers).collect()
    found = {row.customer_sk: row for row in rows}
    assert len(found) == len(rows), "a customer occurs twice"
    return found


@dataclass(frozen=True)
class Buyer:
    """A customer as the second step sees one."""

    orders: int = 1
    net: str = "100.00"
    recency: int | None = 0

    @property
    def row(self) -> tuple[int, Decimal | None, int | None]:
        return self.orders, money(self.net), self.recency


NOBODY = Buyer(0, "0.00", None)


def of_buyers(spark: SparkSession, buyers: Sequence[Buyer]) -> DataFrame:
    """Purchases of customers 0, 1, ...; columns that the second step only passes on are NULL."""
    rows = [(sk, *buyer.row, "2000" if buyer.orders else "undated") for sk, buyer in enumerate(buyers)]
    frame = spark.createDataFrame(
        rows, "customer_sk bigint, order_count bigint, net_sales decimal(18,2), recency_days int, cohort_year string"
    )
    missing = [column for column in TABLE.columns if column.name not in frame.columns]
    return frame.withColumns({column.name: F.lit(None).cast(physical_type(column)) for column in missing})


def look_at(spark: SparkSession, buyers: Sequence[Buyer], days: int = 365) -> Population:
    return population(of_buyers(spark, buyers), days)


def valued(
    spark: SparkSession, buyers: Sequence[Buyer], everyone: Population | None = None, days: int = 365
) -> list[Row]:
    """Rows of the second step in order of the buyers; compared with each other or with a population given."""
    frame = of_buyers(spark, buyers)
    rows = customer_lifetime_value(
        purchases=frame, population=everyone or population(frame, days), cohorts=YEARS, load_timestamp=LOADED
    )
    return sorted(rows.collect(), key=lambda row: int(row.customer_sk))


def with_cuts(
    recency: Sequence[int] = (10, 20, 30, 40),
    frequency: Sequence[int] = (1, 2, 3, 4),
    monetary: Sequence[int] = (100, 200, 300, 400),
    tiers: Sequence[int] = (50, 80, 95),
) -> Population:
    """A population with these cut points, and nothing expected of it."""
    zero = Decimal(0)
    cuts = (tuple(map(Decimal, found)) for found in (recency, frequency, monetary, tiers))
    return Population(365, zero, None, None, zero, zero, zero, zero, *cuts)


def test_columns_are_the_contracts_in_order_and_type_then_the_partition(spark: SparkSession) -> None:
    frame = purchases_frame(spark, Lines({"store": [Sale(DAY)]}, {}), [7, 8])
    found = customer_lifetime_value(
        purchases=frame, population=population(frame, 0), cohorts=YEARS, load_timestamp=LOADED
    )
    types = [(field.name, field.dataType.simpleString()) for field in found.schema.fields]
    assert types == [(column.name, physical_type(column)) for column in TABLE.columns] + [("cohort_year", "string")]
    rows = found.collect()
    assert {row.load_timestamp.astimezone(UTC) for row in rows} == {LOADED}
    required = [column.name for column in TABLE.columns if not column.nullable]
    assert {row[name] for row in rows for name in required} & {None} == set()


def test_only_the_cohorts_asked_for_are_built(spark: SparkSession) -> None:
    frame = of_buyers(spark, [Buyer(), NOBODY])
    for customer, cohort in enumerate(("2000", "undated")):
        found = customer_lifetime_value(
            purchases=frame, population=with_cuts(), cohorts=[cohort, "2001"], load_timestamp=LOADED
        )
        assert [(row.customer_sk, row.cohort_year) for row in found.collect()] == [(customer, cohort)]


def test_purchases_add_up_over_channels_and_orders_are_told_apart_by_channel(spark: SparkSession) -> None:
    sales: Sales = {
        "store": [
            Sale("1999-12-31", "10.00", order=1, item=1),
            Sale("1999-12-31", "5.50", order=1, item=2),
            Sale("2000-05-01", "1.00", order=2),
        ],
        "web": [Sale("2000-05-17", "2.00", order=1, item=1)],
        "catalog": [Sale("2000-05-20", customer=9)],
    }
    row = purchases(spark, sales, {"web": [Return("2000-06-01", "0.75", loss="0.25")]})[7]
    orders = (row.order_count, row.store_order_count, row.catalog_order_count, row.web_order_count)
    assert orders == (3, 2, 0, 1)
    assert (row.line_count, row.units_bought, row.channel_count, row.active_months) == (4, 8, 2, 2)
    gross = (row.gross_sales, row.store_gross_sales, row.catalog_gross_sales, row.web_gross_sales)
    assert gross == tuple(map(Decimal, ("18.50", "16.50", "0.00", "2.00")))
    assert (row.coupon_amt, row.net_paid) == (Decimal("4.00"), Decimal("36.00"))
    assert (row.returns_amt, row.return_line_count, row.return_rate_lines) == (Decimal("0.75"), 1, Decimal("0.250000"))
    assert (row.net_sales, row.ltv_historic, row.avg_order_value) == tuple(map(Decimal, ("17.75", "17.75", "6.166667")))
    assert row.net_profit_after_returns == row.ltv_profit == Decimal("11.75")
    assert (row.customer_id, row.first_name, row.email_address) == ("id 7", "first 7", "mail 7")


def test_dates_are_counted_from_the_last_day_of_sale_of_anyone(spark: SparkSession) -> None:
    lines = [Sale("1999-12-30"), Sale("2000-01-02", order=2), Sale("2000-01-12", order=3, customer=9)]
    found = purchases(spark, {"store": lines}, {"store": [Return("2003-01-01")]}, [7, 8, 9])
    row = found[7]
    assert (row.first_purchase_date, row.last_purchase_date) == (date(1999, 12, 30), date(2000, 1, 2))
    assert (row.tenure_days, row.recency_days, row.cohort_year, row.active_months) == (13, 10, "1999", 2)
    assert (found[9].tenure_days, found[9].recency_days, found[9].cohort_year) == (0, 0, "2000")
    assert {each.as_of_date for each in found.values()} == {date(2000, 1, 12)}


def test_a_customer_who_never_bought_is_a_row_of_zeros_in_the_undated_cohort(spark: SparkSession) -> None:
    """Lines of nobody are nobody's, and a buyer who is not in silver has no row."""
    lines = [Sale(DAY, customer=None), Sale(DAY, customer=99, order=2)]
    found = purchases(spark, {"store": lines}, {"store": [Return(DAY)]}, [7])
    assert list(found) == [7]
    row = found[7]
    counts = ("order_count", "line_count", "units_bought", "channel_count", "active_months", "return_line_count")
    assert [row[name] for name in counts] == [0] * 6
    amounts = ("gross_sales", "web_gross_sales", "returns_amt", "net_sales", "ltv_historic", "ltv_profit")
    assert [row[name] for name in amounts] == [Decimal("0.00")] * 6
    absent = ("first_purchase_date", "last_purchase_date", "tenure_days", "recency_days", "preferred_channel")
    assert {row[name] for name in (*absent, "avg_order_value", "return_rate_lines")} == {None}
    assert (row.cohort_year, row.as_of_date) == ("undated", date(2000, 5, 17))


def test_a_return_is_credited_to_the_buyer_whoever_brought_it(spark: SparkSession) -> None:
    """Silver's returns name the customer who brought the goods; it is not even read."""
    lines = [Sale(DAY, "10.00", order=1, customer=7), Sale(DAY, "10.00", order=2, customer=8)]
    found = purchases(spark, {"web": lines}, {"web": [Return("2001-01-01", "4.00", order=2)]}, [7, 8])
    assert {sk: (row.net_sales, row.return_line_count) for sk, row in found.items()} == {
        7: (Decimal("10.00"), 0),
        8: (Decimal("6.00"), 1),
    }


def test_null_amounts_count_zero(spark: SparkSession) -> None:
    nothing = Sale(DAY, None, quantity=None, coupon=None, paid=None, profit=None)
    found = purchases(
        spark,
        {
            "store": [nothing, Sale(DAY, "3.00", item=2, profit="-5.00")],
            "web": [Sale(DAY, None, customer=8, profit=None)],
        },
        {
            "store": [Return(DAY, None, loss=None), Return(DAY, "1.00", item=2, loss="2.00")],
            "web": [Return(DAY, "1.00")],
        },
        [7, 8],
    )
    row = found[7]
    assert (row.gross_sales, row.returns_amt, row.net_sales) == tuple(map(Decimal, ("3.00", "1.00", "2.00")))
    assert (row.units_bought, row.net_profit_after_returns, row.return_line_count) == (2, Decimal("-7.00"), 2)
    other = found[8]
    assert (other.net_sales, other.ltv_profit, other.avg_order_value) == tuple(map(Decimal, ("-1.00", "-0.25", "0")))
    assert other.preferred_channel == "web"


def test_purchases_without_a_date_count_but_tell_no_day(spark: SparkSession) -> None:
    lines = [Sale(None, "6.00", customer=7), Sale(None, customer=8, order=2), Sale("2000-05-01", customer=8, order=3)]
    found = purchases(spark, {"store": [*lines, Sale("2000-05-11", order=4, customer=9)]}, customers=[7, 8, 9])
    row = found[7]
    assert (row.order_count, row.gross_sales, row.active_months) == (1, Decimal("6.00"), 0)
    assert (row.first_purchase_date, row.tenure_days, row.recency_days, row.cohort_year) == (
        None,
        None,
        None,
        "undated",
    )
    assert (row.preferred_channel, row.channel_count) == ("store", 1)
    assert (found[8].order_count, found[8].active_months, found[8].recency_days) == (2, 1, 10)
    assert found[8].cohort_year == "2000"


@pytest.mark.parametrize(
    ("nets", "preferred"),
    [
        pytest.param({"store": "5.00", "catalog": "5.00", "web": "5.00"}, "store", id="all_equal"),
        pytest.param({"catalog": "5.00", "web": "5.00"}, "catalog", id="store_not_bought_in"),
        pytest.param({"store": "5.00", "web": "5.01"}, "web", id="highest_wins"),
        pytest.param({"store": "-2.00", "web": "-1.00"}, "web", id="the_least_negative"),
        pytest.param({"catalog": "-2.00"}, "catalog", id="a_channel_not_bought_in_is_not_preferred_for_its_zero"),
        pytest.param({"catalog": "0.00", "web": "0.00"}, "catalog", id="zeros_are_equal"),
    ],
)
def test_the_preferred_channel_has_the_highest_net_sales_of_those_bought_in(
    spark: SparkSession, nets: Mapping[str, str], preferred: str
) -> None:
    """Each channel sold 10.00, and the rest came back."""
    bought = [channel for channel in CHANNELS if channel in nets]
    returns: Returns = {channel: [Return(DAY, str(10 - Decimal(nets[channel])))] for channel in bought}
    found = purchases(spark, {channel: [Sale(DAY, "10.00")] for channel in bought}, returns)
    assert found[7].preferred_channel == preferred
    assert found[7].net_sales == sum(Decimal(net) for net in nets.values())


def test_without_a_sale_nobody_has_a_day_to_be_true_on(spark: SparkSession) -> None:
    row = purchases(spark, {})[7]
    assert (row.as_of_date, row.order_count, row.cohort_year) == (None, 0, "undated")


def test_expectations_are_drawn_towards_the_mean_as_the_spread_of_orders_tells(spark: SparkSession) -> None:
    """Orders 0 and 4: m = 2, v = 4, r = 4 / (4 - 2) = 2, alpha = 2 x 365 / 2 = 365, and 100.00 per order.

    x = 0: 365 (2 + 0) / (365 + 365) = 1 order of (2 x 100 + 0) / 2; x = 4: 3 orders of (2 x 100 + 400) / 6.
    """
    buyers = [NOBODY, Buyer(4, "400.00")]
    stored = look_at(spark, buyers).figures
    assert (stored["mean_orders"], stored["nbd_r"], stored["nbd_alpha_days"]) == ("2.000000", "2.000000", "365.000000")
    assert stored["mean_order_value"] == "100.000000"
    rows = valued(spark, buyers)
    assert [row.expected_orders_12m for row in rows] == [Decimal("1.000000"), Decimal("3.000000")]
    assert [row.ltv_12m for row in rows] == [Decimal("100.000000"), Decimal("300.000000")]


def test_customers_own_order_value_weighs_against_the_mean_of_all(spark: SparkSession) -> None:
    """m = 2, v = 8 / 3, r = 4 / (2 / 3) = 6, T = 730, alpha = 2190: 365 (6 + x) / 2920; A = 120 / 6 = 20."""
    buyers = [NOBODY, Buyer(2, "-60.00"), Buyer(4, "180.00")]
    rows = valued(spark, buyers, days=730)
    assert [row.expected_orders_12m for row in rows] == [Decimal("0.750000"), Decimal("1.000000"), Decimal("1.250000")]
    assert [row.ltv_12m for row in rows] == [Decimal("15.000000"), Decimal("7.500000"), Decimal("37.500000")]


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        pytest.param((2, 2, 2), "1.000000", id="no_variance"),
        pytest.param((1, 2), "0.750000", id="variance_below_the_mean"),
        pytest.param((0, 2), "0.500000", id="variance_equal_to_the_mean"),
    ],
)
def test_without_a_spread_of_rates_everyone_is_expected_to_order_at_the_mean_rate(
    spark: SparkSession, orders: tuple[int, ...], expected: str
) -> None:
    """Over two years of 730 days: half of the mean, at 50.00 per order."""
    buyers = [Buyer(count, f"{50 * count}.00", 0 if count else None) for count in orders]
    stored = look_at(spark, buyers, days=730).figures
    assert (stored["nbd_r"], stored["nbd_alpha_days"]) == ("infinite", "infinite")
    rows = valued(spark, buyers, days=730)
    assert {row.expected_orders_12m for row in rows} == {Decimal(expected)}
    assert {row.ltv_12m for row in rows} == {Decimal(expected) * 50}


def test_a_lake_without_orders_expects_nothing_and_scores_nobody(spark: SparkSession) -> None:
    everyone = look_at(spark, [NOBODY, NOBODY])
    assert (everyone.recency, everyone.frequency, everyone.monetary, everyone.tiers) == ((), (), (), ())
    assert everyone.figures == {
        "days_of_data": "365",
        "mean_orders": "0.000000",
        "nbd_r": "infinite",
        "nbd_alpha_days": "infinite",
        "mean_order_value": "0.000000",
    }
    for row in valued(spark, [NOBODY, NOBODY]):
        assert (row.expected_orders_12m, row.ltv_12m) == (Decimal("0.000000"), Decimal("0.000000"))
        assert (row.rfm_segment, row.value_tier, *(row[score] for score in SCORES)) == (
            "No Purchase",
            "None",
            *[None] * 3,
        )


def test_a_lake_without_customers_has_no_rows(spark: SparkSession) -> None:
    assert valued(spark, []) == []


def test_one_day_of_data_counts_as_one_day(spark: SparkSession) -> None:
    buyers = [Buyer(2, "10.00"), Buyer(2, "10.00")]
    assert look_at(spark, buyers, days=0) == look_at(spark, buyers, days=1)
    assert look_at(spark, buyers, days=0).days == 1
    assert {row.expected_orders_12m for row in valued(spark, buyers, days=0)} == {Decimal("730.000000")}


def test_who_never_bought_is_expected_to_but_has_no_scores(spark: SparkSession) -> None:
    row = valued(spark, [NOBODY, Buyer(3), Buyer(9)])[0]
    assert row.expected_orders_12m > 0
    assert row.ltv_12m > 0
    assert (row.rfm_segment, row.value_tier) == ("No Purchase", "None")
    assert [row[score] for score in SCORES] == [None, None, None]


def test_cut_points_are_those_of_customers_with_orders_and_dates(spark: SparkSession) -> None:
    """Ten buyers with 1 to 10 orders, ten who never bought, and one buyer without a date."""
    buyers = [Buyer(number, f"{number}.50", number) for number in range(1, 11)]
    everyone = look_at(spark, [*buyers, *[NOBODY] * 10, Buyer(5, "5.50", None)])
    assert list(everyone.recency) == [2, 4, 6, 8]
    assert list(everyone.frequency) == [3, 5, 6, 8]
    assert everyone.monetary == tuple(map(Decimal, ("3.50", "5.50", "6.50", "8.50")))
    assert everyone.tiers == tuple(map(Decimal, ("5.50", "8.50", "10.50")))
    stored = everyone.figures
    assert (stored["recency_q20"], stored["frequency_q80"], stored["monetary_q40"]) == ("2", "8", "5.50")
    assert (stored["value_tier_q50"], stored["value_tier_q95"], stored["days_of_data"]) == ("5.50", "10.50", "365")


@pytest.mark.parametrize(
    ("days", "score"), [(0, 5), (10, 5), (11, 4), (20, 4), (30, 3), (40, 2), (41, 1), (None, None)]
)
def test_recency_scores_better_the_fewer_the_days(spark: SparkSession, days: int | None, score: int | None) -> None:
    (row,) = valued(spark, [Buyer(recency=days)], with_cuts())
    assert row.recency_score == score


def test_a_figure_on_a_cut_point_scores_below_it_and_one_above_scores_higher(spark: SparkSession) -> None:
    nets = ("-5.00", "100.00", "100.01", "200.00", "300.00", "400.00", "400.01")
    rows = valued(spark, [Buyer(orders, net) for orders, net in enumerate(nets, 1)], with_cuts())
    assert [row.monetary_score for row in rows] == [1, 1, 2, 2, 3, 4, 5]
    assert [row.frequency_score for row in rows] == [1, 2, 3, 4, 5, 5, 5]


def test_tiers_begin_above_their_percentile(spark: SparkSession) -> None:
    nets = ("-1.00", "50.00", "50.01", "80.00", "80.01", "95.00", "95.01")
    rows = valued(spark, [Buyer(net=net) for net in nets] + [NOBODY], with_cuts())
    tiers = ["Bronze", "Bronze", "Silver", "Silver", "Gold", "Gold", "Platinum", "None"]
    assert [row.value_tier for row in rows] == tiers


def test_equal_customers_score_equally_however_many_they_are(spark: SparkSession) -> None:
    """Nine of ten buyers are alike, and none is cut off from the rest; above the 95th percentile of ten nobody is."""
    rows = valued(spark, [*[Buyer(2, "10.00", 5)] * 9, Buyer(3, "11.00", 0)])
    assert {(row.frequency_score, row.monetary_score, row.value_tier) for row in rows[:9]} == {(1, 1, "Bronze")}
    assert (rows[9].frequency_score, rows[9].monetary_score, rows[9].value_tier) == (5, 5, "Gold")
    assert {row.recency_score for row in rows[:9]} == {5}


def _of_scores(recency: int, frequency: int, monetary: int) -> Buyer:
    """A buyer with these scores under the cut points of `with_cuts`."""
    return Buyer(frequency, f"{100 * monetary}.00", 60 - 10 * recency)


def test_every_combination_of_scores_has_its_segment(spark: SparkSession) -> None:
    """All 125; the counts follow from the rules, each less what the rules before it took."""
    scores = list(product(range(1, 6), repeat=3))
    rows = valued(spark, [_of_scores(*each) for each in scores], with_cuts())
    assert [tuple(row[score] for score in SCORES) for row in rows] == scores
    assert Counter(row.rfm_segment for row in rows) == {
        "Champions": 2 * 2 * 2,
        "Loyal": 3 * 2 * 5 - 2 * 2 * 2,
        "Potential Loyalist": 2 * 2 * 5,
        "New": 2 * 1 * 5,
        "Needs Attention": 1 * 3 * 5,
        "Cannot Lose": 2 * 2 * 2,
        "At Risk": 2 * 3 * 5 - 2 * 2 * 2,
        "Hibernating": 2 * 2 * 5,
    }


def test_segments_change_at_their_limits(spark: SparkSession) -> None:
    expected = {
        "444": "Champions",
        "443": "Loyal",
        "344": "Loyal",
        "345": "Loyal",
        "434": "Potential Loyalist",
        "421": "Potential Loyalist",
        "511": "New",
        "415": "New",
        "335": "Needs Attention",
        "311": "Needs Attention",
        "244": "Cannot Lose",
        "155": "Cannot Lose",
        "243": "At Risk",
        "231": "At Risk",
        "225": "Hibernating",
        "111": "Hibernating",
    }
    rows = valued(spark, [_of_scores(*map(int, scores)) for scores in expected], with_cuts())
    assert dict(zip(expected, (row.rfm_segment for row in rows), strict=True)) == expected


def test_a_buyer_without_a_date_meets_no_rule_that_asks_for_recency(spark: SparkSession) -> None:
    rows = valued(spark, [Buyer(9, "900.00", None), Buyer(1, "1.00", None)], with_cuts())
    assert [(row.recency_score, row.frequency_score, row.rfm_segment) for row in rows] == [
        (None, 5, "Hibernating"),
        (None, 1, "Hibernating"),
    ]
    assert rows[0].value_tier == "Platinum"


# Few customers, orders, amounts and days, so that they meet and tie. A line's key is its order and item.
DAYS = st.sampled_from(["1998-12-31", "1999-01-01", "1999-02-01", "2000-01-01", None])
AMOUNTS = st.none() | st.sampled_from(["0.00", "1.00", "2.00", "2.50", "9.00"])
SALE_LINES = st.lists(
    st.builds(
        Sale, DAYS, AMOUNTS, order=st.integers(1, 6), item=st.integers(1, 2), customer=st.none() | st.integers(1, 5)
    ),
    max_size=8,
    unique_by=lambda line: (line.order, line.item),
)
RETURN_LINES = st.lists(
    st.builds(Return, DAYS, AMOUNTS, order=st.integers(1, 6), item=st.integers(1, 2)),
    max_size=4,
    unique_by=lambda line: (line.order, line.item),
)
LINES = st.builds(
    Lines,
    st.fixed_dictionaries(dict.fromkeys(CHANNELS, SALE_LINES)),
    st.fixed_dictionaries(dict.fromkeys(CHANNELS, RETURN_LINES)),
)
CUSTOMERS = range(1, 5)
BUYERS = st.lists(
    st.just(NOBODY)
    | st.builds(
        Buyer,
        st.integers(1, 12),
        st.integers(-30_000, 90_000).map(lambda cents: f"{cents / 100:.2f}"),
        st.none() | st.integers(0, 400),
    ),
    min_size=1,
    max_size=25,
)


@AS_QUERIES
@given(lines=LINES, by=st.randoms(), parts=st.integers(2, 5))
def test_purchases_are_the_same_whatever_the_order_of_rows_and_how_they_are_divided(
    spark: SparkSession, lines: Lines, by: random.Random, parts: int
) -> None:
    rows = purchases_frame(spark, lines, CUSTOMERS).collect()
    assert sorted(row.customer_sk for row in rows) == list(CUSTOMERS)
    sold = [line for found in lines.sales.values() for line in found if line.customer in CUSTOMERS]
    assert sum(row.line_count for row in rows) == len(sold)
    customers = by.sample(CUSTOMERS, len(CUSTOMERS))
    assert values(purchases_frame(spark, lines.shuffled(by), customers, parts).collect()) == values(rows)


@AS_QUERIES
@given(buyers=BUYERS, by=st.randoms(), days=st.integers(0, 2_000))
def test_scores_are_the_same_whatever_the_order_of_customers_and_rise_with_their_figures(
    spark: SparkSession, buyers: list[Buyer], by: random.Random, days: int
) -> None:
    rows = valued(spark, buyers, days=days)
    order = by.sample(range(len(buyers)), len(buyers))
    again = valued(spark, [buyers[place] for place in order], days=days)
    assert [tuple(row)[1:] for row in again] == [tuple(rows[place])[1:] for place in order]
    bought = [row for row in rows if row.order_count]
    for figure, score in (("order_count", "frequency_score"), ("net_sales", "monetary_score")):
        ranked = sorted((row[figure], row[score]) for row in bought)
        assert [value for _, value in ranked] == sorted(value for _, value in ranked)
        assert len(set(ranked)) == len({value for value, _ in ranked}), "equal figures score differently"
    expected = sum(row.expected_orders_12m for row in rows)
    mean_rate = Decimal(365 * sum(buyer.orders for buyer in buyers)) / max(days, 1)
    assert abs(expected - mean_rate) <= Decimal("0.000001") * len(rows)
