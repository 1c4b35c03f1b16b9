"""What happens within a run: tasks side by side, their dependencies, retries, timeouts, and subflows."""

from __future__ import annotations

from tests.e2e.stack import Stack


def _names(states: list[dict[str, str]]) -> list[str]:
    return [state["name"] for state in states]


def test_mapped_and_submitted_tasks_are_recorded_with_what_they_depend_on(stack: Stack) -> None:
    """Each task run is seen with its name, tags, and the task runs whose results went into it or it waited for."""
    source = """
        from alisio import flow, task

        @task(tags=["source"])
        def numbers() -> list[int]:
            return [1, 2, 3]

        @task(task_run_name="square-{number}")
        def square(number: int) -> int:
            return number * number

        @task
        def add(parts: list[int]) -> int:
            return sum(parts)

        @task
        def tell(total: int):
            print(f"the total is {total}")

        @flow(log_prints=True)
        def main():
            squares = square.map(numbers.submit())
            total = add.submit(squares)
            tell.submit(total, wait_for=[squares[0]]).wait()
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed)

    stack.wait_for_run(run_id, "COMPLETED")
    assert "the total is 14" in stack.logs(run_id)
    task_runs = stack.task_runs(run_id)
    assert 6 == len(task_runs)
    assert {"COMPLETED"} == {run["state"]["type"] for run in task_runs}
    [source_run] = [run for run in task_runs if run["tags"] == ["source"]]
    squares = [run for run in task_runs if run["name"].startswith("square-")]
    assert {"square-1", "square-2", "square-3"} == {run["name"] for run in squares}
    assert [{"number": [source_run["id"]]}] * 3 == [run["inputs"] for run in squares]
    [total] = [run for run in task_runs if "parts" in run["inputs"]]
    assert {run["id"] for run in squares} == set(total["inputs"]["parts"])
    [told] = [run for run in task_runs if "wait_for" in run["inputs"]]
    assert [total["id"]] == told["inputs"]["total"]
    assert [next(run["id"] for run in squares if run["name"] == "square-1")] == told["inputs"]["wait_for"]


def test_a_task_is_retried_within_the_run(stack: Stack) -> None:
    """A task with `retries` is run again after its delay; its history shows every try; the flow knows nothing."""
    source = """
        from alisio import flow, task

        tries = []

        @task(retries=3, retry_delay_seconds=0.05)
        def flaky():
            tries.append(1)
            if len(tries) < 3:
                raise ConnectionError(f"try {len(tries)} failed")
            return len(tries)

        @flow(log_prints=True)
        def main():
            print("tries:", flaky())
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed)

    stack.wait_for_run(run_id, "COMPLETED")
    assert "tries: 3" in stack.logs(run_id)
    [task_run] = stack.task_runs(run_id)
    names = _names(task_run["states"])
    assert 2 == names.count("AwaitingRetry")
    assert 2 == names.count("Retrying")
    assert "Completed" == names[-1]
    assert 1 == stack.read_run(run_id)["attempt"]


