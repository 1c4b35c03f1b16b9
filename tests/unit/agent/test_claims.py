"""Claiming: the same id until there is an answer, slots, early jobs, handing back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
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
    WakeUpSource,
    WakeUpWait,
    WorkQueue,
)
from alisio.exceptions import ApiUnreachableError, ConflictError
from alisio_agent import claims
from alisio_agent.claims import Claims
from alisio_agent.options import Identity
from alisio_agent.outage import Outage
from alisio_agent.roster import Held, Roster
from alisio_agent.runners.starters import StartError
from alisio_agent.supervisor.places import run_name
from tests.jobs import make_job
from tests.waiting import wait_until


class FakeApi:
    """A server that has some jobs, and that can be away."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.away = 0
        self.requests: list[ClaimRequest] = []
        self.failures: list[tuple[UUID, StartFailure]] = []

    def claim(self, pool: str, request: ClaimRequest) -> ClaimAnswer:
        self.requests.append(request)
        if self.away:
            self.away -= 1
            raise ApiUnreachableError("cannot reach the API")
        taken, self.jobs = self.jobs[: request.slots], self.jobs[request.slots :]
        return ClaimAnswer(jobs=taken)

    def read_wake_up_source(self, pool: str) -> WakeUpSource:
        raise AssertionError("nobody asks for this here")

    def wait_for_wake_up(self, pool: str, request: WakeUpWait) -> WakeUpAnswer:
        raise AssertionError("nobody asks for this here")

    def beat(self, agent_id: UUID, request: AgentBeat) -> BeatAnswer:
        raise AssertionError("nobody asks for this here")

    def fail_start(self, flow_run_id: UUID, failure: StartFailure) -> None:
        self.failures.append((flow_run_id, failure))

    def read_work_queue(self, pool: str, name: str) -> WorkQueue:
        raise AssertionError("nobody asks for this here")


class FakeRunner:
    """A runner that only notes what it starts, and when."""

    def __init__(self) -> None:
        self.started: list[tuple[str, datetime]] = []
        self.error: str | None = None

    def start(self, name: str, job: dict[str, Any]) -> None:
        if self.error:
            raise StartError(self.error)
        self.started.append((name, utc_now()))


