"""Published partitions without a run: tiny objects with true ledger entries, on a laptop or mirrored to S3."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lake_assets.contract.layers import BATCH_COLUMN, LAKE_TABLES, WHOLE_TABLE, LakeTable
from lake_assets.contract.model import Column
from lake_assets.contract.quality import RESULTS
from lake_assets.contract.quarantine import has_quarantine, quarantine_columns
from lake_assets.contract.types import arrow_schema, schema_fingerprint
from lake_assets.lake import layout
from lake_assets.lake.lake import Lake
from lake_assets.lake.records import Publication, StoredObject
from lake_assets.settings import Settings
from lake_assets_tests.support.lake_support import Row, commit, publication

BATCH = "batch-000001"


def partitions_of(table: LakeTable) -> tuple[str, ...]:
    """Some partitions of a table, `undated` among them where there is one."""
    if table.partition_column is None:
        return (WHOLE_TABLE,)
    if table.partition_column == BATCH_COLUMN:
        return (BATCH, "batch-000002")
    return table.partitions[:3]


def publish(lake: Lake, table: LakeTable, partition: str, *rows: Row, rejected: Sequence[Row] = ()) -> Publication:
    """Make these the rows of a partition, and of its quarantine, and say so in the ledger."""
    is_bronze = table.layer == "bronze"
    key = layout.bronze_object_key(table, partition, "file") if is_bronze else layout.object_key(table, partition)
    stored = _put(lake, key, table.columns, rows)
    quarantine = (
        _put(lake, layout.quarantine_key(table, partition), quarantine_columns(table), rejected) if rejected else None
    )
    published = publication(
        objects=(stored,),
        quarantine=quarantine,
        rows=len(rows),
        schema_fingerprint=schema_fingerprint(table.columns),
    )
    commit(lake.ledger, table, partition, published)
    return published


def publish_all(lake: Lake) -> Lake:
    """Some partitions of every table, and a row in quarantine in the first one of each."""
    for table in LAKE_TABLES:
        for number, partition in enumerate(partitions_of(table)):
            rejected: list[Row] = [{}] if has_quarantine(table) and not number else []
            publish(lake, table, partition, {}, rejected=rejected)
        _put(lake, layout.quality_key(table, "audit"), RESULTS, [{}])
    return lake


def on_aws(lake: Lake, s3: Any, bucket: str, **settings: Any) -> Lake:
    """The same lake with its objects in a bucket as well; the ledger stays where it is."""
    root = lake.settings.local_root
    assert isinstance(root, Path)
    for key in _keys(root):
        s3.upload_file(str(root / key), bucket, f"lake/{key}")
    mirrored = copy.copy(lake)
    known = {"environment": "aws", "engine": "sail", "name": "my-lake", "region": "eu-west-1"}
    mirrored.settings = Settings.model_validate({**known, "root": f"s3://{bucket}/lake", **settings})
    return mirrored


def _keys(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*.parquet")):
        yield path.relative_to(root).as_posix()


def _put(lake: Lake, key: str, columns: Iterable[Column], rows: Sequence[Row]) -> StoredObject:
    root = lake.settings.local_root
    assert isinstance(root, Path)
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = arrow_schema(columns)
    filled = [{name: row.get(name) for name in schema.names} for row in rows]
    pq.write_table(pa.Table.from_pylist(filled, schema), path, store_decimal_as_integer=True)
    size = path.stat().st_size
    return StoredObject(key=key, rows=len(rows), bytes=size, checksum=lake.store.checksum(key))
