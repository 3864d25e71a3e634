"""Asset checks: what the rules of a table found, for the Dagster UI.

One check per table and kind of rule (334), not one per rule (1,092): ten names stand in the list where forty would be cut
short, and a run writes a third of the events. What each rule found is in the check's metadata, its history in quality.results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from lake_assets.contract.layers import LakeTable
from lake_assets.contract.rules import KINDS, SAMPLES, Kind, Rule, rules_of
from lake_assets.lake import layout
from lake_assets.lake.audit import Verdict
from lake_assets.lake.records import LedgerEntry
from lake_assets.lake.store import Store

_PARTITIONS_SHOWN = 20


def check_specs(table: LakeTable) -> list[dg.AssetCheckSpec]:
    """One check per kind of rule that the table has; a kind's name never changes, so its history stays."""
    kinds: dict[Kind, list[Rule]] = {}
    for rule in rules_of(table):
        kinds.setdefault(rule.kind, []).append(rule)
    return [
        dg.AssetCheckSpec(
            kind,
            asset=dg.AssetKey([table.layer, table.name]),
            description=_about(kind, rules),
            metadata={
                "rules": dg.MetadataValue.md(
                    "\n".join(f"- `{rule.name}` ({rule.action}): {rule.sentence}" for rule in rules)
                )
            },
        )
        for kind, rules in kinds.items()
    ]


def _about(kind: Kind, rules: Sequence[Rule]) -> str:
    blocks = any(rule.action == "block" for rule in rules)
    number = f"{len(rules)} rule{'' if len(rules) == 1 else 's'}"
    return f"{KINDS[kind]}: {number}." + (" A partition that breaks a blocking one is not published." if blocks else "")


@dataclass(frozen=True)
class _State:
    """What a rule says of the whole table: the partitions of this run, and the others as they were published."""

    rule: Rule
    verdicts: Sequence[Verdict]
    standing: Mapping[str, int]

    @property
    def evaluated(self) -> bool:
        return all(verdict.violations is not None for verdict in self.verdicts)

    @property
    def by_partition(self) -> dict[str, int]:
        """Violations of each partition that has any."""
        now = {verdict.partition: verdict.violations for verdict in self.verdicts if verdict.violations}
        return dict(sorted({**self.standing, **now}.items()))

    @property
    def rows(self) -> int:
        """Rows that this run checked."""
        return sum(verdict.rows for verdict in self.verdicts)

    @property
    def share(self) -> float | None:
        """Violations per row that this run checked."""
        found = sum(verdict.violations or 0 for verdict in self.verdicts)
        return round(found / self.rows, 6) if self.rows and self.evaluated else None

    @property
    def failed(self) -> bool:
        return any(verdict.failed for verdict in self.verdicts) or bool(self.standing)


def check_results(
    table: LakeTable,
    store: Store,
    rules: Sequence[Rule],
    verdicts: Iterable[Verdict],
    standing: Mapping[str, LedgerEntry],
) -> Iterator[dg.AssetCheckResult]:
    """One result per check. `standing` are the entries of all partitions; those of this run are told by `verdicts`."""
    by_rule: dict[str, list[Verdict]] = {rule.name: [] for rule in rules}
    for verdict in verdicts:
        by_rule[verdict.rule.name].append(verdict)
    audited = {verdict.partition for found in by_rule.values() for verdict in found}
    others = {partition: known for partition, known in standing.items() if partition not in audited}
    states: dict[str, list[_State]] = {}
    for rule in rules:
        # The rule as this run applied it.
        found = by_rule[rule.name]
        applied = found[0].rule if found else rule
        states.setdefault(rule.kind, []).append(_State(applied, found, _standing(applied, others)))
    for kind, of_kind in states.items():
        yield _result(table, store, kind, of_kind)


