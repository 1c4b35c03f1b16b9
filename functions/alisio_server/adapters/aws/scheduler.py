"""Timers as one-time entries of EventBridge Scheduler, each of which calls the tick function.

An entry stays when it has fired, so that arming it again is a change of it, and cannot meet its own removal.
Limits are those of the EventBridge Scheduler API reference (CreateSchedule): a precision of 60 s, never early.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from alisio_server.adapters.aws.calls import Reach, quick
from alisio_server.ports import Timer

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_scheduler.type_defs import CreateScheduleInputTypeDef

_SERVICE = "EventBridge Scheduler"
_MAX_AGE_SECONDS = 600
_RETRIES = 3


@dataclass(frozen=True)
class EntryTarget:
    """Where entries are, and what they call.

    Attributes:
        group: The group of the entries.
        function_arn: The tick function.
        role_arn: The role in which the scheduler calls it.
    """

    group: str
    function_arn: str
    role_arn: str


class SchedulerTimers:
    """The port `Timers` on EventBridge Scheduler. Any thread may call it.

    Args:
        client: Of the region of the group.
        target: Where entries are, and what they call.
    """

    def __init__(self, client: EventBridgeSchedulerClient, target: EntryTarget) -> None:
        self._client = client
        self._target = target
        self._reach = Reach(_SERVICE)

    def arm(self, timer: Timer) -> None:
        """Make an entry, or change the one of that name; see `Timers.arm`."""
        entry = self._entry(timer)
        with self._reach.tried():
            try:
                self._client.update_schedule(**entry)
            except self._client.exceptions.ResourceNotFoundException:
                self._create(entry)

    def disarm(self, name: str) -> None:
        """Delete an entry; see `Timers.disarm`."""
        with self._reach.tried(), suppress(self._client.exceptions.ResourceNotFoundException):
            self._client.delete_schedule(GroupName=self._target.group, Name=name)

    def _create(self, entry: CreateScheduleInputTypeDef) -> None:
        try:
            self._client.create_schedule(**entry)
        except self._client.exceptions.ConflictException:
            self._client.update_schedule(**entry)  # another tick has made it a moment ago

    def _entry(self, timer: Timer) -> CreateScheduleInputTypeDef:
        source = {
            "source": "schedule",
            "deployment_id": str(timer.deployment_id),
            "slug": timer.slug,
            "timer": timer.name,
        }
        return {
            "GroupName": self._target.group,
            "Name": timer.name,
            "Description": f"Alisio makes the next runs of the schedule {timer.slug}",
            "ScheduleExpression": f"at({timer.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "NONE",
            "Target": {
                "Arn": self._target.function_arn,
                "RoleArn": self._target.role_arn,
                "Input": json.dumps(source),
                "RetryPolicy": {"MaximumEventAgeInSeconds": _MAX_AGE_SECONDS, "MaximumRetryAttempts": _RETRIES},
            },
        }


def open_timers(target: EntryTarget) -> SchedulerTimers:
    """Open the entries of a group, with the region, credentials and endpoint that boto3 finds by itself."""
    import boto3

    return SchedulerTimers(boto3.client("scheduler", config=quick()), target)
