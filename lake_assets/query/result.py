"""What an engine answers to a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class QueryResult:
    """Rows as tuples of Python values (money as `Decimal`), with the columns' names and the engine's names of their types.

    `bytes_scanned` and `cost` (US dollars) are those of an engine that bills; `reused` tells that an earlier result was given
    again, which costs nothing.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    seconds: float
    bytes_scanned: int | None = None
    cost: float | None = None
    reused: bool = False
