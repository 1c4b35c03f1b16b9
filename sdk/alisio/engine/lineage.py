"""What the tasks of a root flow run materialize, and from what: told by their inputs, and by what they declare.

It is imported where the first task names an asset; no other run has any of it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alisio.contract.ids import new_id
from alisio.logging import RunLogger

if TYPE_CHECKING:
    from alisio.assets import Asset
    from alisio.engine.runs import TaskRun

MAX_UPSTREAM = 1_000
MAX_UPSTREAM_BYTES = 200_000
"""How many assets, and how much of their keys and properties, a task run tells that it has used."""

MAX_METADATA_BYTES = 100_000

METADATA_ROWS = "asset_metadata"
"""By which kind of rows a worker tells the flow's process of metadata; they go no further."""

MAX_PLAIN_RESULTS = 1_000
_PLAIN = frozenset({str, bytes, int, float})


class Materialization:
    """What one task run makes.

    Attributes:
        assets: What it makes, by key.
        upstream: What that is made from, by key.
        by: The tool that does it.
        metadata: What the task has found out about each asset, by its key.
    """

    def __init__(self, assets: Iterable[Asset], upstream: Mapping[str, Asset], by: str | None) -> None:
        self.assets = {asset.key: asset for asset in assets}
        self.upstream = {key: asset for key, asset in upstream.items() if key not in self.assets}
        self.by = by
        self.metadata: dict[str, dict[str, Any]] = {}

    def add_metadata(self, key: str, metadata: Mapping[str, Any]) -> None:
        """Add to what is known of one of its assets.

        Args:
            key: Which one.
            metadata: JSON data, which take the place of what has the same names.

        Raises:
            ValueError: So much of all its assets is not kept.
        """
        together = {**self.metadata, key: {**self.metadata.get(key, {}), **metadata}}
        _check_size(key, together)
        self.metadata = together

    def to_news(self) -> dict[str, Any]:
        """Give it as `MaterializationNews` of the contract."""
        return {
            "assets": [
                {**asset.to_news(), "metadata": self.metadata.get(key, {})} for key, asset in self.assets.items()
            ],
            "upstream": [asset.to_news() for asset in self.upstream.values()],
            "by": self.by,
        }


class Lineage:
    """What the task runs of one root flow run make and use."""

    def __init__(self) -> None:
        self._carried: dict[UUID, dict[str, Asset]] = {}
        self._made: dict[UUID, Materialization] = {}
        # Texts and numbers, whose identity nobody else keeps: by it, their hash, and who made them.
        self._plain_results: dict[int, tuple[int, UUID]] = {}
        self._noting = threading.Lock()

    def trace(self, run: TaskRun) -> None:
        """Take down what a task run makes and uses, before its code runs: its inputs are known and have ended.

        The result of a task that makes assets stands for these; that of any other for what it was made from.
        """
        task = run.definition
        upstream = {asset.key: asset for asset in task.asset_deps}
        for source in self._sources(run):
            for key, asset in self._carried.get(source, {}).items():
                # What is told of it was told when it was made.
                upstream.setdefault(key, asset.bare())
        if task.assets:
            made = Materialization(task.assets, _bounded(upstream, run), task.materialized_by)
            self._made[run.id] = made
            self._carried[run.id] = made.assets
        elif upstream:
            self._carried[run.id] = upstream

    def note_result(self, value: Any, task_run_id: UUID) -> None:
        """Note that a task run that makes or uses assets has returned this, where it is a text or a number."""
        if type(value) in _PLAIN and task_run_id in self._carried and not _is_shared(value):
            with self._noting:
                self._plain_results[id(value)] = (hash(value), task_run_id)
                if len(self._plain_results) > MAX_PLAIN_RESULTS:
                    del self._plain_results[next(iter(self._plain_results))]

    def _sources(self, run: TaskRun) -> Iterator[UUID]:
        for sources in run.inputs.values():
            yield from sources
        for value in run.parameters.values():
            if type(value) in _PLAIN and (known := self._plain_results.get(id(value))) and known[0] == hash(value):
                yield known[1]

    def made_by(self, task_run_id: UUID) -> Materialization | None:
        """Give what a task run makes; None: nothing."""
        return self._made.get(task_run_id)


def trace_assets(run: TaskRun) -> None:
    """Take down what a task run makes and uses, where it or a run before it names an asset."""
    if run.flow_run is None:
        return
    root = run.flow_run.root
    if root.lineage is None:
        root.lineage = Lineage()
    root.lineage.trace(run)


def add_metadata(run: TaskRun, key: str, metadata: dict[str, Any]) -> None:
    """Add to what a task run, whose code runs here, tells of an asset that it makes.

    In a worker of a task runner that is another process, it is told to the flow's own.

    Args:
        run: The task run.
        key: The asset's.
        metadata: JSON data.

    Raises:
        ValueError: It does not make that asset, or so much is not kept.
    """
    if key not in {asset.key for asset in run.definition.assets}:
        raise ValueError(f"asset {key!r}: task {run.definition.name!r} does not materialize it; see @materialize")
    made = _made_by(run)
    if made is not None:
        made.add_metadata(key, metadata)
    elif run.outbox is not None:
        _check_size(key, metadata)
        run.outbox.put_row(METADATA_ROWS, {"id": str(new_id()), "key": key, "metadata": metadata})


def take_metadata(run: TaskRun, row: Mapping[str, Any]) -> None:
    """Add what a worker has told of an asset that a task run makes."""
    made = _made_by(run)
    if made is None:
        return
    try:
        made.add_metadata(row["key"], row["metadata"])
    except ValueError as error:
        RunLogger(run).warning("%s", error)


def _made_by(run: TaskRun) -> Materialization | None:
    lineage = None if run.flow_run is None else run.flow_run.root.lineage
    return None if lineage is None else lineage.made_by(run.id)


def _check_size(key: str, metadata: Mapping[str, Any]) -> None:
    size = len(json.dumps(metadata, ensure_ascii=False).encode("utf-8", "replace"))
    if size > MAX_METADATA_BYTES:
        raise ValueError(
            f"asset {key!r}: a task may add metadata of {MAX_METADATA_BYTES:,} bytes as JSON, not {size:,}"
        )


def _is_shared(value: Any) -> bool:
    """Tell whether the interpreter may use one object for all equal values: a small number, a short word."""
    if isinstance(value, int):
        return -5 <= value <= 256
    return isinstance(value, str | bytes) and (len(value) <= 1 or (isinstance(value, str) and value.isidentifier()))


def _bounded(upstream: dict[str, Asset], run: TaskRun) -> dict[str, Asset]:
    kept: dict[str, Asset] = {}
    room = MAX_UPSTREAM_BYTES
    for key, asset in upstream.items():
        room -= len(json.dumps(asset.to_news()))
        if room < 0 or len(kept) == MAX_UPSTREAM:
            left_out = len(upstream) - len(kept)
            RunLogger(run).warning("%d of the assets that it was made from are not recorded: too many", left_out)
            break
        kept[key] = asset
    return kept
