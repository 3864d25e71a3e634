"""No rule that cannot fail: each rule of the contract finds what was broken on purpose, and lets pass what was not.

From the rule itself follows how a valid row of the sample is changed to break it, and how it can come close without breaking
it. The rows are prepared once; each engine looks at them, classic Spark in a process of its own:
`python -m lake_assets_tests.integration.test_every_rule_can_fail ENGINE FOLDER`.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict
from unittest.mock import patch

import pyarrow as pa
import pytest

from lake_assets.contract.calendar import FIRST_DATE_SK, LAST_DATE_SK
from lake_assets.contract.layers import (
    BATCH_COLUMN,
    BRONZE,
    GOLD,
    LAKE_TABLES,
    SILVER,
    SOURCE_BATCH,
    WHOLE_TABLE,
    LakeTable,
)
from lake_assets.contract.lineage import upstream
from lake_assets.contract.model import Column, Table
from lake_assets.contract.rules import Rule, rule_of, rules_of
from lake_assets.contract.tables import TABLES
from lake_assets.contract.types import arrow_schema, decimal_scale, is_text, physical_type, text_length
from lake_assets.engine.session import SessionEngine
from lake_assets.lake.audit import Standing, Verdict, judge
from lake_assets.lake.inspection import inspect, open_source
from lake_assets.lake.records import Inspection
from lake_assets.lake.task import FileInput, ObjectInput, PartitionResult, Result, Task
from lake_assets.settings import EngineName
from lake_assets_tests.support.apart import run_apart
from lake_assets_tests.support.damaged_gold import ALL_COLUMNS, Damage, damaged_table, row_damages, table_damages
from lake_assets_tests.support.lake_support import SOME_TIME, Row, publication
from lake_assets_tests.support.tiny_silver import ranges, silver_inputs, silver_rows, write, write_silver

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

UNTOUCHED = 40
"""Rows of the sample that are looked at as they are, of each table."""
NOWHERE = 999_999_999
FIRST, SECOND = "batch-000001", "batch-000002"
CASE = "_case"
ROW_SCOPES = ("placement", "row", "reference", "sale", "order")
ENGINES = [pytest.param("sail"), pytest.param("spark", marks=pytest.mark.spark)]
Pair = tuple[str, str]
"""Identifier of a table and name of one of its rules."""


@dataclass(frozen=True)
class Case:
    """Rows that break `rule`, or with `near_miss` only come close, by the values of the columns `changed`."""

    rule: str
    rows: tuple[Row, ...]
    changed: frozenset[str]
    near_miss: bool = False


@dataclass(frozen=True)
class Sample:
    """Valid rows of a table and, for returns, the sales that they undo by item and order."""

    source: Table
    rows: tuple[Row, ...]
    sales: Mapping[tuple[Any, ...], Row]

    def with_values(self, *names: str) -> Row:
        """A row that has values in these columns."""
        return next(row for row in self.rows if all(row[name] is not None for name in names))

    def bare(self, row: Row) -> Row:
        """The row with nothing but what it must have."""
        kept = {column.name for column in self.source.columns if column.filled or not column.nullable}
        kept |= set(self.source.primary_key)
        return {name: value if name in kept else None for name, value in row.items()}


def read_lines(path: Path, table: Table) -> Iterator[list[str]]:
    encoding = inspect(path, table).encoding
    with open_source(path) as file:
        for line in file:
            yield line.decode(encoding).rstrip("\r\n").removesuffix("|").split("|")


def parsed(lines: Iterable[Sequence[str]], table: Table) -> list[Row]:
    """Rows in declared types, text as silver has it: without blanks at the end."""
    schema = arrow_schema(table.columns)
    texts = [[field.rstrip(" ") or None for field in fields] for fields in zip(*lines, strict=True)]
    columns = [pa.array(text, pa.string()).cast(field.type) for text, field in zip(texts, schema, strict=True)]
    rows: list[Row] = pa.table(columns, schema=schema).to_pylist()
    return rows


def sample_of(source: Path, table: Table) -> Sample:
    path = sorted((source / table.name).iterdir())[0]
    lines = list(islice(read_lines(path, table), 100 * UNTOUCHED))
    rows = parsed(lines[:: max(1, len(lines) // UNTOUCHED)], table)
    return Sample(table, tuple(rows), _sales_of(source, table, rows))


def _sales_of(source: Path, table: Table, returns: Iterable[Row]) -> dict[tuple[Any, ...], Row]:
    if table.sale is None:
        return {}
    sales = TABLES[table.sale.sales]
    header = sales.order
    assert header is not None
    item, order = (sales.column_names.index(name) for name in (header.item, header.order))
    wanted = {(str(row[table.sale.item]), str(row[table.sale.order])) for row in returns}
    lines = [
        fields
        for path in sorted((source / sales.name).iterdir())
        for fields in read_lines(path, sales)
        if (fields[item], fields[order]) in wanted
    ]
    return {(row[header.item], row[header.order]): row for row in parsed(lines, sales)}


def cases_of(sample: Sample) -> Iterator[Case]:
    """For every rule of rows at least one case that breaks it."""
    for rule in rules_of(SILVER[sample.source.name]):
        if rule.scope in ROW_SCOPES:
            yield from _BREAKING[rule.kind](rule, sample)


def _one(rule: Rule, row: Row, values: Row, *, near_miss: bool = False) -> Case:
    assert set(values) <= set(row)
    return Case(rule.name, (row | values,), frozenset(values), near_miss)


def _column(rule: Rule) -> Column:
    assert rule.column is not None
    return rule.column


def _not_null(rule: Rule, sample: Sample) -> Iterator[Case]:
    yield _one(rule, sample.bare(sample.rows[0]), {rule.subject: None})


def _calendar(rule: Rule, sample: Sample) -> Iterator[Case]:
    bare = sample.bare(sample.rows[0])
    for day, near_miss in (
        (FIRST_DATE_SK - 1, False),
        (LAST_DATE_SK + 1, False),
        (FIRST_DATE_SK, True),
        (LAST_DATE_SK, True),
        (None, True),
    ):
        yield _one(rule, bare, {rule.subject: day}, near_miss=near_miss)


def _accepted_values(rule: Rule, sample: Sample) -> Iterator[Case]:
    bare, values = sample.bare(sample.rows[0]), _column(rule).values
    for value in values:
        yield _one(rule, bare, {rule.subject: value}, near_miss=True)
    for value in ("?", values[0].swapcase(), f" {values[0]}", values[-1] + "?"):
        if value not in values:
            yield _one(rule, bare, {rule.subject: value})


def _range(rule: Rule, sample: Sample) -> Iterator[Case]:
    column, bare = _column(rule), sample.bare(sample.rows[0])
    scale = decimal_scale(column)
    step: Decimal | int = 1 if scale is None else Decimal(1).scaleb(-scale)
    for bound, beyond in ((column.low, -step), (column.high, step)):
        if bound is not None:
            yield _one(rule, bare, {rule.subject: bound}, near_miss=True)
            yield _one(rule, bare, {rule.subject: bound + beyond})


def _pattern(rule: Rule, sample: Sample) -> Iterator[Case]:
    pattern = _column(rule).pattern
    assert pattern is not None
    valid = sample.with_values(rule.subject)
    bare, value = sample.bare(valid), valid[rule.subject]
    yield _one(rule, bare, {rule.subject: value}, near_miss=True)
    odd = ("~", "a", f"{value}~", f"{value}a", f"~{value}", f"{value}\u0085")
    breaking = [text for text in odd if not re.fullmatch(pattern, text)]
    assert breaking
    for text in breaking:
        yield _one(rule, bare, {rule.subject: text})


def _length(rule: Rule, sample: Sample) -> Iterator[Case]:
    length, bare = text_length(_column(rule)), sample.bare(sample.rows[0])
    assert length is not None
    # Letters of two bytes: what is declared are characters.
    yield _one(rule, bare, {rule.subject: "é" * length}, near_miss=True)
    yield _one(rule, bare, {rule.subject: "é" * (length + 1)})


def _identity(rule: Rule, sample: Sample) -> Iterator[Case]:
    assert rule.identity is not None
    valid = sample.with_values(*rule.columns)
    row = sample.bare(valid) | {name: valid[name] for name in rule.columns}
    column = next(each for each in sample.source.columns if each.name == rule.identity.column)
    step = Decimal("0.01") if decimal_scale(column) else 1
    yield _one(rule, row, {column.name: row[column.name]}, near_miss=True)
    for wrong in (row[column.name] + step, row[column.name] - step):
        yield _one(rule, row, {column.name: wrong})
    for operand in rule.columns:
        if operand not in sample.source.primary_key:
            yield _one(rule, row, {column.name: row[column.name] + step} | {operand: None}, near_miss=True)


def _foreign_key(rule: Rule, sample: Sample) -> Iterator[Case]:
    # Some columns are always empty in a sample as small as this.
    valid = next((row for row in sample.rows if row[rule.subject] is not None), sample.rows[0])
    yield _one(rule, sample.bare(valid), {rule.subject: valid[rule.subject]}, near_miss=True)
    yield _one(rule, sample.bare(valid), {rule.subject: NOWHERE})


def _sale(rule: Rule, sample: Sample) -> Iterator[Case]:
    link, month = sample.source.sale, sample.source.month
    assert link is not None
    assert month is not None
    header = TABLES[link.sales].order
    assert header is not None
    needed = (header.quantity, header.price, header.amount, header.sold_date)
    row, sale = next(
        (row, sold)
        for row in sample.rows
        for sold in [sample.sales[row[link.item], row[link.order]]]
        if all(sold[name] is not None for name in needed) and sold[header.quantity] > 1 and sold[header.price] > 0
    )
    bare = sample.bare(row)
    quantity, amount, price = sale[header.quantity], sale[header.amount], sale[header.price]
    cent, day = Decimal("0.01"), sale[header.sold_date]
    good: dict[str, dict[str, Any]] = {
        "exists": {},
        "quantity": {link.quantity: quantity},
        "amount": {link.amount: amount},
        "price": {link.quantity: 1, link.amount: price},
        "date": {month.column: day},
    }
    wrong: dict[str, list[dict[str, Any]]] = {
        "exists": [{link.order: NOWHERE}, {link.item: NOWHERE}],
        "quantity": [{link.quantity: quantity + 1}],
        "amount": [{link.amount: amount + cent}],
        "price": [{link.quantity: 1, link.amount: price - cent}, {link.quantity: 2, link.amount: price}],
        "date": [{month.column: day - 1}],
    }
    yield _one(rule, bare, good[rule.subject], near_miss=True)
    for values in wrong[rule.subject]:
        yield _one(rule, bare, values)


def _order_header(rule: Rule, sample: Sample) -> Iterator[Case]:
    _, column = rule.columns
    valid = sample.with_values(column)
    bare, value = sample.bare(valid), valid[column]
    for other, near_miss in ((value + 1, False), (value, True), (None, True)):
        rows = tuple(bare | {column: each} for each in (value, other))
        yield Case(rule.name, rows, frozenset({column}), near_miss)


def _history(rule: Rule, sample: Sample) -> Iterator[Case]:
    start, end = rule.columns
    bare, day = sample.bare(sample.rows[0]), date(2000, 2, 29)
    yield _one(rule, bare, {start: day, end: day}, near_miss=True)
    yield _one(rule, bare, {start: day, end: None}, near_miss=True)
    yield _one(rule, bare, {start: day + timedelta(1), end: day})


_BREAKING: dict[str, Callable[[Rule, Sample], Iterator[Case]]] = {
    "not_null": _not_null,
    "calendar": _calendar,
    "accepted_values": _accepted_values,
    "range": _range,
    "pattern": _pattern,
    "length": _length,
    "identity": _identity,
    "foreign_key": _foreign_key,
    "sale": _sale,
    "order_header": _order_header,
    "history": _history,
}


def together(sample: Sample) -> tuple[list[Row], dict[str, int]]:
    """Valid rows beside rows that break the rules of rows together; how many rows break each, and no other such rule."""
    source, silver = sample.source, SILVER[sample.source.name]
    rows = [row | {BATCH_COLUMN: FIRST} for row in sample.rows]
    # In a fact the row delivered later stays and the other is the repeated one; in a dimension that would be news.
    rows.append(rows[0] | {BATCH_COLUMN: SECOND if source.is_fact else FIRST})
    if not source.is_fact:
        rows.append(rows[-2] | {BATCH_COLUMN: SECOND})
    expected = {"unique__primary_key": 1}
    numbers = count(1)

    def stranger(**values: Any) -> None:
        """A row that shares nothing with any other but these values."""
        number = next(numbers)
        row = dict.fromkeys(source.column_names) | {source.primary_key[0]: NOWHERE - number, BATCH_COLUMN: FIRST}
        if source.business_key:
            row[source.business_key] = business_key(number)
        rows.append(row | values)

    for rule in rules_of(silver):
        if rule.scope != "set":
            continue
        if rule.kind == "unique":
            (name,) = rule.columns
            stranger(**{name: sample.with_values(name)[name]})
            expected[rule.name] = 2
            stranger()
            stranger()
            continue
        key, start, end = rule.columns
        same, near = business_key(100 + next(numbers)), business_key(100 + next(numbers))
        june, july = date(2000, 6, 30), date(2000, 7, 1)
        if rule.subject == "one_open_version":
            stranger(**{key: same})
            stranger(**{key: same})
            stranger(**{key: near})
            stranger(**{key: near, end: june})
            expected[rule.name] = 2
        else:
            stranger(**{key: same, start: date(2000, 1, 1), end: june})
            stranger(**{key: same, start: june, end: date(2000, 12, 31)})
            stranger(**{key: near, start: date(2000, 1, 1), end: june})
            stranger(**{key: near, start: july})
            expected[rule.name] = 1
    return rows, expected


def business_key(number: int) -> str:
    return "P" * 8 + "".join("ABCDEFGHIJKLMNOP"[int(digit, 16)] for digit in f"{number:08x}")


@dataclass(frozen=True)
class Prepared:
    """What was written below `folder` for the engines, and what they must find."""

    folder: Path
    samples: Mapping[str, Sample]
    cases: Mapping[str, Sequence[Case]]
    together: Mapping[str, Mapping[str, int]]


def prepare(source: Path, folder: Path) -> Prepared:
    samples = {name: sample_of(source, table) for name, table in TABLES.items()}
    cases: dict[str, list[Case]] = {}
    expected: dict[str, dict[str, int]] = {}
    for name, sample in samples.items():
        cases[name] = list(cases_of(sample))
        write(
            folder / f"cases/{name}.parquet",
            [*sample.source.columns, SOURCE_BATCH, Column(CASE, "VARCHAR(9)", "")],
            [row for number, case in enumerate(cases[name]) for row in _rows_of(sample, number, case)]
            + [row | {BATCH_COLUMN: FIRST, CASE: f"ok {n}"} for n, row in enumerate(sample.rows)]
            + [row | {BATCH_COLUMN: FIRST, CASE: case} for case, row in _empty_rows(sample).items()],
        )
        rows, expected[name] = together(sample)
        for batch in (FIRST, SECOND):
            write(
                folder / f"together/{name}/{batch}.parquet",
                sample.source.columns,
                [row for row in rows if row[BATCH_COLUMN] == batch],
            )
        if sample.source.sale:
            sold = TABLES[sample.source.sale.sales]
            write(folder / f"sales/{sold.name}.parquet", sold.columns, list(sample.sales.values()))
        write_lines(folder, sample.source)
    keys: dict[str, set[int]] = defaultdict(set)
    for sample in samples.values():
        for foreign_key in sample.source.foreign_keys:
            keys[foreign_key.references] |= {row[foreign_key.column] for row in sample.rows} - {None}
    for name, values in keys.items():
        (primary_key,) = TABLES[name].primary_key
        write(folder / f"keys/{name}.parquet", TABLES[name].columns, [{primary_key: value} for value in sorted(values)])
    write_silver(folder, silver_rows())
    return Prepared(folder, samples, cases, expected)


def write_lines(folder: Path, table: Table) -> None:
    """All lines of `lines_of` in one file, and those with another number of fields in a file of their own."""
    (folder / "lines").mkdir(exist_ok=True)
    lines = lines_of(table)
    (folder / f"lines/{table.name}.dat").write_text("".join(f"{line}\n" for line in lines))
    for name, line in zip(("fewer", "more"), lines[2:], strict=True):
        (folder / f"lines/{table.name}.{name}.dat").write_text(f"{line}\n")


def _rows_of(sample: Sample, number: int, case: Case) -> Iterator[Row]:
    header = sample.source.order
    for row in case.rows:
        # A case is an order of its own, or the lines of one would contradict those of another.
        own = {header.order: NOWHERE + number} if header and header.order not in case.changed else {}
        yield row | own | {BATCH_COLUMN: FIRST, CASE: str(number)}


def _empty_rows(sample: Sample) -> dict[str, Row]:
    bare = sample.bare(sample.rows[0])
    filled = {column.name: None for column in sample.source.columns if column.filled}
    return {"bare": bare, "empty": bare | filled}


def _text_of(column: Column) -> str:
    return {"date": "2000-01-01"}.get(physical_type(column), "1")


class GoldFindings(TypedDict):
    """What one engine found in a gold table: by partition and rule the violations in it as it is built (`valid`).

    `rows`: of each damaged row the rule that it was damaged for, the changed column, and the rules found broken. `rounds`: of
    tables that are damaged in some partitions the rule and the changed columns by partition, and what was found by partition.
    """

    valid: dict[str, dict[str, int]]
    rows: list[tuple[str, str, list[str]]]
    rounds: list[dict[str, Any]]


@dataclass(frozen=True)
class Findings:
    """What one engine found in what was prepared."""

    rows: dict[str, dict[str, list[str]]]
    """By table and case the rules of rows that are broken."""
    together: dict[str, dict[str, int]]
    """By table and rule about several rows how many break it."""
    lines: dict[str, list[bool]]
    """By table whether each line can be read."""
    schema: dict[str, dict[str, int]]
    gold: dict[str, GoldFindings]


def examine(spark: SparkSession, target: Path, folder: Path) -> None:
    """Let the engine look at what was prepared in `folder`, and write its findings to `target`."""
    with ThreadPoolExecutor(2) as pool:
        rows = pool.map(lambda name: _examine_rows(spark, folder, name), TABLES)
        sets = pool.map(lambda name: _examine_together(spark, folder, name), TABLES)
        schema = pool.map(lambda name: _examine_schema(spark, folder, name), TABLES)
        found = Findings(
            rows=dict(zip(TABLES, rows, strict=True)),
            together=dict(zip(TABLES, sets, strict=True)),
            lines=_examine_lines(spark, folder),
            schema=dict(zip(TABLES, schema, strict=True)),
            gold=_examine_gold(spark, folder),
        )
    target.mkdir(exist_ok=True)
    (target / "findings.json").write_text(json.dumps(vars(found)))


def _task(table: LakeTable, folder: Path, partitions: Sequence[str], **inputs: Any) -> Task:
    names: dict[str, Any] = {
        "layer": table.layer,
        "table": table.name,
        "partitions": tuple(partitions),
        "staging": str(folder / f"staging/{uuid.uuid4().hex}"),
        "run_id": "run",
        "load_timestamp": datetime.now(UTC),
        "memory_gb": 1,
        "threads": 1,
        "actions": {rule.name: rule.action for rule in rules_of(table)},
    }
    return Task.model_validate(names | inputs)


def _silver_task(folder: Path, name: str) -> Task:
    source, table = TABLES[name], SILVER[name]
    references = [(key, f"keys/{key}.parquet") for key in sorted({key.references for key in source.foreign_keys})]
    if source.sale:
        references.append((source.sale.sales, f"sales/{source.sale.sales}.parquet"))
    return _task(
        table,
        folder,
        table.partitions,
        inputs=tuple(
            ObjectInput(table=name, partition=batch, uri=str(folder / f"together/{name}/{batch}.parquet"), rows=1)
            for batch in (FIRST, SECOND)
        ),
        references=tuple(
            ObjectInput(table=key, partition=FIRST, uri=str(folder / path), rows=1) for key, path in references
        ),
    )


def _examine_rows(spark: SparkSession, folder: Path, name: str) -> dict[str, list[str]]:
    """All rules of rows at once, in one query."""
    from pyspark.sql import functions as F

    from lake_assets.compute.audit import broken
    from lake_assets.compute.silver import with_resolved_order
    from lake_assets.engine.silver_audit import SilverAudit

    source = TABLES[name]
    audit = SilverAudit(spark, _silver_task(folder, name), SILVER[name], source)
    rows = spark.read.parquet(str(folder / f"cases/{name}.parquet"))
    if source.order:
        ordered = with_resolved_order(rows, source.order, guess=False)
        rows = ordered.unionByName(rows.where(F.col(source.order.order).isNull()), allowMissingColumns=True)
    rows = audit.compared(rows, audit.rules("reference", "sale"))
    rules = audit.rules("placement", "row", "reference", "sale", "order")
    names = F.concat_ws(",", *(F.when(broken(rule, source), F.lit(rule.name)) for rule in rules))
    found: dict[str, list[str]] = {}
    for row in rows.select(CASE, names.alias("names")).collect():
        found.setdefault(row[CASE], []).extend(row["names"].split(",") if row["names"] else [])
    return found


def _examine_together(spark: SparkSession, folder: Path, name: str) -> dict[str, int]:
    """The rules about the rows of a table together, and about those that were removed because another has their key."""
    from pyspark.sql import functions as F

    from lake_assets.compute import silver
    from lake_assets.engine.broken_rows import Findings
    from lake_assets.engine.silver_audit import SilverAudit
    from lake_assets.engine.staging import read_objects

    source = TABLES[name]
    task = _silver_task(folder, name)
    audit = SilverAudit(spark, task.model_copy(update={"references": ()}), SILVER[name], source)
    rows = read_objects(spark, task.inputs, BRONZE[name], BATCH_COLUMN)
    ranked = silver.ranked(rows, source)
    repeated = silver.losers(ranked) if source.is_fact else silver.repeated_within_batch(rows, source)
    counted = Findings()
    audit.repeats(repeated.withColumn("part", F.lit(WHOLE_TABLE)), "part", counted)
    audit.sets(silver.winners(ranked).withColumn("part", F.lit(WHOLE_TABLE)), "part", counted)
    return dict(counted.rows[WHOLE_TABLE])


def _counted(result: Result) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for item in result.partitions:
        for violation in item.violations:
            found[violation.rule] += violation.rows
    return found


def _examine_lines(spark: SparkSession, folder: Path) -> dict[str, list[bool]]:
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F

    from lake_assets.compute import bronze

    frames = [
        bronze.lines(spark, str(folder / f"lines/{name}.dat"), table, terminated=True).select(
            F.lit(name).alias("table"), "line", "fits"
        )
        for name, table in TABLES.items()
    ]
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for row in reduce(DataFrame.unionAll, frames).collect():
        found[row["table"]][row["line"]] = row["fits"]
    return {name: [found[name][line] for line in lines_of(table)] for name, table in TABLES.items()}


def _examine_schema(spark: SparkSession, folder: Path, name: str) -> dict[str, int]:
    """What is found in two files, of which one lacks a column and one has one more."""
    from lake_assets.engine.runner import run

    files = []
    for kind in ("fewer", "more"):
        path = folder / f"lines/{name}.{kind}.dat"
        files.append(FileInput(uri=str(path), path=path.name, object=path.name, inspection=inspect(path, TABLES[name])))
    return _counted(run(spark, _task(BRONZE[name], folder, (FIRST,), files=tuple(files))))


def _examine_gold(spark: SparkSession, folder: Path) -> dict[str, GoldFindings]:
    return {name: _examine_gold_table(spark, folder, table) for name, table in GOLD.items()}


def _examine_gold_table(spark: SparkSession, folder: Path, table: LakeTable) -> GoldFindings:
    """What is found in the valid table that the engine builds, and in what becomes of it by each damage."""
    from lake_assets.engine import gold_step
    from lake_assets.engine.gold_builders import Built, Silver, build

    lines = silver_rows()
    task = _task(
        table,
        folder,
        table.partitions,
        inputs=silver_inputs(folder, [silver.name for silver in upstream(table)]),
        sold_range=ranges(lines, "sales"),
        active_range=ranges(lines, "sales", "returns"),
    )
    built = [row.asDict() | {"load_timestamp": SOME_TIME} for row in build(Silver(spark, task)).rows.collect()]
    # In an order of ours, so that the same rows are damaged on every engine.
    valid = sorted(
        built, key=lambda row: [str(row[name]) for name in (str(table.partition_column), *table.primary_key)]
    )

    def audited(name: str, rows: Sequence[Row]) -> dict[str, dict[str, int]]:
        path = folder / f"gold/{uuid.uuid4().hex}/{name}.parquet"
        write(path, _with_partition(table), rows)
        staged = spark.read.parquet(str(path))
        own = task.model_copy(update={"staging": str(folder / f"staging/{uuid.uuid4().hex}")})
        with patch.object(gold_step, "build", lambda _: Built(staged)):
            result = gold_step.run_gold(spark, own)
        found = {item.partition: {each.rule: each.rows for each in item.violations} for item in result.partitions}
        return {partition: counts for partition, counts in found.items() if counts}

    rounds = table_damages(table, valid)
    return GoldFindings(
        valid=audited("valid", valid),
        rows=_examine_gold_rows(spark, folder, table, list(row_damages(table, valid))),
        rounds=[
            {
                "damages": {damage.partition: [damage.rule, *damage.changed] for damage in damages},
                "found": audited(f"round-{number}", damaged_table(table, valid, damages)),
            }
            for number, damages in enumerate(rounds)
        ],
    )


def _examine_gold_rows(
    spark: SparkSession, folder: Path, table: LakeTable, damages: Sequence[Damage]
) -> list[tuple[str, str, list[str]]]:
    """Of each damaged row the rule, the changed column and the rules of single rows that are broken; in one query."""
    from pyspark.sql import functions as F

    path = folder / f"gold/{uuid.uuid4().hex}/rows.parquet"
    rows = [row | {CASE: number} for number, damage in enumerate(damages) for row in damage.rows]
    write(path, [*_with_partition(table), Column(CASE, "BIGINT", "")], rows)
    conditions = {rule.name: rule.invariant.condition for rule in rules_of(table) if rule.invariant}
    names = F.concat_ws(
        ",", *(F.when(F.expr(condition), F.lit(name)) for name, condition in conditions.items() if condition)
    )
    found = {
        row[CASE]: row["names"] for row in spark.read.parquet(str(path)).select(CASE, names.alias("names")).collect()
    }
    return [
        (damage.rule, damage.changed[0], found[number].split(",") if found[number] else [])
        for number, damage in enumerate(damages)
    ]


def _with_partition(table: LakeTable) -> list[Column]:
    return [*table.columns, Column(str(table.partition_column), "VARCHAR(32)", "")]


def lines_of(table: Table) -> list[str]:
    """A line that fits, one with text in place of a number, one without the first field and one with one more."""
    good = [_text_of(column) for column in table.columns]
    wrong = ["x" if not is_text(column) else text for column, text in zip(table.columns, good, strict=True)]
    return ["|".join(fields) + "|" for fields in (good, wrong, good[1:], [*good, "1"])]


@pytest.fixture(scope="module")
def prepared(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(source, tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="module")
def sail_findings(prepared: Prepared, spark: SparkSession) -> Findings:
    examine(spark, prepared.folder / "sail", prepared.folder)
    return findings(prepared.folder / "sail")


@pytest.fixture(scope="module")
def spark_findings(java: None, prepared: Prepared) -> Findings:
    run_apart(__spec__.name, "spark", str(prepared.folder))
    return findings(prepared.folder / "spark")


@pytest.fixture(params=ENGINES)
def found(request: pytest.FixtureRequest) -> Findings:
    known: Findings = request.getfixturevalue(f"{request.param}_findings")
    return known


def findings(folder: Path) -> Findings:
    return Findings(**json.loads((folder / "findings.json").read_text()))


def proven_rows(prepared: Prepared, found: Findings) -> set[Pair]:
    return {
        (SILVER[name].identifier, case.rule)
        for name, cases in prepared.cases.items()
        for number, case in enumerate(cases)
        if not case.near_miss and case.rule in found.rows[name][str(number)]
    }


def publication_verdicts(table: LakeTable, *, broken: bool) -> tuple[Verdict, ...]:
    """Verdicts on a publication in which all rules about publications are kept, or broken."""
    partitions = (FIRST,) if table.layer == "bronze" else table.partitions
    items = tuple(PartitionResult(partition=partition, rows=1000) for partition in partitions)
    rows = 1000 * len(items) + broken
    looked = Inspection(lines=rows, fields=len(table.columns), encoding="utf-8", terminated=True, plain=True)
    file = FileInput(uri="file", path="file", object="object", inspection=looked)
    task = _task(table, Path("/lake"), partitions, files=(file,) if table.layer == "bronze" else ())
    standing = Standing(publication(rows=2001 if broken else 2000), (SECOND,) if broken else ())
    result = Result(partitions=items, seconds=0, source_rows=rows if table.layer == "silver" else None)
    verdicts = judge(rules_of(table), table, task, result, dict.fromkeys(partitions, standing))
    return verdicts[partitions[0]]


def proven_publications() -> set[Pair]:
    return {
        (table.identifier, verdict.rule.name)
        for table in LAKE_TABLES
        for verdict in publication_verdicts(table, broken=True)
        if verdict.failed
    }


def proven_together(found: Findings) -> set[Pair]:
    return {(SILVER[name].identifier, rule) for name, counts in found.together.items() for rule in counts}


def proven_bronze(found: Findings) -> set[Pair]:
    readable = {(BRONZE[name].identifier, "readable") for name, fits in found.lines.items() if not all(fits)}
    return readable | {(BRONZE[name].identifier, rule) for name, counts in found.schema.items() for rule in counts}


def proven_gold(found: Findings) -> set[Pair]:
    """Of single rows the rule that a row was damaged for, of several that of the partition, where it was found."""
    rows = {
        (GOLD[name].identifier, rule)
        for name, table in found.gold.items()
        for rule, _, broken in table["rows"]
        if rule in broken
    }
    several = {
        (GOLD[name].identifier, damage[0])
        for name, table in found.gold.items()
        for tried in table["rounds"]
        for partition, damage in tried["damages"].items()
        if damage[0] in tried["found"].get(partition, {})
    }
    return rows | several


def test_every_rule_of_the_lake_was_seen_to_fail(prepared: Prepared, found: Findings) -> None:
    proven = (
        proven_rows(prepared, found)
        | proven_together(found)
        | proven_bronze(found)
        | proven_gold(found)
        | proven_publications()
    )
    assert proven == {(table.identifier, rule.name) for table in LAKE_TABLES for rule in rules_of(table)}


@pytest.mark.parametrize("name", TABLES)
def test_every_broken_row_is_found_by_its_rule_and_by_no_rule_about_other_columns(
    prepared: Prepared, found: Findings, name: str
) -> None:
    for number, case in enumerate(prepared.cases[name]):
        broken = set(found.rows[name][str(number)])
        if case.near_miss:
            assert case.rule not in broken, case
        else:
            assert case.rule in broken, case
        others = {rule for rule in broken if not case.changed & set(rule_of(SILVER[name], rule).columns)}
        assert others == set(), case


@pytest.mark.parametrize("name", TABLES)
def test_rows_of_the_sample_break_no_rule(prepared: Prepared, found: Findings, name: str) -> None:
    untouched = {case: rules for case, rules in found.rows[name].items() if case.startswith("ok ")}
    assert len(untouched) == len(prepared.samples[name].rows) > 0
    assert {case: rules for case, rules in untouched.items() if rules} == {}


@pytest.mark.parametrize("name", TABLES)
def test_missing_values_break_no_rule_but_those_against_them(found: Findings, name: str) -> None:
    filled = {f"not_null__{column.name}" for column in TABLES[name].columns if column.filled}
    assert found.rows[name]["bare"] == []
    assert set(found.rows[name]["empty"]) == filled


@pytest.mark.parametrize("name", TABLES)
def test_rows_that_contradict_each_other_are_counted_and_no_others(
    prepared: Prepared, found: Findings, name: str
) -> None:
    assert found.together[name] == prepared.together[name]


def test_a_line_that_cannot_be_read_as_declared_is_told_from_one_that_can(found: Findings) -> None:
    assert found.lines == {name: [True, False, False, False] for name in TABLES}


def test_a_file_with_fewer_or_more_columns_is_found(found: Findings) -> None:
    assert found.schema == {name: {"schema": 2} for name in TABLES}


@pytest.mark.parametrize("name", GOLD)
def test_a_gold_table_as_it_is_built_breaks_no_rule(found: Findings, name: str) -> None:
    assert found.gold[name]["valid"] == {}


@pytest.mark.parametrize("name", GOLD)
def test_a_damaged_row_of_gold_breaks_no_rule_about_other_columns(found: Findings, name: str) -> None:
    for rule, column, broken in found.gold[name]["rows"]:
        others = {other for other in broken if column not in rule_of(GOLD[name], other).columns}
        assert others == set(), (rule, column)


@pytest.mark.parametrize("name", GOLD)
def test_a_damaged_partition_of_gold_breaks_no_rule_about_other_columns_and_no_other_partition_any(
    found: Findings, name: str
) -> None:
    for tried in found.gold[name]["rounds"]:
        assert set(tried["found"]) == set(tried["damages"])
        for partition, (rule, *changed) in tried["damages"].items():
            broken = tried["found"][partition]
            assert rule in broken, (rule, partition)
            if tuple(changed) != ALL_COLUMNS:
                others = {other for other in broken if not set(changed) & set(rule_of(GOLD[name], other).columns)}
                assert others == set(), (rule, partition)


@pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.identifier)
def test_a_publication_that_is_as_it_should_be_breaks_no_rule(table: LakeTable) -> None:
    assert [verdict.rule.name for verdict in publication_verdicts(table, broken=False) if verdict.failed] == []
    broken = {verdict.rule.name for verdict in publication_verdicts(table, broken=True) if verdict.failed}
    assert broken == {rule.name for rule in rules_of(table) if rule.scope == "publication"}


@pytest.mark.spark
def test_both_engines_find_the_same(sail_findings: Findings, spark_findings: Findings) -> None:
    for name in TABLES:
        sail, spark = (
            {case: sorted(rules) for case, rules in each.rows[name].items()} for each in (sail_findings, spark_findings)
        )
        assert spark == sail
    assert (spark_findings.together, spark_findings.gold) == (sail_findings.together, sail_findings.gold)


def main(engine: EngineName, folder: str) -> None:
    session = SessionEngine(engine, threads=2, memory_gb=2).session()
    # A few rows in large queries: less time goes into the rows than into compiling for them.
    for name, value in {
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }.items():
        session.conf.set(name, value)
    examine(session, Path(folder, engine), Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
