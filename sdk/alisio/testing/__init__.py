"""For tests of flows: a back end of one's own in milliseconds, what ran on it, and assertions about that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alisio.testing.assertions import assert_cancelled, assert_completed, assert_failed, assert_state
    from alisio.testing.looking import flow_runs, last_flow_run, logs_of, task_runs_of
    from alisio.testing.utilities import Harness, alisio_test_harness

_HOMES = {
    "Harness": "alisio.testing.utilities",
    "alisio_test_harness": "alisio.testing.utilities",
    "assert_cancelled": "alisio.testing.assertions",
    "assert_completed": "alisio.testing.assertions",
    "assert_failed": "alisio.testing.assertions",
    "assert_state": "alisio.testing.assertions",
    "flow_runs": "alisio.testing.looking",
    "last_flow_run": "alisio.testing.looking",
    "logs_of": "alisio.testing.looking",
    "task_runs_of": "alisio.testing.looking",
}

__all__ = [
    "Harness",
    "alisio_test_harness",
    "assert_cancelled",
    "assert_completed",
    "assert_failed",
    "assert_state",
    "flow_runs",
    "last_flow_run",
    "logs_of",
    "task_runs_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
