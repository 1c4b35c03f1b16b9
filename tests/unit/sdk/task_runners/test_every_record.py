"""One table over every task runner: what stays in the flow's process: results, caches, hooks, transactions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from alisio import flow, get_run_logger, runtime, task
from alisio.cache_policies import INPUTS
from alisio.logging import set_up
from alisio.settings import current_settings, temporary_settings
from alisio.transactions import BaseTransaction, get_transaction
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.task_runners.conftest import ALL, REMOTE, MakeRunner, on


@on(*ALL)
def test_stored_results(server: MemoryServer, style: Style, make_runner: MakeRunner, tmp_path: Path) -> None:
    """A stored result is taken by the flow's next attempt, and the task is not sent again."""
    calls = tmp_path / "calls"

    @style.task(persist_result=True)
    def once(n: int) -> int:
        with calls.open("a") as file:
            file.write(f"{n}\n")
        return n * n

    @style.flow(task_runner=make_runner(), retries=1, result_storage=tmp_path / "results")
    def resumes() -> Any:
        squares = once.map([1, 2, 3]).result()
        if runtime.flow_run.run_count == 1:
            raise ValueError("again")
        return squares

    assert [1, 4, 9] == style.run(resumes)
    assert ["1", "2", "3"] == sorted(calls.read_text().split())


@on(*ALL)
def test_hooks_and_caches(server: MemoryServer, style: Style, make_runner: MakeRunner, tmp_path: Path) -> None:
    """Hooks are called in the flow's own process; what is cached is not sent to a worker again."""
    heard: list[str] = []
    calls = tmp_path / "calls"

    @style.task(
        cache_policy=INPUTS, on_completion=[lambda task, run, state: heard.append(f"{os.getpid()} {state.name}")]
    )
    def square(n: int) -> int:
        with calls.open("a") as file:
            file.write("x")
        return n * n

    @style.flow(task_runner=make_runner(), result_storage=tmp_path / "results")
    def squares() -> Any:
        return {"squares": [square.submit(7).result(), square.submit(7).result()]}

    assert {"squares": [49, 49]} == style.run(squares)
    assert [f"{os.getpid()} Completed", f"{os.getpid()} Cached"] == heard
    assert "x" == calls.read_text()


@on(*ALL)
def test_values_of_a_transaction(server: MemoryServer, style: Style, make_runner: MakeRunner) -> None:
    """What a task sets in its transaction is there for its hooks, which are called in the flow's process."""
    heard: list[Any] = []

    def tell(txn: BaseTransaction) -> None:
        heard.append((os.getpid(), txn.get("rows"), txn.get("none", None)))

    @style.task(on_commit=[tell])
    def write(n: int) -> int:
        txn = get_transaction()
        assert txn is not None
        txn.set("rows", [n, n])
        return n

    @style.flow(task_runner=make_runner())
    def writes() -> Any:
        return write.map([1, 2]).result()

    assert [1, 2] == style.run(writes)
    assert [(os.getpid(), [1, 1], None), (os.getpid(), [2, 2], None)] == sorted(heard)


@on(*REMOTE)
def test_a_value_that_stays_in_the_worker(server: MemoryServer, make_runner: MakeRunner) -> None:
    """A value that cannot travel is not there for hooks, and the run's log says so; the others are."""
    heard: list[Any] = []

    @task(on_commit=[lambda txn: heard.append((txn.get("lock", "gone"), txn.get("word")))])
    def lock() -> None:
        import threading

        txn = get_transaction()
        assert txn is not None
        txn.set("lock", threading.Lock())
        txn.set("word", "said")

    @flow(task_runner=make_runner())
    def locks() -> None:
        lock.submit().wait()

    locks()
    assert [("gone", "said")] == heard
    assert any("what was set as 'lock' in the transaction stays" in line for line in server.only_run().messages)


LOGGING = """
version: 1
formatters:
  plain: {{format: "%(flow_name)s/%(task_run_name)s: %(message)s"}}
  kept: {{format: "<%(message)s>"}}
handlers:
  file: {{class: logging.FileHandler, filename: {path}, formatter: plain, mode: w}}
  api: {{class: alisio.logging.handlers.APILogHandler, level: WARNING, formatter: kept}}
loggers:
  alisio: {{level: INFO, handlers: [file, api], propagate: false}}
"""


@task
def say() -> None:
    """Write lines of three kinds."""
    get_run_logger().info("quiet")
    get_run_logger().warning("loud")
    get_run_logger().warning("aside", extra={"send_to_api": False})


@on(*ALL)
def test_lines_go_where_the_flows_process_says(server: MemoryServer, make_runner: MakeRunner, tmp_path: Path) -> None:
    """Handlers of a file are given each line of a task once, wherever that runs, with its level and its run."""
    path, lines = tmp_path / "logging.yml", tmp_path / "lines.log"
    path.write_text(LOGGING.format(path=lines))

    @flow(name="saying", task_runner=make_runner())
    def saying() -> None:
        say.submit().wait()

    with temporary_settings({"ALISIO_LOGGING_SETTINGS_PATH": path}):
        saying()
    set_up()  # and the file is closed

    written = [line.partition(": ") for line in lines.read_text().splitlines()]
    said = [(where, message) for where, _, message in written if message in ("quiet", "loud", "aside")]
    assert [("saying/say-0", "quiet"), ("saying/say-0", "loud"), ("saying/say-0", "aside")] == said
    (kept,) = server.only_run().logs
    assert ("<loud>", True) == (kept.message, kept.task_run_id is not None)


@on(*ALL)
def test_lines_that_are_only_shown(
    server: MemoryServer, make_runner: MakeRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where lines are not kept with runs, the console still shows each once; likewise one that is not to be kept."""

    @flow(task_runner=make_runner())
    def saying() -> None:
        say.submit().wait()

    saying()
    assert 1 == capsys.readouterr().err.count("  aside")
    assert (True, False) == ("loud" in server.only_run().messages, "aside" in server.only_run().messages)
    with temporary_settings({"ALISIO_LOGGING_TO_API_ENABLED": False}):
        saying()

    assert 1 == capsys.readouterr().err.count("  loud")
    assert [] == server.all_runs()[1].messages


@on(*REMOTE)
def test_settings_of_another_flow(server: MemoryServer, make_runner: MakeRunner) -> None:
    """What held for one flow does not hold for the next one in a worker that both use."""

    @task
    def level() -> str:
        return current_settings().logging_level

    @flow(task_runner=make_runner())
    def levels() -> Any:
        return {"level": level.submit().result()}

    with temporary_settings({"ALISIO_LOGGING_LEVEL": "ERROR"}):
        assert "ERROR" == levels()["level"]
    assert "INFO" == levels()["level"]
