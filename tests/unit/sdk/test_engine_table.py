"""One table of what may become of a run: each row for flows and for tasks, synchronous, asynchronous, both ways called.

What is particular to flows, to tasks, or to one of these ends is in the other files of this folder.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alisio import get_run_logger
from alisio.contract.reports import Directive, DirectiveKind
from alisio.exceptions import CancelledRunError, FailedRunError
from alisio.states import Cancelled, Completed, Failed
from tests.unit.sdk.conftest import MemoryServer, Style

HOOKS = {"flow": ("on_running", "on_completion", "on_failure", "on_cancellation", "on_crashed")}
HOOKS["task"] = HOOKS["flow"][:3]


class Call(NamedTuple):
    """What a body is given: the style of its code, which attempt it is, from 1, and the server."""

    style: Style
    attempt: int
    server: MemoryServer


@dataclass(frozen=True)
class Row:
    """What a function does, and what comes of it.

    Attributes:
        name: Of the scenario.
        body: What the code does.
        states: The names of the states that the run comes to.
        flow_states: Those of a flow run, where they are others.
        result: What it gives.
        error: What its call raises; None: nothing.
        options: Of the flow or the task.
        hooks: The hooks that are called, as far as there are such.
        kinds: Whether it is a row for flows, for tasks, or for both.
        calls: How often it is called; the last call counts.
        in_state: Whether `return_state` gives the exception in a state; else it is raised there too.
    """

    name: str
    body: Callable[[Call], Any]
    states: list[str]
    result: Any = None
    error: type[BaseException] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    hooks: tuple[str, ...] = ("on_running", "on_completion")
    kinds: tuple[str, ...] = ("flow", "task")
    calls: int = 1
    in_state: bool = True
    flow_states: list[str] | None = None


def fails(error: BaseException, until: int = 100) -> Callable[[Call], int]:
    """Make a body that raises this in all attempts before one."""

    def body(call: Call) -> int:
        if call.attempt < until:
            raise error
        return call.attempt

    return body


def takes_long(call: Call) -> Any:
    """Take longer than any limit."""
    return asyncio.sleep(30) if call.style.is_async else time.sleep(30)


def is_cancelled(call: Call) -> Any:
    """Be cancelled on the server, which tells so in its next answer."""
    call.server.directives.append(Directive(kind=DirectiveKind.CANCEL))
    get_run_logger().info("something to report")
    return takes_long(call)


def calls_another(call: Call) -> Any:
    """Call a task and a flow."""

    @call.style.task()
    def inner_task() -> int:
        return call.attempt

    @call.style.flow()
    def inner_flow() -> Any:
        return inner_task()

    return inner_flow()


def numbers(_call: Call) -> Iterator[int]:
    """Give a generator."""
    return (n * n for n in range(3))


FAILS = ("on_running", "on_failure")
DELAYED = {"retries": 2, "retry_delay_seconds": [0.01, 0]}
ROWS = (
    Row("completes", lambda _call: 5, ["Running", "Completed"], result=5),
    Row("fails", fails(ValueError("no")), ["Running", "Failed"], error=ValueError, hooks=FAILS),
    Row(
        "comes through by a retry", fails(ValueError("no"), until=3),
        ["Running", "AwaitingRetry", "Retrying", "Retrying", "Completed"], result=3, options=DELAYED,
        flow_states=["Running", "Retrying", "Retrying", "Completed"],
        hooks=("on_running", "on_running", "on_running", "on_completion"),
    ),
    Row(
        "fails after its retries", fails(ValueError("no")),
        ["Running", "AwaitingRetry", "Retrying", "Retrying", "Failed"], error=ValueError, options=DELAYED,
        flow_states=["Running", "Retrying", "Retrying", "Failed"],
        hooks=("on_running", "on_running", "on_running", "on_failure"),
    ),
    Row(
        "takes too long", takes_long, ["Running", "TimedOut"], error=TimeoutError, hooks=FAILS,
        options={"timeout_seconds": 0.05},
    ),
    Row(
        "says that it completed", lambda _call: Completed(name="Skipped", data=7), ["Running", "Skipped"], result=7,
    ),
    Row(
        "says that it failed", lambda _call: Failed(message="no"), ["Running", "Failed"], error=FailedRunError,
        hooks=FAILS,
    ),
    Row(
        "says that it was cancelled", lambda _call: Cancelled(message="no"), ["Running", "Cancelled"],
        error=CancelledRunError, hooks=("on_running", "on_cancellation"),
    ),
    Row("nested", calls_another, ["Running", "Completed"], result=1),
    Row("gives a generator", numbers, ["Running", "Completed"], result=[0, 1, 4]),
    Row(
        "exits", fails(SystemExit(3)), ["Running", "Crashed"], error=SystemExit, hooks=("on_running", "on_crashed"),
        in_state=False,
    ),
    Row(
        "is cancelled", is_cancelled, ["Running", "Cancelled"], error=KeyboardInterrupt, kinds=("flow",),
        hooks=("on_running", "on_cancellation"), in_state=False,
    ),
    Row(
        "is cached", lambda call: call.attempt, ["Cached"], result=1, options={"cache_key_fn": lambda *_: "key"},
        kinds=("task",), hooks=("on_running", "on_completion", "on_completion"), calls=2,
    ),
)  # fmt: skip
CASES = [pytest.param(row, kind, id=f"{kind} {row.name}") for row in ROWS for kind in row.kinds]


def called(style: Style, kind: str, made: Any, row: Row, **more: Any) -> Any:
    """Call a flow, or a task within a flow, as often as the row says; give what the last call gives."""
    outcome: Any = None
    for _ in range(row.calls):
        outcome = style.run(made, **more) if kind == "flow" else style.run_task(made, **more)
    return outcome


@pytest.mark.parametrize("return_state", [False, True], ids=["result", "state"])
@pytest.mark.parametrize(("row", "kind"), CASES)
def test_what_becomes_of_a_run(
    server: MemoryServer, style: Style, tmp_path: Path, row: Row, kind: str, return_state: bool
) -> None:
    """The call gives or raises it, the server is told each state, and the hooks of these are called, in order."""
    heard: list[str] = []
    attempts: list[int] = []

    def hook(name: str) -> Callable[..., None]:
        return lambda *_: heard.append(name)

    options = {name: [hook(name)] for name in HOOKS[kind]} | row.options | {"result_storage": tmp_path / "results"}

    @(style.flow if kind == "flow" else style.task)(**options)
    def tried() -> Any:
        attempts.append(1)
        return row.body(Call(style, len(attempts), server))

    if row.error is not None and not (return_state and row.in_state):
        with pytest.raises(row.error):
            called(style, kind, tried, row)
    elif return_state:
        state = called(style, kind, tried, row, return_state=True)
        outcome = state.result(raise_on_failure=False)
        assert (row.states[-1], True) == (state.name, isinstance(outcome, row.error or object))
        assert row.error is not None or row.result == outcome
    else:
        assert row.result == called(style, kind, tried, row)

    run = server.all_runs()[-1]
    told = run.states if kind == "flow" else run.tasks["tried-0"].states
    # A flow that waits for its retry in its own process, as these moments do, is not told as waiting.
    expected = row.flow_states if kind == "flow" and row.flow_states is not None else row.states
    assert expected == [state.name for state in told]
    assert [name for name in row.hooks if name in HOOKS[kind]] == heard
