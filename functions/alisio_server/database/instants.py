"""Instants as whole numbers: microseconds where JSON is to hold them, and hours where runs are counted by them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = timedelta(hours=1)


def to_microseconds(instant: datetime) -> int:
    """Count the microseconds from 1970 to an aware datetime."""
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """Give the instant, in UTC, that is so many microseconds after 1970.

    Raises:
        OverflowError: No datetime is that far away.
    """
    return _EPOCH + timedelta(microseconds=microseconds)


def to_hour(instant: datetime) -> int:
    """Count the hours from 1970 to the one in which an instant lies."""
    return (instant - _EPOCH) // _HOUR


def from_hour(hour: int) -> datetime:
    """Give the instant at which an hour since 1970 begins.

    Raises:
        OverflowError: No datetime is that far away.
    """
    return _EPOCH + hour * _HOUR
