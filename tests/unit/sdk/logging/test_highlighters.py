"""What the console paints by highlighters and styles."""

from __future__ import annotations

import logging
import re

import pytest

from alisio import colours
from alisio.logging.handlers import PrefectConsoleHandler
from alisio.logging.highlighters import ConsoleHighlighter, PrefectConsoleHighlighter

STYLES = {"log.web_url": "blue", "log.flow_name": "green", "log.completed_state": "red", "log.email": "magenta"}


class Emails(PrefectConsoleHighlighter):
    """One that knows one thing more."""

    highlights = [*ConsoleHighlighter.highlights, r"(?P<email>[\w.-]+@[\w.-]+)"]


def line_of(handler: logging.Handler, message: str) -> str:
    """Format a line."""
    record = logging.LogRecord("n", logging.INFO, "", 0, message, None, None)
    return handler.format(record)


def painted(text: str) -> dict[str, str]:
    """Tell which parts of a line have which colour."""
    return {part: colour for colour, part in re.findall(r"\x1b\[(\d+)m([^\x1b]*)\x1b\[0m", text)}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that wants colours."""
    monkeypatch.setattr(colours, "are_wanted", lambda _stream: True)


@pytest.mark.usefixtures("terminal")
def test_parts_are_painted() -> None:
    """Addresses, names and states have the styles of their names, and what a subclass adds has too."""
    handler = PrefectConsoleHandler(highlighter=Emails, styles=STYLES, level=logging.INFO)
    line = line_of(handler, "Flow 'etl' of a@b.ch at http://x.ch/y ended: Completed [1]")
    assert {"'etl'": "32", "a@b.ch": "35", "http://x.ch/y": "34", "Completed": "31"} == painted(line)
    assert logging.INFO == handler.level


@pytest.mark.usefixtures("terminal")
def test_styles_alone() -> None:
    """With styles and no highlighter all that we know is painted; an object is as good as a class."""
    assert {"http://x.ch": "34"} == painted(line_of(PrefectConsoleHandler(styles=STYLES), "a@b.ch http://x.ch"))
    handler = PrefectConsoleHandler(highlighter=Emails(), styles=STYLES)
    assert {"a@b.ch": "35"} == painted(line_of(handler, "a@b.ch"))


def test_where_no_colours_are_wanted() -> None:
    """In a file the line is as it is."""
    assert line_of(PrefectConsoleHandler(styles=STYLES), "to http://x.ch").endswith("n  to http://x.ch")
