"""Runs that end badly, or are ended: each says what happened."""

from __future__ import annotations

import pytest

from tests.e2e.flows import QUICK
from tests.e2e.stack import Stack


def test_a_failing_flow_says_why(stack: Stack) -> None:
    """An exception makes the run FAILED with its text; the traceback is in the logs; `--watch` ends with 1."""
    source = """
        from alisio import flow

        def divide(a, b):
            return a / b

        @flow
        def main():
            divide(1, 0)
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    stack.cli("deployment", "run", deployed.address, "--watch", code=1)

    [run] = stack.runs()
    assert "FAILED" == run["state"]["type"]
    assert "division by zero" in run["state"]["message"]
    logs = "\n".join(stack.logs(run["id"]))
    assert "Traceback (most recent call last)" in logs
    assert "return a / b" in logs


@pytest.mark.parametrize(
    ("options", "death", "reason"),
    [
        ("", "os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("log_prints=True", "os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("log_prints=True", "os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("log_prints=True", "os._exit(3)", "code 3"),
    ],
)
def test_a_process_that_dies_is_crashed_with_the_reason(stack: Stack, options: str, death: str, reason: str) -> None:
    """A flow's process that is killed, or leaves without a word, makes the run CRASHED with signal or exit code.

    What it said just before is in the logs, whether its prints are lines of the log or go to standard output.
    """
    source = f"""
        import os
        import signal

        from alisio import flow

        @flow({options})
        def main():
            print("the last words", flush=True)
            {death}
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed)

    run = stack.wait_for_run(run_id)
    assert "CRASHED" == run["state"]["type"]
    assert reason in run["state"]["message"]
    assert 1 == run["attempt"]
    assert "the last words" in stack.logs(run_id)


def test_retries_cover_crashes(stack: Stack) -> None:
    """A flow with `retries` whose process is killed runs again as attempt 2, and the crash stays in the history."""
    mark = stack.folder / "mark"
    source = """
        import os
        import signal
        from pathlib import Path

        from alisio import flow

        @flow(retries=1)
        def main(mark: Path):
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
    """
    deployed = stack.deploy(source, "--param", f"mark={mark}")
    stack.start_agent()

    run_id = stack.run(deployed)

    run = stack.wait_for_run(run_id, "COMPLETED")
    assert 2 == run["attempt"]
    states = stack.api.get(f"/flow-runs/{run_id}/states")
    assert any("SIGKILL" in (state["message"] or "") for state in states)


def test_a_flow_file_that_cannot_be_loaded_fails_its_run(stack: Stack) -> None:
    """A file that cannot be loaded where it runs ends the run FAILED; the state says what, the logs where."""
    source = """
        import os

        from alisio import flow

        if "BREAK" in os.environ:
            exec(compile("def main(:", "flow.py", "exec"))

        @flow
        def main(): ...
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed, "--job-variable", 'env={"BREAK": "1"}')

    run = stack.wait_for_run(run_id)
    assert "FAILED" == run["state"]["type"]
    assert "SyntaxError" in run["state"]["message"]
    assert 1 == len(run["state"]["message"].splitlines())


@pytest.mark.parametrize("exit_call", ["sys.exit(4)", "sys.exit('enough')"])
def test_a_flow_that_exits_says_so(stack: Stack, exit_call: str) -> None:
    """`sys.exit` within a flow ends its run in a state that says so; it is not taken for success."""
    source = f"""
        import sys

        from alisio import flow

        @flow
        def main():
            {exit_call}
    """
    deployed = stack.deploy(source)
    stack.start_agent()

    run_id = stack.run(deployed)

    run = stack.wait_for_run(run_id)
    assert run["state"]["type"] in ("FAILED", "CRASHED")
    assert "4" in run["state"]["message"] or "enough" in run["state"]["message"]


def test_a_running_flow_is_cancelled(stack: Stack) -> None:
    """`flow-run cancel` stops a running flow, whose `finally` blocks run; `flow-run watch` of it ends with 1."""
    alive = stack.folder / "alive"
    source = """
        import time
        from pathlib import Path

        from alisio import flow

        @flow
        def main(alive: Path):
            alive.touch()
            try:
                while True:
                    print("still here", flush=True)
                    time.sleep(0.1)
            finally:
                alive.unlink()
    """
    deployed = stack.deploy(source, "--param", f"alive={alive}")
    stack.start_agent()
    run_id = stack.run(deployed)
    stack.wait_for_run(run_id, "RUNNING")
    stack.until(alive.exists, "the flow to begin")
    watching = stack.start("flow-run", "watch", run_id)
    stack.until(lambda: "still here" in stack.output(watching), "the run to be shown")

    stack.cli("flow-run", "cancel", run_id)

    stack.wait_for_run(run_id, "CANCELLED")
    assert not alive.exists()
    assert "Cancelling" in stack.history(run_id)
    assert 1 == watching.wait(timeout=60)
    assert "Cancelled" in stack.output(watching)


def test_a_run_that_waits_is_cancelled_at_once(stack: Stack) -> None:
    """A run that nobody has claimed is CANCELLED as soon as it is asked for, and no agent takes it later."""
    deployed = stack.deploy(QUICK)
    run_id = stack.run(deployed)

    stack.cli("flow-run", "cancel", run_id)

    assert "CANCELLED" == stack.read_run(run_id)["state"]["type"]
    stack.start_agent()
    stack.wait_for_run(stack.run(deployed), "COMPLETED")
    assert ("CANCELLED", 0) == (stack.read_run(run_id)["state"]["type"], stack.read_run(run_id)["attempt"])


def test_a_failed_run_is_retried_by_hand(stack: Stack) -> None:
    """`flow-run retry` opens a new attempt of a run that ended; one that has not ended is refused."""
    mark = stack.folder / "mark"
    source = """
        from pathlib import Path

        from alisio import flow

        @flow
        def main(mark: Path):
            if not mark.exists():
                raise FileNotFoundError(mark)
    """
    deployed = stack.deploy(source, "--param", f"mark={mark}")
    stack.start_agent()
    run_id = stack.run(deployed)
    assert 1 == stack.wait_for_run(run_id, "FAILED")["attempt"]
    mark.touch()

    stack.cli("flow-run", "retry", run_id)

    assert 2 == stack.wait_for_run(run_id, "COMPLETED")["attempt"]
    waiting = stack.run(deployed, "--in", "1h")
    assert waiting in stack.refused("flow-run", "retry", waiting)
