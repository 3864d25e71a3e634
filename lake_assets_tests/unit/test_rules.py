"""The rules as data: which table has which, what they are called, what they say, and what may be done with them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import get_args

import pytest

from lake_assets.contract.invariants import ACROSS, tables_of
from lake_assets.contract.layers import BRONZE, GOLD, LAKE_TABLES, SILVER, LakeTable
from lake_assets.contract.lineage import upstream
from lake_assets.contract.model import Column, Table
from lake_assets.contract.quality import RESULTS
from lake_assets.contract.rules import KINDS, Kind, Rule, Scope, overridden, rule_of, rules_of
from lake_assets.contract.tables import FACTS, TABLES
from lake_assets.contract.types import is_text, text_length

EVERY_RULE = [(table, rule) for table in LAKE_TABLES for rule in rules_of(table)]
HISTORY = ("history__no_overlap", "history__one_open_version", "history__start_before_end")
SALE = ("sale__amount", "sale__date", "sale__exists", "sale__price", "sale__quantity")
SCD2_TABLES = ["call_center", "item", "store", "web_page", "web_site"]
SALES = ["catalog_sales", "store_sales", "web_sales"]
RETURNS = ["catalog_returns", "store_returns", "web_returns"]


def names(table: LakeTable, *kinds: Kind) -> list[str]:
    """Names of the rules of these kinds, or of all rules."""
    return sorted(rule.name for rule in rules_of(table) if rule.kind in kinds or not kinds)


def named(kind: Kind, columns: Iterable[str]) -> list[str]:
    return sorted(f"{kind}__{column}" for column in columns)


def rule(table: LakeTable, name: str) -> Rule:
    return rule_of(table, name)


def columns_of(table: LakeTable) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns)


def with_columns(table: Table, **changes: object) -> LakeTable:
    """The silver table of a source table, all of whose columns that have the named bounds have others."""

    def changed(column: Column) -> Column:
        found = {name: value for name, value in changes.items() if getattr(column, name) not in (None, ())}
        return replace(column, **found)  # type: ignore[arg-type]

    source = replace(table, columns=tuple(changed(column) for column in table.columns))
    return replace(SILVER[table.name], source=source)


def test_there_are_as_many_rules_of_each_kind_as_the_contract_gives_reason_for() -> None:
    assert Counter(rule.kind for _, rule in EVERY_RULE) == {
        "readable": 24,
        "schema": 24,
        "not_null": 198,
        "calendar": 7,
        "accepted_values": 70,
        "range": 174,
        "pattern": 48,
        "length": 145,
        "identity": 43,
        "foreign_key": 104,
        "sale": 15,
        "order_header": 6,
        "history": 15,
        "unique": 43,
        "partition": 3,
        "recomputed": 53,
        "ranking": 6,
        "complete": 2,
        "totals": 12,
        "row_count": 28,
        "conservation": 48,
        "freshness": 24,
    }


def test_at_least_four_hundred_rules_guard_the_lake() -> None:
    assert len(EVERY_RULE) == 1092
    assert len(EVERY_RULE) >= 400


def test_every_kind_is_explained_and_used() -> None:
    assert list(KINDS) == list(get_args(Kind))
    assert {rule.kind for _, rule in EVERY_RULE} == set(KINDS)
    assert {rule.scope for _, rule in EVERY_RULE} == set(get_args(Scope))


@pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.identifier)
def test_a_name_is_unique_in_its_table_and_fit_for_a_check_a_path_and_a_setting(table: LakeTable) -> None:
    found = names(table)
    assert len(found) == len(set(found))
    assert [name for name in found if not re.fullmatch(r"[a-z0-9_]+", name)] == []
    assert max(len(name) for name in found) <= _length_of("rule")


def test_a_name_is_its_kind_and_what_it_is_about() -> None:
    assert [rule.name for _, rule in EVERY_RULE if not rule.name.startswith(rule.kind)] == []
    assert rule(SILVER["store_sales"], "range__ss_quantity").subject == "ss_quantity"
    assert rule(SILVER["store_sales"], "row_count").subject == ""


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_another_bound_keeps_every_name_and_changes_what_is_said(table: Table) -> None:
    before = rules_of(SILVER[table.name])
    changed = rules_of(with_columns(table, low=-7_654_321, high=7_654_321, values=("another",), pattern="another"))
    assert [rule.name for rule in changed] == [rule.name for rule in before]
    said = {new.name for new, old in zip(changed, before, strict=True) if new.sentence != old.sentence}
    assert said == set(names(SILVER[table.name], "range", "accepted_values", "pattern"))


def test_another_length_keeps_the_name() -> None:
    reason = TABLES["reason"]
    longer = [replace(column, type="VARCHAR(999)") if is_text(column) else column for column in reason.columns]
    table = replace(SILVER["reason"], source=replace(reason, columns=tuple(longer)))
    assert names(table) == names(SILVER["reason"])
    assert rule(table, "length__r_reason_desc").sentence == "r_reason_desc has at most 999 characters."


@pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.identifier)
def test_every_rule_says_in_one_sentence_what_it_demands(table: LakeTable) -> None:
    for found in rules_of(table):
        assert found.sentence.endswith("."), found
        assert "\n" not in found.sentence, found
        assert "  " not in found.sentence, found
        assert "None" not in found.sentence, found
        assert len(found.sentence) <= _length_of("sentence"), found
    sentences = [found.sentence for found in rules_of(table)]
    assert len(sentences) == len(set(sentences))


def _length_of(column: str) -> int:
    """As many characters as the table of results has room for."""
    length = next(text_length(known) for known in RESULTS if known.name == column)
    assert length is not None
    return length


def test_every_sentence_names_the_columns_that_it_is_about() -> None:
    # Of a whole file or line all columns are read; of a sale's return the key is told as "the same item and order".
    of_columns = [
        (table, rule) for table, rule in EVERY_RULE if rule.scope not in ("line", "file", "sale", "publication")
    ]
    assert [
        f"{table.identifier}.{rule.name}"
        for table, rule in of_columns
        if not any(re.search(rf"\b{column}\b", rule.sentence) for column in rule.columns)
    ] == []
    assert [
        f"{table.identifier}.{rule.name}"
        for table, rule in of_columns
        if rule.subject in columns_of(table) and not re.search(rf"\b{rule.subject}\b", rule.sentence)
    ] == []


def test_rules_of_a_whole_file_or_table_name_the_table() -> None:
    for table, found in EVERY_RULE:
        if found.kind in ("readable", "schema", "freshness") or (found.kind == "conservation"):
            assert table.name in found.sentence


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("not_null__ss_item_sk", "ss_item_sk is never missing."),
        (
            "calendar__ss_sold_date_sk",
            "Where ss_sold_date_sk is present, it is a day from 1998 to 2003, the years of the lake's partitions.",
        ),
        ("range__ss_quantity", "ss_quantity is between 1 and 100."),
        ("range__ss_ticket_number", "ss_ticket_number is at least 1."),
        (
            "identity__ss_net_profit",
            "ss_net_profit = ss_net_paid - ss_ext_wholesale_cost, wherever all of them are present.",
        ),
        ("foreign_key__ss_store_sk", "Where ss_store_sk is present, store has that row."),
        (
            "order_header__customer",
            "All lines with the same ss_ticket_number that have a ss_customer_sk have the same one.",
        ),
        (
            "unique__primary_key",
            "No two rows have the same ss_item_sk and ss_ticket_number; of those that do, the one delivered last stays.",
        ),
        (
            "row_count",
            "A partition of 100 rows or more neither loses more than 50% of them at once nor grows to more than 10 times as "
            "many.",
        ),
    ],
)
def test_what_rules_of_store_sales_say(name: str, sentence: str) -> None:
    assert rule(SILVER["store_sales"], name).sentence == sentence


@pytest.mark.parametrize("table", BRONZE.values(), ids=lambda table: table.name)
def test_a_bronze_table_has_rules_about_its_lines_its_files_and_their_sum(table: LakeTable) -> None:
    assert [(rule.name, rule.scope, rule.action) for rule in rules_of(table)] == [
        ("readable", "line", "quarantine"),
        ("schema", "file", "block"),
        ("conservation", "publication", "block"),
    ]
    assert rule(table, "readable").columns == columns_of(table)


@pytest.mark.parametrize("table", GOLD.values(), ids=lambda table: table.name)
def test_a_gold_table_has_rules_about_its_key_its_required_columns_its_rows_and_its_sources(table: LakeTable) -> None:
    required = [column.name for column in table.columns if not column.nullable]
    assert names(table, "not_null") == named("not_null", required)
    assert names(table, "unique", "row_count") == ["row_count", "unique__primary_key"]
    assert {"totals__sales", "totals__returns"} <= set(names(table, "totals"))
    # The month of what has no date is none; whether another month is missing follows from its day.
    assert set(table.primary_key) - set(required) <= {"month"}


@pytest.mark.parametrize("table", GOLD.values(), ids=lambda table: table.name)
def test_every_quotient_and_every_difference_of_a_gold_table_is_recomputed(table: LakeTable) -> None:
    """What is not has no operands in the table: what a model expects, which is recomputed across tables."""
    derived = {
        column.name
        for column in table.columns
        if column.type == "DECIMAL(18,6)" or re.match(r"\w+ - \w+[,.]", column.comment)
    }
    ruled = {rule.subject for rule in rules_of(table) if rule.kind == "recomputed"}
    assert derived - ruled <= {"expected_orders_12m", "ltv_12m"}


def test_only_an_expectation_below_zero_and_a_cohort_that_loses_customers_may_be_published() -> None:
    warned = {(table.name, rule.name) for table in GOLD.values() for rule in rules_of(table) if rule.action != "block"}
    assert warned == {("customer_lifetime_value", name) for name in ("range__expected_orders_12m", "row_count")}


def test_an_invariant_is_a_condition_or_a_query_that_reads_its_own_table_and_published_ones() -> None:
    for table in GOLD.values():
        for found in rules_of(table):
            if found.invariant:
                assert bool(found.invariant.condition) != bool(found.invariant.query), found.name
                read = tables_of(found.invariant.query)
                assert read <= {table.identifier, *(silver.identifier for silver in upstream(table))}, found.name


def test_what_holds_across_tables_has_a_name_and_a_sentence_of_its_own() -> None:
    names_across = [f"{invariant.kind}__{invariant.subject}" for invariant in ACROSS]
    assert len(set(names_across)) == len(ACROSS)
    for invariant in ACROSS:
        assert invariant.query
        assert invariant.sentence.endswith(".")
        assert any(re.search(rf"\b{column}\b", invariant.sentence) for column in invariant.columns)
    assert [invariant.subject for invariant in ACROSS if invariant.action == "warn"] == ["sales_of_returns"]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_silver_table_has_the_rules_that_follow_from_its_contract(table: Table) -> None:
    silver = SILVER[table.name]
    columns = table.columns
    required = {column.name for column in columns if column.filled or not column.nullable} | set(table.primary_key)
    assert names(silver, "not_null") == named("not_null", required)
    assert names(silver, "accepted_values") == named("accepted_values", (each.name for each in columns if each.values))
    bounded = [column.name for column in columns if (column.low, column.high) != (None, None)]
    assert names(silver, "range") == named("range", bounded)
    assert names(silver, "pattern") == named("pattern", (column.name for column in columns if column.pattern))
    assert names(silver, "length") == named("length", (column.name for column in columns if is_text(column)))
    assert names(silver, "identity") == named("identity", (identity.column for identity in table.identities))
    assert names(silver, "foreign_key") == named("foreign_key", (key.column for key in table.foreign_keys))
    assert names(silver, "calendar") == named("calendar", [table.month.column] if table.month else [])
    assert names(silver, "sale") == list(SALE if table.name in RETURNS else ())
    assert names(silver, "history") == list(HISTORY if table.name in SCD2_TABLES else ())
    headers = ("order_header__customer", "order_header__date") if table.name in SALES else ()
    assert names(silver, "order_header") == list(headers)
    single = list(table.also_unique)
    if table.business_key and table.name not in SCD2_TABLES:
        single.append(table.business_key)
    assert names(silver, "unique") == sorted([*named("unique", single), "unique__primary_key"])
    assert names(silver, "row_count", "conservation", "freshness") == ["conservation", "freshness", "row_count"]
    assert names(silver, "readable", "schema") == []


def test_the_tables_of_facts_returns_and_histories_are_those_of_the_specification() -> None:
    assert sorted(name for name, table in TABLES.items() if table.scd2) == SCD2_TABLES
    assert sorted(table.name for table in FACTS if table.order) == SALES
    assert sorted(table.name for table in FACTS if table.sale) == RETURNS
    assert len([table for table in SILVER.values() if names(table, "calendar")]) == 7


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_row_of_a_fact_is_taken_out_and_one_of_a_dimension_stays_unless_its_identity_is_wrong(table: Table) -> None:
    of_values = ("accepted_values", "range", "pattern", "length", "identity", "foreign_key")
    for found in rules_of(SILVER[table.name]):
        if found.kind in of_values:
            identifies = found.columns == (table.business_key,)
            assert found.action == ("quarantine" if table.is_fact or identifies else "warn"), found.name
        if found.kind == "not_null":
            (column,) = (each for each in table.columns if each.name == found.subject)
            assert found.action == ("quarantine" if not column.nullable else "warn"), found.name


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("line", ("quarantine", "block")),
        ("file", ("quarantine", "block")),
        ("placement", ("quarantine", "block")),
        ("row", ("warn", "quarantine", "block")),
        ("reference", ("warn", "quarantine", "block")),
        ("sale", ("warn", "quarantine", "block")),
        ("order", ("warn", "block")),
        ("set", ("warn", "block")),
        ("repeats", ("warn", "block")),
        ("publication", ("warn", "block")),
    ],
)
def test_only_rows_can_be_taken_out_and_only_rows_with_a_place_can_stay(scope: Scope, allowed: tuple[str, ...]) -> None:
    found = {rule.allowed_actions for _, rule in EVERY_RULE if rule.scope == scope}
    assert found == {allowed}


def test_of_gold_nothing_can_be_taken_out() -> None:
    found = {rule.allowed_actions for table in GOLD.values() for rule in rules_of(table)}
    assert found == {("warn", "block")}


def test_what_happens_by_default_is_allowed_and_tolerates_nothing() -> None:
    assert [rule for _, rule in EVERY_RULE if rule.action not in rule.allowed_actions] == []
    assert {rule.threshold for _, rule in EVERY_RULE} == {0.0}


def test_a_required_gold_column_blocks_where_a_required_silver_column_takes_the_row_out() -> None:
    assert rule(GOLD["daily_sales_summary"], "not_null__date_sk").action == "block"
    assert rule(SILVER["inventory"], "not_null__inv_date_sk").action == "quarantine"


def test_keys_are_looked_at_before_a_row_is_given_its_place_and_other_columns_after() -> None:
    sales = SILVER["store_sales"]
    before = [found.name for found in rules_of(sales) if found.scope == "placement"]
    assert before == ["not_null__ss_item_sk", "not_null__ss_ticket_number", "calendar__ss_sold_date_sk"]
    assert rule(SILVER["customer"], "not_null__c_customer_sk").scope == "placement"
    assert rule(SILVER["customer"], "not_null__c_customer_id").scope == "row"


def test_a_rule_reads_the_columns_of_its_table_in_their_order() -> None:
    for table, found in EVERY_RULE:
        assert set(found.columns) <= set(columns_of(table)), found
    assert rule(SILVER["store_sales"], "identity__ss_ext_sales_price").columns == (
        "ss_quantity",
        "ss_sales_price",
        "ss_ext_sales_price",
    )
    assert rule(SILVER["date_dim"], "identity__d_month_seq").columns == ("d_month_seq", "d_year", "d_moy")


def test_an_override_changes_what_it_names_and_nothing_else() -> None:
    quantity = rule(SILVER["store_sales"], "range__ss_quantity")
    assert overridden(quantity, None, None) == quantity
    assert overridden(quantity, "warn", None) == replace(quantity, action="warn")
    assert overridden(quantity, None, 0.25) == replace(quantity, threshold=0.25)
    assert overridden(replace(quantity, threshold=0.5), "block", 0.0) == replace(quantity, action="block")


def test_a_rule_that_there_is_not_is_named() -> None:
    with pytest.raises(KeyError, match=r"silver\.reason has no rule 'range__r_reason_desc'"):
        rule_of(SILVER["reason"], "range__r_reason_desc")


def test_the_rules_of_a_table_are_told_in_the_order_in_which_they_are_evaluated() -> None:
    for table in SILVER.values():
        found = [rule.scope for rule in rules_of(table)]
        assert found == sorted(found, key=lambda scope: (scope != "placement", scope == "publication"))
