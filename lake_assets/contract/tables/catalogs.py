"""Where catalog orders come from: the call centers that take them and the catalog pages that offer the items."""

from __future__ import annotations

from decimal import Decimal

from lake_assets.contract.model import SlowlyChanging, Table
from lake_assets.contract.tables._columns import business_id, char, day, key, rate, references, varchar, whole
from lake_assets.contract.tables._domains import (
    CALL_CENTER_NAME,
    COMPANY_NAMES,
    COUNTRIES,
    FULL_NAME,
    OPENING_HOURS,
    STATES,
    STREET_NUMBER,
    STREET_TYPES,
    SUITE_NUMBER,
    ZIP,
)

CALL_CENTER = Table(
    name="call_center",
    comment="Call centers that take catalog orders, with history; one row per version of a call center, 1 to 3 "
    "versions each.",
    columns=(
        key(
            "cc_call_center_sk",
            "Number of the call center version within the lake, used by catalog orders.",
            nullable=False,
            low=1,
        ),
        business_id(
            "cc_call_center_id", "Code of the call center in the source system, the same for all its versions."
        ),
        day("cc_rec_start_date", "First day on which this version of the call center was valid."),
        day(
            "cc_rec_end_date",
            "Last day on which this version of the call center was valid; NULL for the version still valid.",
        ),
        key("cc_closed_date_sk", "Day on which the call center closed; always NULL in this data, none has closed."),
        key("cc_open_date_sk", "Day on which the call center opened."),
        varchar("cc_name", 50, "Name of the call center, such as North Midwest.", pattern=CALL_CENTER_NAME),
        varchar(
            "cc_class",
            50,
            "Size class of the call center: small, medium or large.",
            values=("small", "medium", "large"),
        ),
        whole("cc_employees", "Number of people who work in the call center.", low=1),
        whole("cc_sq_ft", "Floor area of the call center in square feet."),
        char("cc_hours", 20, "Opening hours of the call center, such as 8AM-4PM.", values=OPENING_HOURS),
        varchar(
            "cc_manager", 40, "First and last name of the manager of the call center.", personal=True, pattern=FULL_NAME
        ),
        whole("cc_mkt_id", "Number of the market the call center serves, 1 to 6.", low=1, high=6),
        char("cc_mkt_class", 50, "Class of the call center's market in words."),
        varchar("cc_mkt_desc", 100, "Description of the call center's market in words."),
        varchar(
            "cc_market_manager",
            40,
            "First and last name of the manager of the call center's market.",
            personal=True,
            pattern=FULL_NAME,
        ),
        whole("cc_division", "Number of the division the call center belongs to, 1 to 6.", low=1, high=6),
        varchar("cc_division_name", 50, "Name of the division the call center belongs to.", values=COMPANY_NAMES),
        whole("cc_company", "Number of the company the call center belongs to, 1 to 6.", low=1, high=6),
        char("cc_company_name", 50, "Name of the company the call center belongs to.", values=COMPANY_NAMES),
        char("cc_street_number", 10, "House number of the call center.", pattern=STREET_NUMBER),
        varchar("cc_street_name", 60, "Street of the call center; a trailing blank is part of the value."),
        char("cc_street_type", 15, "Kind of street of the call center, such as Boulevard or RD.", values=STREET_TYPES),
        char("cc_suite_number", 10, "Suite of the call center within its building.", pattern=SUITE_NUMBER),
        varchar("cc_city", 60, "City of the call center."),
        varchar("cc_county", 30, "County of the call center."),
        char("cc_state", 2, "Two-letter US state of the call center.", values=STATES),
        char("cc_zip", 10, "Postal code of the call center.", pattern=ZIP),
        varchar("cc_country", 20, "Country of the call center.", values=COUNTRIES),
        rate(
            "cc_gmt_offset",
            "Hours between local time at the call center and Greenwich Mean Time, such as -5.",
            low=-10,
            high=-5,
        ),
        rate(
            "cc_tax_percentage",
            "Sales tax rate at the call center as a fraction, such as 0.11 for 11 %.",
            low=0,
            high=Decimal("0.12"),
            filled=True,
        ),
    ),
    primary_key=("cc_call_center_sk",),
    sort_by="cc_call_center_sk",
    foreign_keys=references(date_dim=("cc_closed_date_sk", "cc_open_date_sk")),
    business_key="cc_call_center_id",
    scd2=SlowlyChanging(start="cc_rec_start_date", end="cc_rec_end_date"),
)

CATALOG_PAGE = Table(
    name="catalog_page",
    comment="Pages of the printed catalogs; one row per page of a catalog.",
    columns=(
        key(
            "cp_catalog_page_sk",
            "Number of the catalog page within the lake, used by catalog orders.",
            nullable=False,
            low=1,
        ),
        business_id("cp_catalog_page_id", "Code of the catalog page in the source system."),
        key("cp_start_date_sk", "Day from which the catalog of the page is valid."),
        key(
            "cp_end_date_sk",
            "Last day on which the catalog of the page is valid; orders outside its validity do occur.",
        ),
        varchar(
            "cp_department",
            50,
            "Department the page belongs to; always DEPARTMENT in this data.",
            values=("DEPARTMENT",),
        ),
        whole("cp_catalog_number", "Number of the catalog the page is in.", low=1, high=109),
        whole("cp_catalog_page_number", "Number of the page within its catalog.", low=1),
        varchar("cp_description", 100, "What the page shows, in words."),
        varchar(
            "cp_type",
            100,
            "How often the catalog appears: monthly, quarterly or bi-annual.",
            values=("bi-annual", "quarterly", "monthly"),
        ),
    ),
    primary_key=("cp_catalog_page_sk",),
    sort_by="cp_catalog_page_sk",
    foreign_keys=references(date_dim=("cp_start_date_sk", "cp_end_date_sk")),
    business_key="cp_catalog_page_id",
)
