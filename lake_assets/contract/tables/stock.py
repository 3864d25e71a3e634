"""Stock: where it lies (warehouse), how much of it (inventory) and how it leaves (ship_mode)."""

from __future__ import annotations

from lake_assets.contract.model import MonthPartition, Table
from lake_assets.contract.tables._columns import business_id, char, key, rate, references, varchar, whole
from lake_assets.contract.tables._domains import COUNTRIES, STATES, STREET_NUMBER, STREET_TYPES, SUITE_NUMBER, ZIP

INVENTORY = Table(
    name="inventory",
    comment="Weekly stock count, taken every Thursday; one row per day of the count, item and warehouse.",
    columns=(
        key("inv_date_sk", "Thursday of the count.", nullable=False),
        key("inv_item_sk", "Item counted.", nullable=False),
        key("inv_warehouse_sk", "Warehouse in which the item was counted.", nullable=False),
        whole(
            "inv_quantity_on_hand",
            "Pieces of the item in the warehouse, 0 to 1000; NULL in about 5 % of the counts.",
            low=0,
            high=1000,
        ),
    ),
    primary_key=("inv_date_sk", "inv_item_sk", "inv_warehouse_sk"),
    sort_by="inv_date_sk",
    foreign_keys=references(date_dim=("inv_date_sk",), item=("inv_item_sk",), warehouse=("inv_warehouse_sk",)),
    month=MonthPartition("inv_date_sk", "inventory_month"),
)

WAREHOUSE = Table(
    name="warehouse",
    comment="Warehouses that hold stock and ship catalog and web orders; one row per warehouse.",
    columns=(
        key(
            "w_warehouse_sk",
            "Number of the warehouse within the lake, used by orders and stock counts.",
            nullable=False,
            low=1,
        ),
        business_id("w_warehouse_id", "Code of the warehouse in the source system."),
        varchar("w_warehouse_name", 20, "Name of the warehouse."),
        whole("w_warehouse_sq_ft", "Floor area of the warehouse in square feet.", low=50_000, high=1_000_000),
        char("w_street_number", 10, "House number of the warehouse.", pattern=STREET_NUMBER),
        varchar("w_street_name", 60, "Street of the warehouse; a trailing blank is part of the value."),
        char("w_street_type", 15, "Kind of street of the warehouse, such as Parkway or Dr.", values=STREET_TYPES),
        char("w_suite_number", 10, "Suite of the warehouse within its building.", pattern=SUITE_NUMBER),
        varchar("w_city", 60, "City of the warehouse."),
        varchar("w_county", 30, "County of the warehouse."),
        char("w_state", 2, "Two-letter US state of the warehouse.", values=STATES),
        char("w_zip", 10, "Postal code of the warehouse.", pattern=ZIP),
        varchar("w_country", 20, "Country of the warehouse.", values=COUNTRIES),
        rate(
            "w_gmt_offset",
            "Hours between local time at the warehouse and Greenwich Mean Time, such as -5.",
            low=-10,
            high=-5,
        ),
    ),
    primary_key=("w_warehouse_sk",),
    sort_by="w_warehouse_sk",
    business_key="w_warehouse_id",
)

SHIP_MODE = Table(
    name="ship_mode",
    comment="Ways of shipping an order; one row per combination of speed, means of transport and carrier, 20 at "
    "every scale.",
    columns=(
        key(
            "sm_ship_mode_sk",
            "Number of the ship mode within the lake, used by catalog and web orders.",
            nullable=False,
            low=1,
            high=20,
        ),
        business_id("sm_ship_mode_id", "Code of the ship mode in the source system."),
        char(
            "sm_type",
            30,
            "Speed of delivery: EXPRESS, NEXT DAY, OVERNIGHT, TWO DAY, LIBRARY or REGULAR.",
            values=("REGULAR", "EXPRESS", "NEXT DAY", "OVERNIGHT", "TWO DAY", "LIBRARY"),
            filled=True,
        ),
        char(
            "sm_code",
            10,
            "Means of transport: AIR, SURFACE, SEA or BIKE.",
            values=("AIR", "SURFACE", "SEA", "BIKE"),
            filled=True,
        ),
        char(
            "sm_carrier",
            20,
            "Company that carries the parcel, such as UPS or FEDEX.",
            values=(
                "UPS",
                "FEDEX",
                "AIRBORNE",
                "USPS",
                "DHL",
                "TBS",
                "ZHOU",
                "ZOUROS",
                "MSC",
                "LATVIAN",
                "ALLIANCE",
                "ORIENTAL",
                "BARIAN",
                "BOXBUNDLES",
                "GREAT EASTERN",
                "DIAMOND",
                "RUPEKSA",
                "GERMA",
                "HARMSTORF",
                "PRIVATECARRIER",
            ),
            filled=True,
        ),
        char("sm_contract", 20, "Number of the contract with the carrier.", pattern="[A-Za-z0-9]+", filled=True),
    ),
    primary_key=("sm_ship_mode_sk",),
    sort_by="sm_ship_mode_sk",
    business_key="sm_ship_mode_id",
    also_unique=("sm_carrier",),
)
