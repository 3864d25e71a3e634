"""Comparison of the answers of two queries as multisets of rows."""

from __future__ import annotations

from typing import Any

import duckdb

SHOWN = 5


def row_difference(connection: duckdb.DuckDBPyConnection, left: str, right: str) -> list[tuple[Any, ...]]:
    """Up to five rows that the two SELECT statements do not return equally often; none when their answers are equal.

    The last value of each is how many times more the left one returns it (negative: fewer). This is `EXCEPT ALL` both
    ways in one pass: NULL equals NULL, and a doubled row is a difference.
    """
    return connection.execute(f"""
        SELECT * EXCLUDE (_side), sum(_side) AS _surplus
        FROM (SELECT *, 1 AS _side FROM ({left}) UNION ALL SELECT *, -1 FROM ({right}))
        GROUP BY ALL HAVING _surplus <> 0 ORDER BY ALL LIMIT {SHOWN}
    """).fetchall()
