"""The profile of a table on a hand-made lake: exact figures, every kind of proposal, and what must never be shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lake_assets.cli import profile as shown
from lake_assets.cli.profile import PERSONAL, show_profile
from lake_assets.contract.layers import BRONZE, GOLD, LOAD_TIMESTAMP, SILVER, SOURCE_BATCH
from lake_assets.contract.model import Column, ForeignKey
from lake_assets.errors import QueryError
from lake_assets.lake import layout
from lake_assets.query.profile import (
    FEW_VALUES,
    OFTEN,
    ROWS_NEEDED,
    SHAPES_OF_A_FORM,
    TEXTS_OF_A_FORM,
    VALUES_WITH_A_TOP,
    ColumnProfile,
    Proposal,
    form_of,
    profile_table,
)
from lake_assets_tests.support.lake_support import put_table

KEY = Column("k_key_sk", "BIGINT", "", nullable=False, low=1)
ROWS = 2 * ROWS_NEEDED

Profiled = Callable[..., tuple[ColumnProfile, list[Proposal]]]


def text(name: str = "k_text", **rules: Any) -> Column:
    return Column(name, "CHAR(20)", "", **rules)


def whole(name: str = "k_number", **rules: Any) -> Column:
    return Column(name, "INT", "", **rules)


def key(name: str, **rules: Any) -> Column:
    return Column(name, "BIGINT", "", **rules)


def amount(name: str = "k_amount", **rules: Any) -> Column:
    return Column(name, "DECIMAL(7,2)", "", **rules)


def but_one_null(values: Iterable[Any]) -> list[Any]:
    """The values without the rule `filled`."""
    return [*values, None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "lake"
    folder.mkdir()
    return folder


@pytest.fixture
def profiled(root: Path, monkeypatch: pytest.MonkeyPatch) -> Profiled:
    """Profile a column with these values; `of_table` changes what the contract says of its table."""

    def profile(column: Column, values: Iterable[Any], **of_table: Any) -> tuple[ColumnProfile, list[Proposal]]:
        put_column(root, monkeypatch, column, values, **of_table)
        result = profile_table(root, "reason")
        assert [each.name for each in result.columns[:2]] == [KEY.name, column.name]
        return result.columns[1], [each for each in result.proposals if each.column == column.name]

    return profile


@pytest.fixture
def shown_to(root: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """What is printed of the profiled table in a form."""

    def show(form: str) -> str:
        show_profile(profile_table(root, "reason"), form)
        return capsys.readouterr().out

    return show


def put_column(
    root: Path, monkeypatch: pytest.MonkeyPatch, column: Column, values: Iterable[Any], **of_table: Any
) -> None:
    """A dimension under the name of `reason` that has a key and this column, with these values."""
    source = SILVER["reason"].source
    assert source is not None
    columns = (KEY, column)
    made = replace(source, columns=columns, primary_key=(KEY.name,), business_key=None, **of_table)
    table = replace(
        SILVER["reason"], columns=(*columns, SOURCE_BATCH, LOAD_TIMESTAMP), primary_key=(KEY.name,), source=made
    )
    monkeypatch.setitem(SILVER, "reason", table)
    rows = [{KEY.name: number, column.name: value} for number, value in enumerate(values, start=1)]
    put_table(root, layout.object_key(table, "all"), table, rows)


def put_dimension(root: Path, name: str, keys: Iterable[int]) -> None:
    table = SILVER[name]
    put_table(root, layout.object_key(table, "all"), table, [{table.primary_key[0]: number} for number in keys])


def proposed(column: str, kind: Any, words: str, evidence: str) -> list[Proposal]:
    return [Proposal(kind, column, words, evidence)]


# What columns hold.


def test_a_column_is_counted_exactly(profiled: Profiled) -> None:
    column, _ = profiled(text(), ["b"] * 3 + ["a"] * 3 + ["c"] * 2 + ["d"] * 2 + ["e", None, None])
    assert column == ColumnProfile(
        "k_text", "CHAR(20)", False, 13, 2, 5, low="a", high="e", top=(("a", 3), ("b", 3), ("c", 2))
    )


@pytest.mark.parametrize(
    ("column", "low", "high"),
    [
        (amount(), Decimal("-0.50"), Decimal("10.00")),
        (Column("k_day", "DATE", ""), date(1998, 1, 2), date(2003, 12, 31)),
        (Column("k_flag", "BOOLEAN", ""), False, True),
        (key("k_long"), -(1 << 40), 1 << 40),
        (Column("k_when", "TIMESTAMP", ""), datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC)),
    ],
)
def test_values_of_every_type_keep_it(profiled: Profiled, column: Column, low: Any, high: Any) -> None:
    found, proposals = profiled(column, [high, low, None, high])
    assert (found.low, found.high, found.distinct, found.nulls, found.top) == (low, high, 2, 1, ((high, 2),))
    assert proposals == []


def test_a_column_without_values_has_no_smallest_and_no_largest(profiled: Profiled) -> None:
    found, proposals = profiled(whole(), [None] * ROWS)
    assert (found.rows, found.nulls, found.distinct, found.low, found.high, found.top) == (
        ROWS,
        ROWS,
        0,
        None,
        None,
        (),
    )
    assert proposals == []


def test_a_table_without_rows_has_columns_without_values(profiled: Profiled, root: Path) -> None:
    found, proposals = profiled(whole(), [])
    assert (found.rows, found.nulls, found.distinct) == (0, 0, 0)
    assert proposals == []
    show_profile(profile_table(root, "reason"), "table")


def test_frequent_values_are_told_only_where_they_say_something(profiled: Profiled) -> None:
    repeated = [number // 2 for number in range(2 * VALUES_WITH_A_TOP)]
    assert profiled(whole(), repeated)[0].top == ((0, 2), (1, 2), (2, 2))
    assert profiled(whole(), [*repeated, VALUES_WITH_A_TOP])[0].top == ()
    assert profiled(whole(), range(10))[0].top == ()


def test_the_partition_is_the_last_column(root: Path) -> None:
    table = SILVER["inventory"]
    for month, rows in (("1998-01", 1), ("undated", 2)):
        put_table(root, layout.object_key(table, month), table, [{"inv_item_sk": 1}] * rows)
    found = profile_table(root, "inventory").columns[-1]
    assert (found.name, found.type, found.rows, found.distinct) == ("inventory_month", "partition", 3, 2)
    assert found.top == (("undated", 2),)


# What is proposed.


def test_a_column_without_null_is_proposed_as_filled(profiled: Profiled) -> None:
    day = Column("k_day", "DATE", "")
    assert profiled(day, [date(1998, 1, 1)] * ROWS)[1] == proposed(
        "k_day", "filled", "filled=True", "no NULL in 200 rows"
    )
    assert profiled(day, but_one_null([date(1998, 1, 1)] * ROWS))[1] == []


def test_a_few_texts_that_all_recur_are_proposed_as_accepted_values(profiled: Profiled) -> None:
    values = ["no"] * 150 + ['y"es'] * (50 - OFTEN) + ["ö"] * OFTEN
    assert profiled(text(), but_one_null(values))[1] == proposed(
        "k_text", "values", r'values=("no", "y\"es", "ö")', "3 values in 200 rows, the rarest in 5"
    )
    assert profiled(text(), but_one_null(values[:-1]))[1] == []


def test_more_texts_than_anybody_checks_are_no_closed_set(profiled: Profiled) -> None:
    def values(count: int) -> list[Any]:
        return but_one_null([f"Value {number * 'x'}." for number in range(count)] * OFTEN)

    assert [each.kind for each in profiled(text(), values(FEW_VALUES))[1]] == ["values"]
    assert "values" not in [each.kind for each in profiled(text(), values(FEW_VALUES + 1))[1]]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        (text(), "Unknown", 'values=("Unknown",)'),
        (whole(), 7, "low=7, high=7"),
        (amount(), Decimal("-0.50"), 'low=Decimal("-0.50"), high=Decimal("-0.50")'),
        (amount(), Decimal("12000.00"), "low=12_000, high=12_000"),
    ],
)
def test_a_single_value_is_proposed_as_a_constant(profiled: Profiled, column: Column, value: Any, words: str) -> None:
    assert profiled(column, but_one_null([value] * ROWS))[1] == proposed(
        column.name, "constant", words, "the only value, in 200 rows"
    )


@pytest.mark.parametrize(
    ("column", "values", "words", "evidence"),
    [
        (
            whole(),
            [-3] * 5 + list(range(1, 191)) + [20_000] * 5,
            "low=-3, high=20_000",
            "smallest -3 (5x), largest 20000 (5x) in 200 values",
        ),
        (whole(), [2, *range(2, 201)], "low=0", "smallest 2 (2x) in 200 values"),
        (whole(), [*range(1, 200), 199], "low=1", "smallest 1 (1x) in 200 values"),
        (whole(), [-4, *range(-4, 191)] + [191] * 4, None, None),
        (
            amount(),
            [Decimal("0.09")] * 6 + [Decimal(number) for number in range(2, 196)],
            'low=Decimal("0.09")',
            "smallest 0.09 (6x) in 200 values",
        ),
        (
            whole(low=-9),
            [-3] * 5 + list(range(1, 191)) + [191] * 5,
            "high=191",
            "largest 191 (5x) in 200 values",
        ),
        (whole(high=999), [-3] * 5 + list(range(1, 196)), "low=-3", "smallest -3 (5x) in 200 values"),
    ],
    ids=["both", "not negative", "counts from one", "neither", "decimal", "only high lacks", "only low lacks"],
)
def test_bounds_at_which_numbers_pile_up_are_proposed(
    profiled: Profiled, column: Column, values: list[Any], words: str | None, evidence: str
) -> None:
    wanted = proposed(column.name, "bounds", words, evidence) if words else []
    assert profiled(column, but_one_null(values))[1] == wanted


def test_numbers_of_keys_have_no_upper_bound(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_column(root, monkeypatch, whole(low=0, high=9), [])
    table = SILVER["reason"]
    number = replace(table.columns[1], high=None)
    columns = (KEY, number, *table.columns[2:])
    assert table.source is not None
    source = replace(table.source, columns=columns[:2], primary_key=(KEY.name, number.name))
    monkeypatch.setitem(
        SILVER, "reason", replace(table, columns=columns, primary_key=source.primary_key, source=source)
    )
    rows = [{KEY.name: row, number.name: None if row == 0 else row % 3} for row in range(ROWS)]
    put_table(root, layout.object_key(table, "all"), SILVER["reason"], rows)
    assert [each for each in profile_table(root, "reason").proposals if each.kind == "bounds"] == []


def test_the_common_form_of_texts_is_proposed_as_a_pattern(profiled: Profiled) -> None:
    values = [f"{number:05}" for number in range(ROWS)]
    found = profiled(text(), but_one_null([*values, "00000"]))[1]
    assert found == proposed("k_text", "pattern", 'pattern="[0-9]{5}"', "all of 201 values, 200 different ones")
    assert profiled(text(), but_one_null([*values, "1", "00000"]))[1][0].words == 'pattern="[0-9]+"'
    assert profiled(text(), but_one_null([*values, "unknown", "unknown"]))[1][0].words == 'pattern="[a-z0-9]+"'
    assert profiled(text(), but_one_null([*values, "Unknown", "Unknown"]))[1] == []


def test_few_different_texts_have_no_form(profiled: Profiled) -> None:
    fewest = [f"{number:05}" for number in range(TEXTS_OF_A_FORM)]
    often = fewest[:1] * ROWS
    assert [each.kind for each in profiled(text(), but_one_null(often + fewest))[1]] == ["pattern"]
    assert profiled(text(), but_one_null(often + fewest[:-1]))[1] == []


@pytest.mark.parametrize(
    ("shapes", "pattern"),
    [
        ({"99999"}, "[0-9]{5}"),
        ({"9999A9"}, "[0-9]{4}[A-Z][0-9]"),
        ({"aaa.aa@a"}, r"[a-z]{3}\.[a-z]{2}@[a-z]"),
        ({"a^(9)"}, r"[a-z]\^\([0-9]\)"),
        ({"Aaa", "Aaaaa"}, "[A-Z][a-z]+"),
        ({"Aa 9", "Aa 99"}, "[A-Z][a-z]+ [0-9]+"),
        ({"AA", "AAA"}, "[A-Z]+"),
        ({"A9", "9A"}, "[A-Z0-9]{2}"),
        ({"a-a", "a/aa", "a a a"}, "[a-z /-]+"),
        ({"a]", "[a"}, r"[a-z\[\]]{2}"),
        ({"9.99", "99"}, r"[0-9\.]+"),
        ({"aA", "Aa"}, None),
        ({"a!", "a?b", "a;", "a:"}, None),
        ({"", "aa"}, None),
        ({"aä", "aö"}, None),
        ({"a\n", "aa"}, None),
        ({"a" * number for number in range(1, SHAPES_OF_A_FORM + 2)}, None),
    ],
)
def test_a_form_is_the_narrowest_that_fits_all(shapes: set[str], pattern: str | None) -> None:
    assert form_of(shapes) == pattern


def test_a_column_whose_values_never_repeat_is_proposed_as_unique(profiled: Profiled) -> None:
    values = [f"Text {'x' * (number % 15)}{number}" for number in range(ROWS)]
    found = profiled(text(pattern=".*"), but_one_null(values))[1]
    assert found == proposed("k_text", "unique", 'also_unique=("k_text",)', "200 values, none twice")
    assert profiled(text(pattern=".*"), but_one_null([*values, values[0]]))[1] == []


def test_amounts_that_differ_are_not_taken_for_unique(profiled: Profiled) -> None:
    values = [Decimal(number) for number in range(ROWS)]
    assert [each.kind for each in profiled(amount(), but_one_null(values))[1]] == ["bounds"]


def test_values_that_are_keys_of_a_dimension_are_proposed_as_a_reference(root: Path, profiled: Profiled) -> None:
    put_dimension(root, "warehouse", range(1, 11))
    values = but_one_null([1 + number % 7 for number in range(ROWS)])
    found = profiled(key("k_from_warehouse_sk"), values)[1]
    # The bounds of a reference are not its own, though numbers pile up at 1 and at 7.
    assert found == proposed(
        "k_from_warehouse_sk",
        "foreign_key",
        'references(warehouse=("k_from_warehouse_sk",))',
        "all 7 different values are among the 10 keys of warehouse",
    )
    assert profiled(key("k_from_warehouse_sk"), [*values, 11])[1][0].kind == "bounds"
    assert profiled(whole("k_from_warehouse_sk"), values)[1][0].kind == "bounds"
    assert profiled(key("k_pieces"), values)[1][0].kind == "bounds"


def test_of_several_dimensions_that_with_the_most_similar_key_is_proposed(root: Path, profiled: Profiled) -> None:
    for name, keys in (("store", 9), ("warehouse", 99), ("promotion", 8), ("item", 2)):
        put_dimension(root, name, range(1, keys + 1))
    values = but_one_null([1 + number % 7 for number in range(ROWS)])
    (found,) = profiled(key("k_warehouse_sk"), values)[1]
    assert found.words == 'references(warehouse=("k_warehouse_sk",))'
    assert found.evidence.endswith("among the 99 keys of warehouse (and among those of promotion, store)")
    (found,) = profiled(key("k_somewhere_sk"), values)[1]
    assert found.words == 'references(promotion=("k_somewhere_sk",))'


# What is not proposed.

CLOSED = but_one_null(["Y", "N"] * ROWS)
ZIPS = but_one_null([f"{number:05}" for number in range(ROWS)] * 2)


@pytest.mark.parametrize(
    ("column", "values", "of_table"),
    [
        (text(values=("Y", "N", "U")), CLOSED, {}),
        (text(pattern="[YN]"), CLOSED, {}),
        (text(values=("Y",)), but_one_null(["Y"] * ROWS), {}),
        (text(pattern="[0-9]{1,5}"), ZIPS, {}),
        (text(filled=True, values=("Y",)), ["Y"] * ROWS, {}),
        (text(nullable=False, values=("Y",)), ["Y"] * ROWS, {}),
        (whole(low=0, high=9), but_one_null([1] * ROWS), {}),
        (whole(low=0, high=9999), but_one_null(range(ROWS)), {"also_unique": ("k_number",)}),
        (
            key("k_warehouse_sk"),
            but_one_null([1, 2] * ROWS),
            {"foreign_keys": (ForeignKey("k_warehouse_sk", "warehouse"),)},
        ),
    ],
    ids=["values", "pattern", "constant", "form", "filled", "not null", "bounds", "unique", "reference"],
)
def test_what_the_contract_has_is_not_proposed_again(
    root: Path, profiled: Profiled, column: Column, values: Iterable[Any], of_table: dict[str, Any]
) -> None:
    put_dimension(root, "warehouse", (1, 2, 3))
    assert profiled(column, values, **of_table)[1] == []


def test_fewer_than_a_hundred_rows_prove_nothing(profiled: Profiled) -> None:
    assert profiled(text(), ["Y"] * (ROWS_NEEDED - 1))[1] == []
    assert [each.kind for each in profiled(text(), ["Y"] * ROWS_NEEDED)[1]] == ["filled", "constant"]


def test_fewer_than_a_hundred_values_prove_nothing_in_any_number_of_rows(profiled: Profiled) -> None:
    assert profiled(text(), ["Y"] * (ROWS_NEEDED - 1) + [None] * ROWS)[1] == []
    assert [each.kind for each in profiled(text(), ["Y"] * ROWS_NEEDED + [None] * ROWS)[1]] == ["constant"]


def test_columns_that_the_lake_adds_get_no_rules(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_column(root, monkeypatch, text(), [])
    table = SILVER["reason"]
    rows = [{KEY.name: row, SOURCE_BATCH.name: "batch-000001"} for row in range(1, ROWS)]
    put_table(root, layout.object_key(table, "all"), table, rows)
    found = profile_table(root, "reason")
    assert [column.name for column in found.columns][2:] == [SOURCE_BATCH.name, LOAD_TIMESTAMP.name]
    assert found.columns[2].top == (("batch-000001", ROWS - 1),)
    assert found.proposals == ()


def test_a_gold_table_gets_only_rules_that_it_can_state(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = GOLD["daily_sales_summary"]
    put_dimension(root, "warehouse", range(ROWS))
    columns = (KEY, key("warehouse_sk"), Column("load_timestamp", "TIMESTAMP", ""))
    made = replace(table, columns=columns, primary_key=(KEY.name,))
    monkeypatch.setitem(GOLD, "daily_sales_summary", made)
    rows = [{KEY.name: row + 1, "warehouse_sk": row} for row in range(ROWS)]
    put_table(root, layout.object_key(table, "1998-01"), made, rows)
    assert profile_table(root, "daily_sales_summary").proposals == (
        Proposal("filled", "warehouse_sk", "nullable=False", "no NULL in 200 rows"),
        Proposal("bounds", "warehouse_sk", "low=0", "smallest 0 (1x) in 200 values"),
    )


# Personal data.


@pytest.mark.parametrize(
    ("column", "values", "kinds"),
    [
        (text(personal=True), ["Ada", "Grace"] * ROWS, ["filled"]),
        (text(personal=True), ["Ada"] * ROWS, ["filled"]),
        (whole(personal=True), [1815, 1906] * ROWS, ["filled"]),
        (whole(personal=True), [1815] * ROWS, ["filled"]),
        (text(personal=True), [f"1815{number:03}" for number in range(ROWS)], ["filled", "pattern", "unique"]),
    ],
    ids=["few texts", "one text", "few numbers", "one number", "form"],
)
def test_personal_data_is_never_shown(
    shown_to: Callable[[str], str],
    profiled: Profiled,
    column: Column,
    values: list[Any],
    kinds: list[str],
) -> None:
    found, proposals = profiled(column, values)
    assert (found.low, found.high, found.top) == (None, None, ())
    assert found.distinct == len(set(values))
    assert [each.kind for each in proposals] == kinds
    for form in ("table", "json"):
        told = shown_to(form)
        assert (PERSONAL in told) == (form == "table")
        assert not any(sign in told for sign in ("Ada", "Grace", "1815", "1906"))


# Which table is meant.


def test_a_name_without_a_layer_means_silver_then_bronze(root: Path) -> None:
    bronze = BRONZE["reason"]
    put_table(root, layout.bronze_object_key(bronze, "batch-000001", "a.dat"), bronze, [{"r_reason_sk": 1}])
    assert profile_table(root, "reason").table is bronze
    put_dimension(root, "reason", (1, 2))
    assert profile_table(root, "reason").table is SILVER["reason"]
    assert profile_table(root, " Silver.REASON").table is SILVER["reason"]
    assert profile_table(root, "bronze.reason").table is bronze


def test_a_name_without_a_layer_can_mean_gold(root: Path) -> None:
    table = GOLD["daily_sales_summary"]
    put_table(root, layout.object_key(table, "1998-01"), table, [{"channel": "web"}])
    assert profile_table(root, "daily_sales_summary").table is table


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "resaon",
            "Unknown table 'resaon'. Did you mean reason? Tables are named layer.table; there are silver.item, ",
        ),
        ("silver.resaon", "Did you mean silver.reason"),
        ("gold.reason", "Did you mean silver.reason"),
        ("zzz", "Unknown table 'zzz'. Tables are named layer.table; there are silver.item, silver.reason."),
        ("", "Unknown table ''. Tables are named"),
        ("inventory", "Nothing is published yet in silver.inventory, bronze.inventory. Run `lake-assets run` first."),
        ("bronze.item", "Nothing is published yet in bronze.item. Run"),
    ],
)
def test_a_table_that_is_not_there_is_told_with_those_that_are(root: Path, name: str, told: str) -> None:
    put_dimension(root, "reason", (1,))
    put_dimension(root, "item", (1,))
    with pytest.raises(QueryError) as raised:
        profile_table(root, name)
    assert told in str(raised.value)


def test_in_an_empty_lake_the_way_to_fill_it_is_told(root: Path) -> None:
    with pytest.raises(QueryError, match=r"Nothing is published in the lake at .* yet\. Run `lake-assets run` first"):
        profile_table(root, "item")


def test_a_table_whose_columns_are_not_those_of_the_contract_is_named(root: Path, profiled: Profiled) -> None:
    profiled(text(), ["a"])
    put_table(root, layout.object_key(SILVER["reason"], "all"), SILVER["item"], [])
    with pytest.raises(QueryError, match=r"silver\.reason cannot be read: .*k_key_sk"):
        profile_table(root, "reason")


# How it is shown.


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A terminal of 100 columns that remembers what it shows."""
    console = Console(width=100, record=True, color_system=None)
    monkeypatch.setattr(shown, "output", console)
    return console


