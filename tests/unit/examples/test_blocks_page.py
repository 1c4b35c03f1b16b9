"""The code of docs/blocks.md runs as it stands there, and prints what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "blocks.md"


def _fenced(language: str) -> str:
    """Join the blocks of the page that are in a language."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE))


def test_the_page_tells_what_happens(tmp_path: Path) -> None:
    """A reader who copies the code into a file and runs it sees the lines that the page shows."""
    program = tmp_path / "measure.py"
    program.write_text(_fenced("python"), encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ALISIO_")}

    done = subprocess.run(
        [sys.executable, program],
        env={**clean, "ALISIO_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (0, _fenced("text")) == (done.returncode, done.stdout), done.stderr
