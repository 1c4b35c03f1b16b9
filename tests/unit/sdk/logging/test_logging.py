"""Logs of runs."""

# ruff: noqa: T201  # printing is what is tested

from __future__ import annotations

import logging
import threading

import pytest

from alisio import flow, get_run_logger, task
from alisio.exceptions import MissingContextError
from tests.unit.sdk.conftest import MemoryServer, Style


def test_run_logger(server: MemoryServer, style: Style, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines go with their run, formatted, and are shown on stderr with the run's name."""

    @task
    def step() -> None:
        get_run_logger().warning("in %s", "a task")

    @style.flow(flow_run_name="a-run")
    def outer() -> None:
        get_run_logger().info("in %s", "a flow")
        step()

    style.run(outer)

    run = server.only_run()
    lines = {line.message: line for line in run.logs}
    assert (None, 20) == (lines["in a flow"].task_run_id, lines["in a flow"].level)
    assert (run.tasks["step-0"].id, 30) == (lines["in a task"].task_run_id, lines["in a task"].level)
    assert "WARNING  a-run/step-0  in a task" in capsys.readouterr().err


def test_subflow_lines(server: MemoryServer) -> None:
    """A subflow's lines name its run."""

    @flow
    def inner() -> None:
        get_run_logger().info("within")

    @flow
    def outer() -> None:
        inner()

    outer()

    run = server.only_run()
    (subflow,) = run.subflows
    assert subflow == next(line.flow_run_id for line in run.logs if line.message == "within")


def test_logger_in_a_thread(server: MemoryServer) -> None:
    """A run's logger may be used in a thread that knows nothing of the run."""

    @flow
    def outer() -> None:
        logger = get_run_logger()
        thread = threading.Thread(target=lambda: logger.info("from a thread"))
        thread.start()
        thread.join()

    outer()

    assert "from a thread" in server.only_run().messages


def test_level(server: MemoryServer) -> None:
    """Lines below the level are not kept."""

    @flow
    def outer() -> None:
        get_run_logger().debug("too fine")

    outer()

    assert "too fine" not in server.only_run().messages


def test_outside_of_runs() -> None:
    """There is no run logger where no run is."""
    with pytest.raises(MissingContextError, match="there is no run here"):
        get_run_logger()


def test_own_traceback(server: MemoryServer) -> None:
    """`logger.exception` keeps the traceback, below the line."""

    @flow
    def outer() -> None:
        try:
            raise ValueError("inside")
        except ValueError:
            get_run_logger().exception("caught")

    outer()

    (message,) = [each for each in server.only_run().messages if each.startswith("caught\n")]
    assert message.endswith("ValueError: inside")


def test_prints(server: MemoryServer, style: Style, capsys: pytest.CaptureFixture[str]) -> None:
    """With `log_prints` what is printed becomes log lines, of tasks too; without it, and elsewhere, it is printed."""

    @task
    def step() -> None:
        print("from", "task", sep="-")

    @task(log_prints=False)
    def loud() -> None:
        print("out loud")

    @style.flow(log_prints=True)
    def outer() -> None:
        print("from flow", 1)
        step()
        loud()

    style.run(outer)
    print("after")

    run = server.only_run()
    assert {"from flow 1", "from-task"} <= set(run.messages)
    assert "out loud" not in run.messages
    assert "out loud\nafter\n" == capsys.readouterr().out


def test_awkward_text(server: MemoryServer) -> None:
    """Any text can be logged: what cannot be stored is replaced, and what is too long is cut."""

    @flow
    def outer() -> None:
        logger = get_run_logger()
        logger.info("nul \x00 and surrogate \ud800")
        logger.info("x" * 200_000)
        logger.log(1_000, "beyond every level")

    outer()

    run = server.only_run()
    assert "nul \N{SYMBOL FOR NULL} and surrogate ?" in run.messages
    assert 100_000 == max(len(message) for message in run.messages)
    assert 100 == max(line.level for line in run.logs)


def test_arguments_that_do_not_fit(
    server: MemoryServer,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line whose arguments do not fit it is one line all the same, in the records and on the console."""

    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError("no words")

    # pytest's own handlers raise for such lines.
    monkeypatch.setattr(type(caplog.handler), "handleError", lambda handler, record: None)

    @flow(log_prints=True)
    def outer() -> None:
        get_run_logger().info("%d towns", "many")
        get_run_logger().info("seen: %s", Silent())
        get_run_logger().info("after")

    outer()

    first, second, third = server.only_run().messages[1:4]
    assert first.startswith("%d towns ('many',) (these arguments do not fit the message: TypeError: ")
    assert "test_logging.py that cannot be made a text: RuntimeError: no words" in second
    assert "after" == third
    shown = capsys.readouterr().err
    assert first in shown and "Traceback" not in shown


def test_other_loggers_are_left_alone(server: MemoryServer) -> None:
    """Loggers that nobody named are not kept."""

    @flow
    def outer() -> None:
        logging.getLogger("somebody.else").error("not ours")

    outer()

    assert "not ours" not in server.only_run().messages
