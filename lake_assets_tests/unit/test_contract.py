"""The contract: what the 24 source tables promise, and the calendar and type translations built on it."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

import pytest

from lake_assets.contract import calendar
from lake_assets.contract.model import Column, Table
from lake_assets.contract.tables import DIMENSIONS, FACTS, TABLES, UnknownTable, table
from lake_assets.contract.types import decimal_scale, is_text, physical_type, spark_ddl, text_length

GLUE_COLUMN_COMMENT_LIMIT = 255

ALL_TABLES = pytest.mark.parametrize("source", TABLES.values(), ids=TABLES.keys())


def column(source: Table, name: str) -> Column:
    return source.columns[source.column_names.index(name)]


def test_the_contract_has_the_24_tables_in_alphabetical_order() -> None:
    assert len(TABLES) == 24
    assert list(TABLES) == sorted(TABLES)
    assert all(name == source.name for name, source in TABLES.items())


def test_seven_tables_are_facts_and_the_other_17_dimensions() -> None:
    assert [source.name for source in FACTS] == [
        "catalog_returns",
        "catalog_sales",
        "inventory",
        "store_returns",
        "store_sales",
        "web_returns",
        "web_sales",
    ]
    assert len(DIMENSIONS) == 17
    assert {source.name for source in (*FACTS, *DIMENSIONS)} == set(TABLES)


def test_the_tables_have_as_many_columns_as_the_specification() -> None:
    assert {name: len(source.columns) for name, source in TABLES.items()} == {
        "call_center": 31,
        "catalog_page": 9,
        "catalog_returns": 27,
        "catalog_sales": 34,
        "customer": 18,
        "customer_address": 13,
        "customer_demographics": 9,
        "date_dim": 28,
        "household_demographics": 5,
        "income_band": 3,
        "inventory": 4,
        "item": 22,
        "promotion": 19,
        "reason": 3,
        "ship_mode": 6,
        "store": 29,
        "store_returns": 20,
        "store_sales": 23,
        "time_dim": 10,
        "warehouse": 14,
        "web_page": 14,
        "web_returns": 24,
        "web_sales": 34,
        "web_site": 26,
    }
    assert sum(len(source.columns) for source in TABLES.values()) == 425


def test_no_column_name_occurs_in_two_tables() -> None:
    names = Counter(name for source in TABLES.values() for name in source.column_names)
    assert [name for name, times in names.items() if times > 1] == []


def test_spellings_follow_the_specification_where_generators_differ() -> None:
    assert "s_tax_percentage" in table("store").column_names
    assert column(table("customer"), "c_last_review_date_sk").type == "BIGINT"
    assert "cr_return_amount" in table("catalog_returns").column_names
    assert "sr_return_amt" in table("store_returns").column_names
    assert "wr_account_credit" in table("web_returns").column_names


def test_types_are_those_of_the_specification() -> None:
    types = Counter(re.sub(r"\(.*", "", each.type) for source in TABLES.values() for each in source.columns)
    assert types == {"BIGINT": 127, "CHAR": 97, "DATE": 11, "DECIMAL": 80, "INT": 62, "VARCHAR": 48}


@ALL_TABLES
def test_surrogate_keys_and_order_numbers_are_bigint(source: Table) -> None:
    keys = [each for each in source.columns if re.search(r"_sk$|_(ticket|order)_number$", each.name)]
    assert keys
    assert {each.type for each in keys} == {"BIGINT"}
    assert {each.name for each in source.columns if each.type == "BIGINT"} == {each.name for each in keys}


def test_amounts_are_decimal_7_2_and_everything_else_decimal_is_a_known_exception() -> None:
    exceptions = {
        each.name: each.type
        for source in TABLES.values()
        for each in source.columns
        if each.type.startswith("DECIMAL") and each.type != "DECIMAL(7,2)"
    }
    assert exceptions == {
        "ca_gmt_offset": "DECIMAL(5,2)",
        "cc_gmt_offset": "DECIMAL(5,2)",
        "cc_tax_percentage": "DECIMAL(5,2)",
        "p_cost": "DECIMAL(15,2)",
        "s_gmt_offset": "DECIMAL(5,2)",
        "s_tax_percentage": "DECIMAL(5,2)",
        "w_gmt_offset": "DECIMAL(5,2)",
        "web_gmt_offset": "DECIMAL(5,2)",
        "web_tax_percentage": "DECIMAL(5,2)",
    }


@ALL_TABLES
def test_the_only_columns_that_refuse_null_are_the_primary_key_and_the_business_key(source: Table) -> None:
    required = {each.name for each in source.columns if not each.nullable}
    business_key = {source.business_key} if source.business_key else set()
    assert required == set(source.primary_key) | business_key


@ALL_TABLES
def test_files_are_sorted_by_an_existing_column(source: Table) -> None:
    expected = source.month.column if source.month else source.primary_key[0]
    assert source.sort_by == expected
    assert source.sort_by in source.column_names


@ALL_TABLES
def test_every_foreign_key_refers_to_a_dimension_with_a_primary_key_of_one_column(source: Table) -> None:
    for foreign_key in source.foreign_keys:
        assert foreign_key.column in source.column_names
        dimension = table(foreign_key.references)
        assert dimension in DIMENSIONS
        assert len(dimension.primary_key) == 1
        assert column(source, foreign_key.column).type == column(dimension, dimension.primary_key[0]).type


@ALL_TABLES
def test_every_surrogate_key_is_either_the_tables_own_or_a_foreign_key(source: Table) -> None:
    referring = [foreign_key.column for foreign_key in source.foreign_keys]
    assert len(referring) == len(set(referring))
    own = set() if source.is_fact else set(source.primary_key)
    assert set(referring) | own == {name for name in source.column_names if name.endswith("_sk")}


def test_the_contract_has_104_foreign_keys() -> None:
    assert sum(len(source.foreign_keys) for source in TABLES.values()) == 104


def test_dates_refer_to_the_calendar_and_times_to_the_clock() -> None:
    for source in TABLES.values():
        for foreign_key in source.foreign_keys:
            if foreign_key.column.endswith("_date_sk"):
                assert foreign_key.references == "date_dim"
            if foreign_key.column.endswith("_time_sk"):
                assert foreign_key.references == "time_dim"


@ALL_TABLES
def test_a_business_key_is_a_text_of_16_that_the_dimension_really_has(source: Table) -> None:
    if source.business_key is not None:
        assert not source.is_fact
        assert column(source, source.business_key).type == "CHAR(16)"


def test_only_generated_profiles_and_bands_lack_a_business_key() -> None:
    assert {source.name for source in DIMENSIONS if source.business_key is None} == {
        "customer_demographics",
        "household_demographics",
        "income_band",
    }


def test_five_dimensions_keep_history_with_a_business_key_and_two_dates() -> None:
    historical = {source.name: source.scd2 for source in TABLES.values() if source.scd2}
    assert set(historical) == {"call_center", "item", "store", "web_page", "web_site"}
    for name, scd2 in historical.items():
        assert table(name).business_key is not None
        for bound in (scd2.start, scd2.end):
            assert column(table(name), bound).type == "DATE"
            assert column(table(name), bound).nullable


def test_facts_are_partitioned_by_the_month_of_their_event() -> None:
    assert {source.name: (source.month.column, source.month.partition) for source in FACTS if source.month} == {
        "catalog_returns": ("cr_returned_date_sk", "returned_month"),
        "catalog_sales": ("cs_sold_date_sk", "sold_month"),
        "inventory": ("inv_date_sk", "inventory_month"),
        "store_returns": ("sr_returned_date_sk", "returned_month"),
        "store_sales": ("ss_sold_date_sk", "sold_month"),
        "web_returns": ("wr_returned_date_sk", "returned_month"),
        "web_sales": ("ws_sold_date_sk", "sold_month"),
    }
    assert all(source.silver_partition_column not in source.column_names for source in FACTS)
    assert all(source.silver_partition_column is None for source in DIMENSIONS)


def test_sales_carry_the_header_of_their_order_and_nothing_else_does() -> None:
    headers = {source.name: source.order for source in TABLES.values() if source.order}
    assert set(headers) == {"catalog_sales", "store_sales", "web_sales"}
    for name, header in headers.items():
        sales = table(name)
        assert header.order in sales.primary_key
        assert sales.month is not None
        assert header.sold_date == sales.month.column
        assert {key.references for key in sales.foreign_keys if key.column == header.customer} == {"customer"}
    assert headers["catalog_sales"].customer == "cs_bill_customer_sk"
    assert headers["web_sales"].customer == "ws_bill_customer_sk"


def test_a_return_finds_its_sale_by_item_and_order_of_the_same_channel() -> None:
    links = {source.name: source.sale for source in TABLES.values() if source.sale}
    assert set(links) == {"catalog_returns", "store_returns", "web_returns"}
    for name, link in links.items():
        returns, sales = table(name), table(link.sales)
        assert returns.channel == sales.channel
        assert returns.primary_key == (link.item, link.order)
        assert sales.order is not None
        assert [key.references for key in sales.foreign_keys if key.column == sales.primary_key[0]] == ["item"]
        assert sales.primary_key[1] == sales.order.order


def test_each_channel_has_its_sales_and_its_returns() -> None:
    assert {source.name: source.channel for source in TABLES.values() if source.channel} == {
        f"{channel}_{kind}": channel for channel in ("store", "catalog", "web") for kind in ("sales", "returns")
    }


@ALL_TABLES
def test_every_comment_is_a_sentence_that_fits_the_glue_catalog(source: Table) -> None:
    for text in (source.comment, *(each.comment for each in source.columns)):
        assert re.fullmatch(r"[A-Z][ -~]{6,}\.", text), text
        assert "  " not in text
    for each in source.columns:
        assert len(each.comment) <= GLUE_COLUMN_COMMENT_LIMIT, each.name


def test_no_two_columns_share_a_comment() -> None:
    comments = Counter(each.comment for source in TABLES.values() for each in source.columns)
    assert [comment for comment, times in comments.items() if times > 1] == []


@ALL_TABLES
def test_every_table_says_its_grain(source: Table) -> None:
    assert "; one row per " in source.comment


def test_amounts_of_money_name_their_currency() -> None:
    silent = [
        each.name
        for source in TABLES.values()
        for each in source.columns
        if decimal_scale(each) is not None and each.type != "DECIMAL(5,2)" and "US dollars" not in each.comment
    ]
    assert silent == []


def test_an_identity_in_a_comment_names_columns_that_exist() -> None:
    names = {name for source in TABLES.values() for name in source.column_names}
    for source in TABLES.values():
        for each in source.columns:
            mentioned = re.findall(r"\b(?:ss|cs|ws|sr|cr|wr|inv|d|t|i|wp)_\w+", each.comment)
            assert set(mentioned) <= names, each.name


def test_personal_data_is_what_identifies_a_customer_or_a_named_manager() -> None:
    assert {each.name for source in TABLES.values() for each in source.columns if each.personal} == {
        "c_salutation",
        "c_first_name",
        "c_last_name",
        "c_birth_day",
        "c_birth_month",
        "c_birth_year",
        "c_birth_country",
        "c_login",
        "c_email_address",
        "ca_street_number",
        "ca_street_name",
        "ca_street_type",
        "ca_suite_number",
        "ca_zip",
        "cc_manager",
        "cc_market_manager",
        "s_manager",
        "s_market_manager",
        "web_manager",
        "web_market_manager",
    }


def test_an_unknown_table_is_named_together_with_the_valid_ones() -> None:
    with pytest.raises(UnknownTable) as caught:
        table("store_sale")
    assert isinstance(caught.value, KeyError)
    assert caught.value.name == "store_sale"
    message = str(caught.value)
    assert message.startswith("unknown table 'store_sale'")
    assert all(name in message for name in TABLES)


def test_a_schema_for_spark_keeps_order_and_drops_text_lengths() -> None:
    assert spark_ddl(table("income_band").columns) == (
        "`ib_income_band_sk` bigint, `ib_lower_bound` int, `ib_upper_bound` int"
    )
    assert spark_ddl(table("promotion").columns).startswith(
        "`p_promo_sk` bigint, `p_promo_id` string, `p_start_date_sk` bigint, `p_end_date_sk` bigint, "
        "`p_item_sk` bigint, `p_cost` decimal(15,2), `p_response_target` int, `p_promo_name` string"
    )
    assert "`i_rec_start_date` date" in spark_ddl(table("item").columns)


@pytest.mark.parametrize(
    ("source", "name", "length"),
    [
        ("item", "i_item_desc", 200),
        ("item", "i_item_id", 16),
        ("customer", "c_email_address", 50),
        ("store", "s_street_number", 10),
        ("date_dim", "d_holiday", 1),
        ("item", "i_item_sk", None),
        ("item", "i_current_price", None),
        ("item", "i_rec_start_date", None),
    ],
)
def test_only_texts_have_a_length(source: str, name: str, length: int | None) -> None:
    assert text_length(column(table(source), name)) == length
    assert is_text(column(table(source), name)) == (length is not None)


def test_every_type_of_the_contract_translates() -> None:
    physical = {physical_type(each) for source in TABLES.values() for each in source.columns}
    assert physical == {"bigint", "int", "date", "string", "decimal(5,2)", "decimal(7,2)", "decimal(15,2)"}


def test_a_type_outside_the_contract_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"column x_weight: unknown type 'FLOAT'"):
        physical_type(Column("x_weight", "FLOAT", "Weight."))


@pytest.mark.parametrize(
    ("date_sk", "day"),
    [
        (2440588, date(1970, 1, 1)),
        (2415022, date(1900, 1, 2)),
        (2488070, date(2100, 1, 1)),
        (2450816, date(1998, 1, 2)),
        (2451604, date(2000, 2, 29)),
        (2452642, date(2003, 1, 2)),
    ],
)
def test_a_date_key_and_its_day_translate_both_ways(date_sk: int, day: date) -> None:
    assert calendar.date_of(date_sk) == day
    assert calendar.sk_of(day) == date_sk


def test_the_month_axis_holds_undated_and_72_months() -> None:
    assert calendar.MONTHS[0] == calendar.UNDATED == "undated"
    assert calendar.MONTHS[1] == "1998-01"
    assert calendar.MONTHS[-1] == "2003-12"
    assert len(calendar.MONTHS) == len(set(calendar.MONTHS)) == 73


def test_the_year_axis_holds_undated_and_six_years() -> None:
    assert calendar.YEARS == ("undated", "1998", "1999", "2000", "2001", "2002", "2003")


@pytest.mark.parametrize(
    ("date_sk", "month"),
    [
        (None, "undated"),
        (calendar.FIRST_DATE_SK - 1, "undated"),
        (calendar.FIRST_DATE_SK, "1998-01"),
        (calendar.sk_of(date(2000, 2, 29)), "2000-02"),
        (calendar.sk_of(date(2000, 3, 1)), "2000-03"),
        (calendar.LAST_DATE_SK, "2003-12"),
        (calendar.LAST_DATE_SK + 1, "undated"),
    ],
)
def test_a_day_belongs_to_its_month_and_without_one_it_is_undated(date_sk: int | None, month: str) -> None:
    assert calendar.month_of(date_sk) == month


@pytest.mark.parametrize("month", calendar.MONTHS[1:])
def test_first_and_last_day_bound_a_month_exactly(month: str) -> None:
    first, last = calendar.first_sk_of(month), calendar.last_sk_of(month)
    assert calendar.date_of(first).day == 1
    assert calendar.month_of(first) == calendar.month_of(last) == month
    assert calendar.date_of(last + 1).day == 1
    assert 28 <= last - first + 1 <= 31


def test_february_ends_on_the_29th_in_the_leap_year_only() -> None:
    assert calendar.date_of(calendar.last_sk_of("2000-02")) == date(2000, 2, 29)
    assert calendar.date_of(calendar.last_sk_of("2001-02")) == date(2001, 2, 28)


def test_the_months_cover_the_calendar_without_gap() -> None:
    months = calendar.MONTHS[1:]
    assert calendar.first_sk_of(months[0]) == calendar.FIRST_DATE_SK
    assert calendar.last_sk_of(months[-1]) == calendar.LAST_DATE_SK
    for month in months[:-1]:
        following = calendar.month_after(month)
        assert following is not None
        assert calendar.first_sk_of(following) == calendar.last_sk_of(month) + 1


@pytest.mark.parametrize(
    ("month", "before", "after"),
    [
        ("2000-06", "2000-05", "2000-07"),
        ("2000-01", "1999-12", "2000-02"),
        ("1999-12", "1999-11", "2000-01"),
        ("1998-01", None, "1998-02"),
        ("2003-12", "2003-11", None),
        ("undated", None, None),
    ],
)
def test_months_have_neighbours_within_the_calendar_only(month: str, before: str | None, after: str | None) -> None:
    assert calendar.month_before(month) == before
    assert calendar.month_after(month) == after
