"""Small tables in the emulator's S3 and Glue Data Catalog, and a workgroup to ask them in."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from lake_assets_tests.support.aws.emulator import Emulator

_HIVE = {
    "int64": "bigint",
    "int32": "int",
    "double": "double",
    "string": "string",
    "bool": "boolean",
    "date32[day]": "date",
}


class SmallCatalog:
    """Databases `<name>_<schema>` over one bucket, and the workgroup `name`, whose results go to another folder of it."""

    def __init__(self, aws: Emulator, name: str) -> None:
        self.aws = aws
        self.name = name
        self.bucket = aws.new_bucket(name)
        athena = aws.client("athena")
        configuration = {
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/_results/"},
        }
        athena.create_work_group(Name=name, Configuration=configuration)

    def limit(self, scanned: int) -> None:
        """Bytes that a query of the workgroup may scan, which AWS lets be 10 MB at least."""
        self.aws.client("athena").update_work_group(
            WorkGroup=self.name, ConfigurationUpdates={"BytesScannedCutoffPerQuery": scanned}
        )

    def table(
        self,
        name: str,
        parts: Mapping[str, pa.Table] | pa.Table,
        key: str = "part",
        columns: Mapping[str, str] | None = None,
    ) -> dict[str, int]:
        """`schema.table` of one content, or of one per value of the partition column `key`.

        Its columns have the types of the content, or those given. Returns the bytes of each column, over all partitions.
        """
        schema, _, table = name.partition(".")
        database = f"{self.name.replace('-', '_')}_{schema}"
        glue, folder = self.aws.client("glue"), f"{schema}/{table}"
        try:
            glue.create_database(DatabaseInput={"Name": database})
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AlreadyExistsException"  # noqa: PT017 (another table made it)
        contents = {"": parts} if isinstance(parts, pa.Table) else dict(parts)
        first = next(iter(contents.values()))
        types = columns or {field.name: _hive_type(field.type) for field in first.schema}
        storage = {
            "Columns": [{"Name": column, "Type": kind} for column, kind in types.items()],
            "Location": f"s3://{self.bucket}/{folder}",
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        }
        keys = [] if isinstance(parts, pa.Table) else [{"Name": key, "Type": "string"}]
        glue.create_table(
            DatabaseName=database, TableInput={"Name": table, "StorageDescriptor": storage, "PartitionKeys": keys}
        )
        sizes: dict[str, int] = {}
        for value, content in contents.items():
            # The folder's name is not the value: what counts is the catalog.
            place = f"{folder}/folder-of-{value}" if keys else folder
            self._write(f"{place}/{table}.parquet", content, sizes)
            if keys:
                located = {**storage, "Location": f"s3://{self.bucket}/{place}"}
                glue.create_partition(
                    DatabaseName=database,
                    TableName=table,
                    PartitionInput={"Values": [value], "StorageDescriptor": located},
                )
        return sizes

    def _write(self, key: str, content: pa.Table, sizes: dict[str, int]) -> None:
        file = io.BytesIO()
        pq.write_table(content, file, compression="zstd")
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=file.getvalue())
        metadata = pq.read_metadata(io.BytesIO(file.getvalue()))
        for group, position in itertools.product(range(metadata.num_row_groups), range(metadata.num_columns)):
            chunk = metadata.row_group(group).column(position)
            sizes[chunk.path_in_schema] = sizes.get(chunk.path_in_schema, 0) + chunk.total_compressed_size


def _hive_type(kind: Any) -> str:
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_list(kind):
        return f"array<{_hive_type(kind.value_type)}>"
    return _HIVE[str(kind)]
