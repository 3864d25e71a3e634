"""Gold `product_performance`: what each item sold, and got back, in each year of sale."""

from __future__ import annotations

from lake_assets.contract.gold._columns import LOADED, count, money, ratio
from lake_assets.contract.model import Column, GoldTable

_ITEM = (
    Column(
        "item_id",
        "CHAR(16)",
        "Code of the item (item.i_item_id), the same for all its versions. UNKNOWN for sales of an item that is not in silver.",
        nullable=False,
        sources=("item.i_item_id",),
    ),
    Column(
        "item_desc",
        "VARCHAR(200)",
        "Description, like all attributes of the item's current version.",
        sources=("item.i_item_desc",),
    ),
    Column("brand", "CHAR(50)", "Name of the brand, of the current version.", sources=("item.i_brand",)),
    Column(
        "class", "CHAR(50)", "Name of the class within the category, of the current version.", sources=("item.i_class",)
    ),
    Column(
        "category",
        "CHAR(50)",
        "Name of the category, of the current version; UNKNOWN where it has none.",
        nullable=False,
        sources=("item.i_category",),
    ),
    Column(
        "manufacturer", "CHAR(50)", "Name of the manufacturer, of the current version.", sources=("item.i_manufact",)
    ),
    Column(
        "current_price",
        "DECIMAL(7,2)",
        "Price of one piece now, in US dollars; unrelated to the prices in the sales.",
        sources=("item.i_current_price",),
    ),
    count(
        "version_count", "Versions of the item in silver; 0 for UNKNOWN.", sources=("item.i_item_sk", "item.i_item_id")
    ),
)

_SALES = (
    count("line_count", "Sale lines of the year, in all channels.", sources=("sales.item_sk", "sales.order_number")),
    count(
        "order_count",
        "Distinct orders with the item, over all channels. Not additive over items.",
        sources=("sales.order_number",),
    ),
    count("units_sold", "Sum of quantity, in units; NULL quantities count 0.", sources=("sales.quantity",)),
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
        "wholesale_cost",
        "Sum of ext_wholesale_cost (quantity x cost), in US dollars.",
        sources=("sales.ext_wholesale_cost",),
    ),
    money("gross_profit", "net_paid - wholesale_cost, in US dollars.", sources=("net_paid", "wholesale_cost")),
    ratio(
        "gross_margin_pct",
        "gross_profit / net_paid, a fraction. NULL when net_paid is 0.",
        sources=("gross_profit", "net_paid"),
    ),
    money(
        "net_profit",
        "Sum of net_profit of the sale lines, in US dollars, before returns.",
        sources=("sales.net_profit",),
    ),
    count(
        "null_amount_lines",
        "Sale lines whose ext_sales_price is NULL (0 in gross_sales).",
        sources=("line_count", "gross_sales"),
    ),
)

_RETURNS = (
    count(
        "return_line_count",
        "Returned sale lines. Cohort clock: of the sales of this year, whenever they came back.",
        sources=("returns.item_sk", "returns.order_number"),
    ),
    count(
        "units_returned",
        "Sum of return_quantity, in units; NULL counts 0. Cohort clock: of the sales of this year.",
        sources=("returns.return_quantity",),
    ),
    money(
        "returns_amt",
        "Sum of return_amt (quantity x sales price), in US dollars. Cohort clock: of the sales of this year.",
        sources=("returns.return_amt",),
    ),
    money(
        "net_sales",
        "gross_sales - returns_amt, in US dollars. Cohort clock: sales of the year less what came back of them.",
        sources=("gross_sales", "returns_amt"),
    ),
    ratio(
        "return_rate_lines",
        "return_line_count / line_count, a fraction between 0 and 1. NULL without sale lines.",
        sources=("return_line_count", "line_count"),
    ),
    ratio(
        "avg_unit_price",
        "gross_sales / units_sold, US dollars per unit. NULL without units.",
        sources=("gross_sales", "units_sold"),
    ),
)

_RANKS = (
    count(
        "revenue_rank_in_category",
        "RANK by net_sales, highest first, among the items of the category in the year.",
        sources=("net_sales", "category", "sales.date_sk"),
    ),
    count(
        "revenue_rank_overall",
        "RANK by net_sales, highest first, among all items of the year.",
        sources=("net_sales", "sales.date_sk"),
    ),
    count(
        "revenue_row_no",
        "Row number by net_sales, highest first, then item_id: unique in the year.",
        sources=("net_sales", "item_id", "sales.date_sk"),
    ),
    ratio(
        "category_share",
        "net_sales / net_sales of the category in the year. NULL when that is 0.",
        sources=("net_sales", "category", "sales.date_sk"),
    ),
    ratio(
        "cumulative_share",
        "net_sales of rows 1 to revenue_row_no / net_sales of the year. NULL when that is 0.",
        sources=("net_sales", "item_id", "sales.date_sk"),
    ),
    Column(
        "abc_class",
        "CHAR(1)",
        "A while the share of the rows before this one is below 0.80 of the year's net_sales, B while below 0.95, else C. "
        "C when net_sales is 0 or less.",
        nullable=False,
        sources=("net_sales", "item_id", "sales.date_sk"),
    ),
    ratio(
        "gross_sales_yoy_pct",
        "(gross_sales - gross_sales of the year before) / gross_sales of the year before, a fraction. NULL when that year "
        "has no "
        "row or sold 0, and when either year lies only in part within the dates of sales.",
        sources=("gross_sales", "item_id", "sales.date_sk"),
    ),
)

_STOCK = (
    count(
        "snapshot_count",
        "Days of the year on which the stock of the item was counted; one a week.",
        sources=("inventory.inv_date_sk",),
    ),
    ratio(
        "avg_on_hand",
        "Sum of quantity_on_hand over all warehouses / snapshot_count, in units. NULL without a count.",
        sources=("inventory.inv_quantity_on_hand", "snapshot_count"),
    ),
    ratio(
        "weeks_of_supply",
        "avg_on_hand x snapshot_count / units_sold (units counted over units sold): weeks of sales in stock. NULL without "
        "units or count.",
        sources=("inventory.inv_quantity_on_hand", "units_sold"),
    ),
    ratio(
        "stock_turn",
        "units_sold / avg_on_hand: how often the average stock was sold in the year. NULL without stock.",
        sources=("units_sold", "avg_on_hand"),
    ),
)

PRODUCT_PERFORMANCE = GoldTable(
    name="product_performance",
    comment=(
        "Sales, returns, ranks and stock per item and year of sale, over all channels. An item has a row in a year when it was "
        "sold in it; returns count in the year of the sale they undo (cohort clock)."
    ),
    columns=(*_ITEM, *_SALES, *_RETURNS, *_RANKS, *_STOCK, LOADED),
    primary_key=("item_id",),
    sort_by="category",
    axis="year",
    partition="sale_year",
)
