"""What is known of the lake to those who query it: a DuckDB file of views for a local lake, the Glue Data Catalog on AWS."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lake_assets.catalog.drift import Difference
    from lake_assets.contract.layers import LakeTable, Layer
    from lake_assets.lake.lake import Lake


class Catalog(Protocol):
    """A catalog of the lake. It finds out by itself, from the ledger or the objects, what is published of a table."""

    def register(self, table: LakeTable) -> None:
        """Show a table as it is published now. Costs next to nothing when the catalog does so already."""

    def renew(self, tables: Iterable[LakeTable]) -> None:
        """Mend what differs of these tables."""

    def differences(self, tables: Iterable[LakeTable]) -> list[Difference]:
        """How the catalog differs from what it should show of these tables."""


def catalog_of(lake: Lake, layer: Layer | None = None) -> Catalog:
    """The catalog of a lake; on AWS with the rights of the role that publishes to `layer`, if the settings name one."""
    # Here, because boto3 and DuckDB are not needed for loading the definitions.
    settings = lake.settings
    if isinstance(settings.root, Path):
        from lake_assets.catalog.local import LocalCatalog

        return LocalCatalog(lake.store, settings.root)
    from lake_assets.catalog.clients import glue_client
    from lake_assets.catalog.glue import GlueCatalog

    return GlueCatalog(glue_client(settings, layer), settings.name, settings.root, lake.ledger)
