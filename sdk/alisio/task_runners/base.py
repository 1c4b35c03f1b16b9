"""What a task runner is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from alisio.engine.drivers import drive, drive_async, run_coroutine

if TYPE_CHECKING:
    from alisio.engine.effects import Steps
    from alisio.engine.runs import TaskRun
    from alisio.states import State


class TaskRunner(ABC):
    """Runs the tasks that a flow submits. A flow's own one is a pattern: each flow run uses a duplicate."""

    @abstractmethod
    def duplicate(self) -> Self:
        """Make another one with the same options, for one flow run."""

    @abstractmethod
    def submit(self, call: Callable[[], object]) -> None:
        """Take a call to run it, now or later. The call never raises.

        Args:
            call: Runs one task to its end.
        """

    def drive(self, run: TaskRun, steps: Steps) -> State[Any]:
        """Run the rules of a task run to their end; it is called in the thread that runs a submitted call.

        Args:
            run: The task run.
            steps: Its rules.

        Returns:
            Its final state.
        """
        return run_coroutine(drive_async(steps)) if run.definition.is_async else drive(steps)

    @abstractmethod
    def shutdown(self) -> None:
        """Take no more calls, drop those that have not begun, and don't wait for the others."""
