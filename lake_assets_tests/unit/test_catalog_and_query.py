"""What those who query see of a local lake: views, `lake.duckdb`, and errors that tell what to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake_assets.catalog.local import LocalCatalog
from lake_assets.catalog.views import quarantine_view_name, view_name
from lake_assets.contract.layers import BRONZE, SILVER, LakeTable
from lake_assets.contract.quality import RESULTS, RESULTS_COMMENT, RESULTS_PARTITIONS
from lake_assets.contract.rules import rule_of
from lake_assets.contract.tables import TABLES
from lake_assets.errors import QueryError
from lake_assets.lake import layout
from lake_assets.lake.audit import Verdict
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.planning import Planner
from lake_assets.lake.quality import record
from lake_assets.lake.store import LocalStore
from lake_assets.query.duckdb import connect, query
from lake_assets.query.engine import local_questions
from lake_assets.query.quality import BrokenRule, broken_rules
from lake_assets.query.quarantine import QuarantineCount, quarantine_counts
from lake_assets_tests.support.lake_support import Row, pinned, put_table

Reader = Callable[[Path, str], AbstractContextManager[Callable[[], int]]]
"""Opens the catalog in a mode and keeps it open; what it gives asks it again."""

INVENTORY, REASON = SILVER["inventory"], SILVER["reason"]

KEEP_OPEN = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read-only")
print(connection.execute("SELECT count(*) FROM silver.inventory").fetchone()[0], flush=True)
sys.stdin.readline()
print(connection.execute("SELECT count(*) FROM silver.inventory").fetchone()[0], flush=True)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "lake"
    folder.mkdir()
    return folder


@pytest.fixture
def catalog(root: Path) -> LocalCatalog:
    return LocalCatalog(LocalStore(root), root)


def publish(root: Path, table: LakeTable, partition: str, *rows: Row) -> Path:
    put_table(root, layout.object_key(table, partition), table, rows)
    return root / layout.object_key(table, partition)


def reject(root: Path, table: LakeTable, partition: str, *rows: Row) -> Path:
    put_table(root, layout.quarantine_key(table, partition), table, rows)
    return root / layout.quarantine_key(table, partition)


def stock(item: int) -> Row:
    return {"inv_item_sk": item}


def asked(catalog: LocalCatalog, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(catalog.path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def views(catalog: LocalCatalog) -> list[str]:
    sql = "SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
    return [str(name) for (name,) in asked(catalog, sql)]


def test_tables_appear_as_they_are_published(root: Path) -> None:
    publish(root, REASON, "all", {"r_reason_sk": 1}, {"r_reason_sk": 2})
    assert query(root, "SELECT count(*) FROM silver.reason").rows == ((2,),)
    with pytest.raises(QueryError):
        query(root, "SELECT * FROM silver.inventory")
    publish(root, INVENTORY, "1998-01", stock(1))
    publish(root, INVENTORY, "undated", stock(2), stock(3))
    counted = query(root, "SELECT inventory_month, count(*) FROM silver.inventory GROUP BY 1 ORDER BY 1")
    assert counted.rows == (("1998-01", 1), ("undated", 2))


def test_a_bronze_table_has_its_batches_as_a_column(root: Path) -> None:
    table = BRONZE["inventory"]
    for batch, name in (("batch-000001", "a.dat"), ("batch-000001", "b.dat"), ("batch-000002", "a.dat")):
        put_table(root, layout.bronze_object_key(table, batch, name), table, [stock(1)])
    counted = query(root, "SELECT source_batch, count(*) FROM bronze.inventory GROUP BY 1 ORDER BY 1")
    assert counted.rows == (("batch-000001", 2), ("batch-000002", 1))


def test_the_partition_is_text_even_when_every_value_looks_like_a_number(root: Path) -> None:
    publish(root, INVENTORY, "1998", stock(1))
    found = query(root, "SELECT inventory_month FROM silver.inventory WHERE inventory_month = '1998'")
    assert (found.rows, found.types) == ((("1998",),), ("VARCHAR",))


def test_the_columns_are_those_of_the_contract_with_the_partition_behind_them(root: Path) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    found = query(root, "SELECT * FROM silver.inventory")
    assert found.columns == (*(column.name for column in INVENTORY.columns), "inventory_month")


def test_values_come_in_the_types_of_the_contract(root: Path) -> None:
    table = SILVER["item"]
    loaded = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    row = {"i_item_sk": 1 << 40, "i_item_id": "A ", "i_current_price": Decimal("1.50"), "load_timestamp": loaded}
    publish(root, table, "all", row)
    found = query(root, "SELECT i_item_sk, i_item_id, i_current_price, load_timestamp, i_color FROM silver.item")
    assert found.rows == ((1 << 40, "A ", Decimal("1.50"), loaded, None),)
    assert found.types == ("BIGINT", "VARCHAR", "DECIMAL(7,2)", "TIMESTAMP WITH TIME ZONE", "VARCHAR")
    assert found.seconds > 0


def test_the_quarantine_is_a_table_of_its_own(root: Path) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    reject(root, INVENTORY, "undated", stock(2), stock(3))
    reject(root, REASON, "all", {"r_reason_sk": 4})
    assert query(root, "SELECT inv_item_sk, inventory_month FROM quarantine.silver_inventory").rows == (
        (2, "undated"),
        (3, "undated"),
    )
    assert query(root, "SELECT r_reason_sk FROM quarantine.silver_reason").rows == ((4,),)
    assert query(root, "SELECT count(*) FROM silver.inventory").rows == ((1,),)


@pytest.mark.parametrize("name", ["it's here", "[draft] lake*", "a {b} %s", "Ôé"])
def test_a_root_may_have_any_name(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    publish(root, INVENTORY, "1998-01", stock(1))
    publish(root, REASON, "all", {"r_reason_sk": 2})
    publish(tmp_path / "d lake_", INVENTORY, "1998-01", stock(3))
    catalog = LocalCatalog(LocalStore(root), root)
    catalog.register(INVENTORY)
    sql = "SELECT inv_item_sk, inventory_month FROM silver.inventory"
    assert query(root, sql).rows == ((1, "1998-01"),)
    assert asked(catalog, sql) == [(1, "1998-01")]
    assert query(root, "SELECT r_reason_sk FROM silver.reason").rows == ((2,),)


def test_a_connection_does_not_see_staging_and_locks(root: Path) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    put_table(root, "_staging/run/silver.inventory.1/data/inventory_month=1998-02/part.parquet", INVENTORY, [stock(2)])
    folder = root / layout.partition_folder(INVENTORY, "1998-01")
    (folder / ".inventory.parquet.lock").write_bytes(b"")
    assert query(root, "SELECT count(*) FROM silver.inventory").rows == ((1,),)


@pytest.mark.parametrize("sql", ["", "  ", ";", "-- nothing"])
def test_a_text_without_a_statement_is_refused(root: Path, sql: str) -> None:
    with pytest.raises(QueryError, match="The query is empty"):
        query(root, sql)


def test_an_unknown_column_is_told_with_those_that_are_like_it(root: Path) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    with pytest.raises(QueryError, match=r"inv_item_sq.*\n.*inv_item_sk"):
        query(root, "SELECT inv_item_sq FROM silver.inventory")


def test_an_answer_without_rows_still_has_columns(root: Path) -> None:
    found = query(root, "SELECT 1 AS one WHERE false")
    assert (found.columns, found.types, found.rows) == (("one",), ("INTEGER",), ())


def test_an_unknown_table_is_refused_with_those_there_are(root: Path) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    reject(root, REASON, "all", {})
    with pytest.raises(QueryError) as refused:
        query(root, "SELECT * FROM silver.stock")
    assert str(refused.value) == (
        "Unknown table 'stock'. Tables are named layer.table; there are quarantine.silver_reason, silver.inventory."
    )


def test_a_table_that_is_not_published_yet_is_told_apart_from_an_unknown_one(root: Path) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    for sql in ("SELECT * FROM silver.item", 'SELECT * FROM "silver.item"'):
        with pytest.raises(
            QueryError, match=r"Nothing is published yet in .*silver\.item\. Run `lake-assets run` first"
        ):
            query(root, sql)


@pytest.mark.parametrize("table", ["silver.item", "nonsense"])
def test_in_an_empty_lake_the_remedy_is_to_run(root: Path, table: str) -> None:
    with pytest.raises(QueryError) as refused:
        query(root, f"SELECT * FROM {table}")
    assert str(refused.value) == f"Nothing is published in the lake at {root} yet. Run `lake-assets run` first."


def test_an_empty_lake_still_calculates(tmp_path: Path) -> None:
    assert query(tmp_path / "nowhere", "SELECT 6 * 7").rows == ((42,),)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELEC 1", 'Parser Error: syntax error at or near "SELEC"'),
        ("SELECT nothing FROM silver.inventory", 'Binder Error: Referenced column "nothing" not found'),
        ("SELECT no_function(1)", "Catalog Error: Scalar Function with name no_function does not exist!"),
        ("SELECT error('boom')", "Invalid Input Error: boom"),
        ("SELECT 1::DATE", "Conversion Error"),
        ("DROP TABLE silver.inventory", "Catalog Error"),
    ],
)
def test_an_error_in_the_sql_is_told_without_a_drawing_of_its_place(root: Path, sql: str, told: str) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    with pytest.raises(QueryError) as refused:
        query(root, sql)
    assert str(refused.value).startswith("The query failed: ")
    assert told in str(refused.value)
    assert "LINE " not in str(refused.value)


def test_a_damaged_object_is_told_with_its_table_and_file(root: Path) -> None:
    publish(root, INVENTORY, "1998-01", stock(1)).write_bytes(b"not Parquet")
    with pytest.raises(QueryError, match=r"table silver\.inventory of the lake cannot be read: .*inventory\.parquet"):
        query(root, "SELECT 1")


def test_two_connections_neither_see_nor_hinder_each_other(root: Path) -> None:
    publish(root, REASON, "all", {"r_reason_sk": 1})
    with connect(root) as one, connect(root) as other:
        one.execute("CREATE TABLE mine AS SELECT 1")
        with pytest.raises(duckdb.CatalogException):
            other.execute("SELECT * FROM mine")


def test_registering_makes_a_database_of_views_that_any_client_can_open(root: Path, catalog: LocalCatalog) -> None:
    publish(root, INVENTORY, "1998-01", stock(7))
    catalog.register(INVENTORY)
    assert catalog.path == root / "lake.duckdb"
    assert asked(catalog, "SELECT inv_item_sk, inventory_month FROM silver.inventory") == [(7, "1998-01")]
    publish(root, INVENTORY, "1998-02", stock(8))
    assert asked(catalog, "SELECT count(*) FROM silver.inventory") == [(2,)]
    assert views(catalog) == ["silver.inventory"]


def test_every_table_and_column_carries_its_comment(root: Path, catalog: LocalCatalog) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    publish(root, SILVER["customer"], "all", {})
    for table in (INVENTORY, SILVER["customer"]):
        catalog.register(table)
        name = f"WHERE schema_name = 'silver' AND {{}} = '{table.name}'"
        assert asked(catalog, f"SELECT comment FROM duckdb_views() {name.format('view_name')}") == [(table.comment,)]
        found = dict(asked(catalog, f"SELECT column_name, comment FROM duckdb_columns() {name.format('table_name')}"))
        assert {column.name: found[column.name] for column in table.columns} == {
            column.name: column.comment for column in table.columns
        }


def test_registering_again_leaves_the_file_as_it_is(root: Path, catalog: LocalCatalog) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    catalog.register(INVENTORY)
    before = catalog.path.stat()
    publish(root, INVENTORY, "1998-02", stock(1))
    catalog.register(INVENTORY)
    assert (catalog.path.stat().st_ino, catalog.path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert sorted(path.name for path in root.iterdir() if path.name != "_ledger") == ["lake.duckdb", "silver"]


def test_a_quarantine_comes_and_goes_with_its_objects(root: Path, catalog: LocalCatalog) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    catalog.register(INVENTORY)
    rejected = reject(root, INVENTORY, "undated", stock(2))
    catalog.register(INVENTORY)
    assert views(catalog) == [quarantine_view_name(INVENTORY), view_name(INVENTORY)]
    rejected.unlink()
    catalog.register(INVENTORY)
    assert views(catalog) == [view_name(INVENTORY)]


def test_the_names_of_views_are_those_of_the_tables() -> None:
    assert view_name(INVENTORY) == "silver.inventory"
    assert quarantine_view_name(BRONZE["item"]) == "quarantine.bronze_item"


def test_a_table_of_which_nothing_is_published_has_no_view(root: Path, catalog: LocalCatalog) -> None:
    catalog.register(INVENTORY)
    assert views(catalog) == []


def test_a_file_that_duckdb_cannot_read_is_made_anew_with_every_table(root: Path, catalog: LocalCatalog) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    publish(root, REASON, "all", {"r_reason_sk": 1})
    catalog.register(INVENTORY)
    catalog.register(REASON)
    catalog.path.write_bytes(b"of another version")
    catalog.register(REASON)
    assert views(catalog) == ["silver.inventory", "silver.reason"]
    assert asked(catalog, "SELECT comment FROM duckdb_views() WHERE view_name = 'inventory'") == [(INVENTORY.comment,)]


@contextmanager
def reader_of_another_process(path: Path, mode: str) -> Iterator[Callable[[], int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", KEEP_OPEN, str(path), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"

    def ask_again() -> int:
        said, _ = process.communicate("again\n", timeout=20)
        return int(said)

    try:
        yield ask_again
    finally:
        process.kill()
        process.wait(10)


@contextmanager
def reader_of_this_process(path: Path, mode: str) -> Iterator[Callable[[], int]]:
    with duckdb.connect(str(path), read_only=mode == "read-only") as connection:

        def ask_again() -> int:
            (count,) = connection.execute("SELECT count(*) FROM silver.inventory").fetchall()[0]
            return int(count)

        assert ask_again() == 1
        yield ask_again


@pytest.mark.parametrize("mode", ["read-only", "read-write"])
@pytest.mark.parametrize("reader", [reader_of_this_process, reader_of_another_process])
def test_an_open_notebook_neither_blocks_a_publication_nor_loses_tables(
    root: Path, catalog: LocalCatalog, reader: Reader, mode: str
) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    catalog.register(INVENTORY)
    with reader(catalog.path, mode) as ask_again:
        publish(root, INVENTORY, "1998-02", stock(2))
        publish(root, REASON, "all", {"r_reason_sk": 1})
        catalog.register(REASON)
        assert ask_again() == 2
    assert views(catalog) == ["silver.inventory", "silver.reason"]
    assert asked(catalog, "SELECT count(*) FROM silver.inventory") == [(2,)]


def test_tables_registered_at_the_same_time_are_all_there(root: Path, catalog: LocalCatalog) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    catalog.register(INVENTORY)
    tables = [SILVER[name] for name in ("reason", "store", "item", "warehouse", "ship_mode", "income_band")]
    for table in tables:
        publish(root, table, "all", {})
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(catalog.register, tables))
    assert views(catalog) == sorted(view_name(table) for table in (INVENTORY, *tables))


BAND, DANGLING = "range__inv_quantity_on_hand", "foreign_key__inv_item_sk"
MONTHS = ("1998-01", "1998-02")


def audit(root: Path, found: dict[str, int | None], *partitions: str, table: LakeTable = INVENTORY) -> datetime:
    """Put an audit of 100 rows in each partition on record: rows by rule that break it, None when it was not evaluated."""
    verdicts = [
        Verdict(rule_of(table, name), partition, 100, rows, samples=("inv_item_sk=1",), note="" if rows else "a note")
        for partition in partitions or MONTHS[:1]
        for name, rows in found.items()
    ]
    record(LocalStore(root), table, "run", "_staging/run", verdicts)
    ((latest,),) = query(root, "SELECT max(audited_at) FROM quality.results").rows
    assert isinstance(latest, datetime)
    return latest


def test_every_rule_partition_and_audit_leaves_a_row_in_the_quality_history(root: Path) -> None:
    audit(root, {BAND: 3, DANGLING: None}, *MONTHS)
    audit(root, {BAND: 0})
    found = query(
        root,
        'SELECT layer, table_name, "partition", rule, kind, action, evaluated, failed, blocked, rows_checked, violations,'
        " share, threshold, samples, note, run_id FROM quality.results ORDER BY audited_at, 3, 4 DESC",
    )
    of_inventory = ("silver", "inventory")
    broken = ("range", "quarantine", True, True, False, 100, 3, Decimal("0.03"), Decimal(0), "inv_item_sk=1", None)
    unknown = (
        "foreign_key",
        "quarantine",
        False,
        False,
        False,
        None,
        None,
        None,
        Decimal(0),
        "inv_item_sk=1",
        "a note",
    )
    passed = ("range", "quarantine", True, False, False, 100, 0, Decimal(0), Decimal(0), "inv_item_sk=1", "a note")
    assert found.rows == (
        (*of_inventory, "1998-01", BAND, *broken, "run"),
        (*of_inventory, "1998-01", DANGLING, *unknown, "run"),
        (*of_inventory, "1998-02", BAND, *broken, "run"),
        (*of_inventory, "1998-02", DANGLING, *unknown, "run"),
        (*of_inventory, "1998-01", BAND, *passed, "run"),
    )
    assert found.types[11] == "DECIMAL(18,6)"


def test_what_a_rule_demands_stands_beside_what_was_found(root: Path) -> None:
    audit(root, {BAND: 0})
    ((sentence,),) = query(root, "SELECT sentence FROM quality.results").rows
    assert sentence == rule_of(INVENTORY, BAND).sentence


def test_an_audit_leaves_nothing_in_staging_and_replaces_none_before_it(root: Path) -> None:
    for _ in range(3):
        audit(root, {BAND: 0})
    files = [path.relative_to(root).as_posix() for path in root.rglob("*.parquet")]
    assert len(files) == 3
    assert {name.rpartition("/")[0] for name in files} == {"quality/results/layer=silver/table_name=inventory"}


def test_the_quality_history_appears_in_the_catalog_with_the_first_audit(root: Path, catalog: LocalCatalog) -> None:
    catalog.register(INVENTORY)
    assert views(catalog) == []
    audit(root, {BAND: 3})
    catalog.register(INVENTORY)
    assert views(catalog) == ["quality.results"]
    assert asked(catalog, "SELECT rule FROM quality.results") == [(BAND,)]
    audit(root, {DANGLING: 1}, table=SILVER["inventory"])
    assert asked(catalog, "SELECT count(*) FROM quality.results") == [(2,)]


def test_a_blocked_first_publication_leaves_its_audit_to_be_asked(root: Path, catalog: LocalCatalog) -> None:
    audit(root, {"history__one_open_version": 2}, "all", table=SILVER["item"])
    catalog.register(SILVER["item"])
    assert views(catalog) == ["quality.results"]
    assert asked(catalog, "SELECT table_name, blocked FROM quality.results") == [("item", True)]


def test_the_quality_history_and_its_columns_carry_comments(root: Path, catalog: LocalCatalog) -> None:
    audit(root, {BAND: 3})
    catalog.register(INVENTORY)
    told = "SELECT comment FROM duckdb_views() WHERE schema_name = 'quality' AND view_name = 'results'"
    assert asked(catalog, told) == [(RESULTS_COMMENT,)]
    found = dict(
        asked(catalog, "SELECT column_name, comment FROM duckdb_columns() WHERE schema_name = 'quality' ORDER BY 1")
    )
    assert found == {column.name: column.comment for column in (*RESULTS, *RESULTS_PARTITIONS)}
    assert all(found.values())


def _broken_rules(root: Path) -> list[BrokenRule]:
    with local_questions(root) as asked:
        return broken_rules(asked)


def _quarantine_counts(root: Path, planner: Planner, names: Iterable[str]) -> list[QuarantineCount]:
    with local_questions(root) as asked:
        return quarantine_counts(asked, planner, names)


def test_a_lake_without_audits_has_no_broken_rules(root: Path) -> None:
    assert _broken_rules(root) == []


def test_a_rule_that_holds_is_not_broken(root: Path) -> None:
    audit(root, {BAND: 0, DANGLING: 0})
    assert _broken_rules(root) == []


def test_a_rule_is_broken_since_the_first_of_the_audits_that_have_found_it_broken_ever_since(root: Path) -> None:
    first = audit(root, {BAND: 3})
    audit(root, {BAND: 5})
    assert _broken_rules(root) == [BrokenRule("silver.inventory", BAND, "quarantine", 5, first, "1998-01")]
    audit(root, {BAND: 0})
    assert _broken_rules(root) == []
    again = audit(root, {BAND: 2})
    assert again > first
    assert _broken_rules(root) == [BrokenRule("silver.inventory", BAND, "quarantine", 2, again, "1998-01")]


def test_an_audit_that_could_not_evaluate_a_rule_leaves_it_as_it_was(root: Path) -> None:
    first = audit(root, {DANGLING: 3})
    audit(root, {DANGLING: None})
    assert _broken_rules(root) == [BrokenRule("silver.inventory", DANGLING, "quarantine", 3, first, "1998-01")]
    audit(root, {DANGLING: 0})
    audit(root, {DANGLING: None})
    assert _broken_rules(root) == []


def test_each_partition_is_broken_until_its_own_audit_passes(root: Path) -> None:
    first = audit(root, {BAND: 3}, *MONTHS)
    assert _broken_rules(root) == [BrokenRule("silver.inventory", BAND, "quarantine", 6, first, "1998-01, 1998-02")]
    audit(root, {BAND: 0}, "1998-02")
    assert _broken_rules(root) == [BrokenRule("silver.inventory", BAND, "quarantine", 3, first, "1998-01")]


def test_many_broken_partitions_are_told_by_the_first_the_last_and_their_number(root: Path) -> None:
    audit(root, {BAND: 1}, *(f"1998-{month:02}" for month in range(1, 5)))
    (found,) = _broken_rules(root)
    assert (found.rows, found.partitions) == (4, "1998-01 .. 1998-04 (4)")


def test_a_blocked_partition_is_broken_until_it_is_published(root: Path) -> None:
    item = SILVER["item"]
    since = audit(root, {"history__one_open_version": 2}, "all", table=item)
    audit(root, {BAND: 1})
    audit(root, {"history__one_open_version": 2}, "all", table=item)
    assert _broken_rules(root) == [
        BrokenRule("silver.inventory", BAND, "quarantine", 1, _broken_rules(root)[0].since, "1998-01"),
        BrokenRule("silver.item", "history__one_open_version", "block", 2, since, "all"),
    ]
    audit(root, {"history__one_open_version": 0}, "all", table=item)
    assert [rule.table for rule in _broken_rules(root)] == ["silver.inventory"]


def quarantine(root: Path, table: LakeTable, partition: str, *rows: Row) -> None:
    """Rows in quarantine, each with the rules that it breaks."""
    path = root / layout.quarantine_key(table, partition)
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)


def row(batch: str, *rules: str) -> Row:
    return {"inv_item_sk": 1, "source_batch": batch, "rules": list(rules)}


def line(path: str, *rules: str) -> Row:
    return {"source_path": path, "line_text": "what is this?", "rules": list(rules)}


def test_nothing_is_counted_where_nothing_is_in_quarantine(root: Path) -> None:
    publish(root, INVENTORY, "1998-01", stock(1))
    assert _quarantine_counts(root, Planner(Ledger(LocalStore(root))), TABLES) == []


def test_rows_in_quarantine_are_counted_under_each_rule_that_they_break(root: Path) -> None:
    first, second = "batch-000001", "batch-000002"
    quarantine(root, INVENTORY, "1998-01", row(first, BAND, DANGLING), row(first, BAND), row(second, BAND))
    quarantine(root, INVENTORY, "undated", row(second, DANGLING))
    quarantine(root, REASON, "all", row(first, "not_null__r_reason_sk"))
    planner = Planner(Ledger(LocalStore(root)))
    of_reason = QuarantineCount("silver.reason", "all", first, "not_null__r_reason_sk", 1)
    of_inventory = [
        QuarantineCount("silver.inventory", "1998-01", first, DANGLING, 1),
        QuarantineCount("silver.inventory", "1998-01", first, BAND, 2),
        QuarantineCount("silver.inventory", "1998-01", second, BAND, 1),
        QuarantineCount("silver.inventory", "undated", second, DANGLING, 1),
    ]
    assert _quarantine_counts(root, planner, ["inventory", "reason"]) == [*of_inventory, of_reason]
    assert _quarantine_counts(root, planner, ["reason", "item"]) == [of_reason]


def test_lines_of_a_file_that_was_replaced_are_in_quarantine_no_more(root: Path) -> None:
    ledger = Ledger(LocalStore(root))
    pinned(ledger, 1, "inventory/a.dat", "inventory/b.dat")
    quarantine(
        root,
        BRONZE["inventory"],
        "batch-000001",
        line("inventory/a.dat", "readable"),
        line("inventory/a.dat", "readable"),
        line("inventory/b.dat", "readable"),
    )
    counted = QuarantineCount("bronze.inventory", "batch-000001", "batch-000001", "readable", 3)
    assert _quarantine_counts(root, Planner(ledger), ["inventory"]) == [counted]
    pinned(ledger, 2, "inventory/a.dat", version="2")
    assert _quarantine_counts(root, Planner(ledger), ["inventory"]) == [replace(counted, rows=1)]
    pinned(ledger, 3, "inventory/b.dat", version="2")
    assert _quarantine_counts(root, Planner(ledger), ["inventory"]) == []
