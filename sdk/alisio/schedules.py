"""When deployments run: `Cron`, `Interval`, `RRule`, and the `Schedule` that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alisio.contract.deployments import ScheduleSpec

__all__ = ["Cron", "Interval", "RRule", "Schedule"]


@dataclass(frozen=True)
class Schedule:
    """One schedule of a deployment. Exactly one of `cron`, `interval` and `rrule` is given.

    Attributes:
        interval: Between runs: a timedelta, or seconds.
        cron: Five fields, as Vixie cron reads them.
        rrule: A recurrence rule of RFC 5545.
        timezone: An IANA name; UTC where it is not given.
        anchor_date: From when intervals are counted.
        day_or: With both a day of the month and of the week, either is enough; it is always so here.
        active: Whether it makes runs.
        parameters: Laid over the deployment's for its runs.
        slug: Its name within the deployment; derived from the rule where it is not given.
        catch_up: Which times missed while no server ran get a run: `latest`, `none` or `all`.
        overlap: What becomes of a run that falls due while an earlier one has not ended: `allow`, `skip`, `queue` or
            `cancel_older`.

    Raises:
        ValueError: None, or more than one, of the three is given; or an option goes with none of them.
    """

    interval: timedelta | float | None = None
    cron: str | None = None
    rrule: str | None = None
    timezone: str | None = None
    anchor_date: datetime | None = None
    day_or: bool = True
    active: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)
    slug: str | None = None
    catch_up: str = "latest"
    overlap: str = "allow"

    def __post_init__(self) -> None:
        given = [name for name in ("cron", "interval", "rrule") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a schedule has exactly one of cron, interval and rrule, not {' and '.join(given) or 'none'}"
            )
        if not self.day_or:
            raise ValueError("day_or=False is not there: a cron schedule runs on days that fit either field")

    def to_spec(self) -> ScheduleSpec:
        """Give it as the API has it.

        Raises:
            pydantic.ValidationError: Something in it cannot be used.
        """
        from alisio.contract.deployments import ScheduleSpec

        interval = self.interval.total_seconds() if isinstance(self.interval, timedelta) else self.interval
        anchor = self.anchor_date
        said = {
            "slug": self.slug,
            "cron": self.cron,
            "interval_seconds": interval,
            "rrule": self.rrule,
            # A time without an offset is one of this machine.
            "anchor": anchor.astimezone() if anchor is not None and anchor.tzinfo is None else anchor,
            "timezone": self.timezone,
        }
        return ScheduleSpec.model_validate(
            {name: value for name, value in said.items() if value is not None}
            | {"active": self.active, "catch_up": self.catch_up, "overlap": self.overlap}
            | {"parameters": dict(self.parameters)}
        )


def Cron(cron: str, /, timezone: str | None = None, day_or: bool = True, **options: Any) -> Schedule:  # noqa: N802
    """Make a schedule of a cron line: `Cron("0 9 * * 1-5", timezone="Europe/Madrid")`.

    Args:
        cron: Five fields.
        timezone: An IANA name.
        day_or: See `Schedule`.
        options: `active`, `parameters`, `slug`, `catch_up`, `overlap`: see `Schedule`.
    """
    return Schedule(cron=cron, timezone=timezone, day_or=day_or, **options)


def Interval(  # noqa: N802
    interval: timedelta | float,
    /,
    anchor_date: datetime | None = None,
    timezone: str | None = None,
    **options: Any,
) -> Schedule:
    """Make a schedule of an interval: `Interval(timedelta(hours=6))`.

    Args:
        interval: A timedelta, or seconds.
        anchor_date: From when intervals are counted.
        timezone: An IANA name.
        options: `active`, `parameters`, `slug`, `catch_up`, `overlap`: see `Schedule`.
    """
    return Schedule(interval=interval, anchor_date=anchor_date, timezone=timezone, **options)


def RRule(rrule: str, /, timezone: str | None = None, **options: Any) -> Schedule:  # noqa: N802
    """Make a schedule of a recurrence rule: `RRule("FREQ=MONTHLY;BYDAY=-1FR")`.

    Args:
        rrule: A rule of RFC 5545.
        timezone: An IANA name.
        options: `active`, `parameters`, `slug`, `catch_up`, `overlap`: see `Schedule`.
    """
    return Schedule(rrule=rrule, timezone=timezone, **options)
