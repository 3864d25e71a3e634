"""What is sold (item), how it is promoted (promotion) and why it comes back (reason)."""

from __future__ import annotations

from lake_assets.contract.model import Column, SlowlyChanging, Table
from lake_assets.contract.tables._columns import business_id, char, day, flag, key, money, references, varchar, whole

ITEM = Table(
    name="item",
    comment="Items on sale, with history; one row per version of an item, 1 to 3 versions each. Sales refer to a "
    "version by i_item_sk, not by its dates.",
    columns=(
        key(
            "i_item_sk",
            "Number of the item version within the lake, used by sales, returns and stock counts.",
            nullable=False,
        ),
        business_id("i_item_id", "Code of the item in the source system, the same for all its versions."),
        day("i_rec_start_date", "First day on which this version of the item was valid; NULL on a few versions."),
        day(
            "i_rec_end_date", "Last day on which this version of the item was valid; NULL for the version still valid."
        ),
        varchar("i_item_desc", 200, "Description of the item in words; a trailing blank is part of the value."),
        money("i_current_price", "Price of one piece now, in US dollars; unrelated to the prices in the sales."),
        money(
            "i_wholesale_cost",
            "What one piece costs the retailer now, in US dollars; unrelated to the costs in the sales.",
        ),
        whole("i_brand_id", "Number of the brand; one number may stand with several brand names."),
        char("i_brand", 50, "Name of the brand, such as amalgamalg #1."),
        whole("i_class_id", "Number of the class within its category, 1 to 16."),
        char("i_class", 50, "Name of the class within its category, such as dresses."),
        whole("i_category_id", "Number of the category, 1 to 10."),
        char("i_category", 50, "Name of the category, such as Books; it can change between versions of an item."),
        whole("i_manufact_id", "Number of the manufacturer."),
        char("i_manufact", 50, "Name of the manufacturer."),
        char("i_size", 20, "Size of the item, such as small or extra large; N/A where it has none."),
        char("i_formulation", 20, "Code of what the item is made of."),
        char("i_color", 20, "Color of the item."),
        char("i_units", 10, "Unit in which the item is sold, such as Box or Dozen."),
        char("i_container", 10, "Packaging of the item; always Unknown in this data."),
        whole("i_manager_id", "Number of the manager responsible for the item, 1 to 100."),
        char("i_product_name", 50, "Name of the product; it can change between versions of an item."),
    ),
    primary_key=("i_item_sk",),
    sort_by="i_item_sk",
    business_key="i_item_id",
    scd2=SlowlyChanging(start="i_rec_start_date", end="i_rec_end_date"),
)

PROMOTION = Table(
    name="promotion",
    comment="Sales promotions of single items; one row per promotion.",
    columns=(
        key("p_promo_sk", "Number of the promotion within the lake, used by sales.", nullable=False),
        business_id("p_promo_id", "Code of the promotion in the source system."),
        key("p_start_date_sk", "First day of the promotion."),
        key("p_end_date_sk", "Last day of the promotion."),
        key("p_item_sk", "Item that is promoted; NULL where it is not known."),
        Column("p_cost", "DECIMAL(15,2)", "What the promotion cost, in US dollars; always 1000 in this data."),
        whole("p_response_target", "Response the promotion aims at; always 1 in this data."),
        char("p_promo_name", 50, "Name of the promotion; ten names are shared by all promotions."),
        flag(
            "p_channel_dmail",
            "Y if the promotion ran by direct mail; the only channel flag that is ever Y in this data.",
        ),
        flag("p_channel_email", "Y if the promotion ran by e-mail; always N in this data."),
        flag("p_channel_catalog", "Y if the promotion ran in a catalog; always N in this data."),
        flag("p_channel_tv", "Y if the promotion ran on television; always N in this data."),
        flag("p_channel_radio", "Y if the promotion ran on the radio; always N in this data."),
        flag("p_channel_press", "Y if the promotion ran in the press; always N in this data."),
        flag("p_channel_event", "Y if the promotion ran at an event; always N in this data."),
        flag("p_channel_demo", "Y if the promotion ran as a product demonstration; always N in this data."),
        varchar("p_channel_details", 100, "How the promotion ran, in words."),
        char("p_purpose", 15, "Purpose of the promotion; always Unknown in this data."),
        flag("p_discount_active", "Y if the promotion's discount is in force; always N in this data."),
    ),
    primary_key=("p_promo_sk",),
    sort_by="p_promo_sk",
    foreign_keys=references(date_dim=("p_start_date_sk", "p_end_date_sk"), item=("p_item_sk",)),
    business_key="p_promo_id",
)

REASON = Table(
    name="reason",
    comment="Reasons customers give for a return; one row per reason.",
    columns=(
        key("r_reason_sk", "Number of the reason within the lake, used by returns.", nullable=False),
        business_id("r_reason_id", "Code of the reason in the source system."),
        char("r_reason_desc", 100, "The reason in words, with the source's spelling; two reasons can read the same."),
    ),
    primary_key=("r_reason_sk",),
    sort_by="r_reason_sk",
    business_key="r_reason_id",
)
