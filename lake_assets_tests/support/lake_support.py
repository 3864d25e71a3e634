"""A lake without an engine: a stand-in that stages tiny Parquet files, and short ways to make sources and ledger entries.

What belongs here: what tests of the lake's core need in order to publish something within milliseconds. What does not: any
transformation worth testing; the fake knows just enough to make wrong inputs or a wrong order of batches visible.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lake_assets.contract.calendar import month_of
from lake_assets.contract.layers import BATCH_COLUMN, LOAD_TIMESTAMP, LakeTable, lake_table
from lake_assets.contract.types import arrow_schema, schema_fingerprint
from lake_assets.lake import layout
from lake_assets.lake.arrival import examine, look, pin
from lake_assets.lake.inspection import open_source
from lake_assets.lake.lake import Lake
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.records import Batch, LedgerEntry, Publication, SourceFile, StoredObject
from lake_assets.lake.task import PartitionResult, Result, StagedObject, Task, Violation
from lake_assets.settings import Settings

Row = dict[str, Any]

JANUARY, FEBRUARY = 2450815, 2450846
"""Date keys of the first days of January and February 1998."""
SOME_TIME = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def new_lake(folder: Path, **settings: Any) -> Lake:
    """A lake at `folder/lake` with its source at `folder/source`; nothing is written."""
    known = {"root": folder / "lake", "source": folder / "source", "threads": 2}
    return Lake(Settings.model_validate(known | settings))


def write_source(lake: Lake, path: str, *lines: str) -> Path:
    """A source file of these lines, each without its line end; gzip when the name ends in .gz."""
    file = lake.settings.local_source / path
    file.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(f"{line}\n" for line in lines).encode()
    file.write_bytes(gzip.compress(content, mtime=0) if file.suffix == ".gz" else content)
    return file


def arrive(lake: Lake) -> Batch:
    """Pin what is new in the source as the next batch."""
    source = lake.source
    batches = lake.ledger.batches()
    return pin(lake.ledger, source, examine(source, look(source, batches), batches, threads=2).files)


def parquet_rows(root: Path, *folders: str) -> dict[str, list[Row]]:
    """Rows of every Parquet file below the folders of a lake by key, without the load timestamp."""
    return {
        path.relative_to(root).as_posix(): [
            {name: value for name, value in row.items() if name != LOAD_TIMESTAMP.name}
            for row in pq.ParquetFile(path).read().to_pylist()
        ]
        for folder in folders
        for path in sorted((root / folder).rglob("*.parquet"))
    }


def put_table(root: Path, key: str, table: LakeTable, rows: Sequence[Row] = ()) -> None:
    """An object of a lake, as if it had been published; columns that a row does not name are NULL."""
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, table, rows)


def publication(key: str = "object.parquet", **changes: Any) -> Publication:
    """A publication of one row in one object."""
    stored = StoredObject(key=key, rows=1, bytes=100, checksum=f"sha256:{key}")
    values: dict[str, Any] = {
        "run_id": "run",
        "published_at": SOME_TIME,
        "load_timestamp": SOME_TIME,
        "objects": (stored,),
        "quarantine": None,
        "source_rows": 1,
        "rows": 1,
        "quarantined": 0,
        "duplicates": 0,
        "content": "1",
        "schema_fingerprint": "schema",
        "inputs": "inputs",
        "batches": (),
    }
    return Publication.model_validate(values | changes)


def commit(ledger: Ledger, table: LakeTable, partition: str, published: Publication) -> None:
    """Put a publication into the ledger, whatever was there before."""
    before = ledger.read(table, partition)
    entry = before.entry.model_copy(update={"committed": published, "publishing": None})
    ledger.write(table, entry, before.version)


def leave_publishing(ledger: Ledger, table: LakeTable, partition: str, intent: Publication) -> None:
    """The entry as a writer leaves it that dies between its intent and its commit."""
    before = ledger.read(table, partition)
    ledger.write(table, before.entry.model_copy(update={"publishing": intent}), before.version)


def pinned(ledger: Ledger, number: int, *paths: str, version: str = "1") -> Batch:
    """A batch of files that exist in the ledger only."""
    files = tuple(
        SourceFile(table=path.partition("/")[0], path=path, size=1, etag=f"sha256:{path} {version}", modified_ns=0)
        for path in paths
    )
    batch = Batch(name=layout.batch_name(number), source="/source", created_at=SOME_TIME, files=files)
    ledger.pin(batch)
    return batch


def entry_of(table: LakeTable, partition: str) -> LedgerEntry:
    return LedgerEntry(layer=table.layer, table=table.name, partition=partition)


class FakeEngine:
    """Carries out tasks with pyarrow, in the staging layout of the real engines; gold is empty.

    Bronze: lines with a wrong number of fields go to quarantine. Silver: rows without a primary key go to quarantine, and
    of several rows of one key that of the newest batch wins. It reports these as broken rules, whatever their action.
    `violations` are found besides, by partition; `waits_for` and `unevaluated` are told as they are; `lost` rows are read
    and appear nowhere (negative: appear from nowhere).
    """

    def __init__(
        self,
        violations: Mapping[str, Sequence[Violation]] | None = None,
        *,
        waits_for: Sequence[str] = (),
        unevaluated: Mapping[str, str] | None = None,
        lost: int = 0,
    ) -> None:
        self.violations = violations or {}
        self.waits_for = tuple(waits_for)
        self.unevaluated = dict(unevaluated or {})
        self.lost = lost
        self.tasks: list[Task] = []

    def run(self, task: Task) -> Result:
        self.tasks.append(task)
        table = lake_table(task.layer, task.table)
        if task.layer == "bronze":
            results, read = self._bronze(task, table), None
        elif task.layer == "gold":
            results, read = [_gold(task, partition) for partition in task.partitions], None
        else:
            results, read = self._silver(task, table)
        return Result(
            partitions=tuple(self._judged(result) for result in results),
            seconds=0.5,
            source_rows=None if read is None else read + self.lost,
            unevaluated=self.unevaluated,
            audit_seconds=0.25,
        )

    def _judged(self, result: PartitionResult) -> PartitionResult:
        found = (*result.violations, *self.violations.get(result.partition, ()))
        return result.model_copy(update={"violations": found, "waits_for": self.waits_for})

    def _bronze(self, task: Task, table: LakeTable) -> list[PartitionResult]:
        staged: list[StagedObject] = []
        everything: list[Row] = []
        rejected = 0
        for number, file in enumerate(task.files):
            with open_source(Path(file.uri)) as source:
                lines = source.read().decode(file.inspection.encoding if file.inspection else "utf-8").splitlines()
            rows = _parsed(lines, table)
            rejected += len(lines) - len(rows)
            everything += rows
            folder = f"data/{number}/file={number}"
            if rows:
                _stage(task, folder, table, rows)
            staged.append(
                StagedObject(folder=folder, rows=len(rows), object=file.object, source=file.path, lines=len(lines))
            )
        quarantine = None
        if rejected:
            _stage(task, "quarantine/file=rejected", table, [{}] * rejected)
            quarantine = StagedObject(folder="quarantine/file=rejected", rows=rejected)
        return [
            PartitionResult(
                partition=task.partitions[0],
                rows=sum(item.rows for item in staged),
                quarantined=rejected,
                content=_content(everything),
                objects=tuple(staged),
                quarantine=quarantine,
                violations=(Violation(rule="readable", rows=rejected),) if rejected else (),
                touches=_touches(task, table, everything),
            )
        ]

    def _silver(self, task: Task, table: LakeTable) -> tuple[list[PartitionResult], int]:
        """The partitions asked for, and how many rows were read for all of them."""
        assert table.source is not None
        newest: dict[tuple[Any, ...], Row] = {}
        placed: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for item in sorted(task.inputs, key=lambda item: item.partition, reverse=True):
            for read in pq.ParquetFile(item.uri).read().to_pylist():
                row = read | {BATCH_COLUMN: item.partition, LOAD_TIMESTAMP.name: task.load_timestamp}
                month = table.source.month
                partition = month_of(row[month.column]) if month else "all"
                key = tuple(row[name] for name in table.primary_key)
                kind = "quarantine" if None in key else "duplicates" if key in newest else "data"
                newest.setdefault(key, row)
                placed[partition][kind].append(row)
        read = sum(len(rows) for kinds in placed.values() for rows in kinds.values())
        return [
            self._silver_partition(task, table, partition, placed[partition]) for partition in task.partitions
        ], read

    def _silver_partition(
        self, task: Task, table: LakeTable, partition: str, rows: dict[str, list[Row]]
    ) -> PartitionResult:
        staged: dict[str, StagedObject] = {}
        for kind in ("data", "quarantine"):
            if rows[kind]:
                folder = f"{kind}/0/{table.partition_column or 'part'}={partition}"
                _stage(task, folder, table, rows[kind])
                staged[kind] = StagedObject(folder=folder, rows=len(rows[kind]))
        return PartitionResult(
            partition=partition,
            rows=len(rows["data"]),
            quarantined=len(rows["quarantine"]),
            duplicates=len(rows["duplicates"]),
            content=_content(rows["data"]),
            objects=(staged["data"],) if "data" in staged else (),
            quarantine=staged.get("quarantine"),
            violations=_found_without_key(table, rows["quarantine"]),
        )


def _gold(task: Task, partition: str) -> PartitionResult:
    """No rows, but another content when anything that is read has another."""
    read = sorted(f"{item.table} {item.partition} {hash_of_file(item.uri)}" for item in task.inputs)
    return PartitionResult(partition=partition, rows=0, content=hashlib.sha256("".join(read).encode()).hexdigest())


def hash_of_file(uri: str) -> str:
    return hashlib.sha256(Path(uri).read_bytes()).hexdigest()


def _touches(task: Task, table: LakeTable, arrived: Iterable[Row]) -> tuple[str, ...] | None:
    """Months of the rows that came and of those that went, by their own date."""
    assert table.source
    if table.source.month is None or not (task.replaced or task.standing):
        return None
    went = [row for item in task.replaced for row in pq.ParquetFile(item.uri).read().to_pylist()]
    return tuple(sorted({month_of(row[table.source.month.column]) for row in (*arrived, *went)}))


def ingest(lake: Lake, *tables: LakeTable) -> str:
    """Pin what arrived and publish it in the bronze tables; the batch's name."""
    batch = arrive(lake).name
    for table in tables:
        assert lake.materialise(table, [batch], FakeEngine().run, "ingest").failed == {}
    return batch


