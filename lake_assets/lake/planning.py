"""Plans: from what the ledger says, the inputs of a materialisation and the versions that identify them.

A plan reads the ledger only, never data. Two plans with equal `inputs` fingerprints would build equal content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lake_assets.contract.calendar import UNDATED, Range, first_sk_of, last_sk_of, span
from lake_assets.contract.layers import BRONZE, SILVER, WHOLE_TABLE, LakeTable
from lake_assets.contract.lineage import reads
from lake_assets.contract.model import CHANNELS, Channel, Table
from lake_assets.contract.tables import FACTS, TABLES
from lake_assets.errors import LakeError
from lake_assets.lake.ledger import Ledger, VersionedEntry, never_published
from lake_assets.lake.records import Batch, Publication, SourceFile, StoredObject

TRANSFORM_VERSIONS = {"bronze": "2", "silver": "2", "gold": "1"}
"""Version of each layer's transforms; raising one makes every partition of the layer stale."""


@dataclass(frozen=True)
class Source:
    """A published object that a plan reads."""

    table: str
    partition: str
    stored: StoredObject


@dataclass(frozen=True)
class PartitionPlan:
    """Inputs of one partition. `inputs` identifies their versions and the transform's."""

    partition: str
    entry: VersionedEntry
    sources: tuple[Source, ...]
    inputs: str
    batches: tuple[str, ...]

    waited_for: Mapping[str, str] = field(default_factory=dict)
    """Present version of each table that rows in quarantine wait for."""

    beside: Mapping[str, str | None] = field(default_factory=dict)
    """Versions of the ledger entries of the table's other partitions, where the plan depends on them (bronze)."""

    @property
    def is_fresh(self) -> bool:
        settled = self.entry.settled
        return settled is not None and settled.inputs == self.inputs and settled.waits_for == self.waited_for


@dataclass(frozen=True)
class Around:
    """The bronze objects beside a batch that is to be converted: earlier versions of its files, and all others.

    `superseded` are paths of its files whose later version is converted already.
    """

    replaced: tuple[Source, ...]
    standing: tuple[Source, ...]
    superseded: frozenset[str]


