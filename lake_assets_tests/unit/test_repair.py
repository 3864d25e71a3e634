"""Repair of a local lake: every kind of damage found, mended as far as it can be, and mended once."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lake_assets.catalog import catalog_of
from lake_assets.catalog.drift import Difference
from lake_assets.catalog.reconcile import Repair, differences, repair
from lake_assets.catalog.storage import has_ledger, storage_differences
from lake_assets.cli.app import app
from lake_assets.contract.calendar import MONTHS
from lake_assets.contract.layers import BRONZE, LAKE_TABLES, SILVER
from lake_assets.errors import PublishConflictError
from lake_assets.lake import layout
from lake_assets.lake.lake import Lake
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.planning import Planner
from lake_assets.refresh import Work, facts, ingestion
from lake_assets_tests.support.lake_support import FEBRUARY, JANUARY, FakeEngine, ingest, new_lake, write_source
from lake_assets_tests.support.published import publish, publish_all

INVENTORY, REASON = SILVER["inventory"], SILVER["reason"]
OF_INVENTORY = frozenset({BRONZE["inventory"], INVENTORY})
MONTH = "1998-01"
KEY = layout.object_key(INVENTORY, MONTH)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Inventory of two months through bronze and silver, registered in the catalog."""
    made = new_lake(tmp_path)
    write_source(made, "inventory/inventory.dat", f"{JANUARY}|1|1|5|", f"{FEBRUARY}|1|1|6|")
    ingest(made, BRONZE["inventory"])
    build(made)
    for table in OF_INVENTORY:
        catalog_of(made).register(table)
    return made


def build(lake: Lake) -> list[str]:
    """Let a run build what is stale of inventory; which partitions that were."""
    built: list[str] = []
    stale: tuple[Callable[[Planner], list[Work]], ...] = (
        lambda planner: ingestion(planner, OF_INVENTORY),
        lambda planner: facts(planner, OF_INVENTORY, MONTHS),
    )
    for work in stale:
        for piece in work(lake.planner()):
            for table in piece.tables:
                outcome = lake.materialise(table, piece.partitions, FakeEngine().run, "run")
                assert outcome.failed == {}
                catalog_of(lake).register(table)
                built += [f"{table.identifier} {partition}" for partition in outcome.published]
    return built


def path(lake: Lake, key: str) -> Path:
    return Path(lake.store.uri(key))


def mended(found: Repair) -> dict[str, bool]:
    return {f"{one.difference.table} {one.difference.kind}": one.mended for one in found.repaired}


def test_a_healthy_lake_differs_in_nothing_and_its_repair_changes_no_file(lake: Lake) -> None:
    before = {file: file.stat().st_mtime_ns for file in path(lake, "").rglob("*") if file.is_file()}
    assert differences(lake, LAKE_TABLES, deep=True) == []
    assert repair(lake) == Repair((), (), ())
    after = {file: file.stat().st_mtime_ns for file in path(lake, "").rglob("*") if file.is_file()}
    assert after == before


def test_a_lake_with_something_of_every_table_differs_in_nothing_once_it_is_registered(tmp_path: Path) -> None:
    made = publish_all(new_lake(tmp_path))
    for table in LAKE_TABLES:
        catalog_of(made).register(table)
    assert differences(made, LAKE_TABLES, deep=True) == []


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lambda file: file.unlink(), "missing_object"),
        (lambda file: file.write_bytes(file.read_bytes() + b"x"), "altered_object"),
    ],
)
def test_a_missing_or_altered_object_is_built_anew_by_the_next_run_and_no_other(
    lake: Lake, damage: Callable[[Path], object], kind: str
) -> None:
    content = path(lake, KEY).read_bytes()
    damage(path(lake, KEY))
    assert [(one.kind, one.subject) for one in storage_differences(lake, LAKE_TABLES)] == [(kind, KEY)]
    assert build(lake) == []
    found = repair(lake)
    assert mended(found)[f"silver.inventory {kind}"]
    assert found.to_build == ((INVENTORY, MONTH),)
    assert build(lake) == [f"silver.inventory {MONTH}"]
    assert len(path(lake, KEY).read_bytes()) == len(content)
    assert differences(lake, LAKE_TABLES, deep=True) == []


def test_an_object_altered_without_another_size_is_found_by_its_checksum_only(lake: Lake) -> None:
    content = bytearray(path(lake, KEY).read_bytes())
    content[10] ^= 1
    path(lake, KEY).write_bytes(bytes(content))
    assert differences(lake, LAKE_TABLES) == []
    (found,) = differences(lake, LAKE_TABLES, deep=True)
    assert (found.kind, found.partitions) == ("altered_object", (MONTH,))
    assert found.expected.startswith("sha256:")
    repair(lake, deep=True)
    assert build(lake) == [f"silver.inventory {MONTH}"]
    assert differences(lake, LAKE_TABLES, deep=True) == []


def test_a_damaged_bronze_object_is_converted_again_and_silver_stays_as_it_is(lake: Lake) -> None:
    (key,) = (stored.key for stored in lake.ledger.read(BRONZE["inventory"], "batch-000001").entry.committed.objects)  # type: ignore[union-attr]
    path(lake, key).unlink()
    repair(lake)
    assert build(lake) == ["bronze.inventory batch-000001"]
    assert path(lake, key).exists()
    assert differences(lake, LAKE_TABLES, deep=True) == []


