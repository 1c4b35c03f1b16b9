"""Windmill's published workload for orchestrators: tasks that compute Fibonacci numbers, one after another, one worker.

Forty light ones (fibonacci(10)) or ten heavy ones (fibonacci(33)). The time is that of the whole deployment run, from
its creation through the API, so what it takes to start is counted. Prefect's worker polls as fast as it can.
Source: https://www.windmill.dev/docs/misc/benchmarks/competitors
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from benchmarks.figure import Figure, Row
from benchmarks.interleaved import interleaved
from benchmarks.products import ALISIO, PREFECT, Product
from benchmarks.stacks import Stack, stack
from benchmarks.stacks.prefect import FASTEST_POLLING

LIGHT, HEAVY = (40, 10), (10, 33)
_POOL = "bench-fibonacci"
_RUN_SECONDS = 120


def _seconds(running: Stack, deployment: str, count: int, n: int) -> float:
    """Run it, and see that the database holds its tasks; give the seconds from its creation to its end."""
    before = running.completed("task_run")
    run = running.finished(running.create_run(deployment, {"count": count, "n": n}), _RUN_SECONDS)
    running.until_completed("task_run", before + count)
    assert run.ended is not None
    return (run.ended - run.created).total_seconds()


def _measure() -> Iterator[Figure]:
    with ExitStack() as ends:
        stacks: dict[Product, tuple[Stack, str]] = {}
        for product, settings in ((ALISIO, {}), (PREFECT, FASTEST_POLLING)):
            running = ends.enter_context(stack(product))
            stacks[product] = (running, running.deploy("deployed", "fibonacci_flow", _POOL))
            ends.enter_context(running.worker(_POOL, 1, settings))
        for (count, n), warm_ups, runs, more_of_ours in ((LIGHT, 1, 2, 5), (HEAVY, 0, 1, 2)):
            sample = {product: partial(_seconds, *made, count, n) for product, made in stacks.items()}
            samples = interleaved(sample, runs=runs, warm_ups=warm_ups)
            samples[ALISIO] += [sample[ALISIO]() for _ in range(more_of_ours)]
            label = f"{count} tasks of fibonacci({n}), trigger included"
            yield Figure(label, "s", samples[ALISIO], peers={"prefect": samples[PREFECT]})


ROW = Row("fibonacci", _measure)
