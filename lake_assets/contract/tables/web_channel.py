"""The web channel: what was ordered on the web sites and what was sent back."""

from __future__ import annotations

from lake_assets.contract.model import MonthPartition, OrderHeader, SaleLink, Table
from lake_assets.contract.tables._columns import key, money, references, whole

WEB_SALES = Table(
    name="web_sales",
    comment="Orders on the web sites; one row per item of an order. About 0.025 % of the values of most nullable "
    "columns are NULL.",
    columns=(
        key(
            "ws_sold_date_sk",
            "Day of the web order; the same on every line of an order, so a NULL can be filled from one.",
        ),
        key("ws_sold_time_sk", "Second of the day at which the web order was placed."),
        key("ws_ship_date_sk", "Day on which the web order line left the warehouse, 1 to 120 days after the order."),
        key("ws_item_sk", "Item ordered on the web, in the version that was on the order.", nullable=False),
        key(
            "ws_bill_customer_sk",
            "Customer who pays the web order; the same on every line of an order, so a NULL can be filled from one.",
        ),
        key("ws_bill_cdemo_sk", "Demographic profile of the customer who pays the web order."),
        key("ws_bill_hdemo_sk", "Household profile of the customer who pays the web order."),
        key("ws_bill_addr_sk", "Address the bill of the web order goes to."),
        key("ws_ship_customer_sk", "Customer who receives the web order; not the payer on about 92 % of the lines."),
        key("ws_ship_cdemo_sk", "Demographic profile of the customer who receives the web order."),
        key("ws_ship_hdemo_sk", "Household profile of the customer who receives the web order."),
        key("ws_ship_addr_sk", "Address the web order is delivered to."),
        key("ws_web_page_sk", "Web page the item was ordered on."),
        key("ws_web_site_sk", "Web site the item was ordered on; the lines of one order name several sites."),
        key("ws_ship_mode_sk", "How the web order line was shipped."),
        key("ws_warehouse_sk", "Warehouse the web order line was shipped from."),
        key("ws_promo_sk", "Promotion the web sale is credited to; it is mostly a promotion of some other item."),
        key("ws_order_number", "Number of the web order; 8 to 16 lines share one.", nullable=False),
        whole("ws_quantity", "Pieces of the item ordered on this line of the web order, 1 to 100."),
        money("ws_wholesale_cost", "What one piece sold on the web cost the retailer, in US dollars."),
        money("ws_list_price", "Web list price of one piece before any discount, in US dollars."),
        money(
            "ws_sales_price", "Price of one piece charged on the web order, in US dollars; 0 on about 1 % of the lines."
        ),
        money(
            "ws_ext_discount_amt",
            "Discount of the line against the list price, in US dollars: ws_ext_list_price - ws_ext_sales_price.",
        ),
        money(
            "ws_ext_sales_price",
            "Gross sales of the line in US dollars, before coupon, tax and shipping: ws_quantity x ws_sales_price.",
        ),
        money(
            "ws_ext_wholesale_cost",
            "What the whole line cost the retailer, in US dollars: ws_quantity x ws_wholesale_cost.",
        ),
        money("ws_ext_list_price", "The line at list price, in US dollars: ws_quantity x ws_list_price."),
        money("ws_ext_tax", "Sales tax on the line of the web order, in US dollars."),
        money("ws_coupon_amt", "Coupon taken off the web order line, in US dollars; 0 on about 80 % of the lines."),
        money("ws_ext_ship_cost", "Shipping charged for the line of the web order, in US dollars."),
        money(
            "ws_net_paid",
            "Paid for the line without tax and shipping, in US dollars: ws_ext_sales_price - ws_coupon_amt.",
        ),
        money("ws_net_paid_inc_tax", "Paid for the line with tax, in US dollars: ws_net_paid + ws_ext_tax."),
        money(
            "ws_net_paid_inc_ship",
            "Paid for the line with shipping, in US dollars: ws_net_paid + ws_ext_ship_cost; never NULL in the data.",
        ),
        money(
            "ws_net_paid_inc_ship_tax",
            "Paid for the line with shipping and tax, in US dollars: ws_net_paid + ws_ext_ship_cost + ws_ext_tax; "
            "never NULL in the data.",
        ),
        money(
            "ws_net_profit",
            "Profit of the line in US dollars: ws_net_paid - ws_ext_wholesale_cost; negative on about 61 % of the "
            "lines and never NULL in the data.",
        ),
    ),
    primary_key=("ws_item_sk", "ws_order_number"),
    sort_by="ws_sold_date_sk",
    foreign_keys=references(
        date_dim=("ws_sold_date_sk", "ws_ship_date_sk"),
        time_dim=("ws_sold_time_sk",),
        item=("ws_item_sk",),
        customer=("ws_bill_customer_sk", "ws_ship_customer_sk"),
        customer_demographics=("ws_bill_cdemo_sk", "ws_ship_cdemo_sk"),
        household_demographics=("ws_bill_hdemo_sk", "ws_ship_hdemo_sk"),
        customer_address=("ws_bill_addr_sk", "ws_ship_addr_sk"),
        web_page=("ws_web_page_sk",),
        web_site=("ws_web_site_sk",),
        ship_mode=("ws_ship_mode_sk",),
        warehouse=("ws_warehouse_sk",),
        promotion=("ws_promo_sk",),
    ),
    month=MonthPartition("ws_sold_date_sk", "sold_month"),
    channel="web",
    order=OrderHeader(order="ws_order_number", sold_date="ws_sold_date_sk", customer="ws_bill_customer_sk"),
)

