"""The agent: registering, hearing of work, stopping."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from alisio.contract.base import utc_now
from alisio.contract.ids import new_id
from alisio.contract.work_pools import (
    AgentBeat,
    BeatAnswer,
    ClaimAnswer,
    ClaimRequest,
    Holding,
    Job,
    StartFailure,
    WakeUpAnswer,
    WakeUpKind,
    WakeUpSource,
    WakeUpWait,
    WorkQueue,
)
from alisio.exceptions import ApiUnreachableError, NotFoundError
from alisio_agent import agent as agent_module
from alisio_agent import claims
from alisio_agent.agent import Agent, run_agent
from alisio_agent.options import AgentOptions, Identity
from tests.jobs import make_job
from tests.waiting import wait_until


class FakeApi:
    """A server whose work a test gives it, whose bell can be rung, and that can be away."""

    def __init__(self) -> None:
        self.beats: list[AgentBeat] = []
        self.claims: list[ClaimRequest] = []
        self.jobs: list[Job] = []
        self.waits: list[WakeUpWait] = []
        self.is_away = False
        self.may_leave = threading.Event()
        self.may_leave.set()
        self.pool_exists = True
        self.queues = {"q"}
        self._sequence = 0
        self._rung = threading.Condition()

    def ring(self) -> None:
        with self._rung:
            self._sequence += 1
            self._rung.notify_all()

    def claim(self, pool: str, request: ClaimRequest) -> ClaimAnswer:
        self.claims.append(request)
        jobs, self.jobs = self.jobs, []
        return ClaimAnswer(jobs=jobs)

    def read_wake_up_source(self, pool: str) -> WakeUpSource:
        return WakeUpSource(kind=WakeUpKind.LONG_POLL, queues=[])

    def wait_for_wake_up(self, pool: str, request: WakeUpWait) -> WakeUpAnswer:
        self.waits.append(request)
        with self._rung:
            self._rung.wait_for(lambda: self._sequence > request.after, timeout=0.5)
            return WakeUpAnswer(rang=self._sequence > request.after, sequence=self._sequence)

    def beat(self, agent_id: UUID, request: AgentBeat) -> BeatAnswer:
        self.beats.append(request)
        if request.stopping:
            assert self.may_leave.wait(60)
        if self.is_away:
            raise ApiUnreachableError("cannot reach the API")
        if not self.pool_exists:
            raise NotFoundError(404, "work_pool_not_found", "there is no work pool 'p'")
        return BeatAnswer(lost=[], lease_seconds=30)

    def fail_start(self, flow_run_id: UUID, failure: StartFailure) -> None:
        raise AssertionError("nobody asks for this here")

    def read_work_queue(self, pool: str, name: str) -> WorkQueue:
        if name not in self.queues:
            raise NotFoundError(404, "work_queue_not_found", f"there is no work queue {name!r}")
        return WorkQueue(
            id=new_id(), name=name, work_pool_name=pool, priority=1, paused=False, created=datetime.now(UTC)
        )


class Running:
    """An agent in a thread."""

    def __init__(self, api: FakeApi, home: Path) -> None:
        identity = Identity(new_id(), "agent-1", "p", ["q"], 2, "http://127.0.0.1:1/api", home)
        self.agent = Agent(api, identity, warm=False)
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.agent.run()
        except Exception as error:
            self.error = error


@pytest.fixture
def api() -> FakeApi:
    """A server."""
    return FakeApi()


@pytest.fixture
def start(api: FakeApi, tmp_path: Path) -> Iterator[Callable[[], Running]]:
    """Starts agents, and stops them after the test."""
    started: list[Running] = []

    def make() -> Running:
        started.append(Running(api, tmp_path))
        return started[-1]

    yield make
    for running in started:
        running.agent.stop()
        running.join()


def test_hears_of_work(api: FakeApi, start: Callable[[], Running]) -> None:
    """An agent claims when it starts and when its queue rings, for its queues and free slots."""
    start()
    wait_until(lambda: len(api.claims) == 1 and api.waits)
    api.ring()
    wait_until(lambda: len(api.claims) == 2)
    assert ["q"] == api.claims[1].queues == api.waits[0].queues == api.beats[0].queues
    assert 2 == api.claims[1].slots
    wait_until(lambda: api.waits[-1].after == 1)


def test_stops(api: FakeApi, start: Callable[[], Running], caplog: pytest.LogCaptureFixture) -> None:
    """An agent that stops says so to the server, and to people how many runs go on."""
    running = start()
    wait_until(lambda: api.claims)
    with caplog.at_level("INFO", logger="alisio.agent"):
        running.agent.stop()
        running.join()
    assert running.error is None
    assert api.beats[-1].stopping
    assert "agent agent-1 has stopped; 0 of its runs go on" in caplog.messages


def test_hands_back_what_it_has_not_begun(
    api: FakeApi, start: Callable[[], Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that stops tells the server which of its runs it will not start, and holds them no longer."""
    monkeypatch.setattr(claims, "_EARLIEST_SECONDS", 600.0)
    api.jobs = [make_job(due=utc_now() + timedelta(seconds=600))]
    holding = Holding(flow_run_id=api.jobs[0].flow_run_id, attempt=1)
    running = start()
    wait_until(lambda: api.claims and not api.jobs)
    running.agent.stop()
    running.join()
    assert ([holding], []) == (api.beats[-1].returned, api.beats[-1].holding)


def test_stops_while_the_server_hangs(
    api: FakeApi, start: Callable[[], Running], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that stops does not wait for a server that takes its farewell and gives no answer."""
    monkeypatch.setattr(agent_module, "_LEAVE_SECONDS", 0.05)
    api.may_leave.clear()
    running = start()
    wait_until(lambda: api.claims)
    running.agent.stop()
    running.join()
    api.may_leave.set()
    assert api.beats[-1].stopping
    assert "the server does not answer: what the agent holds is free once its leases have ended" in caplog.messages


def test_unknown_pool(api: FakeApi, start: Callable[[], Running]) -> None:
    """An agent of a pool that is not there ends with the server's line, and claims nothing."""
    api.pool_exists = False
    running = start()
    running.join()
    assert "there is no work pool 'p'" == str(running.error)
    assert [] == api.claims


def test_unknown_queue(api: FakeApi, start: Callable[[], Running]) -> None:
    """An agent of a queue that is not there when it starts ends with the server's line, and claims nothing."""
    api.queues.clear()
    running = start()
    running.join()
    assert "there is no work queue 'q'" == str(running.error)
    assert [] == api.claims


def test_waits_for_the_server(api: FakeApi, start: Callable[[], Running]) -> None:
    """An agent that is started before its server waits for it."""
    api.is_away = True
    start()
    wait_until(lambda: len(api.beats) >= 2)
    assert [] == api.claims
    api.is_away = False
    wait_until(lambda: api.claims)


def test_beats(api: FakeApi, start: Callable[[], Running], monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent beats on, through an outage too."""
    monkeypatch.setattr(agent_module, "BEAT_SECONDS", 0.02)
    start()
    wait_until(lambda: len(api.beats) > 3)
    api.is_away = True
    count = len(api.beats)
    wait_until(lambda: len(api.beats) > count + 1)
    api.is_away = False
    count = len(api.beats)
    wait_until(lambda: len(api.beats) > count + 2)


def test_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Supervisors need a server to report to: without one the agent says what to do, and does not start."""
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path))
    monkeypatch.delenv("ALISIO_API_URL", raising=False)
    with pytest.raises(ApiUnreachableError, match="alisio server start"):
        run_agent(AgentOptions("p"))
