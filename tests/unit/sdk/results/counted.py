"""A cached task that counts its runs."""

from __future__ import annotations

from typing import Any

from tests.unit.sdk.conftest import Style
from tests.unit.sdk.results.shelf import Shelf

HIT, NEW = "Cached", "Completed"
"""The names of the states of a run that took a result, and of one that made it."""


class Counted:
    """A task of one style that counts its runs, and gives `x` plus that count."""

    def __init__(self, style: Style, **options: Any) -> None:
        self.runs = 0

        def add(x: Any = 0, debug: bool = False) -> int:
            self.runs += 1
            return self.runs

        self.style = style
        self.task = style.task(**{"result_storage": Shelf(), **options})(add)

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[str, int]:
        """Run the task in a flow; give the name of its state and its result."""
        state = self.style.run_task(self.task, *args, return_state=True, **kwargs)
        return state.name, state.result()
