"""Computes gold `customer_lifetime_value`: what customers bought, then what follows from all of them together.

The second step compares every customer with all others (scores, tiers, expected orders), so the first one's rows are stored in
between and not computed again for each comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake_assets.compute.expressions import date_from_sk, in_calendar, total
from lake_assets.compute.gold.conformed import conformed_sales, undone_sales
from lake_assets.compute.gold.quantiles import quantiles
from lake_assets.compute.gold.ratio import ratio
from lake_assets.compute.gold.stored import contracted, measured
from lake_assets.contract.calendar import UNDATED
from lake_assets.contract.gold.customer_lifetime_value import CUSTOMER_LIFETIME_VALUE
from lake_assets.contract.model import CHANNELS, Channel

DAYS_AHEAD = 365
SCORE_SHARES = (0.2, 0.4, 0.6, 0.8)
TIER_SHARES = (0.5, 0.8, 0.95)
_DOLLARS_PER_INTERVAL = 100

_MEASURES = (
    "order_count",
    *(f"{channel}_order_count" for channel in CHANNELS),
    "line_count",
    "units_bought",
    "channel_count",
    "active_months",
    "gross_sales",
    *(f"{channel}_gross_sales" for channel in CHANNELS),
    "coupon_amt",
    "net_paid",
    "returns_amt",
    "return_line_count",
    "net_profit_after_returns",
)


def customer_purchases(
    *,
    sales: Mapping[Channel, DataFrame],
    returns: Mapping[Channel, DataFrame],
    customer: DataFrame,
    as_of_sk: int | None,
) -> DataFrame:
    """Purchases of every customer of silver, also of those without. Grain: customer_sk.

    `sales` and `returns` are all of silver, `as_of_sk` the last day of sale. Columns: those of the contract that need no other
    customer, net sales per channel as `_<channel>_net`, and the partition column `cohort_year`.
    """
    rows = (
        _identity(customer)
        .join(_bought(sales), "customer_sk", "left")
        .join(_returned(undone_sales(sales, returns)), "customer_sk", "left")
        .withColumns(_net_of_returns())
    )
    rows = measured(rows, CUSTOMER_LIFETIME_VALUE, _MEASURES)
    as_of = date_from_sk(F.lit(as_of_sk).cast("bigint"))
    first, last = date_from_sk(F.col("_first_sk")), date_from_sk(F.col("_last_sk"))
    net = (F.col("gross_sales") - F.col("returns_amt")).cast("decimal(18,2)")
    return rows.withColumns(
        {
            "as_of_date": as_of,
            "first_purchase_date": first,
            "last_purchase_date": last,
            "tenure_days": F.datediff(as_of, first),
            "recency_days": F.datediff(as_of, last),
            "net_sales": net,
            "avg_order_value": ratio(F.col("gross_sales"), F.col("order_count")),
            "return_rate_lines": ratio(F.col("return_line_count"), F.col("line_count")),
            "preferred_channel": _preferred_channel(),
            "ltv_historic": net,
            "ltv_profit": F.col("net_profit_after_returns"),
            "cohort_year": F.coalesce(F.year(first).cast("string"), F.lit(UNDATED)),
        }
    ).drop("_first_sk", "_last_sk", "_net_profit", "_net_loss", *(f"_{channel}_returns" for channel in CHANNELS))


def _identity(customer: DataFrame) -> DataFrame:
    return customer.select(
        F.col("c_customer_sk").alias("customer_sk"),
        F.col("c_customer_id").alias("customer_id"),
        F.col("c_first_name").alias("first_name"),
        F.col("c_last_name").alias("last_name"),
        F.col("c_email_address").alias("email_address"),
        F.col("c_birth_country").alias("birth_country"),
        F.col("c_preferred_cust_flag").alias("preferred_cust_flag"),
    )


def _bought(sales: Mapping[Channel, DataFrame]) -> DataFrame:
    """What each customer bought. Lines are read once, and added up to orders first, of which there are ten times fewer."""
    orders = reduce(DataFrame.unionByName, (_orders(channel, lines) for channel, lines in sales.items()))
    # An order has one date (silver publishes no other), so that it has one month.
    months = orders.withColumn("_month", _month_number(F.col("date_sk"))).groupBy("customer_sk", "_month")
    counted = {f"{channel}_order_count": F.count(_of(channel, F.lit(1))) for channel in CHANNELS}
    # Also of lines without a price: only where nothing was bought there is no amount.
    gross = F.coalesce("gross_sales", F.lit(0).cast("decimal(7,2)"))
    amounts = {f"{channel}_gross_sales": F.sum(_of(channel, gross)) for channel in CHANNELS}
    sums = {name: F.sum(name) for name in ("line_count", *_SUMS)} | amounts
    by_month = months.agg(
        F.count(F.lit(1)).alias("order_count"),
        *(value.alias(name) for name, value in (counted | sums).items()),
        F.min("date_sk").alias("_first_sk"),
        F.max("date_sk").alias("_last_sk"),
    )
    bought = by_month.groupBy("customer_sk").agg(
        *(F.sum(name).alias(name) for name in ("order_count", *counted, *sums)),
        F.count(F.when(F.col("_month").isNotNull(), 1)).alias("active_months"),
        F.min("_first_sk").alias("_first_sk"),
        F.max("_last_sk").alias("_last_sk"),
    )
    return bought.withColumn("channel_count", total([(F.col(name) > 0).cast("int") for name in counted]))


_SUMS = {
    "units_bought": "quantity",
    "gross_sales": "ext_sales_price",
    "coupon_amt": "coupon_amt",
    "net_paid": "net_paid",
    "_net_profit": "net_profit",
}


def _orders(channel: Channel, sales: DataFrame) -> DataFrame:
    lines = conformed_sales({channel: sales}).where(F.col("customer_sk").isNotNull())
    orders = lines.groupBy("customer_sk", "order_number").agg(
        F.min("date_sk").alias("date_sk"),
        F.count(F.lit(1)).alias("line_count"),
        *(F.sum(source).alias(name) for name, source in _SUMS.items()),
    )
    return orders.withColumn("channel", F.lit(channel))


def _month_number(date_sk: Column) -> Column:
    """Months since the year 0; NULL for a day outside the calendar. A number: to group by text takes several times as long."""
    day = date_from_sk(date_sk)
    return F.when(in_calendar(date_sk), F.year(day) * 12 + F.month(day))


def _of(channel: Channel, value: Column) -> Column:
    return F.when(F.col("channel") == channel, value)


def _returned(lines: DataFrame) -> DataFrame:
    """What came back of the purchases of each customer."""
    return (
        lines.where(F.col("customer_sk").isNotNull())
        .groupBy("customer_sk")
        .agg(
            F.count(F.lit(1)).alias("return_line_count"),
            F.sum("return_amt").alias("returns_amt"),
            *(F.sum(_of(channel, F.col("return_amt"))).alias(f"_{channel}_returns") for channel in CHANNELS),
            F.sum("net_loss").alias("_net_loss"),
        )
    )


def _net_of_returns() -> dict[str, Column]:
    """Profit, and net sales per channel: NULL for a channel in which the customer bought nothing."""

    zero = F.lit(0).cast("decimal(18,2)")

    def less(amount: Column, back: str) -> Column:
        return (amount - F.coalesce(back, zero)).cast("decimal(18,2)")

    net = {f"_{channel}_net": less(F.col(f"{channel}_gross_sales"), f"_{channel}_returns") for channel in CHANNELS}
    return {"net_profit_after_returns": less(F.coalesce("_net_profit", zero), "_net_loss"), **net}


def _preferred_channel() -> Column:
    """The channel with the highest net sales among those bought in; of equal ones the first."""
    best = F.greatest(*(F.col(f"_{channel}_net") for channel in CHANNELS))  # passes over NULLs
    chosen = F.lit(None).cast("string")
    for channel in reversed(CHANNELS):
        chosen = F.when(F.col(f"_{channel}_net") == best, F.lit(channel)).otherwise(chosen)
    return chosen


@dataclass(frozen=True)
class Population:
    """What is true of all customers together.

    Orders are modelled as a Gamma-Poisson mixture (Ehrenberg's negative binomial model of repeat buying) over all customers,
    with and without orders, each observed for the `days` T of the data. By moments, with mean m and variance v of their
    numbers of orders, r = m^2 / (v - m) and alpha = r T / m. When v is not above m there is no spread of rates: r is infinite
    (None), and everyone orders at the mean rate. `order_value` A is net sales per order, in US dollars.

    365 (r + x) / (alpha + T) = `base_orders` + x `rate`, and times (r A + net) / (r + x) that is `base_value` + net `rate`:
    the same without a quotient of infinities.

    The cut points are quantiles over customers with orders: of days since the last purchase, of orders, and of net sales;
    `tiers` those of net sales at 50, 80 and 95 %.
    """

    days: int
    mean_orders: Decimal
    r: Decimal | None
    alpha: Decimal | None
    order_value: Decimal
    base_orders: Decimal
    base_value: Decimal
    rate: Decimal
    recency: tuple[Decimal, ...]
    frequency: tuple[Decimal, ...]
    monetary: tuple[Decimal, ...]
    tiers: tuple[Decimal, ...]

    @property
    def figures(self) -> dict[str, str]:
        """All of it as text, for the metadata of the run."""
        found = {
            "days_of_data": str(self.days),
            "mean_orders": f"{self.mean_orders:.6f}",
            "nbd_r": "infinite" if self.r is None else f"{self.r:.6f}",
            "nbd_alpha_days": "infinite" if self.alpha is None else f"{self.alpha:.6f}",
            "mean_order_value": f"{self.order_value:.6f}",
        }
        for name in ("recency", "frequency", "monetary"):
            found |= _named(f"{name}_q", SCORE_SHARES, getattr(self, name))
        return found | _named("value_tier_q", TIER_SHARES, self.tiers)


def _named(prefix: str, shares: Sequence[float], cuts: Sequence[Decimal]) -> dict[str, str]:
    return {f"{prefix}{share * 100:.0f}": str(cut) for share, cut in zip(shares, cuts, strict=False)}


def population(purchases: DataFrame, days: int) -> Population:
    """Look at all customers; `days` is the length of the data, counted as 1 at least. A few small aggregates."""
    orders = F.col("order_count").cast("decimal(19,0)")
    sums = purchases.agg(
        F.count(F.lit(1)).alias("n"),
        F.sum(orders).alias("x"),
        F.sum(orders * orders).alias("xx"),
        F.sum("net_sales").alias("net"),
    ).collect()[0]
    buyers = purchases.where(F.col("order_count") > 0)
    dated = buyers.where(F.col("recency_days").isNotNull())
    with localcontext(prec=60):
        n, x, xx, net = (Decimal(sums[name] or 0) for name in ("n", "x", "xx", "net"))
        span = Decimal(max(days, 1))
        spread = max(n * xx - x * x - n * x, Decimal(0))  # n^2 (v - m)
        ahead = DAYS_AHEAD / ((spread + n * x) * span) if x else Decimal(0)
        r = x * x / spread if spread else None
        return Population(
            days=int(span),
            mean_orders=x / n if n else Decimal(0),
            r=r,
            alpha=r * span * n / x if r is not None else None,
            order_value=net / x if x else Decimal(0),
            base_orders=ahead * x * x,
            base_value=ahead * x * net,
            rate=ahead * spread,
            recency=quantiles(dated, "recency_days", SCORE_SHARES),
            frequency=quantiles(buyers, "order_count", SCORE_SHARES),
            monetary=quantiles(buyers, "net_sales", SCORE_SHARES, _DOLLARS_PER_INTERVAL),
            tiers=quantiles(buyers, "net_sales", TIER_SHARES, _DOLLARS_PER_INTERVAL),
        )


def customer_lifetime_value(
    *, purchases: DataFrame, population: Population, cohorts: Sequence[str], load_timestamp: datetime
) -> DataFrame:
    """Rows of the requested `cohorts` (`YYYY` or `undated`). Grain: customer_sk.

    `purchases` are those of `customer_purchases`. Columns: those of the contract, in its order, then `cohort_year`.
    """
    rows = purchases.where(F.col("cohort_year").isin(*cohorts)).withColumns(
        {
            "expected_orders_12m": _ahead(population.base_orders, population.rate, "order_count"),
            "ltv_12m": _ahead(population.base_value, population.rate, "net_sales"),
            "recency_score": _score("recency_days", population.recency, more_is_better=False),
            "frequency_score": _score("order_count", population.frequency),
            "monetary_score": _score("net_sales", population.monetary),
        }
    )
    rows = rows.withColumns({"rfm_segment": _segment(), "value_tier": _tier(population.tiers)})
    return rows.select(*contracted(CUSTOMER_LIFETIME_VALUE, load_timestamp), "cohort_year")


def _ahead(base: Decimal, rate: Decimal, figure: str) -> Column:
    """`base + rate x figure`, rounded to a millionth: exact products, cut to twelve digits before they are added."""
    # 18 digits of a figure by 19 of the rate are 38, as many as a DECIMAL has; the rate lies below 365.
    product = F.col(figure).cast("decimal(18,2)") * F.lit(f"{rate:.16f}").cast("decimal(19,16)")
    return F.round(product.cast("decimal(30,12)") + F.lit(f"{base:.12f}").cast("decimal(30,12)"), 6)


def _score(column: str, cuts: Sequence[Decimal], *, more_is_better: bool = True) -> Column:
    """1 to 5: one more for each cut point that the value passes, or one less where less is better. Equal values score alike."""
    passed = F.lit(0)
    for cut in cuts:
        passed = passed + (F.col(column) > F.lit(str(cut)).cast("decimal(18,2)")).cast("int")
    score = passed + 1 if more_is_better else F.lit(5) - passed
    return F.when((F.col("order_count") > 0) & F.col(column).isNotNull(), score)


def _segment() -> Column:
    r, f, m = (F.col(f"{name}_score") for name in ("recency", "frequency", "monetary"))
    return (
        F.when(F.col("order_count") == 0, "No Purchase")
        .when((r >= 4) & (f >= 4) & (m >= 4), "Champions")
        .when((r >= 3) & (f >= 4), "Loyal")
        .when((r >= 4) & f.between(2, 3), "Potential Loyalist")
        .when((r >= 4) & (f == 1), "New")
        .when(r == 3, "Needs Attention")
        .when((r <= 2) & (f >= 4) & (m >= 4), "Cannot Lose")
        .when((r <= 2) & (f >= 3), "At Risk")
        .otherwise("Hibernating")
    )


def _tier(cuts: Sequence[Decimal]) -> Column:
    tier = F.lit("Bronze")
    for cut, name in zip(cuts, ("Silver", "Gold", "Platinum"), strict=False):
        tier = F.when(F.col("net_sales") > F.lit(str(cut)).cast("decimal(18,2)"), name).otherwise(tier)
    return F.when(F.col("order_count") == 0, "None").otherwise(tier)
