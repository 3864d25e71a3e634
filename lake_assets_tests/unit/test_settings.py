"""The settings: from the environment, with wrong names and values refused in words that tell what is allowed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lake_assets.contract.layers import BRONZE, SILVER
from lake_assets.contract.rules import Rule, rules_of
from lake_assets.definitions import build_definitions
from lake_assets.errors import SettingsError
from lake_assets.lake.lake import Lake
from lake_assets.lake.task import Violation
from lake_assets.location import S3Folder
from lake_assets.settings import Settings, load_settings, rules_with
from lake_assets_tests.support.lake_support import JANUARY, FakeEngine, arrive, ingest, new_lake, write_source

QUANTITY = "silver.store_sales.range__ss_quantity"


def test_without_any_variable_the_defaults_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.root == tmp_path / "data/lake"
    assert settings.local_source == tmp_path / "data/source"
    assert settings.engine == "sail"
    assert settings.months_per_run == 12
    assert settings.threads == os.cpu_count()
    assert settings.staging_hours == 24
    assert settings.rules == {}
    assert settings.schema_drift == "strict"
    assert settings.fresh_hours == 24
    assert list(tmp_path.iterdir()) == []


def test_variables_set_what_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "LAKE_ROOT": "/lake",
        "LAKE_SOURCE": "~/files",
        "LAKE_ENGINE": "spark",
        "LAKE_MONTHS_PER_RUN": "3",
        "LAKE_MEMORY_GB": "0.5",
        "LAKE_THREADS": "7",
        "LAKE_SCHEMA_DRIFT": "evolve",
        "LAKE_FRESH_HOURS": "0.5",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.schema_drift, settings.fresh_hours) == ("evolve", 0.5)
    assert (settings.local_root, settings.local_source) == (Path("/lake"), Path.home() / "files")
    assert (settings.engine, settings.months_per_run, settings.memory_gb, settings.threads) == ("spark", 3, 0.5, 7)


def test_a_relative_folder_is_one_below_the_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAKE_ROOT", "here")
    settings = load_settings()
    monkeypatch.chdir("/")
    assert settings.local_root == tmp_path / "here"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("LAKE_ENGIN", "Did you mean LAKE_ENGINE?"),
        ("LAKE_MONTH_PER_RUN", "Did you mean LAKE_MONTHS_PER_RUN?"),
        ("LAKE_SOURCES", "Did you mean LAKE_SOURCE?"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_one_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == f"Unknown setting {name}. {hint}"


def test_a_variable_like_none_is_refused_with_all_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_XYZQJ", "x")
    with pytest.raises(SettingsError, match=r"Unknown setting LAKE_XYZQJ\. Settings are LAKE_") as refused:
        load_settings()
    assert all(f"LAKE_{name.upper()}" in str(refused.value) for name in Settings.model_fields)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("LAKE_ENGINE", "duckdb", "'sail', 'spark', 'remote' or 'glue'"),
        ("LAKE_ENGINE", "", "'sail', 'spark', 'remote' or 'glue'"),
        ("LAKE_ENGINE", "Sail", "'sail', 'spark', 'remote' or 'glue'"),
        ("LAKE_MONTHS_PER_RUN", "0", "greater than or equal to 1"),
        ("LAKE_MONTHS_PER_RUN", "many", "valid integer"),
        ("LAKE_MONTHS_PER_RUN", "1.5", "valid integer"),
        ("LAKE_MEMORY_GB", "0", "greater than 0"),
        ("LAKE_MEMORY_GB", "4GB", "valid number"),
        ("LAKE_THREADS", "-1", "greater than or equal to 1"),
        ("LAKE_STAGING_HOURS", "-2", "greater than 0"),
        ("LAKE_SCHEMA_DRIFT", "lenient", "'strict' or 'evolve'"),
        ("LAKE_SCHEMA_DRIFT", "", "'strict' or 'evolve'"),
        ("LAKE_FRESH_HOURS", "0", "greater than 0"),
        ("LAKE_FRESH_HOURS", "a day", "valid number"),
    ],
)
def test_a_wrong_value_is_refused_with_its_variable_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value).startswith(f"Setting {name} has the value {value!r}, which is not allowed: ")
    assert allowed in str(refused.value)


def test_every_wrong_value_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_ENGINE", "duckdb")
    monkeypatch.setenv("LAKE_THREADS", "0")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert [line.split(" has ")[0] for line in str(refused.value).splitlines()] == [
        "Setting LAKE_ENGINE",
        "Setting LAKE_THREADS",
    ]


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("variable", ["LAKE_ROOT", "LAKE_SOURCE"])
@pytest.mark.parametrize(
    "value", ["", " ", "s3://", "https://bucket/lake", "s3://bucket/lake[1]", "/data/lake[1]", "/data/*"]
)
def test_a_folder_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        load_settings()


def with_rules(monkeypatch: pytest.MonkeyPatch, changes: object) -> Settings:
    monkeypatch.setenv("LAKE_RULES", json.dumps(changes))
    return load_settings()


def refusal(monkeypatch: pytest.MonkeyPatch, changes: object) -> str:
    with pytest.raises(SettingsError) as refused:
        with_rules(monkeypatch, changes)
    return str(refused.value)


def changed(table: str, settings: Settings) -> dict[str, Rule]:
    """The rules of a silver table that the settings change."""
    silver = SILVER[table]
    pairs = zip(rules_with(silver, settings.rules), rules_of(silver), strict=True)
    return {rule.name: rule for rule, before in pairs if rule != before}


def test_a_rule_is_given_another_action(monkeypatch: pytest.MonkeyPatch) -> None:
    found = changed("store_sales", with_rules(monkeypatch, {QUANTITY: "warn"}))
    assert {name: (rule.action, rule.threshold) for name, rule in found.items()} == {"range__ss_quantity": ("warn", 0)}


def test_a_rule_is_given_a_threshold_and_keeps_its_action(monkeypatch: pytest.MonkeyPatch) -> None:
    (rule,) = changed("store_sales", with_rules(monkeypatch, {QUANTITY: {"threshold": 0.25}})).values()
    assert (rule.action, rule.threshold) == ("quarantine", 0.25)


def test_a_rule_is_given_both(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {QUANTITY: {"action": "block", "threshold": 0.001}}
    (rule,) = changed("store_sales", with_rules(monkeypatch, wanted)).values()
    assert (rule.action, rule.threshold) == ("block", 0.001)


def test_a_pattern_stands_for_all_rules_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_rules(monkeypatch, {"silver.*.foreign_key__*": "warn"})
    for table in SILVER.values():
        found = rules_with(table, settings.rules)
        assert {rule.action for rule in found if rule.kind == "foreign_key"} <= {"warn"}
        assert [rule for rule in found if rule.kind != "foreign_key"] == [
            rule for rule in rules_of(table) if rule.kind != "foreign_key"
        ]
    assert rules_with(BRONZE["reason"], settings.rules) == rules_of(BRONZE["reason"])


@pytest.mark.parametrize(
    ("changes", "action", "threshold"),
    [
        ({"silver.*.range__*": "warn", QUANTITY: "block"}, "block", 0),
        ({QUANTITY: "block", "silver.*.range__*": "warn"}, "warn", 0),
        ({QUANTITY: {"action": "block", "threshold": 0.5}, "silver.*.range__*": "warn"}, "warn", 0.5),
        ({"silver.*.range__*": {"threshold": 0.5}, QUANTITY: {"threshold": 0}}, "quarantine", 0),
    ],
)
def test_of_several_patterns_the_last_one_decides(
    monkeypatch: pytest.MonkeyPatch, changes: object, action: str, threshold: float
) -> None:
    found = rules_with(SILVER["store_sales"], with_rules(monkeypatch, changes).rules)
    (rule,) = (rule for rule in found if rule.name == "range__ss_quantity")
    assert (rule.action, rule.threshold) == (action, threshold)


def test_an_unknown_rule_is_refused_with_those_like_it(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, {"silver.store_sales.range__ss_quantty": "warn"})
    assert message.startswith(
        "Setting LAKE_RULES names 'silver.store_sales.range__ss_quantty', which is no rule. Did you mean "
    )
    assert QUANTITY in message


@pytest.mark.parametrize("pattern", ["xyz", "", "platinum.*", "range__ss_quantity"])
def test_a_pattern_like_none_is_refused_with_how_rules_are_named(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    message = refusal(monkeypatch, {pattern: "warn"})
    assert f"Setting LAKE_RULES names {pattern!r}, which is no rule. " in message
    assert "Rules are named layer.table.rule, * stands for any text." in message or "Did you mean" in message


def test_one_wrong_pattern_among_right_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "'silver.reason.nothing'" in refusal(monkeypatch, {QUANTITY: "warn", "silver.reason.nothing": "warn"})


@pytest.mark.parametrize(
    ("rule", "action", "allowed"),
    [
        ("silver.inventory.not_null__inv_item_sk", "warn", "quarantine or block"),
        ("silver.store_sales.calendar__ss_sold_date_sk", "warn", "quarantine or block"),
        ("silver.store_sales.order_header__date", "quarantine", "warn or block"),
        ("silver.item.history__no_overlap", "quarantine", "warn or block"),
        ("silver.item.unique__primary_key", "quarantine", "warn or block"),
        ("silver.item.row_count", "quarantine", "warn or block"),
        ("bronze.item.conservation", "quarantine", "warn or block"),
        ("gold.daily_sales_summary.not_null__net_sales", "quarantine", "warn or block"),
        ("bronze.item.readable", "warn", "quarantine or block"),
        ("bronze.item.schema", "warn", "quarantine or block"),
    ],
)
@pytest.mark.parametrize("as_object", [False, True])
def test_an_action_that_a_rule_cannot_take_is_refused_with_those_it_can(
    monkeypatch: pytest.MonkeyPatch, rule: str, action: str, allowed: str, as_object: bool
) -> None:
    message = refusal(monkeypatch, {rule: {"action": action} if as_object else action})
    assert message == (
        f"Setting LAKE_RULES has the value {action!r} for {rule}, which is not allowed: this rule can {allowed}."
    )


def test_a_pattern_with_an_action_that_one_of_its_rules_cannot_take_names_that_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = refusal(monkeypatch, {"silver.inventory.*": "quarantine"})
    assert message.startswith("Setting LAKE_RULES has the value 'quarantine' for silver.inventory.")
    assert message.endswith("this rule can warn or block.")


@pytest.mark.parametrize("text", ["", "{", "warn", "{'a': 'b'}", f"{QUANTITY}=warn"])
def test_rules_that_are_no_json_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LAKE_RULES", text)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == f"Setting LAKE_RULES has the value {text!r}, which is not allowed: give JSON."


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([QUANTITY], "dictionary"),
        ({QUANTITY: "ignore"}, "'warn', 'quarantine' or 'block'"),
        ({QUANTITY: {"threshold": 1.5}}, "less than or equal to 1"),
        ({QUANTITY: {"threshold": -0.1}}, "greater than or equal to 0"),
        ({QUANTITY: {"threshold": "some"}}, "valid number"),
        ({QUANTITY: {"action": "warn", "bound": 5}}, "not permitted"),
    ],
)
def test_rules_of_another_form_are_refused_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, changes: object, told: str
) -> None:
    message = refusal(monkeypatch, changes)
    assert all(line.startswith("Setting LAKE_RULES") for line in message.splitlines())
    assert told in message


def one_row(folder: Path, **settings: object) -> Lake:
    """A lake of one inventory row that is in bronze."""
    lake = new_lake(folder, **settings)
    write_source(lake, "inventory/a.dat", f"{JANUARY}|1|1|10|")
    ingest(lake, BRONZE["inventory"])
    return lake


FOUND = FakeEngine({"1998-01": [Violation(rule="range__inv_quantity_on_hand", rows=1)]})
INVENTORY_QUANTITY = "silver.inventory.range__inv_quantity_on_hand"


@pytest.mark.parametrize("action", ["warn", "quarantine", "block"])
def test_the_engine_is_told_the_action_of_every_rule_as_the_settings_want_it(tmp_path: Path, action: str) -> None:
    lake = one_row(tmp_path, rules={INVENTORY_QUANTITY: action})
    engine = FakeEngine()
    lake.materialise(SILVER["inventory"], ["1998-01"], engine.run, "run")
    (task,) = engine.tasks
    assert task.actions == {rule.name: rule.action for rule in rules_of(SILVER["inventory"])} | {
        "range__inv_quantity_on_hand": action
    }


@pytest.mark.parametrize(
    ("setting", "published"),
    [
        ("warn", True),
        ("quarantine", True),
        ("block", False),
        ({"action": "block", "threshold": 0.99}, False),
        ({"action": "block", "threshold": 1}, True),
    ],
)
def test_a_rule_that_blocks_by_the_settings_keeps_the_partition_from_being_published(
    tmp_path: Path, setting: object, published: bool
) -> None:
    lake = one_row(tmp_path, rules={INVENTORY_QUANTITY: setting})
    outcome = lake.materialise(SILVER["inventory"], ["1998-01"], FOUND.run, "run")
    assert (list(outcome.published), list(outcome.failed)) == ((["1998-01"], []) if published else ([], ["1998-01"]))
    assert (lake.ledger.read(SILVER["inventory"], "1998-01").settled is not None) is published


def test_a_rule_that_blocks_by_default_lets_pass_what_the_settings_tolerate(tmp_path: Path) -> None:
    broken = FakeEngine({"all": [Violation(rule="history__no_overlap", rows=2)]})

    def outcome(folder: str, **settings: object) -> list[str]:
        lake = new_lake(tmp_path / folder, **settings)
        write_source(lake, "web_page/a.dat", "1" + "|" * len(BRONZE["web_page"].columns))
        batch = ingest(lake, BRONZE["web_page"])
        return list(lake.materialise(SILVER["web_page"], [batch], broken.run, "run").failed)

    assert outcome("strict") == ["all"]
    assert outcome("tolerant", rules={"silver.web_page.history__no_overlap": "warn"}) == []


def schema_action(folder: Path, drift: str, *lines: str, **settings: object) -> str:
    """What the engine is told to do with files of other columns than declared."""
    lake = new_lake(folder, schema_drift=drift, **settings)
    for number, line in enumerate(lines):
        write_source(lake, f"inventory/{number}.dat", line)
    engine = FakeEngine()
    lake.materialise(BRONZE["inventory"], [arrive(lake).name], engine.run, "run")
    (task,) = engine.tasks
    fields = [file.inspection.fields for file in task.files if file.inspection]
    return task.action_on_drift(len(BRONZE["inventory"].columns), fields)


FITTING, ADDED, MISSING = "1|1|1|1|", "1|1|1|1|new|", "1|1|1|"


@pytest.mark.parametrize(
    ("drift", "lines", "action"),
    [
        ("strict", [FITTING], "block"),
        ("strict", [ADDED], "block"),
        ("strict", [MISSING], "block"),
        ("evolve", [FITTING], "block"),
        ("evolve", [ADDED], "warn"),
        ("evolve", [FITTING, ADDED], "warn"),
        ("evolve", [MISSING], "block"),
        ("evolve", [ADDED, MISSING], "block"),
        ("evolve", [""], "block"),
    ],
)
def test_added_columns_are_left_out_only_where_the_settings_let_the_schema_evolve(
    tmp_path: Path, drift: str, lines: list[str], action: str
) -> None:
    assert schema_action(tmp_path, drift, *lines) == action


def test_files_with_missing_columns_go_where_the_settings_say_also_when_the_schema_evolves(tmp_path: Path) -> None:
    wanted = {"bronze.inventory.schema": "quarantine"}
    assert schema_action(tmp_path / "missing", "evolve", MISSING, rules=wanted) == "quarantine"
    assert schema_action(tmp_path / "added", "evolve", ADDED, rules=wanted) == "warn"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"LAKE_ENVIRONMENT": "aws"}, "give s3://bucket/folder"),
        ({"LAKE_ROOT": "s3://bucket/lake"}, "give a local folder, or LAKE_ENVIRONMENT=aws"),
        (
            {"LAKE_ENVIRONMENT": "aws", "LAKE_ROOT": "s3://bucket", "LAKE_ENGINE": "spark"},
            "give 'glue', 'sail' or 'remote'",
        ),
        ({"LAKE_ENGINE": "glue"}, "needs LAKE_ENVIRONMENT=aws"),
        ({"LAKE_GLUE": '{"silver": {"workers": 1}}'}, "LAKE_GLUE_SILVER_WORKERS has the value 1"),
        ({"LAKE_ROLES": '{"golden": "arn:aws:iam::123456789012:role/gold"}'}, "layers are bronze, silver, gold"),
        ({"LAKE_ROLES": "gold"}, "LAKE_ROLES has the value 'gold', which is not allowed: give JSON"),
        ({"LAKE_EXPECTED_OWNER": "12345"}, "LAKE_EXPECTED_OWNER has the value '12345'"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], told: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"LAKE_ENVIRONMENT": "aws", "LAKE_ROOT": "s3://bucket"}, "needs LAKE_PIPES_BUCKET"),
        ({"LAKE_ENGINE": "remote"}, "needs LAKE_REMOTE, a Spark Connect address"),
    ],
)
def test_what_an_engine_lacks_is_told_where_one_is_started_and_not_to_who_only_asks(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], told: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    with pytest.raises(SettingsError, match=told):
        build_definitions(settings)


def test_on_aws_the_source_is_the_public_one_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_ENVIRONMENT", "aws")
    monkeypatch.setenv("LAKE_ROOT", "s3a://bucket/some/lake/")
    monkeypatch.setenv("LAKE_PIPES_BUCKET", "reports")
    settings = load_settings()
    assert settings.root == S3Folder("bucket", "some/lake")
    assert str(settings.source) == "s3://redshift-downloads/TPC-DS/2.13/3TB"
    assert settings.source_region == "us-east-1"
    with pytest.raises(SettingsError, match="needs a folder on this machine"):
        _ = settings.local_root
    monkeypatch.setenv("LAKE_SOURCE", "s3://files")
    own = load_settings()
    assert (own.source, own.source_region) == (S3Folder("files"), "")
