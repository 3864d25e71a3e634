"""The store channel: what was sold at the tills and what came back to a store."""

from __future__ import annotations

from decimal import Decimal

from lake_assets.contract.model import Identity, MonthPartition, OrderHeader, SaleLink, Table
from lake_assets.contract.tables._columns import key, money, references, whole

STORE_SALES = Table(
    name="store_sales",
    comment="Sales in stores; one row per item on a receipt. About 4.5 % of the values of every nullable column "
    "are NULL.",
    columns=(
        key(
            "ss_sold_date_sk", "Day of the sale; the same on every line of a receipt, so a NULL can be filled from one."
        ),
        key("ss_sold_time_sk", "Second of the day at which the store sale was rung up."),
        key("ss_item_sk", "Item sold in the store, in the version that was on the receipt.", nullable=False),
        key(
            "ss_customer_sk",
            "Customer who bought; the same on every line of a receipt, so a NULL can be filled from one.",
        ),
        key("ss_cdemo_sk", "Demographic profile of the store customer at the time of the sale."),
        key("ss_hdemo_sk", "Household profile of the store customer at the time of the sale."),
        key("ss_addr_sk", "Address of the store customer at the time of the sale."),
        key("ss_store_sk", "Store that made the sale; sales after the store's closing date do occur."),
        key("ss_promo_sk", "Promotion the store sale is credited to; it is mostly a promotion of some other item."),
        key("ss_ticket_number", "Number of the receipt; 8 to 16 lines share one.", nullable=False, low=1),
        whole("ss_quantity", "Pieces of the item sold on this line of the receipt, 1 to 100.", low=1, high=100),
        money(
            "ss_wholesale_cost", "What one piece sold in the store cost the retailer, in US dollars.", low=1, high=100
        ),
        money("ss_list_price", "Store list price of one piece before any discount, in US dollars.", low=1, high=200),
        money(
            "ss_sales_price",
            "Price of one piece charged in the store, in US dollars; 0 on about 1 % of the lines.",
            low=0,
            high=200,
        ),
        money(
            "ss_ext_discount_amt",
            "Meant as the discount of the line in US dollars, but in this data always equal to ss_coupon_amt.",
            low=0,
            high=20_000,
        ),
        money(
            "ss_ext_sales_price",
            "Gross sales of the line in US dollars, before coupon and tax: ss_quantity x ss_sales_price.",
            low=0,
            high=20_000,
        ),
        money(
            "ss_ext_wholesale_cost",
            "What the whole line cost the retailer, in US dollars: ss_quantity x ss_wholesale_cost.",
            low=1,
            high=10_000,
        ),
        money(
            "ss_ext_list_price",
            "The line at list price, in US dollars: ss_quantity x ss_list_price.",
            low=1,
            high=20_000,
        ),
        money("ss_ext_tax", "Sales tax on the line of the receipt, in US dollars.", low=0, high=1800),
        money(
            "ss_coupon_amt",
            "Coupon taken off the line of the receipt, in US dollars; 0 on about 80 % of the lines.",
            low=0,
            high=20_000,
        ),
        money(
            "ss_net_paid",
            "Paid for the line without tax, in US dollars: ss_ext_sales_price - ss_coupon_amt.",
            low=0,
            high=20_000,
        ),
        money(
            "ss_net_paid_inc_tax",
            "Paid for the line with tax, in US dollars: ss_net_paid + ss_ext_tax.",
            low=0,
            high=21_800,
        ),
        money(
            "ss_net_profit",
            "Profit of the line in US dollars: ss_net_paid - ss_ext_wholesale_cost; negative on about 74 % of the "
            "lines.",
            low=-10_000,
            high=10_000,
        ),
    ),
    primary_key=("ss_item_sk", "ss_ticket_number"),
    sort_by="ss_sold_date_sk",
    foreign_keys=references(
        date_dim=("ss_sold_date_sk",),
        time_dim=("ss_sold_time_sk",),
        item=("ss_item_sk",),
        customer=("ss_customer_sk",),
        customer_demographics=("ss_cdemo_sk",),
        household_demographics=("ss_hdemo_sk",),
        customer_address=("ss_addr_sk",),
        store=("ss_store_sk",),
        promotion=("ss_promo_sk",),
    ),
    identities=(
        Identity("ss_ext_discount_amt", "ss_coupon_amt"),
        Identity("ss_ext_sales_price", "ss_quantity * ss_sales_price"),
        Identity("ss_ext_wholesale_cost", "ss_quantity * ss_wholesale_cost"),
        Identity("ss_ext_list_price", "ss_quantity * ss_list_price"),
        Identity("ss_net_paid", "ss_ext_sales_price - ss_coupon_amt"),
        Identity("ss_net_paid_inc_tax", "ss_net_paid + ss_ext_tax"),
        Identity("ss_net_profit", "ss_net_paid - ss_ext_wholesale_cost"),
    ),
    month=MonthPartition("ss_sold_date_sk", "sold_month"),
    channel="store",
    order=OrderHeader(
        order="ss_ticket_number",
        sold_date="ss_sold_date_sk",
        customer="ss_customer_sk",
        item="ss_item_sk",
        quantity="ss_quantity",
        price="ss_sales_price",
        amount="ss_ext_sales_price",
    ),
)

