"""What is still to be told to the API: merged, held in memory or on disk, and cut into reports."""

from __future__ import annotations

import json
import zlib
from typing import Any

from alisio_agent.supervisor.protocol import IDENTIFIED, LISTS, Frame
from alisio_agent.supervisor.records import DEBUG, LOGGER, WARNING, Record, is_last, log_line
from alisio_agent.supervisor.spool import Row, Spool

MAX_ROWS = 1_000
MAX_BYTES = 3_900_000
MAX_GZIP_BYTES = 1_000_000
MEMORY_BYTES = 2_000_000
SPOOL_BYTES = 256_000_000
DEBUG_SPOOL_BYTES = SPOOL_BYTES * 3 // 4
_GZIP_FROM_BYTES = 1_000
_ROW_OVERHEAD = 200  # what Python keeps for a row besides its text


def encode(value: object) -> bytes:
    """Write a value as JSON on one line. Half a surrogate pair, which is no text, becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


class Batch:
    """Rows in the order they came. One of the same key takes the place of the earlier."""

    def __init__(self, rows: list[Row] | None = None) -> None:
        self._rows: dict[str, Row] = {str(number): row for number, row in enumerate(rows or ())}
        self.size = sum(len(body) + _ROW_OVERHEAD for _, body in self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, key: str, row: Row) -> None:
        """Add a row, or replace the one of this key."""
        earlier = self._rows.get(key)
        self.size += len(row[1]) - len(earlier[1]) if earlier else len(row[1]) + _ROW_OVERHEAD
        self._rows[key] = row

    def rows(self) -> list[Row]:
        """All rows, oldest first."""
        return list(self._rows.values())

    def cut(self, max_rows: int, max_bytes: int) -> list[Row]:
        """Take the oldest rows, at least one, within the limits."""
        rows: list[Row] = []
        keys = []
        size = 0
        for key, row in self._rows.items():
            size += len(row[1]) + 1
            if rows and (size > max_bytes or len(rows) >= max_rows):
                break
            rows.append(row)
            keys.append(key)
        for key in keys:
            del self._rows[key]
        self.size -= sum(len(body) + _ROW_OVERHEAD for _, body in rows)
        return rows

    def drop_logs(self) -> int:
        """Let all log lines go, and tell how many there were."""
        kept = {key: row for key, row in self._rows.items() if row[0] != "logs"}
        dropped = len(self._rows) - len(kept)
        self._rows = kept
        self.size = sum(len(body) + _ROW_OVERHEAD for _, body in kept.values())
        return dropped


class Outbox:
    """All that a supervisor still has to tell about one attempt.

    What does not fit in memory goes to the spool. When that is three quarters full, debug lines are let go,
    and when it is full all log lines are; both are counted. All else always stays.

    Args:
        spool: Where rows go that do not fit in memory.

    Attributes:
        terminal: The final state that the child told, held back until `close`.
        ending: The final state that the child has come to, while it calls its flow's hooks.
        hooks: The final states for which the flow has hooks, and of which its child may not live to tell.
        run_name: What the child calls the run, where that is not the name it was given.
        closed: Nothing is added any more: the final state is the last row.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._front = Batch()
        self._batch = Batch()
        self._facts: dict[str, Any] = {}
        self._count = 0
        self._dropped = 0
        self._memory_limit = MEMORY_BYTES
        self.terminal: Record | None = None
        self.ending: Record | None = None
        self.hooks: list[str] = []
        self.run_name: str | None = None
        self.closed = False

    @property
    def told(self) -> Record | None:
        """The final state that the child knows of, if it does."""
        return self.ending if self.terminal is None else self.terminal

    @property
    def has_news(self) -> bool:
        """Whether there is anything to send."""
        return bool(self._front or self._spool or self._batch or self._dropped)

    @property
    def is_full(self) -> bool:
        """Whether there is enough for a whole report, which need not wait for more."""
        full = len(self._batch) >= MAX_ROWS or self._batch.size >= MAX_BYTES
        return full or bool(self._front or self._spool)

    @property
    def is_crowded(self) -> bool:
        """Whether lines would soon be let go."""
        return self._spool.size >= DEBUG_SPOOL_BYTES

    def add_frame(self, frame: Frame) -> None:
        """Take in what a child sent."""
        self.ending = frame.get("ending", self.ending)
        self.hooks = frame.get("hooks", self.hooks)
        if "facts" in frame:
            self.run_name = frame["facts"].get("name", self.run_name)
            self._facts |= frame["facts"]
            self._put("facts", ("facts", encode(self._facts)))
        self._dropped += frame.get("dropped_logs", 0)
        for record in frame.get("states", ()):
            self.add_state(record)
        for kind in IDENTIFIED:
            for news in frame.get(kind, ()):
                self._put(f"{kind}/{news['id']}", (kind, encode(news)))
        for line in frame.get("logs", ()):
            self._add_log(line)

    def add_state(self, record: Record) -> None:
        """Take in a state of the run. A final one waits for `close`."""
        if is_last(record):
            self.terminal = record
        else:
            self._append(("states", encode(record)))

    def add_log(self, level: int, logger: str, message: str) -> None:
        """Take in a log line of now."""
        self._add_log(log_line(level, logger, message))

    def close(self, terminal: Record) -> None:
        """Add the final state as the last row of all."""
        self.closed = True
        self._batch.put("terminal", ("states", encode(terminal)))

    def take(self, max_rows: int, max_bytes: int) -> tuple[list[Row], int]:
        """Take the rows of the next report, oldest first, and how many lines were let go since the last one."""
        while not self._front and self._spool:
            self._front = Batch(self._read_spool())
        source = self._front or self._batch
        if source is self._batch:
            self._facts = {}
        dropped, self._dropped = self._dropped, 0
        return source.cut(max_rows, max_bytes), dropped

    def put_back(self, rows: list[Row], dropped: int) -> None:
        """Give back rows that were taken, to be taken again before all others."""
        self._dropped += dropped
        self._front = Batch(rows + self._front.cut(len(self._front), self._front.size))

    def _add_log(self, line: Record) -> None:
        level = line.get("level")
        is_debug = isinstance(level, int) and level <= DEBUG
        if self._spool.size >= (DEBUG_SPOOL_BYTES if is_debug else SPOOL_BYTES):
            self._dropped += 1
        else:
            self._append(("logs", encode(line)))

    def _append(self, row: Row) -> None:
        self._count += 1
        self._put(f"#{self._count}", row)

    def _put(self, key: str, row: Row) -> None:
        if self.closed:
            return
        self._batch.put(key, row)
        if self._batch.size >= self._memory_limit:
            self._move_to_spool()

    def _move_to_spool(self) -> None:
        try:
            self._spool.append(self._batch.rows())
        except OSError:
            # No room on disk: what must not be lost stays in memory, log lines go.
            self._dropped += self._batch.drop_logs()
            self._memory_limit = self._batch.size + MEMORY_BYTES
        else:
            self._batch = Batch()
            self._facts = {}
            self._memory_limit = MEMORY_BYTES

    def _read_spool(self) -> list[Row]:
        try:
            return self._spool.pop()
        except OSError as error:
            message = f"some of the run's news could not be read back from disk: {error.strerror}"
            return [("logs", encode(log_line(WARNING, LOGGER, message)))]


