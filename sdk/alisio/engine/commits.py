"""Writing the records of a transaction: all of them, or none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from alisio.results.storage import ResultStorage


class Write(NamedTuple):
    """A record that is to be written."""

    storage: ResultStorage
    key: str
    content: bytes


class Writing:
    """Writes records. It may go on in a thread when nobody waits for it any more: then nothing of it stays.

    Args:
        making: Each makes some of the records; nothing is written before all are made.
    """

    def __init__(self, making: Iterable[Callable[[], list[Write]]]) -> None:
        self._making = list(making)
        self._deciding = threading.Lock()
        self._abandoned = False
        self._done = False

    def write(self) -> None:
        """Write all records; where one cannot be made or written, those that were are removed.

        Raises:
            Exception: What prevented it.
        """
        writes = [write for make in self._making for write in make()]
        written: list[Write] = []
        try:
            for write in writes:
                written.append(write)
                write.storage.write(write.key, write.content)
        except BaseException:
            with suppress(Exception):  # what prevented the writing is to be told
                _remove(written)
            raise
        with self._deciding:
            self._done = not self._abandoned
        if not self._done:
            _remove(written)

    def abandon(self) -> bool:
        """Let nothing of it stay, as its caller was stopped.

        Returns:
            Whether that is so; not, where all was written before.
        """
        with self._deciding:
            self._abandoned = True
            return not self._done


def _remove(written: list[Write]) -> None:
    for write in written:
        remove = getattr(write.storage, "remove", None)
        if remove is not None:
            remove(write.key)
