"""Where artifacts go: in a run into its reports, elsewhere to the server at once; and where they are read."""

from __future__ import annotations

import json
import threading
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from alisio.context import current_flow_run, current_task_run
from alisio.contract.ids import new_id
from alisio.contract.json_values import encoded_json
from alisio.engine.jsonable import clean_text
from alisio.utilities.checking import build

if TYPE_CHECKING:
    from alisio.client import Client
    from alisio.contract.artifacts import ArtifactRecord
    from alisio.contract.news import ArtifactNews
    from alisio.engine.outbox import Outbox

MAX_KNOWN = 200
"""How many artifacts of a run its process remembers, so that it can read and update what is still on its way."""

_MAX_DESCRIPTION = 10_000
_ESCAPED = 6  # So many bytes are the most that JSON makes of a character.


def create(type_: str, data: Any, key: str | None, description: str | None) -> ArtifactRecord:
    """Make an artifact. In a run this takes no time: it travels in the run's reports, and is stored before its end.

    Data of more than 500,000 bytes are uploaded first, and that is waited for.

    Args:
        type_: Such as `markdown`.
        data: What JSON can say.
        key: What its versions share.
        description: Markdown, cut after 10,000 characters.

    Returns:
        It, as it will be stored.

    Raises:
        ValueError: The key cannot be used, or the data are larger than 20 MB or not of JSON.
        ApiUnreachableError: It was made outside of runs, or its data are large, and no server answered.
        ApiError: Likewise, and the server refused it.
    """
    from alisio.contract.base import utc_now
    from alisio.contract.news import ArtifactNews

    what = "artifact" if key is None else f"artifact {key!r}"
    large = _large(what, data)
    values = {"type": clean_text(type_), "key": key, "description": _cleaned(description)}
    values["data"] = data if large is None else None
    owner = _owner()
    news = build(what, ArtifactNews, {**values, **owner.ids, "id": new_id(), "created": utc_now()})
    if large is None and owner.outbox is not None:
        return _report(owner.outbox, news, owner)
    from alisio.client import open_client

    with open_client() as client:
        if large is None:
            return _send(client, news)
        # Before anybody hears of the artifact: an upload that breaks off leaves none.
        news = news.model_copy(update={"data_id": client.upload_artifact_data(large)})
        record = _send(client, news) if owner.outbox is None else _report(owner.outbox, news, owner)
    return record.model_copy(update={"data": json.loads(large)})


def _report(outbox: Outbox, news: ArtifactNews, owner: _Owner) -> ArtifactRecord:
    _put(outbox, news)
    return _as_record(news, owner)


def _send(client: Client, news: ArtifactNews) -> ArtifactRecord:
    from alisio.contract.artifacts import ArtifactCreate

    return client.create_artifact(ArtifactCreate(**news.model_dump(include=set(ArtifactCreate.model_fields))))


def update(artifact_id: UUID, changes: dict[str, Any]) -> None:
    """Change an artifact in place.

    Args:
        artifact_id: The artifact.
        changes: Its `data`, its `description`, or both.

    Raises:
        NotFoundError: There is none such.
        ApiUnreachableError: It is none of this run's, and no server answered.
    """
    if "description" in changes:
        changes = {**changes, "description": _cleaned(changes["description"])}
    outbox = _owner().outbox
    news = None if outbox is None else _known_to(outbox).by_id.get(artifact_id)
    if outbox is not None and news is not None:
        # Its data are those that come now, and no more those that were uploaded.
        replaced = {"data_id": None} if "data" in changes else {}
        _put(outbox, news.model_copy(update={**changes, **replaced}))
        return
    from alisio.client import open_client
    from alisio.contract.artifacts import ArtifactPatch

    with open_client() as client:
        client.change_artifact(artifact_id, build(f"artifact {artifact_id}", ArtifactPatch, changes))


def read_latest(key: str) -> ArtifactRecord | None:
    """Read the latest version of a key, that which this run has just made too.

    Args:
        key: The key.

    Returns:
        It; None where there is none.

    Raises:
        ApiUnreachableError: No server answered.
        ApiError: The server refused.
    """
    from alisio.client import open_client
    from alisio.exceptions import NotFoundError

    owner = _owner()
    own = None if owner.outbox is None else _known_to(owner.outbox).by_key.get(key)
    mine = None if own is None else _as_record(own, owner)
    with open_client() as client:
        try:
            latest = client.read_latest_artifact(key)
        except NotFoundError as error:
            if error.code != "artifact_not_found":
                raise
            if mine is None:
                return None
            latest = mine
        if mine is not None and (mine.created, mine.id) >= (latest.created, latest.id):
            latest = mine
        return client.whole_artifact(latest)


def _large(what: str, data: Any) -> bytes | None:
    """Give data as JSON where they are too large to travel with their artifact."""
    from alisio.contract.artifact_data import MAX_ARTIFACT_DATA_BYTES
    from alisio.contract.news import MAX_ARTIFACT_BYTES

    if isinstance(data, int | float) or (isinstance(data, str) and len(data) < MAX_ARTIFACT_BYTES // _ESCAPED):
        return None
    try:
        content = encoded_json(data, MAX_ARTIFACT_DATA_BYTES)
    except ValueError as error:
        raise ValueError(f"{what}: data: {error}") from None
    return content if len(content) > MAX_ARTIFACT_BYTES else None


class _Known:
    """What a process remembers of the artifacts of one root run, the latest of them."""

    def __init__(self) -> None:
        self.by_id: dict[UUID, ArtifactNews] = {}
        self.by_key: dict[str, ArtifactNews] = {}

    def add(self, news: ArtifactNews) -> None:
        self.by_id[news.id] = news
        if len(self.by_id) > MAX_KNOWN:
            oldest = self.by_id.pop(next(iter(self.by_id)))
            if oldest.key is not None and self.by_key.get(oldest.key) is oldest:
                del self.by_key[oldest.key]
        if news.key is not None:
            self.by_key[news.key] = news


_known: weakref.WeakKeyDictionary[Outbox, _Known] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def _known_to(outbox: Outbox) -> _Known:
    with _lock:
        return _known.setdefault(outbox, _Known())


def _put(outbox: Outbox, news: ArtifactNews) -> None:
    known = _known_to(outbox)
    with _lock:
        # In this order for all threads: what is remembered last is what is sent last.
        known.add(news)
        outbox.put_row("artifacts", news.model_dump(mode="json"))


def _as_record(news: ArtifactNews, owner: _Owner) -> ArtifactRecord:
    from alisio.contract.artifacts import ArtifactRecord

    flow_run_id = news.flow_run_id or owner.root_id
    return ArtifactRecord(**{**news.model_dump(), "flow_run_id": flow_run_id, "updated": news.created})


class _Owner(NamedTuple):
    """The run that is at work here.

    Attributes:
        outbox: Where its news go; None: there is no run, or nobody keeps its news.
        root_id: The root of it.
        ids: How a row in a report names it.
    """

    outbox: Outbox | None
    root_id: UUID | None
    ids: dict[str, UUID | None]


def _owner() -> _Owner:
    task_run = current_task_run.get()
    flow_run = current_flow_run.get() if task_run is None else task_run.flow_run
    if flow_run is None or flow_run.outbox is None:
        return _Owner(None, None, {})
    subflow_id = None if flow_run is flow_run.root else flow_run.id
    ids = {"flow_run_id": subflow_id, "task_run_id": None if task_run is None else task_run.id}
    return _Owner(flow_run.outbox, flow_run.root.id, ids)


def _cleaned(description: str | None) -> str | None:
    return None if description is None else clean_text(description, _MAX_DESCRIPTION)
