"""From the wall clock of a time zone to instants, also where the clock is set forward or back."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alisio_server.errors import InvalidInputError

_BEGIN = datetime.min.replace(tzinfo=UTC)


def load_zone(name: str) -> ZoneInfo:
    """Find a time zone.

    Args:
        name: An IANA name, such as `Europe/Madrid`.

    Returns:
        The zone.

    Raises:
        InvalidInputError: There is none by that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"there is no time zone {name!r}: give an IANA name such as Europe/Madrid"
        raise InvalidInputError(message, field="timezone") from error


def wall_start(after: datetime, zone: ZoneInfo) -> datetime:
    """Say from which wall time on to look for instants later than `after`.

    Args:
        after: An instant.
        zone: The time zone.

    Returns:
        A naive datetime: what the clock showed at `after`, or, within a time that occurs twice, its begin.
    """
    local = after.astimezone(zone)
    first, second = (local.replace(fold=fold).utcoffset() or timedelta(0) for fold in (0, 1))
    repeated = max(first - second, timedelta(0))
    return local.replace(tzinfo=None) - repeated


def to_instants(walls: Iterable[datetime], zone: ZoneInfo, *, every_real_hour: bool) -> Iterator[datetime]:
    """Turn wall times into instants.

    Args:
        walls: Naive datetimes, ascending.
        zone: The time zone.
        every_real_hour: Whether they stand for the flow of real time, as the minutes of every hour do: then
            times that the clock skips do not occur, and those that it shows twice occur twice. Else a skipped
            one falls on the end of the gap, and a repeated one on its first occurrence.

    Yields:
        Instants in UTC, ascending, none of them twice.
    """
    waiting: list[datetime] = []
    last = _BEGIN
    for wall in walls:
        meanings = _meanings(wall, zone, every_real_hour)
        for instant in meanings:
            heapq.heappush(waiting, instant)
        # No later wall time means an instant before the first that this one means.
        while meanings and waiting and waiting[0] <= meanings[0]:
            instant = heapq.heappop(waiting)
            if instant > last:
                yield instant
            last = instant
    yield from sorted(instant for instant in waiting if instant > last)


def _meanings(wall: datetime, zone: ZoneInfo, every_real_hour: bool) -> list[datetime]:
    by_old_offset = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    by_new_offset = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if by_old_offset <= by_new_offset:
        both = every_real_hour and by_old_offset < by_new_offset
        return [by_old_offset, by_new_offset] if both else [by_old_offset]
    # The clock is set forward over it, somewhere between the two.
    return [] if every_real_hour else [_end_of_gap(by_new_offset, by_old_offset, zone)]


def _end_of_gap(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """Find the instant between two, to the second, from which the clock of a zone goes as it does at `high`."""
    offset = high.astimezone(zone).utcoffset()
    first, beyond = int(low.timestamp()), int(high.timestamp())
    while beyond - first > 1:
        middle = (first + beyond) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            beyond = middle
        else:
            first = middle
    return datetime.fromtimestamp(beyond, UTC)
