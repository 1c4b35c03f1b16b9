"""The lines that a child sends its supervisor: cutting a stream into lines, and reading frames from them."""

from __future__ import annotations

import json
from typing import Any

from alisio_agent.supervisor.records import TERMINAL

FRAME_BYTES = 1_048_576
OUTPUT_LINE_BYTES = 65_536
IDENTIFIED = ("subflows", "task_runs", "artifacts", "events")
"""Lists of rows of which a later one of the same id takes the place of the earlier."""

LISTS = ("states", *IDENTIFIED, "logs")

Frame = dict[str, Any]


class LineReader:
    """Cuts a stream of bytes into lines. A line longer than the limit comes in pieces of at most that size.

    Args:
        limit: The longest line, in bytes, at least 4; no more than this is ever held back.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take in bytes, and give the lines that they complete, without their ends."""
        *lines, rest = (self._rest + data).split(b"\n")
        pieces = [piece for line in lines for piece in self._cut(line)]
        *whole, self._rest = self._cut(rest)
        return pieces + whole

    def finish(self) -> list[bytes]:
        """Give what came after the last line's end, if anything."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []

    def _cut(self, line: bytes) -> list[bytes]:
        pieces = []
        while len(line) > self._limit:
            end = self._limit
            # UTF-8 continuation bytes: a character of up to four bytes is not cut in two.
            while end > self._limit - 3 and line[end] & 0xC0 == 0x80:
                end -= 1
            pieces.append(line[:end])
            line = line[end:]
        pieces.append(line)
        return pieces


def parse_frame(line: bytes) -> Frame:
    """Read a frame: a JSON object with any of the lists, and of the keys `facts`, `hooks`, `ending`, `dropped_logs`.

    Only the shape is looked at; what the rows hold is the API's to judge.

    Raises:
        ValueError: The line is not a frame; the text says why.
    """
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is not JSON") from error
    if not isinstance(frame, dict):
        raise ValueError("it is not a JSON object")
    for key, value in frame.items():
        if key == "facts":
            fits = isinstance(value, dict)
        elif key == "ending":
            fits = isinstance(value, dict) and str(value.get("type")) in TERMINAL
        elif key == "hooks":
            fits = isinstance(value, list) and all(isinstance(type_, str) for type_ in value)
        elif key == "dropped_logs":
            fits = isinstance(value, int) and value >= 0
        else:
            fits = key in LISTS and _are_rows(value, identified=key in IDENTIFIED)
        if not fits:
            raise ValueError(f"{key[:100]!r} is not a part of a frame, or not of its type")
    return frame


def _are_rows(value: object, *, identified: bool) -> bool:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        return False
    return not identified or all(isinstance(row.get("id"), str) for row in value)
