"""What a task runner is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from alisio.engine.drivers import drive, drive_async, run_coroutine

if TYPE_CHECKING:
    from alisio.engine.effects import Steps
    from alisio.engine.runs import TaskRun
    from alisio.states import State
    from alisio.task_runners.opened import OpenTaskRunner


class TaskRunner(ABC):
    """Runs the tasks that a flow submits. A flow's own one is a pattern: each flow run uses a duplicate.

    Attributes:
        runs_in_caller: Whether a call is run in the thread that submits it. What ends that thread's code in the
            middle of a task, such as Ctrl-C, a signal, or the time limit of the flow, then goes on to the flow.
    """

    runs_in_caller = False

    @abstractmethod
    def duplicate(self) -> Self:
        """Make another one with the same options, for one flow run."""

    @abstractmethod
    def submit(self, call: Callable[[], object]) -> None:
        """Take a call to run it, now or later. The call raises only in the thread of the caller.

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

    def __enter__(self) -> OpenTaskRunner:
        """Have tasks run by one like it: `with ThreadPoolTaskRunner() as runner: runner.submit(step, {"n": 1})`."""
        from alisio.task_runners.opened import OpenTaskRunner

        opened = OpenTaskRunner(self.duplicate())
        self.__dict__.setdefault("_opened", []).append(opened)
        return opened

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the tasks; after an error only end those that run, and drop the others."""
        self.__dict__["_opened"].pop().close(waits=error is None)

    @abstractmethod
    def shutdown(self) -> None:
        """Take no more calls, drop those that have not begun, and don't wait for the others."""
