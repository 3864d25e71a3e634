"""The catalog of a lake on AWS: databases, tables and partitions of the Glue Data Catalog, written when something is published.

Crawlers only verify: one takes minutes, costs at least ten of them, and guesses what the contract knows.

Registering is idempotent and makes no write call when all is as it should be. Several runs may register the same table: each
reads the catalog first and the ledger after it, so that a partition which the ledger does not name is gone for good, and not
one that another run has just published. A table is changed only at the version that was read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from lake_assets.aws import error_code, told_plainly
from lake_assets.catalog.drift import Difference, Field, Part, Shape, compare, expected_shape
from lake_assets.catalog.glue_tables import (
    database_input,
    database_name,
    partition_input,
    shortened,
    table_input,
    updated,
)
from lake_assets.catalog.tables import (
    QUALITY_TABLE,
    CatalogTable,
    Values,
    all_tables,
    data_table,
    quarantine_table,
    registered,
    together,
)
from lake_assets.contract.layers import LakeTable
from lake_assets.errors import AwsError, AwsUnavailableError
from lake_assets.lake.ledger import Ledger
from lake_assets.location import Location

_A_CALL = 100
"""Partitions that one call creates or updates."""
_A_REMOVAL = 25
"""Partitions that one call removes."""
_ATTEMPTS = 6
_FIRST_PAUSE_SECONDS = 0.1
_ERRORS_TOLD = 3
_NOT_THERE = "EntityNotFoundException"
_CHANGED = frozenset(
    {
        "ConcurrentModificationException",
        "VersionMismatchException",
        "AlreadyExistsException",
        "ResourceNotReadyException",
    }
)
"""Somebody else wrote meanwhile: what is to be done is decided anew."""
_PASSING = frozenset({"InternalServiceException", "OperationTimeoutException", "ThrottlingException"})

Item = TypeVar("Item")


class _ChangedError(Exception):
    """What was read of the catalog holds no more."""


@dataclass(frozen=True)
class _Registered:
    """A table as the catalog has it: `GetTable`'s answer, and its partitions by their values."""

    table: Mapping[str, Any]
    partitions: Mapping[Values, Mapping[str, Any]]


