"""Tasks one after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from alisio.task_runners.base import TaskRunner


class SequentialTaskRunner(TaskRunner):
    """Runs each submitted task at once, in the thread that submits it."""

    runs_in_caller = True

    def duplicate(self) -> Self:
        """Make another one, for one flow run."""
        return type(self)()

    def submit(self, call: Callable[[], object]) -> None:
        """Run the call now."""
        call()

    def shutdown(self) -> None:
        """Nothing is left to be done."""