def render(rows: list[Row], attempt: int, sequence: int, dropped: int) -> bytes:
    """Write a report's body.

    Args:
        rows: What it carries.
        attempt: The fencing token.
        sequence: The report's number within the attempt.
        dropped: How many log lines were let go.

    Returns:
        JSON as the API takes it.
    """
    parts = [b'"attempt":%d,"sequence":%d,"origin":"supervisor"' % (attempt, sequence)]
    facts: dict[str, Any] = {}
    for kind, body in rows:
        if kind == "facts":
            facts |= json.loads(body)
    if facts:
        parts.append(b'"facts":' + encode(facts))
    for kind in LISTS:
        bodies = [body for row_kind, body in rows if row_kind == kind]
        if bodies:
            parts.append(b'"%s":[%s]' % (kind.encode(), b",".join(bodies)))
    if dropped:
        parts.append(b'"dropped_logs":%d' % dropped)
    return b"{" + b",".join(parts) + b"}"


def compress(body: bytes) -> tuple[bytes, dict[str, str]]:
    """Gzip a body where that pays, and give the headers that go with it."""
    if len(body) < _GZIP_FROM_BYTES:
        return body, {"Content-Type": "application/json"}
    squeezer = zlib.compressobj(level=6, wbits=31)
    # Not as a Content-Encoding: API Gateway would read the bytes as the text that JSON is.
    return squeezer.compress(body) + squeezer.flush(), {"Content-Type": "application/json+gzip"}
