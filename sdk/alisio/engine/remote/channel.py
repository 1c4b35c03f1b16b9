"""Messages over a socket between two processes.

`multiprocessing.connection` does the like, but importing it takes long, and every worker does.
"""

from __future__ import annotations

import errno
import os
import select
import struct

_LENGTH = struct.Struct("!Q")


class Channel:
    """One end of a stream socket, by its descriptor. One thread at a time may send, and one may receive."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.closed = False

    def send(self, *messages: bytes) -> None:
        """Send messages.

        Raises:
            OSError: The other end is gone, or this one is closed.
        """
        for message in messages:
            self._write(_LENGTH.pack(len(message)))
            self._write(message)

    def receive(self) -> bytes:
        """Wait for the next message.

        Raises:
            EOFError: There is none, as the other end is gone.
            OSError: Likewise.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        return self._read(length)

    def wait(self, seconds: float) -> bool:
        """Tell whether something can be received, or never will be, within this time.

        Raises:
            OSError: This end is closed.
        """
        self._demand_open()
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1_000))

    def close(self) -> None:
        """Let the other end know that nothing more comes."""
        if not self.closed:
            self.closed = True
            os.close(self._descriptor)

    def _demand_open(self) -> None:
        if self.closed:
            # Its number may be another file's by now: what is written there is lost here and breaks that.
            raise BrokenPipeError(errno.EPIPE, "the channel is closed")

    def _write(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            self._demand_open()
            view = view[os.write(self._descriptor, view) :]

    def _read(self, length: int) -> bytes:
        content = bytearray(length)
        view = memoryview(content)
        while view:
            self._demand_open()
            count = os.readv(self._descriptor, [view])
            if not count:
                raise EOFError
            view = view[count:]
        return bytes(content)
