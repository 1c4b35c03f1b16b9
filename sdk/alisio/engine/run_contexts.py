"""What user code may ask about where it runs: `FlowRunContext.get()`, `TaskRunContext.get()` and so on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from alisio.context import current_flow_run, current_tags, current_task_run
from alisio.engine.base_run import Run
from alisio.engine.runs import FlowRun, TaskRun

if TYPE_CHECKING:
    from alisio.engine.run_views import FlowRunView, RunView, TaskRunView
    from alisio.flows import Flow
    from alisio.settings import Settings
    from alisio.task_runners.base import TaskRunner
    from alisio.tasks import Task


class RunContext:
    """What is known of the run whose code asks.

    Attributes:
        run: The engine's own object of it.
    """

    run: Run

    @property
    def log_prints(self) -> bool:
        """Whether what it prints goes to its log."""
        return self.run.log_prints

    @property
    def start_time(self) -> datetime | None:
        """When it first began to run, in UTC."""
        return _view_of(self.run).start_time


class FlowRunContext(RunContext):
    """What is known of the flow run whose code, or whose task's code, asks."""

    run: FlowRun

    def __init__(self, run: FlowRun) -> None:
        self.run = run

    @classmethod
    def get(cls) -> FlowRunContext | None:
        """Give that of the code that calls; None: no flow runs here."""
        run = current_flow_run.get()
        return None if run is None else cls(run)

    @property
    def flow(self) -> Flow[..., Any]:
        """The flow. In a worker of Dask, Ray or processes it has the name and the version, and cannot be called."""
        return self.run.definition

    @property
    def flow_run(self) -> FlowRunView:
        """What hooks are shown of a run: its `id`, `name`, `state`, `parameters`, `tags` and so on, as of now."""
        return cast("FlowRunView", _view_of(self.run))

    @property
    def parameters(self) -> dict[str, Any]:
        """All its parameters by name."""
        return dict(self.run.parameters)

    @property
    def task_runner(self) -> TaskRunner:
        """What runs the tasks that it submits."""
        return self.run.task_runner


class TaskRunContext(RunContext):
    """What is known of the task run whose code asks; cache keys are made from it too.

    Attributes:
        task: The task. In a worker of Dask, Ray or processes it has the name, and cannot be called.
        parameters: The inputs by name.
        task_run_id: The run's id.
        flow_run_id: The id of the flow run that it is part of; None: it is part of none.
    """

    run: TaskRun

    def __init__(self, run: TaskRun, parameters: dict[str, Any]) -> None:
        self.run = run
        self.task: Task[Any, Any] = run.definition
        self.parameters = parameters
        self.task_run_id: UUID = run.id
        self.flow_run_id: UUID | None = None if run.flow_run is None else run.flow_run.id

    @classmethod
    def get(cls) -> TaskRunContext | None:
        """Give that of the code that calls; None: no task runs here."""
        run = current_task_run.get()
        return None if run is None else cls(run, dict(run.parameters))

    @property
    def task_run(self) -> TaskRunView:
        """What hooks are shown of a run: its `id`, `name`, `state`, `tags`, `run_count` and so on, as of now."""
        return cast("TaskRunView", _view_of(self.run))


@dataclass(frozen=True)
class TagsContext:
    """The tags that are laid on the runs that are started here.

    Attributes:
        current_tags: All that `tags(...)` has laid around the code that asks.
    """

    current_tags: frozenset[str]

    @classmethod
    def get(cls) -> TagsContext:
        """Give that of the code that calls."""
        return cls(current_tags.get())


@dataclass(frozen=True)
class SettingsContext:
    """The settings that hold.

    Attributes:
        profile: The name of the active profile.
        settings: All of them.
    """

    profile: str
    settings: Settings

    @classmethod
    def get(cls) -> SettingsContext:
        """Give those of now.

        Raises:
            SettingsError: A setting cannot be used.
        """
        from alisio.settings import current_settings

        settings = current_settings()
        return cls(settings.profile, settings)


def get_settings_context() -> SettingsContext:
    """Give the settings that hold; see `SettingsContext.get`."""
    return SettingsContext.get()


def context_of(run: FlowRun | TaskRun) -> FlowRunContext | TaskRunContext:
    """Make what user code is shown of where it runs."""
    return TaskRunContext(run, dict(run.parameters)) if isinstance(run, TaskRun) else FlowRunContext(run)


def _view_of(run: Run) -> RunView:
    from alisio.engine.run_views import view_of
    from alisio.states import Pending, State

    if not run.history:
        return view_of(run, Pending())
    now = run.history[-1]
    return view_of(run, State(now.type, now.name, now.message, timestamp=now.at))
