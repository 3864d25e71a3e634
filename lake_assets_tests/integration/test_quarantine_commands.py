"""`lake-assets quarantine`: what lies there is counted, and comes back once the data, a dimension or a rule is corrected."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pytest
from isal import igzip

from lake_assets.contract.calendar import MONTHS, YEARS, month_of, sk_of
from lake_assets.contract.layers import LAKE_TABLES
from lake_assets.contract.tables import FACTS
from lake_assets.lake.lake import Lake
from lake_assets.lake.records import Publication
from lake_assets.query.duckdb import query
from lake_assets.settings import Settings
from lake_assets_tests.conftest import lake_assets, lake_environment
from lake_assets_tests.support.dirty_files import with_fields
from lake_assets_tests.support.small_lake import Files, write_files

MARCH, APRIL = sk_of(date(2000, 3, 5)), sk_of(date(2000, 4, 10))
FIRST, SECOND = "batch-000001", "batch-000002"
NOBODY, NOWHERE = 999_999, 888_888
NEGATIVE = (
    "identity__ss_ext_list_price",
    "identity__ss_ext_sales_price",
    "identity__ss_ext_wholesale_cost",
    "range__ss_quantity",
)
"""Rules that a negative quantity breaks."""
UNREADABLE = "what is this?"
UNCOMPARED = "load_timestamp, source_batch"
"""Columns that tell when and in which batch a row came, not what it says."""

Count = tuple[str, str, str, str, int]
Hashes = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Site:
    """A lake of a few hand-made lines, with its source and Dagster home below one folder."""

    folder: Path
    rules: str = "{}"

    @property
    def root(self) -> Path:
        return self.folder / "lake"

    @property
    def source(self) -> Path:
        return self.folder / "source"

    def command(self, *arguments: str, rules: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = lake_environment(self.root, self.source, self.folder / "home")
        return lake_assets(environment | {"LAKE_RULES": self.rules if rules is None else rules}, *arguments)

    def succeed(self, *arguments: str, rules: str | None = None) -> str:
        """What the command prints; it must not fail."""
        done = self.command(*arguments, rules=rules)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def listed(self, *options: str) -> list[Count]:
        """`quarantine list` as rows of its columns."""
        found = json.loads(self.command("quarantine", "list", "--format", "json", *options).stdout)
        return [(row["table"], row["partition"], row["batch"], row["rule"], row["rows"]) for row in found]

    def keys(self, month: int) -> list[tuple[int, int]]:
        """Receipt and item of the published store sales of the month of a day."""
        sql = f"SELECT ss_ticket_number, ss_item_sk FROM silver.store_sales WHERE sold_month = '{month_of(month)}' ORDER BY ALL"
        return [(ticket, item) for ticket, item in query(self.root, sql).rows]

    def publications(self) -> dict[str, Publication]:
        """By table and partition, as the ledger has them now."""
        ledger = Lake(Settings(root=self.root, source=self.source)).ledger
        return {
            f"{table.identifier} {partition}": entry.settled
            for table in LAKE_TABLES
            for partition, entry in ledger.entries(table).items()
            if entry.settled
        }


def hashes(root: Path) -> Hashes:
    """Rows and a hash of every published silver and gold partition, by its path: over all columns, in any order of rows."""
    found: Hashes = {}
    with duckdb.connect() as connection:
        for path in sorted((*root.glob("silver/**/*.parquet"), *root.glob("gold/**/*.parquet"))):
            rows = connection.read_parquet(str(path), hive_partitioning=False)
            kept = ", ".join(f'"{name}"' for name in rows.columns if name not in UNCOMPARED.split(", "))
            (figures,) = rows.aggregate(f"count(*), coalesce(sum(hash({kept})::HUGEINT), 0)").fetchall()
            found[path.relative_to(root).as_posix()] = figures
    return found


def contents(site: Site) -> dict[str, tuple[str, int, int]]:
    """Content hash, rows and rows in quarantine of every publication."""
    return {name: (known.content, known.rows, known.quarantined) for name, known in site.publications().items()}


class Lines:
    """Lines of the sample, and sales made from one of them."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._sale = next(line for line in self.of("store_sales") if all(line.split("|")[:-1]))

    def of(self, table: str) -> list[str]:
        path = min((self._source / table).glob("*.gz"))
        text: str = igzip.decompress(path.read_bytes()).decode("latin-1")
        return text.splitlines()

    def sale(self, ticket: int, item: int, day: int, customer: int = 1, **changes: object) -> str:
        return with_fields(
            "store_sales",
            self._sale,
            ss_ticket_number=ticket,
            ss_item_sk=item,
            ss_sold_date_sk=day,
            ss_customer_sk=customer,
            **changes,
        )

    def small_source(self) -> dict[str, bytes]:
        """Two months of the calendar, three items and one customer."""
        days = [line for line in self.of("date_dim") if month_of(int(line.split("|")[0])) in ("2000-03", "2000-04")]
        return {
            "date_dim/a.dat": as_file(*days),
            "item/a.dat": as_file(*self.of("item")[:3]),
            "customer/a.dat": as_file(self.of("customer")[0]),
        }


