"""What an engine is asked to do and what it answers: small values that can be sent to another machine as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import Field

from lake_assets.contract.calendar import Range
from lake_assets.contract.model import Channel
from lake_assets.contract.rules import Action
from lake_assets.lake.records import Inspection, Record

TASK_FILE = "task.json"
RESULT_FILE = "result.json"
FAILURE_FILE = "failure.json"
"""Names in the staging folder of what is exchanged with an engine on other machines."""

Figure = str | float


class FileInput(Record):
    """One source file to convert, in the version `etag`. `object` is the key of the bronze object that it becomes.

    Where `inspection` is missing, the engine is the first to look through the file. `is_current` is false for a version that a
    later batch replaced.
    """

    uri: str
    path: str
    object: str
    etag: str = ""
    size: int = 0
    inspection: Inspection | None = None
    is_current: bool = True


class SourceAccess(Record):
    """How source files on S3 are read. `copied`: each is first copied to the machine that converts it.

    Engines that run on one machine do so, as they know but one region and one set of credentials; a cluster has many machines.
    """

    region: str = ""
    anonymous: bool = False
    copied: bool = True


class ObjectInput(Record):
    """One published object to read, with the table and partition (or batch) it belongs to."""

    table: str
    partition: str
    uri: str
    rows: int
    bytes: int = 0


class Task(Record):
    """One materialisation: the partitions `partitions` of one table, from exactly these inputs.

    `files` is set for bronze, `inputs` for silver and gold. `sold_range` gives gold the first and last date key with a sale
    in each channel over the whole lake, `active_range` with a sale or a return. `actions` tells for every rule of the table
    what happens to rows that break it. `references` are the tables that silver rows are compared with (published dimensions,
    and for returns the sales as they arrived), in the versions `reference_versions`; `reference_keys` are the lowest and
    highest key of those without a gap between them. `owner` is the AWS account that must own the bucket of `staging`, `kms_key`
    what encrypts there; empty for none of both. `replaced` and `standing` let the conversion of a batch of a fact find out
    which months it touches: the bronze objects of earlier versions of its files, and those of all other files. With
    `tolerates_added_columns`, files with more columns than declared are read without these.
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
    access: SourceAccess = SourceAccess()
    owner: str = ""
    kms_key: str = ""
    tolerates_added_columns: bool = False
    inputs: tuple[ObjectInput, ...] = ()
    references: tuple[ObjectInput, ...] = ()
    reference_versions: dict[str, str] = Field(default_factory=dict)
    reference_keys: dict[str, tuple[int, int]] = Field(default_factory=dict)
    replaced: tuple[ObjectInput, ...] = ()
    standing: tuple[ObjectInput, ...] = ()
    actions: dict[str, Action] = Field(default_factory=dict)
    sold_range: dict[Channel, Range] = Field(default_factory=dict)
    active_range: dict[Channel, Range] = Field(default_factory=dict)

    @property
    def input_bytes(self) -> int:
        """Of all that is read, as it is stored."""
        objects = (*self.inputs, *self.references, *self.replaced, *self.standing)
        return sum(file.size for file in self.files) + sum(item.bytes for item in objects)

    @property
    def work(self) -> str:
        """The same for two tasks that would give the same result: it leaves out who asks, when, and where it is staged."""
        told = self.model_dump_json(exclude={"staging", "run_id", "load_timestamp"})
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    def action_on_drift(self, columns: int, fields: Iterable[int]) -> Action:
        """What becomes of files with other than the declared `columns`; `fields` are those of each file, 0 of an empty one."""
        drifted = [number for number in fields if number not in (0, columns)]
        if self.tolerates_added_columns and drifted and min(drifted) > columns:
            return "warn"
        return self.actions["schema"]


class StagedObject(Record):
    """One staged part: `folder` is where the engine wrote it, relative to the staging folder."""

    folder: str
    rows: int
    object: str | None = None
    source: str | None = None
    lines: int = 0


class Violation(Record):
    """Rows of one partition that break a rule, with the keys of a few of them."""

    rule: str
    rows: int
    samples: tuple[str, ...] = ()


class PartitionResult(Record):
    """What was staged for one partition; counts are rows, as in `Publication`.

    `violations` has an entry for each rule that was broken. `waits_for` names the tables whose rows could make a row in
    quarantine valid. `touches`, of a batch of a fact, are the months that it may change, None for all.
    """

    partition: str
    rows: int
    quarantined: int = 0
    duplicates: int = 0
    content: str = "0"
    first_date_sk: int | None = None
    last_date_sk: int | None = None
    first_key: int | None = None
    last_key: int | None = None
    objects: tuple[StagedObject, ...] = ()
    quarantine: StagedObject | None = None
    violations: tuple[Violation, ...] = ()
    waits_for: tuple[str, ...] = ()
    touches: tuple[str, ...] | None = None

    @property
    def source_rows(self) -> int:
        return self.rows + self.quarantined + self.duplicates


class Result(Record):
    """The answer to a task: one entry per partition asked for, in that order.

    `source_rows` are the rows that were read for all partitions of the table together (silver only). `unevaluated` are rules
    that could not be, each with the reason. `audit_seconds` is the part of `seconds` that the rules took. `figures` are
    what was computed of all rows together on the way, and what that cost, by name. `actions` are those that the engine took in
    place of the task's. `staging` and `load_timestamp` are set where the engine had this work under way already, for an
    orchestrator that is no more: they are those of that task.
    """

    partitions: tuple[PartitionResult, ...]
    seconds: float
    source_rows: int | None = None
    unevaluated: dict[str, str] = Field(default_factory=dict)
    audit_seconds: float = 0.0
    figures: Mapping[str, Figure] = Field(default_factory=dict)
    actions: dict[str, Action] = Field(default_factory=dict)
    staging: str | None = None
    load_timestamp: datetime | None = None


class Failure(Record):
    """Why an engine on another machine gave no result. `is_told`: `error` is the name of a `LakeError`."""

    error: str
    message: str
    is_told: bool
