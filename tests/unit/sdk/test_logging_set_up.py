"""Where log lines go: handlers, files, variables, and each line once."""

from __future__ import annotations

import builtins
import io
import json
import logging
import logging.handlers
import os
import pickle
import queue
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from alisio import flow, get_run_logger, task
from alisio.context import FlowRunContext
from alisio.exceptions import SettingsError
from alisio.logging import configuration, disable_run_logger, get_logger, set_up
from alisio.logging.files import places_of
from alisio.logging.formatters import JsonFormatter
from alisio.logging.handlers import APILogHandler, ConsoleHandler
from alisio.logging.loggers import flow_run_logger
from alisio.settings import current_settings, temporary_settings
from tests.unit.sdk.conftest import MemoryServer


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test has set up goes when the next one sets up."""
    for name in [name for name in os.environ if name.startswith("ALISIO_LOGGING_")]:
        monkeypatch.delenv(name)
    yield
    configuration._done = 0


@pytest.fixture
def library() -> Iterator[logging.Logger]:
    """A logger of somebody else's, as it comes."""
    logger = logging.getLogger("some_library")
    yield logger
    for each in (logger, logger.getChild("part")):
        each.handlers.clear()
        each.setLevel(logging.NOTSET)


def say(logger: logging.Logger, message: str = "said") -> None:
    """Run a flow that logs one line by a logger."""

    @flow
    def saying() -> None:
        logger.warning(message)

    saying()


def test_extra_loggers(server: MemoryServer, library: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines of loggers that the setting names are kept and shown, each once, though one is above another."""
    with temporary_settings({"ALISIO_LOGGING_EXTRA_LOGGERS": ["some_library", "some_library.part"]}):
        say(library.getChild("part"))

    assert 1 == server.only_run().messages.count("said")
    assert 1 == capsys.readouterr().err.count("said")


def test_settings_that_change(server: MemoryServer, library: logging.Logger) -> None:
    """A later run goes by the settings of its time; a logger that is no longer named is as it was."""
    with temporary_settings({"ALISIO_LOGGING_EXTRA_LOGGERS": "some_library", "ALISIO_LOGGING_LEVEL": "ERROR"}):
        say(library)
        assert logging.ERROR == library.level
    say(library)

    first, second = server.all_runs()
    assert ([], False) == (first.messages, "said" in second.messages)
    assert "ended: Completed" in second.messages
    assert (logging.NOTSET, []) == (library.level, library.handlers)
    ours = [each for each in get_logger().handlers if isinstance(each, APILogHandler | ConsoleHandler)]
    assert 2 == len(ours)


def test_levels_that_somebody_else_has_set(server: MemoryServer, library: logging.Logger) -> None:
    """A level that an extra logger has of its own stays, however often the settings change."""
    library.setLevel(logging.ERROR)
    for level in ("INFO", "DEBUG"):
        with temporary_settings({"ALISIO_LOGGING_EXTRA_LOGGERS": "some_library", "ALISIO_LOGGING_LEVEL": level}):
            say(library)

    assert logging.ERROR == library.level
    assert [False, False] == ["said" in run.messages for run in server.all_runs()]


def test_levels_that_a_file_says_no_more(server: MemoryServer, tmp_path: Path) -> None:
    """Where a file says nothing of a level any more, the logger has that which it had before the file."""
    path = tmp_path / "logging.yml"
    with temporary_settings({"ALISIO_LOGGING_SETTINGS_PATH": path}):
        for level in ("level: ERROR, propagate: false", ""):
            path.write_text(f"version: 1\nloggers:\n  alisio.mine: {{{level}}}\n")
            os.utime(path, ns=(len(level), len(level)))
            set_up()

    assert (logging.NOTSET, True) == (get_logger("mine").level, get_logger("mine").propagate)


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


def test_propagation_to_the_root(server: MemoryServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Where our logger is told to propagate, handlers of the root are given each line once, and so are ours."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        with temporary_settings():
            os.environ["ALISIO_LOGGING_LOGGERS_ALISIO_PROPAGATE"] = "true"
            say(get_logger("mine"))
    finally:
        del os.environ["ALISIO_LOGGING_LOGGERS_ALISIO_PROPAGATE"]
        logging.getLogger().removeHandler(handler)

    assert [1, 1, 1] == [
        stream.getvalue().count("said"), server.only_run().messages.count("said"), capsys.readouterr().err.count("said")
    ]  # fmt: skip


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


def test_a_file(server: MemoryServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`logging.yml` in the home says how lines look, where they go and which; names of settings in it are replaced."""
    path = current_settings().home / "logging.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        textwrap.dedent(
            f"""
            version: 1
            formatters:
              mine:
                (): alisio.logging.formatters.ConsoleFormatter
                format: "%(name)s: %(message)s"
                flow_run_fmt: "FLOW %(flow_name)s: %(message)s"
                task_run_fmt: "TASK %(flow_name)s/%(task_run_name)s: %(message)s"
              json:
                (): alisio.logging.formatters.JsonFormatter
            handlers:
              memory: {{class: logging.handlers.MemoryHandler, capacity: 1000, target: whole}}
              api: {{class: alisio.logging.handlers.APILogHandler, level: WARNING}}
              console: {{class: alisio.logging.handlers.ConsoleHandler, formatter: mine, stream: ext://sys.stderr}}
              whole: {{class: logging.FileHandler, filename: {tmp_path}/log.jsonl, formatter: json}}
            loggers:
              alisio: {{level: "${{ALISIO_LOGGING_LEVEL}}", handlers: [api, console, memory], propagate: false}}
            """
        )
    )

    @task
    def step() -> None:
        get_run_logger(colour="red").warning("within")

    @flow(name="a-flow")
    def outer() -> None:
        get_run_logger().info("here")
        get_logger("elsewhere").info("else")
        step()

    outer()

    assert ["within"] == [line.message for line in server.only_run().logs]
    shown = capsys.readouterr().err
    assert {"FLOW a-flow: here", "FLOW a-flow: else", "TASK a-flow/step-0: within"} <= set(shown.splitlines())
    path.unlink()
    set_up()  # and the file's handlers are flushed and closed
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    within = next(line for line in lines if line["message"] == "within")
    assert ("WARNING", "step-0", "step") == (within["level"], within["task_run_name"], within["task_name"])


