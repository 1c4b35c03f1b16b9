"""Creating runs through the API with 8 and with 64 clients at once, on SQLite."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from benchmarks.figure import Figure, Row
from benchmarks.stack import Stack, stack

SECONDS = 4.0
ROUNDS = 5
FLOW = """
from alisio import flow

@flow
def empty():
    pass
"""


def _client(address: str, path: str, until: float) -> list[float]:
    """Create runs one after another over one connection; give each one's latency in seconds."""
    connection = http.client.HTTPConnection(address, timeout=60)
    latencies = []
    try:
        while time.perf_counter() < until:
            begun = time.perf_counter()
            connection.request("POST", path, body=b"{}", headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 201:
                raise RuntimeError(f"{answer.status}: {body[:200]!r}")
            latencies.append(time.perf_counter() - begun)
    finally:
        connection.close()
    return latencies


def _round(running: Stack, deployment: str, clients: int) -> tuple[float, float]:
    """Give runs created per second, and the 99th percentile of latency in milliseconds."""
    address = urlsplit(running.environment["ALISIO_API_URL"]).netloc
    path = f"/api/deployments/{deployment}/runs"
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        calls = [pool.submit(_client, address, path, begun + SECONDS) for _ in range(clients)]
        latencies = sorted(latency for call in calls for latency in call.result())
    elapsed = time.perf_counter() - begun
    return len(latencies) / elapsed, latencies[int(len(latencies) * 0.99)] * 1000


def _stored(running: Stack) -> int:
    return int(running.api.post("flow-runs/count", json={}).json()["count"])


def _measure() -> Iterator[Figure]:
    for clients in (8, 64):
        with stack() as running:
            deployment = running.deploy(FLOW, "empty", "bench-create")
            _round(running, deployment, clients)
            if _stored(running) == 0:
                raise RuntimeError("no run was stored")
            results = [_round(running, deployment, clients) for _ in range(ROUNDS)]
        rates = [rate for rate, _ in results]
        tails = [tail for _, tail in results]
        budget_rate, budget_tail = (250.0, 100.0) if clients == 8 else (None, None)
        yield Figure(f"runs created, {clients} clients", "1/s", rates, budget=budget_rate, higher_is_better=True)
        yield Figure(f"runs created, {clients} clients: p99", "ms", tails, budget=budget_tail)


ROW = Row("create", _measure)
