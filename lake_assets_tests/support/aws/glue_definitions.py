"""What plain moto lacks of Glue's definitions: changing a job or a crawler, connections, and data quality rulesets.

Without them Terraform can create these resources, but neither change nor delete them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.glue.exceptions import EntityNotFoundException, GlueClientError
from moto.glue.models import FakeConnection
from moto.glue.responses import GlueResponse

from lake_assets_tests.support.aws.patching import replaced, snake

_connection_as_dict = FakeConnection.as_dict


@contextmanager
def mended_definitions() -> Iterator[None]:
    with (
        replaced(
            GlueResponse,
            update_job=_update_job,
            update_crawler=_update_crawler,
            delete_connection=_delete_connection,
            create_data_quality_ruleset=_create_ruleset,
            get_data_quality_ruleset=_get_ruleset,
            update_data_quality_ruleset=_update_ruleset,
            delete_data_quality_ruleset=_delete_ruleset,
        ),
        replaced(FakeConnection, as_dict=_connection_with_type),
    ):
        yield


def _update_job(response: Any) -> ActionResult:
    job = response.glue_backend.get_job(response.parameters["JobName"])
    for name, value in response.parameters["JobUpdate"].items():
        setattr(job, snake(name), value)
    job.last_modified_on = utcnow()
    return ActionResult({"JobName": job.name})


def _update_crawler(response: Any) -> EmptyResult:
    crawler = response.glue_backend.get_crawler(response.parameters["Name"])
    for name, value in response.parameters.items():
        if name != "Name":
            setattr(crawler, snake(name), value)
    crawler.version += 1
    return EmptyResult()


def _delete_connection(response: Any) -> EmptyResult:
    response.glue_backend.connections.pop(response.parameters["ConnectionName"], None)
    return EmptyResult()


def _connection_with_type(connection: Any, hide_password: bool = False) -> dict[str, Any]:
    """moto keeps the type of a connection to itself, which Terraform takes for a change."""
    kind = connection.connection_input.get("ConnectionType")
    return {**_connection_as_dict(connection, hide_password), "ConnectionType": kind}


def _rulesets(response: Any) -> dict[str, dict[str, Any]]:
    """Of this account and region; on the backend, so that a reset of moto forgets them."""
    found: dict[str, dict[str, Any]] = vars(response.glue_backend).setdefault("_rulesets", {})
    return found


def _create_ruleset(response: Any) -> ActionResult:
    given = dict(response.parameters)
    tags = given.pop("Tags", None) or {}
    name = given["Name"]
    if name in _rulesets(response):
        raise GlueClientError("AlreadyExistsException", f"Ruleset {name} already exists")
    _rulesets(response)[name] = {**given, "CreatedOn": utcnow(), "LastModifiedOn": utcnow()}
    arn = f"arn:aws:glue:{response.region}:{response.current_account}:dataQualityRuleset/{name}"
    response.glue_backend.tag_resource(arn, tags)
    return ActionResult({"Name": name})


def _get_ruleset(response: Any) -> ActionResult:
    return ActionResult(_known_ruleset(response))


def _update_ruleset(response: Any) -> ActionResult:
    given = {name: value for name, value in response.parameters.items() if value is not None}
    _known_ruleset(response).update(given, LastModifiedOn=utcnow())
    return ActionResult({"Name": given["Name"]})


def _delete_ruleset(response: Any) -> EmptyResult:
    _rulesets(response).pop(response.parameters["Name"], None)
    return EmptyResult()


def _known_ruleset(response: Any) -> dict[str, Any]:
    name = response.parameters["Name"]
    if name not in _rulesets(response):
        raise EntityNotFoundException(f"Ruleset {name} not found")
    return _rulesets(response)[name]
