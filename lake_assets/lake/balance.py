"""Conservation of rows: what became of every line of every source file of a table, from the ledger alone."""

from __future__ import annotations

from dataclasses import dataclass

from lake_assets.contract.layers import BRONZE, SILVER
from lake_assets.lake.planning import Planner


@dataclass(frozen=True)
class Balance:
    """Rows of one source table. Every line is published, in quarantine, a removed duplicate, or superseded.

    `superseded` are lines of files that arrived again later under the same path.
    """

    source: int
    published: int
    quarantined: int
    duplicates: int
    superseded: int

    @property
    def missing(self) -> int:
        """Lines not accounted for; anything but 0 is a lost or an invented row."""
        return self.source - self.published - self.quarantined - self.duplicates - self.superseded


def balance(planner: Planner, name: str) -> Balance | None:
    """Balance of a table over all its silver partitions; None when bronze or silver is behind what arrived."""
    bronze, silver = BRONZE[name], SILVER[name]
    applied = [batch.name for batch in planner.batches]
    plans = planner.silver(silver, silver.partitions, batches=applied)
    if planner.unconverted(name) or not all(plan.is_fresh for plan in plans):
        return None
    published = [plan.entry.settled for plan in plans if plan.entry.settled]
    objects = [
        stored for entry in planner.entries(bronze).values() if entry.settled for stored in entry.settled.objects
    ]
    current = {source.stored.key for source in plans[0].sources}
    return Balance(
        source=sum(stored.lines for stored in objects),
        published=sum(known.rows for known in published),
        quarantined=sum(known.quarantined for known in published)
        + sum(stored.lines - stored.rows for stored in objects if stored.key in current),
        duplicates=sum(known.duplicates for known in published),
        superseded=sum(stored.lines for stored in objects if stored.key not in current),
    )