class GlueCatalog:
    """The tables of the lake at `root`, in the databases of the deployment `name`. `glue` is a client of Glue."""

    def __init__(self, glue: Any, name: str, root: Location, ledger: Ledger) -> None:
        self._glue = glue
        self._name = name
        self._root = root
        self._ledger = ledger

    def register(self, table: LakeTable) -> None:
        """Make the catalog show a table, its quarantine, its quality history, and of each the partitions of the ledger.

        Raises `AwsError` when Glue refuses.
        """
        with told_plainly(f"register {table.identifier} in the Glue Data Catalog"):
            for attempt in range(_ATTEMPTS):
                try:
                    self._register(table)
                    return
                except _ChangedError as error:
                    changed = error
                time.sleep(_FIRST_PAUSE_SECONDS * 2**attempt)
        raise AwsUnavailableError(
            f"Cannot register {table.identifier} in the Glue Data Catalog: others change it all the time ({changed})."
        )

    def renew(self, tables: Iterable[LakeTable]) -> None:
        """Register them all, and so mend what differs."""
        for table in tables:
            self.register(table)

    def differences(self, tables: Iterable[LakeTable]) -> list[Difference]:
        """How the catalog differs from the contract and the ledger, for these tables."""
        chosen = tuple(tables)
        with told_plainly("read the Glue Data Catalog"):
            found = {
                known: self._read(known) for known in dict.fromkeys(part for table in chosen for part in _parts(table))
            }
            wanted = together(registered(table, self._entries(table)) for table in chosen)
            names = {known.identifier for known in all_tables()}
            schemas = {known.schema for known in found}
            extra = [name for schema in sorted(schemas) for name in self._external_tables(schema) if name not in names]
        different = [one for known in found for one in self._compared(known, wanted.get(known), found[known])]
        return [*different, *(Difference(name, "extra_table") for name in extra)]

    def _compared(
        self, table: CatalogTable, partitions: frozenset[Values] | None, found: _Registered | None
    ) -> list[Difference]:
        if partitions is None:
            return [] if found is None else [Difference(table.identifier, "extra_table")]
        expected = _with_short_comments(expected_shape(table, self._root, partitions))
        different = compare(table.identifier, expected, shape_of(found.table, found.partitions) if found else None)
        if table == QUALITY_TABLE:
            # Its partitions belong to all tables.
            different = [one for one in different if one.kind != "extra_partition"]
        if found and not different and updated(table_input(table, self._root), found.table):
            return [Difference(table.identifier, "properties")]
        return different

    def _register(self, table: LakeTable) -> None:
        found = {known: self._read(known) for known in _parts(table)}
        for known, partitions in registered(table, self._entries(table)).items():
            self._write_table(known, found[known])
            if known.partition_columns:
                there = found[known]
                self._write_partitions(known, partitions, there.partitions if there else {})

    def _entries(self, table: LakeTable) -> dict[str, Any]:
        return {name: versioned.entry for name, versioned in self._ledger.entries(table).items()}

    def _names(self, table: CatalogTable) -> dict[str, str]:
        return {"DatabaseName": database_name(self._name, table.schema), "TableName": table.name}

    def _read(self, table: CatalogTable) -> _Registered | None:
        names = self._names(table)
        try:
            found = self._glue.get_table(DatabaseName=names["DatabaseName"], Name=table.name)["Table"]
            pages = self._glue.get_paginator("get_partitions").paginate(**names) if table.partition_columns else ()
            partitions = {tuple(part["Values"]): part for page in pages for part in page["Partitions"]}
        except ClientError as error:
            if error_code(error) == _NOT_THERE:
                return None
            raise
        return _Registered(found, partitions)

    def _external_tables(self, schema: str) -> Iterator[str]:
        """Identifiers of the tables of a database; not of views, which others may keep there."""
        pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=database_name(self._name, schema))
        try:
            for page in pages:
                for table in page["TableList"]:
                    if table.get("TableType") != "VIRTUAL_VIEW":
                        yield f"{schema}.{table['Name']}"
        except ClientError as error:
            if error_code(error) != _NOT_THERE:
                raise

    def _write_table(self, table: CatalogTable, found: _Registered | None) -> None:
        wanted = table_input(table, self._root)
        database = database_name(self._name, table.schema)
        if found is None:
            with _noticing_changes():
                self._create_table(table, database, wanted)
            return
        change = updated(wanted, found.table)
        if change:
            with _noticing_changes():
                self._glue.update_table(DatabaseName=database, TableInput=change, VersionId=found.table["VersionId"])

    def _create_table(self, table: CatalogTable, database: str, wanted: dict[str, Any]) -> None:
        try:
            self._glue.create_table(DatabaseName=database, TableInput=wanted)
        except ClientError as error:
            if error_code(error) != _NOT_THERE:
                raise
            # The infrastructure makes the databases; where it did not, the lake does if it may.
            self._glue.create_database(DatabaseInput=database_input(self._name, table.schema))
            self._glue.create_table(DatabaseName=database, TableInput=wanted)

    def _write_partitions(
        self, table: CatalogTable, wanted: frozenset[Values], found: Mapping[Values, Mapping[str, Any]]
    ) -> None:
        inputs = {values: partition_input(table, self._root, values) for values in sorted(wanted)}
        missing = [made for values, made in inputs.items() if values not in found]
        changes = [(values, updated(made, found[values])) for values, made in inputs.items() if values in found]
        updates = [{"PartitionValueList": list(values), "PartitionInput": made} for values, made in changes if made]
        extra = [{"Values": list(values)} for values in sorted(found) if values not in wanted]
        names, glue = self._names(table), self._glue
        self._in_batches(missing, _A_CALL, lambda some: glue.batch_create_partition(**names, PartitionInputList=some))
        self._in_batches(updates, _A_CALL, lambda some: glue.batch_update_partition(**names, Entries=some))
        if table != QUALITY_TABLE:
            self._in_batches(
                extra, _A_REMOVAL, lambda some: glue.batch_delete_partition(**names, PartitionsToDelete=some)
            )

    def _in_batches(
        self, items: Sequence[Item], size: int, call: Callable[[Sequence[Item]], Mapping[str, Any]]
    ) -> None:
        """Make all the calls; then raise what they said of single partitions, which comes in an answer of success."""
        errors: list[Mapping[str, Any]] = []
        for start in range(0, len(items), size):
            with _noticing_changes():
                errors += call(items[start : start + size]).get("Errors") or []
        codes = [str(error.get("ErrorDetail", {}).get("ErrorCode", "")) for error in errors]
        if not errors:
            return
        told = "; ".join(_explained(error) for error in errors[:_ERRORS_TOLD])
        if all(code in _CHANGED | _PASSING | {_NOT_THERE} for code in codes):
            raise _ChangedError(told)
        raise AwsError(f"Glue refused {len(errors)} of {len(items)} partitions: {told}.")


@contextmanager
def _noticing_changes() -> Iterator[None]:
    """A block in which the refusal that somebody else wrote meanwhile is a `_ChangedError`."""
    try:
        yield
    except ClientError as error:
        if error_code(error) in _CHANGED:
            raise _ChangedError(error_code(error)) from error
        raise


def shape_of(table: Mapping[str, Any], partitions: Mapping[Values, Mapping[str, Any]] | None = None) -> Shape:
    """A table of the Glue Data Catalog, as for a comparison; without `partitions` these are unknown."""
    storage = table.get("StorageDescriptor") or {}
    return Shape(
        _fields(storage.get("Columns")),
        _fields(table.get("PartitionKeys")),
        storage.get("Location"),
        None if partitions is None else {values: _part(part) for values, part in partitions.items()},
    )


def _part(partition: Mapping[str, Any]) -> Part:
    storage = partition.get("StorageDescriptor") or {}
    return Part(storage.get("Location"), _fields(storage.get("Columns")))


def _fields(columns: Sequence[Mapping[str, Any]] | None) -> tuple[Field, ...]:
    return tuple(Field(column["Name"], column.get("Type", ""), column.get("Comment", "")) for column in columns or ())


def _with_short_comments(shape: Shape) -> Shape:
    def short(fields: tuple[Field, ...]) -> tuple[Field, ...]:
        return tuple(Field(field.name, field.type, shortened(field.comment or "")) for field in fields)

    return Shape(short(shape.fields), short(shape.keys), shape.location, shape.parts)


def _parts(table: LakeTable) -> tuple[CatalogTable, ...]:
    """The tables of the catalog in which a table of the lake stands."""
    quarantine = quarantine_table(table)
    return (data_table(table), *((quarantine,) if quarantine else ()), QUALITY_TABLE)


def _explained(error: Mapping[str, Any]) -> str:
    detail = error.get("ErrorDetail", {})
    values = error.get("PartitionValues") or error.get("PartitionValueList") or ()
    return f"{'/'.join(values)}: {detail.get('ErrorMessage') or 'refused'} ({detail.get('ErrorCode', '')})"
