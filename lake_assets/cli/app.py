"""The verbs of the command line. Each reads the settings, calls the code that does the work, and shows what it did."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lake_assets import __version__
from lake_assets.cli.console import output, progress
from lake_assets.settings import load_settings

app = typer.Typer(
    help="A medallion data lake (bronze, silver, gold) of the 24 TPC-DS tables as partitioned Dagster assets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"


class NestedFormat(StrEnum):
    table = "table"
    json = "json"


def _show_version(wanted: bool) -> None:
    if wanted:
        output.print(__version__)
        raise typer.Exit


@app.callback()
def lake_assets(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Settings are environment variables: LAKE_ROOT, LAKE_SOURCE, LAKE_ENGINE (sail or spark) and others."""


@app.command()
def sample(
    scale: Annotated[float, typer.Option(min=0.01, help="TPC-DS scale factor; 1 is about 1 GB of raw text.")] = 0.01,
    source: Annotated[Path | None, typer.Option(help="Folder to write to; default: LAKE_SOURCE.")] = None,
) -> None:
    """Make TPC-DS source files, gzip text as in the public bucket, one folder per table."""
    from lake_assets.contract.tables import TABLES
    from lake_assets.lake.sample import make_sample

    target = (source or load_settings().local_source).expanduser().absolute()
    with progress() as bars:
        bar = bars.add_task(f"Tables at scale {scale:g}", total=len(TABLES), doing="generating")
        made = make_sample(scale, target, lambda name: bars.update(bar, advance=1, doing=name))
        bars.update(bar, completed=len(TABLES), doing="")
    files = list(target.rglob("*.gz"))
    told = "Wrote" if made else "Already there:"
    output.print(f"{told} {len(files)} files of {len(TABLES)} tables at scale {scale:g} in {target}", soft_wrap=True)
    output.print("Derived from TPC-DS; results are not comparable with published TPC results.")


