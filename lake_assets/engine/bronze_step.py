"""Bronze: each source file of a batch becomes one Parquet object; lines that do not fit go to quarantine."""

from __future__ import annotations

import codecs
import logging
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lake_assets.compute import bronze
from lake_assets.compute.profile import profile
from lake_assets.compute.touched import touched_months
from lake_assets.contract.layers import BRONZE
from lake_assets.contract.model import Table
from lake_assets.contract.rules import SAMPLES, Action
from lake_assets.contract.tables import TABLES
from lake_assets.contract.types import spark_ddl
from lake_assets.engine.source_files import S3Text, SourceReader
from lake_assets.engine.staging import DATA, QUARANTINE, remove, staging_store, write_partitions, write_single
from lake_assets.errors import AuditError
from lake_assets.lake.inspection import inspect, open_source
from lake_assets.lake.task import PartitionResult, Result, StagedObject, Task, Violation

_FILE = "file"
_CHUNK = 1 << 20
_log = logging.getLogger(__name__)


def run_bronze(spark: SparkSession, task: Task) -> Result:
    """Convert the files of one batch; as many side by side as the task has threads.

    The action of the rule `schema` says what becomes of a file with other columns than declared: its lines go to quarantine
    (`quarantine`), its added columns are left out (`warn`), or it is not read, as nothing will be published (`block`).
    """
    with tempfile.TemporaryDirectory(prefix="lake-source-") as folder:
        return _convert(spark, task, SourceReader(task.access, Path(folder)))


def _convert(spark: SparkSession, task: Task, reader: SourceReader) -> Result:
    table = TABLES[task.table]
    files = [_StagedFile(spark, task, number, reader) for number in range(len(task.files))]
    with ThreadPoolExecutor(max(1, min(task.threads, len(files)))) as pool:
        # All of them first: whether added columns are left out depends on what all files have.
        list(pool.map(_StagedFile.look, files))
        on_drift = task.action_on_drift(len(table.columns), (file.fields for file in files))
        list(pool.map(lambda file: file.convert(on_drift), files))
    staged = tuple(file.staged() for file in files)
    rejected = sum(file.rejected for file in files)
    _write_rejected(task, [file for file in files if file.rejected])
    content = sum(int(file.content) for file in files)
    result = PartitionResult(
        partition=task.partitions[0],
        rows=sum(item.rows for item in staged),
        quarantined=rejected,
        content=str(content),
        objects=staged,
        quarantine=StagedObject(folder=f"{QUARANTINE}/{_FILE}=rejected", rows=rejected) if rejected else None,
        violations=tuple(_violations(files)),
        touches=_touches(spark, task, table, files),
    )
    return Result(partitions=(result,), seconds=0, actions={"schema": on_drift})


def _touches(spark: SparkSession, task: Task, table: Table, files: Sequence[_StagedFile]) -> tuple[str, ...] | None:
    """Months of the fact that change with this batch; None, for all, when there is nothing to compare it with."""
    if not table.is_fact or not (task.replaced or task.standing):
        return None
    columns = spark_ddl(table.columns)

    def rows(uris: Sequence[str]) -> DataFrame:
        # Files read together: of a union of reads in a union Sail loses the columns.
        return spark.read.schema(columns).parquet(*uris) if uris else spark.createDataFrame([], columns)

    arrived, replaced, standing = (
        [file.staged_uri for file in files if file.rows and file.is_current],
        [item.uri for item in task.replaced if item.rows],
        [item.uri for item in task.standing if item.rows],
    )
    found = touched_months(table, rows(arrived), rows(replaced), rows(standing)).collect()
    return tuple(sorted(row["month"] for row in found))


def _violations(files: Sequence[_StagedFile]) -> Iterator[Violation]:
    unreadable = [file for file in files if file.rejected and not file.drifted]
    if unreadable:
        told = tuple(f"{file.rejected} lines of {file.path}" for file in unreadable[:SAMPLES])
        yield Violation(rule="readable", rows=sum(file.rejected for file in unreadable), samples=told)
    drifted = [file for file in files if file.drifted]
    if drifted:
        told = tuple(f"{file.path}: {file.fields} columns" for file in drifted[:SAMPLES])
        yield Violation(rule="schema", rows=sum(file.lines for file in drifted), samples=told)


