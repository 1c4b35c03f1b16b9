"""The examples of the pages on testing, logging and the runtime run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from alisio import flow, get_run_logger
from alisio.logging import configuration
from alisio.testing import alisio_test_harness, last_flow_run, logs_of

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = ("testing.md", "logging.md", "runtime.md")


def blocks(page: str, language: str) -> list[tuple[int, str]]:
    """Give the blocks of a page in a language, each with its line."""
    text = (DOCS / page).read_text("utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [(text[: block.start(1)].count("\n"), block[1]) for block in found]


def examples() -> list[Any]:
    """Give each Python block that is no file, by its page and line."""
    return [
        pytest.param(page, line, source, id=f"{page}:{line + 1}")
        for page in PAGES
        for line, source in blocks(page, "python")
        if not re.match(r"# \w+\.py\n", source)
    ]


@pytest.mark.parametrize(("page", "line", "source"), examples())
def test_example(page: str, line: int, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs to its end, its test functions too, and what it asserts holds."""
    for name in re.findall(r"ALISIO__RUNTIME__\w+", source):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "")
    code = compile("\n" * line + source, str(DOCS / page), "exec", dont_inherit=True)
    names: dict[str, Any] = {"__name__": "__main__"}
    with alisio_test_harness():
        exec(code, names)
        for name in [name for name in names if name.startswith("test_")]:
            names[name]()


def test_the_files_of_the_page_on_testing(tmp_path: Path) -> None:
    """The files that it shows are tests that pass."""
    for _, source in blocks("testing.md", "python"):
        named = re.match(r"# (\w+\.py)\n", source)
        if named is not None:
            (tmp_path / named[1]).write_text(source, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, timeout=100)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_the_file_of_the_page_on_logging(capsys: pytest.CaptureFixture[str]) -> None:
    """It does what the page says, and so do the variables that lie over it."""

    @flow
    def talking() -> None:
        get_run_logger().info("shown")
        get_run_logger().warning("kept")

    ((_, source),) = blocks("logging.md", "yaml")
    with alisio_test_harness() as harness:
        (harness.home / "logging.yml").write_text(source)
        talking()
        assert ["kept"] == [line.message for line in logs_of(last_flow_run())]
    assert {"shown", "kept"} <= {yaml.safe_load(line)["message"] for line in capsys.readouterr().err.splitlines()}

    ((_, variables),) = [block for block in blocks("logging.md", "sh") if "export" in block[1]]
    with alisio_test_harness():
        os.environ |= dict(re.findall(r"export (\w+)=(\w+)", variables))
        talking()
        assert [] == logs_of(last_flow_run())
    configuration._done = 0


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str) -> None:
    """Links to other pages, and to headings in them, lead somewhere."""
    for target, heading in re.findall(r"\]\(([\w./-]*\.md)?(#[\w-]+)?\)", (DOCS / page).read_text("utf-8")):
        text = (DOCS / (target or page)).read_text("utf-8")
        anchors = {
            re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in re.findall(r"^#+ (.*)$", text, re.M)
        }
        assert not heading or heading[1:] in anchors, (target, heading)
