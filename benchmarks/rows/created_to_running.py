"""From the creation of a deployment's run to its state Running, with an agent waiting, one run at a time.

Two clocks tell: the times that the server stores, and, from outside, when the request was sent and when the first
line of user code ran.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from benchmarks.figure import Figure, Row
from benchmarks.stack import Stack, stack

RUNS = 15
WARM_UPS = 2
END_SECONDS = 30
FLOW = """
import time
from pathlib import Path

from alisio import flow

@flow
def marking(mark: str):
    Path(mark).write_text(repr(time.time()))
"""


def _finished(running: Stack, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        run: dict[str, Any] = running.api.get(f"flow-runs/{run_id}").json()
        if run["ended"]:
            return run
        time.sleep(0.02)
    raise TimeoutError(f"run {run_id} has not ended after {END_SECONDS} s")


def _seconds(begun: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()


def _measure() -> Iterator[Figure]:
    to_running, to_user_code, to_end = [], [], []
    with stack() as running:
        deployment = running.deploy(FLOW, "marking", "bench-start")
        with running.agent("bench-start"):
            for number in range(WARM_UPS + RUNS):
                mark = running.home / f"mark-{number}"
                body = {"parameters": {"mark": str(mark)}}
                sent = time.time()
                run_id = running.api.post(f"deployments/{deployment}/runs", json=body).json()["id"]
                run = _finished(running, run_id)
                if run["state"]["type"] != "COMPLETED":
                    raise RuntimeError(f"run {run_id} ended {run['state']}")
                to_running.append(_seconds(run["created"], run["started"]))
                to_user_code.append(float(mark.read_text()) - sent)
                to_end.append(_seconds(run["created"], run["ended"]))
    yield Figure("deployment run: created to Running", "s", to_running[WARM_UPS:], budget=0.3)
    yield Figure("deployment run: request sent to first line of user code", "s", to_user_code[WARM_UPS:])
    yield Figure("deployment run: created to Completed", "s", to_end[WARM_UPS:])


ROW = Row("start", _measure)
