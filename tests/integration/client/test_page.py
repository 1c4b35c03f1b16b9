"""The examples of the page on the client run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "client.md"


def test_examples(tmp_path: Path) -> None:
    """One after the other, in a home where nothing is yet."""
    examples = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(examples) >= 4
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ALISIO_")}
    for number, source in enumerate(examples):
        script = tmp_path / f"example_{number}.py"
        script.write_text(source)
        ended = subprocess.run(
            [sys.executable, str(script)],
            env={**environment, "ALISIO_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert 0 == ended.returncode, f"{source}\n{ended.stderr}"
