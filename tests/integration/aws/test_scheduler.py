"""Timers as entries of EventBridge Scheduler."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import boto3
import pytest

from alisio.contract.ids import new_id
from alisio_server.adapters.aws.scheduler import EntryTarget, SchedulerTimers, open_timers
from alisio_server.ports import Timer
from tests.integration.aws.conftest import ROLE_ARN, TICK_ARN, Stage, client_of_nothing

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_scheduler.type_defs import GetScheduleOutputTypeDef

AT = datetime(2040, 5, 4, 12, 0, tzinfo=UTC)
TIMER = Timer("nightly-0190", new_id(), "cron-1f0c2b9a", AT)


def timers_of(stage: Stage) -> SchedulerTimers:
    """Open the timers of a stage."""
    return open_timers(EntryTarget(stage.group, TICK_ARN, ROLE_ARN))


def entry_of(stage: Stage, name: str = TIMER.name) -> GetScheduleOutputTypeDef:
    """Read an entry."""
    client: EventBridgeSchedulerClient = boto3.client("scheduler")
    return client.get_schedule(GroupName=stage.group, Name=name)


def names(stage: Stage) -> list[str]:
    """List the entries of a stage."""
    client: EventBridgeSchedulerClient = boto3.client("scheduler")
    return [entry["Name"] for entry in client.list_schedules(GroupName=stage.group)["Schedules"]]


def test_an_entry_calls_the_tick_once(stage: Stage) -> None:
    """It fires at the time, in UTC, and tells the tick function which schedule it is of; it stays when it has fired."""
    timers_of(stage).arm(TIMER)
    entry = entry_of(stage)
    assert ("at(2040-05-04T12:00:00)", "OFF") == (entry["ScheduleExpression"], entry["FlexibleTimeWindow"]["Mode"])
    assert ("UTC", "NONE") == (entry["ScheduleExpressionTimezone"], entry["ActionAfterCompletion"])
    assert (TICK_ARN, ROLE_ARN) == (entry["Target"]["Arn"], entry["Target"]["RoleArn"])
    expected = {
        "source": "schedule",
        "deployment_id": str(TIMER.deployment_id),
        "slug": TIMER.slug,
        "timer": TIMER.name,
    }
    assert expected == json.loads(entry["Target"]["Input"])


def test_arming_again_moves_the_entry(stage: Stage) -> None:
    """There is one entry of a name, for the time that was given last, whatever zone it was given in."""
    timers = timers_of(stage)
    timers.arm(TIMER)
    later = (AT + timedelta(hours=3)).astimezone(timezone(timedelta(hours=-4)))
    timers.arm(Timer(TIMER.name, TIMER.deployment_id, TIMER.slug, later))
    assert ("at(2040-05-04T15:00:00)", [TIMER.name]) == (entry_of(stage)["ScheduleExpression"], names(stage))


def test_an_entry_that_another_tick_makes_meanwhile_is_changed(moto: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ticks that arm the same timer at once leave one entry, and neither of them fails."""
    client: EventBridgeSchedulerClient = boto3.client("scheduler")
    timers = SchedulerTimers(client, EntryTarget(moto.group, TICK_ARN, ROLE_ARN))
    update, first = client.update_schedule, True

    def meanwhile_made(**entry: object) -> object:
        nonlocal first
        if first:
            first = False
            timers_of(moto).arm(TIMER)
            raise client.exceptions.ResourceNotFoundException({"Error": {"Code": "ResourceNotFoundException"}}, "")
        return update(**entry)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "update_schedule", meanwhile_made)
    timers.arm(Timer(TIMER.name, TIMER.deployment_id, TIMER.slug, AT + timedelta(hours=1)))
    assert ("at(2040-05-04T13:00:00)", [TIMER.name]) == (entry_of(moto)["ScheduleExpression"], names(moto))


def test_disarming_removes_the_entry(stage: Stage) -> None:
    """The entry is gone; removing one that is not there is no error."""
    timers = timers_of(stage)
    timers.arm(TIMER)
    timers.disarm(TIMER.name)
    timers.disarm(TIMER.name)
    assert [] == names(stage)


def test_a_group_that_is_not_there_is_an_os_error(emulated: Stage) -> None:
    """What the scheduler refuses is said as the port promises, with its reason."""
    timers = open_timers(EntryTarget("not-there", TICK_ARN, ROLE_ARN))
    with pytest.raises(OSError, match=r"EventBridge Scheduler refuses: .*ResourceNotFoundException"):
        timers.arm(TIMER)


def test_a_scheduler_that_is_away_is_an_os_error() -> None:
    """While nothing answers, every call says so as the port promises."""
    timers = SchedulerTimers(client_of_nothing("scheduler"), EntryTarget("group", TICK_ARN, ROLE_ARN))
    with pytest.raises(OSError, match="EventBridge Scheduler cannot be used"):
        timers.disarm(TIMER.name)


def test_a_scheduler_that_is_away_is_left_alone_for_a_while() -> None:
    """After one call that did not reach it others fail at once, with its reason; then it is tried again."""
    client = client_of_nothing("scheduler")
    timers = SchedulerTimers(client, EntryTarget("group", TICK_ARN, ROLE_ARN))
    calls: list[object] = []
    client.meta.events.register("before-send.scheduler", lambda **call: calls.append(call))
    for _ in range(3):
        with pytest.raises(OSError, match="EventBridge Scheduler cannot be used"):
            timers.arm(TIMER)
    assert 1 == len(calls)
    timers._reach._rests_until = 0.0
    with pytest.raises(OSError, match="EventBridge Scheduler cannot be used"):
        timers.arm(TIMER)
    assert 2 == len(calls)
