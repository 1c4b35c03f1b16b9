"""What people do with flow runs: ask for one of a deployment, cancel and retry them."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, bindparam, insert, select

from alisio.contract.names import new_name
from alisio.contract.runs import FlowRunCreate
from alisio_server.database.tables import deployment, flow_run, flow_run_state
from alisio_server.errors import ConflictError, NotFoundError
from alisio_server.orchestration.new_runs import first_state, scheduled_run
from alisio_server.orchestration.parameters import check_parameters
from alisio_server.orchestration.proposals import PersonCancels, PersonRetries
from alisio_server.orchestration.statements import insert_into
from alisio_server.orchestration.stored_runs import load_run, move
from alisio_server.ports import WakeUp
from alisio_server.services import Transaction

_DEPLOYMENT = select(deployment).where(deployment.c.id == bindparam("id"))


class AskedRun(NamedTuple):
    """The run that was asked for; `is_new` is false where an earlier request with the same key had made it."""

    id: UUID
    is_new: bool


def create_run(tx: Transaction, deployment_id: UUID, wanted: FlowRunCreate) -> AskedRun:
    """Ask for a run of a deployment.

    Args:
        tx: The transaction; it sends the wake-up after its commit.
        deployment_id: The deployment.
        wanted: Parameters, name, when, and the key that makes asking twice harmless.

    Returns:
        The run; with a key that was used before, the first run.

    Raises:
        NotFoundError: There is no such deployment.
        ConflictError: `no_work_pool`: the deployment's work pool was deleted.
        InvalidInputError: The parameters do not fit the deployment's schema.
    """
    home = find_deployment(tx, deployment_id)
    known = _find_by_key(tx, deployment_id, wanted.idempotency_key)
    if known is not None:
        return AskedRun(known, is_new=False)
    if home.work_queue_id is None:
        message = f"deployment {home.name!r} has no work pool any more: deploy it again to one that exists"
        raise ConflictError(message, code="no_work_pool")
    parameters = {**home.parameters, **wanted.parameters}
    if home.enforce_parameter_schema:
        check_parameters(home.parameter_schema, parameters)
    now = tx.now()
    values = scheduled_run(home, wanted.due or now, now) | {
        "name": wanted.name or new_name(),
        "parameters": parameters,
        "tags": list(dict.fromkeys([*home.tags, *wanted.tags])),
        "job_variables": wanted.job_variables,
        "idempotency_key": wanted.idempotency_key,
        "created_by": "api",
    }
    made = tx.connection.execute(insert_into(tx, flow_run).on_conflict_do_nothing(), values)
    if made.rowcount == 0:
        # Somebody has asked with the same key meanwhile.
        first = _find_by_key(tx, deployment_id, wanted.idempotency_key)
        if first is not None:
            return AskedRun(first, is_new=False)
    tx.connection.execute(insert(flow_run_state), [first_state(values)])
    if values["due"] <= now:
        tx.wake_ups.append(WakeUp(values["work_queue_id"], values["id"], values["due"]))
    elif values["wake_at"] <= now:
        tx.woken.add(values["id"])
    return AskedRun(values["id"], is_new=True)


def find_deployment(tx: Transaction, deployment_id: UUID) -> Row[Any]:
    """Read a deployment.

    Raises:
        NotFoundError: There is no such deployment.
    """
    found = tx.connection.execute(_DEPLOYMENT, {"id": deployment_id}).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no deployment {deployment_id}", code="deployment_not_found")
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
