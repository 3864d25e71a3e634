"""The look through a source file: lines, encoding, line ends and what is refused before any engine reads it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from lake_assets.contract.tables import TABLES
from lake_assets.errors import SourceError
from lake_assets.lake.inspection import inspect, is_numeric, open_source
from lake_assets.lake.records import Inspection

INVENTORY = TABLES["inventory"]  # 4 numbers
REASON = TABLES["reason"]  # number, code, text
WEB_RETURNS = TABLES["web_returns"]  # 24 numbers, some with two decimals
CHUNK = 1 << 20
"""Files are read in chunks of this size; what lies across a border must be seen whole."""


def look(tmp_path: Path, content: bytes, table: str = "inventory", name: str = "file.dat") -> Inspection:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return inspect(path, TABLES[table])


@pytest.mark.parametrize("name", ["file.dat", "file.dat.gz", "file.gz", "file"])
def test_gzip_and_plain_files_are_looked_through_alike(tmp_path: Path, name: str) -> None:
    found = look(tmp_path, b"1|2|3|4|\n5|6|7|8|\n", name=name)
    assert found == Inspection(lines=2, fields=4, encoding="utf-8", terminated=True, plain=True)


def test_both_kinds_are_opened_as_their_decompressed_bytes(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.dat", tmp_path / "b.dat.gz"
    plain.write_bytes(b"1|2|\n")
    packed.write_bytes(gzip.compress(b"1|2|\n"))
    for path in (plain, packed):
        with open_source(path) as file:
            assert file.read() == b"1|2|\n"


def test_a_gzip_file_of_several_members_is_one_file(tmp_path: Path) -> None:
    path = tmp_path / "joined.gz"
    path.write_bytes(gzip.compress(b"1|2|3|4|\n" * 3) + gzip.compress(b"5|6|7|8|\n" * 2))
    assert inspect(path, INVENTORY).lines == 5


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", 0),
        (b"1|2|3|4|\n", 1),
        (b"1|2|3|4|", 1),
        (b"1|2|3|4|\n5|6|7|8|", 2),
        (b"1|2|3|4|\r\n5|6|7|8|\r\n", 2),
        (b"1|2|3|4|\r\n5|6|7|8|", 2),
        (b"1|2|3|4|\n\n5|6|7|8|\n", 3),
        (b"\n\n", 2),
        (b"1|2|3|4|\n" * 250_000, 250_000),
        (b"1|2|3|4|\n" * 250_000 + b"1|2|3|4|", 250_001),
    ],
    ids=[
        "empty file",
        "one line",
        "no final newline",
        "no newline after the second",
        "CRLF",
        "CRLF without a final one",
        "blank line",
        "only blank lines",
        "several chunks",
        "several chunks without a final newline",
    ],
)
@pytest.mark.parametrize("name", ["file.dat", "file.dat.gz"])
def test_every_line_is_counted(tmp_path: Path, content: bytes, lines: int, name: str) -> None:
    assert look(tmp_path, content, name=name).lines == lines


@pytest.mark.parametrize(
    ("content", "terminated"),
    [
        (b"1|2|3|4|\n", True),
        (b"1|2|3|4\n", False),
        (b"1|2|3||\n", True),
        (b"1|2|3|\n1|2|3|4\n", False),
        (b"|||\n|||4\n", False),
        (b"||||\n", True),
        (b"1|2|3|4\n1|2|3|\n1|2|3|\n", False),
        (b"1|2|3||\n1|2|3||\n1|2|3|4|\n", True),
        (b"1|2|3|4|\r\n1|2|3||\r\n", True),
        (b"1|2|3|4\r\n1|2|3|\r\n", False),
        (b"1|2\n1|2|3|4|5|6|\n1|2|3|4|\n", True),
        (b"1|2\n1|2|3|4|5|6|\n1|2|3|4\n", False),
        (b"1|2|3|4|\n1|2|3|4\n1|2|3|4|\n", True),
        (b"1|2|3|4\n1|2|3|4\n1|2|3|4|\n", False),
        (b"1|2|3|\n", True),
        (b"|||\n", True),
        (b"1|2|3|4|5|\n", True),
        (b"1|2|3|4|5\n", False),
        (b"1|2\n", False),
        (b"", True),
    ],
)
def test_whether_lines_end_with_a_delimiter_is_told_by_the_lines_that_fit(
    tmp_path: Path, content: bytes, terminated: bool
) -> None:
    assert look(tmp_path, content).terminated is terminated


def test_utf_8_is_told_from_latin_1_by_the_bytes(tmp_path: Path) -> None:
    line = "1|AAAAAAAABAAAAAAA|CÔTE D'IVOIRE|\n"
    assert look(tmp_path, line.encode("utf-8"), "reason").encoding == "utf-8"
    assert look(tmp_path, line.encode("iso-8859-1"), "reason").encoding == "iso-8859-1"
    assert look(tmp_path, b"1|AAAAAAAABAAAAAAA|plain|\n", "reason").encoding == "utf-8"


def test_one_letter_of_latin_1_far_into_the_file_is_found(tmp_path: Path) -> None:
    content = b"1|AAAAAAAABAAAAAAA|plain|\n" * 100_000 + b"2|AAAAAAAACAAAAAAA|\xd4|\n"
    found = look(tmp_path, content, "reason", "file.gz")
    assert (found.encoding, found.lines) == ("iso-8859-1", 100_001)


@pytest.mark.parametrize("letter", ["Ô", "€", "😀"])
def test_a_utf_8_letter_across_the_border_of_two_chunks_is_one_letter(tmp_path: Path, letter: str) -> None:
    encoded = letter.encode()
    for before in range(1, len(encoded)):
        start = b"1|AAAAAAAABAAAAAAA|"
        content = start + b"x" * (CHUNK - before - len(start)) + encoded + b"|\n"
        assert content[CHUNK - before : CHUNK - before + len(encoded)] == encoded
        assert look(tmp_path, content, "reason").encoding == "utf-8"


def test_a_file_that_ends_within_a_utf_8_letter_is_not_utf_8(tmp_path: Path) -> None:
    assert look(tmp_path, b"1|AAAAAAAABAAAAAAA|" + "Ô".encode()[:1], "reason").encoding == "iso-8859-1"


def returns(*amounts: str) -> bytes:
    """Lines of web_returns with the amount in the last column but one."""
    return b"".join(b"1|" * 22 + amount.encode() + b"|1|\n" for amount in amounts)


@pytest.mark.parametrize("amount", ["", "0", "1.5", "1.25", "-12345.67", ".5", "-0.01"])
def test_numbers_with_up_to_two_decimals_are_plain(tmp_path: Path, amount: str) -> None:
    assert look(tmp_path, returns("1.00", amount), "web_returns").plain


@pytest.mark.parametrize("amount", ["1.255", "0.000", "1.2345", "1e3", "+5", "1,5", " 5", "5 ", "x", "NaN", "1.25\r"])
def test_anything_else_is_not_plain(tmp_path: Path, amount: str) -> None:
    assert not look(tmp_path, returns("1.00", amount), "web_returns").plain


@pytest.mark.parametrize("before", range(1, 7))
def test_a_number_with_three_decimals_across_the_border_of_two_chunks_is_not_plain(tmp_path: Path, before: int) -> None:
    line, last = returns("1.00"), returns("12.345")
    position = last.index(b"12.345")
    padding = CHUNK - before - position
    head = line * (padding // len(line))
    # A longer first number fills what whole lines leave over.
    filler = b"1" * (padding - len(head))
    content = filler + head + last
    assert content[CHUNK - before : CHUNK - before + 6] == b"12.345"
    assert not look(tmp_path, content, "web_returns").plain
    assert look(tmp_path, content.replace(b"12.345", b"123.45"), "web_returns").plain


def test_only_tables_of_numbers_can_be_plain(tmp_path: Path) -> None:
    assert not look(tmp_path, b"1|2|3|\n", "reason").plain
    assert [name for name, table in TABLES.items() if is_numeric(table) and table.is_fact] == [
        "catalog_returns",
        "catalog_sales",
        "inventory",
        "store_returns",
        "store_sales",
        "web_returns",
        "web_sales",
    ]


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"1|2|3|4|\n", 4),
        (b"1|2|3|4\n", 4),
        (b"1|2|3|4\r\n", 4),
        (b"|||\n1|2|3|4\n", 4),
        (b"1|2|3\n", 3),
        (b"1|2|3|\n", 3),
        (b"1|2|3|4|5|\n", 5),
        (b"1|2|3|4|5\n", 5),
        (b"1|2|3|4|5|\r\n1|2|3|4||\r\n", 5),
        (b"1|2\n", 2),
        (b"1|2|3|4|5|\n" * 2 + b"1|2|3|4|\n", 5),
        (b"1|2|3|4|5|\n1|2|3|4|\n", 4),
        (b"1|2|3|4|5|\n1|2|\n", 2),
        (b"\n1|2|3|4|5|\n\n\n", 5),
        (b"", 0),
        (b"\n\n", 0),
    ],
)
def test_a_file_has_as_many_fields_as_most_of_its_first_lines_and_the_declared_number_when_in_doubt(
    tmp_path: Path, content: bytes, fields: int
) -> None:
    assert look(tmp_path, content).fields == fields


def test_a_file_with_other_columns_than_declared_is_looked_through_like_any_other(tmp_path: Path) -> None:
    assert look(tmp_path, b"1|2|3|4|5|\n" * 3) == Inspection(
        lines=3, fields=5, encoding="utf-8", terminated=True, plain=True
    )


@pytest.mark.parametrize("content", [b"no delimiter at all\n", b"1;2;3;4\n" * 5, b"\x00\x01\x02", b"one\n\ntwo\n"])
def test_a_file_without_delimiters_is_no_file_of_its_table(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError) as refused:
        look(tmp_path, content)
    assert f"{tmp_path}/file.dat does not fit table inventory: the table has 4 columns" in str(refused.value)
    assert "the first lines are of one field each (fields are parted by |)" in str(refused.value)
    assert "Check that the file lies in the folder of its table." in str(refused.value)


def test_single_lines_of_another_length_do_not_change_what_the_file_has(tmp_path: Path) -> None:
    few = look(tmp_path, b"1|2|\n" + b"1|2|3|4|\n" * 500)
    assert (few.lines, few.fields, few.terminated) == (501, 4, True)
    most = look(tmp_path, b"1|2|\n" * 500 + b"1|2|3|4|\n")
    assert (most.lines, most.fields, most.terminated) == (501, 2, True)


def test_the_fields_are_those_of_the_first_lines_whatever_comes_late(tmp_path: Path) -> None:
    found = look(tmp_path, b"1|2|3|4|\n" * 1000 + b"1|2|3|4|5|\n" * 5000)
    assert (found.lines, found.fields) == (6000, 4)


def test_a_truncated_gzip_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b"%d|%d|1|%d|\n" % (2450815, number, number * 7 % 1000) for number in range(60)))
    path = tmp_path / "cut.dat.gz"
    for length in range(2, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(SourceError, match=r"cut\.dat\.gz \(table inventory\): .*Replace the file"):
            inspect(path, INVENTORY)
    path.write_bytes(whole)
    assert inspect(path, INVENTORY).lines == 60


@pytest.mark.parametrize("position", [-8, -1, 30])
def test_a_gzip_file_with_one_wrong_byte_is_refused(tmp_path: Path, position: int) -> None:
    content = bytearray(gzip.compress(b"1|2|3|4|\n5|6|7|8|\n9|10|11|12|\n"))
    content[position] ^= 0x55
    path = tmp_path / "flipped.gz"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"Cannot read .*flipped\.gz \(table inventory\)"):
        inspect(path, INVENTORY)


@pytest.mark.parametrize("content", [b"1|2|3|4|\n", b"", b"\x1f"])
def test_a_file_that_only_claims_to_be_gzip_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.dat.gz"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"its name ends in \.gz, but it is not a gzip file"):
        inspect(path, INVENTORY)


def test_a_gzip_file_with_another_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "packed.dat"
    path.write_bytes(gzip.compress(b"1|2|3|4|\n"))
    with pytest.raises(SourceError, match=r"packed\.dat \(table inventory\) is a gzip file: give it a name"):
        inspect(path, INVENTORY)


def test_an_empty_gzip_file_has_no_lines(tmp_path: Path) -> None:
    assert look(tmp_path, b"", name="empty.gz").lines == 0


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"Cannot read .*gone\.dat \(table reason\): No such file or directory"):
        inspect(tmp_path / "gone.dat", REASON)


def test_the_width_of_the_widest_table_of_numbers_is_known() -> None:
    assert len(WEB_RETURNS.columns) == 24
    assert is_numeric(WEB_RETURNS)
