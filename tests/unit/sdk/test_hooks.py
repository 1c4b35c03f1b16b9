"""Hooks: which are called when, what they are given, and that they change nothing."""

from __future__ import annotations

import asyncio
import functools
import threading
from contextlib import suppress
from typing import Any

import pytest

from alisio import flow, get_run_logger, task
from alisio.contract.reports import Directive
from alisio.contract.states import StateType
from alisio.states import Cancelled, Completed
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.waiting import wait_until

Told = list[tuple[str, str, str]]


def teller(told: Told, what: str) -> Any:
    """Make a hook that notes under a word what it is called for."""

    def hook(definition: Any, run: Any, state: Any) -> None:
        told.append((what, definition.name, state.name))

    return hook


def all_hooks(told: Told, *options: str) -> dict[str, Any]:
    """Make a hook for each option, which notes the option's name."""
    return {option: [teller(told, option)] for option in options}


FLOW_OPTIONS = ("on_completion", "on_failure", "on_cancellation", "on_crashed", "on_running")


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (lambda: 5, ("on_completion", "main", "Completed")),
        (lambda: Completed(name="Skipped"), ("on_completion", "main", "Skipped")),
        (lambda: 1 / 0, ("on_failure", "main", "Failed")),
        (lambda: Cancelled(), ("on_cancellation", "main", "Cancelled")),
        (lambda: exec("raise SystemExit(3)"), ("on_crashed", "main", "Crashed")),
        (lambda: exec("raise KeyboardInterrupt"), ("on_crashed", "main", "Crashed")),
    ],
)
def test_hooks_of_flows(server: MemoryServer, style: Style, ends: Any, expected: tuple[str, str, str]) -> None:
    """A flow's hooks are called when it begins to run, and for the state that it ends in."""
    told: Told = []

    @style.flow(name="main", **all_hooks(told, *FLOW_OPTIONS))
    def main() -> Any:
        told.append(("code", "main", ""))
        return ends()

    with suppress(SystemExit, KeyboardInterrupt):
        style.run(main, return_state=True)

    assert [("on_running", "main", "Running"), ("code", "main", ""), expected] == told
    assert expected[2] == server.only_run().state.name


@pytest.mark.parametrize(
    ("ends", "expected"),
    [(lambda: 5, ("on_completion", "step", "Completed")), (lambda: 1 / 0, ("on_failure", "step", "Failed"))],
)
def test_hooks_of_tasks(server: MemoryServer, style: Style, ends: Any, expected: tuple[str, str, str]) -> None:
    """A task's hooks are called when it begins to run, and for the state that it ends in."""
    told: Told = []

    @style.task(name="step", **all_hooks(told, "on_completion", "on_failure", "on_running"))
    def step() -> Any:
        return ends()

    style.run_task(step, return_state=True)

    assert [("on_running", "step", "Running"), expected] == told


def test_hooks_of_submitted_tasks(server: MemoryServer, style: Style) -> None:
    """The hooks of a submitted task have been called when its future has ended."""
    told: Told = []

    @style.task(on_completion=[teller(told, "done")])
    def step() -> int:
        return 1

    @flow
    def main() -> list[str]:
        step.submit().result()
        return [what for what, _, _ in told]

    assert ["done"] == main()


def test_decorators_and_order(server: MemoryServer, style: Style) -> None:
    """Hooks given as options are called before those added by decorators, in order; a decorator gives the hook back."""
    told: Told = []

    @style.flow(on_completion=[teller(told, "first"), teller(told, "second")])
    def main() -> None: ...

    hook = teller(told, "third")

    assert hook is main.on_completion(hook)
    style.run(main)

    assert ["first", "second", "third"] == [what for what, _, _ in told]


def test_with_options_keeps_or_replaces_hooks(server: MemoryServer) -> None:
    """`with_options` keeps hooks, those added by decorators too, unless it is given others; the original keeps its."""
    told: Told = []

    @task
    def step() -> None: ...

    step.on_completion(teller(told, "kept"))
    step.with_options(name="a")()
    step.with_options(name="b", on_completion=[teller(told, "other")])()
    step()

    assert [("kept", "a"), ("other", "b"), ("kept", "step")] == [(what, name) for what, name, _ in told]


