"""Where the emulator's S3 differs from plain moto: conditions, owners, checksums, and faults on demand."""

from __future__ import annotations

import base64
import threading
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ResponseStreamingError
from moto.s3.models import FakeKey

from lake_assets_tests.support.aws.emulator import Emulator


@pytest.fixture
def bucket(aws: Emulator) -> str:
    return aws.new_bucket()


@pytest.fixture
def s3(aws: Emulator) -> Any:
    return aws.client("s3")


@pytest.fixture
def once(aws: Emulator) -> Any:
    """A client that never tries again."""
    return boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))


def _code(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def _content(s3: Any, bucket: str, key: str) -> bytes:
    content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def test_a_copy_replaces_only_the_version_it_expects(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="staged", Body=b"new")
    first = s3.put_object(Bucket=bucket, Key="published", Body=b"old")["ETag"]
    source = {"Bucket": bucket, "Key": "staged"}
    s3.copy_object(Bucket=bucket, Key="published", CopySource=source, IfMatch=first)
    assert _content(s3, bucket, "published") == b"new"
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=bucket, Key="published", CopySource=source, IfMatch=first)
    assert _code(refused) == ("PreconditionFailed", 412)
    with pytest.raises(ClientError) as missing:
        s3.copy_object(Bucket=bucket, Key="absent", CopySource=source, IfMatch=first)
    assert _code(missing) == ("NoSuchKey", 404)


def test_a_copy_that_must_be_the_first_is_refused_where_something_is(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="staged", Body=b"new")
    source = {"Bucket": bucket, "Key": "staged"}
    s3.copy_object(Bucket=bucket, Key="published", CopySource=source, IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=bucket, Key="published", CopySource=source, IfNoneMatch="*")
    assert _code(refused) == ("PreconditionFailed", 412)


def test_a_copy_of_another_source_than_expected_is_refused(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="staged", Body=b"new")["ETag"]
    source = {"Bucket": bucket, "Key": "staged"}
    s3.copy_object(Bucket=bucket, Key="published", CopySource=source, CopySourceIfMatch=etag)
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=bucket, Key="published", CopySource=source, CopySourceIfMatch='"other"')
    assert _code(refused) == ("PreconditionFailed", 412)


def test_of_writers_that_expect_the_same_version_one_wins(s3: Any, bucket: str) -> None:
    for key in ("put", "copy"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"old")
    etag = s3.head_object(Bucket=bucket, Key="put")["ETag"]
    s3.put_object(Bucket=bucket, Key="staged", Body=b"new")
    outcomes: list[str] = []

    def write(number: int) -> None:
        key = "put" if number % 2 else "copy"
        try:
            if key == "put":
                s3.put_object(Bucket=bucket, Key=key, Body=str(number).encode(), IfMatch=etag)
            else:
                s3.copy_object(Bucket=bucket, Key=key, CopySource=f"{bucket}/staged", IfMatch=etag)
            outcomes.append(key)
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [*(["PreconditionFailed"] * 14), "copy", "put"]


@pytest.mark.parametrize("operation", ["get_object", "head_object", "put_object", "list_objects_v2", "copy_object"])
def test_a_bucket_of_another_owner_than_expected_is_refused(
    aws: Emulator, s3: Any, bucket: str, operation: str
) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ExpectedBucketOwner=aws.account)
    given: dict[str, Any] = {} if operation == "list_objects_v2" else {"Key": "a"}
    if operation == "copy_object":
        given |= {"Key": "b", "CopySource": f"{bucket}/a"}
    getattr(s3, operation)(Bucket=bucket, ExpectedBucketOwner=aws.account, **given)
    with pytest.raises(ClientError) as refused:
        getattr(s3, operation)(Bucket=bucket, ExpectedBucketOwner="210987654321", **given)
    assert _code(refused) == (("403" if operation == "head_object" else "AccessDenied"), 403)


def test_an_object_that_came_without_a_checksum_has_the_one_of_s3(bucket: str) -> None:
    plain = boto3.client("s3", config=Config(request_checksum_calculation="when_required"))
    plain.put_object(Bucket=bucket, Key="a", Body=b"123456789")
    told = plain.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    # The check value of CRC-64/NVME in the catalogue of CRC algorithms.
    assert base64.b64decode(told["ChecksumCRC64NVME"]).hex() == "ae8b14860a799888"
    assert told["ChecksumType"] == "FULL_OBJECT"
    plain.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")
    assert (
        plain.head_object(Bucket=bucket, Key="b", ChecksumMode="ENABLED")["ChecksumCRC64NVME"]
        == told["ChecksumCRC64NVME"]
    )


def test_a_copy_can_be_given_a_checksum(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"123456789")
    s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a", ChecksumAlgorithm="SHA256")
    told = s3.head_object(Bucket=bucket, Key="b", ChecksumMode="ENABLED")
    assert base64.b64decode(told["ChecksumSHA256"]).hex().startswith("15e2b0d3c33891eb")


