"""Flows: known by their names, made when they are first heard of."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import bindparam, delete, or_, select

from alisio.contract.ids import new_id
from alisio.contract.states import LEASED
from alisio_server.database.tables import deployment, flow, flow_run
from alisio_server.errors import ConflictError, NotFoundError
from alisio_server.orchestration.scheduling.timer_names import forget_timers
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Transaction

_BY_NAME = select(flow.c.id).where(flow.c.name == bindparam("name"))


def ensure_flow(tx: Transaction, name: str) -> UUID:
    """Find a flow by its name, or make it.

    Args:
        tx: The transaction.
        name: The flow's name.

    Returns:
        Its id.
    """
    found: UUID | None = tx.connection.execute(_BY_NAME, {"name": name}).scalar_one_or_none()
    if found is not None:
        return found
    make = insert_into(tx, flow).values(id=new_id(), name=name, created=tx.now())
    tx.connection.execute(make.on_conflict_do_nothing(index_elements=["name"]))
    made: UUID = tx.connection.execute(_BY_NAME, {"name": name}).scalar_one()
    return made


def delete_flow(tx: Transaction, flow_id: UUID) -> None:
    """Remove a flow with its deployments and runs.

    Args:
        tx: The transaction.
        flow_id: The flow.

    Raises:
        NotFoundError: There is no such flow.
        ConflictError: `flow_in_use`: runs of it are claimed or running.
    """
    if tx.connection.execute(select(flow.c.id).where(flow.c.id == flow_id)).first() is None:
        raise NotFoundError(f"there is no flow {flow_id}", code="flow_not_found")
    active = select(flow_run.c.id).where(
        flow_run.c.flow_id == flow_id,
        or_(flow_run.c.lease_until.is_not(None), flow_run.c.state_type.in_(LEASED)),
    )
    if tx.connection.execute(active.limit(1)).first() is not None:
        message = f"flow {flow_id} has runs that are claimed or running: cancel them or wait"
        raise ConflictError(message, code="flow_in_use")
    from alisio_server.orchestration.waits import release  # each script imports this module, and none deletes flows

    forget_timers(tx, deployment.c.flow_id == flow_id)
    live = select(flow_run.c.id).where(flow_run.c.flow_id == flow_id, flow_run.c.ended.is_(None))
    locked = live.order_by(flow_run.c.id).with_for_update()
    release(tx, tx.connection.execute(locked).scalars().all(), tx.now())
    tx.connection.execute(delete(flow).where(flow.c.id == flow_id))