STORE_RETURNS = Table(
    name="store_returns",
    comment="Items brought back to a store; one row per returned receipt line. About 3.5 % of the values of every "
    "nullable column are NULL, the date included.",
    columns=(
        key("sr_returned_date_sk", "Day on which the item came back to a store, 4 to 180 days after the sale."),
        key("sr_return_time_sk", "Second of the day at which the item came back to a store."),
        key("sr_item_sk", "Item brought back to the store, as on the receipt.", nullable=False),
        key("sr_customer_sk", "Customer who brought the item back; not the buyer in about 21 % of the returns."),
        key("sr_cdemo_sk", "Demographic profile of the customer who brought the item back."),
        key("sr_hdemo_sk", "Household profile of the customer who brought the item back."),
        key("sr_addr_sk", "Address of the customer who brought the item back."),
        key("sr_store_sk", "Store that took the item back; often not the store that sold it."),
        key("sr_reason_sk", "Reason given for the return to the store."),
        key("sr_ticket_number", "Number of the receipt of the sale that is undone.", nullable=False, low=1),
        whole(
            "sr_return_quantity",
            "Pieces brought back to the store, never more than were on the receipt line.",
            low=1,
            high=100,
        ),
        money(
            "sr_return_amt",
            "Value of the pieces brought back, in US dollars, before coupon and tax: "
            "sr_return_quantity x ss_sales_price of the sale.",
            low=0,
            high=20_000,
        ),
        money("sr_return_tax", "Sales tax given back on the store return, in US dollars.", low=0, high=1800),
        money(
            "sr_return_amt_inc_tax",
            "Store return with tax, in US dollars: sr_return_amt + sr_return_tax.",
            low=0,
            high=21_800,
        ),
        money(
            "sr_fee", "Fee for handling the store return, in US dollars, 0.50 to 100.", low=Decimal("0.50"), high=100
        ),
        money("sr_return_ship_cost", "Cost of shipping the store return, in US dollars.", low=0, high=10_000),
        money(
            "sr_refunded_cash",
            "Part of sr_return_amt given back in cash, in US dollars; with reversed charge and store credit it "
            "makes the whole.",
            low=0,
            high=20_000,
        ),
        money(
            "sr_reversed_charge",
            "Part of sr_return_amt put back on the customer's card, in US dollars.",
            low=0,
            high=20_000,
        ),
        money(
            "sr_store_credit",
            "Part of sr_return_amt given as credit for later purchases in the stores, in US dollars.",
            low=0,
            high=20_000,
        ),
        money(
            "sr_net_loss",
            "Loss on the store return in US dollars: sr_return_tax + sr_fee + sr_return_ship_cost.",
            low=Decimal("0.50"),
            high=11_900,
        ),
    ),
    primary_key=("sr_item_sk", "sr_ticket_number"),
    sort_by="sr_returned_date_sk",
    foreign_keys=references(
        date_dim=("sr_returned_date_sk",),
        time_dim=("sr_return_time_sk",),
        item=("sr_item_sk",),
        customer=("sr_customer_sk",),
        customer_demographics=("sr_cdemo_sk",),
        household_demographics=("sr_hdemo_sk",),
        customer_address=("sr_addr_sk",),
        store=("sr_store_sk",),
        reason=("sr_reason_sk",),
    ),
    identities=(
        Identity("sr_return_amt", "sr_refunded_cash + sr_reversed_charge + sr_store_credit"),
        Identity("sr_return_amt_inc_tax", "sr_return_amt + sr_return_tax"),
        Identity("sr_net_loss", "sr_return_tax + sr_fee + sr_return_ship_cost"),
    ),
    month=MonthPartition("sr_returned_date_sk", "returned_month"),
    channel="store",
    sale=SaleLink(
        sales="store_sales",
        item="sr_item_sk",
        order="sr_ticket_number",
        quantity="sr_return_quantity",
        amount="sr_return_amt",
    ),
)
