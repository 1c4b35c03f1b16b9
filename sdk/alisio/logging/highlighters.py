r"""What is painted in log lines on a terminal: patterns with named groups, each name a style.

    class Emails(ConsoleHighlighter):
        highlights = [*ConsoleHighlighter.highlights, r"(?P<email>[\w.-]+@[\w.-]+)"]

    ConsoleHandler(highlighter=Emails, styles={"log.email": "magenta"})

A style is named by `base_style` and the group's name. Importing this imports rich.
"""

from __future__ import annotations

from typing import ClassVar

from rich.highlighter import RegexHighlighter

from alisio.contract.states import StateType

__all__ = [
    "ConsoleHighlighter",
    "LevelHighlighter",
    "NameHighlighter",
    "PrefectConsoleHighlighter",
    "StateHighlighter",
    "UrlHighlighter",
]


class LevelHighlighter(RegexHighlighter):
    """Levels: `level.warning_level` and so on."""

    base_style = "level."
    highlights: ClassVar[list[str]] = [
        rf"\b(?P<{level.lower()}_level>{level})\b" for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    ]


class UrlHighlighter(RegexHighlighter):
    """Addresses: `url.web_url` and `url.local_url`."""

    base_style = "url."
    highlights: ClassVar[list[str]] = [
        r"(?P<web_url>(?:https?|wss?)://[^\s'\"<>]+)",
        r"(?P<local_url>file://[^\s'\"<>]+)",
    ]


class NameHighlighter(RegexHighlighter):
    """Names in quotation marks, after what they name: `name.flow_run_name`, `name.task_name` and so on."""

    base_style = "name."
    highlights: ClassVar[list[str]] = [
        rf"(?i)\b{kind} (?P<{kind.replace(' ', '_')}_name>'[^']*')" for kind in ("flow run", "flow", "task run", "task")
    ]


class StateHighlighter(RegexHighlighter):
    """Names of states: `state.completed_state` and so on."""

    base_style = "state."
    highlights: ClassVar[list[str]] = [
        rf"\b(?P<{state.value.lower()}_state>{state.value.title()})\b" for state in StateType
    ]


class ConsoleHighlighter(RegexHighlighter):
    """All of these: `log.warning_level`, `log.web_url`, `log.flow_name`, `log.completed_state` and so on."""

    base_style = "log."
    highlights: ClassVar[list[str]] = [
        *LevelHighlighter.highlights,
        *UrlHighlighter.highlights,
        *NameHighlighter.highlights,
        *StateHighlighter.highlights,
    ]


PrefectConsoleHighlighter = ConsoleHighlighter
