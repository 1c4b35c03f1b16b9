"""Work pools and queues: what is served first, how much at once, what holds runs back."""

from __future__ import annotations

from datetime import datetime

from tests.e2e.flows import BRIEF, PAIRED, QUICK
from tests.e2e.stack import Stack


def _started(stack: Stack, run_id: str) -> datetime:
    return datetime.fromisoformat(stack.read_run(run_id)["started"])


def _meeting(stack: Stack) -> tuple[str, str]:
    """Give the option that names the folder in which the runs of a deployment look for each other."""
    folder = stack.folder / "meeting"
    folder.mkdir()
    return "--param", f"folder={folder}"


def test_the_queue_of_higher_priority_is_served_first(stack: Stack) -> None:
    """With one slot, all waiting runs of queue 1 start before those of queue 2, though they were asked for later."""
    stack.cli("work-queue", "create", "urgent", "-p", stack.pool, "--priority", "1")
    stack.cli("work-queue", "create", "patient", "-p", stack.pool, "--priority", "2")
    patient = stack.create_runs(stack.deploy(QUICK, "-q", "patient"), {}, {}, {})
    urgent = stack.create_runs(stack.deploy(QUICK, "-q", "urgent"), {}, {}, {})

    stack.start_agent("--limit", "1")

    for run_id in patient + urgent:
        stack.wait_for_run(run_id, "COMPLETED")
    assert max(_started(stack, run_id) for run_id in urgent) < min(_started(stack, run_id) for run_id in patient)
    assert 1 == stack.most_at_once(patient + urgent)


def test_a_queue_never_runs_more_than_its_limit(stack: Stack) -> None:
    """A queue with a limit of 2 runs two at once and never three, and all in the end."""
    stack.cli("work-queue", "create", "narrow", "-p", stack.pool, "--limit", "2")
    deployed = stack.deploy(PAIRED, "-q", "narrow", *_meeting(stack))
    stack.start_agent()

    run_ids = stack.create_runs(deployed, *({} for _ in range(7)))

    for run_id in run_ids:
        stack.wait_for_run(run_id, "COMPLETED")
    assert 2 == stack.most_at_once(run_ids)


def test_a_pool_never_runs_more_than_its_limit(stack: Stack) -> None:
    """A pool's limit holds over all its queues and agents; `set-limit` changes it while runs wait."""
    stack.cli("work-queue", "create", "other", "-p", stack.pool)
    stack.cli("work-pool", "set-limit", stack.pool, "1")
    deployed = stack.deploy(BRIEF)
    elsewhere = stack.deploy(BRIEF, "-q", "other")
    paired = stack.deploy(PAIRED, *_meeting(stack))
    stack.start_agent()
    stack.start_agent()

    narrow = stack.create_runs(deployed, {}, {}) + stack.create_runs(elsewhere, {}, {})
    for run_id in narrow:
        stack.wait_for_run(run_id, "COMPLETED")
    assert 1 == stack.most_at_once(narrow)

    stack.cli("work-pool", "set-limit", stack.pool, "none")
    wide = stack.create_runs(paired, *({} for _ in range(6)))
    for run_id in wide:
        stack.wait_for_run(run_id, "COMPLETED")
    assert stack.most_at_once(wide) > 1


def test_an_agent_never_runs_more_than_its_limit(stack: Stack) -> None:
    """`agent start --limit 2` runs two at once and never three."""
    deployed = stack.deploy(PAIRED, *_meeting(stack))
    run_ids = stack.create_runs(deployed, *({} for _ in range(6)))

    stack.start_agent("--limit", "2")

    for run_id in run_ids:
        stack.wait_for_run(run_id, "COMPLETED")
    assert 2 == stack.most_at_once(run_ids)


def test_a_paused_queue_holds_its_runs(stack: Stack) -> None:
    """Runs of a paused queue wait while others start; `work-queue resume` lets them go at once."""
    stack.cli("work-queue", "create", "held", "-p", stack.pool)
    stack.cli("work-queue", "pause", "held", "-p", stack.pool)
    [held] = stack.create_runs(stack.deploy(QUICK, "-q", "held"), {})
    stack.start_agent()
    [free] = stack.create_runs(stack.deploy(QUICK), {})

    stack.wait_for_run(free, "COMPLETED")
    assert "SCHEDULED" == stack.read_run(held)["state"]["type"]
    stack.cli("work-queue", "resume", "held", "-p", stack.pool)

    stack.wait_for_run(held, "COMPLETED")


def test_a_paused_pool_holds_its_runs(stack: Stack) -> None:
    """A paused pool starts nothing, and says so; `work-pool resume` lets its runs go at once."""
    deployed = stack.deploy(QUICK)
    stack.start_agent()
    stack.wait_for_run(stack.run(deployed), "COMPLETED")
    stack.cli("work-pool", "pause", stack.pool)

    held = stack.run(deployed)

    stack.cli("work-pool", "inspect", stack.pool)
    assert "paused" == stack.cli("work-pool", "inspect", stack.pool, "--output", "json").json["status"]
    assert ("SCHEDULED", 0) == (stack.read_run(held)["state"]["type"], stack.read_run(held)["attempt"])
    stack.cli("work-pool", "resume", stack.pool)
    stack.wait_for_run(held, "COMPLETED")


def test_a_run_that_nobody_takes_is_late(stack: Stack) -> None:
    """Without an agent a run is Late before long and its pool is not ready; an agent that comes then still runs it."""
    deployed = stack.deploy(QUICK)
    run_id = stack.run(deployed)

    stack.wait_for_run(run_id, "Late")

    assert "not_ready" == stack.cli("work-pool", "inspect", stack.pool, "--output", "json").json["status"]
    [queue] = stack.cli("work-queue", "ls", "-p", stack.pool, "--output", "json").json
    assert 1 == queue["late"]
    stack.start_agent()
    stack.wait_for_run(run_id, "COMPLETED")
    assert "Late" in stack.history(run_id)
    assert "ready" == stack.cli("work-pool", "inspect", stack.pool, "--output", "json").json["status"]
