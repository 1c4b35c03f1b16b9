"""`map(…, deferred=True)`: a background task for each element."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alisio import task, unmapped
from alisio.background import BackgroundFuture, load_task
from alisio.background_runs import run_task
from alisio.client import open_client
from alisio.exceptions import ParameterError

FILE = "mapped_work.py"
CODE = """
from alisio import task


@task
def add(a, b):
    return a + b
"""


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_template: Path) -> Iterator[Any]:
    """A task at the top of a file, in a home with a database."""
    from shutil import copyfile

    monkeypatch.setenv("ALISIO_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    copyfile(sqlite_template, tmp_path / "home" / "alisio.db")
    (tmp_path / FILE).write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield load_task(f"{FILE}:add", tmp_path)
    for name in [name for name, module in sys.modules.items() if getattr(module, "__file__", None) == FILE]:
        del sys.modules[name]


def test_each_is_asked_for(add: Any) -> None:
    """Every element becomes a run with its own arguments, which a worker runs; what is unmapped is given to all."""
    futures = add.map([1, 2], unmapped(10), deferred=True)
    assert [BackgroundFuture, BackgroundFuture] == [type(future) for future in futures]
    with open_client() as client:
        keys = [client.read_flow_run(future.flow_run_id).parameters["arguments"] for future in futures]
    assert [11, 12] == [run_task(f"{FILE}:add", key) for key in keys]
    futures.wait(timeout=0)
    with pytest.raises(TimeoutError):
        futures.result(timeout=0)


def test_mistakes(add: Any) -> None:
    """Lengths that differ, arguments that don't fit, and waiting for states are refused."""
    with pytest.raises(ValueError, match="different lengths"):
        add.map([1, 2], [1], deferred=True)
    with pytest.raises(ParameterError):
        add.map([1, 2], deferred=True)
    with pytest.raises(ValueError, match="give one of them"):
        add.map([1], [2], deferred=True, return_state=True)


def test_a_parameter_of_that_name() -> None:
    """A task's own parameter `deferred` stays one."""

    @task
    def put(n: int, deferred: bool) -> tuple[int, bool]:
        return n, deferred

    assert [(1, True)] == put.map([1], deferred=True).result()  # type: ignore[comparison-overlap]