def _standing(rule: Rule, others: Mapping[str, LedgerEntry]) -> dict[str, int]:
    """Violations above the threshold in partitions that this run did not touch, those included that wait blocked."""
    found = {partition: entry.blocked[rule.name] for partition, entry in others.items() if rule.name in entry.blocked}
    for partition, entry in others.items():
        known = entry.settled
        if known and known.violations.get(rule.name, 0) > rule.threshold * (known.rows + known.quarantined):
            found[partition] = known.violations[rule.name]
    return found


def _result(table: LakeTable, store: Store, name: str, states: Sequence[_State]) -> dg.AssetCheckResult:
    failed = [state for state in states if state.failed]
    unevaluated = [state for state in states if not state.evaluated]
    serious = any(state.rule.action != "warn" for state in failed)
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=dg.AssetKey([table.layer, table.name]),
        passed=not failed and not unevaluated,
        severity=dg.AssetCheckSeverity.ERROR if serious else dg.AssetCheckSeverity.WARN,
        description=_description(states, failed, unevaluated),
        metadata=_metadata(table, store, states),
    )


def _description(states: Sequence[_State], failed: Sequence[_State], unevaluated: Sequence[_State]) -> str:
    if failed:
        return "; ".join(_in_short(state) for state in failed)
    if unevaluated:
        return f"not evaluated: {unevaluated[0].verdicts[0].note}"
    return f"{len(states)} of {len(states)} rules hold"


def _in_short(state: _State) -> str:
    """Where a rule is broken, how often, and one example."""
    where = list(state.by_partition)
    names = where[0] if len(where) == 1 else f"{where[0]} and {len(where) - 1} more"
    sample = next((sample for verdict in state.verdicts for sample in verdict.samples), None)
    count = f"{sum(state.by_partition.values()):,} in {names}" if where else "broken"
    return f"{state.rule.name}: {count}" + (f", e.g. {sample}" if sample else "")


def _metadata(table: LakeTable, store: Store, states: Sequence[_State]) -> dict[str, Any]:
    broken = [_broken(state) for state in states if state.by_partition or not state.evaluated]
    return {
        **({"broken": dg.MetadataValue.md("\n\n".join(broken))} if broken else {}),
        "violations": sum(sum(state.by_partition.values()) for state in states),
        "rows_checked": max(state.rows for state in states),
        "rules": dg.TableMetadataValue(
            records=[_record(state) for state in sorted(states, key=lambda state: not state.failed)], schema=_SCHEMA
        ),
        "quarantine": dg.MetadataValue.path(store.uri(layout.quarantine_folder(table))),
    }


_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("rule", "string"),
        dg.TableColumn("demands", "string"),
        dg.TableColumn("action", "string"),
        dg.TableColumn("threshold", "float"),
        dg.TableColumn("violations", "int"),
        dg.TableColumn("share", "float"),
    ]
)


def _record(state: _State) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "rule": state.rule.name,
            "demands": state.rule.sentence,
            "action": state.rule.action,
            "threshold": state.rule.threshold,
            "violations": sum(state.by_partition.values()) if state.evaluated else None,
            "share": state.share,
        }
    )


def _broken(state: _State) -> str:
    """What is to be said of a rule that is broken, or was not evaluated: where, how much, and examples."""
    found = list(state.by_partition.items())
    more = f" and {len(found) - _PARTITIONS_SHOWN} more" if len(found) > _PARTITIONS_SHOWN else ""
    where = ", ".join(f"{name}: {count:,}" for name, count in found[:_PARTITIONS_SHOWN]) + more
    samples = [sample for verdict in state.verdicts for sample in verdict.samples]
    notes = sorted(
        {verdict.note for verdict in state.verdicts if verdict.note and (verdict.failed or not state.evaluated)}
    )
    told = [
        f"**{state.rule.name}** ({state.rule.action}): {state.rule.sentence}",
        *([f"- violations per partition: {where}"] if found else []),
        *([f"- e.g. {'; '.join(samples[:SAMPLES])}"] if samples else []),
        *(f"- {note}" for note in notes),
    ]
    return "\n".join(told)