def test_variables_over_the_file(server: MemoryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable takes the place of an entry, of a file or of what holds without one."""
    monkeypatch.setenv("ALISIO_LOGGING_LOGGERS_ALISIO_FLOW_RUNS_LEVEL", "error")
    say(get_logger("flow_runs"), "not this")
    monkeypatch.setenv("ALISIO_LOGGING_LOGGERS_ALISIO_FLOW_RUNS_LEVEL", "WARNING")
    say(get_logger("flow_runs"), "but this")

    first, second = server.all_runs()
    assert ([], ["but this"]) == (first.messages, second.messages)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "it is not valid YAML"),
        ("version: 2", "it must begin with `version: 1`"),
        ("version: 1\nhandlers: [a]", "handlers must be names with entries below them"),
        ("version: 1\nhandlers:\n  a: {class: not.there}", "handler 'a': No module named 'not'"),
        ("version: 1\nloggers:\n  a: {handlers: [b]}", "'b' is not there"),
        ("version: 1\nloggers:\n  a: {level: LOUD}", "'LOUD' is no level"),
        ("version: 1\nloggers:\n  a: {level: '${NOTHING}'}", "there is no setting NOTHING"),
        ("version: 1\nloggers:\n  a: {level: '$'}", "write $$"),
    ],
)
def test_files_that_cannot_be_used(text: str, told: str, tmp_path: Path, server: MemoryServer) -> None:
    """They are refused in one line that names the file and what is wrong."""
    path = tmp_path / "own.yml"
    path.write_text(text)
    with temporary_settings({"ALISIO_LOGGING_SETTINGS_PATH": path}), pytest.raises(SettingsError) as caught:
        set_up()
    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_variable_for_nothing(monkeypatch: pytest.MonkeyPatch, server: MemoryServer) -> None:
    """A variable that names no entry is refused, with those that there are."""
    monkeypatch.setenv("ALISIO_LOGGING_HANDLERS_CONSOL_LEVEL", "ERROR")
    with pytest.raises(SettingsError, match=r"ALISIO_LOGGING_HANDLERS_CONSOL_LEVEL names no entry .*_CONSOLE_LEVEL"):
        set_up()


def test_the_two_ways_agree(server: MemoryServer) -> None:
    """What holds without a file is the same as the document that variables lie over."""
    settings = current_settings()
    quick = {place.logger.name: place for place in configuration._default_places(settings)}["alisio"]
    whole = {place.logger.name: place for place in places_of(None, {}, settings, console=True)}["alisio"]
    assert {type(each) for each in quick.handlers} == {type(each) for each in whole.handlers}
    assert (logging.getLevelName(quick.level), quick.propagate) == (whole.level, whole.propagate)


def test_handlers_of_the_program_stay_open(server: MemoryServer, tmp_path: Path) -> None:
    """A file of ours leaves the handlers alone that the program has made before: they lose nothing."""
    own = logging.FileHandler(tmp_path / "own.log", mode="w")
    logger = logging.getLogger("a.program")
    logger.addHandler(own)
    logger.warning("before")
    path = tmp_path / "logging.yml"
    path.write_text("version: 1\nloggers:\n  alisio: {level: INFO}\n")
    with temporary_settings({"ALISIO_LOGGING_SETTINGS_PATH": path}):
        say(get_logger("mine"))
    logger.warning("after")
    logger.removeHandler(own)
    own.close()
    assert "before\nafter\n" == (tmp_path / "own.log").read_text()


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
