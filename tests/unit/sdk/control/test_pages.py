"""The examples of the pages on deployments and on interaction run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alisio.contract.deployments import DeploymentQuery
from alisio.contract.states import StateType
from alisio.contract.work_pools import WorkPoolCreate
from tests.unit.sdk.control.conftest import Person

DOCS = Path(__file__).resolve().parents[4] / "docs"


def examples(page: str) -> list[Any]:
    """Give each Python block of a page, by its line."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [pytest.param(block[1], id=f"{page}:{text[: block.start(1)].count(chr(10)) + 1}") for block in blocks]


@pytest.mark.parametrize("source", examples("interaction.md"))
def test_interaction(person: Person, source: str) -> None:
    """What pauses is resumed by a person, with the input that the page says; what it asserts holds."""
    if "publish(" in source:
        person.resumes(None)
    if "Guest" in source:
        person.resumes({"name": "Ana"})
    exec(compile(source, "interaction.md", "exec", dont_inherit=True), {"__name__": "__main__"})
    if "suspend" not in source:
        assert StateType.COMPLETED is person.last_run().state.type


@pytest.mark.parametrize("source", examples("deployments.md"))
def test_deployments(person: Person, tmp_path: Path, source: str) -> None:
    """Each is a file that deploys what it says; what serves is loaded, and served in `tests/e2e/test_control.py`."""
    person.client.create_work_pool(WorkPoolCreate(name="local"))
    project = tmp_path / "project"
    project.mkdir()
    (project / "example.py").write_text(source, encoding="utf-8")
    served = "serve(" in source
    command = [sys.executable, *(["-c", "import example"] if served else ["example.py"])]
    done = subprocess.run(command, cwd=project, env=dict(os.environ), capture_output=True, text=True)
    assert 0 == done.returncode, done.stderr
    deployed = person.client.filter_deployments(DeploymentQuery()).items
    assert served == (deployed == [])
    if "nightly" in source:
        [all_, by_hand, often] = sorted(deployed, key=lambda each: each.name)
        assert ("all", 2, "by-hand", 1, "often", {"limit": 5}) == (
            all_.name, len(all_.schedules), by_hand.name, by_hand.concurrency_limit, often.name, often.parameters
        )  # fmt: skip
