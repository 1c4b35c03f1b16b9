"""Events: telling that something has happened, with what and to what.

from alisio.events import emit_event

emit_event("file.arrived", resource={"alisio.resource.id": "s3://lake/raw.csv"}, payload={"rows": 12})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alisio.context import current_flow_run, current_task_run
from alisio.contract.ids import new_id
from alisio.engine.jsonable import clean_text
from alisio.utilities.plain import to_plain

if TYPE_CHECKING:
    from alisio.engine.runs import FlowRun, TaskRun

__all__ = ["Event", "emit_event"]

FOLLOWS_WITHIN = timedelta(minutes=5)
"""How long after an event another one may still be said to follow it."""

_MAX_BYTES = 300_000
_OURS, _THEIRS = "alisio.resource.", "prefect.resource."


@dataclass(frozen=True)
class Event:
    """An event as it was emitted.

    Attributes:
        resource: What it happened to: labels, among them `alisio.resource.id`.
        related: What else it concerns; in a run, the run, its flow and its task run.
        follows: The id of the event before it.
    """

    event: str
    resource: dict[str, str]
    occurred: datetime
    related: list[dict[str, str]] = field(default_factory=list)
    payload: dict[str, Any] = field(default_factory=dict)
    id: UUID = field(default_factory=new_id)
    follows: UUID | None = None


def emit_event(
    event: str,
    resource: Mapping[str, str],
    occurred: datetime | None = None,
    related: Sequence[Mapping[str, str]] | None = None,
    payload: Mapping[str, Any] | None = None,
    id: UUID | None = None,  # the name by which Prefect's users know it
    follows: Event | None = None,
) -> Event:
    """Tell that something has happened.

    In a run this takes no time: the event travels in the run's reports, and is stored before the run's end. Outside of
    runs it is sent at once.

    Args:
        event: What has happened, such as `file.arrived`; 500 characters at most.
        resource: What it happened to: labels, among them `alisio.resource.id` (or `prefect.resource.id`, which is read
            as that).
        occurred: When, with its time zone; now where it is not given.
        related: What else it concerns, likewise.
        payload: More about it. What JSON has no word for becomes text.
        id: Of the event; the same twice is stored once.
        follows: The event before it; not kept where that is more than five minutes away.

    Returns:
        The event.

    Raises:
        ValueError: Something in it cannot be used, or it is larger than 300,000 bytes as JSON.
        ApiUnreachableError: It was emitted outside of runs, and no server answered.
        ApiError: Likewise, and the server refused it.
    """
    task_run = current_task_run.get()
    flow_run = current_flow_run.get() if task_run is None else task_run.flow_run
    when = _instant(occurred)
    made = Event(
        event=clean_text(event) if isinstance(event, str) else event,
        resource=_labels(resource),
        occurred=when,
        related=[*map(_labels, related or ()), *_runs(flow_run, task_run)],
        payload=to_plain(payload or {}),
        id=id or new_id(),
        follows=_follows(when, follows),
    )
    _send(made, flow_run)
    return made


def _instant(occurred: datetime | None) -> datetime:
    if occurred is None:
        return datetime.now(UTC)
    if not isinstance(occurred, datetime) or occurred.tzinfo is None:
        raise ValueError(f"occurred must be a time with its time zone, not {occurred!r}")
    return occurred


def _follows(when: datetime, before: Event | None) -> UUID | None:
    return before.id if before is not None and abs(when - before.occurred) <= FOLLOWS_WITHIN else None


def _send(made: Event, flow_run: FlowRun | None) -> None:
    from alisio.contract.json_values import checked_json
    from alisio.contract.news import EventNews
    from alisio.utilities.checking import build

    what = f"event {made.event!r}"
    values = {name: getattr(made, name) for name in Event.__dataclass_fields__}
    news = build(what, EventNews, {**values, "flow_run_id": None if flow_run is None else flow_run.id})
    row = news.model_dump(mode="json")
    try:
        checked_json(row, _MAX_BYTES)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
    if flow_run is not None and flow_run.outbox is not None:
        flow_run.outbox.put_row("events", {**row, "flow_run_id": _told_id(flow_run)})
        return
    from alisio.client import open_client
    from alisio.contract.user_events import EventsCreate

    with open_client() as client:
        client.create_events(EventsCreate(events=[news]))


def _told_id(flow_run: FlowRun) -> str | None:
    return None if flow_run is flow_run.root else str(flow_run.id)


def _labels(given: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise ValueError(f"a resource is a mapping of labels to texts, not {given!r}")
    told = {_OURS + name.removeprefix(_THEIRS) if name.startswith(_THEIRS) else name: given[name] for name in given}
    return {clean_text(name): clean_text(text) if isinstance(text, str) else text for name, text in told.items()}


def _runs(flow_run: FlowRun | None, task_run: TaskRun | None) -> list[dict[str, str]]:
    """Name the runs that emit an event, as resources that it concerns."""
    found = []
    if flow_run is not None:
        found.append(_run_label("flow-run", flow_run.id, flow_run.name))
        found.append(_run_label("flow", flow_run.definition.name, flow_run.definition.name))
    if task_run is not None:
        found.append(_run_label("task-run", task_run.id, task_run.name))
    return found


def _run_label(kind: str, id_: object, name: str) -> dict[str, str]:
    return {f"{_OURS}id": f"alisio.{kind}.{id_}", f"{_OURS}role": kind, f"{_OURS}name": name}