@pytest.mark.parametrize("hook_is_async", [False, True], ids=["sync-hook", "async-hook"])
def test_sync_and_async_hooks(server: MemoryServer, style: Style, hook_is_async: bool) -> None:
    """A hook may be asynchronous or not, whatever its flow is."""
    told = []

    def hook(_flow: Any, _run: Any, state: Any) -> None:
        told.append(state.name)

    async def async_hook(flow: Any, run: Any, state: Any) -> None:
        await asyncio.sleep(0)
        hook(flow, run, state)

    chosen = async_hook if hook_is_async else hook

    @style.task(on_running=[chosen])
    def step() -> None: ...

    @style.flow(on_completion=[chosen])
    def main() -> Any:
        return step()

    style.run(main)

    assert ["Running", "Completed"] == told


def test_retries(server: MemoryServer, style: Style) -> None:
    """`on_running` is called in each attempt, `on_failure` once no retry is left; the same for tasks and flows."""
    told: Told = []

    @style.task(name="step", retries=1, **all_hooks(told, "on_failure", "on_running"))
    def step() -> None:
        raise ValueError("no")

    @style.flow(name="main", retries=1, **all_hooks(told, "on_failure", "on_running"))
    def main() -> None:
        raise ValueError("no")

    style.run_task(step, return_state=True)
    style.run(main, return_state=True)

    expected = [("on_running", "Running"), ("on_running", "Retrying"), ("on_failure", "Failed")]
    assert expected == [(what, state) for what, name, state in told if name == "step"]
    assert expected == [(what, state) for what, name, state in told if name == "main"]


def test_a_hook_that_raises(server: MemoryServer, style: Style) -> None:
    """A hook that fails is logged with its traceback, the next one is called, and the state stays as it is."""
    told: Told = []

    def broken(_flow: Any, _run: Any, _state: Any) -> None:
        raise ValueError("the hook is broken")

    @style.flow(on_completion=[broken, teller(told, "next")])
    def main() -> int:
        return 5

    assert 5 == style.run(main)
    run = server.only_run()
    assert ["next"] == [what for what, _, _ in told]
    assert ["Running", "Completed"] == run.state_names
    [line] = [line for line in run.messages if "the hook is broken" in line]
    assert line.startswith("hook 'broken' (on_completion) failed: ValueError: the hook is broken\nTraceback")
    assert "in broken" in line


def test_an_interrupted_hook(server: MemoryServer, style: Style) -> None:
    """An interrupt in a hook goes on its way, and the state is recorded as it was decided."""

    def interrupted(_flow: Any, _run: Any, _state: Any) -> None:
        raise KeyboardInterrupt

    @style.flow(on_completion=[interrupted])
    def main() -> None: ...

    with pytest.raises(KeyboardInterrupt):
        style.run(main)
    assert ["Running", "Completed"] == server.only_run().state_names


def test_what_flow_hooks_are_shown(server: MemoryServer, style: Style) -> None:
    """A hook is given the flow, its run with the fields that users read, and the state that the call gives as well."""
    seen = []

    @style.flow(flow_run_name="run-of-{n}", version="v7", on_completion=[lambda *given: seen.append(given)])
    def main(n: int, step: int = 2) -> int:
        return n + step

    state = style.run(main, 1, return_state=True)

    [(shown_flow, run, shown_state)] = seen
    assert (main, state) == (shown_flow, shown_state)
    recorded = server.only_run()
    assert (recorded.id, "run-of-1", "main", "v7") == (run.id, run.name, run.flow_name, run.flow_version)
    assert ({"n": 1, "step": 2}, [], 1) == (run.parameters, run.tags, run.run_count)
    assert (state, StateType.COMPLETED, "Completed") == (run.state, run.state_type, run.state_name)
    assert run.expected_start_time <= run.start_time <= run.end_time
    assert run.total_run_time == run.end_time - run.start_time
    assert (None, None, run.id) == (run.deployment_id, run.parent_flow_run_id, run.root_flow_run_id)
    assert recorded.state.timestamp == run.end_time


