"""`result_storage_key`: names of one's own for stored results."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from alisio import flow, tags, task
from alisio.results.reference import StoredResult
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.results.folders import files_in


def test_a_key_finds_what_has_inputs_that_cannot_be_hashed(server: MemoryServer, tmp_path: Path) -> None:
    """Nobody is warned of what does not happen: a key of its own leads to the result, whatever the inputs."""

    @task(result_storage=tmp_path, result_storage_key="once")
    def step(lock: Any) -> int:
        return 7

    @flow
    def main() -> list[int]:
        return [step(threading.Lock()), step(threading.Lock())]

    assert [7, 7] == main()
    assert not any("hashed" in message for message in server.only_run().messages)


def test_a_key_of_ones_own(server: MemoryServer, tmp_path: Path, style: Style) -> None:
    """`result_storage_key` names the file, by parameters and what the runtime knows of the run."""

    @style.task(
        result_storage=tmp_path, result_storage_key="{flow_run.flow_name}/{parameters[name]}-{task_run.task_name}"
    )
    def hello(name: str = "world") -> str:
        return f"hello {name}"

    with tags("any"):
        style.run_task(hello, name="Lugo")
    assert [tmp_path / "around" / "Lugo-hello"] == files_in(tmp_path)


def test_what_is_there_under_a_key_is_taken(server: MemoryServer, tmp_path: Path, style: Style) -> None:
    """A result under a task's own key is not made again, by another run either: that one is Cached."""
    calls: list[int] = []

    @style.task(result_storage=tmp_path, result_storage_key="once")
    def step() -> int:
        calls.append(1)
        return 7

    assert [7, 7] == [style.run_task(step), style.run_task(step)]
    assert [1] == calls
    names = [[state.name for state in run.tasks["step-0"].states] for run in server.all_runs()]
    assert [["Running", "Completed"], ["Cached"]] == names


@pytest.mark.parametrize("key", ["../{parameters[name]}", "{parameters[nothing]}", "x" * 3_000])
def test_a_key_that_cannot_be_used_is_a_warning(server: MemoryServer, tmp_path: Path, key: str) -> None:
    """A template that does not fit, or leads out of the folder, costs the stored result and nothing else."""

    @task(result_storage=tmp_path / "inner", result_storage_key=key)
    def step(name: str) -> int:
        return 7

    @flow
    def main() -> int:
        return step("x")

    assert 7 == main()
    message = server.only_run().tasks["step-0"].states[-1].message
    assert message is not None and message.startswith("its result is not stored: ")
    assert [] == list(tmp_path.iterdir())


def test_a_task_outside_of_flows(server: MemoryServer, tmp_path: Path) -> None:
    """A task that no flow calls stores its result if it asks for that itself."""

    @task(result_storage=tmp_path, result_storage_key="alone")
    def step() -> int:
        return 3

    assert 3 == step()
    assert 3 == StoredResult((tmp_path / "alone").as_uri()).read()
