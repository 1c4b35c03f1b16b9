"""What a deployment has, in a line for people: its schedules and its flow's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alisio.cli.rendering import json_line, local_time
from alisio.deployments.durations import format_duration

if TYPE_CHECKING:
    from alisio.contract.deployments import Schedule


def schedule_line(schedule: Schedule) -> str:
    """Say when a schedule is due: `cron 0 * * * * (Europe/Madrid), next 2026-03-01 10:00:00 [cron-57eef48c]`."""
    if schedule.cron is not None:
        rule = f"cron {schedule.cron}"
    elif schedule.interval_seconds is not None:
        rule = f"every {format_duration(schedule.interval_seconds)}"
    elif schedule.rrule is not None:
        rule = f"rrule {' '.join(schedule.rrule.split())}"
    else:
        rule = f"at {local_time(schedule.at)}"
    due = f"next {local_time(schedule.next_due)}" if schedule.active else "paused"
    given = f", with {json_line(schedule.parameters)}" if schedule.parameters else ""
    overlap = "" if schedule.overlap == "allow" else f", overlap {schedule.overlap}"
    return f"{rule} ({schedule.timezone}), {due}{given}{overlap} [{schedule.slug}]"


def parameter_lines(schema: dict[str, Any]) -> list[str]:
    """Say what parameters a JSON Schema describes, one a line: `year: integer or null = 2014`."""
    required = schema.get("required", [])
    return [
        f"{name}: {_type_of(told)}"
        + (f" = {json_line(told['default'])}" if "default" in told else "")
        + (" (required)" if name in required else "")
        for name, told in schema.get("properties", {}).items()
        if isinstance(told, dict)
    ]


def _type_of(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "anything"
    if "anyOf" in schema:
        return " or ".join(_type_of(choice) for choice in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " or ".join(json_line(choice) for choice in schema["enum"])
    if schema.get("type") == "array" and "items" in schema:
        return f"array of {_type_of(schema['items'])}"
    return str(schema.get("type", "anything"))
