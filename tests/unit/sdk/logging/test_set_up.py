"""What decides where log lines go: settings, files, variables, and what other code has set up."""

from __future__ import annotations

import io
import json
import logging
import logging.handlers
import os
import textwrap
from pathlib import Path

import pytest

from alisio import flow, get_run_logger, task
from alisio.exceptions import SettingsError
from alisio.logging import configuration, get_logger, set_up
from alisio.logging.files import places_of
from alisio.logging.handlers import APILogHandler, ConsoleHandler
from alisio.settings import current_settings, temporary_settings
from tests.unit.sdk.conftest import MemoryServer
from tests.unit.sdk.logging.conftest import say


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
