"""What starts supervisors, and what goes wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from alisio.exceptions import AlisioError

OnExit = Callable[[str, int | None], None]
"""Told the name of what was started, and its exit status; None where nobody knows it."""


class StartError(AlisioError):
    """Nothing could be started. The text is one line."""


class Starter(Protocol):
    """Starts supervisors as processes."""

    def open(self) -> None:
        """Make ready, so that the first start is quick."""
        ...

    def start(self, name: str, job: dict[str, Any]) -> None:
        """Start a supervisor.

        Raises:
            StartError: It could not be started.
        """
        ...

    def close(self) -> None:
        """Let go; what was started lives on."""
        ...
