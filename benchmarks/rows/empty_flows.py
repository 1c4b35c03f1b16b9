"""Empty flows in a warm process until they are stored: one after another, and 50 at once."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figure import Figure, Row
from benchmarks.in_process import EMBEDDED, ON_POSTGRESQL, PEER, WHERE, samples_of

BUDGET_MS = 3.0
MANNERS = {
    "sync": "empty flow, one after another",
    "async": "empty async flow, one after another",
    "threads": "empty flow, 50 at once on threads, each",
    "gather": "empty async flow, 50 at once by asyncio.gather, each",
}
OURS = tuple(f"{manner}:50" for manner in MANNERS)
# Each of Prefect's takes up to a second, whatever their number: fewer tell the same in less time.
THEIRS = ("sync:2", "async:3", "threads:5", "gather:5")


def _measure() -> Iterator[Figure]:
    samples = samples_of("empty_flows", {**dict.fromkeys(WHERE, OURS), PEER: THEIRS})
    milliseconds = {
        name: {manner: [answer[manner] * 1000 for answer in answers] for manner in MANNERS}
        for name, answers in samples.items()
    }
    for name, where in WHERE.items():
        for manner, label in MANNERS.items():
            budget = BUDGET_MS if name == EMBEDDED else None
            peers = {} if name == ON_POSTGRESQL else {PEER: milliseconds[PEER][manner]}
            yield Figure(f"{label}, stored ({where})", "ms", milliseconds[name][manner], budget=budget, peers=peers)
        pairs = zip(milliseconds[name]["gather"], milliseconds[name]["async"], strict=True)
        label = "empty async flow, 50 at once by asyncio.gather, each: times one after another"
        yield Figure(f"{label} ({where})", "x", [together / alone for together, alone in pairs])


ROW = Row("flows", _measure)
