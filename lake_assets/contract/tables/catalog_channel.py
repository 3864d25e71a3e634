"""The catalog channel: what was ordered from printed catalogs, by call centers, and what was sent back."""

from __future__ import annotations

from decimal import Decimal

from lake_assets.contract.model import Identity, MonthPartition, OrderHeader, SaleLink, Table
from lake_assets.contract.tables._columns import key, money, references, whole

CATALOG_SALES = Table(
    name="catalog_sales",
    comment="Orders from catalogs; one row per item of an order. About 0.5 % of the values of most nullable "
    "columns are NULL.",
    columns=(
        key(
            "cs_sold_date_sk",
            "Day of the catalog order; the same on every line of an order, so a NULL can be filled from one.",
        ),
        key("cs_sold_time_sk", "Second of the day at which the call center took the order."),
        key("cs_ship_date_sk", "Day on which the catalog order line left the warehouse, 2 to 90 days after the order."),
        key(
            "cs_bill_customer_sk",
            "Customer who pays the catalog order; the same on every line of an order, so a NULL can be filled from "
            "one.",
        ),
        key("cs_bill_cdemo_sk", "Demographic profile of the customer who pays the catalog order."),
        key("cs_bill_hdemo_sk", "Household profile of the customer who pays the catalog order."),
        key("cs_bill_addr_sk", "Address the bill of the catalog order goes to."),
        key(
            "cs_ship_customer_sk", "Customer who receives the catalog order; not the payer on about 11 % of the lines."
        ),
        key("cs_ship_cdemo_sk", "Demographic profile of the customer who receives the catalog order."),
        key("cs_ship_hdemo_sk", "Household profile of the customer who receives the catalog order."),
        key("cs_ship_addr_sk", "Address the catalog order is delivered to."),
        key("cs_call_center_sk", "Call center that took the order."),
        key("cs_catalog_page_sk", "Catalog page the item was ordered from."),
        key("cs_ship_mode_sk", "How the catalog order line was shipped."),
        key("cs_warehouse_sk", "Warehouse the catalog order line was shipped from."),
        key("cs_item_sk", "Item ordered from the catalog, in the version that was on the order.", nullable=False),
        key("cs_promo_sk", "Promotion the catalog sale is credited to; it is mostly a promotion of some other item."),
        key("cs_order_number", "Number of the catalog order; 4 to 14 lines share one.", nullable=False, low=1),
        whole(
            "cs_quantity", "Pieces of the item ordered on this line of the catalog order, 1 to 100.", low=1, high=100
        ),
        money("cs_wholesale_cost", "What one piece sold by catalog cost the retailer, in US dollars.", low=1, high=100),
        money("cs_list_price", "Catalog list price of one piece before any discount, in US dollars.", low=1, high=300),
        money(
            "cs_sales_price",
            "Price of one piece charged on the catalog order, in US dollars; 0 on about 1 % of the lines.",
            low=0,
            high=300,
        ),
        money(
            "cs_ext_discount_amt",
            "Discount of the line against the list price, in US dollars: cs_ext_list_price - cs_ext_sales_price.",
            low=0,
            high=30_000,
        ),
        money(
            "cs_ext_sales_price",
            "Gross sales of the line in US dollars, before coupon, tax and shipping: cs_quantity x cs_sales_price.",
            low=0,
            high=30_000,
        ),
        money(
            "cs_ext_wholesale_cost",
            "What the whole line cost the retailer, in US dollars: cs_quantity x cs_wholesale_cost.",
            low=1,
            high=10_000,
        ),
        money(
            "cs_ext_list_price",
            "The line at list price, in US dollars: cs_quantity x cs_list_price.",
            low=1,
            high=30_000,
        ),
        money("cs_ext_tax", "Sales tax on the line of the catalog order, in US dollars.", low=0, high=2700),
        money(
            "cs_coupon_amt",
            "Coupon taken off the catalog order line, in US dollars; 0 on about 80 % of the lines.",
            low=0,
            high=30_000,
        ),
        money(
            "cs_ext_ship_cost", "Shipping charged for the line of the catalog order, in US dollars.", low=0, high=15_000
        ),
        money(
            "cs_net_paid",
            "Paid for the line without tax and shipping, in US dollars: cs_ext_sales_price - cs_coupon_amt.",
            low=0,
            high=30_000,
        ),
        money(
            "cs_net_paid_inc_tax",
            "Paid for the line with tax, in US dollars: cs_net_paid + cs_ext_tax.",
            low=0,
            high=32_700,
        ),
        money(
            "cs_net_paid_inc_ship",
            "Paid for the line with shipping, in US dollars: cs_net_paid + cs_ext_ship_cost; never NULL in the data.",
            low=0,
            high=45_000,
            filled=True,
        ),
        money(
            "cs_net_paid_inc_ship_tax",
            "Paid for the line with shipping and tax, in US dollars: cs_net_paid + cs_ext_ship_cost + cs_ext_tax; "
            "never NULL in the data.",
            low=0,
            high=47_700,
            filled=True,
        ),
        money(
            "cs_net_profit",
            "Profit of the line in US dollars: cs_net_paid - cs_ext_wholesale_cost; negative on about 61 % of the "
            "lines and never NULL in the data.",
            low=-10_000,
            high=20_000,
            filled=True,
        ),
    ),
    primary_key=("cs_item_sk", "cs_order_number"),
    sort_by="cs_sold_date_sk",
    foreign_keys=references(
        date_dim=("cs_sold_date_sk", "cs_ship_date_sk"),
        time_dim=("cs_sold_time_sk",),
        customer=("cs_bill_customer_sk", "cs_ship_customer_sk"),
        customer_demographics=("cs_bill_cdemo_sk", "cs_ship_cdemo_sk"),
        household_demographics=("cs_bill_hdemo_sk", "cs_ship_hdemo_sk"),
        customer_address=("cs_bill_addr_sk", "cs_ship_addr_sk"),
        call_center=("cs_call_center_sk",),
        catalog_page=("cs_catalog_page_sk",),
        ship_mode=("cs_ship_mode_sk",),
        warehouse=("cs_warehouse_sk",),
        item=("cs_item_sk",),
        promotion=("cs_promo_sk",),
    ),
    identities=(
        Identity("cs_ext_discount_amt", "cs_ext_list_price - cs_ext_sales_price"),
        Identity("cs_ext_sales_price", "cs_quantity * cs_sales_price"),
        Identity("cs_ext_wholesale_cost", "cs_quantity * cs_wholesale_cost"),
        Identity("cs_ext_list_price", "cs_quantity * cs_list_price"),
        Identity("cs_net_paid", "cs_ext_sales_price - cs_coupon_amt"),
        Identity("cs_net_paid_inc_tax", "cs_net_paid + cs_ext_tax"),
        Identity("cs_net_paid_inc_ship", "cs_net_paid + cs_ext_ship_cost"),
        Identity("cs_net_paid_inc_ship_tax", "cs_net_paid_inc_ship + cs_ext_tax"),
        Identity("cs_net_profit", "cs_net_paid - cs_ext_wholesale_cost"),
    ),
    month=MonthPartition("cs_sold_date_sk", "sold_month"),
    channel="catalog",
    order=OrderHeader(
        order="cs_order_number",
        sold_date="cs_sold_date_sk",
        customer="cs_bill_customer_sk",
        item="cs_item_sk",
        quantity="cs_quantity",
        price="cs_sales_price",
        amount="cs_ext_sales_price",
    ),
)