WITH_GOLD = {f"{fact.name}/a.dat": b"" for fact in FACTS if fact.channel}
"""A file without lines for every fact that gold reads."""


def as_file(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("latin-1")


@pytest.fixture(scope="module")
def lines(source: Path) -> Lines:
    return Lines(source)


@dataclass(frozen=True)
class Repaired:
    """A lake at first with faults and sales of a customer yet unknown, then with the customer, then with the faults corrected.

    `clean` never saw a fault. `table` and `csv` are forms of the list at first; `filtered` are lists by their options.
    """

    site: Site
    clean: Site
    listed: Sequence[Sequence[Count]]
    table: str
    csv: str
    filtered: Mapping[tuple[str, ...], Sequence[Count]]
    unknown: subprocess.CompletedProcess[str]
    keys: Sequence[Mapping[int, Sequence[tuple[int, int]]]]
    arrival: str
    replay: str
    nothing: str


FILTERS: tuple[tuple[str, ...], ...] = (
    ("--table", "item"),
    ("--rule", "foreign_key__ss_item_sk"),
    ("--batch", SECOND),
    ("--table", "store_sales", "--batch", FIRST, "--rule", "readable"),
)


@pytest.fixture(scope="module")
def repaired(lines: Lines, tmp_path_factory: pytest.TempPathFactory) -> Repaired:
    folder = tmp_path_factory.mktemp("quarantine")
    site, clean = Site(folder / "faulty"), Site(folder / "clean")
    good = (lines.sale(1, 1, MARCH), lines.sale(1, 2, MARCH), lines.sale(2, 3, APRIL))
    faulty = (
        lines.sale(1, 1, MARCH),
        lines.sale(1, 2, MARCH, ss_quantity=-5),
        lines.sale(2, NOWHERE, APRIL),
        UNREADABLE,
    )
    customer = {"customer/b.dat": as_file(with_fields("customer", lines.of("customer")[1], c_customer_sk=NOBODY))}
    late = {"store_sales/b.dat": as_file(lines.sale(3, 1, APRIL, NOBODY), lines.sale(3, 2, APRIL, NOBODY))}
    corrected = {"store_sales/a.dat": as_file(*good)}

    small = lines.small_source() | WITH_GOLD
    write_files(site.source, small | late | {"store_sales/a.dat": as_file(*faulty)})
    site.succeed("run")
    listed, keys = [site.listed()], [_keys(site)]
    table = site.succeed("quarantine", "list")
    as_csv = site.command("quarantine", "list", "--format", "csv").stdout
    unknown = site.command("quarantine", "list", "--table", "store_sale")
    write_files(site.source, customer)
    arrival = site.succeed("run")
    listed.append(site.listed())
    keys.append(_keys(site))
    filtered = {options: site.listed(*options) for options in FILTERS}
    write_files(site.source, corrected)
    replay = site.succeed("quarantine", "replay")
    listed.append(site.listed())
    keys.append(_keys(site))
    nothing = site.succeed("quarantine", "replay")

    write_files(clean.source, small | late | customer | corrected)
    clean.succeed("run")
    return Repaired(site, clean, listed, table, as_csv, filtered, unknown, keys, arrival, replay, nothing)


def _keys(site: Site) -> dict[int, list[tuple[int, int]]]:
    return {day: site.keys(day) for day in (MARCH, APRIL)}


AT_FIRST: list[Count] = [
    ("bronze.store_sales", FIRST, FIRST, "readable", 1),
    *(("silver.store_sales", "2000-03", FIRST, rule, 1) for rule in NEGATIVE),
    ("silver.store_sales", "2000-04", FIRST, "foreign_key__ss_customer_sk", 2),
    ("silver.store_sales", "2000-04", FIRST, "foreign_key__ss_item_sk", 1),
]
WITH_CUSTOMER = [count for count in AT_FIRST if count[3] != "foreign_key__ss_customer_sk"]


def test_rows_with_faults_are_counted_by_table_partition_batch_and_rule(repaired: Repaired) -> None:
    assert repaired.listed[0] == AT_FIRST
    assert repaired.keys[0] == {MARCH: [(1, 1)], APRIL: []}


def test_the_list_is_the_same_as_a_table_and_as_csv(repaired: Repaired) -> None:
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in repaired.table.splitlines() if "│" in line]
    expected = [[*(str(value) for value in count)] for count in AT_FIRST]
    assert cells == expected
    assert "lake-assets query" in repaired.table
    header, *rows = csv.reader(repaired.csv.splitlines())
    assert header == ["table", "partition", "batch", "rule", "rows"]
    assert rows == expected


