"""One API process on SQLite with 500 running runs, each of which tells every 10 s that it is alive.

How much of a core the process takes for that, and how long other requests wait meanwhile. The supervisors are played
by threads that send their reports; the runs are claimed and begun as real ones are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import psutil

from benchmarks.figure import Figure, Row
from benchmarks.load import Request, send_each
from benchmarks.memory import family
from benchmarks.stacks import Stack, stack

RUNS, EVERY_SECONDS = 500, 10.0
ROUNDS, ROUND_SECONDS = 7, 3.0
SENDERS = 4
P99 = 50.0
_POOL = "bench-heartbeats"
_CLAIMED_AT_ONCE = 100


@dataclass
class _Supervisor:
    """A supervisor that has nothing to tell."""

    run_id: str
    sequence: int = 0

    def report(self) -> Request:
        self.sequence += 1
        body = {"attempt": 1, "sequence": self.sequence, "origin": "supervisor"}
        return Request(f"flow-runs/{self.run_id}/reports", body)


def _begin(running: Stack) -> list[_Supervisor]:
    """Have the runs made, claimed and begun."""
    deployment = running.deploy("deployed", "empty", _POOL)
    agent = str(uuid4())
    beat = {"name": "bench", "work_pool_name": _POOL, "host": "bench", "pid": 1, "version": "1"}
    running.api.put(f"agents/{agent}", json=beat).raise_for_status()
    send_each(running, [Request(f"deployments/{deployment}/runs", {}, status=201) for _ in range(RUNS)])
    supervisors: list[_Supervisor] = []
    while len(supervisors) < RUNS:
        claim = {"claim_id": str(uuid4()), "agent_id": agent, "slots": _CLAIMED_AT_ONCE}
        jobs = running.api.post(f"work-pools/{_POOL}/claims", json=claim).raise_for_status().json()["jobs"]
        claimed = [_Supervisor(job["flow_run_id"]) for job in jobs]
        send_each(running, [supervisor.report() for supervisor in claimed])
        supervisors += claimed
    return supervisors


def _beat(running: Stack, supervisors: list[_Supervisor], stop: threading.Event) -> None:
    """Report for some supervisors, evenly over the time from one report of each to its next."""
    pause, due = EVERY_SECONDS / len(supervisors), time.monotonic()

    def requests() -> Iterator[Request]:
        nonlocal due
        while True:
            for supervisor in supervisors:
                due += pause
                if stop.wait(max(0.0, due - time.monotonic())):
                    return
                yield supervisor.report()

    send_each(running, requests())


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _round(running: Stack) -> tuple[float, float]:
    """Give the share of a core that the server takes, and the p99 of one other client's requests in milliseconds."""
    processes = family(running.server.pid)
    begun, used = time.monotonic(), _cpu_seconds(processes)
    time.sleep(ROUND_SECONDS)
    share = (_cpu_seconds(processes) - used) / (time.monotonic() - begun)
    others = [Request("flow-runs/filter", {"limit": 20}) for _ in range(100)]
    return share * 100, send_each(running, others).percentile(0.99)


def _measure() -> Iterator[Figure]:
    stop = threading.Event()
    with stack() as running, ThreadPoolExecutor(SENDERS) as pool:
        supervisors = _begin(running)
        senders = [pool.submit(_beat, running, supervisors[place::SENDERS], stop) for place in range(SENDERS)]
        try:
            samples = [_round(running) for _ in range(1 + ROUNDS)][1:]
        finally:
            stop.set()
        for sender in senders:
            sender.result()
        alive = running.read("SELECT count(*) FROM flow_run WHERE state_type = 'RUNNING'")[0][0]
    if alive != RUNS:
        raise RuntimeError(f"{RUNS} runs were kept alive; the database holds {alive} that are RUNNING")
    label = f"{RUNS} heartbeating runs, one API process"
    yield Figure(f"{label}: share of a core", "%", [share for share, _ in samples], budget=100.0)
    yield Figure(f"{label}: p99 of other requests", "ms", [tail for _, tail in samples], budget=P99)


ROW = Row("heartbeats", _measure)
