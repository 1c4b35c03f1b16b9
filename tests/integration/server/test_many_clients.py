from __future__ import annotations

import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from alisio.contract.base import utc_now
from tests.integration.server.conftest import Server


def wait_for_wake_up(server: Server, **wanted: Any) -> dict[str, Any]:
    """Make one long poll of the pool."""
    with httpx.Client(timeout=30) as client:
        answer = client.post(f"{server.url}/work-pools/pool/wake-ups", json={"timeout_seconds": 20, **wanted})
    assert 200 == answer.status_code, answer.text
    found: dict[str, Any] = answer.json()
    return found


def sequence_of(server: Server) -> int:
    """Get the present sequence, without waiting: one that no process of the server began after."""
    after = quiet = 0
    while quiet < 20:
        answer = wait_for_wake_up(server, after=after, timeout_seconds=0)
        after, quiet = answer["sequence"], 0 if answer["rang"] else quiet + 1
    return after


def test_a_run_wakes_those_who_wait(server: Server) -> None:
    """Every agent that waits hears of a new run at once, and a wait without a ring ends after its time."""
    deployment_id = server.create_deployment()
    assert not wait_for_wake_up(server, timeout_seconds=0.05)["rang"]
    after = sequence_of(server)
    with ThreadPoolExecutor(5) as threads:
        waits = [threads.submit(wait_for_wake_up, server, after=after) for _ in range(5)]
        began = time.monotonic()
        server.ask("POST", f"/deployments/{deployment_id}/runs", {})
        heard = [wait.result() for wait in waits]
    took = time.monotonic() - began

    assert [True] * 5 == [answer["rang"] for answer in heard]
    assert all(answer["sequence"] > after for answer in heard)
    assert took < 2


def test_a_later_run_rings_when_it_is_due(server: Server) -> None:
    """The wake-up of a run that is due later arrives when it is due, and not before."""
    deployment_id = server.create_deployment()
    after = sequence_of(server)
    due = utc_now() + timedelta(seconds=1)
    server.ask("POST", f"/deployments/{deployment_id}/runs", {"due": due.isoformat()})
    heard = wait_for_wake_up(server, after=after)
    late = (utc_now() - due).total_seconds()

    assert heard["rang"]
    assert 0 <= late < 0.5


def test_an_unknown_queue_cannot_be_waited_for(server: Server) -> None:
    """A long poll for a queue that is not there is refused at once."""
    server.create_deployment()
    answer = server.ask("POST", "/work-pools/pool/wake-ups", {"queues": ["nope"]})

    assert (404, "work_queue_not_found") == (answer.status_code, answer.json()["code"])


def test_sixty_four_clients(server: Server) -> None:
    """64 clients at once, beside as many long polls, get their runs without one error."""
    deployment_id = server.create_deployment()
    after = 2**60  # an agent of another life: answered at once, so it asks again

    def create(number: int) -> list[int]:
        with httpx.Client(timeout=60) as client:
            url = f"{server.url}/deployments/{deployment_id}/runs"
            return [client.post(url, json={"name": f"run {number}"}).status_code for _ in range(10)]

    with ThreadPoolExecutor(128) as threads:
        polls: list[Future[dict[str, Any]]] = [
            threads.submit(wait_for_wake_up, server, after=after + number) for number in range(64)
        ]
        statuses = [status for result in threads.map(create, range(64)) for status in result]
        heard = [poll.result()["rang"] for poll in polls]

    assert [201] * 640 == statuses
    assert all(heard)
    assert 640 == server.ask("POST", "/flow-runs/count", {}).json()["count"]


def test_long_polls_hold_no_worker(server: Server) -> None:
    """With a hundred long polls open, other requests are answered as if there were none."""
    server.create_deployment()
    after = sequence_of(server)
    with ThreadPoolExecutor(100) as threads:
        polls = [threads.submit(wait_for_wake_up, server, after=after, timeout_seconds=3) for _ in range(100)]
        began = time.monotonic()
        while time.monotonic() - began < 2:
            asked = time.monotonic()
            assert 200 == server.ask("GET", "/health").status_code
        took = time.monotonic() - asked
        assert not any(poll.done() and poll.result()["rang"] for poll in polls)

    assert took < 0.5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_is_clean_and_soon(server: Server, number: signal.Signals) -> None:
    """A signal ends the server within two seconds with exit code 0; open long polls are answered."""
    server.create_deployment()
    after = sequence_of(server)
    with ThreadPoolExecutor(8) as threads:
        polls = [threads.submit(wait_for_wake_up, server, after=after) for _ in range(8)]
        began = time.monotonic()
        while server.ask("GET", "/version").status_code != 200 or time.monotonic() - began < 0.5:
            pass
        began = time.monotonic()
        ended = server.stop(number)
        took = time.monotonic() - began
        heard = [poll.result()["rang"] for poll in polls]

    assert (0, "ended") == ended
    assert took < 2
    assert [False] * 8 == heard
    assert "" == (server.home / "stderr.txt").read_text()