def test_a_failed_task_fails_its_flow_and_those_that_need_it(stack: Stack) -> None:
    """The exception of a task comes out of `.result()`; a task that needs the failed one does not start."""
    source = """
        from alisio import flow, task

        @task
        def broken():
            raise ValueError("no good")

        @task
        def after(value):
            print("this is never printed")

        @flow(log_prints=True)
        def main():
            after.submit(broken.submit()).result()
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed)

    stack.wait_for_run(run_id, "FAILED")
    assert "this is never printed" not in stack.logs(run_id)
    states = sorted(run["state"]["type"] for run in stack.task_runs(run_id))
    assert "FAILED" in states
    assert "COMPLETED" not in states


def test_a_flow_is_retried_as_a_new_attempt(stack: Stack) -> None:
    """A flow with `retries` that raises opens a new attempt, in a new process; the history shows both."""
    marks = stack.folder / "marks"
    source = """
        import os
        from pathlib import Path

        from alisio import flow

        @flow(retries=2, retry_delay_seconds=0.1, log_prints=True)
        def main(marks: Path):
            marks.mkdir(exist_ok=True)
            (marks / str(os.getpid())).touch()
            if len(list(marks.iterdir())) == 1:
                raise ConnectionError("the first one fails")
            print("the second one works")
    """
    deployed = stack.deploy(source, "--param", f"marks={marks}")
    stack.start_agent()

    run_id = stack.run(deployed)

    run = stack.wait_for_run(run_id, "COMPLETED")
    assert 2 == run["attempt"]
    assert 2 == len(list(marks.iterdir()))
    history = stack.history(run_id)
    assert ["Scheduled", "Pending", "Running"] == history[:3]
    assert "Retrying" in history
    assert "Completed" == history[-1]
    assert {1, 2} == {line["attempt"] for line in stack.log_lines(run_id)}


def test_a_flow_that_takes_too_long_is_timed_out(stack: Stack) -> None:
    """A flow over its `timeout_seconds` is FAILED with the name TimedOut."""
    source = """
        import time

        from alisio import flow

        @flow(timeout_seconds=0.3)
        def main():
            for _ in range(200):
                time.sleep(0.1)
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed)

    run = stack.wait_for_run(run_id)
    assert ("FAILED", "TimedOut") == (run["state"]["type"], run["state"]["name"])


def test_a_task_that_takes_too_long_is_timed_out(stack: Stack) -> None:
    """A task over its `timeout_seconds` is FAILED with the name TimedOut; the flow can go on without it."""
    source = """
        import time

        from alisio import flow, task

        @task(timeout_seconds=0.3)
        def slow():
            for _ in range(200):
                time.sleep(0.1)

        @flow(log_prints=True)
        def main():
            state = slow(return_state=True)
            print("the task was", state.name)
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed)

    stack.wait_for_run(run_id, "COMPLETED")
    assert "the task was TimedOut" in stack.logs(run_id)
    [task_run] = stack.task_runs(run_id)
    assert ("FAILED", "TimedOut") == (task_run["state"]["type"], task_run["state"]["name"])


def test_subflows_are_runs_beneath_their_parent(stack: Stack) -> None:
    """A flow called by a flow is a run of its own, with its parent, its own tasks, and its own end."""
    source = """
        from alisio import flow, task

        @task
        def step(): ...

        @flow(name="child-flow")
        def child(number: int):
            step()
            if number == 2:
                raise ValueError("two is too many")
            return number

        @flow
        def main():
            child(1)
            child(2, return_state=True)
            step()
            return "both were called"
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed)

    stack.wait_for_run(run_id, "COMPLETED")
    found = stack.api.post("/flow-runs/filter", {"filter": {"parent_flow_run_ids": [run_id]}})["items"]
    children = sorted(found, key=lambda run: int(run["parameters"]["number"]))
    assert ["COMPLETED", "FAILED"] == [child["state"]["type"] for child in children]
    assert [{"number": 1}, {"number": 2}] == [child["parameters"] for child in children]
    assert {"child-flow"} == {child["flow_name"] for child in children}
    assert {run_id} == {child["root_flow_run_id"] for child in children}
    assert [1, 1, 1] == [len(stack.task_runs(run)) for run in (run_id, *(child["id"] for child in children))]


def test_an_async_flow_runs_like_any_other(stack: Stack) -> None:
    """Async flows with async tasks, awaited and gathered, run in a deployment as sync ones do."""
    source = """
        import asyncio

        from alisio import flow, task

        @task
        async def double(number: int) -> int:
            await asyncio.sleep(0.01)
            return 2 * number

        @flow(log_prints=True)
        async def main():
            print("doubled:", await asyncio.gather(double(1), double(2)))
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed)

    stack.wait_for_run(run_id, "COMPLETED")
    assert "doubled: [2, 4]" in stack.logs(run_id)
    assert 2 == len(stack.task_runs(run_id))
