"""Flows that are paused, suspended, given input, served, and that start runs of deployments."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from alisio import State
from alisio.contract.state_record import StateRecord
from tests.e2e.flows import RECORDED
from tests.e2e.stack import Stack
from tests.waiting import wait_until


def result_of(run: dict[str, Any]) -> Any:
    """Read the stored result of a run that has completed."""
    return State.from_record(StateRecord.model_validate(run["state"])).result()


def test_a_retried_flow_finds_the_runs_of_deployments_that_it_has_started(stack: Stack) -> None:
    """They are its subflows; their states and results are at hand, and a run that completed is not asked for again."""
    child = """
        from pathlib import Path

        from alisio import flow

        @flow(persist_result=True)
        def main(record: Path, mark: str):
            with record.open("a") as file:
                file.write(f"{mark}\\n")
            if mark == "bad":
                raise ValueError("no")
            return mark.upper()
    """
    parent = """
        from alisio import flow, runtime
        from alisio.deployments import run_deployment

        @flow(retries=1, persist_result=True)
        def main(child: str, record: str):
            runs = [
                run_deployment(child, parameters={"record": record, "mark": mark}, poll_interval=0.2, tags=["mine"])
                for mark in ("good", "bad")
            ]
            if runtime.flow_run.run_count == 1:
                raise ValueError("again")
            return [runs[0].state.result(), runs[1].state.name, str(runs[0].id)]
    """
    record = stack.folder / "record"
    inner = stack.deploy(child)
    outer = stack.deploy(parent)
    stack.start_agent()

    run_id = stack.run(outer, "--param", f"child={inner.address}", "--param", f"record={record}")

    run = stack.wait_for_run(run_id, timeout=60)
    assert "COMPLETED" == run["state"]["type"], stack.logs(run_id)
    children = {each["id"]: each for each in stack.runs(parent_flow_run_ids=[run_id])}
    good, bad, good_id = result_of(run)
    assert ("GOOD", "Failed") == (good, bad)
    assert ["COMPLETED", "FAILED", "FAILED"] == sorted(each["state"]["type"] for each in children.values())
    assert ["mine"] == children[good_id]["tags"]
    assert ["good", "bad", "bad"] == record.read_text().split()


def test_a_subflow_is_cancelled_with_the_flow_that_waits_for_it(stack: Stack) -> None:
    """Cancelling the one that waits ends both."""
    parent = """
        from alisio import flow
        from alisio.deployments import run_deployment

        @flow
        async def main(child: str, gate: str):
            await run_deployment(child, parameters={"gate": gate})
    """
    held = """
        import time
        from pathlib import Path

        from alisio import flow

        @flow
        def main(gate: Path):
            gate.touch()
            time.sleep(60)
    """
    gate = stack.folder / "gate"
    inner, outer = stack.deploy(held), stack.deploy(parent)
    stack.start_agent()
    run_id = stack.run(outer, "--param", f"child={inner.address}", "--param", f"gate={gate}")
    stack.until(gate.exists, "the subflow to run")

    stack.cli("flow-run", "cancel", run_id)

    assert "CANCELLED" == stack.wait_for_run(run_id)["state"]["type"]
    [child] = stack.runs(parent_flow_run_ids=[run_id])
    assert "CANCELLED" == stack.wait_for_run(child["id"])["state"]["type"]


def test_a_paused_flow_gets_its_input_from_the_command_line(stack: Stack) -> None:
    """A wrong one is refused with its field and leaves it paused; the right one goes to the code as its model."""
    source = """
        from alisio import flow
        from alisio.flow_runs import pause_flow_run
        from alisio.input import RunInput

        class Person(RunInput):
            name: str
            age: int = 1

        @flow(persist_result=True)
        async def main():
            person = await pause_flow_run(wait_for_input=Person, poll_interval=0.2)
            return f"{person.name} is {person.age}"
    """
    deployed = stack.deploy(source)
    stack.start_agent()
    run_id = stack.run(deployed)
    stack.wait_for_run(run_id, "Paused")

    assert "input.age" in stack.refused("flow-run", "resume", run_id, "--param", "name=Ana", "--param", "age=old")
    assert "PAUSED" == stack.read_run(run_id)["state"]["type"]
    stack.cli("flow-run", "resume", run_id, "--param", "name=Ana", "--param", "age=7")

    assert "Ana is 7" == result_of(stack.wait_for_run(run_id, "COMPLETED"))


def test_a_suspended_flow_goes_on_in_another_process(stack: Stack) -> None:
    """Its process and its agent are gone when it is resumed; stored tasks are not run again, nor the pause."""
    source = """
        from pathlib import Path

        from alisio import flow, task
        from alisio.flow_runs import suspend_flow_run

        @task
        def step(folder: Path, name: str):
            with (folder / "ran").open("a") as ran:
                ran.write(f"{name}\\n")
            return name

        @flow(persist_result=True)
        def main(folder: Path):
            first = step(folder, "before")
            answer = suspend_flow_run(wait_for_input=int, timeout=600)
            return [first, answer, step(folder, "after")]
    """
    deployed = stack.deploy(source, "--param", f"folder={stack.folder}")
    agent = stack.start_agent("--limit", "1")
    run_id = stack.run(deployed)
    run = stack.wait_for_run(run_id, "Suspended")
    assert None is run["lease_until"]
    agent.kill()
    agent.wait()

    stack.cli("flow-run", "resume", run_id, "--param", "value=3")

    assert "Resuming" == stack.read_run(run_id)["state"]["name"]
    stack.start_agent("--limit", "1")
    run = stack.wait_for_run(run_id, timeout=60)
    assert (["before", 3, "after"], 2) == (result_of(run), run["attempt"])
    assert ["before", "after"] == (stack.folder / "ran").read_text().split()


def test_a_running_flow_stops_at_its_next_task_when_it_is_asked_to(stack: Stack) -> None:
    """Paused, its process waits; suspended, another one goes on."""
    source = """
        import time
        from pathlib import Path

        from alisio import flow, task

        @task
        def tick():
            time.sleep(0.1)

        @flow
        def main(gate: Path):
            while not gate.exists():
                tick()
    """
    gate = stack.folder / "gate"
    deployed = stack.deploy(source, "--param", f"gate={gate}")
    stack.start_agent()
    run_id = stack.run(deployed)
    stack.wait_for_run(run_id, "RUNNING")

    for command, state in (("pause", "Paused"), ("suspend", "Suspended")):
        stack.cli("flow-run", command, run_id)
        stack.wait_for_run(run_id, state)
        stack.cli("flow-run", "resume", run_id)
        stack.wait_for_run(run_id, "RUNNING")
    gate.touch()

    assert ("COMPLETED", 2) == (stack.wait_for_run(run_id)["state"]["type"], stack.read_run(run_id)["attempt"])


def test_a_wish_to_pause_outlives_the_process_that_was_asked(stack: Stack) -> None:
    """It is killed before it comes to a task: the process of the next attempt pauses at its first one."""
    source = """
        import os
        import time
        from pathlib import Path

        from alisio import flow, task

        @task
        def step():
            return "done"

        @flow(retries=1, persist_result=True)
        def main(mark: Path):
            while not mark.exists() or mark.read_text() == str(os.getpid()):
                mark.write_text(str(os.getpid()))
                time.sleep(0.05)
            return step()
    """
    mark = stack.folder / "mark"
    deployed = stack.deploy(source, "--param", f"mark={mark}")
    stack.start_agent()
    run_id = stack.run(deployed)
    stack.until(lambda: mark.exists() and mark.read_text(), "the flow to run")

    stack.cli("flow-run", "pause", run_id)
    os.kill(int(mark.read_text()), signal.SIGKILL)
    run = stack.wait_for_run(run_id, "Paused", timeout=60)
    assert 2 == run["attempt"]
    stack.cli("flow-run", "resume", run_id)

    assert "done" == result_of(stack.wait_for_run(run_id, "COMPLETED"))


def test_flows_talk_to_each_other(stack: Stack) -> None:
    """What is sent is received in order, and responded to; both wait for nothing but that."""
    greeter = """
        from alisio import flow
        from alisio.input import receive_input

        @flow
        async def main():
            async for name in receive_input(str, timeout=30, poll_interval=0.1, with_metadata=True):
                if name.value == "bye":
                    return
                await name.respond(f"Hello, {name.value}!")
    """
    sender = """
        from alisio import flow
        from alisio.deployments import run_deployment
        from alisio.input import receive_input, send_input

        @flow(persist_result=True)
        def main(greeter: str):
            run = run_deployment(greeter, timeout=0, as_subflow=False)
            received = receive_input(str, timeout=30, poll_interval=0.1)
            answers = []
            for name in ("Ana", "Bo"):
                send_input(name, flow_run_id=run.id)
                answers.append(received.next())
            send_input("bye", flow_run_id=run.id)
            return answers
    """
    other, deployed = stack.deploy(greeter), stack.deploy(sender)
    stack.start_agent()

    run_id = stack.run(deployed, "--param", f"greeter={other.address}")

    run = stack.wait_for_run(run_id, timeout=60)
    assert ["Hello, Ana!", "Hello, Bo!"] == result_of(run), stack.logs(run_id)
    stack.until(lambda: all(each["state"]["type"] == "COMPLETED" for each in stack.runs()), "both to end")


@pytest.fixture
def served(stack: Stack) -> Iterator[subprocess.Popen[str]]:
    """A script that serves two flows."""
    source = (
        RECORDED
        + """
    @flow
    def nightly():
        pass

    if __name__ == "__main__":
        from alisio import serve

        serve(
            main.to_deployment("here", parameters={"mark": "served"}, tags=["t"]),
            nightly.to_deployment("here", cron="0 3 * * *", timezone="Europe/Madrid"),
            limit=2,
        )
