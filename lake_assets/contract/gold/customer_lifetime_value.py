"""Gold `customer_lifetime_value`: what each customer bought, is worth, and may be expected to buy."""

from __future__ import annotations

from lake_assets.contract.gold._columns import LOADED, count, money, ratio
from lake_assets.contract.model import Column, GoldTable

_IDENTITY = (
    Column(
        "customer_sk",
        "BIGINT",
        "Number of the customer (customer.c_customer_sk).",
        nullable=False,
        sources=("customer.c_customer_sk",),
    ),
    Column(
        "customer_id", "CHAR(16)", "Code of the customer in the source system.", sources=("customer.c_customer_id",)
    ),
    Column("first_name", "CHAR(20)", "First name of the customer.", personal=True, sources=("customer.c_first_name",)),
    Column("last_name", "CHAR(30)", "Last name of the customer.", personal=True, sources=("customer.c_last_name",)),
    Column(
        "email_address",
        "CHAR(50)",
        "E-mail address of the customer.",
        personal=True,
        sources=("customer.c_email_address",),
    ),
    Column(
        "birth_country",
        "VARCHAR(20)",
        "Country in which the customer was born, in capitals.",
        personal=True,
        sources=("customer.c_birth_country",),
    ),
    Column(
        "preferred_cust_flag",
        "CHAR(1)",
        "Y if the customer takes part in the preferred customer program.",
        sources=("customer.c_preferred_cust_flag",),
    ),
    Column(
        "as_of_date",
        "DATE",
        "Last day of sale in silver, over all channels: the day on which the row is true.",
        sources=("sales.date_sk",),
    ),
)

_ACTIVITY = (
    count(
        "order_count",
        "Distinct orders of the customer; an order's customer is that of any of its lines.",
        sources=("sales.order_number",),
    ),
    count("store_order_count", "order_count in stores.", sources=("store_sales.ss_ticket_number",)),
    count("catalog_order_count", "order_count by catalog.", sources=("catalog_sales.cs_order_number",)),
    count("web_order_count", "order_count on the web.", sources=("web_sales.ws_order_number",)),
    count("line_count", "Sale lines of the customer.", sources=("sales.item_sk", "sales.order_number")),
    count("units_bought", "Sum of quantity, in units; NULL quantities count 0.", sources=("sales.quantity",)),
    Column(
        "channel_count",
        "INT",
        "Channels in which the customer bought, 0 to 3.",
        nullable=False,
        sources=("order_count",),
    ),
    Column(
        "first_purchase_date", "DATE", "Day of the first dated purchase. NULL without one.", sources=("sales.date_sk",)
    ),
    Column(
        "last_purchase_date", "DATE", "Day of the last dated purchase. NULL without one.", sources=("sales.date_sk",)
    ),
    Column(
        "tenure_days",
        "INT",
        "as_of_date - first_purchase_date, in days. NULL without a purchase.",
        sources=("as_of_date", "first_purchase_date"),
    ),
    Column(
        "recency_days",
        "INT",
        "as_of_date - last_purchase_date, in days. NULL without a purchase.",
        sources=("as_of_date", "last_purchase_date"),
    ),
    Column("active_months", "INT", "Distinct months with a purchase.", nullable=False, sources=("sales.date_sk",)),
)

