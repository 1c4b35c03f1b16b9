"""A real back end in this process, a person who resumes what is paused, and a project with background tasks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from alisio.client import Client
from alisio.contract.control import ResumeRequest
from alisio.contract.runs import FlowRun, FlowRunFilter, FlowRunQuery
from alisio.contract.states import StateType
from alisio.engine import reporter as reporting
from tests.unit.sdk.control.background_project import NAME, Project
from tests.waiting import wait_until


class Person:
    """Looks at runs, and resumes those that are paused.

    Attributes:
        client: The back end.
        seen: The pauses that were resumed.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.seen: list[Any] = []
        self._threads: list[threading.Thread] = []

    def resumes(self, *given: dict[str, Any] | None) -> None:
        """Resume as many pauses as they come, in a thread of its own, each with one of these inputs."""
        thread = threading.Thread(target=self._resume, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _resume(self, *given: dict[str, Any] | None) -> None:
        for data in given:
            run = wait_until(self._paused)
            self.seen.append(self.client.list_flow_run_pauses(run.id)[-1])
            self.client.resume_flow_run(run.id, ResumeRequest(input=data))

    def _paused(self) -> FlowRun | None:
        query = FlowRunQuery(filter=FlowRunFilter(state_types=[StateType.PAUSED]), limit=1)
        return next(iter(self.client.filter_flow_runs(query).items), None)

    def last_run(self) -> FlowRun:
        """Give the newest run, once all is reported."""
        assert reporting.current_reporter().flush(60)
        [run] = self.client.filter_flow_runs(FlowRunQuery(limit=1)).items
        return run

    def history(self, run_id: UUID) -> list[str]:
        """Name the states that a run was in."""
        return [state.name for state in self.client.read_flow_run_states(run_id)]

    def leave(self) -> None:
        """See to it that all was resumed."""
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


@pytest.fixture
def person(own_client: Client) -> Iterator[Person]:
    """Somebody at the database of a home of this test, which this process works on itself."""
    made = Person(own_client)
    yield made
    made.leave()


@pytest.fixture
def project(person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project; this process works in its folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    yield Project(person, tmp_path)
    sys.modules.pop(NAME, None)
