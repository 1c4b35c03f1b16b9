"""Running commands: in this process, or as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alisio.cli import main


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Commands:
    """Runs commands in a home and a folder of their own, where no server runs; `set` sets an environment variable."""

    home: Path
    folder: Path
    capture: pytest.CaptureFixture[str]
    set: Callable[[str, str], None]

    def run(self, *arguments: str) -> Result:
        """Run a command in this process."""
        self.capture.readouterr()
        with pytest.raises(SystemExit) as caught:
            main(list(arguments))
        out, err = self.capture.readouterr()
        assert isinstance(caught.value.code, int)
        return Result(caught.value.code, out, err)

    def refused(self, *arguments: str, code: int = 1) -> str:
        """Run a command that must fail with one line on stderr; give back the line without `error: `."""
        result = self.run(*arguments)
        assert (code, "") == (result.code, result.out)
        (line,) = result.err.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")

    def process(self, *arguments: str) -> Result:
        """Run a command in a process of its own."""
        command = [sys.executable, "-m", "alisio.cli", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60)
        return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Commands]:
    """A home and a working folder of the test's own, without any settings of the machine."""
    for name in [name for name in os.environ if name.startswith("ALISIO_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(folder)
    yield Commands(tmp_path / "home", folder, capsys, monkeypatch.setenv)
