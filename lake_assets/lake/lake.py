"""The lake as the rest of the code sees it: its store, its ledger, and how one materialisation goes through both."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from lake_assets.contract.layers import WHOLE_TABLE, LakeTable
from lake_assets.contract.rules import Rule
from lake_assets.errors import AuditError, EngineLostError, LakeError, PublishConflictError, SourceError
from lake_assets.lake import layout, quality
from lake_assets.lake.audit import Standing, Verdict, held_back, judge
from lake_assets.lake.balance import balance
from lake_assets.lake.ledger import Ledger
from lake_assets.lake.places import source_of, store_of
from lake_assets.lake.planning import PartitionPlan, Planner, Source
from lake_assets.lake.publish import Publisher, staging
from lake_assets.lake.records import Publication, SourceFile
from lake_assets.lake.store import Store, side_by_side
from lake_assets.lake.task import Figure, FileInput, ObjectInput, PartitionResult, Result, SourceAccess, Task
from lake_assets.settings import Settings, rules_with


@dataclass(frozen=True)
class Outcome:
    """What became of the partitions of one materialisation: published, or the reason why not, and what each rule found.

    `seconds` are the engine's, `audit_seconds` the part of them that the rules took. `figures` are what the engine computed
    of all rows together on the way, by name. `contested` are the failed ones that another run published meanwhile. `reused`
    partitions are published, but were not built anew.
    """

    published: Mapping[str, Publication]
    failed: Mapping[str, str]
    seconds: float
    audit_seconds: float = 0.0
    verdicts: tuple[Verdict, ...] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)
    contested: tuple[str, ...] = ()
    reused: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Prepared:
    """A task and the plan of each of its partitions, in the same order. `folder` is the staging folder's key."""

    task: Task
    plans: tuple[PartitionPlan, ...]
    folder: str


