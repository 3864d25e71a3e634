"""Source files that hold something odd, with the rows and the rejected lines that must come of each.

The good lines are lines of the generator's own files; each case changes one thing.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import reduce
from typing import Any

from isal import igzip

from lake_assets.contract.tables import TABLES

STOCK = "2450815|1|1|211|"
MORE_STOCK = "2450815|2|1|235|"
REASON = "1|AAAAAAAABAAAAAAA|Package was damaged|"
RETURN = "2451984|46418|404|6|793022|4033|397|2|1|1|51|37.23|3.35|40.58|55.28|714.00|0.74|17.51|18.98|772.63|"
PAGE = "1|AAAAAAAABAAAAAAA|1997-09-03||2450810|2452620|Y|539|http://www.foo.com|welcome|2531|8|3|4|"
GOOD_LINES = {"inventory": STOCK, "reason": REASON, "store_returns": RETURN, "web_page": PAGE}


@dataclass(frozen=True)
class Case:
    """One file. `kept` are the lines that become rows, `rejected` the lines that do not, each with its reasons."""

    name: str
    table: str
    content: bytes
    kept: tuple[str, ...] = ()
    rejected: tuple[tuple[str, tuple[str, ...]], ...] = ()
    ending: str = ".dat"

    @property
    def path(self) -> str:
        return f"{self.table}/{self.name.replace(' ', '-')}{self.ending}"


def with_fields(table: str, line: str, **values: object) -> str:
    """The line with other values in some columns; None is the empty field."""
    fields = line.split("|")
    for column, value in values.items():
        fields[TABLES[table].column_names.index(column)] = "" if value is None else str(value)
    return "|".join(fields)


_OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def with_amounts(table: str, line: str, **values: object) -> str:
    """The line of a fact with other values in some columns, and in the amounts that follow from them."""
    line = with_fields(table, line, **values)
    for identity in TABLES[table].identities:
        fields = dict(zip(TABLES[table].column_names, line.split("|"), strict=False))
        first, *others = identity.formula.split()
        operands = [fields[name] for name in (first, *others[1::2])]
        if fields[identity.column] and all(operands):
            terms = zip(others[::2], map(Decimal, operands[1:]), strict=True)
            amount = reduce(lambda so_far, term: _OPERATORS[term[0]](so_far, term[1]), terms, Decimal(operands[0]))
            line = with_fields(table, line, **{identity.column: amount})
    return line


def expected_row(table: str, line: str) -> dict[str, Any]:
    """The typed row that a good line stands for, made with Python's own types."""
    return {
        column.name: _typed(column.type, field) if field else None
        for column, field in zip(TABLES[table].columns, line.split("|"), strict=False)
    }


def _typed(kind: str, field: str) -> object:
    if kind in ("BIGINT", "INT"):
        return int(field)
    if kind.startswith("DECIMAL"):
        return Decimal(field)
    return date.fromisoformat(field) if kind == "DATE" else field


def _case(name: str, table: str, lines: list[str], *rejected: tuple[str, str]) -> Case:
    """A case whose file is the good line of the table and then `lines`; those not in `rejected` are kept."""
    lines = [GOOD_LINES[table], *lines]
    refused = tuple((line, (reason,)) for line, reason in rejected)
    kept = tuple(line for line in lines if line not in dict(rejected))
    return Case(name, table, "".join(f"{line}\n" for line in lines).encode(), kept, refused)


def _refused(name: str, table: str, column: str, *values: str) -> Case:
    kind = next(known.type for known in TABLES[table].columns if known.name == column)
    lines = {value: with_fields(table, GOOD_LINES[table], **{column: value}) for value in values}
    refused = [(line, f"{column}: '{value}' is not a {kind}") for value, line in lines.items()]
    return _case(name, table, list(lines.values()), *refused)


def _accepted(name: str, table: str, column: str, *values: str) -> Case:
    return _case(name, table, [with_fields(table, GOOD_LINES[table], **{column: value}) for value in values])


def _gzip(text: str) -> bytes:
    return bytes(igzip.compress(text.encode()))


_ACCENTED = "7|AAAAAAAAHAAAAAAA|Déjà vu, façade ébréchée|"
_TEXT_KEPT = (
    "2|AAAAAAAACAAAAAAA|the \"best\" of 'all'|",
    '3|AAAAAAAADAAAAAAA|"quoted"|',
    '4|AAAAAAAAEAAAAAAA|"unbalanced|',
    "5|AAAAAAAAFAAAAAAA|back\\slash \\n \\|",
    "6|AAAAAAAAGAAAAAAA|# no comment, no\ttab|",
    "7|AAAAAAAAHAAAAAAA|  blanks around  |",
    "8|AAAAAAAAIAAAAAAA|NULL|",
    "9|AAAAAAAAJAAAAAAA|\\N|",
    "10|AAAAAAAAKAAAAAAA||",
    "11|AAAAAAAALAAAAAAA| |",
    "12|AAAAAAAAMAAAAAAA|日本語 🙂 Ω|",
)
_FAULTY_PAGE = with_fields("web_page", PAGE, wp_web_page_sk="x", wp_rec_start_date="y", wp_char_count="1.5")
_BEYOND = "and no delimiter at the end"

