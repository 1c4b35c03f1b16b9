"""How an agent hears of work: by long polls of the API, or from queues of Amazon SQS. The server says which."""

from __future__ import annotations

from typing import Protocol

from alisio.contract.work_pools import WakeUpSource


class WakeUps(Protocol):
    """One way to hear of work."""

    def listen(self, source: WakeUpSource) -> None:
        """Pass on what is heard, until the agent stops or the server is to be asked anew where to listen.

        Args:
            source: Where to listen.
        """
        ...

    def leave(self) -> None:
        """Listen no more: the server has said that wake-ups come another way now."""
        ...
