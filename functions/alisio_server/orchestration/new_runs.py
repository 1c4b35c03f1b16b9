"""What the rows of a new run of a deployment hold, whoever asks for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from alisio.contract.ids import new_id
from alisio.contract.names import new_name
from alisio.contract.states import StateName, StateType
from alisio_server.orchestration.stored_runs import first_wake


def scheduled_run(home: Row[Any], due: datetime, now: datetime) -> dict[str, Any]:
    """Lay out the row of a new SCHEDULED run of a deployment.

    Args:
        home: The deployment's row.
        due: When it is to start.
        now: The database's time.

    Returns:
        Values by the names of the columns of `flow_run`.
    """
    run_id = new_id()
    return {
        "id": run_id,
        "root_flow_run_id": run_id,
        "name": new_name(),
        "flow_id": home.flow_id,
        "flow_version": home.version,
        "deployment_id": home.id,
        "work_queue_id": home.work_queue_id,
        "state_type": StateType.SCHEDULED,
        "state_name": StateName.SCHEDULED,
        "state_timestamp": now,
        "due": due,
        "retries": home.retries,
        "retry_delays": home.retry_delays,
        "created": now,
        "updated": now,
        **first_wake(due, now),
    }


def first_state(values: dict[str, Any]) -> dict[str, Any]:
    """Lay out the first row of the history of a new run."""
    return {
        "flow_run_id": values["id"],
        "attempt": 0,
        "type": values["state_type"],
        "name": values["state_name"],
        "timestamp": values["created"],
    }
