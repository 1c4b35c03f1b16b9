"""A server that speaks the report protocol, and supervisors as real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alisio.contract.ids import new_id
from tests.integration.agent.processes import LAUNCH, Launched
from tests.integration.agent.report_server import ReportServer


@pytest.fixture
def server() -> Iterator[ReportServer]:
    """A server that speaks the report protocol."""
    server = ReportServer()
    yield server
    server.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home for Alisio."""
    path = tmp_path / "home"
    path.mkdir()
    return path


MakeJob = Callable[..., dict[str, Any]]


@pytest.fixture
def make_job(server: ReportServer, home: Path) -> MakeJob:
    """Makes a job whose child does what is said."""

    def make(do: str, **more: Any) -> dict[str, Any]:
        parameters = {"do": do, **more.pop("parameters", {})}
        return {
            "flow_run_id": str(new_id()),
            "attempt": 1,
            "flow_run_name": "brisk-sail",
            "flow_name": "f",
            "entrypoint": "f.py:f",
            "bundle": None,
            "path": None,
            "parameters": parameters,
            "job_variables": {},
            "scheduled_start_time": "2026-05-04T12:00:00Z",
            "lease_seconds": 30.0,
            "start_timeout_seconds": 60.0,
            "api_url": server.url,
            "home": str(home),
            "agent_name": "agent-1",
            "child_module": "scripted_child",
            **more,
        }

    return make


Launch = Callable[..., Launched]


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Starts supervisors: by default as a fork server's are, with `cold=True` as those that are executed."""
    started: list[Launched] = []

    def start(job: dict[str, Any], *, cold: bool = False, **timing: float) -> Launched:
        arguments = ["-P", "-m", "alisio_agent.supervisor"] if cold else ["-P", "-c", LAUNCH]
        launched = Launched(job if cold else {**job, "timing": timing}, arguments)
        started.append(launched)
        return launched

    yield start
    for launched in started:
        launched.stop()
