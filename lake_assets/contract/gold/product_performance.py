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
    ),
    Column("item_desc", "VARCHAR(200)", "Description, like all attributes of the item's current version."),
    Column("brand", "CHAR(50)", "Name of the brand, of the current version."),
    Column("class", "CHAR(50)", "Name of the class within the category, of the current version."),
    Column(
        "category",
        "CHAR(50)",
        "Name of the category, of the current version; UNKNOWN where it has none.",
        nullable=False,
    ),
    Column("manufacturer", "CHAR(50)", "Name of the manufacturer, of the current version."),
    Column(
        "current_price", "DECIMAL(7,2)", "Price of one piece now, in US dollars; unrelated to the prices in the sales."
    ),
    count("version_count", "Versions of the item in silver; 0 for UNKNOWN."),
)

_SALES = (
    count("line_count", "Sale lines of the year, in all channels."),
    count("order_count", "Distinct orders with the item, over all channels. Not additive over items."),
    count("units_sold", "Sum of quantity, in units; NULL quantities count 0."),
    money("gross_sales", "Sum of ext_sales_price (quantity x sales price, before coupons and tax), in US dollars."),
    money("store_gross_sales", "gross_sales in stores, in US dollars."),
    money("catalog_gross_sales", "gross_sales by catalog, in US dollars."),
    money("web_gross_sales", "gross_sales on the web, in US dollars."),
    money("coupon_amt", "Sum of coupon_amt, in US dollars."),
    money("net_paid", "Sum of net_paid (sales price less coupons, before tax and shipping), in US dollars."),
    money("wholesale_cost", "Sum of ext_wholesale_cost (quantity x cost), in US dollars."),
    money("gross_profit", "net_paid - wholesale_cost, in US dollars."),
    ratio("gross_margin_pct", "gross_profit / net_paid, a fraction. NULL when net_paid is 0."),
    money("net_profit", "Sum of net_profit of the sale lines, in US dollars, before returns."),
    count("null_amount_lines", "Sale lines whose ext_sales_price is NULL (0 in gross_sales)."),
)

_RETURNS = (
    count(
        "return_line_count", "Returned sale lines. Cohort clock: of the sales of this year, whenever they came back."
    ),
    count(
        "units_returned", "Sum of return_quantity, in units; NULL counts 0. Cohort clock: of the sales of this year."
    ),
    money(
        "returns_amt",
        "Sum of return_amt (quantity x sales price), in US dollars. Cohort clock: of the sales of this year.",
    ),
    money(
        "net_sales",
        "gross_sales - returns_amt, in US dollars. Cohort clock: sales of the year less what came back of them.",
    ),
    ratio("return_rate_lines", "return_line_count / line_count, a fraction between 0 and 1. NULL without sale lines."),
    ratio("avg_unit_price", "gross_sales / units_sold, US dollars per unit. NULL without units."),
)

_RANKS = (
    count("revenue_rank_in_category", "RANK by net_sales, highest first, among the items of the category in the year."),
    count("revenue_rank_overall", "RANK by net_sales, highest first, among all items of the year."),
    count("revenue_row_no", "Row number by net_sales, highest first, then item_id: unique in the year."),
    ratio("category_share", "net_sales / net_sales of the category in the year. NULL when that is 0."),
    ratio("cumulative_share", "net_sales of rows 1 to revenue_row_no / net_sales of the year. NULL when that is 0."),
    Column(
        "abc_class",
        "CHAR(1)",
        "A while the share of the rows before this one is below 0.80 of the year's net_sales, B while below 0.95, else C. "
        "C when net_sales is 0 or less.",
        nullable=False,
    ),
    ratio(
        "gross_sales_yoy_pct",
        "(gross_sales - gross_sales of the year before) / gross_sales of the year before, a fraction. NULL when that year "
        "has no "
        "row or sold 0, and when either year lies only in part within the dates of sales.",
    ),
)

_STOCK = (
    count("snapshot_count", "Days of the year on which the stock of the item was counted; one a week."),
    ratio(
        "avg_on_hand", "Sum of quantity_on_hand over all warehouses / snapshot_count, in units. NULL without a count."
    ),
    ratio(
        "weeks_of_supply",
        "avg_on_hand x snapshot_count / units_sold (units counted over units sold): weeks of sales in stock. NULL without "
        "units or count.",
    ),
    ratio(
        "stock_turn", "units_sold / avg_on_hand: how often the average stock was sold in the year. NULL without stock."
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
