"""Schedules and parameters in a line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from alisio.cli.describing import parameter_lines, schedule_line
from alisio.cli.rendering import local_time
from alisio.contract.deployments import Schedule
from alisio.contract.ids import new_id

DUE = datetime(2026, 3, 1, 9, tzinfo=UTC)


def schedule(**said: Any) -> Schedule:
    """Make a stored schedule."""
    stored = {"id": new_id(), "deployment_id": new_id(), "slug": "s", "materialised_until": DUE, "next_due": DUE}
    return Schedule.model_validate(stored | said)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"cron": "0 * * * *", "timezone": "Europe/Madrid"}, "cron 0 * * * * (Europe/Madrid), next {due} [s]"),
        ({"interval_seconds": 5_400}, "every 1h30m (UTC), next {due} [s]"),
        ({"rrule": "DTSTART:20260101T000000\nRRULE:FREQ=DAILY"},
         "rrule DTSTART:20260101T000000 RRULE:FREQ=DAILY (UTC), next {due} [s]"),
        ({"interval_seconds": 60, "overlap": "skip"}, "every 1m (UTC), next {due}, overlap skip [s]"),
        ({"at": DUE, "next_due": None}, "at {due} (UTC), next - [s]"),
        ({"cron": "0 * * * *", "active": False, "parameters": {"n": 1}},
         'cron 0 * * * * (UTC), paused, with {{"n": 1}} [s]'),
    ],
)  # fmt: skip
def test_a_schedule_is_one_line(said: dict[str, Any], line: str) -> None:
    """It has the rule, the zone, when it is due next, and the slug."""
    assert line.format(due=local_time(DUE)) == schedule_line(schedule(**said))


def test_each_parameter_is_one_line() -> None:
    """It has the type and the default, or says that it must be given."""
    schema = {
        "properties": {
            "n": {"type": "integer"},
            "year": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
            "names": {"type": "array", "items": {"type": "string"}, "default": ["a"]},
            "model": {"$ref": "#/$defs/Model"},
            "kind": {"enum": ["a", 1]},
            "anything": {},
        },
        "required": ["n"],
    }

    assert [
        "n: integer (required)",
        "year: integer or null = null",
        'names: array of string = ["a"]',
        "model: Model",
        'kind: "a" or 1',
        "anything: anything",
    ] == parameter_lines(schema)
    assert [] == parameter_lines({})
