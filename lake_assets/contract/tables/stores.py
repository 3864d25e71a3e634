"""The stores of the store channel."""

from __future__ import annotations

from decimal import Decimal

from lake_assets.contract.model import SlowlyChanging, Table
from lake_assets.contract.tables._columns import business_id, char, day, key, rate, references, varchar, whole
from lake_assets.contract.tables._domains import (
    COUNTRIES,
    FULL_NAME,
    OPENING_HOURS,
    STATES,
    STREET_NUMBER,
    STREET_TYPES,
    SUITE_NUMBER,
    SYLLABLES,
    UNKNOWN,
    ZIP,
)

STORE = Table(
    name="store",
    comment="Stores, with history; one row per version of a store, 1 to 3 versions each. Sales refer to a version by "
    "s_store_sk, not by its dates.",
    columns=(
        key(
            "s_store_sk",
            "Number of the store version within the lake, used by store sales and returns.",
            nullable=False,
            low=1,
        ),
        business_id("s_store_id", "Code of the store in the source system, the same for all its versions."),
        day("s_rec_start_date", "First day on which this version of the store was valid."),
        day(
            "s_rec_end_date", "Last day on which this version of the store was valid; NULL for the version still valid."
        ),
        key("s_closed_date_sk", "Day on which the store closed; NULL for an open store, and sales after it do occur."),
        varchar("s_store_name", 50, "Name of the store; several stores share one.", values=SYLLABLES),
        whole("s_number_employees", "Number of people who work in the store.", low=200, high=300),
        whole("s_floor_space", "Sales area of the store in square feet.", low=5_000_000, high=10_000_000),
        char("s_hours", 20, "Opening hours of the store, such as 8AM-4PM.", values=OPENING_HOURS),
        varchar("s_manager", 40, "First and last name of the manager of the store.", personal=True, pattern=FULL_NAME),
        whole("s_market_id", "Number of the market the store belongs to, 1 to 10.", low=1, high=10),
        varchar(
            "s_geography_class", 100, "Class of the store's surroundings; always Unknown in this data.", values=UNKNOWN
        ),
        varchar("s_market_desc", 100, "Description of the store's market in words."),
        varchar(
            "s_market_manager",
            40,
            "First and last name of the manager of the store's market.",
            personal=True,
            pattern=FULL_NAME,
        ),
        whole("s_division_id", "Number of the division the store belongs to; always 1 in this data.", low=1, high=1),
        varchar(
            "s_division_name",
            50,
            "Name of the division the store belongs to; always Unknown in this data.",
            values=UNKNOWN,
        ),
        whole("s_company_id", "Number of the company the store belongs to; always 1 in this data.", low=1, high=1),
        varchar(
            "s_company_name",
            50,
            "Name of the company the store belongs to; always Unknown in this data.",
            values=UNKNOWN,
        ),
        varchar("s_street_number", 10, "House number of the store.", pattern=STREET_NUMBER),
        varchar("s_street_name", 60, "Street of the store; a trailing blank is part of the value."),
        char("s_street_type", 15, "Kind of street of the store, such as Boulevard or Dr.", values=STREET_TYPES),
        char("s_suite_number", 10, "Suite of the store within its building.", pattern=SUITE_NUMBER),
        varchar("s_city", 60, "City of the store."),
        varchar("s_county", 30, "County of the store."),
        char("s_state", 2, "Two-letter US state of the store.", values=STATES),
        char("s_zip", 10, "Postal code of the store.", pattern=ZIP),
        varchar("s_country", 20, "Country of the store.", values=COUNTRIES),
        rate(
            "s_gmt_offset",
            "Hours between local time at the store and Greenwich Mean Time, such as -5.",
            low=-10,
            high=-5,
        ),
        rate(
            "s_tax_percentage",
            "Sales tax rate at the store as a fraction, such as 0.03 for 3 %.",
            low=0,
            high=Decimal("0.11"),
        ),
    ),
    primary_key=("s_store_sk",),
    sort_by="s_store_sk",
    foreign_keys=references(date_dim=("s_closed_date_sk",)),
    business_key="s_store_id",
    scd2=SlowlyChanging(start="s_rec_start_date", end="s_rec_end_date"),
)
