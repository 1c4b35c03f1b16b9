"""The clockwork of a laptop's server: one tick after another in a thread, whatever happens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from alisio_server.errors import reason_of

logger = logging.getLogger("alisio.server")


class Ticker:
    """Ticks every so many seconds until it is stopped. What fails is logged once, and so is its recovery.

    Args:
        tick: Does one tick, and tells which of its parts failed and why.
        seconds: From the end of one tick to the beginning of the next.
    """

    def __init__(self, tick: Callable[[], Mapping[str, Exception]], seconds: float) -> None:
        self._tick = tick
        self._seconds = seconds
        self._stopped = threading.Event()
        self._failing: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, name="alisio-tick", daemon=True)

    def start(self) -> None:
        """Begin, with a tick at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the tick in hand, if there is one."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._say(self._tick())
            self._stopped.wait(self._seconds)

    def _say(self, failed: Mapping[str, Exception]) -> None:
        reasons = {part: reason_of(error) for part, error in failed.items()}
        for part, reason in reasons.items():
            if self._failing.get(part) != reason:
                logger.error("the tick cannot do its part %r, and tries again: %s", part, reason)
                logger.debug("the traceback of that", exc_info=failed[part])
        for part in self._failing.keys() - reasons.keys():
            logger.warning("the tick does its part %r again", part)
        self._failing = reasons
