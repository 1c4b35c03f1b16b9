"""When schedules fall due: cron, interval, recurrence rule or one-off, in time zones. Pure: no database, no clock."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from alisio_server.errors import InvalidInputError
from alisio_server.orchestration.scheduling.recurrence import read_rrule
from alisio_server.orchestration.scheduling.wall_time import load_zone, to_instants, wall_start

_DAY = timedelta(days=1)
_CRON_FIELDS = 5
_LOOK_BACK = (timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=366))
_SLUG_DIGITS = 8


class Rule(Protocol):
    """What says when a schedule falls due: a `ScheduleSpec`, a `Schedule`, or a row of the table `schedule`."""

    cron: str | None
    interval_seconds: float | None
    anchor: datetime | None
    rrule: str | None
    at: datetime | None
    timezone: str


def occurrences(rule: Rule, after: datetime) -> Iterator[datetime]:
    """Work out when a schedule falls due.

    Args:
        rule: The schedule.
        after: An instant.

    Yields:
        Instants later than `after`, in UTC, ascending; without end where the rule has none.

    Raises:
        InvalidInputError: The rule cannot be read.
    """
    zone = load_zone(rule.timezone)
    if rule.cron is not None:
        times = _cron(rule.cron, after, zone)
    elif rule.interval_seconds is not None:
        times = _interval(timedelta(seconds=rule.interval_seconds), rule.anchor, after, zone)
    elif rule.rrule is not None:
        recurrence = read_rrule(rule.rrule, rule.timezone)
        walls = recurrence.walls(wall_start(after, zone))
        times = to_instants(walls, zone, every_real_hour=recurrence.every_real_hour)
    else:
        times = iter([] if rule.at is None else [rule.at.astimezone(UTC)])
    return (time for time in times if time > after)


def next_due(rule: Rule, after: datetime) -> datetime | None:
    """Work out when a schedule falls due next.

    Args:
        rule: The schedule.
        after: An instant.

    Returns:
        The first instant later than `after`; None where there is none.

    Raises:
        InvalidInputError: The rule cannot be read.
    """
    return next(occurrences(rule, after), None)


def latest_due(rule: Rule, after: datetime, until: datetime) -> datetime | None:
    """Work out when a schedule fell due last.

    Args:
        rule: The schedule.
        after: Only times later than this count.
        until: Only times up to this one count.

    Returns:
        The instant; None where there is none between the two.
    """
    # A dense rule is found in a small window, a sparse one has few times in a large one.
    for window in (*_LOOK_BACK, until - after):
        begin = max(after, until - window)
        last = deque(takewhile(lambda time: time <= until, occurrences(rule, begin)), maxlen=1)
        if last or begin == after:
            return last[0] if last else None
    return None


def validate_rule(rule: Rule, after: datetime) -> None:
    """See to it that a schedule can be read and is not one that never falls due.

    Args:
        rule: The schedule.
        after: An instant; a cron line must fall due after it.

    Raises:
        InvalidInputError: Its rule or time zone cannot be used; `field` is the name of the one at fault.
    """
    first = next_due(rule, after)
    if rule.cron is not None and first is None:
        raise _bad_cron(rule.cron, "it never falls due")


def slug_of(rule: Rule) -> str:
    """Name a schedule after its rule, so that a redeploy finds it again.

    Args:
        rule: The schedule.

    Returns:
        A slug such as `cron-1f0c2b9a`; the same rule always gives the same one.
    """
    kinds = {"cron": rule.cron, "interval": rule.interval_seconds, "rrule": rule.rrule, "at": rule.at}
    kind, value = next((kind, value) for kind, value in kinds.items() if value is not None)
    digest = hashlib.sha256(repr((kind, str(value), str(rule.anchor), rule.timezone)).encode()).hexdigest()
    return f"{kind}-{digest[:_SLUG_DIGITS]}"


def _cron(line: str, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    fields = line.split()
    if len(fields) != _CRON_FIELDS:
        raise _bad_cron(line, f"it has {len(fields)} fields, not five: minute hour day month weekday")
    try:
        walls = CronSim(line, wall_start(after, zone))
    except (CronSimError, ValueError, OverflowError) as error:
        raise _bad_cron(line, str(error).lower()) from error
    return to_instants(walls, zone, every_real_hour=fields[1].startswith("*"))


def _bad_cron(line: str, why: str) -> InvalidInputError:
    return InvalidInputError(f"the cron line {line!r} cannot be used: {why}", field="cron")


def _interval(interval: timedelta, anchor: datetime | None, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    start = anchor or datetime(1970, 1, 1, tzinfo=zone)
    if interval % _DAY:
        return _steps(start.astimezone(UTC), interval, after.astimezone(UTC))
    wall = start.astimezone(zone).replace(tzinfo=None)
    return to_instants(_steps(wall, interval, wall_start(after, zone)), zone, every_real_hour=False)


def _steps(start: datetime, interval: timedelta, since: datetime) -> Iterator[datetime]:
    time = start + (since - start) // interval * interval
    while True:
        yield time
        try:
            time += interval
        except OverflowError:
            return
