"""Loading flows from files and modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alisio.engine.entrypoints import load_flow
from alisio.exceptions import EntrypointError

FLOW = """
from alisio import flow

@flow
def greet(name: str = "ada") -> str:
    return name

not_a_flow = 5
"""


@pytest.fixture(autouse=True)
def clean_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what loading does to this process."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def _write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_file(tmp_path: Path) -> None:
    """A flow is loaded from a file, which may import what lies beside it and from the project's folder."""
    _write(tmp_path, "pipelines/hello.py", "import beside, top\n" + FLOW)
    _write(tmp_path, "pipelines/beside.py", "")
    _write(tmp_path, "top.py", "")

    assert "greet" == load_flow("pipelines/hello.py:greet", tmp_path).name


def test_module(tmp_path: Path) -> None:
    """A flow is loaded from a module."""
    _write(tmp_path, "some_package/__init__.py", "")
    _write(tmp_path, "some_package/flows.py", FLOW)

    assert "greet" == load_flow("some_package.flows:greet", tmp_path).name


def test_awkward_file_names(tmp_path: Path) -> None:
    """A file may be called like a module of the standard library, or like nothing that can be imported."""
    for name in ("json.py", "my-flow.py", "alisio.py"):
        _write(tmp_path, name, FLOW)
        assert "greet" == load_flow(f"{name}:greet", tmp_path).name
    assert "loads" in dir(sys.modules["json"])


def test_same_file_name_elsewhere(tmp_path: Path) -> None:
    """Two projects may have files of the same name."""
    _write(tmp_path, "a/flow_file.py", FLOW)
    _write(tmp_path, "b/flow_file.py", FLOW.replace("greet", "wave"))

    assert "greet" == load_flow("flow_file.py:greet", tmp_path / "a").name
    assert "wave" == load_flow("flow_file.py:wave", tmp_path / "b").name


def test_calls_at_module_level(tmp_path: Path) -> None:
    """A script that calls its flow without a `__main__` guard is loaded, and the call runs nothing."""
    _write(tmp_path, "script.py", FLOW + "\nresult = greet('x')\n")

    with pytest.warns(UserWarning, match="flow 'greet' was called while its file was being loaded"):
        load_flow("script.py:greet", tmp_path)
    assert sys.modules["script"].result is None


@pytest.mark.parametrize(
    ("entrypoint", "text", "message"),
    [
        ("bad", "", "'bad' is no entrypoint: write path/to/file.py:function"),
        ("missing.py:greet", "", "there is no file missing.py in"),
        ("missing_module:greet", "", "there is no module 'missing_module'"),
        ("x.py:wave", FLOW, "there is no 'wave' in x.py: its flows are greet"),
        ("x.py:wave", "", "there is no 'wave' in x.py: it has no flows"),
        ("x.py:not_a_flow", FLOW, "'not_a_flow' in x.py is not a flow: put @flow above it"),
        ("x.py:greet", "a = 1\ndef f(:\n", "SyntaxError in x.py line 2: invalid syntax"),
        ("x.py:greet", "a = '\x00'", "SyntaxError in x.py: source code string cannot contain null bytes"),
        ("x.py:greet", "a = 1\n\nimport no_such_thing", "ModuleNotFoundError in x.py line 3: No module named"),
        ("x.py:greet", "1 / 0", "ZeroDivisionError in x.py line 1: division by zero"),
        ("x.py:greet", "import sys\nsys.exit(3)", "x.py exited with 3 while it was loaded"),
        ("x.py:greet", "from alisio import flow\n@flow(retries=-1)\ndef greet(): ...", "ValueError in x.py line 2"),
    ],
)
def test_one_line(tmp_path: Path, entrypoint: str, text: str, message: str) -> None:
    """What is wrong is said in one line, with the place in the user's file."""
    _write(tmp_path, "x.py", text)

    with pytest.raises(EntrypointError) as caught:
        load_flow(entrypoint, tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
