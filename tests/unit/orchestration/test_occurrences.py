"""When schedules fall due, also on the days on which the clocks change."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alisio.contract.deployments import CatchUp, ScheduleSpec
from alisio_server.errors import InvalidInputError
from alisio_server.orchestration.scheduling.materialise import plan
from alisio_server.orchestration.scheduling.occurrences import (
    latest_due,
    next_due,
    occurrences,
    slug_of,
    validate_rule,
)

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MADRID, NEW_YORK = "Europe/Madrid", "America/New_York"
# The evening before each change of the clocks: Madrid at 1:00 UTC, New York at 2:00 of its own.
FORWARD = {MADRID: datetime(2026, 3, 28, 22, tzinfo=UTC), NEW_YORK: datetime(2026, 3, 8, 4, tzinfo=UTC)}
BACK = {MADRID: datetime(2026, 10, 24, 21, tzinfo=UTC), NEW_YORK: datetime(2026, 11, 1, 3, tzinfo=UTC)}


def wall_times(spec: ScheduleSpec, after: datetime, count: int) -> list[str]:
    """Show the next times as the clocks of the schedule's zone do, with their offset in hours."""
    zone = ZoneInfo(spec.timezone)
    local = [time.astimezone(zone) for time in islice(occurrences(spec, after), count)]
    return [f"{time:%d %H:%M}{(time.utcoffset() or timedelta(0)) / timedelta(hours=1):+g}" for time in local]


# --- the clocks go forward, and back

DAILY = [
    ScheduleSpec(cron="30 2 * * *", timezone=MADRID),
    ScheduleSpec(rrule="FREQ=DAILY;BYHOUR=2;BYMINUTE=30", timezone=MADRID),
    ScheduleSpec(interval_seconds=86_400, anchor=datetime(2026, 1, 1, 2, 30, tzinfo=ZoneInfo(MADRID)), timezone=MADRID),
]


@pytest.mark.parametrize("spec", DAILY, ids=["cron", "rrule", "interval"])
def test_a_skipped_time_runs_at_the_end_of_the_gap(spec: ScheduleSpec) -> None:
    """On the night on which 2:30 does not exist a daily 2:30 runs at 3:00."""
    assert ["29 03:00+2", "30 02:30+2"] == wall_times(spec, FORWARD[MADRID], 2)


@pytest.mark.parametrize("spec", DAILY, ids=["cron", "rrule", "interval"])
def test_a_repeated_time_runs_once(spec: ScheduleSpec) -> None:
    """On the night on which 2:30 comes twice a daily 2:30 runs at the first one."""
    assert ["25 02:30+2", "26 02:30+1"] == wall_times(spec, BACK[MADRID], 2)


def test_a_repeated_time_runs_once_in_new_york() -> None:
    """The same holds where the clocks change at another hour."""
    spec = ScheduleSpec(cron="30 1 * * *", timezone=NEW_YORK)
    assert ["01 01:30-4", "02 01:30-5"] == wall_times(spec, BACK[NEW_YORK], 2)
    spec = ScheduleSpec(cron="30 2 * * *", timezone=NEW_YORK)
    assert ["08 03:00-4", "09 02:30-4"] == wall_times(spec, FORWARD[NEW_YORK], 2)


def test_a_time_passed_does_not_come_again() -> None:
    """Asked within the repeated hour, a daily time that was at its first passage is tomorrow's."""
    spec = ScheduleSpec(cron="30 2 * * *", timezone=MADRID)
    second_passage = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    assert ["26 02:30+1"] == wall_times(spec, second_passage, 1)


def test_several_skipped_times_are_one() -> None:
    """All that fell into the gap runs once, at its end."""
    spec = ScheduleSpec(cron="*/15 2 * * *", timezone=MADRID)
    assert ["29 03:00+2", "30 02:00+2"] == wall_times(spec, FORWARD[MADRID], 2)