"""
    )
    script = stack.write("served.py", source)
    with (stack.folder / "served.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, script.name], cwd=script.parent, env=stack.backend.environment, stdout=log, stderr=log
        )
    yield process  # type: ignore[misc]  # it has no pipes
    process.kill()
    process.wait()
    for address in ("main/here", "nightly/here"):
        stack.cli("deployment", "delete", address)


def test_a_served_flow_runs_until_its_script_is_interrupted(stack: Stack, served: subprocess.Popen[str]) -> None:
    """Its deployments are made, runs use the code as it lies there, and at ctrl+c schedules are paused."""
    record = stack.folder / "record"
    log = stack.folder / "served.log"
    wait_until(lambda: "ctrl+c" in log.read_text() or served.poll() is not None, 60)
    assert None is served.poll(), log.read_text()

    stack.cli("deployment", "run", "main/here", "--param", f"record={record}", "--watch")

    assert "served\n" == record.read_text()
    served.send_signal(signal.SIGINT)
    assert 0 == served.wait(timeout=60), log.read_text()
    assert "Traceback" not in log.read_text()
    shown = json.loads(stack.cli("deployment", "inspect", "nightly/here", "-o", "json").out)
    assert (True, "0 3 * * *", "Europe/Madrid") == (
        shown["paused"], shown["schedules"][0]["cron"], shown["schedules"][0]["timezone"]
    )  # fmt: skip
