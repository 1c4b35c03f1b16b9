"""A server in memory that takes reports, and the two styles in which flows and tasks are written."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import Any
from uuid import UUID

import pytest

from alisio import Flow, Task, flow, task
from alisio.client import Client, open_client
from alisio.contract.news import ArtifactNews, EventNews
from alisio.contract.reports import Directive, LogLine, Report, ReportAnswer, SubflowNews, TaskRunNews
from alisio.contract.state_record import StateRecord
from alisio.contract.states import StateType
from alisio.engine import reporter as reporting


@dataclass
class StoredRun:
    """What the server knows of one root run."""

    id: UUID
    facts: dict[str, Any] = field(default_factory=dict)
    states: list[StateRecord] = field(default_factory=list)
    subflows: dict[UUID, SubflowNews] = field(default_factory=dict)
    task_runs: dict[UUID, TaskRunNews] = field(default_factory=dict)
    artifacts: dict[UUID, ArtifactNews] = field(default_factory=dict)
    events: dict[UUID, EventNews] = field(default_factory=dict)
    logs: list[LogLine] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    def apply(self, report: Report) -> None:
        """Take one report in, as the server does."""
        assert len(self.reports) + 1 == report.sequence
        self.reports.append(report)
        if report.facts is not None:
            self.facts |= report.facts.model_dump(exclude_unset=True)
        self.states += report.states
        self.subflows |= {news.id: news for news in report.subflows}
        self.task_runs |= {news.id: news for news in report.task_runs}
        self.artifacts |= {news.id: news for news in map(ArtifactNews.model_validate, report.artifacts)}
        self.events |= {news.id: news for news in map(EventNews.model_validate, report.events)}
        self.logs += report.logs

    @property
    def state(self) -> StateRecord:
        """Where it stands."""
        return self.states[-1]

    @property
    def state_names(self) -> list[str]:
        """The names of its states, oldest first."""
        return [state.name for state in self.states]

    @property
    def tasks(self) -> dict[str, TaskRunNews]:
        """Its task runs by name."""
        return {news.name: news for news in self.task_runs.values()}

    @property
    def messages(self) -> list[str]:
        """Its log lines."""
        return [line.message for line in self.logs]


class MemoryServer:
    """Takes reports, and checks each against the contract."""

    def __init__(self) -> None:
        self.runs: dict[UUID, StoredRun] = {}
        self.failures: list[Exception] = []
        self.directives: list[Directive] = []

    def send_report(self, flow_run_id: UUID, report: dict[str, Any]) -> ReportAnswer:
        """Take a report in, unless a failure is in store."""
        if self.failures:
            raise self.failures.pop(0)
        checked = Report.model_validate(report)
        run = self.runs.setdefault(flow_run_id, StoredRun(flow_run_id))
        run.apply(checked)
        now = StateRecord(type=StateType.RUNNING, name="Running", timestamp=datetime.now(UTC))
        directives, self.directives = self.directives, []
        return ReportAnswer(
            sequence=checked.sequence,
            state=run.states[-1] if run.states else now,
            lease_seconds=30,
            directives=directives,
        )

    def close(self) -> None:
        """Hold nothing open."""

    def only_run(self) -> StoredRun:
        """Wait until all is reported, and give the one root run."""
        assert reporting.current_reporter().flush(60)
        (run,) = self.runs.values()
        return run

    def all_runs(self) -> list[StoredRun]:
        """Wait until all is reported, and give the root runs in the order in which they began."""
        assert reporting.current_reporter().flush(60)
        return list(self.runs.values())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MemoryServer]:
    """A server in memory, to which this process reports while the test runs."""
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path / "home"))
    memory = MemoryServer()
    reporter = reporting.Reporter(lambda _settings: memory)
    monkeypatch.setattr(reporting, "_reporter", reporter)
    yield memory
    reporter.stop()


class Style:
    """Writes flows and tasks synchronously or asynchronously, from the same function."""

    def __init__(self, is_async: bool) -> None:
        self.is_async = is_async

    def flow(self, **options: Any) -> Callable[[Callable[..., Any]], Flow[Any, Any]]:
        """Decorate a function as a flow of this style."""
        return lambda fn: flow(**options)(self.styled(fn))

    def task(self, **options: Any) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
        """Decorate a function as a task of this style."""
        return lambda fn: task(**options)(self.styled(fn))

    def run(self, some_flow: Flow[Any, Any], *args: Any, **kwargs: Any) -> Any:
        """Run a flow to its end."""
        outcome = some_flow(*args, **kwargs)
        return asyncio.run(self._awaited(outcome)) if inspect.isawaitable(outcome) else outcome

    def run_task(self, some_task: Task[Any, Any], *args: Any, **kwargs: Any) -> Any:
        """Run a task, called directly in a flow named `around`."""
        if self.is_async:

            @flow(name="around")
            async def around_async() -> Any:
                return {"value": await some_task(*args, **kwargs)}

            return asyncio.run(around_async())["value"]

        @flow(name="around")
        def around() -> Any:
            return {"value": some_task(*args, **kwargs)}

        return around()["value"]

    def styled(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Make a function of this style."""
        if not self.is_async:
            return fn

        @functools.wraps(fn)
        async def styled(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            outcome = fn(*args, **kwargs)
            return await outcome if inspect.isawaitable(outcome) else outcome

        return styled

    @staticmethod
    async def _awaited(outcome: Any) -> Any:
        return await outcome


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def style(request: pytest.FixtureRequest) -> Style:
    """Both styles, one after the other."""
    return Style(request.param)


@pytest.fixture
def own_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_template: Path) -> Iterator[Client]:
    """A client of the database of a home of this test, which this process works on itself."""
    home = tmp_path / "home"
    home.mkdir()
    copyfile(sqlite_template, home / "alisio.db")
    for name in ("ALISIO_API_URL", "ALISIO_API_DATABASE_CONNECTION_URL", "ALISIO_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALISIO_HOME", str(home))
    reporter = reporting.Reporter(reporting._open_client)
    monkeypatch.setattr(reporting, "_reporter", reporter)
    with open_client() as client:
        yield client
    reporter.stop()
