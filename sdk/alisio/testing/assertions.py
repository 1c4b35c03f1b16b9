"""Assertions about how runs have ended. One that does not hold shows what the run has logged."""

from __future__ import annotations

import logging
import re
from typing import Any
from uuid import UUID

from alisio.contract.runs import FlowRun, TaskRun
from alisio.contract.states import StateType
from alisio.futures import TaskRunFuture
from alisio.states import State
from alisio.testing.looking import logs_of, recorded

__all__ = ["assert_cancelled", "assert_completed", "assert_failed", "assert_state"]

_SHOWN_LINES = 20

Ran = State[Any] | TaskRunFuture[Any] | FlowRun | TaskRun | UUID


def assert_completed(run: Ran, match: str | None = None) -> None:
    """Assert that a run is COMPLETED.

    Args:
        run: A state, a future, a flow run or task run as `alisio.testing` or a client gives it, or a flow run's id.
        match: A regular expression that is to be found in the state's message.

    Raises:
        AssertionError: It is not, or the message is another.
    """
    assert_state(run, StateType.COMPLETED, match)


def assert_failed(run: Ran, match: str | None = None) -> None:
    """Assert that a run is FAILED; see `assert_completed`."""
    assert_state(run, StateType.FAILED, match)


def assert_cancelled(run: Ran, match: str | None = None) -> None:
    """Assert that a run is CANCELLED; see `assert_completed`."""
    assert_state(run, StateType.CANCELLED, match)


def assert_state(run: Ran, expected: StateType | str, match: str | None = None) -> None:
    """Assert that a run is in a state.

    Args:
        run: See `assert_completed`.
        expected: A type (`StateType.FAILED`), or a name such as `Cached` or `TimedOut`.
        match: A regular expression that is to be found in the state's message.

    Raises:
        AssertionError: It is not, or the message is another.
    """
    type_, name, message, shown = _what(run)
    wanted = expected.value if isinstance(expected, StateType) else expected
    if type_ is not expected if isinstance(expected, StateType) else name != expected:
        raise AssertionError(f"{shown} is {name}, not {wanted}: {message or 'without a message'}{_lines(run)}")
    if match is not None and not re.search(match, message or ""):
        raise AssertionError(f"{shown} is {name} as expected, but {match!r} is not in its message {message!r}")


def _what(run: Ran) -> tuple[StateType, str, str | None, str]:
    """Give the type, the name and the message of its state, and what to call it."""
    if isinstance(run, TaskRunFuture):
        run.wait()
        run = run.state
    if isinstance(run, UUID):
        run = recorded().read_flow_run(run)
    if isinstance(run, State):
        return run.type, run.name, run.message, "the run"
    kind = "flow run" if isinstance(run, FlowRun) else "task run"
    return run.state.type, run.state.name, run.state.message, f"{kind} {run.name!r}"


def _lines(run: Ran) -> str:
    """Give the last warnings and errors of a run that is known by its id, to be put below a message."""
    if not isinstance(run, (FlowRun, TaskRun, UUID)):
        return ""
    lines = logs_of(run, logging.WARNING)[-_SHOWN_LINES:]
    return "".join(f"\n  {logging.getLevelName(line.level)} {line.message}" for line in lines)