@pytest.mark.parametrize(
    "rule", [{"cron": "0 * * * *"}, {"rrule": "FREQ=HOURLY"}, {"interval_seconds": 3_600}], ids=str
)
def test_every_real_hour_has_its_run(rule: dict[str, object]) -> None:
    """Hours that are not named run as they pass: 2:00 twice when the clocks go back, not at all when forward."""
    spec = ScheduleSpec.model_validate({**rule, "timezone": MADRID})
    at_one = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)
    assert ["25 02:00+2", "25 02:00+1", "25 03:00+1"] == wall_times(spec, at_one, 3)
    at_one = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    assert ["29 03:00+2", "29 04:00+2"] == wall_times(spec, at_one, 2)


def test_minutes_of_the_repeated_hour_come_in_their_order() -> None:
    """Through the repeated hour every half hour runs in the order in which it passes."""
    spec = ScheduleSpec(cron="*/30 * * * *", timezone=MADRID)
    expected = ["25 02:00+2", "25 02:30+2", "25 02:00+1", "25 02:30+1", "25 03:00+1"]
    assert expected == wall_times(spec, datetime(2026, 10, 24, 23, 45, tzinfo=UTC), 5)
    assert expected[2:] == wall_times(spec, datetime(2026, 10, 25, 0, 59, tzinfo=UTC), 3)


# --- rules


def test_intervals_count_from_their_anchor() -> None:
    """An interval goes by its anchor, before and after it, and by real time."""
    spec = ScheduleSpec(interval_seconds=2.5, anchor=NOON + timedelta(seconds=1))
    assert [1.0, 3.5, 6.0] == [(time - NOON).total_seconds() for time in islice(occurrences(spec, NOON), 3)]


def test_a_one_off_is_due_once() -> None:
    """A single instant is due until it has passed."""
    spec = ScheduleSpec(at=NOON)
    assert NOON == next_due(spec, NOON - timedelta(seconds=1))
    assert next_due(spec, NOON) is None


@pytest.mark.parametrize(
    ("rrule", "expected"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9", ["08 09:00+0", "11 09:00+0"]),
        ("RRULE:FREQ=MONTHLY;BYDAY=2TU;BYHOUR=8", ["12 08:00+0", "09 08:00+0"]),
        ("DTSTART:20260504T100000\nRRULE:FREQ=DAILY;COUNT=3", ["05 10:00+0", "06 10:00+0"]),
        ("DTSTART;TZID=Europe/Madrid:20260501T100000\nRRULE:FREQ=DAILY", ["05 08:00+0", "06 08:00+0"]),
        ("FREQ=DAILY;UNTIL=20260505", ["05 00:00+0"]),
        ("DTSTART:20260427T070000\nRRULE:FREQ=WEEKLY;INTERVAL=2", ["11 07:00+0", "25 07:00+0"]),
        ("DTSTART:20100101T000700\nRRULE:FREQ=MINUTELY;INTERVAL=10", ["04 12:07+0", "04 12:17+0"]),
    ],
)
def test_recurrence_rules(rrule: str, expected: list[str]) -> None:
    """Rules of RFC 5545 fall due as they say, from their DTSTART and up to their UNTIL or COUNT."""
    assert expected == wall_times(ScheduleSpec(rrule=rrule), NOON, 2)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 9 * * 1-5", ["05 09:00+0", "06 09:00+0"]),
        ("0 0 1,15 * *", ["15 00:00+0", "01 00:00+0"]),
        ("0 0 13 * 5", ["08 00:00+0", "13 00:00+0"]),
        ("*/20 12 * * *", ["04 12:20+0", "04 12:40+0"]),
        ("0 0 29 2 *", ["29 00:00+0", "29 00:00+0"]),
    ],
)
def test_cron_lines(cron: str, expected: list[str]) -> None:
    """Five fields are read as Vixie cron reads them; a day of the month and one of the week are an "or"."""
    assert expected == wall_times(ScheduleSpec(cron=cron), NOON, 2)


