"""What people do with flow runs: ask for one of a deployment, cancel and retry them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, bindparam, select

from alisio.contract.names import new_name
from alisio.contract.runs import FlowRunCreate
from alisio.contract.states import StateType
from alisio_server.database.tables import deployment, flow_run, work_queue
from alisio_server.errors import ConflictError, NotFoundError
from alisio_server.orchestration.linked_runs import stop_cancelling
from alisio_server.orchestration.new_runs import scheduled_run, store_run
from alisio_server.orchestration.parameters import check_parameters
from alisio_server.orchestration.proposals import PersonCancels, PersonRetries
from alisio_server.orchestration.stored_runs import load_run, move
from alisio_server.orchestration.waits import still_running, suspended_until, wait_for
from alisio_server.ports import WakeUp
from alisio_server.services import Transaction

_DEPLOYMENT = select(deployment).where(deployment.c.id == bindparam("id"))


class AskedRun(NamedTuple):
    """The run that was asked for.

    Attributes:
        id: The run.
        values: What its columns hold, by their names; None where an earlier request with the same key had made it.
    """

    id: UUID
    values: dict[str, Any] | None = None


def create_run(tx: Transaction, deployment_id: UUID, wanted: FlowRunCreate) -> AskedRun:
    """Ask for a run of a deployment.

    Args:
        tx: The transaction; it sends the wake-up after its commit.
        deployment_id: The deployment.
        wanted: Parameters, name, when, and the key that makes asking twice harmless.

    Returns:
        The run; with a key that was used before, the first run.

    Raises:
        NotFoundError: There is no such deployment, no such parent, or no such run to wait for.
        ConflictError: `no_work_pool`: the deployment's work pool was deleted. `parent_ended`: the run whose subflow
            it is to be has ended, or is being cancelled.
        InvalidInputError: The parameters do not fit the deployment's schema, or a run to wait for is by hand.
    """
    home, now = _deployment_and_now(tx, deployment_id)
    known = _find_by_key(tx, deployment_id, wanted.idempotency_key)
    if known is not None:
        return AskedRun(known)
    if home.work_queue_id is None:
        message = f"deployment {home.name!r} has no work pool any more: deploy it again to one that exists"
        raise ConflictError(message, code="no_work_pool")
    parameters = {**home.parameters, **wanted.parameters}
    if home.enforce_parameter_schema:
        check_parameters(home.parameter_schema, parameters)
    if wanted.parent_flow_run_id is not None:
        _check_parent(tx, wanted.parent_flow_run_id)
    queue_id = home.work_queue_id
    if wanted.work_queue_name is not None:
        queue_id = _other_queue(tx, queue_id, wanted.work_queue_name)
    others = still_running(tx, wanted.after)
    values = scheduled_run(home, wanted.due or now, now) | {
        "work_queue_id": queue_id,
        "name": wanted.name or new_name(),
        "parameters": parameters,
        "tags": list(dict.fromkeys([*home.tags, *wanted.tags])),
        "job_variables": wanted.job_variables,
        "idempotency_key": wanted.idempotency_key,
        "parent_flow_run_id": wanted.parent_flow_run_id,
        "created_by": "api",
        **(suspended_until(others) if others else {}),
    }
    if not store_run(tx, values):
        # Somebody has asked with the same key meanwhile.
        first = _find_by_key(tx, deployment_id, wanted.idempotency_key)
        if first is None:
            raise ConflictError("the run of this idempotency key was deleted meanwhile: ask again", code="run_deleted")
        return AskedRun(first)
    if others:
        wait_for(tx, values["id"], others)
    else:
        _have_woken(tx, values, now)
    return AskedRun(values["id"], values)


def _have_woken(tx: Transaction, values: dict[str, Any], now: datetime) -> None:
    if values["due"] <= now:
        tx.wake_ups.append(WakeUp(values["work_queue_id"], values["id"], values["due"]))
    elif values["wake_at"] <= now:
        tx.woken.add(values["id"])


def _deployment_and_now(tx: Transaction, deployment_id: UUID) -> tuple[Row[Any], datetime]:
    row, tx.asked = tx.database.one_and_now(tx.connection, _DEPLOYMENT, {"id": deployment_id})
    return _found(row, deployment_id), tx.asked


def find_deployment(tx: Transaction, deployment_id: UUID) -> Row[Any]:
    """Read a deployment.

    Raises:
        NotFoundError: There is no such deployment.
    """
    return _found(tx.connection.execute(_DEPLOYMENT, {"id": deployment_id}).one_or_none(), deployment_id)


def _found(row: Row[Any] | None, deployment_id: UUID) -> Row[Any]:
    if row is None:
        raise NotFoundError(f"there is no deployment {deployment_id}", code="deployment_not_found")
    return row


def _check_parent(tx: Transaction, parent_id: UUID) -> None:
    of_parent = select(flow_run.c.root_flow_run_id).where(flow_run.c.id == parent_id)
    root_id = tx.connection.execute(of_parent).scalar_one_or_none()
    # Locked until the commit: who cancels it then finds the new run. Its subflows move under this lock as well.
    tx.connection.execute(select(flow_run.c.id).where(flow_run.c.id == root_id).with_for_update(read=True))
    both = select(flow_run.c.id, flow_run.c.state_type).where(flow_run.c.id.in_((parent_id, root_id)))
    states = {row.id: StateType(row.state_type) for row in tx.connection.execute(both)}
    if parent_id not in states:
        raise NotFoundError(f"there is no flow run {parent_id}", code="flow_run_not_found", field="parent_flow_run_id")
    for run_id, state in states.items():
        if state.is_terminal or state is StateType.CANCELLING:
            message = f"flow run {run_id} is {state}: it starts no more subflows"
            raise ConflictError(message, code="parent_ended", field="parent_flow_run_id")


def _other_queue(tx: Transaction, queue_id: UUID, name: str) -> UUID:
    pool_id = select(work_queue.c.work_pool_id).where(work_queue.c.id == queue_id).scalar_subquery()
    named = select(work_queue.c.id).where(work_queue.c.work_pool_id == pool_id, work_queue.c.name == name)
    found: UUID | None = tx.connection.execute(named).scalar_one_or_none()
    if found is None:
        message = f"the deployment's work pool has no queue {name!r}"
        raise NotFoundError(message, code="work_queue_not_found", field="work_queue_name")
    return found


def _find_by_key(tx: Transaction, deployment_id: UUID, idempotency_key: str | None) -> UUID | None:
    if idempotency_key is None:
        return None
    by_key = select(flow_run.c.id).where(
        flow_run.c.deployment_id == deployment_id, flow_run.c.idempotency_key == idempotency_key
    )
    found: UUID | None = tx.connection.execute(by_key).scalar_one_or_none()
    return found


def cancel_run(tx: Transaction, run_id: UUID) -> None:
    """Stop a run: at once where no user code runs, else by way of CANCELLING.

    Args:
        tx: The transaction.
        run_id: The run.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: It has ended, or is a subflow run.
    """
    move(tx, load_run(tx, run_id), PersonCancels(), tx.now())


def retry_run(tx: Transaction, run_id: UUID) -> None:
    """Have a run that has ended executed again, as its next attempt.

    Args:
        tx: The transaction.
        run_id: The run.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: It has not ended, or nothing can execute it again.
    """
    move(tx, load_run(tx, run_id), PersonRetries(), tx.now())
    stop_cancelling(tx, run_id)
