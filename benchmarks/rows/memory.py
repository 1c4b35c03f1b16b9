"""Memory: server, agent and supervisors at rest, the server with 10,000 runs, and Prefect's server and worker.

Two measures of the kernel's. RSS counts a shared page for every process that has it, PSS divides it among them. A
supervisor is a fork, so nearly all of its pages are the fork server's: its budget counts PSS, which adds up to what
the machine has less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psutil

from benchmarks.figure import Figure, Row
from benchmarks.generated import fill
from benchmarks.load import Request, send_each
from benchmarks.memory import Memory, family, memory_of
from benchmarks.processes import wait_for
from benchmarks.products import ALISIO, PREFECT, Product
from benchmarks.stacks import Stack, stack

RUNS, CREATED = 10_000, 2_000
SUPERVISORS = 50
READINGS = 7
_POOL = "bench-memory"


def _readings(pid: int) -> list[Memory]:
    """Look several times at a process and all that descend from it."""
    readings = []
    for _ in range(READINGS):
        readings.append(memory_of(*family(pid)))
        time.sleep(0.3)
    return readings


def _at_rest(product: Product) -> tuple[list[Memory], list[Memory]]:
    """Read a server that has a deployment and no runs, and the agent or worker beside it."""
    with stack(product) as running:
        running.deploy("deployed", "empty", _POOL)
        server = _readings(running.server.pid)
        with running.worker(_POOL) as worker:
            return server, _readings(worker.pid)


def _after_many() -> list[Memory]:
    """Read a server that has created runs, and has listed and counted them among more that were written beside it."""
    with stack() as running:
        fill(running.database_url, RUNS - CREATED)
        deployment = running.deploy("deployed", "empty", _POOL)
        send_each(running, [Request(f"deployments/{deployment}/runs", {}, status=201)] * CREATED)
        stored = running.read("SELECT count(*) FROM flow_run")[0][0]
        if stored != RUNS:
            raise RuntimeError(f"there were to be {RUNS} runs; the database holds {stored}")
        for path in ("filter", "count"):
            running.api.post(f"flow-runs/{path}", json={}).raise_for_status()
        return _readings(running.server.pid)


def _supervisors() -> tuple[list[Memory], Memory]:
    """Read each of 50 supervisors, and the agent with all below it, while their flows wait."""
    with stack() as running:
        deployment = running.deploy("deployed", "waiting", _POOL)
        flag = running.home / "flag"
        with running.worker(_POOL, SUPERVISORS) as agent:
            ids = [running.create_run(deployment, {"flag": str(flag)}) for _ in range(SUPERVISORS)]
            wait_for(_all_run(running), every=0.5)
            # The agent's only child is its fork server, whose children are the supervisors.
            (fork_server,) = psutil.Process(agent.pid).children()
            each = [memory_of(supervisor) for supervisor in fork_server.children()]
            everything = memory_of(*family(agent.pid))
            flag.touch()
            for run_id in ids:
                running.finished(run_id)
    if len(each) != SUPERVISORS:
        raise RuntimeError(f"{SUPERVISORS} runs had {len(each)} supervisors")
    return each, everything


def _all_run(running: Stack) -> Callable[[], bool]:
    statement = "SELECT count(*) FROM flow_run WHERE state_type = 'RUNNING'"
    return lambda: bool(running.read(statement)[0][0] == SUPERVISORS)


def _rss(readings: list[Memory]) -> list[float]:
    return [reading.rss for reading in readings]


def _pss(readings: list[Memory]) -> list[float]:
    return [reading.pss for reading in readings]


def _measure() -> Iterator[Figure]:
    (server, agent), (their_server, their_worker) = _at_rest(ALISIO), _at_rest(PREFECT)
    many = _after_many()
    supervisors, everything = _supervisors()
    yield Figure("server at rest, RSS", "MB", _rss(server), budget=120, peers={"prefect": _rss(their_server)})
    yield Figure("agent at rest, PSS", "MB", _pss(agent), budget=60, peers={"prefect": _pss(their_worker)})
    yield Figure("agent at rest, RSS", "MB", _rss(agent), peers={"prefect": _rss(their_worker)})
    yield Figure(f"server with {RUNS:,} runs, {CREATED:,} of them just created, RSS", "MB", _rss(many))
    yield Figure(f"supervisor, one of {SUPERVISORS}, PSS", "MB", _pss(supervisors), budget=20)
    yield Figure(f"supervisor, one of {SUPERVISORS}, RSS", "MB", _rss(supervisors))
    yield Figure(f"agent with {SUPERVISORS} flows waiting, all processes, PSS", "MB", [everything.pss])


ROW = Row("memory", _measure)
