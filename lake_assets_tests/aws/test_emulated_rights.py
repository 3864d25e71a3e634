"""The emulator's IAM where AWS acts in somebody's name: Athena in that of who asks, a crawler in that of its role."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from lake_assets_tests.support.aws.emulator import Emulator
from lake_assets_tests.support.aws.small_catalog import SmallCatalog
from lake_assets_tests.support.aws.small_roles import SmallRole, Statement

QUERY = "SELECT COUNT(*) FROM sales WHERE year = '2000'"


@pytest.fixture(scope="module")
def catalog(emulator: Emulator) -> SmallCatalog:
    """`gold.sales` in two partitions, and `found/sales` in one, for crawlers."""
    made = SmallCatalog(emulator, "rights")
    rows, content = pa.table({"id": [1, 2, 3]}), io.BytesIO()
    made.table("gold.sales", {"2000": rows, "2001": rows}, key="year")
    pq.write_table(rows, content)
    emulator.client("s3").put_object(
        Bucket=made.bucket, Key="found/sales/year=2000/sales.parquet", Body=content.getvalue()
    )
    return made


class Rights:
    """What asking `gold.sales` needs, one statement for each; a test leaves one out."""

    def __init__(self, catalog: SmallCatalog) -> None:
        bucket, glue = f"arn:aws:s3:::{catalog.bucket}", f"arn:aws:glue:{catalog.aws.region}:{catalog.aws.account}"
        athena = f"arn:aws:athena:{catalog.aws.region}:{catalog.aws.account}:workgroup/{catalog.name}"
        names = [f"{glue}:catalog", f"{glue}:database/rights_gold", f"{glue}:table/rights_gold/sales"]
        self.needed: dict[str, Statement] = {
            "ask": (["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"], [athena]),
            "find the database": (["glue:GetDatabase"], names),
            "find the table": (["glue:GetTable"], names),
            "find its partitions": (["glue:GetPartitions"], names),
            "list": (["s3:ListBucket"], [bucket]),
            "read": (["s3:GetObject"], [f"{bucket}/gold/sales/folder-of-2000/*"]),
            "write the answer": (["s3:PutObject"], [f"{bucket}/_results/*"]),
        }

    def without(self, *names: str) -> list[Statement]:
        return [statement for name, statement in self.needed.items() if name not in names]


@pytest.fixture
def role(aws: Emulator, catalog: SmallCatalog) -> Iterator[SmallRole]:
    made = SmallRole(aws, *Rights(catalog).needed.values())
    yield made
    made.remove()


def asked(role: SmallRole, catalog: SmallCatalog, sql: str) -> dict[str, Any]:
    """The execution of a query by a role, when it has ended."""
    athena = role.client("athena")
    started = athena.start_query_execution(
        QueryString=sql, WorkGroup=catalog.name, QueryExecutionContext={"Database": "rights_gold"}
    )
    until = time.monotonic() + 20
    while True:
        told: dict[str, Any] = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])
        if told["QueryExecution"]["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return dict(told["QueryExecution"])
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_role_asks_what_it_may_read_and_not_the_partition_beside_it(role: SmallRole, catalog: SmallCatalog) -> None:
    told = asked(role, catalog, QUERY)["Status"]
    assert told["State"] == "SUCCEEDED", told
    refused = asked(role, catalog, "SELECT COUNT(*) FROM sales")["Status"]
    assert refused["State"] == "FAILED"
    assert "Access Denied" in refused["StateChangeReason"]
    assert "gold/sales/folder-of-2001/" in refused["StateChangeReason"]


@pytest.mark.parametrize(
    ("lacking", "action"),
    [
        ("find the database", "glue:GetDatabase"),
        ("find the table", "glue:GetTable"),
        ("find its partitions", "glue:GetPartitions"),
        ("list", "s3:ListBucket"),
        ("read", "s3:GetObject"),
        ("write the answer", "s3:PutObject"),
    ],
)
def test_a_query_fails_for_each_right_that_its_caller_lacks(
    role: SmallRole, catalog: SmallCatalog, lacking: str, action: str
) -> None:
    role.may(*Rights(catalog).without(lacking))
    told = asked(role, catalog, QUERY)["Status"]
    assert told["State"] == "FAILED"
    assert f"{role.name}/test is not authorized to perform: {action} on resource: arn:aws:" in told["StateChangeReason"]


def test_a_refused_query_leaves_no_answer_in_the_results(role: SmallRole, catalog: SmallCatalog, aws: Emulator) -> None:
    role.may(*Rights(catalog).without("read"))
    place = asked(role, catalog, QUERY)["ResultConfiguration"]["OutputLocation"]
    found = aws.client("s3").list_objects_v2(Bucket=catalog.bucket, Prefix=place.split("/", 3)[3])
    assert found["KeyCount"] == 0


def crawled(aws: Emulator, catalog: SmallCatalog, role: str, name: str) -> dict[str, Any]:
    """What a crawler tells of its crawl; it writes to the database `<name>`."""
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": name})
    glue.create_crawler(
        Name=name,
        Role=role,
        DatabaseName=name,
        Targets={"S3Targets": [{"Path": f"s3://{catalog.bucket}/found/"}]},
        Configuration=json.dumps({"Version": 1.0, "Grouping": {"TableLevelConfiguration": 3}}),
    )
    glue.start_crawler(Name=name)
    until = time.monotonic() + 20
    while (found := glue.get_crawler(Name=name)["Crawler"])["State"] != "READY":
        assert time.monotonic() < until
        time.sleep(0.01)
    return dict(found["LastCrawl"])


def rights_of_crawler(aws: Emulator, catalog: SmallCatalog, database: str) -> dict[str, Statement]:
    bucket, glue = f"arn:aws:s3:::{catalog.bucket}", f"arn:aws:glue:{aws.region}:{aws.account}"
    names = [f"{glue}:catalog", f"{glue}:database/{database}", f"{glue}:table/{database}/*"]
    return {
        "s3:ListBucket": (["s3:ListBucket"], [bucket]),
        "s3:GetObject": (["s3:GetObject"], [f"{bucket}/found/*"]),
        "glue:CreateTable": (["glue:CreateTable", "glue:UpdateTable"], names),
        "glue:BatchCreatePartition": (["glue:BatchCreatePartition"], names),
    }


def test_a_crawler_finds_what_its_role_may_read(aws: Emulator, catalog: SmallCatalog, role: SmallRole) -> None:
    role.may(*rights_of_crawler(aws, catalog, "found_all").values())
    assert crawled(aws, catalog, role.arn, "found_all")["Status"] == "SUCCEEDED"
    assert aws.client("glue").get_table(DatabaseName="found_all", Name="sales")["Table"]["Name"] == "sales"


@pytest.mark.parametrize("lacking", ["s3:ListBucket", "s3:GetObject", "glue:CreateTable", "glue:BatchCreatePartition"])
def test_a_crawl_fails_for_each_right_that_its_role_lacks(
    aws: Emulator, catalog: SmallCatalog, role: SmallRole, lacking: str
) -> None:
    name = f"found_{lacking.replace(':', '_').lower()}"
    granted = rights_of_crawler(aws, catalog, name)
    role.may(*(statement for action, statement in granted.items() if action != lacking))
    told = crawled(aws, catalog, role.name, name)
    assert told["Status"] == "FAILED"
    assert f"is not authorized to perform: {lacking} on resource: " in told["ErrorMessage"]


@pytest.fixture
def looking(role: SmallRole, catalog: SmallCatalog) -> Callable[..., int]:
    """The status of the answer to who looks for an object, with these rights."""

    def look(key: str, *statements: Statement, head: bool = False) -> int:
        role.may((["s3:GetObject"], [f"arn:aws:s3:::{catalog.bucket}/*"]), *statements)
        s3 = role.client("s3")
        try:
            answer = (s3.head_object if head else s3.get_object)(Bucket=catalog.bucket, Key=key)
        except ClientError as error:
            answer = error.response
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    return look


@pytest.mark.parametrize("head", [False, True])
def test_that_an_object_is_missing_is_told_only_to_who_may_list_the_bucket(
    looking: Callable[..., int], catalog: SmallCatalog, head: bool
) -> None:
    lists = (["s3:ListBucket"], [f"arn:aws:s3:::{catalog.bucket}"])
    there = "found/sales/year=2000/sales.parquet"
    assert (looking(there, head=head), looking(there, lists, head=head)) == (200, 200)
    assert (looking("found/nothing", head=head), looking("found/nothing", lists, head=head)) == (403, 404)


def test_a_right_to_list_below_a_prefix_does_not_tell_that_an_object_is_missing(
    looking: Callable[..., int], catalog: SmallCatalog
) -> None:
    listed = (["s3:ListBucket"], [f"arn:aws:s3:::{catalog.bucket}"], {"StringLike": {"s3:prefix": "found/*"}})
    assert looking("found/nothing", listed) == 403
