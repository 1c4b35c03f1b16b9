"""Stored results: read from another process, and what a later attempt does not run again."""

from __future__ import annotations

from typing import Any

from alisio import State
from alisio.contract.state_record import StateRecord
from tests.e2e.stack import Stack


def _result(state: dict[str, Any]) -> Any:
    return State.from_record(StateRecord.model_validate(state)).result()


def test_a_result_is_read_in_another_process(stack: Stack) -> None:
    """The states of a flow run and its task runs say where their results lie, and lead to them."""
    source = """
        from alisio import flow, task

        @task
        def numbers() -> list[int]:
            return [1, 2, 3]

        @task(persist_result=False)
        def nothing():
            return 1

        @flow(persist_result=True)
        def main():
            nothing()
            return {"total": sum(numbers())}
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed)

    run = stack.wait_for_run(run_id, "COMPLETED")
    assert {"total": 6} == _result(run["state"])
    results = {task_run["name"]: task_run["state"]["result"] for task_run in stack.task_runs(run_id)}
    assert None is results["nothing-0"]
    [numbers] = [task_run for task_run in stack.task_runs(run_id) if task_run["name"] == "numbers-0"]
    assert [1, 2, 3] == _result(numbers["state"])


def test_what_was_stored_before_a_crash_is_not_run_again(stack: Stack) -> None:
    """A flow whose process is killed goes on, in its next attempt, with the tasks and subflows it had not stored."""
    source = """
        import os
        import signal
        from pathlib import Path

        from alisio import flow, runtime, task

        @task
        def step(folder: str, name: str) -> str:
            with Path(folder, "ran").open("a") as ran:
                ran.write(f"{name}\\n")
            return name.upper()

        @flow
        def inner(folder: str) -> str:
            return step(folder, "inner")

        @flow(persist_result=True, retries=1)
        def main(folder: str):
            first = step.map(folder, ["a", "b"]).result()
            within = inner(folder)
            if runtime.flow_run.run_count == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return [*first, within, step(folder, "last")]
    """
    deployed = stack.deploy(source)
    stack.start_agent()
    folder = stack.write("results/ran", "").parent

    run_id = stack.run(deployed, "--param", f"folder={folder}")

    run = stack.wait_for_run(run_id, "COMPLETED")
    assert 2 == run["attempt"]
    assert ["A", "B", "INNER", "LAST"] == _result(run["state"])
    assert ["a", "b", "inner", "last"] == sorted((folder / "ran").read_text().split())
    assert 2 == stack.logs(run_id).count("not run: its result was stored by an earlier attempt")


def test_a_run_that_is_retried_by_hand_resumes(stack: Stack) -> None:
    """When the cause of a failure is mended, `flow-run retry` goes on from there."""
    source = """
        from pathlib import Path

        from alisio import flow, task

        @task(persist_result=True)
        def slow(folder: str) -> int:
            with Path(folder, "ran").open("a") as ran:
                ran.write("slow\\n")
            return 42

        @task
        def read(folder: str) -> str:
            return Path(folder, "wanted").read_text()

        @flow(log_prints=True)
        def main(folder: str):
            value = slow(folder)
            print("read", read(folder), "after", value)
    """
    deployed = stack.deploy(source)
    stack.start_agent()
    folder = stack.write("results/ran", "").parent
    run_id = stack.run(deployed, "--param", f"folder={folder}")
    stack.wait_for_run(run_id, "FAILED")

    (folder / "wanted").write_text("it")
    stack.cli("flow-run", "retry", run_id)

    stack.wait_for_run(run_id, "COMPLETED")
    assert "read it after 42" in stack.logs(run_id)
    assert ["slow"] == (folder / "ran").read_text().split()
