"""What the ledger says: batches of source files and publications of partitions, as validated JSON documents."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Inspection(Record):
    """What one look through a whole source file found.

    `lines` counts its lines without any engine, so that no engine's mistake can hide a lost row. `terminated`: every
    line ends with a delimiter. `utf-8-sig` is UTF-8 behind a byte order mark. `plain`: only digits, signs, points and
    delimiters, and no number with more than two decimals, so that every engine's typed reader gives the same values.
    `fields`: how many most of the first lines have; 0 when the file is empty.
    """

    lines: int
    fields: int
    encoding: Literal["utf-8", "utf-8-sig", "iso-8859-1"]
    terminated: bool
    plain: bool


class SourceFile(Record):
    """One version of one source file. `path` is relative to the source and starts with the table's folder."""

    table: str
    path: str
    size: int
    etag: str
    modified_ns: int
    inspection: Inspection | None = None


class Batch(Record):
    """One arrival of source files, pinned: a batch never changes once it is written.

    `marker` is the version of the marker file that told that it is complete, where such a file is asked for.
    """

    name: str
    source: str
    created_at: datetime
    files: tuple[SourceFile, ...]
    marker: str | None = None

    def files_of(self, table: str) -> tuple[SourceFile, ...]:
        return tuple(file for file in self.files if file.table == table)


class StoredObject(Record):
    """One published object. In bronze, `source` is the path of its source file and `lines` that file's number of lines."""

    key: str
    rows: int
    bytes: int
    checksum: str
    source: str | None = None
    lines: int = 0


class Publication(Record):
    """One publication of one partition.

    Counts are rows: `source_rows` read = `rows` + `quarantined` + `duplicates`. `content` is a hash over all columns but the
    load timestamp, the same for equal content whatever the engine and the order of rows. `inputs` tells the versions it was
    made from. `first_date_sk` and `last_date_sk` bound the event date (facts only), `first_key` and
    `last_key` the key (dimensions only). `violations` counts, by rule, the rows
    that break it. `waits_for` tells, by table, the version of those whose rows could make a row in quarantine valid.
    `rules` identifies the actions and thresholds of the rules it was audited by.
    `touches` are the months of the silver fact that a batch in bronze may have changed when it was converted, None for all.
    """

    run_id: str
    published_at: datetime
    load_timestamp: datetime
    objects: tuple[StoredObject, ...]
    quarantine: StoredObject | None
    source_rows: int
    rows: int
    quarantined: int
    duplicates: int
    content: str
    schema_fingerprint: str
    inputs: str
    batches: tuple[str, ...]
    first_date_sk: int | None = None
    last_date_sk: int | None = None
    first_key: int | None = None
    last_key: int | None = None
    violations: dict[str, int] = Field(default_factory=dict)
    waits_for: dict[str, str] = Field(default_factory=dict)
    touches: tuple[str, ...] | None = None
    rules: str = ""

    @property
    def bytes(self) -> int:
        return sum(stored.bytes for stored in self.objects)


class LedgerEntry(Record):
    """State of one partition. `publishing` is set between the intent to replace its objects and the commit.

    An entry left with `publishing` set belongs to a writer that died: its objects may be old or new, each of them whole, and
    publishing the partition again settles it. `blocked` counts, by rule, the rows for which the latest audit refused the
    partition; the next publication clears it.
    """

    layer: str
    table: str
    partition: str
    committed: Publication | None = None
    publishing: Publication | None = None
    blocked: dict[str, int] = Field(default_factory=dict)

    @property
    def settled(self) -> Publication | None:
        """The publication that readers see for certain, None when there is none or a writer died half way."""
        return None if self.publishing else self.committed
