"""The way of a log line: by which loggers and handlers it goes, to where, and that it comes there once."""

from __future__ import annotations

import builtins
import json
import logging
import logging.handlers
import os
import pickle
import queue
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from alisio import flow, get_run_logger, task
from alisio.context import FlowRunContext
from alisio.logging import disable_run_logger, get_logger
from alisio.logging.formatters import JsonFormatter
from alisio.logging.handlers import APILogHandler, ConsoleHandler
from alisio.logging.loggers import flow_run_logger
from alisio.settings import temporary_settings
from tests.unit.sdk.conftest import MemoryServer
from tests.unit.sdk.logging.conftest import say


def test_stacks(server: MemoryServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A line that asks for the stack has it below it, on the console and where it is kept."""

    @flow
    def saying() -> None:
        get_run_logger().warning("from where", stack_info=True)

    saying()

    (kept,) = (each for each in server.only_run().messages if each.startswith("from where"))
    assert [True, True] == ["in saying" in text for text in (kept, capsys.readouterr().err)]
    record = logging.makeLogRecord({"msg": "x", "levelname": "INFO", "name": "n", "stack_info": "Stack (most recent)"})
    assert "Stack (most recent)" == json.loads(JsonFormatter().format(record))["stack"]


def test_own_handlers(server: MemoryServer, library: logging.Logger) -> None:
    """Handlers on a logger of one's own keep a line once, whether it propagates or not, and however many they are."""
    part = library.getChild("part")
    library.addHandler(APILogHandler())
    part.addHandler(APILogHandler())
    part.addHandler(APILogHandler())
    say(part, "from below")
    part.propagate = False
    say(part, "apart")
    part.propagate = True

    assert [1, 1] == [
        run.messages.count(message) for run, message in zip(server.all_runs(), ("from below", "apart"), strict=True)
    ]


def test_a_formatter_and_an_opt_out(server: MemoryServer, library: logging.Logger) -> None:
    """What the handler's formatter gives is kept; a line that asks not to be kept is not."""
    handler = APILogHandler()
    handler.setFormatter(logging.Formatter("<%(message)s>"))
    library.addHandler(handler)

    @flow
    def saying() -> None:
        library.error("this")
        library.error("that", extra={"send_to_api": False})

    saying()

    assert "<this>" in server.only_run().messages
    assert not any("that" in message for message in server.only_run().messages)


def test_not_kept(server: MemoryServer, capsys: pytest.CaptureFixture[str]) -> None:
    """With `ALISIO_LOGGING_TO_API_ENABLED` off, lines are shown and not kept."""
    with temporary_settings({"ALISIO_LOGGING_TO_API_ENABLED": False}):
        say(get_logger("mine"))

    assert [] == server.only_run().messages
    assert "said" in capsys.readouterr().err


def test_prints_by_default(server: MemoryServer) -> None:
    """With `ALISIO_LOGGING_LOG_PRINTS` on, flows that say nothing of it log what they print."""

    @flow
    def printing() -> None:
        print("printed")  # noqa: T201

    with temporary_settings({"ALISIO_LOGGING_LOG_PRINTS": True}):
        printing()

    assert "printed" in server.only_run().messages


def test_a_print_over_ours(
    server: MemoryServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another `print` may be laid over the one that logs: nothing is lost, doubled, or called without end."""
    monkeypatch.setattr(builtins, "print", builtins.print)

    @flow(log_prints=True)
    def printing() -> None:
        print("within")  # noqa: T201

    printing()
    ours = builtins.print
    monkeypatch.setattr(builtins, "print", lambda *values, **options: ours(*values, **options))
    printing()
    print("outside")  # noqa: T201

    assert [1, 1] == [run.messages.count("within") for run in server.all_runs()]
    assert "outside\n" == capsys.readouterr().out
    assert builtins.print is pickle.loads(pickle.dumps(builtins.print))


def test_disabled(server: MemoryServer, capsys: pytest.CaptureFixture[str]) -> None:
    """In the block run loggers say nothing, and there is one outside of runs; after it they speak again."""

    @flow
    def half() -> None:
        with disable_run_logger():
            get_run_logger().error("unheard")
        get_run_logger().error("heard")

    with disable_run_logger():
        get_run_logger().error("of no run")
    half()

    assert ("heard" in server.only_run().messages, "unheard" in server.only_run().messages) == (True, False)
    assert "of no run" not in capsys.readouterr().err


def test_loggers_of_other_runs(server: MemoryServer) -> None:
    """A context, and the run that a hook is given, lead to the logger of that run."""

    @task
    def step(context: FlowRunContext) -> None:
        get_run_logger(context).warning("for the flow")

    @flow(on_completion=[lambda flow, run, state: flow_run_logger(run, flow).warning("by the hook")])
    def outer() -> None:
        context = FlowRunContext.get()
        assert context is not None
        step(context)

    outer()

    lines = {line.message: line for line in server.only_run().logs}
    assert [None, None] == [lines[message].task_run_id for message in ("for the flow", "by the hook")]


def test_children(server: MemoryServer) -> None:
    """A child of a run's logger belongs to the run, and has the attributes of both."""
    seen: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = seen.append  # type: ignore[method-assign]

    @flow
    def outer() -> None:
        child = get_run_logger(colour="red").getChild("part", {"shape": "round"})
        child.logger.addHandler(handler)
        child.warning("from the part")

    outer()
    get_logger("flow_runs.part").removeHandler(handler)

    assert "from the part" in server.only_run().messages
    assert [("alisio.flow_runs.part", "red", "round")] == [(each.name, each.colour, each.shape) for each in seen]  # type: ignore[attr-defined]


def test_what_is_no_run_of_a_hook() -> None:
    """Something else than what hooks are given is refused in one line."""
    with pytest.raises(TypeError, match="flow_run_logger takes a run as hooks are given it, not str: 'x'"):
        flow_run_logger("x")  # type: ignore[arg-type]


def test_records_travel(server: MemoryServer) -> None:
    """A record of a run logger goes through queues and sockets: what names its run is text, and it is kept once."""
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(waiting)
    get_logger("task_runs").addHandler(handler)

    @task
    def step() -> None:
        get_run_logger().warning("on its way")

    @flow
    def outer() -> None:
        step()

    try:
        outer()
    finally:
        get_logger("task_runs").removeHandler(handler)
    record = next(record for record in iter(waiting.get, None) if record.getMessage() == "on its way")
    received = pickle.loads(pickle.dumps(record.__dict__))
    APILogHandler().emit(record)
    assert "step-0" == received["task_run_name"]
    assert 1 == server.only_run().messages.count("on its way")
    assert "on its way" in JsonFormatter("pretty").format(logging.makeLogRecord(received))


def test_the_console_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """A console handler can write to stdout instead."""
    handler = ConsoleHandler(stream=sys.stdout, styles={"log.error_level": "red"})
    handler.emit(logging.makeLogRecord({"msg": "there", "name": "n", "levelno": 20, "levelname": "INFO"}))
    out, err = capsys.readouterr()
    assert (True, "") == (out.endswith("n  there\n"), err)


def test_names() -> None:
    """A name may be given with or without ours before it."""
    assert get_logger("alisio.part") is get_logger("part")
    assert get_logger("alisio") is get_logger() is logging.getLogger("alisio")


FORKING = """
    import multiprocessing, os, subprocess, sys
    from alisio import flow, get_run_logger

    @flow(flow_run_name="parent")
    def forking():
        logger = get_run_logger()
        logger.warning("before the fork")
        pid = os.fork()
        if pid == 0:
            logger.warning("in the child")
            os._exit(0)
        os.waitpid(pid, 0)
        subprocess.run([sys.executable, "-c", "import logging; logging.error('in another program')"])
        logger.warning("after the fork")

    if __name__ == "__main__":
        forking()
        from alisio.testing import last_flow_run, logs_of
        print("|".join(line.message for line in logs_of(last_flow_run(), 30)))
"""


def test_forks_and_programs(tmp_path: Path) -> None:
    """A fork neither doubles nor loses lines of its parent; its own are shown. Another program's are its own."""
    script = tmp_path / "forking.py"
    script.write_text(textwrap.dedent(FORKING))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ALISIO_")}
    done = subprocess.run(
        [sys.executable, script], env={**clean, "ALISIO_HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert "before the fork|after the fork\n" == done.stdout, done.stderr
    assert [1, 1, 1, 1] == [
        done.stderr.count(message)
        for message in ("before the fork", "in the child", "in another program", "after the fork")
    ]
