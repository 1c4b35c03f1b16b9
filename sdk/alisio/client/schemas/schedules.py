"""Schedules by the names that older code has for them; `alisio.schedules` has `Cron`, `Interval` and `RRule`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

__all__ = ["CronSchedule", "IntervalSchedule", "RRuleSchedule"]


@dataclass(frozen=True, kw_only=True)
class CronSchedule:
    """A cron line; see `alisio.schedules.Schedule`."""

    cron: str
    timezone: str | None = None
    day_or: bool = True


@dataclass(frozen=True, kw_only=True)
class IntervalSchedule:
    """A timedelta or seconds between runs; see `alisio.schedules.Schedule`."""

    interval: timedelta | float
    anchor_date: datetime | None = None
    timezone: str | None = None


@dataclass(frozen=True, kw_only=True)
class RRuleSchedule:
    """A recurrence rule of RFC 5545; see `alisio.schedules.Schedule`."""

    rrule: str
    timezone: str | None = None
