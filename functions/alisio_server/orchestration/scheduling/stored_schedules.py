"""The schedules of a deployment: replacing them, pausing and resuming one, moving their watermarks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, update

from alisio.contract.deployments import ScheduleSpec
from alisio.contract.ids import new_id
from alisio_server.database.tables import schedule
from alisio_server.errors import InvalidInputError, NotFoundError
from alisio_server.orchestration.scheduling.occurrences import slug_of, validate_rule
from alisio_server.orchestration.scheduling.timer_names import forget_timers
from alisio_server.orchestration.unclaimed import remove_unclaimed
from alisio_server.services import Transaction

_RULE = ("cron", "interval_seconds", "anchor", "rrule", "at", "timezone")


def name_schedules(specs: list[ScheduleSpec], now: datetime) -> dict[str, ScheduleSpec]:
    """Check schedules, and name those that nobody named after their rules.

    Args:
        specs: The schedules of one deployment.
        now: The database's time.

    Returns:
        The schedules by slug, in their order.

    Raises:
        InvalidInputError: One cannot be used, or two have the same slug; `field` says which.
    """
    given = Counter(spec.slug for spec in specs if spec.slug is not None)
    named: dict[str, ScheduleSpec] = {}
    for place, spec in enumerate(specs):
        try:
            validate_rule(spec, now)
        except InvalidInputError as error:
            field = f"schedules.{place}.{error.field}"
            raise InvalidInputError(f"{field}: {error.message}", field=field) from error
        slug = spec.slug or _free_slug(slug_of(spec), named.keys() | given.keys())
        if slug in named:
            field = f"schedules.{place}.slug"
            raise InvalidInputError(f"{field}: two schedules have the slug {slug!r}", field=field)
        named[slug] = spec
    return named


def _free_slug(slug: str, used: set[str]) -> str:
    number, free = 1, slug
    while free in used:
        number += 1
        free = f"{slug}-{number}"
    return free


def lock_schedules(tx: Transaction, deployment_id: UUID) -> list[Row[Any]]:
    """Read a deployment's schedules, and keep everybody from materialising them until the transaction ends.

    They are about to change, so their timers are looked at after that.
    """
    tx.rescheduled.add(deployment_id)
    mine = select(schedule).where(schedule.c.deployment_id == deployment_id).order_by(schedule.c.id)
    return list(tx.connection.execute(mine.with_for_update()).all())


def replace_schedules(tx: Transaction, deployment_id: UUID, specs: dict[str, ScheduleSpec]) -> None:
    """Make the schedules of a deployment those given.

    One whose rule is unchanged keeps its watermark and its runs. The unclaimed runs of those that are changed,
    paused or gone are removed.

    Args:
        tx: The transaction.
        deployment_id: The deployment.
        specs: The schedules by slug.
    """
    now = tx.now()
    stored = {row.slug: row for row in lock_schedules(tx, deployment_id)}
    stale = [slug for slug, row in stored.items() if slug not in specs or _is_changed(row, specs[slug])]
    remove_unclaimed(tx, deployment_id, stale)
    gone = schedule.c.id.in_([row.id for slug, row in stored.items() if slug not in specs])
    forget_timers(tx, gone)
    tx.connection.execute(delete(schedule).where(gone))
    for slug, spec in specs.items():
        values = spec.model_dump(exclude={"slug"})
        row = stored.get(slug)
        if row is None:
            made = {"id": new_id(), "deployment_id": deployment_id, "slug": slug, "materialised_until": now}
            tx.connection.execute(insert(schedule).values(values | made))
            continue
        if _is_changed(row, spec):
            values["materialised_until"] = now
        tx.connection.execute(update(schedule).where(schedule.c.id == row.id).values(values))


def _is_changed(row: Row[Any], spec: ScheduleSpec) -> bool:
    return row.active != spec.active or any(getattr(row, name) != getattr(spec, name) for name in _RULE)


def set_active(tx: Transaction, deployment_id: UUID, slug: str, active: bool) -> None:
    """Pause or resume one schedule; paused, its unclaimed runs are removed; resumed, it goes on from now.

    Args:
        tx: The transaction.
        deployment_id: The deployment.
        slug: The schedule.
        active: Whether it is to make runs.

    Raises:
        NotFoundError: The deployment has no such schedule.
    """
    rows = {row.slug: row for row in lock_schedules(tx, deployment_id)}
    if slug not in rows:
        raise no_such_schedule(slug, rows)
    if rows[slug].active == active:
        return
    change = update(schedule).where(schedule.c.id == rows[slug].id)
    tx.connection.execute(change.values(active=active, materialised_until=tx.now()))
    if not active:
        remove_unclaimed(tx, deployment_id, [slug])


def no_such_schedule(slug: str, known: Iterable[str]) -> NotFoundError:
    """Make the error for a schedule that its deployment lacks; `known` are those that it has."""
    message = f"the deployment has no schedule {slug!r}; it has: {', '.join(known) or 'none'}"
    return NotFoundError(message, code="schedule_not_found")


def start_from_now(tx: Transaction, deployment_id: UUID) -> None:
    """Let no time before now be made up for, by any schedule of a deployment."""
    mine = schedule.c.deployment_id == deployment_id
    tx.connection.execute(update(schedule).where(mine).values(materialised_until=tx.now()))
