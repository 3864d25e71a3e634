"""What is sold (item), how it is promoted (promotion) and why it comes back (reason)."""

from __future__ import annotations

from decimal import Decimal

from lake_assets.contract.model import Column, SlowlyChanging, Table
from lake_assets.contract.tables._columns import business_id, char, day, flag, key, money, references, varchar, whole
from lake_assets.contract.tables._domains import BRAND, SYLLABLE_WORD, SYLLABLES, UNKNOWN

ITEM = Table(
    name="item",
    comment="Items on sale, with history; one row per version of an item, 1 to 3 versions each. Sales refer to a "
    "version by i_item_sk, not by its dates.",
    columns=(
        key(
            "i_item_sk",
            "Number of the item version within the lake, used by sales, returns and stock counts.",
            nullable=False,
            low=1,
        ),
        business_id("i_item_id", "Code of the item in the source system, the same for all its versions."),
        day("i_rec_start_date", "First day on which this version of the item was valid; NULL on a few versions."),
        day(
            "i_rec_end_date", "Last day on which this version of the item was valid; NULL for the version still valid."
        ),
        varchar("i_item_desc", 200, "Description of the item in words; a trailing blank is part of the value."),
        money(
            "i_current_price",
            "Price of one piece now, in US dollars; unrelated to the prices in the sales.",
            low=Decimal("0.09"),
            high=Decimal("99.99"),
        ),
        money(
            "i_wholesale_cost",
            "What one piece costs the retailer now, in US dollars; unrelated to the costs in the sales.",
            low=Decimal("0.02"),
            high=Decimal("89.99"),
        ),
        whole(
            "i_brand_id",
            "Number of the brand; one number may stand with several brand names.",
            low=1_001_001,
            high=10_016_017,
        ),
        char("i_brand", 50, "Name of the brand, such as amalgamalg #1.", pattern=BRAND),
        whole("i_class_id", "Number of the class within its category, 1 to 16.", low=1, high=16),
        char("i_class", 50, "Name of the class within its category, such as dresses."),
        whole("i_category_id", "Number of the category, 1 to 10.", low=1, high=10),
        char(
            "i_category",
            50,
            "Name of the category, such as Books; it can change between versions of an item.",
            values=("Women", "Men", "Children", "Shoes", "Music", "Jewelry", "Home", "Sports", "Books", "Electronics"),
        ),
        whole("i_manufact_id", "Number of the manufacturer.", low=1, high=1000),
        char("i_manufact", 50, "Name of the manufacturer.", pattern=SYLLABLE_WORD),
        char(
            "i_size",
            20,
            "Size of the item, such as small or extra large; N/A where it has none.",
            values=("petite", "small", "medium", "large", "extra large", "economy", "N/A"),
        ),
        char("i_formulation", 20, "Code of what the item is made of.", pattern="[0-9]*[a-z]+[0-9]+"),
        char("i_color", 20, "Color of the item.", pattern="[a-z]+"),
        char(
            "i_units",
            10,
            "Unit in which the item is sold, such as Box or Dozen.",
            values=(
                "Unknown",
                "Each",
                "Dozen",
                "Case",
                "Pallet",
                "Gross",
                "Carton",
                "Box",
                "Bunch",
                "Bundle",
                "Oz",
                "Lb",
                "Ton",
                "Ounce",
                "Pound",
                "Tsp",
                "Tbl",
                "Cup",
                "Dram",
                "Gram",
                "N/A",
            ),
        ),
        char("i_container", 10, "Packaging of the item; always Unknown in this data.", values=UNKNOWN),
        whole("i_manager_id", "Number of the manager responsible for the item, 1 to 100.", low=1, high=100),
        char(
            "i_product_name",
            50,
            "Name of the product; it can change between versions of an item.",
            pattern=SYLLABLE_WORD,
        ),
    ),
    primary_key=("i_item_sk",),
    sort_by="i_item_sk",
    business_key="i_item_id",
    also_unique=("i_product_name",),
    scd2=SlowlyChanging(start="i_rec_start_date", end="i_rec_end_date"),
)

PROMOTION = Table(
    name="promotion",
    comment="Sales promotions of single items; one row per promotion.",
    columns=(
        key("p_promo_sk", "Number of the promotion within the lake, used by sales.", nullable=False, low=1),
        business_id("p_promo_id", "Code of the promotion in the source system."),
        key("p_start_date_sk", "First day of the promotion."),
        key("p_end_date_sk", "Last day of the promotion."),
        key("p_item_sk", "Item that is promoted; NULL where it is not known."),
        Column(
            "p_cost",
            "DECIMAL(15,2)",
            "What the promotion cost, in US dollars; always 1000 in this data.",
            low=1000,
            high=1000,
        ),
        whole("p_response_target", "Response the promotion aims at; always 1 in this data.", low=1, high=1),
        char("p_promo_name", 50, "Name of the promotion; ten names are shared by all promotions.", values=SYLLABLES),
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
        char("p_purpose", 15, "Purpose of the promotion; always Unknown in this data.", values=UNKNOWN),
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
        key("r_reason_sk", "Number of the reason within the lake, used by returns.", nullable=False, low=1, high=75),
        business_id("r_reason_id", "Code of the reason in the source system."),
        char(
            "r_reason_desc",
            100,
            "The reason in words, with the source's spelling; two reasons can read the same.",
            filled=True,
        ),
    ),
    primary_key=("r_reason_sk",),
    sort_by="r_reason_sk",
    business_key="r_reason_id",
)
