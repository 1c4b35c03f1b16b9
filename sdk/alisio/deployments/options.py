"""The options that deployments take in Python, declared once, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

if TYPE_CHECKING:
    from alisio.contract.deployments import ScheduleSpec
    from alisio.deployments.deploying import Plan
    from alisio.schedules import Schedule

    AnySchedule: TypeAlias = "Schedule | ScheduleSpec | Mapping[str, Any]"
    Interval: TypeAlias = "float | timedelta"


class DeploymentOptions(TypedDict, total=False):
    """What `deploy`, `to_deployment` and `serve` take besides. An option that is None is one that was not given.

    Attributes:
        interval: Seconds or a timedelta between runs; or several of them.
        cron: A cron line, or several.
        rrule: A recurrence rule of RFC 5545, or several.
        schedule: One `alisio.schedules.Schedule`, as `Cron`, `Interval` and `RRule` make them.
        schedules: The whole list of them; an empty one takes all schedules away. Without any of these five the
            deployment keeps those that it has.
        timezone: An IANA name, for `cron`, `interval` and `rrule`.
        overlap: What becomes of their runs while an earlier one has not ended: `allow`, `skip`, `queue` or
            `cancel_older`.
        paused: Whether its schedules wait until it is resumed; without it, as it was.
        parameters: Defaults for its runs.
        tags: Laid on its runs.
        version: By default the flow's.
        description: For people; by default the flow's.
        enforce_parameter_schema: Whether runs whose parameters do not fit are refused; they are by default.
        job_variables: Laid over the pool's.
        work_queue_name: The queue within the pool; `default` by default.
        concurrency_limit: How many of its runs are executed at once: a number or a `ConcurrencyLimitConfig`.
    """

    interval: Interval | Iterable[Interval] | None
    cron: str | Iterable[str] | None
    rrule: str | Iterable[str] | None
    schedule: AnySchedule | None
    schedules: Sequence[AnySchedule] | None
    timezone: str | None
    overlap: str | None
    paused: bool | None
    parameters: Mapping[str, Any] | None
    tags: Sequence[str] | None
    version: str | None
    description: str | None
    enforce_parameter_schema: bool | None
    job_variables: Mapping[str, Any] | None
    work_queue_name: str | None
    concurrency_limit: Any


_KNOWN = frozenset(DeploymentOptions.__annotations__)
_IGNORED = frozenset({"entrypoint_type", "version_type", "_sla"})
"""Options that choose among ways of which there is one here."""

_NOT_THERE = {
    "triggers": "automations are not there: have a schedule, or call run_deployment, start its runs",
    "image": "agents run flows in processes: leave it out",
}


def plan_of(name: str, work_pool_name: str, options: Mapping[str, Any]) -> Plan:
    """Make a plan of the options.

    Args:
        name: The deployment's.
        work_pool_name: Whose agents run it.
        options: See `DeploymentOptions`.

    Raises:
        TypeError: There is no such option.
        ValueError: An option cannot be used; it is named.
        ProjectError: A schedule cannot be used.
    """
    from alisio.context import checked_tags
    from alisio.deployments.deploying import Plan

    given = {option: value for option, value in options.items() if value is not None and option not in _IGNORED}
    for option, why in _NOT_THERE.items():
        if given.pop(option, None):
            raise ValueError(f"deployment {name!r}: {option} cannot be used: {why}")
    if unknown := sorted(given.keys() - _KNOWN - _NOT_THERE.keys()):
        raise TypeError(f"deployment {name!r}: there is no option {unknown[0]!r}")
    schedules = schedules_of(given)
    return Plan(
        name=name,
        work_pool_name=work_pool_name,
        work_queue_name=given.get("work_queue_name", "default"),
        parameters=dict(given.get("parameters", {})),
        tags=sorted(checked_tags(given.get("tags", ()))),
        job_variables=dict(given.get("job_variables", {})),
        schedules=schedules,
        description=given.get("description"),
        version=given.get("version"),
        enforce_parameter_schema=given.get("enforce_parameter_schema", True),
        limits=_limits_of(name, given.get("concurrency_limit")),
        paused=given.get("paused"),
    )


def schedules_of(given: Mapping[str, Any]) -> list[ScheduleSpec] | None:
    """Make the schedules that the options say.

    Args:
        given: Those that are not None.

    Returns:
        The schedules; None where nothing is said of any.

    Raises:
        ProjectError: Two things are said at once, or one of them cannot be used.
    """
    from alisio.deployments.failures import ProjectError

    kinds = [kind for kind in ("schedules", "schedule", "cron", "interval", "rrule") if kind in given]
    further = {name: given[name] for name in ("timezone", "overlap") if name in given}
    if len(kinds) > 1:
        raise ProjectError(f"give one of {' and '.join(kinds)}, not both; several schedules go into schedules=[…]")
    if further and (not kinds or kinds[0] in ("schedules", "schedule")):
        raise ProjectError(f"{next(iter(further))} goes with cron, interval or rrule")
    if not kinds:
        return None
    kind, value = kinds[0], given[kinds[0]]
    if kind == "schedules":
        return [_spec(each) for each in value]
    if kind == "schedule":
        return [_spec(value)]
    several = [value] if isinstance(value, str | int | float | timedelta) else list(value)
    return [_spec({kind: each, **further}) for each in several]


def _spec(said: Any) -> ScheduleSpec:
    from pydantic import ValidationError

    from alisio.contract.deployments import ScheduleSpec
    from alisio.deployments.failures import ProjectError, reason_of
    from alisio.schedules import Schedule

    if isinstance(said, ScheduleSpec):
        return said
    try:
        if isinstance(said, Mapping):
            said = Schedule(**said)
        elif not hasattr(said, "to_spec"):
            said = Schedule(**_fields_of(said))
        spec: ScheduleSpec = said.to_spec()
    except ValidationError as error:
        raise ProjectError(f"the schedule cannot be used: {reason_of(error)}") from error
    except (TypeError, ValueError) as error:
        raise ProjectError(f"the schedule {said!r} cannot be used: {error}") from error
    return spec


def _fields_of(said: Any) -> dict[str, Any]:
    """Read a schedule of another kind, such as those of `alisio.client.schemas.schedules`."""
    names = ("interval", "cron", "rrule", "timezone", "anchor_date", "day_or")
    fields = {name: getattr(said, name) for name in names if getattr(said, name, None) is not None}
    if not fields:
        raise TypeError("use Cron, Interval or RRule of alisio.schedules")
    if "interval" not in fields:
        fields.pop("anchor_date", None)
    return fields


def _limits_of(name: str, limit: Any) -> dict[str, Any]:
    if limit is None:
        return {}
    if isinstance(limit, int) and not isinstance(limit, bool):
        return {"concurrency_limit": limit}
    count = getattr(limit, "limit", None)
    if count is None:
        raise ValueError(
            f"deployment {name!r}: concurrency_limit must be a number or a ConcurrencyLimitConfig, not {limit!r}"
        )
    parts = {name: getattr(limit, name, None) for name in ("collision_strategy", "grace_period_seconds")}
    return {"concurrency_limit": count, **{key: value for key, value in parts.items() if value is not None}}