def test_a_second_repair_finds_that_the_first_one_did_it_all(lake: Lake) -> None:
    path(lake, KEY).unlink()
    repair(lake)
    entry = path(lake, layout.ledger_key(INVENTORY, MONTH)).read_bytes()
    again = repair(lake)
    assert again.to_build == ()
    assert mended(again) == {"silver.inventory publishing": False}
    assert path(lake, layout.ledger_key(INVENTORY, MONTH)).read_bytes() == entry


def test_a_dry_run_tells_all_and_changes_nothing(lake: Lake) -> None:
    path(lake, KEY).unlink()
    path(lake, "lake.duckdb").unlink()
    entry = path(lake, layout.ledger_key(INVENTORY, MONTH)).read_bytes()
    found = repair(lake, dry_run=True)
    assert found.to_build == ((INVENTORY, MONTH),)
    assert not any(mended(found).values())
    assert "bronze.inventory missing_table" in mended(found)
    assert path(lake, layout.ledger_key(INVENTORY, MONTH)).read_bytes() == entry
    assert not path(lake, "lake.duckdb").exists()


def test_a_partition_that_a_run_publishes_at_the_same_moment_is_left_to_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    path(lake, KEY).unlink()

    def refused(*_: object) -> str:
        raise PublishConflictError("another run published it meanwhile")

    monkeypatch.setattr(Ledger, "write", refused)
    assert repair(lake).to_build == ()


def test_a_foreign_object_is_told_and_stays(lake: Lake) -> None:
    foreign = path(lake, "silver/inventory/inventory_month=1998-01/copy.parquet")
    shutil.copy(path(lake, KEY), foreign)
    found = repair(lake)
    assert mended(found) == {"silver.inventory foreign_object": False}
    assert foreign.exists()
    assert found.to_build == ()


def test_views_that_are_missing_changed_or_too_many_are_mended(lake: Lake) -> None:
    path(lake, "lake.duckdb").unlink()
    assert [one.kind for one in catalog_of(lake).differences([INVENTORY])] == ["missing_table", "missing_table"]
    repair(lake)
    assert catalog_of(lake).differences(LAKE_TABLES) == []
    publish(lake, REASON, "all", {})
    catalog_of(lake).register(REASON)
    shutil.rmtree(path(lake, layout.table_folder(REASON)))
    assert catalog_of(lake).differences([REASON]) == [Difference("silver.reason", "extra_table")]
    found = repair(lake)
    assert mended(found) == {"silver.reason missing_object": True, "silver.reason extra_table": True}


def test_a_copied_lake_is_registered_where_it_now_lies(lake: Lake, tmp_path: Path) -> None:
    shutil.copytree(path(lake, ""), tmp_path / "copy")
    copied = Lake(lake.settings.model_copy(update={"root": tmp_path / "copy"}))
    assert {one.kind for one in catalog_of(copied).differences(LAKE_TABLES)} == {"properties"}
    assert set(mended(repair(copied)).values()) == {True}
    assert catalog_of(copied).differences(LAKE_TABLES) == []


def test_staging_that_nothing_has_written_to_for_long_is_removed(lake: Lake) -> None:
    for run in ("dead", "alive"):
        lake.store.put(f"_staging/{run}/x/part.parquet", b"x")
    long_ago = time.time() - 100 * 3600
    for parent, _, names in os.walk(path(lake, "_staging/dead")):
        for touched in (Path(parent), *(Path(parent, name) for name in names)):
            os.utime(touched, (long_ago, long_ago))
    assert repair(lake, dry_run=True).staging == ("_staging/alive", "_staging/dead")
    assert repair(lake).staging == ("_staging/dead",)
    assert repair(lake).staging == ()


def test_a_publication_left_half_done_is_told_and_the_next_run_settles_it(lake: Lake) -> None:
    known = lake.ledger.read(INVENTORY, MONTH)
    lake.ledger.write(INVENTORY, known.entry.model_copy(update={"publishing": known.entry.committed}), known.version)
    assert differences(lake, LAKE_TABLES) == [Difference("silver.inventory", "publishing", partitions=(MONTH,))]
    assert mended(repair(lake)) == {"silver.inventory publishing": False}
    assert build(lake) == [f"silver.inventory {MONTH}"]
    assert differences(lake, LAKE_TABLES) == []


def test_the_command_tells_what_it_did_and_what_is_left_to_do(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_ROOT", str(lake.settings.local_root))
    path(lake, KEY).unlink()
    dry = CliRunner().invoke(app, ["repair", "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert "1 partitions would be marked to be built anew: silver.inventory 1998-01." in dry.output
    done = CliRunner().invoke(app, ["repair"])
    assert done.exit_code == 0, done.output
    assert (
        "1 partitions are marked to be built anew: silver.inventory 1998-01. `lake-assets run` builds them."
        in done.output
    )
    build(lake)
    assert "Objects and catalog are what the ledger says." in CliRunner().invoke(app, ["repair"]).output


def test_without_a_ledger_there_is_nothing_to_repair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_ROOT", str(tmp_path / "none"))
    assert not has_ledger(new_lake(tmp_path))
    told = CliRunner().invoke(app, ["repair"])
    assert told.exit_code == 0
    assert "has no ledger" in told.output
