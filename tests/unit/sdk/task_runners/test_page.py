"""The examples of docs/task-runners.md run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.sdk.task_runners.conftest import needs

PAGE = Path(__file__).resolve().parents[4] / "docs" / "task-runners.md"


def block(number: int) -> str:
    """Give a Python block of the page, counted from 0."""
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)[number]  # type: ignore[no-any-return]


def test_the_first_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts the primes in processes."""
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path / "home"))
    script = tmp_path / "script.py"
    script.write_text(block(0))

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)

    assert (0, "2\n") == (done.returncode, done.stdout), done.stderr


def test_the_examples_of_dask() -> None:
    """The task runners can be made as they are written."""
    needs("dask", "distributed")
    exec(block(1), {"my_client": object()})


def test_the_examples_of_ray() -> None:
    """The task runners can be made as they are written."""
    needs("ray", "ray")
    exec(block(2), {})
