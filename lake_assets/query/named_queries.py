"""The example queries as named queries of the Athena workgroup, where the console offers them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lake_assets.aws import Aws, told_plainly
from lake_assets.catalog.glue_tables import database_name
from lake_assets.query.dialect import in_databases
from lake_assets.query.examples import example_queries

_LONGEST_DESCRIPTION = 1024


@dataclass(frozen=True)
class NamedQuery:
    """One query as Athena keeps it. The name begins with the deployment's, by which what is ours is known."""

    name: str
    description: str
    database: str
    sql: str


@dataclass(frozen=True)
class Deployed:
    """Names of the queries that a deployment changed; those that were as they must be are in none of them."""

    created: tuple[str, ...]
    updated: tuple[str, ...]
    deleted: tuple[str, ...]


def named_queries(name: str) -> list[NamedQuery]:
    """Every example query, for the deployment `name`."""
    return [
        NamedQuery(
            name=f"{name}/{example.name}",
            description=f"{example.title}: {example.question} How to read: {example.reading}"[:_LONGEST_DESCRIPTION],
            database=database_name(name, "gold"),
            sql=in_databases(example.sql, name),
        )
        for example in example_queries().values()
    ]


def deploy_named_queries(aws: Aws, name: str) -> Deployed:
    """Make the workgroup's named queries those of this version. Queries of other names, which users saved, stay."""
    athena = aws.client("athena")
    wanted = {query.name: query for query in named_queries(name)}
    with told_plainly(f"deploy the named queries of the workgroup {name}"):
        there = {query["Name"]: query for query in _there(athena, name) if query["Name"].startswith(f"{name}/")}
        created = [query for key, query in wanted.items() if key not in there]
        updated = [query for key, query in wanted.items() if key in there and _differs(query, there[key])]
        deleted = [key for key in there if key not in wanted]
        for query in created:
            athena.create_named_query(
                Name=query.name,
                Description=query.description,
                Database=query.database,
                QueryString=query.sql,
                WorkGroup=name,
            )
        for query in updated:
            athena.update_named_query(
                NamedQueryId=there[query.name]["NamedQueryId"],
                Name=query.name,
                Description=query.description,
                QueryString=query.sql,
            )
        for key in deleted:
            athena.delete_named_query(NamedQueryId=there[key]["NamedQueryId"])
    return Deployed(tuple(query.name for query in created), tuple(query.name for query in updated), tuple(deleted))


def _there(athena: Any, group: str) -> Iterator[dict[str, Any]]:
    for page in athena.get_paginator("list_named_queries").paginate(WorkGroup=group):
        for query_id in page["NamedQueryIds"]:
            yield athena.get_named_query(NamedQueryId=query_id)["NamedQuery"]


def _differs(wanted: NamedQuery, found: dict[str, Any]) -> bool:
    return (wanted.sql, wanted.description) != (found["QueryString"], found.get("Description"))
