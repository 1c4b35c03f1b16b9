"""The examples of the pages about results, caching and transactions run as they stand, and print what the pages say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.sdk.conftest import MemoryServer

DOCS = Path(__file__).resolve().parents[4] / "docs"
PAGES = ("results.md", "caching.md", "transactions.md")
_BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)


def _examples() -> Iterator[object]:
    for page in PAGES:
        for number, (code, printed) in enumerate(_BLOCK.findall((DOCS / page).read_text(encoding="utf-8")), 1):
            if "open_client" not in code and "import" in code:  # one needs a server, one is only a part
                yield pytest.param(code, printed, id=f"{page}-{number}")


@pytest.mark.parametrize(("code", "printed"), list(_examples()))
def test_an_example(
    server: MemoryServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: str,
    printed: str,
) -> None:
    """What a reader copies from a page works, and prints what stands below it."""
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "page", "exec"), {"__name__": "page"})
    assert printed == capsys.readouterr().out


def test_the_pages_have_examples() -> None:
    """Each page is looked at, and those that print are compared."""
    assert 6 <= len(list(_examples()))
    assert all("```text\n" in (DOCS / page).read_text(encoding="utf-8") for page in PAGES)
