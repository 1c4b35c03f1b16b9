"""Deployments: making them as they are described, pausing, resuming and removing them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Row, Select, delete, select, update

from alisio.contract.base import first_problem
from alisio.contract.deployments import DeploymentPatch, DeploymentSpec, SchedulePatch
from alisio.contract.ids import new_id
from alisio_server.database.tables import bundle, deployment, flow, flow_run, work_pool, work_queue
from alisio_server.errors import InvalidInputError, NotFoundError
from alisio_server.orchestration.deployment_limits import set_limit
from alisio_server.orchestration.flow_runs import find_deployment
from alisio_server.orchestration.flows import ensure_flow
from alisio_server.orchestration.parameters import check_parameters, check_schema
from alisio_server.orchestration.scheduling.materialise import materialise_deployment
from alisio_server.orchestration.scheduling.stored_schedules import (
    lock_schedules,
    name_schedules,
    replace_schedules,
    set_active,
    start_from_now,
)
from alisio_server.orchestration.scheduling.timer_names import forget_timers
from alisio_server.orchestration.statements import insert_into
from alisio_server.orchestration.unclaimed import cancel_waiting, refresh_unclaimed, remove_unclaimed
from alisio_server.orchestration.work_pools import find_queue
from alisio_server.services import Transaction

_ELSEWHERE = {"flow_name", "work_pool_name", "work_queue_name", "schedules"}
_IDENTITY = {"id", "flow_id", "name", "created"}
_STANDING: Select[Any] = (
    select(
        deployment,
        flow.c.name.label("flow_name"),
        work_queue.c.name.label("work_queue_name"),
        work_pool.c.name.label("work_pool_name"),
    )
    .join(flow, flow.c.id == deployment.c.flow_id)
    .outerjoin(work_queue, work_queue.c.id == deployment.c.work_queue_id)
    .outerjoin(work_pool, work_pool.c.id == work_queue.c.work_pool_id)
)


def apply_deployment(tx: Transaction, spec: DeploymentSpec) -> UUID:
    """Create a deployment, or make the one of the same flow and name like this.

    Its schedules are replaced where they are given, its unclaimed runs follow the change, and the runs of the next
    minutes are made at once.

    Args:
        tx: The transaction.
        spec: What the deployment is to be.

    Returns:
        Its id.

    Raises:
        NotFoundError: There is no such work pool or queue.
        InvalidInputError: The bundle is not known, or the schema, the parameters or a schedule cannot be used.
    """
    queue = find_queue(tx, spec.work_pool_name, spec.work_queue_name)
    _check(tx, spec)
    now = tx.now()
    schedules = None if spec.schedules is None else name_schedules(spec.schedules, now)
    values: dict[str, Any] = {
        **spec.model_dump(exclude=_ELSEWHERE),
        "id": new_id(),
        "flow_id": ensure_flow(tx, spec.flow_name),
        "work_queue_id": queue.id,
        "created": now,
        "updated": now,
    }
    changes = {name: value for name, value in values.items() if name not in _IDENTITY}
    before = _until_now(tx, values["flow_id"], spec.name)
    statement = insert_into(tx, deployment).values(values)
    statement = statement.on_conflict_do_update(index_elements=["flow_id", "name"], set_=changes)
    deployment_id: UUID = tx.connection.execute(statement.returning(deployment.c.id)).scalar_one()
    set_limit(tx, deployment_id, None if before is None else before.concurrency_limit, spec.concurrency_limit)
    if schedules is not None:
        replace_schedules(tx, deployment_id, schedules)
    refresh_unclaimed(tx, deployment_id, None if before is None else before.work_queue_id)
    materialise_deployment(tx, deployment_id)
    return deployment_id


def _until_now(tx: Transaction, flow_id: UUID, name: str) -> Row[Any] | None:
    """Read the limit and the work queue that a deployment has; None: it is new."""
    of_name = (deployment.c.flow_id == flow_id, deployment.c.name == name)
    # Locked: no claim counts by the limit while it changes.
    standing: Select[Any] = select(deployment.c.concurrency_limit, deployment.c.work_queue_id).where(*of_name)
    return tx.connection.execute(standing.with_for_update(key_share=True)).one_or_none()


def _check(tx: Transaction, spec: DeploymentSpec) -> None:
    if spec.bundle is not None:
        known = tx.connection.execute(select(bundle.c.size).where(bundle.c.sha256 == spec.bundle)).first()
        if known is None:
            message = f"there is no bundle {spec.bundle}: upload it before it is deployed"
            raise InvalidInputError(message, field="bundle")
    check_schema(spec.parameter_schema)
    if not spec.enforce_parameter_schema:
        return
    check_parameters(spec.parameter_schema, spec.parameters, complete=False)
    for place, planned in enumerate(spec.schedules or ()):
        parameters = {**spec.parameters, **planned.parameters}
        check_parameters(spec.parameter_schema, parameters, field=f"schedules.{place}.parameters")


def change_deployment(tx: Transaction, deployment_id: UUID, patch: DeploymentPatch) -> None:
    """Change the given fields of a deployment, which is locked meanwhile: nobody's change is undone.

    Args:
        tx: The transaction.
        deployment_id: The deployment.
        patch: The fields that change.

    Raises:
        NotFoundError: There is no such deployment, work pool or queue.
        InvalidInputError: What it would be cannot be used, or a field is null that cannot be.
    """
    of_id = _STANDING.where(deployment.c.id == deployment_id).with_for_update(of=deployment, key_share=True)
    row = tx.connection.execute(of_id).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no deployment {deployment_id}", code="deployment_not_found")
    changes = patch.model_dump(exclude_unset=True)
    paused = changes.pop("paused", row.paused)
    if paused is None:
        raise InvalidInputError("paused cannot be null", field="paused")
    if paused and not row.paused:
        pause_deployment(tx, deployment_id)
    if changes:
        apply_deployment(tx, _changed(row, changes))
    if row.paused and not paused:
        resume_deployment(tx, deployment_id)


def _changed(row: Row[Any], changes: dict[str, Any]) -> DeploymentSpec:
    standing = {name: row._mapping[name] for name in DeploymentSpec.model_fields if name != "schedules"}
    if changes.get("concurrency_limit", row.concurrency_limit) is None:
        standing |= {"collision_strategy": None, "grace_period_seconds": None}
    try:
        return DeploymentSpec.model_validate(standing | changes)
    except ValidationError as error:
        place, reason = first_problem(error.errors())
        field = place.partition(".")[0]
        if field in changes and changes[field] is None:
            raise InvalidInputError(f"{field} cannot be null", field=field) from error
        if field == "work_pool_name":
            message = "its work pool or queue was deleted: give work_pool_name, and work_queue_name where it has others"
            raise InvalidInputError(message, field=field) from error
        raise InvalidInputError(f"{place}: {reason}" if place else reason, field=place or None) from error


def patch_schedule(tx: Transaction, deployment_id: UUID, slug: str, patch: SchedulePatch) -> None:
    """Pause or resume one schedule of a deployment.

    Args:
        tx: The transaction.
        deployment_id: The deployment.
        slug: The schedule.
        patch: Whether it is to be active.

    Raises:
        NotFoundError: There is no such deployment or schedule.
    """
    find_deployment(tx, deployment_id)
    set_active(tx, deployment_id, slug, patch.active)
    materialise_deployment(tx, deployment_id)


def pause_deployment(tx: Transaction, deployment_id: UUID) -> None:
    """Keep a deployment's schedules from making runs, and remove those that nobody has claimed yet.

    Runs that people asked for stay.

    Args:
        tx: The transaction.
        deployment_id: The deployment.

    Raises:
        NotFoundError: There is no such deployment.
    """
    find_deployment(tx, deployment_id)
    slugs = [row.slug for row in lock_schedules(tx, deployment_id)]
    _set_paused(tx, deployment_id, True)
    remove_unclaimed(tx, deployment_id, slugs)


def resume_deployment(tx: Transaction, deployment_id: UUID) -> None:
    """Let a deployment's schedules make runs again, from now on; the times of the pause are not made up for.

    Args:
        tx: The transaction.
        deployment_id: The deployment.

    Raises:
        NotFoundError: There is no such deployment.
    """
    if find_deployment(tx, deployment_id).paused:
        _set_paused(tx, deployment_id, False)
        start_from_now(tx, deployment_id)
        materialise_deployment(tx, deployment_id)


def _set_paused(tx: Transaction, deployment_id: UUID, paused: bool) -> None:
    change = update(deployment).where(deployment.c.id == deployment_id)
    tx.connection.execute(change.values(paused=paused, updated=tx.now()))


def delete_deployment(tx: Transaction, deployment_id: UUID) -> None:
    """Remove a deployment with its schedules and the runs they made that nobody has claimed yet.

    Runs that people asked for, and that wait, are CANCELLED; those that are executed go on to their end.

    Args:
        tx: The transaction.
        deployment_id: The deployment.

    Raises:
        NotFoundError: There is no such deployment.
    """
    home = find_deployment(tx, deployment_id)
    remove_unclaimed(tx, deployment_id, [row.slug for row in lock_schedules(tx, deployment_id)])
    message = f"Cancelled: deployment {home.name!r} was deleted."
    cancel_waiting(tx, flow_run.c.deployment_id == deployment_id, message=message)
    forget_timers(tx, deployment.c.id == deployment_id)
    tx.connection.execute(delete(deployment).where(deployment.c.id == deployment_id))
