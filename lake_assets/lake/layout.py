"""Keys of every object of the lake, relative to its root. Users, Athena tables and tests rely on them."""

from __future__ import annotations

from lake_assets.contract.layers import LakeTable

STAGING = "_staging"
LEDGER = "_ledger"
BATCHES = f"{LEDGER}/batches"
QUARANTINE = "quarantine"
QUALITY = "quality/results"


def table_folder(table: LakeTable) -> str:
    return f"{table.layer}/{table.name}"


def partition_folder(table: LakeTable, partition: str) -> str:
    """Folder of one partition, e.g. `silver/store_sales/sold_month=1998-01`; the table's own folder when it has none."""
    return f"{table_folder(table)}{_partition_suffix(table, partition)}"


def object_key(table: LakeTable, partition: str) -> str:
    """The one object of a silver or gold partition; its name never changes, so that replacing it publishes it."""
    return f"{partition_folder(table, partition)}/{table.name}.parquet"


def bronze_object_key(table: LakeTable, batch: str, stem: str) -> str:
    return f"{partition_folder(table, batch)}/{stem}.parquet"


def quarantine_folder(table: LakeTable) -> str:
    return f"{QUARANTINE}/{table.layer}/{table.name}"


def quarantine_key(table: LakeTable, partition: str) -> str:
    return f"{quarantine_folder(table)}{_partition_suffix(table, partition)}/{table.name}.parquet"


def quality_key(table: LakeTable, audit: str) -> str:
    """One audit of a table in the quality history."""
    return f"{QUALITY}/layer={table.layer}/table_name={table.name}/{audit}.parquet"


def ledger_folder(table: LakeTable) -> str:
    return f"{LEDGER}/{table.layer}/{table.name}"


def ledger_key(table: LakeTable, partition: str) -> str:
    return f"{ledger_folder(table)}/{partition}.json"


def batch_key(batch: str) -> str:
    return f"{BATCHES}/{batch}.json"


def batch_name(number: int) -> str:
    """Batches are numbered, not dated: their order is the order of arrival whatever a clock says."""
    return f"batch-{number:06d}"


def batch_number(name: str) -> int:
    return int(name.removeprefix("batch-"))


def source_stem(path: str) -> str:
    """Name of the bronze object of a source file: its path below the table folder, without `.gz`."""
    _, _, below = path.partition("/")
    return below.removesuffix(".gz").replace("/", "__")


def staging_folder(attempt: str) -> str:
    return f"{STAGING}/{attempt}"


def _partition_suffix(table: LakeTable, partition: str) -> str:
    return f"/{table.partition_column}={partition}" if table.partition_column else ""
