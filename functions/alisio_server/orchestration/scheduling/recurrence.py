"""Recurrence rules of RFC 5545, read as wall times and worked out in bounded time.

One RRULE with an optional DTSTART line is understood. What would let a hostile rule take for ever is refused, such
as rules of seconds (an interval says the same) and rules that never fall due.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from alisio_server.errors import InvalidInputError
from alisio_server.orchestration.scheduling.wall_time import load_zone

_DEFAULT_START = datetime(1970, 1, 1)
_MAX_COUNT = 10_000
_MAX_INTERVAL = 10_000
_CYCLES = 19 * 400
_STEPS = {
    "YEARLY": None,
    "MONTHLY": None,
    "WEEKLY": timedelta(weeks=1),
    "DAILY": timedelta(days=1),
    "HOURLY": timedelta(hours=1),
    "MINUTELY": timedelta(minutes=1),
}
_DENSE = ("HOURLY", "MINUTELY")
_DATE = re.compile(r"\d{8}(T\d{6}Z?)?")


@dataclass(frozen=True)
class Recurrence:
    """A rule that was read.

    dateutil looks for a next time up to the year 9999, some seconds for a rule without any. So rules are worked
    out 7,600 years ahead, where there is less to look through: the calendar repeats itself every 400 years, days
    of the week included.

    Attributes:
        rule: Without its COUNT and UNTIL, which are kept here; years ahead, as `start` and `until` are.
        start: The wall time at which it begins.
        step: What lies between its periods, where that is a fixed time.
        every_real_hour: It names no hours, but runs through the hours or minutes as they pass.
    """

    rule: rrule
    start: datetime
    step: timedelta | None
    count: int | None
    until: datetime | None
    every_real_hour: bool

    def walls(self, since: datetime) -> Iterator[datetime]:
        """Work out the wall times from one on.

        Args:
            since: A naive wall time.

        Yields:
            Naive wall times, ascending.
        """
        since = _ahead(since)
        start = self.start
        if self.count is None and self.step is not None and since > start:
            # Whole periods can be skipped: what the rule takes from its start stays the same.
            start += max(0, (since - start) // self.step - 1) * self.step
        for wall in islice(self.rule.replace(dtstart=start, until=self.until), self.count):
            if wall >= since:
                yield wall.replace(year=wall.year - _CYCLES)


def _ahead(wall: datetime) -> datetime:
    return wall.replace(year=wall.year + _CYCLES)


@lru_cache(maxsize=1_000)
def read_rrule(text: str, timezone: str) -> Recurrence:
    """Read a recurrence rule.

    Args:
        text: `FREQ=…` or `RRULE:FREQ=…`, with or without a DTSTART line before it.
        timezone: The IANA name of the zone whose wall clock it goes by.

    Returns:
        The rule.

    Raises:
        InvalidInputError: It cannot be read, or cannot be worked out in bounded time.
    """
    zone = load_zone(timezone)
    start, parts = _split(text, zone)
    count, until = _whole(parts, "COUNT", _MAX_COUNT), parts.pop("UNTIL", None)
    interval = _whole(parts, "INTERVAL", _MAX_INTERVAL) or 1
    frequency = parts.get("FREQ", "").upper()
    _check(frequency, parts)
    if count is not None and start is None:
        raise _refused("COUNT needs a DTSTART line to count from")
    begin = _ahead(start or _DEFAULT_START)
    step = _STEPS[frequency]
    return Recurrence(
        rule=_parse({**parts, "INTERVAL": str(interval)}, begin),
        start=begin,
        step=None if step is None else step * interval,
        count=count,
        until=None if until is None else _ahead(_wall(until, "", zone, "UNTIL")),
        every_real_hour=frequency in _DENSE and "BYHOUR" not in parts,
    )


def _check(frequency: str, parts: dict[str, str]) -> None:
    if frequency not in _STEPS:
        raise _refused(f"FREQ is one of {', '.join(_STEPS)}; for seconds use an interval")
    if "BYEASTER" in parts:
        raise _refused("BYEASTER is not part of RFC 5545")
    if frequency in _DENSE and "BYSETPOS" in parts:
        raise _refused("BYSETPOS goes with FREQ=DAILY and longer ones")


def _parse(parts: dict[str, str], start: datetime) -> rrule:
    line = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        rule = rrulestr(line, dtstart=start)
        never = next(iter(rule), None) is None
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise _refused(str(error) or "it does not fit RFC 5545") from error
    if never or not isinstance(rule, rrule):
        raise _refused("it never falls due")
    return rule


def _split(text: str, zone: ZoneInfo) -> tuple[datetime | None, dict[str, str]]:
    start: datetime | None = None
    parts: dict[str, str] | None = None
    for line in text.split():
        name, colon, value = line.rpartition(":")
        kind = name.upper().partition(";")[0]
        if kind == "DTSTART" and start is None:
            start = _wall(value, name.partition("TZID=")[2], zone, "DTSTART")
        elif kind == "RRULE" or not colon:
            if parts is not None:
                raise _refused("there is more than one rule")
            parts = dict(_pairs(value))
        else:
            raise _refused(f"{kind or line!r} is not understood: give one RRULE, with or without a DTSTART line")
    if parts is None:
        raise _refused("there is no rule in it")
    return start, parts


def _pairs(value: str) -> Iterator[tuple[str, str]]:
    for pair in filter(None, value.split(";")):
        name, equals, content = pair.partition("=")
        if not equals or not content:
            raise _refused(f"{pair!r} is not NAME=VALUE")
        yield name.upper(), content


def _whole(parts: dict[str, str], name: str, most: int) -> int | None:
    text = parts.pop(name, None)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:10]) <= most:
        raise _refused(f"{name} is a whole number from 1 to {most:,}")
    return int(text)


def _wall(text: str, named_zone: str, zone: ZoneInfo, what: str) -> datetime:
    if not _DATE.fullmatch(text):
        raise _refused(f"{what} is a date like 20250131, or a time like 20250131T093000")
    try:
        wall = datetime.strptime(text.removesuffix("Z"), "%Y%m%dT%H%M%S" if "T" in text else "%Y%m%d")
    except ValueError as error:
        raise _refused(f"{what} {text} is no date") from error
    if not 1970 <= wall.year <= 2200:
        raise _refused(f"{what} lies between 1970 and 2200")
    if what == "UNTIL" and "T" not in text:
        wall += timedelta(days=1, seconds=-1)
    source = UTC if text.endswith("Z") else load_zone(named_zone) if named_zone else None
    return wall if source is None else wall.replace(tzinfo=source).astimezone(zone).replace(tzinfo=None)


def _refused(why: str) -> InvalidInputError:
    return InvalidInputError(f"the recurrence rule cannot be used: {why}", field="rrule")
