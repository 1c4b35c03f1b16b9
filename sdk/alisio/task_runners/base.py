"""What a task runner is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self


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

    @abstractmethod
    def shutdown(self) -> None:
        """Take no more calls, drop those that have not begun, and don't wait for the others."""
