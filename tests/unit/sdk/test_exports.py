"""The public names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import alisio

HEAVY = ("pydantic", "httpx", "sqlalchemy", "asyncio", "typer", "rich", "alisio.client", "concurrent")


def test_export_list() -> None:
    """These are the public names; each can be had, and is listed."""
    expected = [
        "Flow", "State", "Task", "__version__", "allow_failure", "deploy", "flow", "get_run_logger",
        "pause_flow_run", "resume_flow_run", "runtime", "serve", "suspend_flow_run", "tags", "task", "unmapped",
    ]  # fmt: skip
    assert expected == alisio.__all__
    assert set(expected) <= set(dir(alisio))
    for name in expected:
        assert getattr(alisio, name) is not None


def test_unknown_name() -> None:
    """Asking for a name that there is not is an ordinary AttributeError."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = alisio.nothing


def test_version() -> None:
    """The version is that of the distribution."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert project["project"]["version"] == alisio.__version__


def test_decorators_are_quick_to_import() -> None:
    """Making flows and tasks imports nothing heavy."""
    code = f"""
import sys
from alisio import flow, task

@task(retries=2)
def t(n: int) -> int: ...

@flow(name="x")
def f(n: int) -> int: ...

heavy = [name for name in {HEAVY!r} if name in sys.modules]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
