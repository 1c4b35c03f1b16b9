"""Reporting runs by hand: when, how often, and what happens when the server is away."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from alisio import flow, task
from alisio.contract.reports import Directive, DirectiveKind
from alisio.engine import recording
from alisio.engine import reporter as reporting
from alisio.exceptions import ApiError, ApiUnreachableError, ConflictError
from tests.unit.sdk.conftest import MemoryServer
from tests.waiting import wait_until


def test_short_run_takes_one_report(server: MemoryServer) -> None:
    """A run that is over at once is told in one report."""

    @task
    def step() -> None: ...

    @flow
    def short() -> None:
        for _ in range(10):
            step()

    short()

    run = server.only_run()
    assert 1 == len(run.reports)
    assert (1, "script", 10) == (run.reports[0].attempt, run.reports[0].origin, len(run.task_runs))


def test_long_run_is_told_meanwhile(server: MemoryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that goes on is known to the server while it does, and a heartbeat comes where there are no news."""
    monkeypatch.setattr(recording, "REPORT_SECONDS", 0.05)
    monkeypatch.setattr(recording, "HEARTBEAT_SECONDS", 0.1)

    @flow
    def long() -> None:
        wait_until(lambda: server.runs and len(next(iter(server.runs.values())).reports) >= 3)

    long()

    run = server.only_run()
    assert ["Running", "Completed"] == run.state_names
    assert [] == run.reports[1].states


def test_runs_at_once(server: MemoryServer) -> None:
    """Runs one after another, and at once in threads, are each told with sequences of their own."""

    @flow
    def small() -> None: ...

    threads = [threading.Thread(target=small) for _ in range(5)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        small()
    for thread in threads:
        thread.join()

    assert reporting.current_reporter().flush(60)
    assert 10 == len(server.runs)
    assert {"COMPLETED"} == {run.state.type for run in server.runs.values()}


@pytest.mark.parametrize(
    "failure", [ApiUnreachableError("nobody there"), ApiError(503, "busy", "too busy"), OSError("disk full")]
)
def test_server_is_away(
    server: MemoryServer, monkeypatch: pytest.MonkeyPatch, failure: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same report is sent again until the server answers; that it is away is said once."""
    monkeypatch.setattr(recording, "REPORT_SECONDS", 0.01)
    server.failures = [failure] * 3

    @flow
    def small() -> None: ...

    small()

    assert ["Running", "Completed"] == server.only_run().state_names
    shown = capsys.readouterr().err
    assert 1 == shown.count("runs cannot be recorded now")
    assert 1 == shown.count("the server answers again")


def test_refusal_is_final(server: MemoryServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that the server refuses is given up with one line, and runs on."""
    server.failures = [ConflictError(409, "stale_attempt", "attempt 2 was opened")]

    @flow
    def small() -> int:
        return 1

    assert 1 == small()
    assert reporting.current_reporter().flush(60)
    assert {} == server.runs
    assert "is recorded no further: attempt 2 was opened" in capsys.readouterr().err


@pytest.mark.parametrize("on_sigint", [signal.default_int_handler, signal.SIG_IGN], ids=["foreground", "background"])
def test_cancel_directive(server: MemoryServer, on_sigint: signal.Handlers) -> None:
    """A run whose cancellation the server asks for is interrupted, also where it blocks, and is CANCELLED.

    So it is where a shell has started the script in the background, with SIGINT ignored.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGURG)}
    signal.signal(signal.SIGINT, on_sigint)
    server.directives = [Directive(kind=DirectiveKind.CANCEL)]

    @flow
    def sleeps() -> None:
        time.sleep(30)

    try:
        with pytest.raises(KeyboardInterrupt):
            sleeps()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ("CANCELLED", "cancelled on request") == (server.only_run().state.type, server.only_run().state.message)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork(server: MemoryServer) -> None:
    """A forked child reports nothing of its parent's run."""

    @task
    def step() -> None: ...

    @flow
    def forks() -> int:
        step()
        child = os.fork()
        if child == 0:
            step()
            os._exit(0 if not reporting.current_reporter()._recordings else 1)
        _, status = os.waitpid(child, 0)
        step()
        return status

    assert 0 == forks()
    assert {"step-0", "step-1"} == set(server.only_run().tasks)


SCRIPT = """
import sys
from alisio import flow, get_run_logger, task

@task
def double(n):
    return 2 * n

@flow
def script(n: int):
    get_run_logger().info("hello")
    if n == 0:
        sys.exit(5)
    return sum(future.result() for future in double.map(range(n)))

if __name__ == "__main__":
    print(script(int(sys.argv[1])))
"""


HASTY = "import alisio.engine.reporter\nalisio.engine.reporter.EXIT_SECONDS = 0.7\n"


def _run_script(folder: Path, *arguments: str, prelude: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    path = folder / "workflow.py"
    path.write_text(prelude + SCRIPT)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALISIO_")}
    return subprocess.run(
        [sys.executable, str(path), *arguments],
        env=environment | {"ALISIO_HOME": str(folder / "home"), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _rows(folder: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(folder / "home" / "alisio.db")
    try:
        return list(connection.execute(statement))
    finally:
        connection.close()


def test_script_with_nothing_running(tmp_path: Path) -> None:
    """`python workflow.py` runs with nothing else there, and is in the embedded database when it exits."""
    first, second = _run_script(tmp_path, "3"), _run_script(tmp_path, "0")

    assert ("6\n", 0) == (first.stdout, first.returncode)
    assert 5 == second.returncode
    runs = _rows(tmp_path, "SELECT state_type, created_by FROM flow_run ORDER BY created")
    assert [("COMPLETED", "script"), ("CRASHED", "script")] == runs
    assert [(3,)] == _rows(tmp_path, "SELECT count(*) FROM task_run WHERE state_type = 'COMPLETED'")
    assert 2 == _rows(tmp_path, "SELECT message FROM log").count(("hello",))


def test_exit_waits_for_a_slow_database(tmp_path: Path) -> None:
    """An exit that takes long, because another process holds the database, loses nothing: nothing has failed."""
    _run_script(tmp_path, "1")
    connection = sqlite3.connect(tmp_path / "home" / "alisio.db", check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    release = threading.Timer(3, connection.rollback)
    release.start()

    done = _run_script(tmp_path, "2", prelude=HASTY)

    release.join()
    connection.close()
    assert "not fully recorded" not in done.stderr
    assert [("COMPLETED",)] * 2 == _rows(tmp_path, "SELECT state_type FROM flow_run")


def test_script_without_a_server(tmp_path: Path) -> None:
    """A script whose server does not answer runs; in the end it says in one line what is not recorded."""
    done = _run_script(tmp_path, "2", prelude=HASTY, ALISIO_API_URL="http://127.0.0.1:9/api")

    assert ("2\n", 0) == (done.stdout, done.returncode)
    assert done.stderr.splitlines()[-1].startswith("alisio: 1 flow run is not fully recorded: ")
