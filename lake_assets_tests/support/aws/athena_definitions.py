"""What plain moto lacks of Athena's definitions: named queries that change and go, and workgroups that change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.athena.responses import AthenaResponse

from lake_assets_tests.support.aws.patching import replaced

_get_named_query = AthenaResponse.get_named_query
_get_work_group = AthenaResponse.get_work_group


@contextmanager
def mended_athena_definitions() -> Iterator[None]:
    with replaced(
        AthenaResponse,
        get_named_query=_get_known_named_query,
        update_named_query=_update_named_query,
        delete_named_query=_delete_named_query,
        get_work_group=_get_known_work_group,
        update_work_group=_update_work_group,
    ):
        yield


def _get_known_named_query(response: Any) -> Any:
    return _get_named_query(response) if _named_query(response) else _no_named_query(response)


def _update_named_query(response: Any) -> Any:
    query = _named_query(response)
    if query is None:
        return _no_named_query(response)
    query.name, query.query_string = response._get_param("Name"), response._get_param("QueryString")
    query.description = response._get_param("Description") or query.description
    return "{}"


def _delete_named_query(response: Any) -> Any:
    if _named_query(response) is None:
        return _no_named_query(response)
    response.athena_backend.named_queries.pop(response._get_param("NamedQueryId"))
    return "{}"


def _named_query(response: Any) -> Any:
    return response.athena_backend.named_queries.get(response._get_param("NamedQueryId"))


def _no_named_query(response: Any) -> Any:
    return response.error(f"NamedQuery {response._get_param('NamedQueryId')} does not exist", 400)


def _get_known_work_group(response: Any) -> Any:
    """moto answers for a workgroup that there is not with nothing, and says that all is well."""
    if response.athena_backend.get_work_group(response._get_param("WorkGroup")) is None:
        return response.error("WorkGroup is not found.", 400)
    return _get_work_group(response)


def _update_work_group(response: Any) -> Any:
    group = response.athena_backend.work_groups.get(response._get_param("WorkGroup"))
    if group is None:
        return response.error("WorkGroup is not found.", 400)
    group.description = response._get_param("Description") or group.description
    group.state = response._get_param("State") or group.state
    for name, value in (response._get_param("ConfigurationUpdates") or {}).items():
        if name == "ResultConfigurationUpdates":
            kept = {key: each for key, each in value.items() if not key.startswith("Remove")}
            group.configuration.setdefault("ResultConfiguration", {}).update(kept)
        elif name == "RemoveBytesScannedCutoffPerQuery":
            group.configuration.pop("BytesScannedCutoffPerQuery", None)
        else:
            group.configuration[name] = value
    return "{}"
