"""Schedules from anybody: read or refused in bounded time, whatever they say."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alisio.contract.deployments import ScheduleSpec
from alisio_server.errors import InvalidInputError
from alisio_server.orchestration.scheduling.occurrences import latest_due, occurrences, validate_rule

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SECONDS = 60.0
"""How long any one schedule may take; the worst that was seen takes 1.3 s."""

NUMBERS = st.integers(-400, 10_001).map(str)
NUMBER_LISTS = st.lists(NUMBERS, min_size=1, max_size=6).map(",".join)
DAYS = st.lists(st.sampled_from(["MO", "TU", "5SU", "-1FR", "54MO", "999MO", "XX"]), min_size=1, max_size=3).map(
    ",".join
)
PARTS = st.one_of(
    st.tuples(
        st.sampled_from(
            ["BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYHOUR", "BYMINUTE", "BYSECOND", "BYSETPOS"]
        ),
        NUMBER_LISTS,
    ),
    st.tuples(st.just("BYDAY"), DAYS),
    st.tuples(st.sampled_from(["INTERVAL", "COUNT", "WKST", "UNTIL"]), NUMBERS | st.sampled_from(["MO", "20300101"])),
)
RULES = st.builds(
    lambda start, frequency, parts: f"{start}FREQ={frequency};" + ";".join(f"{name}={value}" for name, value in parts),
    st.sampled_from(["", "DTSTART:19700101T000000\n", "DTSTART;TZID=Asia/Kolkata:20260131T093000\nRRULE:"]),
    st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]),
    st.lists(PARTS, max_size=4, unique_by=lambda part: part[0]),
)
FIELDS = st.text("0123456789*/,-#L?WMONFEB", min_size=1, max_size=6)
CRONS = st.lists(FIELDS, min_size=4, max_size=6).map(" ".join) | st.text(max_size=20)
ZONES = st.sampled_from(["UTC", "Europe/Madrid", "Pacific/Apia", "../../etc/passwd", "/etc/passwd", "a\0b", "."])
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC))


def work_out(**rule: object) -> None:
    """Do with a schedule what the server does with it, within the time that it has."""
    began = time.monotonic()
    try:
        spec = ScheduleSpec.model_validate(rule)
        validate_rule(spec, NOW)
        times = list(islice(occurrences(spec, NOW), 20))
        assert sorted(set(times)) == times
        latest_due(spec, NOW - timedelta(days=366), NOW)
    except InvalidInputError as refusal:
        assert 1 == len(refusal.message.splitlines())
    except ValidationError:
        pass  # the route answers 422 to it
    assert SECONDS > time.monotonic() - began


@settings(deadline=None, max_examples=150)
@given(rule=RULES, zone=ZONES)
def test_recurrence_rules(rule: str, zone: str) -> None:
    """A recurrence rule gives its times or is refused."""
    work_out(rrule=rule, timezone=zone)


@settings(deadline=None, max_examples=300)
@given(line=CRONS, zone=ZONES)
def test_cron_lines(line: str, zone: str) -> None:
    """A cron line gives its times or is refused."""
    work_out(cron=line, timezone=zone)


@settings(deadline=None, max_examples=200)
@given(seconds=st.floats() | st.integers(), anchor=st.none() | INSTANTS, zone=ZONES)
def test_intervals(seconds: float, anchor: datetime | None, zone: str) -> None:
    """An interval gives its times or is refused, wherever it is counted from."""
    work_out(interval_seconds=seconds, anchor=anchor, timezone=zone)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=MONTHLY;BYDAY=54MO",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MINUTELY;INTERVAL=9973;BYMINUTE=1;BYHOUR=1;BYDAY=MO;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE="
        + ",".join(map(str, range(60))) + ";BYSECOND=" + ",".join(map(str, range(60))),
        "FREQ=DAILY;BYDAY=" + "MO," * 600 + "MO",
    ],
    ids=["no such week", "no such day", "hardly ever", "every second of a day", "the same day often"],
)  # fmt: skip
def test_known_attacks(rule: str) -> None:
    """Rules that are known to keep readers of RFC 5545 busy are worked out, or refused, in time."""
    work_out(rrule=rule)
