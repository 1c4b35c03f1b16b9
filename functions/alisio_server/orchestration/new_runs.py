"""What the rows of a new run of a deployment hold, whoever asks for it; and storing those of one run."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Executable, Row, Table, bindparam, insert, select

from alisio.contract.ids import new_id
from alisio.contract.names import new_name
from alisio.contract.states import StateName, StateType
from alisio_server.access.changes import record_of
from alisio_server.database.access_tables import audit_log
from alisio_server.database.tables import flow_run, flow_run_state
from alisio_server.orchestration.stored_runs import first_wake
from alisio_server.services import Transaction

# Without the id of its row, which nobody asks for.
_INSERT_STATE = insert(flow_run_state).inline()
# What begins the names of parameters: they must not be those of columns.
_RUN, _STATE, _RECORD = "of_run_", "of_state_", "of_record_"


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
        "message": values.get("state_message"),
        "timestamp": values["created"],
    }


def store_run(tx: Transaction, values: dict[str, Any]) -> bool:
    """Store a new run with its first state, unless there is one with the same keys.

    On PostgreSQL that is one round trip, which takes the transaction's record in the audit log along.

    Args:
        tx: The transaction.
        values: What the columns of `flow_run` hold, by their names.

    Returns:
        Whether it is stored.
    """
    state = first_state(values)
    if not tx.database.is_sqlite:
        record = {} if tx.change is None else record_of(tx.change, values["created"])
        tx.change = None
        statement = _insert_all(tuple(values), tuple(state), tuple(record))
        given = _prefixed(_RUN, values) | _prefixed(_STATE, state) | _prefixed(_RECORD, record)
        return bool(tx.connection.execute(statement, given).rowcount)
    if not tx.connection.execute(_insert_run(tuple(values)), values).rowcount:
        return False
    tx.connection.execute(_INSERT_STATE, state)
    return True


# Statements are built once: building one takes longer than executing it.
@cache
def _insert_run(columns: tuple[str, ...]) -> Executable:
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(flow_run).values({name: bindparam(name) for name in columns}).on_conflict_do_nothing()


@cache
def _insert_all(columns: tuple[str, ...], of_state: tuple[str, ...], of_record: tuple[str, ...]) -> Executable:
    """Have the state follow only a run that is stored; the database checks that it has one when both are written."""
    from sqlalchemy.dialects import postgresql

    run = _parameters(_RUN, flow_run, columns)
    made = postgresql.insert(flow_run).values(run).on_conflict_do_nothing().returning(flow_run.c.id).cte("made")
    state = _parameters(_STATE, flow_run_state, of_state)
    both = insert(flow_run_state).from_select(list(state), select(*state.values()).select_from(made))
    if not of_record:
        return both
    return both.add_cte(insert(audit_log).values(_parameters(_RECORD, audit_log, of_record)).cte("recorded"))


def _parameters(prefix: str, table: Table, columns: tuple[str, ...]) -> dict[str, BindParameter[Any]]:
    return {name: bindparam(f"{prefix}{name}", type_=table.c[name].type) for name in columns}


def _prefixed(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in values.items()}