@app.command()
def run(
    months: Annotated[
        str | None, typer.Option(help="Only these months, e.g. 2000-01..2000-12, 2001-05 or undated; default: all.")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(help="Only these assets: a Dagster selection, e.g. 'group:silver' or 'key:silver/item'."),
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build also what is up to date.")] = False,
) -> None:
    """Find new source files, ingest them, and refresh what depends on them. Does nothing when nothing is new."""
    from lake_assets.cli.run import run_lake

    run_lake(load_settings(), months, only, lambda _, __: rebuild)


@app.command()
def query(
    sql: Annotated[str | None, typer.Argument(help="One SQL statement; tables are named layer.table.")] = None,
    *,
    example: Annotated[str | None, typer.Option(help="Ask an example query by its name instead.")] = None,
    examples: Annotated[bool, typer.Option("--examples", help="List the example queries on gold.")] = False,
    deploy: Annotated[
        bool, typer.Option("--deploy", help="On AWS: keep the example queries in the workgroup, for Athena's console.")
    ] = False,
    format: Annotated[Format, typer.Option(help="How to print the rows.")] = Format.table,
    reuse: Annotated[
        int, typer.Option(min=0, max=10080, help="On AWS: take a result of the same query that is so many minutes old.")
    ] = 0,
) -> None:
    """Ask the lake: DuckDB answers about a local one, Athena about one on AWS."""
    from lake_assets.cli.show import show_example, show_examples, show_result
    from lake_assets.query.engine import ask, deploy_examples
    from lake_assets.query.examples import example_queries, example_query

    if [sql is not None, example is not None, examples, deploy].count(True) != 1:
        raise typer.BadParameter("give one of these: an SQL statement, --example NAME, --examples, --deploy.")
    if sql is not None:
        show_result(ask(load_settings(), sql, reuse), format.value)
    elif example is not None:
        asked = example_query(example)
        show_example(asked, ask(load_settings(), asked.sql, reuse), format.value)
    elif deploy:
        done = deploy_examples(load_settings())
        told = f"{len(done.created)} created, {len(done.updated)} updated, {len(done.deleted)} deleted"
        output.print(f"Named queries of the workgroup: {told}")
    else:
        show_examples(example_queries().values(), format.value)


quarantine = typer.Typer(help="Rows and lines that were taken out because they break a rule.", no_args_is_help=True)
app.add_typer(quarantine, name="quarantine")
DeepOption = Annotated[
    bool, typer.Option("--deep", help="Read every object and compare its checksum, not only its size.")
]
TableOption = Annotated[str | None, typer.Option("--table", help="Only this source table, e.g. store_sales.")]


@quarantine.command("list")
def list_quarantine(
    table: TableOption = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule, e.g. foreign_key__ss_item_sk.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only rows of this batch, e.g. batch-000001.")] = None,
    format: Annotated[Format, typer.Option(help="How to print the counts.")] = Format.table,
) -> None:
    """Count the rows in quarantine by table, partition, batch and rule."""
    from lake_assets.cli.quarantine import show_quarantine

    show_quarantine(load_settings(), table, rule, batch, format.value)


@quarantine.command("replay")
def replay_quarantine(table: TableOption = None) -> None:
    """Build the partitions with rows in quarantine anew, after the data or a rule was corrected.

    New and corrected files are taken in first, as by `lake-assets run`. Rows that now pass move to silver.
    """
    from lake_assets.cli.quarantine import replay

    replay(load_settings(), table)


@app.command()
def profile(
    table: Annotated[str, typer.Argument(help="layer.table, or a table's name: then silver, else gold, else bronze.")],
    format: Annotated[NestedFormat, typer.Option(help="How to print the profile.")] = NestedFormat.table,
) -> None:
    """Show what every column of a table holds, and propose rules that its contract lacks."""
    from lake_assets.cli.profile import show_profile
    from lake_assets.query.engine import local_root
    from lake_assets.query.profile import profile_table

    show_profile(profile_table(local_root(load_settings(), "The profile"), table), format.value)


@app.command()
def verify(
    table: Annotated[str | None, typer.Argument(help="Only this gold table; default: all of them.")] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every object and compare its checksum, not only its size.")
    ] = False,
    format: Annotated[NestedFormat, typer.Option(help="How to print what was found.")] = NestedFormat.table,
) -> None:
    """Recompute from the published data what must hold of the gold tables, also across them; compare storage and catalog
    with the ledger. Ends with 1 when something does not hold."""
    from lake_assets.cli.verify import verify_lake
    from lake_assets.lake.lake import Lake

    verify_lake(Lake(load_settings()), table, format.value, deep=deep)


@app.command()
def repair(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what differs; change nothing.")] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every object and compare its checksum, not only its size.")
    ] = False,
) -> None:
    """Mend the catalog, mark partitions with missing or altered objects to be built anew, remove what dead runs left.

    Objects that the lake did not write are shown and never removed.
    """
    from lake_assets.cli.drift import show_repair
    from lake_assets.lake.lake import Lake

    show_repair(Lake(load_settings()), dry_run=dry_run, deep=deep)


class CostBy(StrEnum):
    run = "run"
    table = "table"


@app.command()
def cost(
    runs: Annotated[int, typer.Option(min=1, help="How many of the latest runs to look at.")] = 20,
    by: Annotated[CostBy, typer.Option(help="What to sum by.")] = CostBy.run,
    format: Annotated[Format, typer.Option(help="How to print; for programs each table of each run.")] = Format.table,
) -> None:
    """Show what the latest runs cost, by run or by table: published bytes, engine time, Glue's DPU seconds, money."""
    from lake_assets.cli.cost import costs, show_costs
    from lake_assets.cli.run import dagster_instance

    with dagster_instance() as instance:
        found = costs(instance, runs)
    show_costs(found, by.value, format.value)


@app.command()
def status() -> None:
    """Show every table, whether every source row is accounted for, and which rules are broken since when."""
    from lake_assets.cli.show import show_status
    from lake_assets.lake.lake import Lake

    lake = Lake(load_settings())
    show_status(lake)


@app.command()
def doctor() -> None:
    """Look at everything that a run needs: settings, credentials, source, lake, disk, engine. Ends with 1 when one lacks."""
    from lake_assets.cli.doctor import doctor as look

    if not look():
        raise typer.Exit(1)
