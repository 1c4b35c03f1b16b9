"""Pausing, suspending and resuming runs, and what is sent to them while they run."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from alisio.contract.base import (
    MAX_OBJECT_CHARACTERS,
    Answer,
    BoundedObject,
    JsonObject,
    PageRequest,
    Request,
    Timestamp,
)

MAX_LISTED_PAUSES = 100
"""How many pauses of a run are listed: the latest ones."""
MAX_PAUSE_SECONDS = 10 * 365 * 86_400.0
PauseKey = Annotated[str, Field(min_length=1, max_length=200)]
InputKey = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^/%\x00-\x1f]+$")]


class PauseStatus(StrEnum):
    """What has become of a pause."""

    WAITING = "waiting"
    RESUMED = "resumed"
    EXPIRED = "expired"
    """Nobody resumed it in time."""


REQUESTED_PREFIX = "requested-"
"""How the keys of pauses begin that somebody outside has asked for."""


class PauseReport(Request):
    """Body of `POST /api/flow-runs/{id}/pauses`: an executor stands at a pause. It asks again until it may go on.

    Attributes:
        attempt: The fencing token, as in reports.
        key: Which pause of the flow's code. One that was resumed, in any attempt, stops nobody again.
        suspends: The process ends here, once this is answered with `waiting`; else it waits.
        on_request: Somebody asked the run to pause; the answer is `resumed` where that was taken back.
        timeout_seconds: How long it may be resumed; for ever where it is not given.
        input_schema: JSON Schema of what it must be given to go on.
        description: Markdown for whoever is to give it.
    """

    attempt: Annotated[int, Field(ge=1)]
    key: PauseKey
    suspends: bool = False
    on_request: bool = False
    timeout_seconds: Annotated[float, Field(gt=0, le=MAX_PAUSE_SECONDS)] | None = None
    input_schema: BoundedObject | None = None
    description: Annotated[str, Field(max_length=100_000)] | None = None


class PauseAnswer(Answer):
    """What has become of the pause; `input` is what it was resumed with."""

    status: PauseStatus
    input: JsonObject | None = None


class Pause(Answer):
    """A place where a run pauses, or has paused."""

    flow_run_id: UUID
    key: str
    attempt: int
    suspends: bool
    status: PauseStatus
    description: str | None = None
    input_schema: JsonObject | None = None
    created: Timestamp
    expires: Timestamp | None = None


class ResumeRequest(Request):
    """Body of `POST /api/flow-runs/{id}/resume`.

    Attributes:
        input: What the pause waits for, where it does; it is checked against the schema.
    """

    input: BoundedObject | None = None


class FlowRunInputCreate(Request):
    """Body of `POST /api/flow-runs/{id}/inputs`: send something to a run. The same key twice is sent once.

    Attributes:
        key: A prefix that says what it is, and something unique after it.
        value: JSON.
        sender: Who to respond to, such as `alisio.flow-run.<id>`.
    """

    key: InputKey
    value: Annotated[str, Field(max_length=MAX_OBJECT_CHARACTERS)]
    sender: Annotated[str, Field(max_length=300)] | None = None


class FlowRunInput(Answer):
    """Something that was sent to a run."""

    id: int
    flow_run_id: UUID
    key: str
    value: str
    sender: str | None = None
    created: Timestamp


class FlowRunInputQuery(PageRequest):
    """Body of `POST /api/flow-runs/{id}/inputs/filter`; in the order in which they came.

    Give the last page's `next_cursor` again to follow: it is never None, so what has come since is the next page.

    Attributes:
        prefix: Only keys that begin with it.
        exclude_keys: Not these.
    """

    prefix: Annotated[str, Field(max_length=300)] = ""
    exclude_keys: list[str] = Field(default_factory=list, max_length=10_000)
