"""Customers, where they live, and the profiles of people and households that orders refer to."""

from __future__ import annotations

from lake_assets.contract.model import Identity, Table
from lake_assets.contract.tables._columns import business_id, char, flag, key, rate, references, varchar, whole
from lake_assets.contract.tables._domains import COUNTRIES, NAME, STATES, STREET_NUMBER, STREET_TYPES, SUITE_NUMBER, ZIP

CUSTOMER = Table(
    name="customer",
    comment="Customers of all channels as they are now, without history; one row per customer.",
    columns=(
        key(
            "c_customer_sk", "Number of the customer within the lake, used by sales and returns.", nullable=False, low=1
        ),
        business_id("c_customer_id", "Code of the customer in the source system."),
        key("c_current_cdemo_sk", "Demographic profile the customer has now."),
        key("c_current_hdemo_sk", "Household profile the customer has now."),
        key("c_current_addr_sk", "Address the customer has now; never NULL in the data.", filled=True),
        key(
            "c_first_shipto_date_sk", "Day of the first delivery to the customer, always 30 days after the first sale."
        ),
        key(
            "c_first_sales_date_sk",
            "Day of the customer's first purchase as recorded; unrelated to the sales in the lake.",
        ),
        char(
            "c_salutation",
            10,
            "Form of address: Mr., Mrs., Ms., Miss, Sir or Dr.",
            personal=True,
            values=("Mr.", "Mrs.", "Ms.", "Miss", "Sir", "Dr."),
        ),
        char("c_first_name", 20, "First name of the customer.", personal=True, pattern=NAME),
        char("c_last_name", 30, "Last name of the customer.", personal=True, pattern=NAME),
        flag("c_preferred_cust_flag", "Y if the customer takes part in the preferred customer program."),
        whole(
            "c_birth_day", "Day of the month on which the customer was born, 1 to 31.", personal=True, low=1, high=31
        ),
        whole("c_birth_month", "Month in which the customer was born, 1 to 12.", personal=True, low=1, high=12),
        whole("c_birth_year", "Year in which the customer was born.", personal=True, low=1924, high=1992),
        varchar(
            "c_birth_country",
            20,
            "Country in which the customer was born, in capitals.",
            personal=True,
            pattern="[^a-z0-9]+",
        ),
        char("c_login", 13, "Login name on the web sites; always empty in this data.", personal=True),
        char(
            "c_email_address",
            50,
            "E-mail address of the customer.",
            personal=True,
            pattern="[A-Za-z]+[.][A-Za-z]+@[A-Za-z0-9]+[.](com|org|edu)",
        ),
        key("c_last_review_date_sk", "Day of the last review recorded for the customer."),
    ),
    primary_key=("c_customer_sk",),
    sort_by="c_customer_sk",
    foreign_keys=references(
        customer_demographics=("c_current_cdemo_sk",),
        household_demographics=("c_current_hdemo_sk",),
        customer_address=("c_current_addr_sk",),
        date_dim=("c_first_shipto_date_sk", "c_first_sales_date_sk", "c_last_review_date_sk"),
    ),
    business_key="c_customer_id",
    identities=(Identity("c_first_shipto_date_sk", "c_first_sales_date_sk + 30"),),
)

CUSTOMER_ADDRESS = Table(
    name="customer_address",
    comment="Addresses of customers, for billing, delivery and residence; one row per address.",
    columns=(
        key(
            "ca_address_sk",
            "Number of the address within the lake, used by customers, sales and returns.",
            nullable=False,
            low=1,
        ),
        business_id("ca_address_id", "Code of the address in the source system."),
        char("ca_street_number", 10, "House number of the customer's address.", personal=True, pattern=STREET_NUMBER),
        varchar(
            "ca_street_name",
            60,
            "Street of the customer's address; a trailing blank is part of the value.",
            personal=True,
        ),
        char(
            "ca_street_type",
            15,
            "Kind of street of the customer's address, such as Parkway or RD.",
            personal=True,
            values=STREET_TYPES,
        ),
        char(
            "ca_suite_number", 10, "Suite or apartment of the customer's address.", personal=True, pattern=SUITE_NUMBER
        ),
        varchar("ca_city", 60, "City of the customer's address."),
        varchar("ca_county", 30, "County of the customer's address."),
        char("ca_state", 2, "Two-letter US state of the customer's address.", values=STATES),
        char("ca_zip", 10, "Postal code of the customer's address.", personal=True, pattern=ZIP),
        varchar(
            "ca_country", 20, "Country of the customer's address; always United States in this data.", values=COUNTRIES
        ),
        rate(
            "ca_gmt_offset",
            "Hours between local time at the customer's address and Greenwich Mean Time, such as -5.",
            low=-10,
            high=-5,
        ),
        char(
            "ca_location_type",
            20,
            "Kind of home at the address: single family, condo or apartment.",
            values=("single family", "condo", "apartment"),
        ),
    ),
    primary_key=("ca_address_sk",),
    sort_by="ca_address_sk",
    business_key="ca_address_id",
)

