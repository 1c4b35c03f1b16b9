"""What is sent to runs while they run."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select

from alisio.contract.control import FlowRunInputCreate
from alisio_server.database.control_tables import flow_run_input
from alisio_server.database.tables import flow_run
from alisio_server.errors import NotFoundError
from alisio_server.orchestration.statements import insert_into
from alisio_server.orchestration.stored_runs import no_such_run
from alisio_server.services import Transaction


def send_input(tx: Transaction, run_id: UUID, sent: FlowRunInputCreate) -> None:
    """Keep something for a run. What has the same key as something before is that again, and changes nothing.

    Args:
        tx: The transaction.
        run_id: The run.
        sent: What is sent, and by whom.

    Raises:
        NotFoundError: There is no such run.
    """
    # Locked until the commit: what is sent to a run is then numbered in the order in which readers come to see it, and
    # who reads on from the last number misses nothing.
    run = select(flow_run.c.id).where(flow_run.c.id == run_id).with_for_update(key_share=True)
    if tx.connection.execute(run).one_or_none() is None:
        raise no_such_run(run_id)
    values = {"flow_run_id": run_id, "created": tx.now(), **sent.model_dump()}
    tx.connection.execute(insert_into(tx, flow_run_input).on_conflict_do_nothing(), [values])


def delete_input(tx: Transaction, run_id: UUID, key: str) -> None:
    """Remove something that was sent to a run.

    Raises:
        NotFoundError: There is nothing of that key.
    """
    which = (flow_run_input.c.flow_run_id == run_id, flow_run_input.c.key == key)
    if tx.connection.execute(delete(flow_run_input).where(*which)).rowcount == 0:
        raise NotFoundError(f"flow run {run_id} has no input {key!r}", code="input_not_found")
