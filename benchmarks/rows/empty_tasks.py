"""Tasks that do nothing, hundreds and thousands in a flow: until the flow has their results, until all are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.figure import Figure, Row
from benchmarks.in_process import EMBEDDED, ON_POSTGRESQL, PEER, SERVED, WHERE, Answer, samples_of

COUNTS = {"direct": 500, "submitted": 500, "mapped": 1_000}
# Prefect takes up to 40 ms a task, whatever their number: fewer tell the same in less time.
PEER_COUNTS = {"direct": 100, "submitted": 100, "mapped": 100}
MANY = 10_000
LABELS = {"direct": "500 tasks called", "submitted": "500 tasks submitted", "mapped": "1,000 tasks mapped"}
BUDGETS_MS = {
    "direct": {"in_flow": 0.05, "stored": 0.3},
    "submitted": {"in_flow": 0.15, "stored": 0.4},
    "mapped": {"in_flow": 0.15, "stored": 0.4},
}
MOMENTS = {"in_flow": "in the flow", "stored": "until stored"}
MANY_SECONDS = 6.0
GROWTH_KB = 4.0


def _each(answers: Sequence[Answer], counts: Mapping[str, int], manner: str, moment: str) -> list[float]:
    """Give milliseconds a task."""
    return [answer[manner][moment] / counts[manner] * 1000 for answer in answers]


def _asked(counts: Mapping[str, int]) -> list[str]:
    return [f"{manner}:{count}" for manner, count in counts.items()]


def _measure() -> Iterator[Figure]:
    asked = _asked(COUNTS)
    samples = samples_of("empty_tasks", {**dict.fromkeys(WHERE, asked), PEER: _asked(PEER_COUNTS)})
    for name, where in WHERE.items():
        for manner, label in LABELS.items():
            for moment, when in MOMENTS.items():
                ours = _each(samples[name], COUNTS, manner, moment)
                theirs = _each(samples[PEER], PEER_COUNTS, manner, moment)
                budget = BUDGETS_MS[manner][moment] if name == EMBEDDED else None
                peers = {} if name == ON_POSTGRESQL else {PEER: theirs}
                yield Figure(f"{label}: each, {when} ({where})", "ms", ours, budget=budget, peers=peers)
    yield from _many()


def _many() -> Iterator[Figure]:
    """Map over so many that what a task costs in memory shows; Prefect would take minutes."""
    asked = [f"mapped:{MANY}"]
    samples = samples_of("empty_tasks", {EMBEDDED: asked, SERVED: asked}, fewer={SERVED: 2})
    for name, measured in samples.items():
        where, answers = WHERE[name], [answer["mapped"] for answer in measured]
        seconds, budget = [answer["stored"] for answer in answers], MANY_SECONDS if name == EMBEDDED else None
        yield Figure(f"10,000 tasks mapped: all, until stored ({where})", "s", seconds, budget=budget)
        growth = [answer["growth"] / MANY / 1000 for answer in answers]
        yield Figure(f"10,000 tasks mapped: memory for each, at most ({where})", "KB", growth, budget=GROWTH_KB)


ROW = Row("tasks", _measure)
