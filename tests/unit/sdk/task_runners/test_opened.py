"""Task runners in `with` blocks: tasks that are handed to them by hand."""

from __future__ import annotations

import pytest

from alisio import flow, task, unmapped
from alisio.exceptions import ParameterError
from alisio.task_runners import ProcessPoolTaskRunner, SequentialTaskRunner, TaskRunner, ThreadPoolTaskRunner
from tests.unit.sdk.conftest import MemoryServer


@task
def times(n: int, by: int = 2) -> int:
    """Be a task."""
    return n * by


@pytest.mark.parametrize("runner", [ThreadPoolTaskRunner(2), SequentialTaskRunner()])
def test_outside_of_flows(runner: TaskRunner) -> None:
    """Tasks are run and mapped by what the block gives, and the runner itself may be opened again, and within."""
    for _ in range(2):
        with runner as opened, runner as other:
            assert 6 == opened.submit(times, {"n": 3}).result()
            assert [3, 6] == other.map(times, {"n": [1, 2], "by": unmapped(3)}).result()


def test_within_a_flow(server: MemoryServer) -> None:
    """In a flow they are its task runs, in processes too; the end of the block waits for them."""

    @flow
    def main() -> list[int]:
        with ProcessPoolTaskRunner(1) as runner:
            first = runner.submit(times, {"n": 3})
            second = runner.submit(times, {"n": 4}, wait_for=[first])
        assert first.done() and second.done()
        return [first.result(), second.result()]

    assert [6, 8] == main()
    assert {"times-0", "times-1"} == server.only_run().tasks.keys()


def test_mistakes() -> None:
    """Arguments that do not fit are refused; so are processes outside of flows."""
    with ThreadPoolTaskRunner() as runner, pytest.raises(ParameterError):
        runner.submit(times, {"m": 3})
    with ProcessPoolTaskRunner() as processes, pytest.raises(RuntimeError, match="runs the tasks of flows: open it"):
        processes.submit(times, {"n": 3})


def test_an_error_in_the_block() -> None:
    """It is raised, and the runner takes no more tasks."""
    with pytest.raises(ValueError, match="mine"), ThreadPoolTaskRunner() as runner:
        raise ValueError("mine")
    assert runner.submit(times, {"n": 3}).state.is_cancelled()
