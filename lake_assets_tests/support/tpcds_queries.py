"""The 99 TPC-DS queries as a comparison of two schemas that should hold the same tables.

The query texts come from DuckDB's `tpcds` extension at run time: their licence forbids a copy in this repository.
As a command, `python -m lake_assets_tests.support.tpcds_queries SOURCE LAKE_ROOT` compares the raw files below SOURCE
with the silver tables below LAKE_ROOT and exits with 1 on a difference. Figures are derived from TPC-DS and not
comparable with published results.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from lake_assets.query.duckdb import connect
from lake_assets_tests.support.raw_source import load_tpcds_extension, raw_views

Row = tuple[object, ...]

# Queries 17 and 39 return `stddev_samp`, which accumulates binary floats: its last digits depend on the order in which
# rows arrive. Every other float of the 99 is a quotient of exact sums, the same for any order, and is compared exactly.
ORDER_SENSITIVE = frozenset({17, 39})
SIGNIFICANT_DIGITS = 9

FINAL_LIMIT = re.compile(r"\s*\bLIMIT\s+\d+\s*;?\s*\Z", re.IGNORECASE)
SAMPLE_ROWS = 3


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of one query on two schemas.

    `rows` counts the answer of the left schema; `has_content` says that it holds a value other than NULL and zero;
    `difference` describes how the right schema differs and is None when it does not.
    """

    number: int
    rows: int
    has_content: bool
    difference: str | None


def tpcds_queries(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    """The 99 queries as (number, text) with the parameters of the specification's validation run, in order."""
    load_tpcds_extension(connection)
    return connection.execute("SELECT query_nr, query FROM tpcds_queries() ORDER BY query_nr").fetchall()


def without_final_limit(query: str) -> str:
    """`query` with all of its answer.

    Several queries sort by columns that leave ties, so that which of the tied rows are among the first 100 is not
    defined. No query limits a subquery, and their window functions (`rank`, running sums over distinct days) do not
    depend on the order of ties: nothing else has to be removed.
    """
    return FINAL_LIMIT.sub("", query)


def answers(
    connection: duckdb.DuckDBPyConnection, schema: str, query: str, float_digits: int | None = None
) -> list[Row]:
    """The rows of `query` over the tables of `schema`, sorted, so that equal answers are equal lists.

    Text is right-trimmed, because silver trims the generator's trailing blanks. Floats are rounded to `float_digits`
    significant digits if given. Integers and decimals compare by value, whatever their scale.
    """
    with connection.cursor() as session:
        session.execute(f"USE {schema}")
        rows = session.execute(without_final_limit(query)).fetchall()
    normalised = [tuple(_normalised(value, float_digits) for value in row) for row in rows]
    return sorted(normalised, key=_sort_key)


def compare(connection: duckdb.DuckDBPyConnection, left_schema: str, right_schema: str) -> Iterator[Comparison]:
    """Run each query on both schemas; one `Comparison` per query, in order. A failing query is a difference."""
    for number, query in tpcds_queries(connection):
        digits = SIGNIFICANT_DIGITS if number in ORDER_SENSITIVE else None
        try:
            left = answers(connection, left_schema, query, digits)
            right = answers(connection, right_schema, query, digits)
        except duckdb.Error as error:
            yield Comparison(number, rows=0, has_content=False, difference=f"failed: {error}")
            continue
        difference = None if left == right else _described(left_schema, left, right_schema, right)
        yield Comparison(number, len(left), _has_content(left), difference)


def differences(connection: duckdb.DuckDBPyConnection, left_schema: str, right_schema: str) -> dict[int, str]:
    """The queries whose answers differ between the schemas, each with the number of rows and a few of them."""
    compared = compare(connection, left_schema, right_schema)
    return {comparison.number: comparison.difference for comparison in compared if comparison.difference is not None}


def _normalised(value: object, float_digits: int | None) -> object:
    if isinstance(value, str):
        return value.rstrip(" ")
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"  # 0/0 in query 12; a NaN does not equal itself
        if float_digits is not None:
            return float(f"{value:.{float_digits}g}")
    return value


def _sort_key(row: Row) -> tuple[tuple[bool, str, object], ...]:
    """A total order over values of any types: NULL first, then numbers, then the other types by name."""
    return tuple((value is not None, _sort_group(value), value) for value in row)


def _sort_group(value: object) -> str:
    """Values of one group can be compared with each other."""
    return type(value).__name__ if isinstance(value, str) or not hasattr(value, "__float__") else "number"


def _has_content(rows: Sequence[Row]) -> bool:
    return any(value not in {None, 0, "NaN"} for row in rows for value in row)


def _described(left_name: str, left: Sequence[Row], right_name: str, right: Sequence[Row]) -> str:
    only_left, only_right = Counter(left) - Counter(right), Counter(right) - Counter(left)
    counts = f"{left_name} has {len(left)} rows, {right_name} has {len(right)}"
    return "\n  ".join([counts, _sample(left_name, only_left), _sample(right_name, only_right)])


def _sample(name: str, rows: Counter[Row]) -> str:
    shown = sorted(rows.elements(), key=_sort_key)[:SAMPLE_ROWS]
    return f"{rows.total()} only in {name}" + "".join(f"\n    {row}" for row in shown)


def _line(comparison: Comparison, seconds: float) -> str:
    outcome = "equal" if comparison.difference is None else f"DIFFERENT: {comparison.difference}"
    return f"query {comparison.number:2}  {comparison.rows:8,} rows  {seconds:6.2f} s  {outcome}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare raw files with silver: one line per query and a summary; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lake_assets_tests.support.tpcds_queries", description=__doc__)
    parser.add_argument("source", type=Path, help="folder of <table>/*.gz")
    parser.add_argument("lake_root", type=Path, help="folder that holds silver/")
    paths = parser.parse_args(arguments)
    connection = connect(paths.lake_root)
    raw_views(connection, paths.source)
    compared: list[Comparison] = []
    started = time.monotonic()
    for comparison in compare(connection, "raw", "silver"):
        sys.stdout.write(_line(comparison, time.monotonic() - started))
        sys.stdout.flush()
        compared.append(comparison)
        started = time.monotonic()
    different = sorted(comparison.number for comparison in compared if comparison.difference is not None)
    content = sum(comparison.has_content for comparison in compared)
    sys.stdout.write(f"{len(compared)} queries, {content} with content, {len(different)} different: {different}\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