WEB_RETURNS = Table(
    name="web_returns",
    comment="Items sent back from web orders; one row per returned order line. About 4.4 % of the values of every "
    "nullable column are NULL, the date included.",
    columns=(
        key("wr_returned_date_sk", "Day on which the web item was sent back, 4 to 360 days after the order."),
        key("wr_returned_time_sk", "Second of the day at which the web item was sent back."),
        key("wr_item_sk", "Item sent back from the web order.", nullable=False),
        key(
            "wr_refunded_customer_sk",
            "Customer who gets the money back; not the payer of the web order in 99 % of the returns.",
        ),
        key("wr_refunded_cdemo_sk", "Demographic profile of the customer who gets the money of the web order back."),
        key("wr_refunded_hdemo_sk", "Household profile of the customer who gets the money of the web order back."),
        key("wr_refunded_addr_sk", "Address of the customer who gets the money of the web order back."),
        key("wr_returning_customer_sk", "Customer who sent the web item back, the same one who gets the money back."),
        key("wr_returning_cdemo_sk", "Demographic profile of the customer who sent the web item back."),
        key("wr_returning_hdemo_sk", "Household profile of the customer who sent the web item back."),
        key("wr_returning_addr_sk", "Address of the customer who sent the web item back."),
        key("wr_web_page_sk", "Web page the returned item had been ordered on."),
        key("wr_reason_sk", "Reason given for sending the web item back."),
        key("wr_order_number", "Number of the web order that is undone.", nullable=False),
        whole("wr_return_quantity", "Pieces sent back, never more than were on the web order line."),
        money(
            "wr_return_amt",
            "Value of the pieces sent back, in US dollars, before coupon and tax: "
            "wr_return_quantity x ws_sales_price of the sale.",
        ),
        money("wr_return_tax", "Sales tax given back on the web return, in US dollars."),
        money("wr_return_amt_inc_tax", "Web return with tax, in US dollars: wr_return_amt + wr_return_tax."),
        money("wr_fee", "Fee for handling the web return, in US dollars, 0.50 to 100."),
        money("wr_return_ship_cost", "Cost of shipping the web item back, in US dollars."),
        money(
            "wr_refunded_cash",
            "Part of wr_return_amt given back in cash, in US dollars; with reversed charge and account credit it "
            "makes the whole.",
        ),
        money("wr_reversed_charge", "Part of wr_return_amt put back on the customer's card, in US dollars."),
        money("wr_account_credit", "Part of wr_return_amt credited to the customer's web account, in US dollars."),
        money("wr_net_loss", "Loss on the web return in US dollars: wr_return_tax + wr_fee + wr_return_ship_cost."),
    ),
    primary_key=("wr_item_sk", "wr_order_number"),
    sort_by="wr_returned_date_sk",
    foreign_keys=references(
        date_dim=("wr_returned_date_sk",),
        time_dim=("wr_returned_time_sk",),
        item=("wr_item_sk",),
        customer=("wr_refunded_customer_sk", "wr_returning_customer_sk"),
        customer_demographics=("wr_refunded_cdemo_sk", "wr_returning_cdemo_sk"),
        household_demographics=("wr_refunded_hdemo_sk", "wr_returning_hdemo_sk"),
        customer_address=("wr_refunded_addr_sk", "wr_returning_addr_sk"),
        web_page=("wr_web_page_sk",),
        reason=("wr_reason_sk",),
    ),
    month=MonthPartition("wr_returned_date_sk", "returned_month"),
    channel="web",
    sale=SaleLink(sales="web_sales", item="wr_item_sk", order="wr_order_number"),
)