class Planner:
    """Plans against one reading of the ledger; make a new one after something was published."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._entries: dict[LakeTable, dict[str, VersionedEntry]] = {}

    @cached_property
    def batches(self) -> tuple[Batch, ...]:
        return self._ledger.batches()

    def entries(self, table: LakeTable) -> dict[str, VersionedEntry]:
        """Ledger entries of a table by partition, as they were when this planner first asked."""
        if table not in self._entries:
            self._entries[table] = self._ledger.entries(table)
        return self._entries[table]

    def entry(self, table: LakeTable, partition: str) -> VersionedEntry:
        return self.entries(table).get(partition) or never_published(table, partition)

    def bronze(self, table: LakeTable, batch: str) -> tuple[PartitionPlan, tuple[SourceFile, ...]]:
        """Plan of a bronze partition, with the files of the batch that belong to the table."""
        # The batches are read once for all tables; an unknown one is refused by the ledger, with those there are.
        pinned = next((known for known in self.batches if known.name == batch), None) or self._ledger.batch(batch)
        files = pinned.files_of(table.name)
        inputs = _fingerprint("bronze", (f"{file.path} {file.etag}" for file in files))
        beside = {name: known.version for name, known in self.entries(table).items()}
        plan = PartitionPlan(batch, self.entry(table, batch), (), inputs, (batch,), beside=beside)
        return plan, files

    @cached_property
    def _newest_batch(self) -> dict[str, str]:
        return {file.path: batch.name for batch in self.batches for file in batch.files}

    def is_superseded(self, batch: str, path: str) -> bool:
        """Whether the source file of a batch arrived again in a later one."""
        return self._newest_batch[path] != batch

    def _is_replaced(self, batch: Batch, table: LakeTable, by: Container[str]) -> bool:
        """Whether all files of a table in a batch arrived again, each of them last in one of the batches `by`."""
        newest = {self._newest_batch[file.path] for file in batch.files_of(table.name)}
        return bool(newest) and batch.name not in newest and all(name in by for name in newest)

    def silver(self, table: LakeTable, partitions: Sequence[str], batches: Sequence[str] = ()) -> list[PartitionPlan]:
        """Plans of silver partitions. A dimension reads the batches applied already and `batches`; a fact reads all."""
        if table.partition_column is None:
            applied = self.applied_batches(table)
            known = {*applied, *batches}
            wanted = tuple(
                batch.name for batch in self.batches if batch.name in known or self._is_replaced(batch, table, known)
            )
        else:
            wanted = tuple(batch.name for batch in self.batches)
        sources = self._current_objects(BRONZE[table.name], wanted)
        # A batch without files of this table is applied all the same, but it changes no input.
        return [
            PartitionPlan(
                partition,
                entry,
                sources,
                self._silver_inputs(table, partition, sources),
                wanted,
                self._waited_for(entry),
            )
            for partition in partitions
            for entry in (self.entry(table, partition),)
        ]

    def _silver_inputs(self, table: LakeTable, partition: str, sources: Iterable[Source]) -> str:
        """The versions of what a silver partition is built from: for a month of a fact, of the batches that touch it.

        Superseded objects among them: that one of them is no longer read is told by the batch that replaced it.
        """
        if table.partition_column is None:
            return _fingerprint("silver", (f"{source.stored.key} {source.stored.checksum}" for source in sources))
        touching = (
            settled
            for entry in self.entries(BRONZE[table.name]).values()
            if (settled := entry.settled) and (settled.touches is None or partition in settled.touches)
        )
        return _fingerprint(
            "silver", (f"{stored.key} {stored.checksum}" for settled in touching for stored in settled.objects)
        )

    def around(self, table: LakeTable, batch: str) -> Around:
        """What a batch of a fact comes into when it is converted.

        Nothing for a dimension, and when the batch was converted before: what is there may have been built from it.
        """
        if table.source is None or not table.source.is_fact or self.entry(table, batch).entry.committed:
            return Around((), (), frozenset())
        order = [known.name for known in self.batches]
        others = self._current_objects(table, (name for name in order if name != batch))
        files = {file.path for known in self.batches if known.name == batch for file in known.files}
        earlier = set(order[: order.index(batch)])
        replaced = tuple(other for other in others if other.stored.source in files and other.partition in earlier)
        return Around(
            replaced,
            tuple(other for other in others if other not in replaced),
            frozenset(files.intersection(str(other.stored.source) for other in others if other not in replaced)),
        )

    def _waited_for(self, entry: VersionedEntry) -> dict[str, str]:
        return {name: self.reference_version(name) for name in (entry.settled.waits_for if entry.settled else ())}

    def reference_version(self, name: str) -> str:
        """Changes when the rows of a table do with which silver rows of other tables are compared."""
        if TABLES[name].is_fact:
            keys = (f"{source.stored.key} {source.stored.checksum}" for source in self._arrived(name))
            return _fingerprint("bronze", keys)
        settled = self.entry(SILVER[name], WHOLE_TABLE).settled
        return settled.content if settled else ""

    def references(self, table: LakeTable) -> list[Source]:
        """Objects that rows of a silver table are compared with: the dimensions they refer to, and the sales they undo.

        Sales as they arrived, not as published: a return's months need not be refreshed together with those of its sale.
        """
        if table.source is None:
            return []
        found: list[Source] = []
        for name in table.source.dimensions:
            settled = self.entry(SILVER[name], WHOLE_TABLE).settled
            found += [Source(name, WHOLE_TABLE, stored) for stored in (settled.objects if settled else ())]
        if table.source.sale:
            found += self._arrived(table.source.sale.sales)
        return found

    def reference_keys(self, table: LakeTable) -> dict[str, tuple[int, int]]:
        """Lowest and highest key of the dimensions that a silver table refers to, of those without a gap between them.

        A published key is never missing and never repeated, so that the number of rows tells.
        """
        found: dict[str, tuple[int, int]] = {}
        for name in table.source.dimensions if table.source else ():
            settled = self.entry(SILVER[name], WHOLE_TABLE).settled
            first, last = (settled.first_key, settled.last_key) if settled else (None, None)
            if settled and first is not None and last is not None and settled.rows == last - first + 1:
                found[name] = (first, last)
        return found

    def _arrived(self, name: str) -> tuple[Source, ...]:
        return self._current_objects(BRONZE[name], (batch.name for batch in self.batches))

    def unconverted(self, name: str) -> list[str]:
        """Batches with files of a source table that are not in bronze yet."""
        return [
            batch.name
            for batch in self.batches
            if batch.files_of(name) and self.entry(BRONZE[name], batch.name).settled is None
        ]

    def unapplied(self, dimension: LakeTable) -> list[str]:
        """Batches with files of a dimension that are in bronze, but that its silver table was not built from."""
        applied = self.applied_batches(dimension)
        return [
            batch.name
            for batch in self.batches
            if batch.files_of(dimension.name)
            and batch.name not in applied
            and not self._is_replaced(batch, dimension, {known.name for known in self.batches})
            and self.entry(BRONZE[dimension.name], batch.name).settled
        ]

    def half_published(self, name: str) -> list[str]:
        """Batches whose bronze a writer died while publishing: silver without their rows would look complete."""
        return [batch for batch, known in self.entries(BRONZE[name]).items() if known.entry.publishing]

    def applied_batches(self, dimension: LakeTable) -> frozenset[str]:
        """Batches that a silver dimension was built from, or was being built from by a writer that died."""
        entry = self.entry(dimension, WHOLE_TABLE).entry
        known = [publication for publication in (entry.committed, entry.publishing) if publication]
        return frozenset(batch for publication in known for batch in publication.batches)

    def gold(self, table: LakeTable, partitions: Sequence[str]) -> list[PartitionPlan]:
        """Plans of gold partitions. Raises `LakeError` naming silver tables or partitions that are not published yet."""
        return [self._gold_plan(table, partition) for partition in partitions]

    def gold_is_ready(self, table: LakeTable, partition: str) -> bool:
        """Whether every silver partition that a partition of gold reads is published."""
        return all(self.entry(silver, key).settled for silver, key in reads(table, partition))

    @cached_property
    def sold_range(self) -> dict[Channel, Range]:
        """First and last date key with a sale in each channel, over all published months."""
        return {
            channel: self._range(fact for fact in FACTS if fact.channel == channel and fact.order)
            for channel in CHANNELS
        }

    @cached_property
    def active_range(self) -> dict[Channel, Range]:
        """First and last date key with a sale or a return in each channel, over all published months."""
        return {channel: self._range(fact for fact in FACTS if fact.channel == channel) for channel in CHANNELS}

    def _range(self, facts: Iterable[Table]) -> Range:
        settled = [entry.settled for fact in facts for entry in self.entries(SILVER[fact.name]).values()]
        return span(
            (known.first_date_sk, known.last_date_sk)
            for known in settled
            if known and known.first_date_sk is not None and known.last_date_sk is not None
        )

    def _current_objects(self, bronze: LakeTable, batches: Iterable[str]) -> tuple[Source, ...]:
        """Per source path the object of the newest of the batches: an older version of a file is superseded."""
        entries = self.entries(bronze)
        newest: dict[str, Source] = {}
        for batch in batches:
            entry = entries.get(batch)
            if entry and entry.settled:
                for stored in entry.settled.objects:
                    newest[stored.source or stored.key] = Source(bronze.name, batch, stored)
        return tuple(newest.values())

    def _gold_plan(self, table: LakeTable, partition: str) -> PartitionPlan:
        sources = [source for upstream, key in reads(table, partition) for source in self._published(upstream, key)]
        ranges = (f"{name} {bounds}" for name, bounds in sorted(self._horizon(table, partition).items()))
        contents = (f"{source.table} {source.partition} {content}" for source, content in sources)
        return PartitionPlan(
            partition,
            self.entry(table, partition),
            tuple(source for source, _ in sources),
            _fingerprint("gold", [*contents, *ranges]),
            (),
        )

    def _horizon(self, table: LakeTable, partition: str) -> dict[str, Range]:
        """As much of the ranges of dates over the whole lake as a partition of gold depends on."""
        if table.name == "daily_sales_summary":
            return {channel: _of_week(partition, bounds) for channel, bounds in self.sold_range.items()}
        if table.name == "customer_lifetime_value":
            return {"sales": span(bounds for bounds in self.sold_range.values() if bounds)}
        known = {f"sales of {channel}": bounds for channel, bounds in self.sold_range.items()}
        known |= {f"activity of {channel}": bounds for channel, bounds in self.active_range.items()}
        return {name: _of_years(partition, bounds) for name, bounds in known.items()}

    def _published(self, table: LakeTable, partition: str) -> list[tuple[Source, str]]:
        """Objects of a published partition, each with the partition's content hash."""
        settled = self._settled(table, partition)
        return [(Source(table.name, partition, stored), settled.content) for stored in settled.objects]

    def _settled(self, table: LakeTable, partition: str) -> Publication:
        settled = self.entry(table, partition).settled
        if settled is None:
            raise LakeError(
                f"{table.identifier}, partition {partition}, is not published yet, and gold reads it. "
                "Materialise it first, or let `lake-assets run` do all that is needed."
            )
        return settled


def stale(plans: Iterable[PartitionPlan]) -> list[str]:
    return [plan.partition for plan in plans if not plan.is_fresh]


def _of_years(year: str, bounds: Range) -> Range:
    """As much of a range of dates as can change a year's rows: where in it or the year before, if so, it begins and ends."""
    if bounds is None or year == UNDATED:
        return None
    start, end = first_sk_of(f"{int(year) - 1}-01"), last_sk_of(f"{year}-12")
    return min(max(bounds[0], start - 1), end + 1), min(max(bounds[1], start - 1), end + 1)


def _of_week(month: str, bounds: Range) -> Range:
    """As much of a channel's range of sale dates as can change the seven-day average of a month.

    It is NULL for the first six days of the range and after its end, so a bound further away changes nothing.
    """
    if bounds is None or month == UNDATED:
        return None
    start, end = first_sk_of(month), last_sk_of(month)
    return min(max(bounds[0], start - 6), end + 1), min(max(bounds[1], start - 1), end)


def _fingerprint(layer: str, parts: Iterable[str]) -> str:
    text = "\n".join([f"{layer} transform {TRANSFORM_VERSIONS[layer]}", *sorted(parts)])
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