def test_throttling_passes_after_a_few_tries(aws: Emulator, s3: Any, bucket: str) -> None:
    fault = aws.faults.add("PutObject", resource=f"{bucket}/*", times=2, error="SlowDown")
    s3.put_object(Bucket=bucket, Key="a", Body=b"x" * 100_000)
    assert fault.met == 2
    assert aws.faults.count("PutObject", f"{bucket}/a") == 3
    assert _content(s3, bucket, "a") == b"x" * 100_000


@pytest.mark.parametrize("operation", ["get_object", "head_object", "delete_object"])
def test_an_error_on_demand_has_its_status(aws: Emulator, once: Any, bucket: str, operation: str) -> None:
    once.put_object(Bucket=bucket, Key="a", Body=b"x")
    aws.faults.add("*Object", error="ServiceUnavailable")
    with pytest.raises(ClientError) as refused:
        getattr(once, operation)(Bucket=bucket, Key="a")
    assert _code(refused) == (("503" if operation == "head_object" else "ServiceUnavailable"), 503)


def test_a_lost_connection_leaves_the_work_undone_and_a_lost_answer_has_it_done(
    aws: Emulator, once: Any, bucket: str
) -> None:
    aws.faults.add("PutObject", resource="*/undone", reset="before")
    aws.faults.add("PutObject", resource="*/done", reset="after")
    for key in ("undone", "done"):
        with pytest.raises(ConnectionClosedError):
            once.put_object(Bucket=bucket, Key=key, Body=b"x")
    listed = once.list_objects_v2(Bucket=bucket)["Contents"]
    assert [found["Key"] for found in listed] == ["done"]


def test_the_body_of_an_answer_can_end_in_the_middle(aws: Emulator, once: Any, bucket: str) -> None:
    once.put_object(Bucket=bucket, Key="a", Body=b"x" * 1_000_000)
    aws.faults.add("GetObject", cut=0.5)
    body = once.get_object(Bucket=bucket, Key="a")["Body"]
    with pytest.raises(ResponseStreamingError):
        body.read()
    assert len(_content(once, bucket, "a")) == 1_000_000


def test_a_fault_may_come_later(aws: Emulator, once: Any, bucket: str) -> None:
    aws.faults.add("UploadPart", skip=1, error="InternalError")
    upload = once.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    once.upload_part(Bucket=bucket, Key="a", UploadId=upload, PartNumber=1, Body=b"x")
    with pytest.raises(ClientError):
        once.upload_part(Bucket=bucket, Key="a", UploadId=upload, PartNumber=2, Body=b"x")


def test_a_policy_that_demands_tls_does_not_lock_loopback_out(s3: Any, bucket: str) -> None:
    s3.put_bucket_policy(
        Bucket=bucket,
        Policy='{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", '
        f'"Resource": "arn:aws:s3:::{bucket}/*", "Condition": {{"Bool": {{"aws:SecureTransport": "false"}}}}}}]}}',
    )
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    assert _content(s3, bucket, "a") == b"x"


def test_listing_versions_copies_no_content_and_leaves_it_there(aws: Emulator) -> None:
    s3, bucket = aws.client("s3"), aws.new_bucket(versioned=True)
    for content in (b"old", b"new"):
        s3.put_object(Bucket=bucket, Key="object", Body=content)
    s3.delete_object(Bucket=bucket, Key="object")
    tracked: list[object] = vars(FakeKey)["instances_tracked"]
    before = len(tracked)
    for _ in range(3):
        found = s3.list_object_versions(Bucket=bucket)
    assert len(tracked) == before
    assert [marker["IsLatest"] for marker in found["DeleteMarkers"]] == [True]
    read = [
        s3.get_object(Bucket=bucket, Key="object", VersionId=each["VersionId"])["Body"].read()
        for each in found["Versions"]
    ]
    assert sorted(read) == [b"new", b"old"]


def test_pages_of_versions_tell_each_version_once_and_a_bucket_of_many_is_emptied_by_them(aws: Emulator) -> None:
    s3, bucket = aws.client("s3"), aws.new_bucket(versioned=True)
    written = {
        s3.put_object(Bucket=bucket, Key=f"folder/{number:02}", Body=b"x")["VersionId"]
        for number in (*range(12), *range(12))
    }
    s3.put_object(Bucket=bucket, Key="zone", Body=b"x")
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, Prefix="folder/", PaginationConfig={"PageSize": 5}
    )
    told = [version["VersionId"] for page in pages for version in page["Versions"]]
    assert len(told) == len(written) == 24
    assert set(told) == written

    while versions := s3.list_object_versions(Bucket=bucket, MaxKeys=5).get("Versions"):
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    s3.delete_bucket(Bucket=bucket)
