"""The verdict on a partition: what the engine counted, judged by each rule's action and threshold, and the rules about the
publication itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lake_assets.contract.layers import LakeTable
from lake_assets.contract.rules import GROWS_TO, ROWS_WORTH_COMPARING, SHRINKS_TO, Rule, Scope
from lake_assets.lake.records import Publication
from lake_assets.lake.task import PartitionResult, Result, Task, Violation


@dataclass(frozen=True)
class Verdict:
    """What one rule found in one partition. `violations` is None when the rule could not be evaluated; `note` says why."""

    rule: Rule
    partition: str
    rows: int
    violations: int | None
    samples: tuple[str, ...] = ()
    note: str = ""

    @property
    def share(self) -> float | None:
        """Violations per row checked; rules about the partition as a whole are broken or not."""
        if self.violations is None:
            return None
        if self.rule.scope in ("file", "publication") or not self.rows:
            return float(bool(self.violations))
        return self.violations / self.rows

    @property
    def failed(self) -> bool:
        return bool(self.violations) and (self.share or 0.0) > self.rule.threshold

    @property
    def blocks(self) -> bool:
        return self.failed and self.rule.action == "block"

    def explanation(self) -> str:
        """What is wrong, for the message of a failed step."""
        rows = "row" if self.violations == 1 else "rows"
        count = "" if self.rule.scope == "publication" else f" ({self.violations:,} {rows})"
        examples = f", e.g. {'; '.join(self.samples)}" if self.samples else ""
        note = f": {self.note}" if self.note else ""
        return f"{self.rule.name}{count}{note}{examples}"


@dataclass(frozen=True)
class Standing:
    """What the publication rules of a partition compare with: the publication before, and batches left waiting too long."""

    before: Publication | None
    late_batches: Sequence[str]


def judge(
    rules: Iterable[Rule],
    table: LakeTable,
    task: Task,
    result: Result,
    standing: Mapping[str, Standing],
) -> dict[str, tuple[Verdict, ...]]:
    """Verdicts of every rule by partition, in the order of the rules."""
    judge_of = _Judge(table, result, _rows_lost(table, task, result))
    rules = tuple(rules)
    return {
        item.partition: tuple(judge_of.verdict(rule, item, standing[item.partition]) for rule in rules)
        for item in result.partitions
    }


@dataclass(frozen=True)
class _Judge:
    """Judges the partitions of one result. `lost` rows were read and are nowhere, None: cannot be told."""

    table: LakeTable
    result: Result
    lost: int | None

    def verdict(self, rule: Rule, item: PartitionResult, standing: Standing) -> Verdict:
        if rule.name in self.result.unevaluated:
            return Verdict(rule, item.partition, 0, None, note=self.result.unevaluated[rule.name])
        if rule.kind == "row_count":
            return _row_count(rule, item, standing.before)
        if rule.kind == "conservation":
            return self._conservation(rule, item)
        if rule.kind == "freshness":
            return _freshness(rule, item, standing.late_batches)
        return self._counted(rule, item)

    def _conservation(self, rule: Rule, item: PartitionResult) -> Verdict:
        if self.lost is None:
            part = "this run builds only some of the partitions; `lake-assets status` tells the sum over all"
            note = "files with other columns than declared were not read" if self.table.layer == "bronze" else part
            return Verdict(rule, item.partition, item.source_rows, None, note=note)
        kind = "lost" if self.lost > 0 else "invented"
        rows = "row" if abs(self.lost) == 1 else "rows"
        note = f"{abs(self.lost):,} {rows} {kind}; please report this" if self.lost else ""
        return Verdict(rule, item.partition, item.source_rows, abs(self.lost), note=note)

    def _counted(self, rule: Rule, item: PartitionResult) -> Verdict:
        """Of a rule whose violations the engine counted."""
        found = next((known for known in item.violations if known.rule == rule.name), Violation(rule=rule.name, rows=0))
        declared = (
            f"{len(self.table.columns)} columns are declared; check that the file lies in the folder of its table, or deliver "
            "it anew under the same name"
        )
        note = declared if rule.kind == "schema" and found.rows else ""
        return Verdict(rule, item.partition, _rows_checked(rule.scope, item), found.rows, found.samples, note)


def _rows_checked(scope: Scope, item: PartitionResult) -> int:
    if scope in ("order", "set"):
        return item.rows
    return item.source_rows if scope == "repeats" else item.rows + item.quarantined


def _freshness(rule: Rule, item: PartitionResult, late: Sequence[str]) -> Verdict:
    note = f"waiting: {', '.join(late)}" if late else ""
    return Verdict(rule, item.partition, item.rows, len(late), note=note)


def _row_count(rule: Rule, item: PartitionResult, before: Publication | None) -> Verdict:
    if before is None:
        return Verdict(rule, item.partition, item.rows, 0, note="nothing was published before")
    lowest, highest = before.rows * SHRINKS_TO, before.rows * GROWS_TO
    comparable = before.rows >= ROWS_WORTH_COMPARING
    out = comparable and not lowest <= item.rows <= highest
    return Verdict(rule, item.partition, item.rows, int(out), note=f"{item.rows:,} rows, {before.rows:,} before")


def held_back(
    results: Iterable[PartitionResult], standing: Mapping[str, Standing], blocked: Sequence[str]
) -> dict[str, str]:
    """Partitions that must stay as they are while others of the task are blocked, and why.

    A row that moved from one partition to another would be in none, if only the one that it left were published.
    """
    found: dict[str, str] = {}
    for item in results if blocked else ():
        before = standing[item.partition].before
        if before and item.partition not in blocked and item.rows + item.quarantined < before.rows:
            lost = before.rows - item.rows - item.quarantined
            rows = "row" if lost == 1 else "rows"
            found[item.partition] = (
                f"{lost:,} {rows} of it may have moved to what is blocked ({', '.join(blocked)}); "
                "it is published together with that"
            )
    return found


def _rows_lost(table: LakeTable, task: Task, result: Result) -> int | None:
    """Rows of the source that are nowhere, over all partitions; None when the task is or read but a part."""
    if table.layer == "bronze":
        if task.actions.get("schema") == "block" and any(_breaks_schema(item) for item in result.partitions):
            return None
        accounted = sum(item.rows + item.quarantined for item in result.partitions)
        told = {staged.source: staged.lines for item in result.partitions for staged in item.objects}
        lines = (file.inspection.lines if file.inspection else told[file.path] for file in task.files)
        return sum(lines) - accounted
    if result.source_rows is None or len(task.partitions) != len(table.partitions):
        return None
    return result.source_rows - sum(item.source_rows for item in result.partitions)


def _breaks_schema(item: PartitionResult) -> bool:
    return any(violation.rule == "schema" for violation in item.violations)
