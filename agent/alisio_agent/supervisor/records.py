"""States and log lines as the API takes them."""

from __future__ import annotations

import time
from typing import Any

Record = dict[str, Any]

TERMINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
SUSPENDED = "Suspended"
"""The name of the one state of another type in which an attempt ends."""
DEBUG = 10
INFO = 20
WARNING = 30
LOGGER = "alisio.supervisor"
_MAX_MESSAGE = 10_000


def timestamp() -> str:
    """Tell the time in UTC, in the form of RFC 3339 with microseconds."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{moment}.{nanoseconds // 1_000:06}Z"


def is_last(record: Record) -> bool:
    """Tell whether an attempt ends in this state."""
    return str(record.get("type")) in TERMINAL or record.get("name") == SUSPENDED


def state(type_: str, message: str | None = None, name: str | None = None) -> Record:
    """Make a state that begins now.

    Args:
        type_: Such as `CRASHED`.
        message: One line for people; cut at what the API takes.
        name: The type as a word where it is not given.
    """
    return {
        "type": type_,
        "name": name or type_.capitalize(),
        "message": None if message is None else message[:_MAX_MESSAGE],
        "timestamp": timestamp(),
    }


def log_line(level: int, logger: str, message: str) -> Record:
    """Make a log line of now. NUL, which PostgreSQL cannot store, is replaced."""
    return {
        "timestamp": timestamp(),
        "level": level,
        "logger": logger,
        "message": message.replace("\0", "\ufffd"),
    }
