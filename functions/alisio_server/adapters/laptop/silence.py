"""The bell of a process that nobody waits in."""

from __future__ import annotations

from collections.abc import Iterable

from alisio_server.ports import WakeUp


class Silence:
    """Wake-ups that reach nobody: a script that writes to the database itself has no agents that wait on it.

    Nothing is lost: `wake_at` stays in the database, and the next server's tick rings.
    """

    def send(self, wake_ups: Iterable[WakeUp]) -> None:
        """Ring nowhere."""
