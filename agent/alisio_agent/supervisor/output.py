"""What a child writes, on its way to the outbox: frames, and lines of output."""

from __future__ import annotations

import os

from alisio_agent.supervisor.child import Child
from alisio_agent.supervisor.loop import Loop
from alisio_agent.supervisor.protocol import FRAME_BYTES, OUTPUT_LINE_BYTES, LineReader, parse_frame
from alisio_agent.supervisor.records import INFO, LOGGER, WARNING
from alisio_agent.supervisor.reports import Outbox

_READ_BYTES = 65_536
_REPORTS = "reports"


class Output:
    """Reads a child's three pipes and puts what comes into an outbox.

    Args:
        child: Whose pipes.
        outbox: Where frames and lines go.
        loop: What watches the pipes.
    """

    def __init__(self, child: Child, outbox: Outbox, loop: Loop) -> None:
        self._outbox = outbox
        self._loop = loop
        self._readers = {
            child.report_fd: (_REPORTS, LineReader(FRAME_BYTES)),
            child.stdout_fd: ("stdout", LineReader(OUTPUT_LINE_BYTES)),
            child.stderr_fd: ("stderr", LineReader(OUTPUT_LINE_BYTES)),
        }
        self._is_paused = True
        self.pause(False)

    @property
    def is_drained(self) -> bool:
        """Whether all three pipes have ended."""
        return not self._readers

    def pause(self, paused: bool) -> None:
        """Stop reading, so that the child waits once its pipes are full; or go on."""
        if paused == self._is_paused:
            return
        self._is_paused = paused
        for fd in self._readers:
            if paused:
                self._loop.unwatch(fd)
            else:
                self._loop.watch(fd, lambda fd=fd: self._read(fd))  # type: ignore[misc]  # mypy 1.x on defaults

    def close(self) -> None:
        """Close the pipes that have not ended, and take in what came last."""
        for fd in list(self._readers):
            self._finish(fd)

    def _read(self, fd: int) -> None:
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._finish(fd)
            return
        source, reader = self._readers[fd]
        self._take(source, reader.feed(data))

    def _finish(self, fd: int) -> None:
        source, reader = self._readers.pop(fd)
        if not self._is_paused:
            self._loop.unwatch(fd)
        os.close(fd)
        self._take(source, reader.finish())

    def _take(self, source: str, lines: list[bytes]) -> None:
        for line in lines:
            if source != _REPORTS:
                self._outbox.add_log(INFO, source, line.decode("utf-8", "replace").removesuffix("\r"))
                continue
            try:
                frame = parse_frame(line)
            except ValueError as error:
                begin = line[:200].decode("utf-8", "replace")
                message = f"something that is no frame came over the report pipe: {error}; it begins {begin!r}"
                self._outbox.add_log(WARNING, LOGGER, message)
            else:
                self._outbox.add_frame(frame)
