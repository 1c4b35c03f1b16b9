"""What ran on the back end of now, once all of it is recorded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from alisio.client import Client
from alisio.client.shared import shared_client
from alisio.contract.base import MAX_PAGE, Page, PageRequest
from alisio.contract.runs import (
    FlowRun,
    FlowRunFilter,
    FlowRunQuery,
    LogFilter,
    LogQuery,
    LogRecord,
    TaskRun,
    TaskRunFilter,
    TaskRunQuery,
)
from alisio.engine.reporter import current_reporter

__all__ = ["flow_runs", "last_flow_run", "logs_of", "task_runs_of"]

RECORDING_SECONDS = 30.0
"""How long what has run is waited for, until it is recorded."""

_LOG_PAGE = 1_000

Query = TypeVar("Query", bound=PageRequest)
Item = TypeVar("Item")


def flow_runs(flow_name: str | None = None) -> list[FlowRun]:
    """Give the flow runs there are, subflow runs too, oldest first.

    Args:
        flow_name: Only those of this flow.

    Raises:
        AssertionError: They could not be recorded.
    """
    which = FlowRunFilter(flow_names=None if flow_name is None else [flow_name])
    return _all(recorded().filter_flow_runs, FlowRunQuery(filter=which, limit=MAX_PAGE))[::-1]


def last_flow_run(flow_name: str | None = None) -> FlowRun:
    """Give the flow run that began last.

    Args:
        flow_name: Only of this flow; where it is not given, subflow runs do not count.

    Raises:
        AssertionError: There is none.
    """
    found = [run for run in flow_runs(flow_name) if flow_name is not None or run.parent_flow_run_id is None]
    if not found:
        raise AssertionError("no flow has run" if flow_name is None else f"flow {flow_name!r} has not run")
    return found[-1]


def task_runs_of(flow_run: FlowRun | UUID, name: str | None = None) -> list[TaskRun]:
    """Give the task runs of a flow run, oldest first; those of its subflow runs are not among them.

    Args:
        flow_run: The flow run, or its id.
        name: Only the run, or runs, of this name, such as `double-0`.
    """
    which = TaskRunFilter(flow_run_ids=[_id_of(flow_run)], names=None if name is None else [name])
    return _all(recorded().filter_task_runs, TaskRunQuery(filter=which, limit=MAX_PAGE))


def logs_of(run: FlowRun | TaskRun | UUID, level: int = logging.NOTSET) -> list[LogRecord]:
    """Give the log lines that are kept with a run, in their order.

    Args:
        run: A flow run, or its id: with the lines of its task runs. Or a task run.
        level: The least level of lines to give.
    """
    if isinstance(run, TaskRun):
        which = LogFilter(flow_run_ids=[run.flow_run_id], task_run_ids=[run.id], level_at_least=level)
    else:
        which = LogFilter(flow_run_ids=[_id_of(run)], level_at_least=level)
    return _all(recorded().filter_logs, LogQuery(filter=which, limit=_LOG_PAGE))


def recorded() -> Client:
    """Wait until all that has run is recorded, and give a client.

    Raises:
        AssertionError: It could not be recorded.
    """
    if not current_reporter().flush(RECORDING_SECONDS):
        raise AssertionError(f"what has run could not be recorded within {RECORDING_SECONDS:.0f} s")
    return shared_client()


def _all(read: Callable[[Query], Page[Item]], query: Query) -> list[Item]:
    """Read page after page of a listing, to its end."""
    found: list[Item] = []
    while True:
        page = read(query)
        found += page.items
        if page.next_cursor is None:
            return found
        query = query.model_copy(update={"cursor": page.next_cursor})


def _id_of(flow_run: FlowRun | UUID) -> UUID:
    return flow_run if isinstance(flow_run, UUID) else flow_run.id
