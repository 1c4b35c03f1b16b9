"""Task runs."""

from __future__ import annotations

from uuid import UUID

from alisio.contract.base import Page
from alisio.contract.runs import TaskRun, TaskRunQuery
from alisio_server.access.rules import Access
from alisio_server.database.queries import task_runs as queries
from alisio_server.routes.support import Resource

resource = Resource("Task runs")


@resource.route("POST", "/api/task-runs/filter", access=Access.READ)
def filter_task_runs(query: TaskRunQuery) -> Page[TaskRun]:
    """List task runs."""
    with resource.services.database.read() as connection:
        return queries.filter_task_runs(connection, query)


@resource.route("GET", "/api/task-runs/<task_run_id>", access=Access.READ, errors=(404,))
def get_task_run(task_run_id: UUID) -> TaskRun:
    """Read a task run."""
    with resource.services.database.read() as connection:
        return queries.get_task_run(connection, task_run_id)
