"""Silver of a few hundred rows: six years in which all channels sell and take back, so that every figure of gold has a value.

Written by hand and not cut out of the sample, in which no item is sold, and no customer buys, in every year.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lake_assets.contract.calendar import FIRST_YEAR, LAST_YEAR, Range, sk_of, span
from lake_assets.contract.layers import SILVER, WHOLE_TABLE
from lake_assets.contract.model import CHANNELS, Channel, Column
from lake_assets.contract.tables import TABLES
from lake_assets.contract.types import arrow_schema
from lake_assets.lake.task import ObjectInput
from lake_assets_tests.support.lake_support import SOME_TIME, Row

YEARS = range(FIRST_YEAR, LAST_YEAR + 1)
DAYS_OF_SALE = (10, 17)
"""Of every month: a week apart, so that one has growth over the other."""
ITEMS = 4
NEW_CUSTOMERS = 4
"""In every year."""

_PREFIXES: Mapping[Channel, tuple[str, str, str, str]] = {
    "store": ("ss", "sr", "ticket_number", "return_amt"),
    "catalog": ("cs", "cr", "order_number", "return_amount"),
    "web": ("ws", "wr", "order_number", "return_amt"),
}
_BOUGHT_BY: Mapping[Channel, str] = {
    "store": "ss_customer_sk",
    "catalog": "cs_bill_customer_sk",
    "web": "ws_bill_customer_sk",
}

Rows = dict[str, list[Row]]


def silver_rows() -> Rows:
    """Rows by table, in the columns of silver that gold reads."""
    chance = random.Random(5)
    rows: Rows = {name: [] for channel in CHANNELS for name in (f"{channel}_sales", f"{channel}_returns")}
    for channel in CHANNELS:
        for number, day in enumerate((*_days(), None), start=1):
            _order(rows, channel, number, day, chance)
    return rows | {
        "date_dim": [_date(date(FIRST_YEAR, 1, 1) + timedelta(n)) for n in range(366 * len(YEARS))],
        "item": [
            {"i_item_sk": n, "i_item_id": f"ITEM{n}", "i_category": f"Category {n % 2}"} for n in range(1, ITEMS + 1)
        ],
        "inventory": [
            {
                "inv_date_sk": sk_of(date(year, 3, n)),
                "inv_item_sk": n,
                "inv_warehouse_sk": 1,
                "inv_quantity_on_hand": 7 * n,
            }
            for year in YEARS
            for n in range(1, ITEMS + 1)
        ],
        "customer": [
            {"c_customer_sk": n, "c_customer_id": f"CUSTOMER{n}"} for n in range(1, NEW_CUSTOMERS * len(YEARS) + 2)
        ],
    }


def _days() -> list[date]:
    return [date(year, month, day) for year in YEARS for month in range(1, 13) for day in DAYS_OF_SALE]


def _order(rows: Rows, channel: Channel, number: int, day: date | None, chance: random.Random) -> None:
    """Two lines, one of which every third time comes back ten days later, or on no known day when the sale has none."""
    sale, back, order, returned = _PREFIXES[channel]
    date_sk = sk_of(day) if day else None
    customer = _customer(day, chance)
    for item in sorted(chance.sample(range(1, ITEMS + 1), 2)):
        quantity, price = chance.randint(1, 9), Decimal(chance.randint(100, 9999)) / 100
        line = {
            "item_sk": item,
            order: number,
            "quantity": quantity,
            "ext_list_price": price * 10,
            "ext_sales_price": price * quantity,
            "coupon_amt": Decimal("1.25"),
            "net_paid": price * quantity - Decimal("1.25"),
            "ext_tax": Decimal("0.50"),
            "ext_wholesale_cost": price,
            "net_profit": price * quantity - Decimal("1.25") - price,
        }
        resolved = {
            f"{sale}_sold_date_sk": date_sk,
            _BOUGHT_BY[channel]: customer,
            "sold_date_sk_resolved": date_sk,
            "customer_sk_resolved": customer,
            "sold_date_imputed": False,
            "customer_imputed": False,
        }
        rows[f"{channel}_sales"].append({f"{sale}_{name}": value for name, value in line.items()} | resolved)
    if number % 3 == 0 or day is None:
        undone = {
            "item_sk": item,
            order: number,
            "returned_date_sk": date_sk + 10 if date_sk else None,
            "return_quantity": 1,
            returned: price,
            "net_loss": Decimal("2.50"),
        }
        rows[f"{channel}_returns"].append({f"{back}_{name}": value for name, value in undone.items()})


def _customer(day: date | None, chance: random.Random) -> int:
    """In the first months of a year its new customers, later anyone who has bought; the last of silver never does."""
    if day is None:
        return 1
    known = NEW_CUSTOMERS * (day.year - FIRST_YEAR)
    return known + day.month if day.month <= NEW_CUSTOMERS else chance.randint(1, known + NEW_CUSTOMERS)


def _date(day: date) -> Row:
    return {
        "d_date_sk": sk_of(day),
        "d_date": day,
        "d_year": day.year,
        "d_moy": day.month,
        "d_day_name": f"{day:%A}",
        "d_dow": (day.weekday() + 1) % 7,
        "d_holiday": "N",
    }


def ranges(rows: Rows, *kinds: str) -> dict[Channel, Range]:
    """First and last day with a sale (or a return) of each channel."""
    found: dict[Channel, Range] = {}
    for channel in CHANNELS:
        tables = [TABLES[f"{channel}_{kind}"] for kind in kinds]
        columns = [(table.name, table.month.column) for table in tables if table.month]
        found[channel] = span(
            (row[column], row[column]) for name, column in columns for row in rows[name] if row[column]
        )
    return found


def write_silver(folder: Path, rows: Rows) -> None:
    """One file per table, in all columns of silver."""
    for name, lines in rows.items():
        table = SILVER[name]
        always = {"source_batch": "batch-000001", "load_timestamp": SOME_TIME}
        write(folder / f"silver/{name}.parquet", table.columns, [line | always for line in lines])


def silver_inputs(folder: Path, names: Sequence[str]) -> tuple[ObjectInput, ...]:
    return tuple(
        ObjectInput(table=name, partition=WHOLE_TABLE, uri=str(folder / f"silver/{name}.parquet"), rows=1)
        for name in names
    )


def write(path: Path, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Rows in the columns' types; columns that a row does not have are NULL."""
    schema = arrow_schema(columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema), path)