class Lake:
    """A lake at the root of the settings. Creating it reads and writes nothing."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = store_of(settings)
        self.source = source_of(settings)
        self.ledger = Ledger(self.store)

    def planner(self) -> Planner:
        return Planner(self.ledger)

    def store_of(self, table: LakeTable) -> Store:
        """The store with the rights to write what is the table's: objects, ledger entries, staging, quarantine, history.

        On AWS under the role of its layer, where the settings name one; everything else is read and written as the process
        itself may.
        """
        return store_of(self.settings, table.layer) if table.layer in self.settings.roles else self.store

    def materialise(
        self,
        table: LakeTable,
        partitions: Sequence[str],
        run: Callable[[Task], Result],
        run_id: str,
        *,
        rebuild: bool = True,
    ) -> Outcome:
        """Plan, run on an engine, audit and publish the partitions of one table.

        `partitions` are Dagster's: batches for bronze and for dimensions. Partitions whose audit fails, and those that
        another run published meanwhile, are told in the outcome; the others are published. Without `rebuild`, those that stand
        for their present inputs and rules are left as they are.
        """
        self.store.check_writable()
        kept = {} if rebuild else self._up_to_date(table, partitions)
        missing = [partition for partition in partitions if partition not in kept and WHOLE_TABLE not in kept]
        built = self._build(table, missing, run, run_id) if missing else Outcome({}, {}, 0.0)
        return replace(built, published={**kept, **built.published}, reused=frozenset(kept))

    def _up_to_date(self, table: LakeTable, partitions: Sequence[str]) -> dict[str, Publication]:
        """By ledger key, partitions that a run would only build again to what they are."""
        planner = self.planner()
        if table.layer == "bronze":
            plans = [planner.bronze(table, batch)[0] for batch in partitions]
        elif table.layer == "gold":
            plans = planner.gold(table, [key for key in partitions if planner.gold_is_ready(table, key)])
        elif table.partition_column:
            plans = planner.silver(table, partitions)
        else:
            plans = planner.silver(table, (WHOLE_TABLE,), batches=partitions)
            plans = [plan for plan in plans if set(partitions) <= planner.applied_batches(table)]
        rules = self.rules_version(table)
        return {
            plan.partition: plan.entry.settled
            for plan in plans
            if plan.is_fresh and plan.entry.settled and plan.entry.settled.rules == rules
        }

    def _build(
        self, table: LakeTable, partitions: Sequence[str], run: Callable[[Task], Result], run_id: str
    ) -> Outcome:
        attempt = f"{run_id}/{table.layer}.{table.name}.{uuid.uuid4().hex[:8]}"
        with staging(self.store_of(table), attempt) as folder:
            if table.layer != "bronze":
                return self._carry_out(table, self._silver_or_gold(table, partitions, folder, run_id), run)
            if len(partitions) == 1:
                return self._carry_out(table, self._bronze(table, partitions[0], folder, run_id), run)
            outcomes = [self._ingest(table, batch, f"{folder}/{batch}", run_id, run) for batch in partitions]
        return Outcome(
            {partition: known for outcome in outcomes for partition, known in outcome.published.items()},
            {partition: reason for outcome in outcomes for partition, reason in outcome.failed.items()},
            sum(outcome.seconds for outcome in outcomes),
            sum(outcome.audit_seconds for outcome in outcomes),
            tuple(verdict for outcome in outcomes for verdict in outcome.verdicts),
            figures=_together([outcome.figures for outcome in outcomes]),
            contested=tuple(partition for outcome in outcomes for partition in outcome.contested),
        )

    def _ingest(self, table: LakeTable, batch: str, folder: str, run_id: str, run: Callable[[Task], Result]) -> Outcome:
        """One batch of bronze; what is wrong with its files does not undo or hide the batches before it."""
        try:
            return self._carry_out(table, self._bronze(table, batch, folder, run_id), run)
        except EngineLostError:
            raise
        except LakeError as error:
            return Outcome({}, {batch: str(error)}, 0.0)

    def _carry_out(self, table: LakeTable, work: _Prepared, run: Callable[[Task], Result]) -> Outcome:
        result = run(work.task)
        if result.staging is None:
            return self._publish(table, work, work.task, result)
        folder = result.staging.removeprefix(f"{self.store.uri('')}/")
        task = work.task.model_copy(update={"load_timestamp": result.load_timestamp})
        try:
            return self._publish(table, replace(work, folder=folder), task, result)
        finally:
            self.store_of(table).remove_folder(folder)

    def _publish(self, table: LakeTable, work: _Prepared, task: Task, result: Result) -> Outcome:
        task = task.model_copy(update={"actions": task.actions | result.actions})
        if tuple(item.partition for item in result.partitions) != work.task.partitions:
            raise AuditError(f"{table.identifier}: the engine answered for other partitions than it was asked for.")
        store = self.store_of(table)
        publisher = Publisher(store, Ledger(store), table, task, staging=work.folder, rules=self.rules_version(table))
        late = self._late_batches(table, work.plans[0])
        standing = {plan.partition: Standing(plan.entry.settled, late) for plan in work.plans}
        by_partition = judge(self._rules(table, task), table, task, result, standing)
        verdicts = tuple(verdict for each in by_partition.values() for verdict in each)
        quality.record(store, table, work.task.run_id, work.folder, verdicts)
        published: dict[str, Publication] = {}
        contested: list[str] = []
        blocking = {
            partition: [verdict for verdict in each if verdict.blocks]
            for partition, each in by_partition.items()
            if any(verdict.blocks for verdict in each)
        }
        failed = held_back(result.partitions, standing, list(blocking)) if table.layer == "silver" else {}
        passed: list[tuple[PartitionResult, PartitionPlan]] = []
        for item, plan in zip(result.partitions, work.plans, strict=True):
            if item.partition in failed:
                continue
            if refusing := blocking.get(item.partition):
                failed[item.partition] = "; ".join(verdict.explanation() for verdict in refusing)
                publisher.note_blocked(plan, {verdict.rule.name: verdict.violations or 0 for verdict in refusing})
                continue
            passed.append((item, plan))

        def publish(what: tuple[PartitionResult, PartitionPlan]) -> Publication | LakeError:
            try:
                return publisher.publish(*what)
            except LakeError as error:
                return error

        for (item, _), became in zip(passed, side_by_side(store, publish, passed), strict=True):
            if isinstance(became, Publication):
                published[item.partition] = became
                continue
            failed[item.partition] = str(became)
            if isinstance(became, PublishConflictError):
                contested.append(item.partition)
        return Outcome(
            published, failed, result.seconds, result.audit_seconds, verdicts, result.figures, tuple(contested)
        )

    def told(self, table: LakeTable, outcome: Outcome) -> tuple[Verdict, ...]:
        """The verdicts of an outcome, with what only the ledger can tell once all partitions are there: conservation.

        A run over some of the months cannot know by itself whether the rows that it left aside are in the others.
        """
        if table.layer != "silver":
            return outcome.verdicts
        found = balance(self.planner(), table.name)
        if found is None:
            return outcome.verdicts
        return tuple(
            replace(verdict, violations=abs(found.missing), rows=found.source, note="")
            if verdict.rule.kind == "conservation" and verdict.violations is None
            else verdict
            for verdict in outcome.verdicts
        )

    def rules(self, table: LakeTable) -> tuple[Rule, ...]:
        """The rules of a table as the settings want them."""
        return rules_with(table, self.settings.rules)

    def rules_version(self, table: LakeTable) -> str:
        """Changes when the settings change what a rule of the table does."""
        text = "\n".join(f"{rule.name} {rule.action} {rule.threshold}" for rule in self.rules(table))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _rules(self, table: LakeTable, task: Task) -> tuple[Rule, ...]:
        return tuple(replace(rule, action=task.actions[rule.name]) for rule in self.rules(table))

    def _late_batches(self, table: LakeTable, plan: PartitionPlan) -> list[str]:
        """Batches with files for a silver table that it should be built from by now, but is not.

        The same for all partitions of a task: they are built from the same batches.
        """
        if table.layer != "silver":
            return []
        planner = self.planner()
        latest = datetime.now(UTC) - timedelta(hours=self.settings.fresh_hours)
        unconverted = planner.unconverted(table.name)
        return [
            batch.name
            for batch in planner.batches
            if batch.files_of(table.name)
            and batch.created_at < latest
            and (batch.name not in plan.batches or batch.name in unconverted)
        ]

    def _bronze(self, table: LakeTable, batch: str, folder: str, run_id: str) -> _Prepared:
        planner = self.planner()
        plan, files = planner.bronze(table, batch)
        around = planner.around(table, batch)
        inputs = tuple(
            self._file_input(table, batch, file, is_current=file.path not in around.superseded)
            for file in files
            if self._is_there(planner, batch, file)
        )
        task = self._task(
            table,
            (batch,),
            folder,
            run_id,
            files=inputs,
            replaced=tuple(self._object_input(source) for source in around.replaced),
            standing=tuple(self._object_input(source) for source in around.standing),
        )
        return _Prepared(task, (plan,), folder)

    def _is_there(self, planner: Planner, batch: str, file: SourceFile) -> bool:
        """False for a version of a file that a newer one replaced in the source: it cannot be read, and silver would not.

        Without this a batch whose file was replaced before it was converted would fail for ever.
        """
        if not planner.is_superseded(batch, file.path):
            return True
        try:
            self.source.check_unchanged(file)
        except SourceError:
            return False
        return True

    def _file_input(self, table: LakeTable, batch: str, file: SourceFile, *, is_current: bool) -> FileInput:
        return FileInput(
            uri=self.source.check_unchanged(file),
            path=file.path,
            object=layout.bronze_object_key(table, batch, layout.source_stem(file.path)),
            etag=file.etag,
            size=file.size,
            inspection=file.inspection,
            is_current=is_current,
        )

    def _silver_or_gold(self, table: LakeTable, partitions: Sequence[str], folder: str, run_id: str) -> _Prepared:
        planner = self.planner()
        if table.layer == "gold":
            plans = planner.gold(table, partitions)
        elif table.partition_column:
            plans = planner.silver(table, partitions)
        else:
            plans = planner.silver(table, (WHOLE_TABLE,), batches=partitions)
        half_published = planner.half_published(table.name) if table.layer == "silver" else []
        if half_published:
            raise LakeError(
                f"{table.identifier}: bronze.{table.name} was left half published by a run that died "
                f"({', '.join(half_published)}). Materialise that first, or let `lake-assets run` do all that is needed."
            )
        if not any(plan.sources for plan in plans):
            raise LakeError(
                f"{table.identifier}: no source file of {table.name} has been ingested, so there is nothing to build it from. "
                "Materialise its bronze asset first, or let `lake-assets run` do all that is needed."
            )
        # The partitions of a range share inputs; each object is read once.
        sources = {source.stored.key: source for plan in plans for source in plan.sources}
        inputs = tuple(self._object_input(source) for source in sources.values())
        is_gold = table.layer == "gold"
        references = planner.references(table) if table.layer == "silver" else ()
        compared = _compared_tables(table) if table.layer == "silver" else ()
        keys = tuple(plan.partition for plan in plans)
        task = self._task(
            table,
            keys,
            folder,
            run_id,
            inputs=inputs,
            references=tuple(self._object_input(source) for source in references),
            reference_versions={name: planner.reference_version(name) for name in compared},
            reference_keys=planner.reference_keys(table) if table.layer == "silver" else {},
            sold_range=planner.sold_range if is_gold else {},
            active_range=planner.active_range if is_gold else {},
        )
        return _Prepared(task, tuple(plans), folder)

    def _object_input(self, source: Source) -> ObjectInput:
        return ObjectInput(
            table=source.table,
            partition=source.partition,
            uri=self.store.uri(source.stored.key),
            rows=source.stored.rows,
            bytes=source.stored.bytes,
        )

    def _task(
        self,
        table: LakeTable,
        partitions: tuple[str, ...],
        folder: str,
        run_id: str,
        files: tuple[FileInput, ...] = (),
        **inputs: object,
    ) -> Task:
        return Task.model_validate(
            {
                "layer": table.layer,
                "table": table.name,
                "partitions": partitions,
                "staging": self.store.uri(folder),
                "run_id": run_id,
                "load_timestamp": datetime.now(UTC),
                "memory_gb": self.settings.memory_gb,
                "threads": self.settings.threads,
                "files": files,
                "access": SourceAccess(
                    region=self.settings.source_region or self.settings.region,
                    anonymous=self.settings.source_access == "anonymous",
                    copied=self.settings.engine in ("sail", "spark"),
                ),
                "owner": self.settings.expected_owner,
                "kms_key": self.settings.kms_key,
                "tolerates_added_columns": self.settings.schema_drift == "evolve",
                "actions": {rule.name: rule.action for rule in self.rules(table)},
                **inputs,
            }
        )


def _compared_tables(table: LakeTable) -> set[str]:
    """Tables that rows of a silver table are compared with."""
    if table.source is None:
        return set()
    sale = {table.source.sale.sales} if table.source.sale else set()
    return sale.union(table.source.dimensions)


def _together(figures: Sequence[Mapping[str, Figure]]) -> dict[str, Figure]:
    """Figures of several tasks: numbers are added up, of texts the last one stays."""
    found: dict[str, Figure] = {}
    for each in figures:
        for name, value in each.items():
            before = found.get(name)
            found[name] = value + before if isinstance(value, float) and isinstance(before, float) else value
    return found