CUSTOMER_DEMOGRAPHICS = Table(
    name="customer_demographics",
    comment="Profiles of people; one row per combination of all values, so it describes groups and not single "
    "customers.",
    columns=(
        key(
            "cd_demo_sk",
            "Number of the demographic profile, used by customers, sales and returns.",
            nullable=False,
            low=1,
            high=1_920_800,
        ),
        char("cd_gender", 1, "Gender: M or F.", values=("M", "F"), filled=True),
        char(
            "cd_marital_status",
            1,
            "Marital status: M married, S single, D divorced, W widowed, U unknown.",
            values=("M", "S", "D", "W", "U"),
            filled=True,
        ),
        char(
            "cd_education_status",
            20,
            "Education: Primary, Secondary, College, a degree, or Unknown.",
            values=("Primary", "Secondary", "College", "2 yr Degree", "4 yr Degree", "Advanced Degree", "Unknown"),
            filled=True,
        ),
        whole(
            "cd_purchase_estimate",
            "Purchases expected of a person of this profile, in US dollars, 500 to 10000.",
            low=500,
            high=10_000,
            filled=True,
        ),
        char(
            "cd_credit_rating",
            10,
            "Credit rating: Good, Low Risk, High Risk or Unknown.",
            values=("Good", "Low Risk", "High Risk", "Unknown"),
            filled=True,
        ),
        whole("cd_dep_count", "Number of dependents of the person, 0 to 6.", low=0, high=6, filled=True),
        whole("cd_dep_employed_count", "Number of dependents who are employed, 0 to 6.", low=0, high=6, filled=True),
        whole("cd_dep_college_count", "Number of dependents in college, 0 to 6.", low=0, high=6, filled=True),
    ),
    primary_key=("cd_demo_sk",),
    sort_by="cd_demo_sk",
)

HOUSEHOLD_DEMOGRAPHICS = Table(
    name="household_demographics",
    comment="Profiles of households; one row per combination of all values, so it describes groups and not single "
    "households.",
    columns=(
        key(
            "hd_demo_sk",
            "Number of the household profile, used by customers, sales and returns.",
            nullable=False,
            low=1,
            high=7200,
        ),
        key("hd_income_band_sk", "Band in which the yearly income of the household falls.", filled=True),
        char(
            "hd_buy_potential",
            15,
            "What the household may spend, as a range in US dollars such as 501-1000, or Unknown.",
            values=("0-500", "501-1000", "1001-5000", "5001-10000", ">10000", "Unknown"),
            filled=True,
        ),
        whole("hd_dep_count", "Number of dependents in the household, 0 to 9.", low=0, high=9, filled=True),
        whole(
            "hd_vehicle_count",
            "Number of vehicles of the household, 0 to 4; -1 on some profiles, without a stated meaning.",
            low=-1,
            high=4,
            filled=True,
        ),
    ),
    primary_key=("hd_demo_sk",),
    sort_by="hd_demo_sk",
    foreign_keys=references(income_band=("hd_income_band_sk",)),
)

INCOME_BAND = Table(
    name="income_band",
    comment="Bands of yearly household income; one row per band, 20 at every scale.",
    columns=(
        key(
            "ib_income_band_sk",
            "Number of the income band, 1 for the lowest to 20 for the highest.",
            nullable=False,
            low=1,
            high=20,
        ),
        whole("ib_lower_bound", "Lowest income in the band, in US dollars.", low=0, high=190_001, filled=True),
        whole("ib_upper_bound", "Highest income in the band, in US dollars.", low=10_000, high=200_000, filled=True),
    ),
    primary_key=("ib_income_band_sk",),
    sort_by="ib_income_band_sk",
    also_unique=(
        "ib_lower_bound",
        "ib_upper_bound",
    ),
    identities=(Identity("ib_upper_bound", "ib_income_band_sk * 10000"),),
)
