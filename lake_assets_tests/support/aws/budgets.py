"""What plain moto lacks of budgets: who is told of them, and their tags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.budgets.responses import BudgetsResponse

from lake_assets_tests.support.aws.patching import replaced

_create_budget = BudgetsResponse.create_budget


@contextmanager
def mended_budgets() -> Iterator[None]:
    with replaced(
        BudgetsResponse,
        create_budget=_create_tagged_budget,
        describe_subscribers_for_notification=_subscribers,
        list_tags_for_resource=_tags,
    ):
        yield


def _create_tagged_budget(response: Any) -> str:
    created = _create_budget(response)
    account, wanted = response._get_param("AccountId"), response._get_param("Budget")["BudgetName"]
    response.backend.budgets[account][wanted].tags = response._get_param("ResourceTags") or []
    return created


def _subscribers(response: Any) -> str:
    budgets = response.backend.budgets[response._get_param("AccountId")]
    wanted = response._get_param("Notification")
    notifications = budgets[response._get_param("BudgetName")].notifications
    found = [each.subscribers for each in notifications if each.details == wanted]
    return json.dumps({"Subscribers": found[0] if found else []})


def _tags(response: Any) -> str:
    """Of `arn:aws:budgets::ACCOUNT:budget/NAME`."""
    _, _, _, _, account, resource = response._get_param("ResourceARN").split(":", 5)
    return json.dumps({"ResourceTags": response.backend.budgets[account][resource.partition("/")[2]].tags})
