"""Requests to an API from one or many clients at once, each with a connection of its own that it keeps."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, cycle
from typing import Any
from urllib.parse import urlsplit

from benchmarks.stacks import Stack

_TRY_AGAIN = http.client.SERVICE_UNAVAILABLE


@dataclass(frozen=True)
class Request:
    """What a client sends.

    Attributes:
        path: Relative to `/api/`.
        body: Sent as JSON.
        method: The HTTP method.
        status: The status of the answer that is wanted.
    """

    path: str
    body: Any
    method: str = "POST"
    status: int = 200


@dataclass(frozen=True)
class Load:
    """What became of requests.

    Attributes:
        seconds: From the first request to the last answer.
        latencies: Seconds of each request that was answered as wanted, ascending.
        turned_away: How many were answered 503, or not at all.
    """

    seconds: float
    latencies: list[float]
    turned_away: int

    @property
    def rate(self) -> float:
        """Requests answered as wanted, per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Give the latency, in milliseconds, that this share of requests do not pass: 0.99 for p99."""
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)] * 1000


def send_for(running: Stack, request: Request, *, clients: int, seconds: float) -> Load:
    """Send the same request again and again.

    Args:
        running: Whose API.
        request: The request.
        clients: How many send at once.
        seconds: For how long; what has been sent is waited for.

    Raises:
        RuntimeError: An answer had another status than the one that is wanted, or 503.
    """
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        calls = [pool.submit(_send, running, cycle([request]), begun + seconds) for _ in range(clients)]
        answers = [call.result() for call in calls]
    elapsed = time.perf_counter() - begun
    latencies = sorted(chain.from_iterable(latencies for latencies, _ in answers))
    return Load(elapsed, latencies, sum(turned_away for _, turned_away in answers))


def send_each(running: Stack, requests: Iterable[Request]) -> Load:
    """Send requests one after another from one client; errors as `send_for`."""
    begun = time.perf_counter()
    latencies, turned_away = _send(running, iter(requests), float("inf"))
    return Load(time.perf_counter() - begun, sorted(latencies), turned_away)


def _send(running: Stack, requests: Iterator[Request], until: float) -> tuple[list[float], int]:
    url = urlsplit(str(running.api.base_url))
    key = {name: running.api.headers[name] for name in ("Authorization",) if name in running.api.headers}
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    latencies: list[float] = []
    turned_away = 0
    try:
        for request in requests:
            begun = time.perf_counter()
            if begun >= until:
                break
            content = json.dumps(request.body).encode()
            headers = {"Content-Type": "application/json", **key}
            try:
                connection.request(request.method, f"{url.path}{request.path}", body=content, headers=headers)
                answer = connection.getresponse()
                said = answer.read()
            except ConnectionError:
                # The next request opens it again.
                connection.close()
                turned_away += 1
                continue
            if answer.status == request.status:
                latencies.append(time.perf_counter() - begun)
            elif answer.status == _TRY_AGAIN:
                turned_away += 1
            else:
                raise RuntimeError(f"{request.method} {request.path}: {answer.status} {said[:200]!r}")
    finally:
        connection.close()
    return latencies, turned_away
