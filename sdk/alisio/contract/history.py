"""How many flow runs were in which state over time: what a dashboard draws."""

from __future__ import annotations

from pydantic import Field

from alisio.contract.base import Answer, Request, Timestamp
from alisio.contract.runs import FlowRunFilter
from alisio.contract.states import StateType

MAX_BUCKETS = 500
"""How many buckets one history has at most."""

_LONGEST_BUCKET_SECONDS = 366 * 86_400


class FlowRunHistoryQuery(Request):
    """Body of `POST /api/flow-runs/history`: count the runs that were due in a span, by their present state.

    A run is counted where it is due, so one that is retried moves to its new time. Whole hours that are long over
    are counted beforehand: a filter by flows, by deployments, by pools or by queues (one of these four), by
    `state_types` and by `is_subflow` is answered as fast as none; any other reads the runs of the span, and so do
    hours that lie in two buckets. Begin with a whole hour and make buckets of whole hours where the span is long.

    Attributes:
        filter: Which runs.
        start: When the first bucket begins; fractions of a second are cut off.
        end: When the last bucket ends, which is shorter where the span is no multiple of `bucket_seconds`.
        bucket_seconds: How long a bucket is. There may be 500 of them.
    """

    filter: FlowRunFilter = Field(default_factory=FlowRunFilter)
    start: Timestamp
    end: Timestamp
    bucket_seconds: int = Field(ge=1, le=_LONGEST_BUCKET_SECONDS)


class HistoryBucket(Answer):
    """The runs that were due from `start` until just before `end`: how many are in which state. None are left out."""

    start: Timestamp
    end: Timestamp
    runs: dict[StateType, int]


class FlowRunHistory(Answer):
    """The buckets of a span, ascending, empty ones too."""

    buckets: list[HistoryBucket]
