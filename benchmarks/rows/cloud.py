"""The stage `local` on an emulated AWS: requests through the HTTP API, starts over SQS, and schedules.

The clockwork ticks once a minute there; runs of a schedule start at their time all the same, as their wake-ups are
sent ahead with a delay.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figure import Figure, Row
from benchmarks.load import Load, Request, send_for
from benchmarks.stacks import Stack
from benchmarks.stacks.cloud import cloud
from benchmarks.starts import measure_starts, seconds_late

CLIENTS = (1, 8)
SECONDS, ROUNDS, WARM_UPS = 0.7, 7, 1
START_RUNS, START_WARM_UPS = 15, 2
SCHEDULED_RUNS = 20


def _load(running: Stack) -> Iterator[Figure]:
    # Of a flow that is deployed nowhere else: deployments of one flow and one name are the same.
    deployment = running.deploy("deployed", "waiting", "bench-load")
    read = Request(f"deployments/{deployment}", None, method="GET")
    create = Request(f"deployments/{deployment}/runs", {"parameters": {"flag": "never"}}, status=201)
    made = 0
    for what, request in (("one deployment read", read), ("a run created", create)):
        for clients in CLIENTS:
            loads = [send_for(running, request, clients=clients, seconds=SECONDS) for _ in range(WARM_UPS + ROUNDS)]
            made += sum(len(load.latencies) for load in loads) if request is create else 0
            yield from _figures(f"{what} through the HTTP API, {clients} client{'s' * (clients > 1)}", loads[WARM_UPS:])
    stored = running.read(f"SELECT count(*) FROM flow_run WHERE deployment_id = '{deployment}'")[0][0]
    if made != stored:
        raise RuntimeError(f"{made} runs were created; the database holds {stored}")


def _figures(label: str, loads: list[Load]) -> Iterator[Figure]:
    turned_away = sum(load.turned_away for load in loads)
    if turned_away:
        raise RuntimeError(f"{label}: {turned_away} requests were turned away")
    yield Figure(f"AWS emulated: {label}", "1/s", [load.rate for load in loads], higher_is_better=True)
    yield Figure(f"AWS emulated: {label}: p99", "ms", [load.percentile(0.99) for load in loads])


def _measure() -> Iterator[Figure]:
    with cloud() as running:
        deployment = running.deploy("deployed", "marking", "bench-start")
        starts = measure_starts(running, "bench-start", deployment, runs=START_RUNS, warm_ups=START_WARM_UPS)
        yield Figure("AWS emulated: run created to Running, over SQS", "s", starts.to_running, budget=1.0)
        yield Figure("AWS emulated: run created to Completed, over SQS", "s", starts.to_end)
        late = seconds_late(running, "bench-schedule", runs=SCHEDULED_RUNS)
        yield Figure(f"AWS emulated: started after its time, of {SCHEDULED_RUNS} scheduled runs", "s", late, budget=1.5)
        yield Figure(f"AWS emulated: the latest of {SCHEDULED_RUNS} scheduled runs", "s", [max(late)], budget=1.5)
        yield from _load(running)


ROW = Row("cloud", _measure)