@pytest.mark.parametrize(
    ("rule", "field", "why"),
    [
        ({"cron": "* * * *"}, "cron", "4 fields"),
        ({"cron": "0 0 9 * * *"}, "cron", "6 fields"),
        ({"cron": "@daily"}, "cron", "1 fields"),
        ({"cron": "99 * * * *"}, "cron", "bad minute"),
        ({"cron": "0 0 30 2 *"}, "cron", "bad day-of-month"),
        ({"cron": "0 0 * * *", "timezone": "Madrid"}, "timezone", "Europe/Madrid"),
        ({"cron": "0 0 * * *", "timezone": "../../etc/passwd"}, "timezone", "no time zone"),
        ({"rrule": "FREQ=SECONDLY"}, "rrule", "for seconds use an interval"),
        ({"rrule": "INTERVAL=2"}, "rrule", "FREQ is one of"),
        ({"rrule": "FREQ=DAILY;COUNT=3"}, "rrule", "COUNT needs a DTSTART"),
        ({"rrule": "DTSTART:20260101T000000\nRRULE:FREQ=DAILY;COUNT=9999999"}, "rrule", "from 1 to 10,000"),
        ({"rrule": "FREQ=DAILY;INTERVAL=0"}, "rrule", "from 1 to"),
        ({"rrule": "FREQ=DAILY;BYDAY=XX"}, "rrule", "BYDAY"),
        ({"rrule": "FREQ=DAILY;BYHOUR=25"}, "rrule", "hour"),
        ({"rrule": "FREQ=DAILY;UNTIL=tomorrow"}, "rrule", "UNTIL is a date"),
        ({"rrule": "DTSTART:20260230\nRRULE:FREQ=DAILY"}, "rrule", "is no date"),
        ({"rrule": "DTSTART:00010101\nRRULE:FREQ=DAILY"}, "rrule", "between 1970 and 2200"),
        ({"rrule": "RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY"}, "rrule", "more than one rule"),
        ({"rrule": "RRULE:FREQ=DAILY\nEXDATE:20260505"}, "rrule", "'EXDATE' is not understood"),
        ({"rrule": "nonsense"}, "rrule", "not NAME=VALUE"),
        ({"rrule": "DTSTART:20260505"}, "rrule", "no rule in it"),
    ],
)
def test_bad_rules_are_refused(rule: dict[str, object], field: str, why: str) -> None:
    """What cannot be used is refused in one line that names the field."""
    with pytest.raises(InvalidInputError, match=why) as caught:
        validate_rule(ScheduleSpec.model_validate(rule), NOON)
    assert field == caught.value.field
    assert 1 == len(caught.value.message.splitlines())


@pytest.mark.parametrize(
    "rrule",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MINUTELY;INTERVAL=7;BYHOUR=3;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYWEEKNO=60",
        "FREQ=MINUTELY;BYSETPOS=9",
    ],
)
def test_hostile_rules_are_refused_in_bounded_time(rrule: str) -> None:
    """A rule that never falls due is found out before long, not looked for for ever."""
    began = time.monotonic()
    with pytest.raises(InvalidInputError):
        validate_rule(ScheduleSpec(rrule=rrule), NOON)
    assert time.monotonic() - began < 60


def test_a_rule_that_is_over_is_no_error() -> None:
    """A schedule whose UNTIL has passed can be deployed again; it is just not due any more."""
    spec = ScheduleSpec(rrule="FREQ=DAILY;UNTIL=20250101")
    validate_rule(spec, NOON)
    assert next_due(spec, NOON) is None