class _StagedFile:
    """The conversion of one source file."""

    def __init__(self, spark: SparkSession, task: Task, number: int, reader: SourceReader) -> None:
        file = task.files[number]
        self._spark = spark
        self._task = task
        self._table = TABLES[task.table]
        self._number = number
        self._file = file
        self._reader = reader
        self.rows = 0
        self.content = "0"
        self.rejected = 0
        self.path = file.path
        self.is_current = file.is_current

    def look(self) -> None:
        """Look through the file, unless that was done when it was pinned."""
        self._text = self._reader.text(self._file)
        self._inspection = self._file.inspection or inspect(self._text, self._table)
        self._uri = str(self._text)
        self.lines = self._inspection.lines
        self.fields = self._inspection.fields
        self.drifted = self.fields not in (0, len(self._table.columns))

    @property
    def folder(self) -> str:
        return f"{DATA}/{self._number}"

    def staged(self) -> StagedObject:
        return StagedObject(
            folder=f"{self.folder}/{_FILE}={self._number}",
            rows=self.rows,
            object=self._file.object,
            source=self._file.path,
            lines=self._inspection.lines,
        )

    def convert(self, on_drift: Action) -> None:
        """Write the rows of the file and count them; the count must be the lines less the rejected ones.

        `on_drift` is what becomes of files with other columns than declared.
        """
        self._on_drift = on_drift if self.drifted else None
        # Columns behind the declared ones that are left out.
        self._added = self.fields - len(self._table.columns) if self._on_drift == "warn" else 0
        expected = self.lines
        if expected == 0 or self._on_drift == "block":
            return
        self._uri = self._utf8()
        if self._on_drift == "quarantine":
            self.rejected = expected
            return
        if self._follows_grammar() and self._convert_typed():
            self._measure()
        if self.rows != expected:
            self._convert_lines()
        if self.rows + self.rejected != expected:
            raise AuditError(
                f"{self._file.path}: {expected} lines, but {self.rows} rows and {self.rejected} rejected lines were read. "
                "Nothing was published; please report this file."
            )
        if isinstance(self._text, S3Text):
            # The engine read whatever version there was.
            self._text.check_unchanged()

    def parsed(self) -> DataFrame:
        """The lines of the file, each with its fields and whether they fit."""
        parsed = bronze.lines(self._spark, self._uri, self._table, self._inspection.terminated, self._added)
        return parsed.withColumn("fits", F.lit(False)) if self._on_drift == "quarantine" else parsed

    def rejected_lines(self) -> DataFrame:
        terminated = self._inspection.terminated
        rule = "schema" if self._on_drift == "quarantine" else "readable"
        return bronze.rejected(
            self.parsed(),
            self._table,
            terminated=terminated,
            added=self._added,
            rule=rule,
            path=self._file.path,
            load_timestamp=self._task.load_timestamp,
        )

    def _utf8(self) -> str:
        """Address of the file as UTF-8. Engines replace or refuse other letters, so such a file is transcoded first.

        So is a file with a byte order mark, which one engine passes over and another takes for text.
        """
        encoding = self._inspection.encoding
        if encoding == "utf-8":
            return self._uri
        target = self._reader.scratch(self._number)
        decoder = codecs.getincrementaldecoder(encoding)()
        with open_source(self._text) as source, target.open("wb") as copy:
            while chunk := source.read(_CHUNK):
                copy.write(decoder.decode(chunk).encode())
        if isinstance(self._text, S3Text):
            # Where every machine of a cluster finds it.
            key = f"source/{self._number}.txt"
            staging_store(self._task).upload(key, target)
            return f"{self._task.staging}/{key}"
        return str(target)

    def _follows_grammar(self) -> bool:
        inspection = self._inspection
        if inspection.plain and not self._added:
            return True
        following = bronze.follow_grammar(self._spark, self._uri, self._table, inspection.terminated, self._added)
        return following == inspection.lines

    def _convert_typed(self) -> bool:
        """Whether the engine's typed reader took the file; it refuses uneven lines and numbers out of range."""
        try:
            self._write(bronze.typed(self._spark, self._uri, self._table, self._inspection.terminated, self._added))
        except (PySparkException, Py4JError) as error:
            _log.info("%s is read line by line: %s", self._file.path, str(error).splitlines()[0])
            return False
        return True

    def _convert_lines(self) -> None:
        remove(self._task, self.folder)
        self.rows, self.content = 0, "0"
        self.rejected = self.parsed().where("NOT fits").count()
        # Of no rows no file is written, and a folder without files cannot be read.
        if self.rejected < self._inspection.lines:
            self._write(bronze.valid(self.parsed(), self._table))
            self._measure()

    def _write(self, frame: DataFrame) -> None:
        write_single(frame, _FILE, str(self._number), self.staged_uri, BRONZE[self._table.name].codec)

    @property
    def staged_uri(self) -> str:
        return f"{self._task.staging}/{self.folder}"

    def _measure(self) -> None:
        staged = self._spark.read.parquet(self.staged_uri).withColumn(_FILE, F.lit(self._number))
        found = profile(staged, _FILE, self._table.column_names, {}).collect()
        self.rows, self.content = (found[0]["rows"], found[0]["content"]) if found else (0, "0")


def _write_rejected(task: Task, files: list[_StagedFile]) -> None:
    if not files:
        return
    combined = reduce(DataFrame.unionByName, (file.rejected_lines() for file in files)).withColumn(
        _FILE, F.lit("rejected")
    )
    codec = BRONZE[task.table].codec
    write_partitions(combined, _FILE, ("source_path", "line_text"), f"{task.staging}/{QUARANTINE}", codec)
