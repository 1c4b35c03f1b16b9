"""Creating runs through the API with 1, 8 and 64 clients, on SQLite and on PostgreSQL with one and with three workers.

What was answered is counted in the database afterwards. We turn nobody away; Prefect answers some with 503.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.databases import postgres
from benchmarks.figure import Figure, Row
from benchmarks.load import Load, Request, send_for
from benchmarks.products import PREFECT
from benchmarks.stacks import Stack, stack

CLIENTS = (1, 8, 64)
SECONDS, ROUNDS, WARM_UPS = 0.7, 7, 1
PREFECT_CLIENTS, PREFECT_SECONDS, PREFECT_ROUNDS = (8,), 3.0, 2
RATE, P99 = 250.0, 100.0
_BUDGETED = 8
_POOL = "bench-create"


def _ours(running: Stack) -> dict[int, list[Load]]:
    deployment = running.deploy("deployed", "empty", _POOL)
    request = Request(f"deployments/{deployment}/runs", {}, status=201)
    loads = {clients: _rounds(running, request, clients, SECONDS, ROUNDS) for clients in CLIENTS}
    turned_away = sum(load.turned_away for rounds in loads.values() for load in rounds)
    if turned_away:
        raise RuntimeError(f"{turned_away} requests were turned away")
    answered, stored = _counts(running, loads)
    if answered != stored:
        raise RuntimeError(f"{answered} runs were created; the database holds {stored}")
    return _counted(loads)


def _prefects(running: Stack) -> dict[int, list[Load]]:
    deployment = running.deploy("deployed", "empty", _POOL)
    request = Request(f"deployments/{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}}, status=201)
    loads = {
        clients: _rounds(running, request, clients, PREFECT_SECONDS, PREFECT_ROUNDS) for clients in PREFECT_CLIENTS
    }
    answered, stored = _counts(running, loads)
    # It may have stored what it then did not answer.
    if answered > stored:
        raise RuntimeError(f"{answered} runs were created; Prefect's database holds {stored}")
    return _counted(loads)


def _rounds(running: Stack, request: Request, clients: int, seconds: float, rounds: int) -> list[Load]:
    return [send_for(running, request, clients=clients, seconds=seconds) for _ in range(WARM_UPS + rounds)]


def _counts(running: Stack, loads: dict[int, list[Load]]) -> tuple[int, int]:
    """Count the runs that were answered, and those that the database holds."""
    answered = sum(len(load.latencies) for rounds in loads.values() for load in rounds)
    return answered, running.read("SELECT count(*) FROM flow_run")[0][0]


def _counted(loads: dict[int, list[Load]]) -> dict[int, list[Load]]:
    return {clients: rounds[WARM_UPS:] for clients, rounds in loads.items()}


def _figures(where: str, ours: dict[int, list[Load]], theirs: dict[int, list[Load]]) -> Iterator[Figure]:
    for clients, loads in ours.items():
        peers = theirs.get(clients)
        label = f"runs created, {clients} client{'s' * (clients > 1)}, {where}"
        yield Figure(
            label,
            "1/s",
            [load.rate for load in loads],
            budget=RATE if clients == _BUDGETED else None,
            higher_is_better=True,
            peers={"prefect": [load.rate for load in peers]} if peers else {},
        )
        yield Figure(
            f"{label}: p99",
            "ms",
            [load.percentile(0.99) for load in loads],
            budget=P99 if clients == _BUDGETED else None,
            peers={"prefect": [load.percentile(0.99) for load in peers]} if peers else {},
        )


def _measure() -> Iterator[Figure]:
    with stack() as running:
        ours = _ours(running)
    with stack(PREFECT) as running:
        theirs = _prefects(running)
    yield from _figures("SQLite", ours, theirs)
    with postgres() as server:
        for workers in (1, 3):
            database = server.create_database(empty=True)
            with stack(database=database, arguments=("--workers", str(workers))) as running:
                yield from _figures(f"PostgreSQL, {workers} worker{'s' * (workers > 1)}", _ours(running), {})


ROW = Row("create", _measure)
