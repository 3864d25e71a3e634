"""Discovery: what somebody who does not know the contract finds in a layer, compared with the contract.

On AWS a crawler discovers, and footers tell what it cannot see; locally the footers do it all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lake_assets.aws import Aws
from lake_assets.catalog.clients import glue_client
from lake_assets.catalog.crawlers import Crawl, Crawlers, configuration_differences, crawler_input
from lake_assets.catalog.drift import Difference, Field, Shape, compare, expected_shape
from lake_assets.catalog.footers import Discovered, Opener, discover, local_files
from lake_assets.catalog.tables import CatalogTable, Values, data_table, registered
from lake_assets.contract.layers import LAKE_TABLES, Layer
from lake_assets.errors import StorageError
from lake_assets.lake.lake import Lake
from lake_assets.location import S3Folder
from lake_assets.settings import Settings

_FOOTERS_AT_ONCE = 16


@dataclass(frozen=True)
class Found:
    """One table: how many columns and partitions were found, and how that differs from the contract."""

    table: str
    columns: int
    partitions: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Discovery:
    """What was found in a layer, table by table. `crawl` is None where footers were read only."""

    tables: tuple[Found, ...]
    differences: tuple[Difference, ...]
    objects: int
    crawl: Crawl | None = None


def discover_layer(lake: Lake, layer: Layer, crawlers: Crawlers | None = None) -> Discovery:
    """Discover a layer and compare; `crawlers` default to those of the settings. Raises `AwsError` when no crawl succeeds."""
    settings = lake.settings
    wanted = published_tables(lake, layer)
    files, root = _files(settings), settings.root
    by_footers = {table: discover(lake.store, root, files, table, _FOOTERS_AT_ONCE) for table in wanted}
    objects = sum(found.objects for found in by_footers.values())
    if not isinstance(root, S3Folder):
        return _compared(wanted, by_footers, {table: found.shape for table, found in by_footers.items()}, objects)
    crawlers = crawlers or Crawlers(glue_client(settings), settings.name)
    crawl = crawlers.crawl(layer)
    shapes = crawlers.discovered(layer)
    crawled = {table: shapes.pop(table.name, None) for table in wanted}
    told = _compared(wanted, by_footers, crawled, objects)
    setup = configuration_differences(crawler_input(settings.name, root, layer), crawlers.describe(layer))
    strange = (
        Difference(f"{layer}.{name}", "extra_table", found=shape.location or "")
        for name, shape in sorted(shapes.items())
    )
    return replace(told, differences=(*told.differences, *strange, *setup), crawl=crawl)


def published_tables(lake: Lake, layer: Layer) -> dict[CatalogTable, frozenset[Values]]:
    """The tables of a layer that have objects by the ledger, with their partitions."""
    found: dict[CatalogTable, frozenset[Values]] = {}
    for table in LAKE_TABLES:
        if table.layer == layer:
            entries = {name: versioned.entry for name, versioned in lake.ledger.entries(table).items()}
            partitions = registered(table, entries).get(data_table(table))
            if partitions:
                found[data_table(table)] = partitions
    return found


def _compared(
    wanted: Mapping[CatalogTable, frozenset[Values]],
    by_footers: Mapping[CatalogTable, Discovered],
    shapes: Mapping[CatalogTable, Shape | None],
    objects: int,
) -> Discovery:
    """`shapes` are what was discovered; where it says less than the footers, these are compared too."""
    tables: list[Found] = []
    for table, partitions in wanted.items():
        # Discovery knows no comment, and footers know no place.
        expected = _without_comments(expected_shape(table, "", partitions))
        seen, footers = shapes[table], by_footers[table]
        different = [*_located(table, expected, seen), *footers.problems]
        if seen is not footers.shape and footers.shape is not None:
            different += [one for one in compare(table.identifier, expected, footers.shape) if one not in different]
        count = len(seen.parts or ()) if seen else 0
        tables.append(Found(table.identifier, len(seen.fields) if seen else 0, count, tuple(different)))
    return Discovery(tuple(tables), tuple(one for found in tables for one in found.differences), objects)


def _located(table: CatalogTable, expected: Shape, seen: Shape | None) -> Iterator[Difference]:
    if seen is None:
        yield Difference(table.identifier, "missing_table")
        return
    anywhere = {values: replace(part, location=None) for values, part in (seen.parts or {}).items()}
    stripped = Shape(_names(seen.fields), _names(seen.keys), None, anywhere)
    yield from compare(table.identifier, expected, stripped)
    if seen.location is not None and not seen.location.rstrip("/").endswith(f"/{table.folder}"):
        yield Difference(table.identifier, "location", "", table.folder, seen.location)


def _without_comments(shape: Shape) -> Shape:
    return replace(shape, fields=_names(shape.fields), keys=_names(shape.keys))


def _names(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(Field(field.name, field.type) for field in fields)


def _files(settings: Settings) -> Opener:
    return s3_files(Aws(settings.region or None)) if isinstance(settings.root, S3Folder) else local_files()


def s3_files(aws: Aws) -> Opener:
    """A file system for footers on S3, with the credentials and the endpoint that the clients have."""
    import pyarrow.fs

    keys = aws.credentials()
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    scheme, _, host = endpoint.rpartition("://")
    options: dict[str, Any] = {"endpoint_override": host, "scheme": scheme or "https"} if endpoint else {}
    if keys is None:
        raise StorageError("Cannot read the footers of the lake: there are no AWS credentials.")
    return pyarrow.fs.S3FileSystem(
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        session_token=keys.token,
        region=aws.client("s3").meta.region_name,
        **options,
    )
