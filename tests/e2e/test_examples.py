"""The weather example, deployed as its README says, and the demo from beginning to end."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.backends import clean_environment, processes_in
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


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The driver of `make demo ONESHOT=1`; nothing of it may be left at the end."""
    environment = clean_environment(home=tmp_path / "unused") | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(EXAMPLES / "demo.py"), "--oneshot"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        yield process
    assert [] == list(tmp_path.iterdir())
    assert [] == processes_in(str(tmp_path))


def test_the_demo_shows_a_manual_and_a_scheduled_run(demo: subprocess.Popen[str]) -> None:
    """With `--oneshot` the demo ends by itself when runs of both kinds are COMPLETED and the report is shown."""
    shown, _ = demo.communicate(timeout=100)

    assert 0 == demo.returncode, shown
    assert "The wettest month" in shown
    assert re.search(r"^[1-9]\d* manual COMPLETED$", shown, re.MULTILINE)
    assert re.search(r"^[1-9]\d* scheduled COMPLETED$", shown, re.MULTILINE)


def test_the_demo_cleans_up_when_it_is_interrupted(demo: subprocess.Popen[str]) -> None:
    """Ctrl-C in the middle of a run ends the demo with 130 and without a traceback."""
    assert demo.stdout is not None
    shown = ""
    while "created flow run" not in shown:
        line = demo.stdout.readline()
        assert line, shown
        shown += line

    demo.send_signal(signal.SIGINT)

    rest, _ = demo.communicate(timeout=60)
    assert 130 == demo.returncode, shown + rest
    assert "Traceback" not in rest
