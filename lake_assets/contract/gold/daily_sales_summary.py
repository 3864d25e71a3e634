"""Gold `daily_sales_summary`: what each channel sold, and took back, on each day."""

from __future__ import annotations

from lake_assets.contract.gold._columns import COUNT, MONEY, RATIO
from lake_assets.contract.model import Column, GoldTable

_KEY = (
    Column("channel", "VARCHAR(7)", "Sales channel: store, catalog or web.", nullable=False),
    Column(
        "date_sk",
        "BIGINT",
        "Surrogate key of the day (date_dim.d_date_sk): of the sale for sale measures, of the return for return "
        "measures. A sale line without a date has the date of its order. -1 marks the channel's undated row.",
        nullable=False,
        sources=("sales.date_sk", "returns.date_sk"),
    ),
)

_DATE = (
    Column(
        "sale_date",
        "DATE",
        "Calendar day of date_sk. NULL on the undated row, like all date attributes.",
        sources=("date_dim.d_date",),
    ),
    Column("year", "INT", "Calendar year of the day (d_year).", sources=("date_dim.d_year",)),
    Column(
        "quarter",
        "INT",
        "Calendar quarter of the day, 1 to 4. Not d_qoy, which counts 1 April, July and October of most years to the "
        "quarter before.",
        sources=("date_dim.d_date",),
    ),
    Column("month", "INT", "Calendar month of the day, 1 to 12 (d_moy).", sources=("date_dim.d_moy",)),
    Column(
        "day_name", "VARCHAR(9)", "English name of the day of the week (d_day_name).", sources=("date_dim.d_day_name",)
    ),
    Column(
        "is_weekend",
        "BOOLEAN",
        "Saturday or Sunday, by d_dow. Not d_weekend, which marks Friday and Saturday.",
        sources=("date_dim.d_dow",),
    ),
    Column("is_holiday", "BOOLEAN", "The day is a holiday (d_holiday = 'Y').", sources=("date_dim.d_holiday",)),
)

_SALES = (
    Column(
        "order_count",
        COUNT,
        "Distinct orders (store: tickets). Adds up over days and channels: an order has one date.",
        nullable=False,
        sources=("sales.order_number",),
    ),
    Column("line_count", COUNT, "Sale lines.", nullable=False, sources=("sales.item_sk", "sales.order_number")),
    Column(
        "units_sold",
        COUNT,
        "Sum of quantity, in units; NULL quantities count 0.",
        nullable=False,
        sources=("sales.quantity",),
    ),
    Column(
        "list_amt",
        MONEY,
        "Sum of ext_list_price (quantity x list price), in US dollars.",
        nullable=False,
        sources=("sales.ext_list_price",),
    ),
    Column(
        "gross_sales",
        MONEY,
        "Sum of ext_sales_price (quantity x sales price, before coupons and tax), in US dollars.",
        nullable=False,
        sources=("sales.ext_sales_price",),
    ),
    Column("coupon_amt", MONEY, "Sum of coupon_amt, in US dollars.", nullable=False, sources=("sales.coupon_amt",)),
    Column(
        "net_paid",
        MONEY,
        "Sum of net_paid (sales price less coupons, before tax and shipping), in US dollars.",
        nullable=False,
        sources=("sales.net_paid",),
    ),
    Column("tax_amt", MONEY, "Sum of ext_tax, in US dollars.", nullable=False, sources=("sales.ext_tax",)),
    Column(
        "wholesale_cost",
        MONEY,
        "Sum of ext_wholesale_cost (quantity x cost), in US dollars.",
        nullable=False,
        sources=("sales.ext_wholesale_cost",),
    ),
    Column(
        "net_profit",
        MONEY,
        "Sum of net_profit (net paid less wholesale cost), in US dollars, before returns.",
        nullable=False,
        sources=("sales.net_profit",),
    ),
    Column(
        "unique_customers",
        COUNT,
        "Distinct buying customers; a line without a customer has the customer of its order. Not additive over days.",
        nullable=False,
        sources=("sales.customer_sk",),
    ),
    Column(
        "null_amount_lines",
        COUNT,
        "Sale lines whose ext_sales_price is NULL (0 in gross_sales).",
        nullable=False,
        sources=("line_count", "gross_sales"),
    ),
    Column(
        "imputed_date_lines",
        COUNT,
        "Sale lines without a date of their own, dated by another line of the same order.",
        nullable=False,
        sources=("line_count", "sales.date_imputed"),
    ),
)