def _found_without_key(table: LakeTable, rows: Iterable[Row]) -> tuple[Violation, ...]:
    missing = Counter(name for row in rows for name in table.primary_key if row[name] is None)
    return tuple(Violation(rule=f"not_null__{name}", rows=count) for name, count in missing.items())


def contract_fingerprint(table: LakeTable) -> str:
    return schema_fingerprint(table.columns)


def _parsed(lines: Iterable[str], table: LakeTable) -> list[Row]:
    """Rows of the lines that have as many fields as the table has columns, with or without a delimiter at the end."""
    count = len(table.columns)
    split = [(line.removesuffix("|") if line.count("|") == count else line).split("|") for line in lines]
    fitting = [[field or None for field in fields] for fields in split if len(fields) == count]
    schema = arrow_schema(table.columns)
    texts = zip(*fitting, strict=True) if fitting else [()] * count
    columns = [pa.array(text, pa.string()).cast(field.type) for text, field in zip(texts, schema, strict=True)]
    rows: list[Row] = pa.table(columns, schema=schema).to_pylist()
    return rows


def _stage(task: Task, folder: str, table: LakeTable, rows: Sequence[Row]) -> None:
    """One file with the markers and checksums that Spark leaves beside what it writes."""
    target = Path(task.staging, folder)
    target.mkdir(parents=True)
    _write(target / "part-00000-c000.parquet", table, rows)
    (target / ".part-00000-c000.parquet.crc").write_bytes(b"crc")
    (target.parent / "_SUCCESS").write_bytes(b"")


def _write(path: Path, table: LakeTable, rows: Sequence[Row]) -> None:
    schema = arrow_schema(table.columns)
    filled = [{name: row.get(name) for name in schema.names} for row in rows]
    pq.write_table(pa.Table.from_pylist(filled, schema), path)


def _content(rows: Iterable[Row]) -> str:
    """Hash over all columns but the load timestamp, whatever the order of the rows."""
    texts = (repr({name: value for name, value in row.items() if name != LOAD_TIMESTAMP.name}) for row in rows)
    return str(sum(int(hashlib.sha256(text.encode()).hexdigest()[:12], 16) for text in texts))
