"""The requests to S3 that this process makes and AWS bills: those of all clients of `lake_assets.aws` that sign."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lake_assets.settings import Prices

_FREE = frozenset({"DeleteObjects", "AbortMultipartUpload"})


@dataclass(frozen=True)
class Requests:
    """`writes` are PUT, COPY, POST and LIST of AWS's price list, `reads` GET and HEAD; what removes costs nothing."""

    writes: int = 0
    reads: int = 0

    def __add__(self, other: Requests) -> Requests:
        return Requests(self.writes + other.writes, self.reads + other.reads)

    def __sub__(self, other: Requests) -> Requests:
        return Requests(self.writes - other.writes, self.reads - other.reads)

    def dollars(self, prices: Prices) -> float:
        return (self.writes * prices.s3_thousand_writes + self.reads * prices.s3_thousand_reads) / 1000

    def figures(self, prices: Prices, shares: int = 1) -> dict[str, float]:
        """Metadata of each of so many materialisations that share the requests; none where none was made."""
        if self == Requests():
            return {}
        return {
            "s3_writes": self.writes / shares,
            "s3_reads": self.reads / shares,
            "s3_cost_usd": self.dollars(prices) / shares,
        }


class RequestCounter:
    """Counts for the whole process, not for a thread: a step has many, and the steps of a process come one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made = Requests()

    @property
    def made(self) -> Requests:
        return self._made

    def watch(self, client: Any) -> None:
        """Count what a client of S3 sends from now on, repeated requests too."""
        client.meta.events.register("before-send.s3", self._sent)

    def add(self, requests: Requests) -> None:
        with self._lock:
            self._made += requests

    def _sent(self, request: Any, event_name: str, **_: Any) -> None:
        self.add(billed(event_name.rpartition(".")[2], request.method))


def billed(operation: str, method: str) -> Requests:
    """How one request is billed."""
    if method == "DELETE" or operation in _FREE:
        return Requests()
    is_read = method in ("GET", "HEAD") and not operation.startswith("List")
    return Requests(reads=1) if is_read else Requests(writes=1)


S3_REQUESTS = RequestCounter()
