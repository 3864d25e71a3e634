"""Gold `monthly_trends`: how each channel, and all together, developed month by month."""

from __future__ import annotations

from lake_assets.contract.gold._columns import LOADED, count, money, ratio
from lake_assets.contract.model import Column, GoldTable

_KEY = (
    Column(
        "channel", "VARCHAR(7)", "Sales channel: store, catalog, web, or all for the three together.", nullable=False
    ),
    Column(
        "sales_month",
        "VARCHAR(7)",
        "Month as YYYY-MM, as daily_sales_summary is partitioned; undated on the row of what has no date.",
        nullable=False,
        sources=("sales.date_sk", "returns.date_sk"),
    ),
    Column(
        "month_start_date",
        "DATE",
        "First day of the month. NULL on the row of what has no date.",
        sources=("sales_month",),
    ),
    Column(
        "month", "INT", "Month of the year, 1 to 12. NULL on the row of what has no date.", sources=("sales_month",)
    ),
    Column(
        "days_in_month",
        "INT",
        "Calendar days of the month. NULL on the row of what has no date.",
        sources=("sales_month",),
    ),
    count("days_with_sales", "Days of the month on which the channel sold something.", sources=("sales.date_sk",)),
    Column(
        "is_complete_month",
        "BOOLEAN",
        "Whether the month lies wholly within the channel's first and last day of sale; of all, within those of each "
        "channel. NULL on "
        "the row of what has no date.",
        sources=("sales.date_sk",),
    ),
)

_MEASURES = (
    count(
        "order_count",
        "Distinct orders of the month. Adds up over months and channels: an order has one date.",
        sources=("sales.order_number",),
    ),
    count("line_count", "Sale lines.", sources=("sales.item_sk", "sales.order_number")),
    count("units_sold", "Sum of quantity, in units; NULL quantities count 0.", sources=("sales.quantity",)),
    money(
        "gross_sales",
        "Sum of ext_sales_price (quantity x sales price, before coupons and tax), in US dollars.",
        sources=("sales.ext_sales_price",),
    ),
    money("coupon_amt", "Sum of coupon_amt, in US dollars.", sources=("sales.coupon_amt",)),
    money(
        "net_paid",
        "Sum of net_paid (sales price less coupons, before tax and shipping), in US dollars.",
        sources=("sales.net_paid",),
    ),
    money(
        "net_profit",
        "Sum of net_profit of the sale lines, in US dollars, before returns.",
        sources=("sales.net_profit",),
    ),
    count(
        "return_line_count",
        "Return lines. Event clock: dated by the return, not the sale.",
        sources=("returns.item_sk", "returns.order_number"),
    ),
    money(
        "returns_amt",
        "Sum of return_amt (quantity x sales price), in US dollars. Event clock: dated by the return.",
        sources=("returns.return_amt",),
    ),
    money(
        "net_sales",
        "gross_sales - returns_amt, in US dollars. Event clock: sales of the month less returns of the month.",
        sources=("gross_sales", "returns_amt"),
    ),
    ratio(
        "avg_order_value",
        "gross_sales / order_count, US dollars per order. NULL without orders.",
        sources=("gross_sales", "order_count"),
    ),
)

_CUSTOMERS = (
    count(
        "active_customers",
        "Distinct buying customers of the month. Not additive over months or channels.",
        sources=("sales.customer_sk",),
    ),
    count(
        "new_customers",
        "Active customers whose first purchase ever, in any channel, lies in this month. A customer who first bought in "
        "two channels "
        "in one month is new in both, and once in all.",
        sources=("sales.customer_sk", "sales.date_sk"),
    ),
    count("returning_customers", "active_customers - new_customers.", sources=("active_customers", "new_customers")),
)

_TRENDS = (
    ratio(
        "channel_share",
        "gross_sales / gross_sales of all channels in the month. NULL when those are 0.",
        sources=("gross_sales", "sales_month"),
    ),
    ratio(
        "gross_mom_pct",
        "gross_mom_pct_raw where both months are complete, else NULL.",
        sources=("gross_mom_pct_raw", "is_complete_month"),
    ),
    ratio(
        "gross_mom_pct_raw",
        "(gross_sales - gross_sales of the month before) / gross_sales of the month before, a fraction. NULL in the first "
        "month "
        "and when the month before sold 0.",
        sources=("gross_sales", "sales_month"),
    ),
    ratio(
        "gross_yoy_pct",
        "(gross_sales - gross_sales 12 months before) / gross_sales 12 months before, a fraction. NULL in the first year, when "
        "that month sold 0, and when either month is incomplete.",
        sources=("gross_sales", "sales_month", "is_complete_month"),
    ),
    ratio(
        "gross_ma3",
        "Sum of gross_sales over the three months ending here / 3, in US dollars. NULL in the first two months.",
        sources=("gross_sales", "sales_month"),
    ),
    money(
        "gross_ytd",
        "Sum of gross_sales from January of the year to this month, in US dollars.",
        nullable=True,
        sources=("gross_sales", "sales_month"),
    ),
    ratio(
        "seasonal_index",
        "gross_sales / mean gross_sales of the complete months of the year: 1 is an average month. NULL without such a month.",
        sources=("gross_sales", "sales_month", "is_complete_month"),
    ),
)

MONTHLY_TRENDS = GoldTable(
    name="monthly_trends",
    comment=(
        "Sales, returns, customers and growth per channel and month, and for all channels together. Every month from a "
        "channel's "
        "first to its last activity has a row; what has no date is one row per channel in the partition undated."
    ),
    columns=(*_KEY, *_MEASURES, *_CUSTOMERS, *_TRENDS, LOADED),
    primary_key=("channel", "sales_month"),
    sort_by="channel",
    axis="year",
    partition="year",
)
