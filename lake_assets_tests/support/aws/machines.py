"""What plain moto lacks of EC2: detailed monitoring of an instance that is there already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses.monitoring import Monitoring

from lake_assets_tests.support.aws.patching import replaced


@contextmanager
def mended_machines() -> Iterator[None]:
    with replaced(Monitoring, monitor_instances=_monitor("enabled"), unmonitor_instances=_monitor("disabled")):
        yield


def _monitor(state: str) -> Any:
    def answer(response: Any) -> ActionResult:
        instances = [response.ec2_backend.get_instance(each) for each in response._get_param("InstanceIds", [])]
        for instance in instances:
            instance.monitoring_state = state
        told = [{"InstanceId": instance.id, "Monitoring": {"State": state}} for instance in instances]
        return ActionResult({"InstanceMonitorings": told})

    return answer
