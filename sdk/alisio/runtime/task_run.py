"""The task run whose code this is. Where no task runs its attributes are empty: None, 0, `[]` or `{}`.

id, name, task_name, parameters, tags, run_count, api_url
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alisio.context import current_task_run
from alisio.runtime.answers import Answer, address_of, answer, read_object, read_tags

if TYPE_CHECKING:
    from alisio.engine.runs import TaskRun

_ANSWERS: dict[str, Answer[TaskRun]] = {
    "id": Answer(lambda run: str(run.id)),
    "name": Answer(lambda run: run.name),
    "task_name": Answer(lambda run: run.definition.name),
    "parameters": Answer(lambda run: dict(run.parameters), dict, read_object),
    "tags": Answer(lambda run: list(run.tags), list, read_tags),
    "run_count": Answer(lambda run: run.run_count, int, int),
    "api_url": Answer(lambda run: address_of(f"task-runs/{run.id}")),
}


def __getattr__(name: str) -> Any:
    return answer("task_run", name, _ANSWERS, current_task_run.get())


def __dir__() -> list[str]:
    return sorted(_ANSWERS)
