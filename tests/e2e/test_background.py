"""Tasks in the background: asked for by one process, run by others, some of which are killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import Stack

TASKS = """
    import os
    import signal
    import time
    from pathlib import Path

    from alisio import task

    @task(retries=1, log_prints=True)
    def once(number: int, record: str) -> int:
        with Path(record).open("a") as file:
            file.write(f"{number}\\n")
        print(f"number {number}")
        return 2 * number

    @task
    def held(gate: str) -> str:
        Path(gate + "-began").touch()
        while not Path(gate).exists():
            time.sleep(0.05)
        return "held"

    @task(retries=1)
    def fail(record: str) -> None:
        with Path(record).open("a") as file:
            file.write("failed ")
        raise LookupError("as ever")

    @task
    def die() -> None:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)

    @task(retries=1)
    def die_once(mark: str) -> str:
        if Path(mark).exists():
            return "alive"
        Path(mark).touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
"""
FILE = "background_jobs.py"


class Background:
    """A project with tasks, and code that asks for them."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.project = stack.write(FILE, TASKS).parent

    def serve(self, *tasks: str, limit: int = 10) -> subprocess.Popen[str]:
        """Start a worker, and wait until it works."""
        where = (f"project/{FILE}:{each}" for each in tasks)
        worker = self.stack.start("task", "serve", *where, "--limit", str(limit))
        self.stack.until(lambda: "serves work pool" in self.stack.output(worker), lambda: self.stack.output(worker))
        return worker

    def script(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run a script that prints what an expression is, as JSON."""
        return subprocess.run(
            [sys.executable, "-c", f"import json\nfrom background_jobs import *\nprint(json.dumps({code}))"],
            cwd=self.project,
            env=self.stack.backend.environment,
            capture_output=True,
            text=True,
            timeout=90,
        )

    def ask(self, code: str) -> Any:
        """Run a script, and give what its expression is."""
        done = self.script(code)
        assert 0 == done.returncode, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def background(stack: Stack) -> Iterator[Background]:
    """Tasks that nobody serves yet; their deployments go with the test."""
    yield Background(stack)
    for task in ("once", "held", "fail", "die", "die_once", "count_words"):
        for each in stack.api.post("/deployments/filter", {"filter": {"flow_names": [task]}, "limit": 50})["items"]:
            stack.api.delete(f"/deployments/{each['id']}")


def test_two_workers_run_each_task_once(background: Background) -> None:
    """What was asked for before anybody served it is run too, once each; results come back to who asks."""
    stack, record = background.stack, background.stack.folder / "record"
    early = background.ask(f"str(once.delay(100, {str(record)!r}).flow_run_id)")
    workers = [background.serve("once"), background.serve("once")]

    asked = f"[once.delay(n, {str(record)!r}) for n in range(5)] + [once.delay(once.delay(20, {str(record)!r}), 'log')]"
    got = background.ask(f"[f.result(timeout=60) for f in {asked}]")

    assert [0, 2, 4, 6, 8, 80] == got
    assert "COMPLETED" == stack.wait_for_run(early)["state"]["type"]
    assert ["0", "1", "100", "2", "20", "3", "4"] == sorted(record.read_text().split())
    assert "number 100" in stack.logs(early)
    assert 1 == len(stack.task_runs(early))
    stack.cli("flow-run", "retry", early)
    stack.until(lambda: ("COMPLETED", 2) == _end_of(stack.read_run(early)), "the retry to take the result")
    assert 1 == record.read_text().split().count("100")
    assert [0, 0] == [stack.stop(worker) for worker in workers]


def test_a_worker_that_is_killed_takes_no_task_with_it(background: Background) -> None:
    """SIGKILL of the worker leaves the task to the supervisor that watches it, and another worker begins no second."""
    stack, gate = background.stack, background.stack.folder / "gate"
    worker = background.serve("held")
    run_id = background.ask(f"str(held.delay({str(gate)!r}).flow_run_id)")
    stack.until((stack.folder / "gate-began").exists, "the task to begin")

    worker.kill()
    worker.wait()
    background.serve("held")
    gate.touch()

    run = stack.wait_for_run(run_id)
    assert ("COMPLETED", 1) == (run["state"]["type"], run["attempt"])


def test_a_task_whose_supervisor_is_killed_crashes(background: Background) -> None:
    """When all that runs a task is killed, the end of its lease makes it CRASHED; with a retry left it begins again."""
    stack = background.stack
    background.serve("die", "die_once")
    mark = str(stack.folder / "mark")

    dies, recovers = background.ask(f"[str(f.flow_run_id) for f in [die.delay(), die_once.delay({mark!r})]]")

    run = stack.wait_for_run(dies, "CRASHED", timeout=90)
    assert (1, 0) == (run["attempt"], run["retries"])
    run = stack.wait_for_run(recovers, timeout=90)
    assert ("COMPLETED", 2) == (run["state"]["type"], run["attempt"])


def test_a_task_that_waits_leaves_its_place_to_others(background: Background) -> None:
    """A worker of one place runs what comes after it, and then that itself, once the task it waits for has ended."""
    stack, record, gate = background.stack, background.stack.folder / "order", background.stack.folder / "latch"
    background.serve("once", "held", limit=1)
    given = f"{str(record)!r}"

    waits = background.ask(f"str(once.apply_async((1, {given}), wait_for=[held.delay({str(gate)!r})]).flow_run_id)")
    stack.until((stack.folder / "latch-began").exists, "the task to begin that the other waits for")
    background.serve("once", limit=1)
    assert 4 == background.ask(f"once.delay(2, {given}).result(timeout=60)")
    assert "Suspended" == stack.read_run(waits)["state"]["name"]
    gate.touch()

    assert ("COMPLETED", 1) == _end_of(stack.wait_for_run(waits))
    assert "2 1" == " ".join(record.read_text().split())


def test_a_failing_task_has_its_retries_and_no_more(background: Background) -> None:
    """They are not those of its run as well; what it has raised comes to who asks."""
    stack, record = background.stack, background.stack.folder / "failures"
    background.serve("fail")

    done = background.script(f"fail.delay({str(record)!r}).result(timeout=60)")

    assert (1, "LookupError: as ever") == (done.returncode, done.stderr.splitlines()[-1])
    [run] = stack.runs(work_pool_names=["served"], flow_names=["fail"])
    assert ("FAILED", 1) == (run["state"]["type"], run["attempt"])
    assert "failed failed " == record.read_text()


def test_a_worker_may_end_by_itself(background: Background) -> None:
    """After the seconds that it is given, in order."""
    assert background.ask("once.serve(timeout=0.5)") is None


def test_an_argument_that_cannot_be_stored_is_named(background: Background) -> None:
    """The one line says which argument of which task it is, and nothing is asked for."""
    done = background.script("once.delay(1, (each for each in ()))")

    assert 1 == done.returncode
    line = "ParameterError: argument 'record' of task 'once' cannot be stored: cannot pickle 'generator' object"
    assert done.stderr.splitlines()[-1].endswith(line)


def test_the_example_of_the_page_runs(background: Background) -> None:
    """The file on the page is served by the command that is named there, and prints what the page says."""
    stack = background.stack
    page = (Path(__file__).resolve().parents[2] / "docs" / "background-tasks.md").read_text(encoding="utf-8")
    file = stack.write("jobs.py", page.split("```python\n")[1].split("```")[0])
    stack.start("task", "serve", f"project/{file.name}:count_words")

    done = subprocess.run(
        [sys.executable, file.name],
        cwd=file.parent,
        env=stack.backend.environment,
        capture_output=True,
        text=True,
        timeout=90,
    )

    assert (0, "6") == (done.returncode, done.stdout.strip()), done.stderr


def _end_of(run: dict[str, Any]) -> tuple[str, int]:
    return run["state"]["type"], run["attempt"]
