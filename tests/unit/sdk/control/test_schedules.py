"""Schedules and the options of deployments in Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from alisio.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from alisio.contract.deployments import ScheduleSpec
from alisio.deployments.failures import ProjectError
from alisio.deployments.options import plan_of
from alisio.schedules import Cron, Interval, RRule, Schedule

DAY = datetime(2026, 1, 1, tzinfo=UTC)
CRON = {"cron": "0 9 * * *"}


@pytest.mark.parametrize(
    ("said", "specs"),
    [
        ({}, None),
        ({"cron": "0 9 * * *"}, [CRON]),
        ({"cron": ["0 9 * * *", "0 10 * * *"]}, [CRON, {"cron": "0 10 * * *"}]),
        ({"interval": 60}, [{"interval_seconds": 60}]),
        ({"interval": timedelta(hours=1)}, [{"interval_seconds": 3_600}]),
        ({"rrule": "FREQ=DAILY", "timezone": "Asia/Tokyo"}, [{"rrule": "FREQ=DAILY", "timezone": "Asia/Tokyo"}]),
        ({"schedule": Cron("0 9 * * *", timezone="UTC")}, [CRON]),
        ({"schedules": []}, []),
        (
            {"schedules": [Interval(90, anchor_date=DAY), RRule("FREQ=DAILY", slug="r", active=False)]},
            [{"interval_seconds": 90, "anchor": DAY}, {"rrule": "FREQ=DAILY", "slug": "r", "active": False}],
        ),
        ({"schedules": [{**CRON, "parameters": {"a": 1}}]}, [{**CRON, "parameters": {"a": 1}}]),
        ({"schedules": [ScheduleSpec(**CRON)]}, [CRON]),
        ({"schedules": [CronSchedule(**CRON), RRuleSchedule(rrule="FREQ=DAILY")]}, [CRON, {"rrule": "FREQ=DAILY"}]),
        (
            {"schedules": [IntervalSchedule(interval=timedelta(hours=1), anchor_date=DAY)]},
            [{"interval_seconds": 3_600, "anchor": DAY}],
        ),
        ({"schedule": Schedule(cron="0 9 * * *", overlap="skip")}, [{**CRON, "overlap": "skip"}]),
    ],
)
def test_schedules_are_said_in_many_ways(said: dict[str, Any], specs: list[dict[str, Any]] | None) -> None:
    """Each comes to the same description; without any the deployment keeps what it has."""
    expected = None if specs is None else [ScheduleSpec.model_validate(spec) for spec in specs]
    assert expected == plan_of("d", "p", said).schedules


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"cron": "0 9 * * *", "interval": 3}, "give one of cron and interval, not both"),
        ({"timezone": "UTC"}, "timezone goes with cron"),
        ({"schedule": Cron("0 9 * * *"), "timezone": "UTC"}, "timezone goes with cron"),
        ({"interval": 0.5}, "cannot be used"),
        ({"schedules": ["0 9 * * *"]}, "use Cron, Interval or RRule"),
        ({"schedules": [{"cron": "* * * * *", "interval": 3}]}, "exactly one of cron, interval and rrule"),
    ],
)
def test_schedules_that_cannot_be_used_are_refused(said: dict[str, Any], why: str) -> None:
    """The line says which, and why."""
    with pytest.raises(ProjectError, match=why):
        plan_of("d", "p", said)


def test_a_schedule_is_checked_where_it_is_made() -> None:
    """Before anything is deployed."""
    with pytest.raises(ValueError, match="exactly one of cron, interval and rrule, not none"):
        Schedule()
    with pytest.raises(ValueError, match="day_or=False is not there"):
        Cron("* * 1 * 1", day_or=False)


def test_limits_are_a_number_or_more() -> None:
    """What `ConcurrencyLimitConfig` holds is said to the API."""
    assert {"concurrency_limit": 2} == plan_of("d", "p", {"concurrency_limit": 2}).limits
    config = SimpleNamespace(limit=2, collision_strategy="CANCEL_NEW", grace_period_seconds=None)
    assert {"concurrency_limit": 2, "collision_strategy": "CANCEL_NEW"} == plan_of(
        "d", "p", {"concurrency_limit": config}
    ).limits
    with pytest.raises(ValueError, match="concurrency_limit must be a number or a ConcurrencyLimitConfig"):
        plan_of("d", "p", {"concurrency_limit": True})