def test_a_profile_has_a_line_per_column_in_100_columns(root: Path, terminal: Console) -> None:
    table = SILVER["store_sales"]
    row = {column.name: Decimal("-12345.67") for column in table.columns if column.type == "DECIMAL(7,2)"}
    put_table(root, layout.object_key(table, "1998-01"), table, [row] * 2)
    show_profile(profile_table(root, "store_sales"), "table")
    lines = terminal.export_text().splitlines()
    assert lines[0] == "silver.store_sales: 2 rows"
    assert [line.split()[0] for line in lines[3 : 3 + len(table.columns)]] == [column.name for column in table.columns]
    assert max(map(len, lines)) <= 100


def test_values_are_shown_as_they_are_even_if_they_look_like_markup(
    root: Path, profiled: Profiled, terminal: Console
) -> None:
    profiled(text(), ["[red]a"] * 120 + ["b "] * 70 + [""] * 10)
    show_profile(profile_table(root, "reason"), "table")
    told = terminal.export_text()
    assert "[red]a (120) | 'b ' (70) | '' (10)" in told
    assert 'values=("", "[red]a", "b ")' in told


def test_a_share_is_neither_none_nor_all_when_it_only_nearly_is(
    root: Path, profiled: Profiled, terminal: Console
) -> None:
    def share(nulls: int, values: int) -> str:
        profiled(text(), [None] * nulls + ["a"] * values)
        show_profile(profile_table(root, "reason"), "table")
        (line,) = (line for line in terminal.export_text().splitlines() if f"{nulls:,} " in line and "k_text" in line)
        return line.split()[3]

    assert [share(1, 2), share(1, 2000), share(2000, 1), share(7, 0)] == ["33.3%", "<0.1%", ">99.9%", "100%"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (ROWS_NEEDED - 1, "No rules are proposed: what holds in fewer than 100 rows may hold by chance."),
        (ROWS_NEEDED, "No rules to add: the contract has all that 100 rows suggest."),
    ],
)
def test_why_nothing_is_proposed_is_told(
    root: Path, profiled: Profiled, terminal: Console, rows: int, told: str
) -> None:
    profiled(text(filled=True, values=("a",)), ["a"] * rows)
    show_profile(profile_table(root, "reason"), "table")
    assert told in terminal.export_text()


def test_a_program_reads_the_profile_as_json(profiled: Profiled, shown_to: Callable[[str], str]) -> None:
    profiled(amount(), [Decimal("0.50")] * 150 + [None] * 50)
    told = json.loads(shown_to("json"))
    assert {name: told[name] for name in ("table", "rows", "rows_needed_for_proposals")} == {
        "table": "silver.reason",
        "rows": 200,
        "rows_needed_for_proposals": 100,
    }
    assert told["columns"][1] == {
        "name": "k_amount",
        "type": "DECIMAL(7,2)",
        "personal": False,
        "rows": 200,
        "nulls": 50,
        "null_share": 0.25,
        "distinct": 1,
        "min": "0.50",
        "max": "0.50",
        "top": [{"value": "0.50", "rows": 150}],
    }
    assert told["proposals"] == [
        {
            "kind": "constant",
            "column": "k_amount",
            "add": 'low=Decimal("0.50"), high=Decimal("0.50")',
            "evidence": "the only value, in 150 rows",
        }
    ]
