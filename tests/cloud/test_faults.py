"""What breaks beneath the API: functions killed in the middle of requests, a database that does not answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from alisio.client import Client
from alisio.contract.runs import FlowRunCreate
from tests.cloud.place import CloudPlace
from tests.e2e.flows import QUICK, RECORDED
from tests.e2e.stack import Stack


def _client(stack: Stack) -> Client:
    return Client.over_http(stack.backend.api_url, stack.backend.environment["ALISIO_API_KEY"])


def test_a_function_killed_in_the_middle_of_requests_loses_and_doubles_nothing(stack: Stack, place: CloudPlace) -> None:
    """Clients ask again with the same idempotency key, so each wish makes one run."""
    deployed = stack.deploy(QUICK)
    wishes = [f"{stack.pool}-{number}" for number in range(24)]
    over = threading.Event()
    killed = 0

    def make(wish: str) -> str:
        with _client(stack) as client:
            return str(client.create_run(UUID(deployed.id), FlowRunCreate(idempotency_key=wish)).id)

    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(make, wish) for wish in wishes]
        while not all(one.done() for one in made):
            for process in place.function_processes("api")[:1]:
                process.kill()
                killed += 1
            over.wait(0.3)
        run_ids = {one.result() for one in made}

    assert killed > 0
    assert len(wishes) == len(run_ids)
    assert run_ids == {run["id"] for run in stack.runs()}


def test_a_database_that_does_not_answer_costs_no_run(stack: Stack, place: CloudPlace) -> None:
    """A flow goes on while the database is frozen, and its end is stored when it is back; what waited then runs too."""
    record, gate = stack.folder / "record", stack.folder / "gate"
    deployed = stack.deploy(RECORDED, "--param", f"record={record}", "--param", "mark=ran")
    held = stack.deploy(_HELD, "--param", f"gate={gate}")
    stack.start_agent()
    running = stack.run(held)
    stack.wait_for_run(running, "RUNNING")

    with place.frozen_database():
        gate.touch()
        stack.until((stack.folder / "gate.passed").exists, "the flow to end while the database is away")

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
