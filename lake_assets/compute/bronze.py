"""Source text to declared types, line by line; a line that does not fit is told apart with its reasons.

Two readers give the same values. The typed reader of the engine is fast, but engines differ in what odd text they accept
(`1.239`, `1,5`, ` 5`, `2001-2-3`), so it is used only for files all of whose lines follow the one grammar below. In any other
file, line by line is split, matched and cast.
"""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from lake_assets.compute.expressions import reasons, timestamp
from lake_assets.contract.layers import BRONZE, LOAD_TIMESTAMP
from lake_assets.contract.model import Column as TableColumn
from lake_assets.contract.model import Table
from lake_assets.contract.quarantine import LINE_TEXT, REASONS, RULES, SOURCE_PATH, quarantine_columns
from lake_assets.contract.types import decimal_scale, is_text, physical_type, spark_ddl

_REST = "_rest"
_ADDED = "_added"
_DELIMITER = "|"
_NO_QUOTING = {"sep": _DELIMITER, "quote": "", "escape": "", "mode": "FAILFAST"}


def typed(spark: SparkSession, uri: str, table: Table, terminated: bool, added: int = 0) -> DataFrame:
    """Rows of a plain file through the engine's typed reader, without the `added` columns behind the declared ones.

    Reading fails when a line has another number of fields or a value that does not fit; a line with more behind its last
    delimiter is left out.
    """
    # A delimiter at the end of the line opens one more, always empty, field.
    beyond = [f"{_ADDED}{number} string" for number in range(added)] + [f"{_REST} string"] * terminated
    schema = ", ".join([spark_ddl(table.columns), *beyond])
    rows = spark.read.schema(schema).options(**_NO_QUOTING).csv(uri)
    if terminated:
        # Asked for by the filter, or an engine that reads only the columns it needs would not count the fields.
        rows = rows.where(F.col(_REST).isNull())
    elif added:
        last = F.col(f"{_ADDED}{added - 1}")
        rows = rows.where(last.isNull() | last.isNotNull())
    return rows.select(*table.column_names)


def follow_grammar(spark: SparkSession, uri: str, table: Table, terminated: bool, added: int = 0) -> int:
    """How many lines of a UTF-8 file follow the grammar of the table."""
    text = spark.read.option("lineSep", "\n").text(uri)
    return text.where(F.col("value").rlike(line_grammar(table, terminated, added))).count()


def lines(spark: SparkSession, uri: str, table: Table, terminated: bool, added: int = 0) -> DataFrame:
    """Every line of a UTF-8 file: `line` STRING, `fields` ARRAY<STRING> and `fits` BOOLEAN (can be read as declared)."""
    text = spark.read.option("lineSep", "\n").text(uri)
    line = F.regexp_replace(F.col("value"), r"\r\z", "").alias("line")
    frame = text.select(line)
    frame = frame.select("line", F.split("line", r"\|", -1).alias("fields"))
    castable = F.col("line").rlike(line_grammar(table, terminated, added))
    for position, column in enumerate(table.columns):
        if not is_text(column):
            castable = castable & (_is_empty(position) | _value(column, position).isNotNull())
    return frame.withColumn("fits", castable)


def valid(parsed: DataFrame, table: Table) -> DataFrame:
    """Rows in declared types of the lines that fit."""
    return parsed.where("fits").select(
        *(_value(column, position).alias(column.name) for position, column in enumerate(table.columns))
    )


def rejected(
    parsed: DataFrame, table: Table, *, terminated: bool, added: int, rule: str, path: str, load_timestamp: datetime
) -> DataFrame:
    """Lines that do not fit, as for the quarantine, with the one `rule` that they break and why."""
    closed = F.col("line").endswith(_DELIMITER) if terminated else F.lit(True)
    columns = len(table.columns) + added
    wrong_count = (F.size("fields") != columns + terminated) | ~closed
    # The number of fields as a user counts them: without the empty one behind a delimiter at the end.
    found = F.when(closed, F.size("fields") - F.lit(int(terminated))).otherwise(F.size("fields")).cast("string")
    end = F.when(closed, F.lit("")).otherwise(F.lit(" and no delimiter at the end"))
    count = F.concat(F.lit(f"expected {columns} fields, found "), found, end)
    count_reason = F.when(F.col("line") == "", F.lit("the line is blank")).when(wrong_count, count)
    values = {
        SOURCE_PATH.name: F.lit(path),
        LINE_TEXT.name: F.col("line"),
        RULES.name: F.array(F.lit(rule)),
        REASONS.name: reasons(
            [count_reason]
            + [
                F.when(~wrong_count & ~_readable(column, position), _reason(column, position))
                for position, column in enumerate(table.columns)
            ]
        ),
        LOAD_TIMESTAMP.name: timestamp(load_timestamp),
    }
    columns_of = quarantine_columns(BRONZE[table.name])
    return parsed.where(~F.col("fits")).select(*(values[column.name].alias(column.name) for column in columns_of))


def line_grammar(table: Table, terminated: bool, added: int = 0) -> str:
    """Regular expression of a whole line that can be read as declared; an empty field is NULL.

    `added` fields behind the declared ones may hold anything.
    """
    # The very end: `$` matches before a last line terminator too, and engines differ in what they take for one.
    end = r"\|\z" if terminated else r"\z"
    beyond = r"(?:\|[^|]*)" + f"{{{added}}}" if added else ""
    return "^" + r"\|".join(f"(?:{_grammar(column)})?" for column in table.columns) + beyond + end


def _grammar(column: TableColumn) -> str:
    if is_text(column):
        return r"[^|]+"
    if physical_type(column) == "date":
        return r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    scale = decimal_scale(column)
    if scale is None:
        return r"[+-]?[0-9]+"
    return rf"[+-]?(?:[0-9]+(?:\.[0-9]{{0,{scale}}})?|\.[0-9]{{1,{scale}}})"


def _field(position: int) -> Column:
    # Not getItem: beyond the end of the array it is an error in ANSI mode, and `get` is NULL on both engines.
    return F.get(F.col("fields"), F.lit(position))


def _is_empty(position: int) -> Column:
    return F.coalesce(_field(position) == "", F.lit(True))


def _value(column: TableColumn, position: int) -> Column:
    field = F.when(_field(position) != "", _field(position))
    return field if is_text(column) else field.try_cast(physical_type(column))


def _readable(column: TableColumn, position: int) -> Column:
    if is_text(column):
        return F.lit(True)
    fits = _field(position).rlike(rf"^(?:{_grammar(column)})\z") & _value(column, position).isNotNull()
    return _is_empty(position) | fits


def _reason(column: TableColumn, position: int) -> Column:
    return F.concat(F.lit(f"{column.name}: '"), _field(position), F.lit(f"' is not a {column.type}"))
