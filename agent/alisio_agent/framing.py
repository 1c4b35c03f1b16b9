"""Messages between the agent and its fork server: JSON objects, each after its length in four bytes."""

from __future__ import annotations

import json
from typing import Any

Message = dict[str, Any]
_LENGTH_BYTES = 4


def pack(message: Message) -> bytes:
    """Write a message as bytes."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return len(body).to_bytes(_LENGTH_BYTES) + body


class Unpacker:
    """Puts messages together from the bytes of a stream."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Take in bytes, and give the messages that they complete."""
        self._buffer += data
        messages = []
        while len(self._buffer) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._buffer[:_LENGTH_BYTES])
            if len(self._buffer) < end:
                break
            messages.append(json.loads(self._buffer[_LENGTH_BYTES:end]))
            del self._buffer[:end]
        return messages