_MONEY = (
    money(
        "gross_sales",
        "Sum of ext_sales_price (quantity x sales price, before coupons and tax), in US dollars.",
        sources=("sales.ext_sales_price",),
    ),
    money("store_gross_sales", "gross_sales in stores, in US dollars.", sources=("store_sales.ss_ext_sales_price",)),
    money(
        "catalog_gross_sales", "gross_sales by catalog, in US dollars.", sources=("catalog_sales.cs_ext_sales_price",)
    ),
    money("web_gross_sales", "gross_sales on the web, in US dollars.", sources=("web_sales.ws_ext_sales_price",)),
    money("coupon_amt", "Sum of coupon_amt, in US dollars.", sources=("sales.coupon_amt",)),
    money(
        "net_paid",
        "Sum of net_paid (sales price less coupons, before tax and shipping), in US dollars.",
        sources=("sales.net_paid",),
    ),
    money(
        "returns_amt",
        "Sum of return_amt of what came back of the customer's purchases, whoever brought it, in US dollars.",
        sources=("returns.return_amt",),
    ),
    count(
        "return_line_count",
        "Returned lines of the customer's purchases, whoever brought them back.",
        sources=("returns.item_sk", "returns.order_number"),
    ),
    money("net_sales", "gross_sales - returns_amt, in US dollars.", sources=("gross_sales", "returns_amt")),
    money(
        "net_profit_after_returns",
        "Sum of net_profit of the sale lines less net_loss of their returns, in US dollars.",
        sources=("sales.net_profit", "returns.net_loss"),
    ),
    ratio(
        "avg_order_value",
        "gross_sales / order_count, US dollars per order. NULL without orders.",
        sources=("gross_sales", "order_count"),
    ),
    ratio(
        "return_rate_lines",
        "return_line_count / line_count, a fraction between 0 and 1. NULL without orders.",
        sources=("return_line_count", "line_count"),
    ),
    Column(
        "preferred_channel",
        "VARCHAR(7)",
        "Channel with the highest net sales of the customer; of equal ones the first of store, catalog, web. NULL without "
        "orders.",
        sources=("net_sales",),
    ),
)

_VALUE = (
    money("ltv_historic", "net_sales: what the customer has brought so far, in US dollars.", sources=("net_sales",)),
    money(
        "ltv_profit",
        "net_profit_after_returns: what was earned with the customer so far, in US dollars; mostly negative.",
        sources=("net_profit_after_returns",),
    ),
    ratio(
        "expected_orders_12m",
        "Orders expected in the next 365 days: 365 x (r + order_count) / (alpha + T), the mean of the Gamma-Poisson (NBD) "
        "model "
        "after T days of data; r and alpha by moments over all customers, in the metadata of the run.",
        nullable=False,
        sources=("order_count", "sales.date_sk", "customer_sk"),
    ),
    ratio(
        "ltv_12m",
        "expected_orders_12m x (r x mean net sales per order of all + net_sales) / (r + order_count), in US dollars: the "
        "customer's "
        "own order value, drawn towards the mean as if by r orders.",
        nullable=False,
        sources=("net_sales", "order_count", "sales.date_sk", "customer_sk"),
    ),
)

_SEGMENTS = (
    Column(
        "recency_score",
        "INT",
        "1 to 5, 5 for the fifth of the buyers who bought last. NULL without orders.",
        sources=("recency_days", "order_count"),
    ),
    Column(
        "frequency_score",
        "INT",
        "1 to 5, 5 for the fifth of the buyers with the most orders. NULL without orders.",
        sources=("order_count",),
    ),
    Column(
        "monetary_score",
        "INT",
        "1 to 5, 5 for the fifth of the buyers with the highest net_sales. NULL without orders.",
        sources=("net_sales", "order_count"),
    ),
    Column(
        "rfm_segment",
        "VARCHAR(20)",
        "No Purchase, Champions, Loyal, Potential Loyalist, New, Needs Attention, Cannot Lose, At Risk or Hibernating, by the "
        "three scores.",
        nullable=False,
        sources=("recency_score", "frequency_score", "monetary_score"),
    ),
    Column(
        "value_tier",
        "VARCHAR(8)",
        "By net_sales among buyers: Platinum above the 95th percentile, Gold above the 80th, Silver above the 50th, else "
        "Bronze; "
        "None without orders.",
        nullable=False,
        sources=("net_sales", "order_count"),
    ),
)

CUSTOMER_LIFETIME_VALUE = GoldTable(
    name="customer_lifetime_value",
    comment=(
        "Purchases, returns, value and segment per customer, over all channels; one row per customer of silver, also of "
        "those who "
        "never bought (partition undated). Returns count for the customer who bought (cohort clock)."
    ),
    columns=(*_IDENTITY, *_ACTIVITY, *_MONEY, *_VALUE, *_SEGMENTS, LOADED),
    primary_key=("customer_sk",),
    sort_by="customer_sk",
    axis="year",
    partition="cohort_year",
    # An earlier purchase that arrives late moves its customer to an earlier cohort.
    rows_move=True,
)
