"""Many clients at once, most of whom wait."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from alisio.contract.base import utc_now
from tests.integration.server.conftest import Server
from tests.waiting import wait_until

POLL_SECONDS = 60
"""As long as one may be; far longer than what is to happen meanwhile takes on a busy machine."""


def wait_for_wake_up(server: Server, *, on_sent: Callable[[], None] | None = None, **wanted: Any) -> dict[str, Any]:
    """Make one long poll of the pool.

    Args:
        server: Whom to ask.
        on_sent: Called once all of the request is sent.
        wanted: Fields of its body.
    """

    def trace(event: str, _: Any) -> None:
        if on_sent is not None and event == "http11.receive_response_headers.started":
            on_sent()

    # Nothing is encrypted, and to read the certificates of the system takes longer than all the rest.
    with httpx.Client(timeout=POLL_SECONDS + 30, verify=False) as client:
        answer = client.post(
            f"{server.url}/work-pools/pool/wake-ups",
            json={"timeout_seconds": POLL_SECONDS, **wanted},
            extensions={"trace": trace},
        )
    assert 200 == answer.status_code, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ask_anew(server: Server, path: str) -> int:
    """Send a request over a connection of its own, so that any process may take it; returns the status."""
    return httpx.get(f"{server.url}{path}", timeout=60, verify=False).status_code


@contextmanager
def open_polls(server: Server, count: int) -> Iterator[list[Future[dict[str, Any]]]]:
    """Have long polls open, all of which the server has read."""
    after = sequence_of(server)
    sent: list[None] = []

    def poll() -> dict[str, Any]:
        return wait_for_wake_up(server, on_sent=lambda: sent.append(None), after=after)

    with ThreadPoolExecutor(count) as threads:
        polls = [threads.submit(poll) for _ in range(count)]
        wait_until(lambda: len(sent) == count)
        # So many that each process answers some of them: it has then read what was sent before.
        assert {200} == {ask_anew(server, "/version") for _ in range(30)}
        yield polls


def sequence_of(server: Server) -> int:
    """Get the present sequence, without waiting: one that no process of the server began after."""
    after = quiet = 0
    while quiet < 20:
        answer = wait_for_wake_up(server, after=after, timeout_seconds=0)
        after, quiet = answer["sequence"], 0 if answer["rang"] else quiet + 1
    return after


def test_a_run_wakes_those_who_wait(server: Server) -> None:
    """Every agent that waits hears of a new run long before its wait is over; without a ring it ends after its time."""
    deployment_id = server.create_deployment()
    assert not wait_for_wake_up(server, timeout_seconds=0.05)["rang"]
    with open_polls(server, 5) as polls:
        after = sequence_of(server)
        server.ask("POST", f"/deployments/{deployment_id}/runs", {})
        heard = [poll.result(POLL_SECONDS / 2) for poll in polls]

    assert [True] * 5 == [answer["rang"] for answer in heard]
    assert all(answer["sequence"] > after for answer in heard)


def test_a_later_run_rings_when_it_is_due(server: Server) -> None:
    """The wake-up of a run that is due later arrives when it is due, and not before."""
    deployment_id = server.create_deployment()
    after = sequence_of(server)
    due = utc_now() + timedelta(seconds=1)
    with ThreadPoolExecutor(1) as thread:
        server.ask("POST", f"/deployments/{deployment_id}/runs", {"due": due.isoformat()})
        heard = thread.submit(wait_for_wake_up, server, after=after).result(POLL_SECONDS / 2)

    assert heard["rang"]
    assert utc_now() >= due


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
        with httpx.Client(timeout=100) as client:
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
    """With a hundred long polls open, others are answered before the first of the polls ends."""
    deployment_id = server.create_deployment()
    with open_polls(server, 100) as polls:
        answers = [ask_anew(server, "/health") for _ in range(20)]
        over = [poll for poll in polls if poll.done()]
        server.ask("POST", f"/deployments/{deployment_id}/runs", {})
        heard = [poll.result()["rang"] for poll in polls]

    assert [200] * 20 == answers
    assert [] == over
    assert all(heard)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_is_clean_and_soon(server: Server, number: signal.Signals) -> None:
    """A signal ends the server with exit code 0, and it waits for no long poll: those that are open are answered."""
    server.create_deployment()
    with open_polls(server, 8) as polls:
        ended = server.stop(number)
        heard = [poll.result()["rang"] for poll in polls]

    assert (0, "ended") == ended
    assert [False] * 8 == heard
    assert "" == (server.home / "stderr.txt").read_text()
