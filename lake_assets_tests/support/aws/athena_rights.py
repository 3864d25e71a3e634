"""What a query may do: as much as the caller of StartQueryExecution, in whose name Athena reads and writes."""

from __future__ import annotations

from dataclasses import dataclass

from lake_assets_tests.support.aws.athena_catalog import QueryFailedError
from lake_assets_tests.support.aws.authoriser import Access, Caller


@dataclass(frozen=True)
class Rights:
    """Each method raises `QueryFailedError` in Athena's words for what the caller may not do."""

    caller: Caller
    region: str

    def look(self, action: str, *names: str) -> None:
        """At a part of the Glue Data Catalog: `names` are those of all resources that the action needs."""
        for name in ("catalog", *names):
            arn = f"arn:aws:glue:{self.region}:{self.caller.account}:{name}"
            if told := self.caller.denial(Access(f"glue:{action}", arn)):
                raise QueryFailedError(f"Insufficient permissions to execute the query. {told}")

    def list(self, bucket: str, prefix: str) -> None:
        if told := self.caller.denial(Access("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix})):
            raise QueryFailedError(f"Permission denied on S3 path: s3://{bucket}/{prefix}: Access Denied: {told}")

    def read(self, bucket: str, key: str) -> None:
        if told := self.caller.denial(Access("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")):
            raise QueryFailedError(f"Permission denied on S3 path: s3://{bucket}/{key}: Access Denied: {told}")

    def write(self, bucket: str, key: str) -> None:
        if told := self.caller.denial(Access("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")):
            raise QueryFailedError(
                f"Access denied when writing output to url: s3://{bucket}/{key}: Access Denied: {told}"
            )