CATALOG_RETURNS = Table(
    name="catalog_returns",
    comment="Items sent back from catalog orders; one row per returned order line. About 2 % of the values of most "
    "nullable columns are NULL, the date and time of the return never.",
    columns=(
        key(
            "cr_returned_date_sk",
            "Day on which the catalog item was sent back, 6 to 270 days after the order; never NULL in the data.",
            filled=True,
        ),
        key(
            "cr_returned_time_sk",
            "Second of the day at which the catalog item was sent back; never NULL in the data.",
            filled=True,
        ),
        key("cr_item_sk", "Item sent back from the catalog order.", nullable=False),
        key("cr_refunded_customer_sk", "Customer who gets the money back, always the one who paid the catalog order."),
        key(
            "cr_refunded_cdemo_sk", "Demographic profile of the customer who gets the money of the catalog order back."
        ),
        key("cr_refunded_hdemo_sk", "Household profile of the customer who gets the money of the catalog order back."),
        key("cr_refunded_addr_sk", "Address of the customer who gets the money of the catalog order back."),
        key(
            "cr_returning_customer_sk",
            "Customer who sent the catalog item back; seldom the one who gets the money back.",
        ),
        key("cr_returning_cdemo_sk", "Demographic profile of the customer who sent the catalog item back."),
        key("cr_returning_hdemo_sk", "Household profile of the customer who sent the catalog item back."),
        key("cr_returning_addr_sk", "Address of the customer who sent the catalog item back."),
        key("cr_call_center_sk", "Call center that handled the return, always the one that took the order."),
        key("cr_catalog_page_sk", "Catalog page the returned item had been ordered from."),
        key("cr_ship_mode_sk", "How the catalog item was shipped back; often not as it had been delivered."),
        key("cr_warehouse_sk", "Warehouse the catalog item went back to; often not the one it had come from."),
        key("cr_reason_sk", "Reason given for sending the catalog item back."),
        key("cr_order_number", "Number of the catalog order that is undone.", nullable=False, low=1),
        whole(
            "cr_return_quantity", "Pieces sent back, never more than were on the catalog order line.", low=1, high=100
        ),
        money(
            "cr_return_amount",
            "Value of the pieces sent back, in US dollars, before coupon and tax: "
            "cr_return_quantity x cs_sales_price of the sale.",
            low=0,
            high=30_000,
        ),
        money("cr_return_tax", "Sales tax given back on the catalog return, in US dollars.", low=0, high=2700),
        money(
            "cr_return_amt_inc_tax",
            "Catalog return with tax, in US dollars: cr_return_amount + cr_return_tax.",
            low=0,
            high=32_700,
        ),
        money(
            "cr_fee", "Fee for handling the catalog return, in US dollars, 0.50 to 100.", low=Decimal("0.50"), high=100
        ),
        money("cr_return_ship_cost", "Cost of shipping the catalog item back, in US dollars.", low=0, high=15_000),
        money(
            "cr_refunded_cash",
            "Part of cr_return_amount given back in cash, in US dollars; with reversed charge and store credit it "
            "makes the whole.",
            low=0,
            high=30_000,
        ),
        money(
            "cr_reversed_charge",
            "Part of cr_return_amount put back on the customer's card, in US dollars.",
            low=0,
            high=30_000,
        ),
        money(
            "cr_store_credit",
            "Part of cr_return_amount given as credit for later purchases, in US dollars.",
            low=0,
            high=30_000,
        ),
        money(
            "cr_net_loss",
            "Loss on the catalog return in US dollars: cr_return_tax + cr_fee + cr_return_ship_cost.",
            low=Decimal("0.50"),
            high=17_800,
        ),
    ),
    primary_key=("cr_item_sk", "cr_order_number"),
    sort_by="cr_returned_date_sk",
    foreign_keys=references(
        date_dim=("cr_returned_date_sk",),
        time_dim=("cr_returned_time_sk",),
        item=("cr_item_sk",),
        customer=("cr_refunded_customer_sk", "cr_returning_customer_sk"),
        customer_demographics=("cr_refunded_cdemo_sk", "cr_returning_cdemo_sk"),
        household_demographics=("cr_refunded_hdemo_sk", "cr_returning_hdemo_sk"),
        customer_address=("cr_refunded_addr_sk", "cr_returning_addr_sk"),
        call_center=("cr_call_center_sk",),
        catalog_page=("cr_catalog_page_sk",),
        ship_mode=("cr_ship_mode_sk",),
        warehouse=("cr_warehouse_sk",),
        reason=("cr_reason_sk",),
    ),
    identities=(
        Identity("cr_return_amount", "cr_refunded_cash + cr_reversed_charge + cr_store_credit"),
        Identity("cr_return_amt_inc_tax", "cr_return_amount + cr_return_tax"),
        Identity("cr_net_loss", "cr_return_tax + cr_fee + cr_return_ship_cost"),
    ),
    month=MonthPartition("cr_returned_date_sk", "returned_month"),
    channel="catalog",
    sale=SaleLink(
        sales="catalog_sales",
        item="cr_item_sk",
        order="cr_order_number",
        quantity="cr_return_quantity",
        amount="cr_return_amount",
    ),
)