def test_what_task_hooks_are_shown(server: MemoryServer, style: Style) -> None:
    """A task's hook is given the task, its run with the fields that users read, and the state."""
    seen = []

    @style.task(task_run_name="adds-{n}", tags=["x"], on_failure=[lambda *given: seen.append(given)])
    def add(n: int) -> int:
        raise ValueError("no")

    style.run_task(add, 1, return_state=True)

    [(shown_task, run, state)] = seen
    assert (add, "ValueError: no") == (shown_task, state.message)
    [news] = server.only_run().task_runs.values()
    assert (news.id, "adds-1", ["x"], 1, "0") == (run.id, run.name, run.tags, run.run_count, run.dynamic_key)
    assert ({"n": 1}, server.only_run().id, news.task_key) == (run.parameters, run.flow_run_id, run.task_key)


def test_partial_hook(server: MemoryServer) -> None:
    """A `functools.partial` hands more to a hook."""
    told = []

    def hook(_task: Any, _run: Any, _state: Any, word: str) -> None:
        told.append(word)

    @task(on_completion=[functools.partial(hook, word="more")])
    def step() -> None: ...

    step()
    assert ["more"] == told


def test_hooks_are_within_their_run(server: MemoryServer, style: Style) -> None:
    """A hook logs into its run's log, and what it logs is kept, also after the flow's end."""

    def hook(_flow: Any, _run: Any, _state: Any) -> None:
        get_run_logger().info("the hook says hello")

    @style.flow(on_completion=[hook], on_running=[hook])
    def main() -> None: ...

    style.run(main)

    assert 2 == server.only_run().messages.count("the hook says hello")


def test_cancellation(server: MemoryServer) -> None:
    """A run by hand that is cancelled on the server calls its `on_cancellation` hooks."""
    told: Told = []

    @flow(**all_hooks(told, "on_cancellation", "on_crashed"))
    async def main() -> None:
        server.directives.append(Directive(kind="cancel"))
        get_run_logger().info("something to report")
        await asyncio.sleep(30)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert [("on_cancellation", "main", "Cancelled")] == told
    assert "CANCELLED" == server.only_run().state.type


def test_subflow_hooks_on_abort(server: MemoryServer, style: Style) -> None:
    """Where a flow is aborted, the hooks of the subflow in it are called first, then its own."""
    told: Told = []

    @style.flow(name="inner", on_crashed=[teller(told, "hook")])
    def inner() -> None:
        raise SystemExit(1)

    @style.flow(name="outer", on_crashed=[teller(told, "hook")])
    def outer() -> Any:
        return inner()

    with pytest.raises(SystemExit):
        style.run(outer)
    assert ["inner", "outer"] == [name for _, name, _ in told]


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        (print, r"on_failure must be a list of functions, not <built-in function print>: write on_failure=\[…\]"),
        ("print", "on_failure must be a list of functions, not 'print'"),
        ([print, 5], "on_failure must be a list of functions, but 5 is none"),
    ],
)
def test_bad_hooks(hooks: Any, message: str) -> None:
    """What cannot be hooks is refused at decoration, with the option named."""
    for decorate in (flow, task):
        with pytest.raises(ValueError, match=message):
            decorate(on_failure=hooks)(lambda: None)


def test_abandoned_tasks_call_no_hooks(server: MemoryServer) -> None:
    """A task that its flow no longer waits for is recorded as CANCELLED: its hooks are told of no other end."""
    told: Told = []
    go_on, before = threading.Event(), set(threading.enumerate())

    @task(on_completion=[teller(told, "hook")])
    def slow() -> None:
        go_on.wait(60)

    @flow(timeout_seconds=2)
    def main() -> None:
        slow.submit().wait()

    assert "TimedOut" == main(return_state=True).name
    go_on.set()
    workers = {each for each in threading.enumerate() if each.name.startswith("alisio-task")} - before
    wait_until(lambda: not any(each.is_alive() for each in workers))
    assert "CANCELLED" == server.only_run().tasks["slow-0"].states[-1].type
    assert [] == told
