"""What an engine is asked to do and what it answers: small values that can be sent to another machine as JSON."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from lake_assets.lake.records import Inspection, Record


class FileInput(Record):
    """One source file to convert. `object` is the key of the bronze object that it becomes."""

    uri: str
    path: str
    object: str
    inspection: Inspection


class ObjectInput(Record):
    """One published object to read, with the table and partition (or batch) it belongs to."""

    table: str
    partition: str
    uri: str
    rows: int


class Task(Record):
    """One materialisation: the partitions `partitions` of one table, from exactly these inputs.

    `files` is set for bronze, `inputs` for silver and gold. `sold_range` gives gold the first and last sale date key of each
    channel over the whole lake.
    """

    layer: str
    table: str
    partitions: tuple[str, ...]
    staging: str
    run_id: str
    load_timestamp: datetime
    memory_gb: float
    threads: int
    files: tuple[FileInput, ...] = ()
    inputs: tuple[ObjectInput, ...] = ()
    sold_range: dict[str, tuple[int, int] | None] = Field(default_factory=dict)


class StagedObject(Record):
    """One staged part: `folder` is where the engine wrote it, relative to the staging folder."""

    folder: str
    rows: int
    object: str | None = None
    source: str | None = None
    lines: int = 0


class PartitionResult(Record):
    """What was staged for one partition; counts are rows, as in `Publication`.

    `blocked` names the invariants that the staged data broke: such a partition must not be published.
    """

    partition: str
    rows: int
    quarantined: int = 0
    duplicates: int = 0
    content: str = "0"
    first_date_sk: int | None = None
    last_date_sk: int | None = None
    objects: tuple[StagedObject, ...] = ()
    quarantine: StagedObject | None = None
    blocked: tuple[str, ...] = ()

    @property
    def source_rows(self) -> int:
        return self.rows + self.quarantined + self.duplicates


class Result(Record):
    """The answer to a task: one entry per partition asked for, in that order."""

    partitions: tuple[PartitionResult, ...]
    seconds: float
