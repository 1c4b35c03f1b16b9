"""A task runner in a `with` block: what tasks are handed to by hand, within a flow or outside of flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from alisio.context import current_flow_run
from alisio.engine.submission import submit, submit_each
from alisio.engine.waiting import wait_for_all
from alisio.futures import FutureList, TaskRunFuture
from alisio.task_runners.base import TaskRunner
from alisio.task_runners.remote import RemoteTaskRunner
from alisio.tasks import Task


class OpenTaskRunner:
    """Runs tasks until its block ends, which waits for them.

    Args:
        runner: What runs them; it is shut down with the block.
    """

    def __init__(self, runner: TaskRunner) -> None:
        self._runner = runner
        self._futures: list[TaskRunFuture[Any]] = []

    def submit(
        self, task: Task[..., Any], parameters: Mapping[str, Any], wait_for: Iterable[Any] | None = None
    ) -> TaskRunFuture[Any]:
        """Have a task run.

        Args:
            task: The task.
            parameters: Its arguments by name.
            wait_for: Futures that must have completed first.

        Returns:
            The future.

        Raises:
            ParameterError: The arguments don't fit.
            RuntimeError: Its workers run the tasks of flows alone, and this is in none.
        """
        self._check()
        future: TaskRunFuture[Any] = submit(task, (), self._kwargs(parameters, wait_for), self._runner)
        self._futures.append(future)
        return future

    def map(
        self, task: Task[..., Any], parameters: Mapping[str, Any], wait_for: Iterable[Any] | None = None
    ) -> FutureList[Any]:
        """Have a task run for each element of its arguments; see `Task.map`."""
        self._check()
        futures: FutureList[Any] = submit_each(task, (), self._kwargs(parameters, wait_for), self._runner)
        self._futures.extend(futures)
        return futures

    def close(self, *, waits: bool) -> None:
        """Take no more tasks.

        Args:
            waits: Whether those that it was given may end.
        """
        if waits:
            wait_for_all(self._futures, None)
        self._runner.shutdown()

    def _kwargs(self, parameters: Mapping[str, Any], wait_for: Iterable[Any] | None) -> dict[str, Any]:
        return {**parameters, **({} if wait_for is None else {"wait_for": wait_for})}

    def _check(self) -> None:
        if isinstance(self._runner, RemoteTaskRunner) and current_flow_run.get() is None:
            raise RuntimeError(
                f"a {type(self._runner).__name__} runs the tasks of flows: open it within one, or use threads"
            )
