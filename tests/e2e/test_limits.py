"""Limits where everything is real: agents, supervisors, processes that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from itertools import pairwise

from tests.e2e.stack import Stack

HOLDER = """
    import time
    from pathlib import Path

    from alisio import flow, task
    from alisio.concurrency.sync import concurrency

    @task(tags=["TAG"])
    def tagged(place: int) -> int:
        began = time.time()
        time.sleep(0.2)
        print("span", began, time.time())
        return place

    @flow(log_prints=True)
    def main(name: str = "", tasks: int = 0, gate: Path | None = None):
        while gate is not None and not gate.exists():
            time.sleep(0.02)
        if name:
            with concurrency(name, strict=True):
                print("it holds the slot")
                time.sleep(0.3)
        for future in [tagged.submit(place) for place in range(tasks)]:
            future.result()
"""


def test_runs_hold_the_slots_of_a_global_limit(stack: Stack) -> None:
    """Runs in processes of their own pass the block one after the other; what a killed process held comes back."""
    name = f"limit-{uuid.uuid4().hex[:8]}"
    stack.cli("gcl", "create", name, "--limit", "1")
    deployed = stack.deploy(HOLDER, "--param", f"name={name}")
    stack.start_agent("--limit", "3")

    runs = stack.create_runs(deployed, {}, {}, {})
    for run_id in runs:
        stack.wait_for_run(run_id, "COMPLETED")
        assert "it holds the slot" in stack.logs(run_id)
    assert 0 == stack.cli("gcl", "inspect", name, "--output", "json").json["active_slots"]

    script = stack.write(
        "script.py",
        f"""
        import os, signal
        from alisio.concurrency.sync import concurrency

        with concurrency("{name}", lease_duration=60):
            print("held", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    killed = subprocess.run(
        [sys.executable, str(script)], env=stack.backend.environment, capture_output=True, text=True
    )
    assert ("held", -signal.SIGKILL) == (killed.stdout.strip(), killed.returncode)
    assert 1 == stack.cli("gcl", "inspect", name, "--output", "json").json["active_slots"]
    stack.cli("gcl", "reset", name)
    stack.cli("gcl", "delete", name, "--yes")


def test_tagged_tasks_of_several_runs_share_a_limit(stack: Stack) -> None:
    """Tasks with a tag wait for each other across runs and processes, and are seen to."""
    tag = f"tag-{uuid.uuid4().hex[:8]}"
    stack.cli("concurrency-limit", "create", tag, "1")
    deployed = stack.deploy(HOLDER.replace("TAG", tag), "--param", "tasks=2")
    stack.start_agent("--limit", "2")

    runs = stack.create_runs(deployed, {}, {})
    for run_id in runs:
        stack.wait_for_run(run_id, "COMPLETED")
    task_runs = [task_run for run_id in runs for task_run in stack.task_runs(run_id)]
    told = [line.split() for run_id in runs for line in stack.logs(run_id) if line.startswith("span ")]
    spans = sorted((float(began), float(ended)) for _, began, ended in told)
    assert 4 == len(spans)
    assert all(ended <= began for (_, ended), (began, _) in pairwise(spans))
    names = {state["name"] for task_run in task_runs for state in task_run["states"]}
    assert "AwaitingConcurrencySlot" in names
    stack.cli("concurrency-limit", "delete", tag)


def test_a_run_that_is_taken_for_dead_keeps_its_slot_from_others(stack: Stack) -> None:
    """A supervisor that stands still loses its run's lease, and not the slot of its task, which runs on meanwhile."""
    tag, go_on = f"tag-{uuid.uuid4().hex[:8]}", stack.folder / "go-on"
    stack.cli("concurrency-limit", "create", tag, "1")
    slow = HOLDER.replace("time.sleep(0.2)", f"while not Path({str(go_on)!r}).exists(): time.sleep(0.05)")
    deployed = stack.deploy(slow.replace("TAG", tag), "--param", "tasks=1")
    stack.start_agent("--limit", "2")
    [first] = stack.create_runs(deployed, {})
    stack.until(lambda: [run["state"]["type"] for run in stack.task_runs(first)] == ["RUNNING"], "its task to run")

    supervisor = int(stack.read_run(first)["infrastructure"].rpartition(":")[2])
    os.kill(supervisor, signal.SIGSTOP)
    try:
        stack.wait_for_run(first, "CRASHED", timeout=60)
        [second] = stack.create_runs(deployed, {})
        waits = ["AwaitingConcurrencySlot"]
        stack.until(lambda: [run["state"]["name"] for run in stack.task_runs(second)] == waits, "the second to wait")
    finally:
        os.kill(supervisor, signal.SIGCONT)
    stack.wait_for_run(first, "RUNNING")
    go_on.touch()

    for run_id in (first, second):
        stack.wait_for_run(run_id, "COMPLETED")
    told = [line.split() for run_id in (first, second) for line in stack.logs(run_id) if line.startswith("span ")]
    (_, _, first_ended), (_, second_began, _) = told
    assert float(first_ended) <= float(second_began)
    stack.cli("concurrency-limit", "delete", tag)


def test_a_deployment_runs_as_often_as_it_may(stack: Stack) -> None:
    """With a limit its runs go one after the other, or those beyond it are cancelled."""
    deployed = stack.deploy(HOLDER, "--concurrency-limit", "1", "--param", "tasks=1")
    stack.start_agent("--limit", "3")

    runs = stack.create_runs(deployed, {}, {}, {})
    for run_id in runs:
        stack.wait_for_run(run_id, "COMPLETED")
    assert 1 == stack.most_at_once(runs)
    assert "AwaitingConcurrencySlot" in stack.history(runs[-1])

    name = deployed.address.partition("/")[2]
    gate = stack.folder / "gate"
    options = ("--concurrency-limit", "1", "--collision-strategy", "cancel_new", "--param", f"gate={gate}")
    stack.deploy(HOLDER, *options, name=name)
    first = stack.create_runs(deployed, {})[0]
    stack.wait_for_run(first, "RUNNING")
    second = stack.create_runs(deployed, {})[0]
    ended = stack.wait_for_run(second)
    gate.touch()
    assert ("CANCELLED", "Cancelled: its deployment's limit of 1 run at once was reached.") == (
        ended["state"]["type"], ended["state"]["message"]
    )  # fmt: skip
