"""The weather example, deployed as its README says, and the demo from beginning to end."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.backends import clean_environment, processes_of
from tests.e2e.stack import Stack

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_weather_is_summed_up_and_published(stack: Stack) -> None:
    """The flow reads real rows, has one task a month, retries its publication once, and leaves a right report."""
    project = Path(shutil.copytree(EXAMPLES / "weather", stack.folder / "weather"))
    report = stack.folder / "reports" / "weather.md"
    stack.cli(
        "deploy", "flow.py:weather", "--name", "once", "-p", stack.pool, "--param", f"report={report}", cwd=project
    )
    stack.start_agent()

    stack.cli("deployment", "run", "seattle-weather/once", "--param", "year=2014", "--watch")

    [run] = stack.runs()
    assert "checked 1461 rows: 1461 good, 0 left out" in stack.logs(run["id"])
    task_runs = stack.task_runs(run["id"])
    months = {f"summarise-2014-{month:02}" for month in range(1, 13)}
    assert months == {task_run["name"] for task_run in task_runs if "monthly" in task_run["tags"]}
    [published] = [task_run for task_run in task_runs if "publish" in task_run["tags"]]
    assert ["AwaitingRetry", "Retrying", "Completed"] == [state["name"] for state in published["states"]][-3:]
    lines = report.read_text(encoding="utf-8").splitlines()
    assert 12 == sum(line.startswith("2014-") for line in lines)
    assert "The wettest month was 2014-03, with 240 mm of rain." in lines


@pytest.mark.timeout(150)
def test_the_demo_runs_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """`make demo ONESHOT=1` shows a manual and a scheduled run COMPLETED and the report; then all of it is gone."""
    environment = clean_environment(home=tmp_path / "unused") | {"TMPDIR": str(tmp_path)}

    command = [sys.executable, str(EXAMPLES / "demo.py"), "--oneshot"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "The wettest month" in done.stdout
    assert done.stdout.count("COMPLETED") >= 2
    assert [] == list(tmp_path.iterdir())
    assert [] == processes_of(str(tmp_path / "unused"))