@pytest.mark.parametrize("options", FILTERS, ids=" ".join)
def test_the_list_can_be_narrowed(repaired: Repaired, options: tuple[str, ...]) -> None:
    wanted = dict(zip(options[::2], options[1::2], strict=True))
    assert repaired.filtered[options] == [
        count
        for count in WITH_CUSTOMER
        if count[0].endswith(f".{wanted.get('--table', 'store_sales')}")
        and count[2] == wanted.get("--batch", FIRST)
        and count[3] == wanted.get("--rule", count[3])
    ]


def test_an_unknown_table_is_refused(repaired: Repaired) -> None:
    assert repaired.unknown.returncode == 1
    assert "--table" in repaired.unknown.stderr
    assert "'store_sale'" in repaired.unknown.stderr
    assert "store_sales" in repaired.unknown.stderr
    assert "Traceback" not in repaired.unknown.stderr


def test_sales_of_a_customer_that_arrives_late_come_back_by_themselves(repaired: Repaired) -> None:
    assert repaired.listed[1] == WITH_CUSTOMER
    assert repaired.keys[1] == {MARCH: [(1, 1)], APRIL: [(3, 1), (3, 2)]}


def test_a_run_for_a_late_customer_builds_only_what_waits_for_customers(repaired: Repaired) -> None:
    built = re.findall(r"^│ (\w+\.\w+) ", repaired.arrival, re.MULTILINE)
    silver = ["bronze.customer", "silver.customer", "silver.store_sales"]
    assert built == [*silver, "gold.daily_sales_summary", "gold.monthly_trends", "gold.customer_lifetime_value"]


def test_a_replay_takes_in_the_corrected_file_and_empties_the_quarantine(repaired: Repaired) -> None:
    assert repaired.listed[2] == []
    assert repaired.keys[2] == {MARCH: [(1, 1), (1, 2)], APRIL: [(2, 3), (3, 1), (3, 2)]}
    assert "In quarantine before: 3 rows; now: 0." in repaired.replay


def test_after_the_replay_the_lake_is_the_one_that_never_saw_the_fault(repaired: Repaired) -> None:
    found, expected = hashes(repaired.site.root), hashes(repaired.clean.root)
    # Of gold all but the products, which wait for the stock.
    assert len(found) == 3 + 7 * len(MONTHS) + 2 * len(YEARS)
    assert found == expected
    assert sum(rows for path, (rows, _) in found.items() if path.startswith("silver/store_sales")) == 5


def test_after_the_replay_gold_has_the_content_of_the_lake_that_never_saw_the_fault(repaired: Repaired) -> None:
    found, expected = (
        {name: content for name, content in contents(site).items() if name.startswith("gold.")}
        for site in (repaired.site, repaired.clean)
    )
    assert len(found) == len(MONTHS) + 2 * len(YEARS)
    assert found == expected
    assert sum(rows for _, rows, _ in found.values()) > 0


def test_a_replay_of_nothing_says_so(repaired: Repaired) -> None:
    assert "Nothing is in quarantine." in repaired.nothing
    assert repaired.site.succeed("quarantine", "list").strip() == "Nothing that fits is in quarantine."


def test_rows_that_a_corrected_rule_lets_pass_move_to_silver(lines: Lines, tmp_path: Path) -> None:
    """A rule that took rows out only warns now, and one that was made stricter is as the contract has it again."""
    strict = '{"silver.item.range__i_current_price": "quarantine"}'
    relaxed = '{"silver.store_sales.foreign_key__*": {"action": "warn"}}'
    cheap = with_fields("item", lines.of("item")[2], i_current_price="0.01")
    files: Files = lines.small_source() | {
        "item/a.dat": as_file(*lines.of("item")[:2], cheap),
        "store_sales/a.dat": as_file(
            lines.sale(1, 1, MARCH), lines.sale(1, 3, MARCH), lines.sale(2, NOWHERE, APRIL), lines.sale(3, 2, APRIL)
        ),
    }
    site, other = Site(tmp_path / "site", strict), Site(tmp_path / "other", relaxed)
    write_files(site.source, files)
    shutil.copytree(site.source, other.source)
    site.succeed("run")
    assert site.listed() == [
        ("silver.item", "all", FIRST, "range__i_current_price", 1),
        ("silver.store_sales", "2000-03", FIRST, "foreign_key__ss_item_sk", 1),
        ("silver.store_sales", "2000-04", FIRST, "foreign_key__ss_item_sk", 1),
    ]
    assert _keys(site) == {MARCH: [(1, 1)], APRIL: [(3, 2)]}

    told = site.succeed("quarantine", "replay", rules=relaxed)
    assert "In quarantine before: 3 rows; now: 0." in told
    assert site.listed() == []
    assert _keys(site) == {MARCH: [(1, 1), (1, 3)], APRIL: [(2, NOWHERE), (3, 2)]}

    other.succeed("run")
    assert contents(site) == contents(other)
    assert hashes(site.root) == hashes(other.root)
    now = site.publications()["silver.store_sales 2000-04"]
    assert (now.quarantined, now.violations["foreign_key__ss_item_sk"]) == (0, 1)
