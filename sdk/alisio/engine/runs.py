"""One run of a flow or a task: what is known of it while it goes on, and how it is told to the server."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alisio.contract.names import new_name
from alisio.engine.base_run import Run
from alisio.engine.jsonable import to_jsonable
from alisio.engine.provenance import Provenance
from alisio.results.options import ResultRules

if TYPE_CHECKING:
    from alisio.engine.lineage import Lineage
    from alisio.engine.outbox import Outbox
    from alisio.engine.transacting import TaskTransaction
    from alisio.flows import Flow
    from alisio.futures import TaskRunFuture
    from alisio.task_runners.base import TaskRunner
    from alisio.tasks import Task

MAX_INPUTS = 1_000
MAX_TAGS = 100
_making_task_runner = threading.Lock()


class FlowRun(Run):
    """A run of a flow.

    Attributes:
        parent: The run whose code called it, in this process.
        root: The run at the top; itself where it has no parent.
        supervised: An agent's supervisor started it: that one reports, and decides on retries.
        parameters: All its parameters by name.
        shown_parameters: The same as JSON data, within bounds.
        futures: Of the tasks it has submitted, those that have not ended.
        failures: Those that have failed, with the names of their runs, in the present attempt.
        cancel_requested: Somebody asked for its cancellation.
        left_behind: Whether a task that it submitted, or one of its subflows, still runs after its end.
        lineage: What the tasks of a root run make, once the first of them names an asset.
        abort_reason: What has stopped it from outside, in one line, where that is known.
        job: Where a supervisor started it, the job that it was given, as JSON data.
        pause_request: Somebody wants the root run to stop at its next task: how (`pause` or `suspend`), and the key
            of that pause.
        retry_facts: What is told of its retries, in place of what its flow says.
    """

    __slots__ = (
        "_indexes",
        "_task_runner",
        "abort_reason",
        "cancel_requested",
        "definition",
        "failures",
        "futures",
        "job",
        "left_behind",
        "lineage",
        "parameters",
        "parent",
        "pause_request",
        "provenance",
        "retry_facts",
        "root",
        "scheduled_start_time",
        "shown_parameters",
        "supervised",
    )
    definition: Flow[..., Any]

    def __init__(
        self,
        flow: Flow[Any, Any],
        *,
        parent: FlowRun | None,
        outbox: Outbox | None,
        tags: list[str],
        log_prints: bool,
        supervised: bool = False,
        around: ResultRules | None = None,
    ) -> None:
        super().__init__(flow, outbox, tags, log_prints, around)
        self.definition = flow
        self.name = new_name()
        self.parent: FlowRun | None = parent
        self.root: FlowRun = self if parent is None else parent.root
        self.supervised: bool = supervised
        # A run by hand is due when it begins, and a subflow run when it is called.
        self.scheduled_start_time: datetime = datetime.now(UTC)
        self.parameters: dict[str, Any] = {}
        self.shown_parameters: dict[str, Any] = {}
        self.futures: set[TaskRunFuture[Any]] = set()
        self.failures: list[tuple[str, TaskRunFuture[Any]]] = []
        self.provenance = Provenance()
        self.cancel_requested = False
        self.left_behind = False
        self.lineage: Lineage | None = None
        self.abort_reason: str | None = None
        self.job: Mapping[str, Any] = {}
        self.pause_request: tuple[str, str] | None = None
        self.retry_facts: dict[str, Any] | None = None
        self._indexes: dict[str, Iterator[int]] = {}
        self._task_runner: TaskRunner | None = None

    @property
    def may_be_retried(self) -> bool:
        """Whether its supervisor will run it again if this attempt fails or crashes."""
        return self.supervised and self.job.get("retries_used", 0) < self.definition.retries

    def future_ended(self, future: TaskRunFuture[Any]) -> None:
        """Take note that a task that it submitted has ended."""
        self.futures.discard(future)
        if future.failed and future.run is not None:
            self.failures.append((future.run.name, future))

    def show_parameters(self) -> None:
        """Take down the parameters as they are now: the flow may change them."""
        self.shown_parameters = to_jsonable(self.parameters)

    def next_index(self, task_key: str) -> int:
        """Count the runs of a task, from 0. Safe between threads: `setdefault` and `next` are one step each."""
        indexes = self._indexes.get(task_key)
        if indexes is None:
            indexes = self._indexes.setdefault(task_key, itertools.count())
        return next(indexes)

    @property
    def task_runner(self) -> TaskRunner:
        """What runs the tasks that it submits; made when the first one is."""
        with _making_task_runner:
            if self._task_runner is None:
                self._task_runner = self.definition.task_runner.duplicate()
            return self._task_runner

    def stop_task_runner(self) -> None:
        """Let the task runner go. It takes no more tasks, and nobody waits here for those that still run."""
        runner, self._task_runner = self._task_runner, None
        if runner is not None:
            runner.shutdown()

    def to_facts(self) -> dict[str, Any]:
        """Give what only the executor knows, as `RunFacts` of the contract."""
        retries = self.definition.retry_facts() if self.retry_facts is None else self.retry_facts
        facts: dict[str, Any] = {"flow_version": self.definition.version, **retries}
        if self.supervised:
            return facts | ({"name": self.name} if self.definition.run_name is not None else {})
        return facts | {
            "flow_name": self.definition.name,
            "name": self.name,
            "parameters": self.shown_parameters,
            "tags": self.tags[:MAX_TAGS],
        }

    def to_news(self, root_id: UUID) -> dict[str, Any]:
        """Give all that is known of it, as `SubflowNews` of the contract."""
        parent_id = self.parent.id if self.parent is not None else root_id
        return {
            "id": str(self.id),
            "parent_flow_run_id": None if parent_id == root_id else str(parent_id),
            "flow_name": self.definition.name,
            "flow_version": self.definition.version,
            "name": self.name,
            "parameters": self.shown_parameters,
            "tags": self.tags[:MAX_TAGS],
            "retries": self.definition.retries,
            "states": self.state_records(),
        }


class TaskRun(Run):
    """A run of a task.

    Attributes:
        flow_run: The flow run that it belongs to; None: it was called outside of one.
        parameters: The arguments given to it, by name.
        args: What its function is called with.
        inputs: For each parameter, the task runs whose results were in its argument.
    """

    __slots__ = ("args", "definition", "flow_run", "index", "inputs", "kwargs", "parameters", "transaction")
    definition: Task[..., Any]

    def __init__(
        self,
        task: Task[Any, Any],
        *,
        flow_run: FlowRun | None,
        tags: list[str],
        log_prints: bool,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        parameters: dict[str, Any],
        around: ResultRules | None = None,
    ) -> None:
        super().__init__(task, None if flow_run is None else flow_run.outbox, tags, log_prints, around)
        self.definition = task
        self.flow_run = flow_run
        self.index = 0 if flow_run is None else flow_run.next_index(task.task_key)
        self.name = f"{task.name}-{self.index}"
        self.args = args
        self.kwargs = kwargs
        self.parameters: dict[str, Any] = parameters
        self.inputs: dict[str, list[UUID]] = {}
        self.transaction: TaskTransaction | None = None

    @property
    def task_run_id(self) -> UUID:
        """Its id."""
        return self.id

    def let_go(self) -> None:
        """Drop the arguments: the outbox keeps the run for a while, and they may be large."""
        self.args = ()
        self.kwargs = {}
        self.parameters = {}
        self.identity = None
        self.transaction = None

    def to_news(self, root_id: UUID) -> dict[str, Any]:
        """Give all that is known of it, as `TaskRunNews` of the contract."""
        flow_run_id = self.flow_run.id if self.flow_run is not None else root_id
        lineage = None if self.flow_run is None else self.flow_run.root.lineage
        made = None if lineage is None else lineage.made_by(self.id)
        return {
            "id": str(self.id),
            "flow_run_id": None if flow_run_id == root_id else str(flow_run_id),
            "task_key": self.definition.task_key,
            "name": self.name,
            "index": self.index,
            "tags": self.tags[:MAX_TAGS],
            "inputs": {name: [str(id_) for id_ in ids[:MAX_INPUTS]] for name, ids in self.inputs.items()},
            "states": self.state_records(),
            **({} if made is None else {"materializes": made.to_news()}),
        }
