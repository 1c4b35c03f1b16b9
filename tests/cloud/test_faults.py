"""What breaks beneath the API: functions killed in the middle of requests, a database that does not answer."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from uuid import UUID

import pytest

from alisio.client import Client
from alisio.contract.runs import FlowRunCreate
from tests.cloud.place import CloudPlace
from tests.e2e.flows import QUICK, RECORDED
from tests.e2e.stack import Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.alone


def _client(stack: Stack) -> Client:
    return Client.over_http(stack.backend.api_url, stack.backend.environment["ALISIO_API_KEY"])


def _are_made(made: list[Future[str]], number: int) -> bool:
    return sum(one.done() for one in made) > number


def test_a_function_killed_in_the_middle_of_requests_loses_and_doubles_nothing(stack: Stack, place: CloudPlace) -> None:
    """Clients ask again with the same idempotency key, so each wish makes one run."""
    deployed = stack.deploy(QUICK)
    wishes = [f"{stack.pool}-{number}" for number in range(24)]
    kills = 4

    def make(wish: str) -> str:
        with _client(stack) as client:
            return str(client.create_run(UUID(deployed.id), FlowRunCreate(idempotency_key=wish)).id)

    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(make, wish) for wish in wishes]
        for number in range(kills):
            # Fewer than the tries of a client, and each in the midst of what is still to be made.
            wait_until(partial(_are_made, made, number), 60, "some of the runs to be made")
            wait_until(lambda: place.function_processes("api"))[0].kill()
        assert not all(one.done() for one in made)
        run_ids = {one.result() for one in made}

    assert len(wishes) == len(run_ids)
    assert run_ids == {run["id"] for run in stack.runs()}


def test_runs_are_made_while_sqs_is_away_and_start_when_it_is_back(
    stack: Stack, place: CloudPlace, away: float
) -> None:
    """What could not be rung for is noted with the run, and rung for by a later tick."""
    deployed = stack.deploy(QUICK)
    stack.start_agent()
    run_ids = []
    end = time.monotonic() + away

    with place.unreachable_sqs("api", "tick"):
        while not run_ids or time.monotonic() < end:
            run_ids += stack.create_runs(deployed, *([{}, {}] if len(run_ids) < 100 else []))
            place.tick()

    assert {1} == {stack.wait_for_run(run_id, "COMPLETED")["attempt"] for run_id in run_ids}
    assert sorted(run_ids) == sorted(run["id"] for run in stack.runs())


def test_a_database_that_does_not_answer_costs_no_run(stack: Stack, place: CloudPlace, away: float) -> None:
    """A flow goes on while the database is frozen, and its end is stored when it is back; what waited then runs too."""
    record, gate = stack.folder / "record", stack.folder / "gate"
    deployed = stack.deploy(RECORDED, "--param", f"record={record}", "--param", "mark=ran")
    held = stack.deploy(_HELD, "--param", f"gate={gate}")
    stack.start_agent()
    running = stack.run(held)
    stack.wait_for_run(running, "RUNNING")

    end = time.monotonic() + away

    with place.frozen_database():
        gate.touch()
        stack.until((stack.folder / "gate.passed").exists, "the flow to end while the database is away")
        wait_until(lambda: time.monotonic() > end, away + 1)

    assert 1 == stack.wait_for_run(running, "COMPLETED")["attempt"]
    stack.wait_for_run(stack.run(deployed), "COMPLETED")
    assert ["ran"] == record.read_text().split()


_HELD = """
    import time
    from pathlib import Path

    from alisio import flow

    @flow
    def main(gate: Path):
        while not gate.exists():
            time.sleep(0.02)
        gate.with_suffix(".passed").touch()
"""
