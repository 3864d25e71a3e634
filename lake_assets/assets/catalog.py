"""Catalog assets: each layer as somebody finds it who does not know the contract, checked against the contract.

On AWS a Glue crawler looks, locally the footers of the Parquet files tell. They change nothing of the lake, and no run but
their own includes them: a crawl takes minutes and is billed for ten at least.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

import dagster as dg

from lake_assets.assets.metadata import OWNERS
from lake_assets.assets.retries import attempt
from lake_assets.contract.layers import LAKE_TABLES, Layer
from lake_assets.lake.lake import Lake
from lake_assets.settings import Settings

if TYPE_CHECKING:
    from lake_assets.catalog.discovery import Discovery
    from lake_assets.catalog.drift import Difference

GROUP = "catalog"
CHECK = "matches_contract"
_PARTITIONS_SHOWN = 20


def catalog_key(layer: Layer) -> dg.AssetKey:
    return dg.AssetKey([GROUP, layer])


def catalog_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """`catalog/bronze`, `catalog/silver` and `catalog/gold`, without partitions: a discovery looks at all there is."""
    return [_catalog_asset(layer, settings) for layer in get_args(Layer)]


def _catalog_asset(layer: Layer, settings: Settings) -> dg.AssetsDefinition:
    by = "a Glue crawler" if settings.environment == "aws" else "Parquet footers"

    @dg.asset(
        key=catalog_key(layer),
        deps=[dg.AssetKey([table.layer, table.name]) for table in LAKE_TABLES if table.layer == layer],
        group_name=GROUP,
        kinds={"glue"} if settings.environment == "aws" else {"parquet"},
        owners=OWNERS,
        tags={"layer": layer},
        description=f"The tables of {layer} as found by {by}, and how they differ from the contract.",
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=catalog_key(layer),
                description=f"Every table, column, type and partition of {layer} is found as the contract and the ledger say.",
            )
        ],
    )
    def discover(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        # Here, because boto3 and pyarrow are not needed for loading the definitions.
        from lake_assets.catalog.discovery import discover_layer

        with attempt(context):
            found = discover_layer(Lake(settings), layer)
        yield dg.MaterializeResult(metadata=metadata(found, settings), check_results=[check(found)])

    return discover


def metadata(found: "Discovery", settings: Settings) -> Mapping[str, Any]:
    told: dict[str, Any] = {
        "tables": len(found.tables),
        "partitions": sum(table.partitions for table in found.tables),
        "differences": len(found.differences),
        "objects_read": found.objects,
        "found": dg.MetadataValue.md(_summary(found)),
    }
    if found.crawl:
        told |= {"crawler": found.crawl.crawler, "crawl_seconds": round(found.crawl.seconds, 1)}
        told |= {"log": f"{found.crawl.log_group} {found.crawl.log_stream}"}
        if found.crawl.dpu_hours is not None:
            cost = found.crawl.dpu_hours * settings.prices.glue_dpu_hour
            told |= {"dpu_hours": found.crawl.dpu_hours, "cost_usd": round(cost, 4)}
    return told


def check(found: "Discovery") -> dg.AssetCheckResult:
    """Passed when nothing differs; an error when readers may get wrong answers or none."""
    serious = any(each.serious for each in found.differences)
    tables = sorted({each.table for each in found.differences})
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not found.differences,
        severity=dg.AssetCheckSeverity.ERROR if serious else dg.AssetCheckSeverity.WARN,
        description=f"drift in {', '.join(tables)}"
        if tables
        else f"{len(found.tables)} tables are as the contract says",
        metadata={
            "differences": len(found.differences),
            "drift": dg.MetadataValue.md(drift_markdown(found.differences) if found.differences else "none"),
        },
    )


def drift_markdown(differences: Sequence["Difference"]) -> str:
    """A line per difference: table, kind, column or object, expected, found, partitions."""
    lines = ["| table | what | where | expected | found | partitions |", "|---|---|---|---|---|---|"]
    for each in differences:
        shown = ", ".join(each.partitions[:_PARTITIONS_SHOWN])
        more = len(each.partitions) - _PARTITIONS_SHOWN
        cells = (
            each.table,
            each.kind.replace("_", " "),
            each.subject,
            each.expected,
            each.found,
            f"{shown} and {more} more" if more > 0 else shown,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)


def _summary(found: "Discovery") -> str:
    lines = ["| table | columns | partitions | differences |", "|---|---|---|---|"]
    lines += [
        f"| {each.table} | {each.columns} | {each.partitions} | {len(each.differences)} |" for each in found.tables
    ]
    return "\n".join(lines)