class Bench:
    """A claim loop between a fake server and a fake runner."""

    def __init__(self, tmp_path: Any, limit: int | None) -> None:
        self.api, self.runner = FakeApi(), FakeRunner()
        self.roster = Roster(limit)
        self.stopping = threading.Event()
        identity = Identity(new_id(), "agent-1", "p", None, limit, "http://127.0.0.1:1/api", tmp_path)
        self.claims = Claims(self.api, identity, self.runner, self.roster, Outage(), self.stopping)
        self._thread = threading.Thread(target=self.claims.run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.claims.ring()
        if self._thread.ident is not None:
            self._thread.join(60)


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench(tmp_path: Any) -> Any:
    """Makes benches."""
    benches: list[Bench] = []

    def make(limit: int | None = None) -> Bench:
        benches.append(Bench(tmp_path, limit))
        return benches[-1]

    yield make
    for bench in benches:
        bench.stop()


@pytest.fixture
def no_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due later is started when it is due, however much later that is."""
    monkeypatch.setattr(claims, "_EARLIEST_SECONDS", 3_600.0)


def timer_of(bench: Bench, name: str) -> threading.Timer | None:
    """Give what waits for the time of a run, once it does."""
    held = bench.roster._held.get(name)
    return held.timer if held and held.timer and held.timer.is_alive() else None


def test_lost_answer(make_bench: MakeBench) -> None:
    """A claim that got no answer is made again with its id; the next claim has another."""
    bench = make_bench()
    bench.api.jobs, bench.api.away = [make_job()], 2
    bench.start()
    wait_until(lambda: bench.runner.started)
    bench.claims.ring()
    wait_until(lambda: len(bench.api.requests) == 4)
    first, second, third, fourth = (request.claim_id for request in bench.api.requests)
    assert first == second == third
    assert first != fourth


def test_limit(make_bench: MakeBench) -> None:
    """No more runs are claimed than there is room for; a freed slot claims at once."""
    bench = make_bench(limit=2)
    bench.api.jobs = [make_job() for _ in range(3)]
    bench.start()
    wait_until(lambda: len(bench.runner.started) == 2)
    bench.claims.ring()
    time.sleep(0.05)
    assert 1 == len(bench.api.jobs)
    bench.claims.note_exit(bench.runner.started[0][0], 0)
    wait_until(lambda: len(bench.runner.started) == 3)
    assert [2, 1] == [request.slots for request in bench.api.requests]


def test_all_that_is_there(make_bench: MakeBench) -> None:
    """Without a limit the agent claims on as long as it gets all it asks for."""
    bench = make_bench()
    bench.api.jobs = [make_job() for _ in range(45)]
    bench.start()
    wait_until(lambda: len(bench.runner.started) == 45)
    assert 3 == len(bench.api.requests)


def test_early_job(make_bench: MakeBench) -> None:
    """A job that is due a little later is started then, and not before."""
    bench = make_bench()
    early = make_job(due=utc_now() + timedelta(seconds=0.3))
    bench.api.jobs = [early]
    bench.start()
    wait_until(lambda: bench.runner.started)
    ((name, at),) = bench.runner.started
    assert run_name(early.flow_run_id, 1) == name
    assert early.due - timedelta(seconds=0.05) <= at  # a timer has another clock


def test_an_early_job_keeps_no_other_waiting(make_bench: MakeBench, no_soon: None) -> None:
    """One that came with it and is due is started at once."""
    bench = make_bench()
    early, now = make_job(due=utc_now() + timedelta(seconds=600)), make_job()
    bench.api.jobs = [early, now]
    bench.start()
    wait_until(lambda: bench.runner.started and len(bench.roster) == 2)
    assert [run_name(now.flow_run_id, 1)] == [name for name, _ in bench.runner.started]


def test_lost_before_start(make_bench: MakeBench, no_soon: None) -> None:
    """A run that the server says the agent holds no longer is not started when its time comes."""
    bench = make_bench()
    early = make_job(due=utc_now() + timedelta(seconds=600))
    bench.api.jobs = [early]
    bench.start()
    name = run_name(early.flow_run_id, 1)
    timer = wait_until(lambda: timer_of(bench, name))
    bench.roster.settle([early.flow_run_id])
    timer.join(60)
    assert not timer.is_alive(), "it still waits for the time of the run"
    timer.function(*timer.args, **timer.kwargs)  # as if its time had come in this very moment
    assert [] == bench.runner.started
    assert 0 == len(bench.roster)


def test_start_fails(make_bench: MakeBench) -> None:
    """A run that cannot be started goes back at once, with the reason, and frees its slot."""
    bench = make_bench(limit=1)
    bench.runner.error = "no space left"
    job = make_job()
    bench.api.jobs = [job]
    bench.start()
    wait_until(lambda: bench.api.failures)
    ((run_id, failure),) = bench.api.failures
    assert (job.flow_run_id, "no space left", False) == (run_id, failure.message, failure.final)
    assert 1 == bench.roster.free_slots(10)


def test_supervisor_dies_before_the_gate(make_bench: MakeBench) -> None:
    """A supervisor that was killed before it reported is told of at once; one that had reported is not."""
    bench = make_bench()
    unreported, reported = make_job(), make_job()
    bench.api.jobs = [unreported, reported]
    bench.start()
    wait_until(lambda: len(bench.runner.started) == 2)
    bench.roster.settle([reported.flow_run_id])
    for job in (unreported, reported):
        bench.claims.note_exit(run_name(job.flow_run_id, 1), -9)
    ((run_id, failure),) = bench.api.failures
    assert unreported.flow_run_id == run_id
    assert "on this host its supervisor ended with status -9 before it reported" == failure.message


def test_stopping(make_bench: MakeBench, no_soon: None) -> None:
    """Runs that wait for their time are handed back when the agent stops; started ones are not."""
    bench = make_bench()
    early, now = make_job(due=utc_now() + timedelta(seconds=600)), make_job()
    bench.api.jobs = [early, now]
    bench.start()
    wait_until(lambda: len(bench.roster) == 2 and bench.runner.started)
    bench.stop()
    assert [Holding(flow_run_id=early.flow_run_id, attempt=1)] == bench.roster.withdraw()
    assert 1 == len(bench.roster)


def test_claim_answered_too_late(make_bench: MakeBench) -> None:
    """What a claim brings after the agent was told to stop is not started, but handed back."""
    bench = make_bench()
    job = make_job()

    def stop_and_answer(pool: str, request: ClaimRequest) -> ClaimAnswer:
        bench.stopping.set()
        return ClaimAnswer(jobs=[job])

    bench.api.claim = stop_and_answer  # type: ignore[method-assign]
    bench.start()
    wait_until(lambda: len(bench.roster) == 1)
    assert [] == bench.runner.started
    assert [] == bench.roster.wait_for_ends(0)
    assert [Holding(flow_run_id=job.flow_run_id, attempt=1)] == bench.roster.withdraw()


def test_waiting_for_ends(make_bench: MakeBench) -> None:
    """Whoever waits for the ends of runs hears which have not ended, and at once when all have."""
    bench = make_bench()
    jobs = [make_job(), make_job()]
    bench.api.jobs = list(jobs)
    bench.start()
    wait_until(lambda: len(bench.runner.started) == 2)
    first, last = (run_name(job.flow_run_id, 1) for job in jobs)
    bench.claims.note_exit(first, 0)
    assert [jobs[1].flow_run_name] == bench.roster.wait_for_ends(0.01)
    threading.Timer(0.05, bench.claims.note_exit, (last, 0)).start()
    assert [] == bench.roster.wait_for_ends(60)


def test_failure_to_start_refused(make_bench: MakeBench, caplog: pytest.LogCaptureFixture) -> None:
    """That a run is not the agent's any more, when it says that it did not start, is nothing to speak of."""
    bench = make_bench()

    def refuse(flow_run_id: UUID, failure: StartFailure) -> None:
        raise ConflictError(409, "stale_attempt", "stale")

    bench.api.fail_start = refuse  # type: ignore[method-assign]
    bench.claims.give_up(make_job(), "why")
    assert "" == caplog.text


def test_outage_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """However often calls fail, the log has one line for it, and one for the end."""
    outage = Outage()
    with caplog.at_level("INFO", logger="alisio.agent"):
        waits = [outage.begin(ApiUnreachableError("no API"), failures) for failures in range(1, 12)]
        outage.end()
        outage.end()
    assert ["no API; trying until it answers", "the API answers again"] == caplog.messages
    assert 10 >= max(waits) > 4
    assert waits[0] < 0.3


def test_threads_fail_in_different_ways(caplog: pytest.LogCaptureFixture) -> None:
    """Threads whose calls fail by turns, each in its own way, have each way told once."""
    outage = Outage()
    with caplog.at_level("INFO", logger="alisio.agent"):
        for _ in range(5):
            for text in ("no pool", "no queue"):
                outage.begin(ApiUnreachableError(text), 1)
    assert ["no pool; trying until it answers", "no queue; trying until it answers"] == caplog.messages


def test_delivered_twice() -> None:
    """A job that is there already is not added again, and is begun once."""
    roster, job = Roster(None), make_job()
    assert roster.add("a", Held(job))
    assert not roster.add("a", Held(job))
    assert roster.begin("a")
    assert not roster.begin("a")
    assert [job.flow_run_id] == [holding.flow_run_id for holding in roster.pending()]
