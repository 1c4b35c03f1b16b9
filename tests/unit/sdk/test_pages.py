"""The examples of the pages on flows, tasks and states run as they stand."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from alisio.engine.reporter import current_reporter
from tests.unit.sdk.conftest import MemoryServer

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = ("flows.md", "tasks.md", "states.md", "from-prefect.md")


def examples() -> list[Any]:
    """Give each Python block, by its page and line."""
    found = []
    for page in PAGES:
        text = (DOCS / page).read_text()
        for block in re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            line = text[: block.start(1)].count("\n")
            found.append(pytest.param(page, line, block[1], id=f"{page}:{line + 1}"))
    return found


@pytest.mark.parametrize(("page", "line", "source"), examples())
def test_example(server: MemoryServer, page: str, line: int, source: str) -> None:
    """It runs to its end, and what it asserts holds."""
    code = compile("\n" * line + textwrap.dedent(source), str(DOCS / page), "exec", dont_inherit=True)
    exec(code, {"__name__": "__main__"})
    assert current_reporter().flush(60)
    assert server.runs != {} or "to_mermaid" in source


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str) -> None:
    """Links to other pages, and to headings in them, lead somewhere."""
    for target, heading in re.findall(r"\]\(([\w./-]*\.md)?(#[\w-]+)?\)", (DOCS / page).read_text()):
        text = (DOCS / (target or page)).read_text()
        anchors = {
            re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in re.findall(r"^#+ (.*)$", text, re.M)
        }
        assert not heading or heading[1:] in anchors, (target, heading)