_RETURNS = (
    Column(
        "return_line_count",
        COUNT,
        "Return lines. Event clock: dated by the return, not the sale.",
        nullable=False,
        sources=("returns.item_sk", "returns.order_number"),
    ),
    Column(
        "units_returned",
        COUNT,
        "Sum of return_quantity, in units; NULL counts 0. Event clock: dated by the return.",
        nullable=False,
        sources=("returns.return_quantity",),
    ),
    Column(
        "returns_amt",
        MONEY,
        "Sum of return_amt (quantity x sales price, before tax), in US dollars. Event clock: dated by the return.",
        nullable=False,
        sources=("returns.return_amt",),
    ),
    Column(
        "return_net_loss",
        MONEY,
        "Sum of the returns' net_loss (tax, fee and shipping), in US dollars. Event clock: dated by the return.",
        nullable=False,
        sources=("returns.net_loss",),
    ),
    Column(
        "net_sales",
        MONEY,
        "gross_sales - returns_amt, in US dollars. Event clock: sales of the day less returns of the day.",
        nullable=False,
        sources=("gross_sales", "returns_amt"),
    ),
)

_RATIOS = (
    Column(
        "avg_order_value",
        RATIO,
        "gross_sales / order_count, US dollars per order. NULL without orders.",
        sources=("gross_sales", "order_count"),
    ),
    Column(
        "units_per_order",
        RATIO,
        "units_sold / order_count, units per order. NULL without orders.",
        sources=("units_sold", "order_count"),
    ),
    Column(
        "avg_unit_price",
        RATIO,
        "gross_sales / units_sold, US dollars per unit. NULL without units.",
        sources=("gross_sales", "units_sold"),
    ),
    Column(
        "return_to_sales_ratio",
        RATIO,
        "returns_amt / gross_sales, a fraction. Event clock: the returns undo earlier sales, so it may exceed 1. "
        "NULL when gross_sales is 0.",
        sources=("returns_amt", "gross_sales"),
    ),
    Column(
        "gross_sales_ma7",
        RATIO,
        "Sum of gross_sales over the 7 calendar days ending on this day / 7, US dollars per day; a day without a row "
        "counts 0. NULL on the channel's first 6 days, after its last day with a sale, and on the undated row.",
        sources=("gross_sales", "date_sk"),
    ),
    Column(
        "gross_sales_wow_pct",
        RATIO,
        "(gross_sales - gross_sales of date_sk - 7) / gross_sales of date_sk - 7, a fraction (0.05 is 5 percent more "
        "than a week before). NULL when that day has no row or sold 0, and on the undated row.",
        sources=("gross_sales", "date_sk"),
    ),
)

DAILY_SALES_SUMMARY = GoldTable(
    name="daily_sales_summary",
    comment=(
        "Sales and returns per channel and day. A day has a row when it has a sale or a return; sales count on the day "
        "of the sale, returns on the day of the return. One row per channel with date_sk -1 holds what has no date."
    ),
    columns=(
        *_KEY,
        *_DATE,
        *_SALES,
        *_RETURNS,
        *_RATIOS,
        Column("load_timestamp", "TIMESTAMP", "When the run that wrote the row started, UTC.", nullable=False),
    ),
    primary_key=("channel", "date_sk"),
    sort_by="date_sk",
    axis="month",
    partition="sales_month",
)
