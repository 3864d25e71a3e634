"""Where web orders come from: the web sites and their pages."""

from __future__ import annotations

from decimal import Decimal

from lake_assets.contract.model import SlowlyChanging, Table
from lake_assets.contract.tables._columns import business_id, char, day, flag, key, rate, references, varchar, whole
from lake_assets.contract.tables._domains import (
    COMPANY_NAMES,
    COUNTRIES,
    FULL_NAME,
    STATES,
    STREET_NUMBER,
    STREET_TYPES,
    SUITE_NUMBER,
    UNKNOWN,
    ZIP,
)

WEB_SITE = Table(
    name="web_site",
    comment="Web sites that take orders, with history; one row per version of a web site, 1 to 3 versions each.",
    columns=(
        key(
            "web_site_sk", "Number of the web site version within the lake, used by web orders.", nullable=False, low=1
        ),
        business_id("web_site_id", "Code of the web site in the source system, the same for all its versions."),
        day("web_rec_start_date", "First day on which this version of the web site was valid."),
        day(
            "web_rec_end_date",
            "Last day on which this version of the web site was valid; NULL for the version still valid.",
        ),
        varchar(
            "web_name", 50, "Name of the web site, such as site_0; several web sites share one.", pattern="site_[0-9]+"
        ),
        key("web_open_date_sk", "Day on which the web site opened."),
        key(
            "web_close_date_sk",
            "Day on which the web site closed; where it is set it lies years before the opening, so do not use it.",
        ),
        varchar("web_class", 50, "Class of the web site; always Unknown in this data.", values=UNKNOWN),
        varchar(
            "web_manager", 40, "First and last name of the manager of the web site.", personal=True, pattern=FULL_NAME
        ),
        whole("web_mkt_id", "Number of the market the web site serves, 1 to 6.", low=1, high=6),
        varchar("web_mkt_class", 50, "Class of the web site's market in words."),
        varchar("web_mkt_desc", 100, "Description of the web site's market in words."),
        varchar(
            "web_market_manager",
            40,
            "First and last name of the manager of the web site's market.",
            personal=True,
            pattern=FULL_NAME,
        ),
        whole("web_company_id", "Number of the company that runs the web site, 1 to 6.", low=1, high=6),
        char("web_company_name", 50, "Name of the company that runs the web site.", values=COMPANY_NAMES),
        char("web_street_number", 10, "House number of the office of the web site.", pattern=STREET_NUMBER),
        varchar("web_street_name", 60, "Street of the office of the web site; a trailing blank is part of the value."),
        char(
            "web_street_type",
            15,
            "Kind of street of the office of the web site, such as Ln or Way.",
            values=STREET_TYPES,
        ),
        char("web_suite_number", 10, "Suite of the office of the web site within its building.", pattern=SUITE_NUMBER),
        varchar("web_city", 60, "City of the office of the web site."),
        varchar("web_county", 30, "County of the office of the web site."),
        char("web_state", 2, "Two-letter US state of the office of the web site.", values=STATES),
        char("web_zip", 10, "Postal code of the office of the web site.", pattern=ZIP),
        varchar("web_country", 20, "Country of the office of the web site.", values=COUNTRIES),
        rate(
            "web_gmt_offset",
            "Hours between local time at the office of the web site and Greenwich Mean Time, such as -5.",
            low=-10,
            high=-5,
        ),
        rate(
            "web_tax_percentage",
            "Sales tax rate of the web site as a fraction, such as 0.10 for 10 %.",
            low=0,
            high=Decimal("0.12"),
        ),
    ),
    primary_key=("web_site_sk",),
    sort_by="web_site_sk",
    foreign_keys=references(date_dim=("web_open_date_sk", "web_close_date_sk")),
    business_key="web_site_id",
    scd2=SlowlyChanging(start="web_rec_start_date", end="web_rec_end_date"),
)

WEB_PAGE = Table(
    name="web_page",
    comment="Pages of the web sites, with history; one row per version of a page, 1 to 3 versions each.",
    columns=(
        key(
            "wp_web_page_sk",
            "Number of the web page version within the lake, used by web orders and returns.",
            nullable=False,
            low=1,
        ),
        business_id("wp_web_page_id", "Code of the web page in the source system, the same for all its versions."),
        day("wp_rec_start_date", "First day on which this version of the web page was valid."),
        day(
            "wp_rec_end_date",
            "Last day on which this version of the web page was valid; NULL for the version still valid.",
        ),
        key("wp_creation_date_sk", "Day on which the web page was created."),
        key("wp_access_date_sk", "Day on which the web page was last visited."),
        flag("wp_autogen_flag", "Y if the web page was generated for one customer."),
        key("wp_customer_sk", "Customer the web page was generated for; NULL where wp_autogen_flag is N."),
        varchar(
            "wp_url",
            100,
            "Address of the web page; always http://www.foo.com in this data.",
            values=("http://www.foo.com",),
        ),
        char(
            "wp_type",
            50,
            "Kind of web page: ad, dynamic, feedback, general, order, protected or welcome.",
            values=("general", "order", "welcome", "ad", "feedback", "protected", "dynamic"),
        ),
        whole("wp_char_count", "Number of characters on the web page.", low=300, high=8550),
        whole("wp_link_count", "Number of links on the web page.", low=2, high=25),
        whole("wp_image_count", "Number of images on the web page.", low=1, high=7),
        whole("wp_max_ad_count", "Highest number of advertisements on the web page.", low=0, high=4),
    ),
    primary_key=("wp_web_page_sk",),
    sort_by="wp_web_page_sk",
    foreign_keys=references(date_dim=("wp_creation_date_sk", "wp_access_date_sk"), customer=("wp_customer_sk",)),
    business_key="wp_web_page_id",
    scd2=SlowlyChanging(start="wp_rec_start_date", end="wp_rec_end_date"),
)
