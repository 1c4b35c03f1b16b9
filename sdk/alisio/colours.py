"""Colours of the lines on a terminal: by level, and by the state that a line tells of. It loads with the logs."""

from __future__ import annotations

import logging
import os
from typing import Any

from alisio.contract.states import StateType

_RESET = "\x1b[0m"
_GREY, _RED, _GREEN, _YELLOW, _BLUE, _MAGENTA = ("\x1b[90m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[35m")
_STATES = {
    StateType.COMPLETED: _GREEN,
    StateType.FAILED: _RED,
    StateType.CRASHED: _MAGENTA,
    StateType.CANCELLED: _GREY,
    StateType.RUNNING: _BLUE,
}
_OTHERS = _YELLOW


def are_wanted(stream: Any) -> bool:
    """Tell whether a stream shows colours: it is a terminal, and neither `NO_COLOR` nor `TERM=dumb` is set.

    Source: https://no-color.org
    """
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def of_level(text: str, level: int) -> str:
    """Paint a level's name."""
    if level >= logging.ERROR:
        return f"{_RED}{text}{_RESET}"
    if level >= logging.WARNING:
        return f"{_YELLOW}{text}{_RESET}"
    return f"{_GREY}{text}{_RESET}" if level <= logging.DEBUG else text


def of_state(text: str, type_: StateType) -> str:
    """Paint a text that tells of a state."""
    return f"{_STATES.get(type_, _OTHERS)}{text}{_RESET}"
