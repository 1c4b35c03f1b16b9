"""Instants as whole numbers, for where JSON is to hold them: in the history of task runs, and in cursors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(instant: datetime) -> int:
    """Count the microseconds from 1970 to an aware datetime."""
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """Give the instant, in UTC, that is so many microseconds after 1970.

    Raises:
        OverflowError: No datetime is that far away.
    """
    return _EPOCH + timedelta(microseconds=microseconds)
