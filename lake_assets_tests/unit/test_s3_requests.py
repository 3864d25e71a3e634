"""How requests to S3 are counted and priced."""

from __future__ import annotations

import pytest

from lake_assets.s3_requests import RequestCounter, Requests, billed
from lake_assets.settings import Prices


@pytest.mark.parametrize(
    ("operation", "method", "expected"),
    [
        ("PutObject", "PUT", Requests(writes=1)),
        ("CopyObject", "PUT", Requests(writes=1)),
        ("CreateMultipartUpload", "POST", Requests(writes=1)),
        ("ListObjectsV2", "GET", Requests(writes=1)),
        ("GetObject", "GET", Requests(reads=1)),
        ("HeadObject", "HEAD", Requests(reads=1)),
        ("DeleteObject", "DELETE", Requests()),
        ("DeleteObjects", "POST", Requests()),
        ("AbortMultipartUpload", "DELETE", Requests()),
    ],
)
def test_each_operation_is_billed_as_awss_price_list_has_it(operation: str, method: str, expected: Requests) -> None:
    assert billed(operation, method) == expected


def test_a_million_writes_cost_five_dollars_and_a_million_reads_forty_cents() -> None:
    assert Requests(writes=1_000_000).dollars(Prices()) == pytest.approx(5.0)
    assert Requests(reads=1_000_000).dollars(Prices()) == pytest.approx(0.40)
    assert Requests(1000, 1000).dollars(Prices(s3_thousand_writes=1, s3_thousand_reads=0)) == 1


def test_materialisations_that_share_requests_tell_their_share() -> None:
    told = Requests(writes=6, reads=3).figures(Prices(), shares=3)
    assert told == {"s3_writes": 2.0, "s3_reads": 1.0, "s3_cost_usd": pytest.approx((6 * 0.005 + 3 * 0.0004) / 3000)}
    assert Requests().figures(Prices()) == {}


def test_a_counter_tells_what_came_between_two_looks() -> None:
    counter = RequestCounter()
    counter.add(Requests(writes=2, reads=5))
    before = counter.made
    counter.add(Requests(writes=1, reads=1))
    assert counter.made - before == Requests(writes=1, reads=1)
