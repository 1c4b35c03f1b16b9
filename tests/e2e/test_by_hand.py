"""Flows run as `python workflow.py`: with a server, and with nothing running at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.backends import ALISIO, clean_environment
from tests.e2e.stack import Stack

SCRIPT = """
    import sys

    from alisio import flow, task

    @task(retries=1, retry_delay_seconds=0.01)
    def double(number: int) -> int:
        return 2 * number

    @flow(name=sys.argv[2], retries=1, retry_delay_seconds=0.01, log_prints=True)
    def by_hand(number: int):
        total = sum(double.map([number, number]).result())
        print(f"the total is {total}")
        if total > 100:
            raise ValueError("too much")
        return total

    if __name__ == "__main__":
        print("result:", by_hand(int(sys.argv[1])))
"""


def _name(stack: Stack) -> str:
    """Name the flow of a scenario's script, which no other scenario runs."""
    return f"by-hand-{stack.pool}"


def _script(stack: Stack, argument: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(stack.write("workflow.py", SCRIPT)), argument, _name(stack)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_a_script_reports_its_run_to_the_server(stack: Stack) -> None:
    """A flow run by hand is on the server when the script exits, with its logs and task runs."""
    done = _script(stack, "4", stack.backend.environment)

    assert (0, "result: 16") == (done.returncode, done.stdout.strip().splitlines()[-1])
    query = {"filter": {"flow_names": [_name(stack)], "created_by": "script"}, "sort": "created_desc", "limit": 1}
    [run] = stack.api.post("/flow-runs/filter", query)["items"]
    assert ("COMPLETED", {"number": 4}, None) == (run["state"]["type"], run["parameters"], run["deployment_id"])
    assert "the total is 16" in stack.logs(run["id"])
    assert 2 == len(stack.task_runs(run["id"]))


def test_a_failing_script_is_recorded_and_raises(stack: Stack) -> None:
    """The exception comes out of the call as it would of any function, and the run is FAILED, after its retry."""
    done = _script(stack, "40", stack.backend.environment)

    assert 1 == done.returncode
    assert "ValueError: too much" in done.stderr
    query = {"filter": {"flow_names": [_name(stack)], "created_by": "script"}, "sort": "created_desc", "limit": 1}
    [run] = stack.api.post("/flow-runs/filter", query)["items"]
    assert "FAILED" == run["state"]["type"]
    assert "Retrying" in stack.history(run["id"])


def test_a_script_works_with_nothing_running(stack: Stack, tmp_path: Path) -> None:
    """Without server and settings the run is in the embedded database when the script exits, and commands show it."""
    environment = clean_environment(home=tmp_path / "own-home")

    done = _script(stack, "5", environment)

    assert (0, "result: 20") == (done.returncode, done.stdout.strip().splitlines()[-1])
    listing = [*ALISIO, "flow-run", "ls", "--output", "json"]
    shown = subprocess.run(listing, env=environment, capture_output=True, text=True, timeout=60, check=True)
    [run] = json.loads(shown.stdout)
    assert (_name(stack), "COMPLETED") == (run["flow_name"], run["state"]["type"])
    logs = [*ALISIO, "flow-run", "logs", run["id"]]
    shown = subprocess.run(logs, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert "the total is 20" in shown.stdout


def test_a_script_runs_on_without_its_server(stack: Stack) -> None:
    """A server that cannot be reached costs the record and one line on stderr, not the flow's result."""
    away = stack.backend.environment | {"ALISIO_API_URL": "http://127.0.0.1:9/api"}

    done = _script(stack, "6", away)

    assert (0, "result: 24") == (done.returncode, done.stdout.strip().splitlines()[-1])
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
