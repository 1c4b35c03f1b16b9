"""What type checkers say of code that uses the package, read as its users' code is.

Each line of `cases/` that is wrong says by its comments which error it is to be: a comment that ignores nothing is an
error too, so each checker finds exactly the errors that are told there.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WRONG = """
from typing import assert_type

from alisio import task


@task
def halve(n: int) -> float:
    return n / 2


assert_type(halve(1), str)
halve(1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
halve("one")
"""


def run_checker(module: str, *arguments: str | Path) -> tuple[int, str]:
    """Run a checker; give its exit code and what it said."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed here: pip install 'alisio[dev]' has its test run")
    command: Sequence[str | Path] = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=110)
    return done.returncode, done.stdout + done.stderr


def mypy(*paths: Path) -> tuple[int, str]:
    """Run mypy on these."""
    cache = HERE.parents[1] / ".mypy_cache" / "users"
    return run_checker("mypy", "--config-file", HERE / "mypy.ini", "--cache-dir", cache, *paths)


def pyright(project: Path) -> tuple[int, str]:
    """Run pyright on a folder with a configuration of its own."""
    return run_checker("basedpyright", "--project", project, "--pythonpath", sys.executable)


def test_mypy(tmp_path: Path) -> None:
    """Mypy, strict, finds the types that are asserted, and the errors that are expected."""
    code, said = mypy(HERE / "cases")
    assert 0 == code, said
    wrong = tmp_path / "wrong.py"
    wrong.write_text(WRONG)
    code, said = mypy(wrong)
    assert 1 == code, said
    for error in (":12: error: Expression is of type", ":13: error: Unused", ":14: error: No overload"):
        assert error in said


def test_pyright(tmp_path: Path) -> None:
    """Pyright, strict, finds the types that are asserted, and the errors that are expected."""
    code, said = pyright(HERE)
    assert 0 == code, said
    cases = tmp_path / "cases"
    cases.mkdir()
    (cases / "wrong.py").write_text(WRONG)
    (tmp_path / "pyrightconfig.json").write_text((HERE / "pyrightconfig.json").read_text())
    code, said = pyright(tmp_path)
    assert 1 == code, said
    for error in (":12:", "reportAssertTypeFailure", ":13:", "reportUnnecessaryTypeIgnore", ":14:", "reportArgument"):
        assert error in said