CASES = (
    # Number of fields.
    _case(
        "extra field",
        "reason",
        ["2|AAAAAAAACAAAAAAA|one|more|"],
        ("2|AAAAAAAACAAAAAAA|one|more|", "expected 3 fields, found 4"),
    ),
    _case("missing field", "reason", ["2|AAAAAAAACAAAAAAA|"], ("2|AAAAAAAACAAAAAAA|", "expected 3 fields, found 2")),
    _case("extra number", "inventory", ["2450815|4|1|859|7|"], ("2450815|4|1|859|7|", "expected 4 fields, found 5")),
    _case("extra empty field", "inventory", ["2450815|4|1|859||"], ("2450815|4|1|859||", "expected 4 fields, found 5")),
    _case("missing number", "inventory", ["2450815|4|1|"], ("2450815|4|1|", "expected 4 fields, found 3")),
    _case(
        "one line without its last delimiter",
        "inventory",
        ["2450815|4|1|859"],
        ("2450815|4|1|859", f"expected 4 fields, found 4 {_BEYOND}"),
    ),
    _case(
        "number behind the last delimiter",
        "inventory",
        ["2450815|4|1|859|7"],
        ("2450815|4|1|859|7", f"expected 4 fields, found 5 {_BEYOND}"),
    ),
    _case("blank line", "reason", [""], ("", "the line is blank")),
    _case("blank line among numbers", "inventory", ["", MORE_STOCK], ("", "the line is blank")),
    _case("line of blanks", "reason", ["   "], ("   ", f"expected 3 fields, found 1 {_BEYOND}")),
    _case("garbage line", "reason", ["what is this?"], ("what is this?", f"expected 3 fields, found 1 {_BEYOND}")),
    _case(
        "header line",
        "reason",
        ["r_reason_sk|r_reason_id|r_reason_desc|"],
        ("r_reason_sk|r_reason_id|r_reason_desc|", "r_reason_sk: 'r_reason_sk' is not a BIGINT"),
    ),
    # Whole numbers. Texts share a file; what consists of digits, signs and points takes another way and stands alone.
    _refused("no numbers", "inventory", "inv_quantity_on_hand", "many", " 5", "5 ", "1e3", "1,5", "0x1F", "NaN", "٣"),
    _refused("decimals of a whole number", "inventory", "inv_quantity_on_hand", "5.00"),
    _refused("point behind a whole number", "inventory", "inv_quantity_on_hand", "5."),
    _refused("minus behind a number", "inventory", "inv_quantity_on_hand", "5-"),
    _refused("two minus signs", "inventory", "inv_quantity_on_hand", "--5"),
    _refused("only a minus sign", "inventory", "inv_quantity_on_hand", "-"),
    _refused("beyond INT", "inventory", "inv_quantity_on_hand", "2147483648"),
    _refused("below INT", "inventory", "inv_quantity_on_hand", "-2147483649"),
    _refused("beyond BIGINT", "inventory", "inv_item_sk", "9223372036854775808"),
    _accepted("limits of INT", "inventory", "inv_quantity_on_hand", "2147483647", "-2147483648", "007", "-0", ""),
    _accepted("limits of BIGINT", "inventory", "inv_item_sk", "9223372036854775807", "-9223372036854775808"),
    _accepted("plus sign", "inventory", "inv_quantity_on_hand", "+5"),
    # Money.
    _refused("no money", "store_returns", "sr_fee", "1.239", "1,5", "1e3", " 5", "$5", "1 000.00", "1.230"),
    _refused("beyond DECIMAL", "store_returns", "sr_fee", "123456.00"),
    _refused("two points", "store_returns", "sr_fee", "1.2.3"),
    _refused("only a point", "store_returns", "sr_fee", "."),
    _refused("minus within money", "store_returns", "sr_fee", "1-2"),
    _accepted("forms of money", "store_returns", "sr_fee", "99999.99", "-99999.99", "5", "5.", ".5", "-.05", ""),
    # Dates.
    _refused(
        "no dates",
        "web_page",
        "wp_rec_end_date",
        "2001-02-30",
        "2001-13-01",
        "2001-2-3",
        "2001-02-03 00:00:00",
        "02/03/2001",
        "20010203",
        "1900-02-29",
    ),
    _accepted("dates", "web_page", "wp_rec_end_date", "2000-02-29", "1900-02-28", "0001-01-01", "9999-12-31", ""),
    Case(
        "several faults in a line",
        "web_page",
        f"{PAGE}\n{_FAULTY_PAGE}\n".encode(),
        (PAGE,),
        (
            (
                _FAULTY_PAGE,
                (
                    "wp_web_page_sk: 'x' is not a BIGINT",
                    "wp_rec_start_date: 'y' is not a DATE",
                    "wp_char_count: '1.5' is not a INT",
                ),
            ),
        ),
    ),
    # Lines and files.
    Case("CRLF", "reason", f"{REASON}\r\n{_TEXT_KEPT[0]}\r\n".encode(), (REASON, _TEXT_KEPT[0])),
    Case("CRLF in numbers", "inventory", f"{STOCK}\r\n{MORE_STOCK}\r\n".encode(), (STOCK, MORE_STOCK)),
    Case(
        "CRLF without last delimiter",
        "inventory",
        f"{STOCK[:-1]}\r\n{MORE_STOCK[:-1]}\r\n".encode(),
        (STOCK, MORE_STOCK),
    ),
    Case(
        "CRLF with a fault",
        "inventory",
        f"{STOCK}\r\n2450815|4|1|x|\r\n".encode(),
        (STOCK,),
        (("2450815|4|1|x|", ("inv_quantity_on_hand: 'x' is not a INT",)),),
    ),
    Case("no delimiter at the end", "inventory", f"{STOCK[:-1]}\n{MORE_STOCK[:-1]}\n".encode(), (STOCK, MORE_STOCK)),
    Case(
        "no delimiter at the end of texts",
        "reason",
        "".join(f"{line[:-1]}\n" for line in _TEXT_KEPT).encode(),
        _TEXT_KEPT,
    ),
    Case("no final newline", "inventory", f"{STOCK}\n{MORE_STOCK}".encode(), (STOCK, MORE_STOCK)),
    Case("no final newline behind a text", "reason", f"{REASON}\n{_TEXT_KEPT[0]}".encode(), (REASON, _TEXT_KEPT[0])),
    Case("carriage return in a text", "reason", f"{REASON}\n2|B|a\rb|\n".encode(), (REASON, "2|B|a\rb|")),
    Case("texts kept as they are", "reason", "".join(f"{line}\n" for line in _TEXT_KEPT).encode(), _TEXT_KEPT),
    Case("empty", "reason", b""),
    Case("empty gzip", "reason", _gzip(""), ending=".dat.gz"),
    Case("gzip", "web_page", _gzip(f"{PAGE}\n"), (PAGE,), ending=".dat.gz"),
    Case("plain", "web_page", f"{PAGE}\n".encode(), (PAGE,)),
    # Encodings.
    Case("Latin-1", "reason", f"{REASON}\n{_ACCENTED}\n".encode("latin-1"), (REASON, _ACCENTED)),
    Case("UTF-8", "reason", f"{REASON}\n{_ACCENTED}\n".encode(), (REASON, _ACCENTED)),
    Case("Latin-1 gzip", "reason", bytes(igzip.compress(f"{_ACCENTED}\n".encode("latin-1"))), (_ACCENTED,), (), ".gz"),
    Case("byte order mark", "reason", b"\xef\xbb\xbf" + f"{REASON}\n{_ACCENTED}\n".encode(), (REASON, _ACCENTED)),
    Case("byte order mark before numbers", "inventory", b"\xef\xbb\xbf" + f"{STOCK}\n".encode(), (STOCK,)),
    Case(
        "invalid bytes among numbers",
        "inventory",
        f"{STOCK}\n2450815|4|1|".encode() + b"\xff\xfe|\n",
        (STOCK,),
        (("2450815|4|1|ÿþ|", ("inv_quantity_on_hand: 'ÿþ' is not a INT",)),),
    ),
    Case(
        "control characters",
        "reason",
        f"{REASON}\n2|B|a\x00b\x01|\n3|C|\x85|\n".encode("latin-1"),
        (REASON, "2|B|a\x00b\x01|", "3|C|\x85|"),
    ),
    Case(
        "control character behind the line",
        "reason",
        f"{REASON}\n2|B|b|\u0085\n3|C|c|\u2028\n".encode(),
        (REASON,),
        (
            ("2|B|b|\u0085", (f"expected 3 fields, found 4 {_BEYOND}",)),
            ("3|C|c|\u2028", (f"expected 3 fields, found 4 {_BEYOND}",)),
        ),
    ),
    Case(
        "two carriage returns",
        "inventory",
        f"{STOCK}\r\r\n".encode(),
        (),
        ((f"{STOCK}\r", (f"expected 4 fields, found 5 {_BEYOND}",)),),
    ),
)
