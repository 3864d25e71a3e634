"""One look through a source file, before any engine reads it: lines, encoding, line ending, and whether it fits its table."""

from __future__ import annotations

import codecs
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal, Protocol, cast

from isal import igzip, igzip_lib

from lake_assets.contract.model import Table
from lake_assets.contract.types import decimal_scale, physical_type
from lake_assets.errors import SourceError
from lake_assets.lake.records import Inspection

DELIMITER = b"|"
_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_SAMPLED_LINES = 1000
_UNREADABLE = (EOFError, OSError, zlib.error, cast(type[Exception], igzip_lib.IsalError))
_PLAIN_BYTES = b"0123456789|.-\n"
# Every digit as a zero, so that a number with three decimals is found by one plain search.
_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG_FRACTION = b".000"


class SourceText(Protocol):
    """A source file as it can be opened again and again. `str` is its address, `suffix` the end of its name."""

    @property
    def suffix(self) -> str: ...

    def open(self, mode: Literal["rb"]) -> IO[bytes]: ...


def open_source(path: SourceText) -> IO[bytes]:
    """The decompressed bytes of a source file, gzip or plain by the end of its name."""
    if path.suffix != ".gz":
        return path.open("rb")
    # Of a path it closes the file itself.
    return cast(IO[bytes], igzip.open(path if isinstance(path, Path) else path.open("rb"), "rb"))


def inspect(path: SourceText, table: Table) -> Inspection:
    """Look through one file of `table`. Raises `SourceError` when it is unreadable or no text with delimiters."""
    _check_compression(path, table)
    survey = _Survey(table, path)
    try:
        for chunk in _chunks(path):
            survey.add(chunk)
    except _UNREADABLE as error:
        raise SourceError(
            f"Cannot read {path} (table {table.name}): {_reason(error)}. Replace the file with a complete copy."
        ) from error
    return survey.result()


def _check_compression(path: SourceText, table: Table) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(2)
    except OSError as error:
        raise SourceError(f"Cannot read {path} (table {table.name}): {error.strerror}.") from error
    if path.suffix == ".gz" and magic != _GZIP_MAGIC:
        raise SourceError(
            f"Cannot read {path} (table {table.name}): its name ends in .gz, but it is not a gzip file. "
            "Replace it with a complete copy, or rename it if it is plain text."
        )
    if path.suffix != ".gz" and magic == _GZIP_MAGIC:
        raise SourceError(f"{path} (table {table.name}) is a gzip file: give it a name that ends in .gz.")


def _chunks(path: SourceText) -> Iterator[bytes]:
    with open_source(path) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _reason(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "the gzip file ends too early"
    return str(error) or type(error).__name__


def is_numeric(table: Table) -> bool:
    """True when every column is a number with at most two decimals, as in all seven facts."""
    return all(physical_type(column) in ("bigint", "int") or decimal_scale(column) == 2 for column in table.columns)


class _Survey:
    """Running findings over the chunks of one file."""

    def __init__(self, table: Table, path: SourceText) -> None:
        self._table = table
        self._path = path
        self._lines = 0
        self._head = b""
        self._last = b"\n"
        self._tail = b""
        self._decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
        self._plain = is_numeric(table)

    def add(self, chunk: bytes) -> None:
        self._lines += chunk.count(b"\n")
        if len(self._head) < _CHUNK:
            self._head += chunk
        if self._decoder is not None:
            try:
                self._decoder.decode(chunk)
            except UnicodeDecodeError:
                self._decoder = None
        if self._plain:
            # The last bytes of the chunk before, so that a number on the border is seen whole.
            digits = (self._tail + chunk).translate(_DIGITS_AS_ZERO)
            self._plain = _LONG_FRACTION not in digits and not chunk.translate(None, _PLAIN_BYTES)
            self._tail = chunk[-3:]
        self._last = chunk[-1:]

    def result(self) -> Inspection:
        if self._decoder is not None:
            try:
                self._decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                self._decoder = None
        return Inspection(
            lines=self._lines + (self._last != b"\n"),
            encoding=self._encoding(),
            fields=self._fields(),
            terminated=self._terminated(),
            plain=self._plain,
        )

    def _encoding(self) -> Literal["utf-8", "utf-8-sig", "iso-8859-1"]:
        if self._decoder is None:
            return "iso-8859-1"
        return "utf-8-sig" if self._head.startswith(codecs.BOM_UTF8) else "utf-8"

    def _first_lines(self) -> list[bytes]:
        return [line.rstrip(b"\r") for line in self._head.split(b"\n")[:_SAMPLED_LINES] if line]

    def _terminated(self) -> bool:
        """Whether lines end with a delimiter, judged by those that then have the declared fields, else by most of them.

        Lines with one delimiter less that all end with one lack a column; a file without delimiters at the ends of its lines
        would have a value behind the last one somewhere.
        """
        columns = len(self._table.columns)
        lines = self._first_lines()
        closed = [line for line in lines if line.endswith(DELIMITER)]
        fitting_closed = sum(line.count(DELIMITER) == columns for line in closed)
        fitting_open = [line for line in lines if line.count(DELIMITER) == columns - 1]
        if fitting_closed and fitting_closed >= len(fitting_open):
            return True
        if not all(line.endswith(DELIMITER) for line in fitting_open):
            return False
        return 2 * len(closed) >= len(lines)

    def _fields(self) -> int:
        """How many fields most of the first lines have; when as many have the declared number, that one."""
        declared = len(self._table.columns)
        lines = self._first_lines()
        if not lines:
            return 0
        unclosed = not self._terminated()
        found = Counter(line.count(DELIMITER) + unclosed for line in lines)
        if set(found) <= {0, 1} and declared > 1:
            raise SourceError(
                f"{self._path} does not fit table {self._table.name}: the table has {declared} columns, but the "
                f"first lines are of one field each (fields are parted by {DELIMITER.decode()}). "
                "Check that the file lies in the folder of its table."
            )
        most = max(found.values())
        return declared if found[declared] == most else min(number for number, times in found.items() if times == most)
