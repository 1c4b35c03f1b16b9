"""`python accepting_ministack.py TYPE…`: ministack, with more resource types in its CloudFormation that do nothing.

It is run by ministack's own Python, which has nothing of ours.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ministack.app import main
from ministack.services.cloudformation import provisioners

Properties = Mapping[str, Any]
Made = tuple[str, dict[str, str]]

_GIVEN_BY = {
    "AWS::EC2::EIP": ("AllocationId",),
    "AWS::RDS::DBProxy": ("DBProxyArn", "Endpoint"),
}
"""The attributes of such resources that templates ask for."""
_ALARM = "AWS::CloudWatch::Alarm"
_handlers = provisioners._RESOURCE_HANDLERS
_create_alarm = _handlers[_ALARM]["create"]


def accept(kind: str) -> None:
    """Have CloudFormation take resources of a type for made, changed and deleted."""

    def create(logical_id: str, _properties: Properties, stack_name: str) -> Made:
        physical_id = f"{stack_name}-{logical_id}"
        return physical_id, dict.fromkeys(_GIVEN_BY.get(kind, ()), physical_id)

    _handlers[kind] = {"create": create, "delete": lambda *_: None}


def create_alarm(logical_id: str, properties: Properties, stack_name: str) -> Made:
    """Make an alarm; one on several metrics, which ministack cannot compute, is made on the first of them."""
    if "Metrics" in properties:
        first = next(query["MetricStat"]["Metric"] for query in properties["Metrics"] if "MetricStat" in query)
        properties = {name: value for name, value in properties.items() if name != "Metrics"} | first
    made: Made = _create_alarm(logical_id, properties, stack_name)
    return made


if __name__ == "__main__":
    for name in sys.argv[1:]:
        accept(name)
    _handlers[_ALARM]["create"] = create_alarm
    sys.argv = sys.argv[:1]
    sys.exit(main())
