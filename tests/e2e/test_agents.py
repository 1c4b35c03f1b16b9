"""Agents and supervisors: sharing a pool, stopping, dying."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.e2e.flows import HELD, QUICK, RECORDED
from tests.e2e.stack import Deployed, Stack


class HeldRun(NamedTuple):
    """A run whose flow waits until its gate, a file, is there."""

    agent: subprocess.Popen[str]
    deployed: Deployed
    run_id: str
    gate: Path


def hold_a_run(stack: Stack, *options: str) -> HeldRun:
    """Start an agent with these options, and a run that waits in the middle of its flow."""
    gate = stack.folder / "gate"
    deployed = stack.deploy(HELD, "--param", f"gate={gate}")
    agent = stack.start_agent(*options)
    run_id = stack.run(deployed)
    stack.until(lambda: "waiting at the gate" in stack.logs(run_id), "the flow to begin")
    return HeldRun(agent, deployed, run_id, gate)


def test_two_agents_share_a_pool_and_each_run_runs_once(stack: Stack) -> None:
    """What two agents on one pool execute, by the flows' own record: every run, and each of them once."""
    record = stack.folder / "record"
    deployed = stack.deploy(RECORDED, "--param", f"record={record}")
    agents = [stack.start_agent("--limit", "2") for _ in range(2)]
    marks = [f"run-{number}" for number in range(16)]

    run_ids = stack.create_runs(deployed, *({"parameters": {"mark": mark}} for mark in marks))

    runs = [stack.wait_for_run(run_id, "COMPLETED") for run_id in run_ids]
    assert sorted(marks) == sorted(record.read_text().split())
    assert {1} == {run["attempt"] for run in runs}
    assert len(agents) == len({run["agent_id"] for run in runs})


def test_an_agent_serves_only_the_queues_it_is_told(stack: Stack) -> None:
    """`agent start -q` leaves the other queues of its pool alone."""
    stack.cli("work-queue", "create", "mine", "-p", stack.pool)
    mine = stack.deploy(QUICK, "-q", "mine")
    other = stack.deploy(QUICK)
    [left] = stack.create_runs(other, {})
    stack.start_agent("-q", "mine")

    [taken] = stack.create_runs(mine, {})

    stack.wait_for_run(taken, "COMPLETED")
    assert 0 == stack.read_run(left)["attempt"]


def test_a_stopped_agent_leaves_its_runs_to_finish(stack: Stack) -> None:
    """SIGTERM ends an agent cleanly; the run that it had started goes on and completes, and the agent is offline."""
    agent, _, run_id, gate = hold_a_run(stack)

    assert 0 == stack.stop(agent)

    agents = stack.cli("agent", "ls", "--output", "json").json
    assert ["offline"] == [found["status"] for found in agents if found["work_pool_name"] == stack.pool]
    assert "RUNNING" == stack.read_run(run_id)["state"]["type"]
    gate.touch()
    assert 1 == stack.wait_for_run(run_id, "COMPLETED")["attempt"]


def test_an_agent_that_drains_waits_for_its_runs(stack: Stack) -> None:
    """Told to stop, it claims no more, stays until its run has ended, and ends cleanly."""
    agent, deployed, run_id, gate = hold_a_run(stack, "--drain-seconds", "60")

    agent.send_signal(signal.SIGTERM)
    stack.until(lambda: "claims no more and waits 60 s at most for" in stack.output(agent), "the agent to drain")
    later = stack.run(deployed)
    gate.touch()

    assert 0 == agent.wait(timeout=60)
    assert ("COMPLETED", 1) == (stack.read_run(run_id)["state"]["type"], stack.read_run(run_id)["attempt"])
    assert 0 == stack.read_run(later)["attempt"]
    assert "0 of its runs go on" in stack.output(agent)


def test_an_agent_drains_no_longer_than_it_is_told(stack: Stack) -> None:
    """After `--drain-seconds` it ends and says which runs had not; here they can go on without it."""
    agent, _, run_id, gate = hold_a_run(stack, "--drain-seconds", "1")

    assert 0 == stack.stop(agent)

    [line] = [line for line in stack.output(agent).splitlines() if "has stopped before the end of" in line]
    assert stack.read_run(run_id)["name"] in line
    gate.touch()
    assert 1 == stack.wait_for_run(run_id, "COMPLETED")["attempt"]


def test_a_second_signal_ends_a_draining_agent_at_once(stack: Stack) -> None:
    """Who does not want to wait sends the signal again; the exit code says that it did not end by itself."""
    agent, _, run_id, gate = hold_a_run(stack, "--drain-seconds", "60")
    agent.send_signal(signal.SIGTERM)
    stack.until(lambda: "claims no more" in stack.output(agent), "the agent to drain")

    assert 128 + signal.SIGTERM == stack.stop(agent)

    gate.touch()
    stack.wait_for_run(run_id, "COMPLETED")


def test_a_run_outlives_its_killed_agent(stack: Stack) -> None:
    """SIGKILL of the agent does no harm to the run: its supervisor keeps reporting until the end."""
    agent, _, run_id, gate = hold_a_run(stack)

    agent.kill()
    agent.wait()
    gate.touch()

    run = stack.wait_for_run(run_id, "COMPLETED")
    assert 1 == run["attempt"]
    assert ["Scheduled", "Pending", "Running", "Completed"] == stack.history(run_id)
    assert "through the gate" in stack.logs(run_id)


def test_an_agent_without_a_warm_start_runs_flows_too(stack: Stack) -> None:
    """`agent start --no-warm-start` starts a fresh interpreter a run, and nothing else differs."""
    deployed = stack.deploy(QUICK)
    stack.start_agent("--no-warm-start")

    run_id = stack.run(deployed)

    stack.wait_for_run(run_id, "COMPLETED")
    assert ["Scheduled", "Pending", "Running", "Completed"] == stack.history(run_id)
    assert "the word is hello" in stack.logs(run_id)
