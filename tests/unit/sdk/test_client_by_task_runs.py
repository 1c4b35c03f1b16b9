"""Flow runs that the client finds by their task runs."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from alisio import flow, get_client, task
from alisio.client import run_operations
from alisio.client.schemas.filters import TaskRunFilter, TaskRunFilterName
from alisio.engine.reporter import current_reporter


@task
def step(n: int) -> int:
    """Be a task."""
    return n


@flow
def main(n: int) -> int:
    """Have a task run that is named by the number."""
    return step.with_options(task_run_name=f"step-{n}")(n)


def found(**filters: Any) -> list[int]:
    """Find flow runs, and give their numbers."""
    with get_client(sync_client=True) as client:
        return sorted(run.parameters["n"] for run in client.read_flow_runs(**filters))


def test_runs_of_task_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_template: Path) -> None:
    """Those that have such a task run are found, narrowed by the other filters too; too many are refused."""
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path))
    copyfile(sqlite_template, tmp_path / "alisio.db")
    for n in range(3):
        main(n)
    assert current_reporter().flush(60)

    wanted = TaskRunFilter(name=TaskRunFilterName(any_=["step-1", "step-2"]))
    assert [1, 2] == found(task_run_filter=wanted)
    assert [] == found(task_run_filter={"name": {"any_": ["other"]}})
    with get_client(sync_client=True) as client:
        ids = [str(run.id) for run in client.read_flow_runs() if run.parameters["n"] < 2]
    assert [1] == found(task_run_filter=wanted, flow_run_filter={"id": {"any_": ids}})
    assert [] == found(task_run_filter=wanted, flow_run_filter={"state": {"type": {"any_": ["FAILED"]}}})
    monkeypatch.setattr(run_operations, "MAX_TASK_RUNS", 1)
    with pytest.raises(ValueError, match=r"^TaskRunFilter: more than 1 task runs[^\n]+$"):
        found(task_run_filter=wanted)