def test_the_latest_time_is_found() -> None:
    """Of a dense and of a sparse schedule the last time up to an instant is found."""
    year = timedelta(days=365)
    assert NOON == latest_due(ScheduleSpec(interval_seconds=1), NOON - year, NOON)
    first_of_january = datetime(2026, 1, 1, tzinfo=UTC)
    assert first_of_january == latest_due(ScheduleSpec(cron="0 0 1 1 *"), NOON - 2 * year, NOON)
    assert latest_due(ScheduleSpec(cron="0 0 1 1 *"), first_of_january, NOON) is None


def test_slugs_tell_rules_apart() -> None:
    """A slug comes from the rule and its zone alone, whatever else the schedule says."""
    plain = ScheduleSpec(cron="0 9 * * *")
    assert slug_of(plain) == slug_of(plain.model_copy(update={"parameters": {"a": 1}, "active": False}))
    others = [
        ScheduleSpec(cron="0 9 * * *", timezone=MADRID),
        ScheduleSpec(cron="0 8 * * *"),
        ScheduleSpec(interval_seconds=60),
        ScheduleSpec(at=NOON),
        ScheduleSpec(rrule="FREQ=DAILY"),
    ]
    assert 6 == len({slug_of(spec) for spec in [plain, *others]})


RULES = st.sampled_from(
    [
        {"cron": "*/7 * * * *"},
        {"cron": "30 2 * * *"},
        {"cron": "15 */2 * * *"},
        {"interval_seconds": 5_400},
        {"interval_seconds": 172_800},
        {"rrule": "FREQ=HOURLY;INTERVAL=5"},
        {"rrule": "FREQ=WEEKLY;BYDAY=SU;BYHOUR=1,2,3;BYMINUTE=30"},
    ]
)
ZONES = st.sampled_from([MADRID, NEW_YORK, "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))


@given(RULES, ZONES, INSTANTS)
def test_times_ascend_and_are_the_same_wherever_one_asks(rule: dict[str, object], zone: str, after: datetime) -> None:
    """Times come in order, none twice; asked from any of them, the rest is the same."""
    spec = ScheduleSpec.model_validate({**rule, "timezone": zone})
    times = list(islice(occurrences(spec, after), 8))
    assert after < times[0]
    assert all(early < late for early, late in pairwise(times))
    assert times[4:] == list(islice(occurrences(spec, times[3]), 4))
    between = times[3] + (times[4] - times[3]) / 2
    assert times[4:] == list(islice(occurrences(spec, between), 4))


# --- which of them get runs


def test_the_plan_goes_to_the_horizon() -> None:
    """Without anything missed, the times of the next 15 minutes are planned, and the watermark moves there."""
    spec = ScheduleSpec(interval_seconds=300)
    times, watermark = plan(spec, CatchUp.LATEST, NOON, NOON, 100)
    assert [5, 10, 15] == [(time - NOON) / timedelta(minutes=1) for time in times]
    assert NOON + timedelta(minutes=15) == watermark


def test_the_plan_stops_where_the_room_does() -> None:
    """With room for two the watermark moves only to the second, so the rest is planned later."""
    spec = ScheduleSpec(interval_seconds=60)
    times, watermark = plan(spec, CatchUp.LATEST, NOON, NOON, 2)
    assert (2, times[-1]) == (len(times), watermark)
    assert NOON == plan(spec, CatchUp.LATEST, NOON, NOON, 0)[1]


@given(st.sampled_from(CatchUp), st.integers(0, 20_000), st.integers(0, 100))
def test_the_watermark_never_goes_back(catch_up: CatchUp, behind: int, room: int) -> None:
    """However it is planned, no time is planned twice and none is passed over that is still to come."""
    spec = ScheduleSpec(interval_seconds=60)
    watermark = NOON - timedelta(seconds=behind)
    times, moved = plan(spec, catch_up, watermark, NOON, room)
    assert watermark <= moved
    assert all(watermark < time <= moved for time in times)
    ahead = [time for time in islice(occurrences(spec, NOON), 15) if time <= moved]
    assert ahead == [time for time in times if time > NOON]
