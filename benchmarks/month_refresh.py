"""What a small batch costs beside the whole: `lake-assets run` over all files, then over one more file of one month.

Run with `python benchmarks/month_refresh.py [SCALE] [MONTH]`, e.g. `1 2000-05`.

The small batch holds 1,000 new lines of store_sales, with the date of one month; it changes that month of the fact and what
gold derives from it. Prints the seconds of both commands, start included, their ratio, and how many partitions each published.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from lake_assets.contract.calendar import month_of
from lake_assets.contract.layers import LAKE_TABLES
from lake_assets.contract.tables import TABLES
from lake_assets.lake.lake import Lake
from lake_assets.lake.sample import make_sample
from lake_assets.settings import Settings

FACT = TABLES["store_sales"]
LINES = 1_000
DATE, TICKET = (FACT.column_names.index(name) for name in ("ss_sold_date_sk", "ss_ticket_number"))
BEYOND = 10**9
"""Added to ticket numbers, so that the tickets are new."""


def lines_of(source: Path, month: str) -> Iterator[str]:
    """Lines of the fact that are dated in the month, as new tickets."""
    for path in sorted((source / FACT.name).glob("*.gz")):
        with gzip.open(path, "rt", encoding="iso-8859-1") as file:
            for line in file:
                fields = line.split("|")
                if fields[DATE] and month_of(int(fields[DATE])) == month:
                    fields[TICKET] = str(int(fields[TICKET]) + BEYOND)
                    yield "|".join(fields)


def run(settings: Settings, home: Path) -> float:
    """Seconds of one `lake-assets run`."""
    environment = os.environ | {
        "LAKE_ROOT": str(settings.local_root),
        "LAKE_SOURCE": str(settings.local_source),
        "DAGSTER_HOME": str(home),
    }
    started = time.monotonic()
    program = Path(sys.executable).with_name("lake-assets")
    subprocess.run([str(program), "run"], env=environment, check=True, capture_output=True, timeout=3600)
    return time.monotonic() - started


def published(lake: Lake) -> dict[tuple[str, str], object]:
    """When each partition was published."""
    return {
        (table.identifier, partition): entry.settled.published_at
        for table in LAKE_TABLES
        for partition, entry in lake.ledger.entries(table).items()
        if entry.settled
    }


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    month = sys.argv[2] if len(sys.argv) > 2 else "2000-05"
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(root=Path(scratch, "lake"), source=Path(scratch, "source"))
        make_sample(scale, settings.local_source, lambda _: None)
        whole = run(settings, Path(scratch, "home"))
        before = published(Lake(settings))
        late = list(islice(lines_of(settings.local_source, month), LINES))
        with gzip.open(settings.local_source / FACT.name / "late.dat.gz", "wt", encoding="iso-8859-1") as file:
            file.writelines(late)
        part = run(settings, Path(scratch, "home"))
        after = published(Lake(settings))
        changed = [key for key in after if after[key] != before.get(key)]
        sys.stdout.write(
            f"scale {scale:g}: everything {whole:.1f} s ({len(before)} partitions), then {len(late)} lines of {month} "
            f"{part:.1f} s ({len(changed)} partitions): 1/{whole / part:.1f}\n"
        )


if __name__ == "__main__":
    main()
