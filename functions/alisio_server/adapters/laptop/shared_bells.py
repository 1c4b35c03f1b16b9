"""The bells of server processes, on one machine or many, that share one PostgreSQL.

Every server process hears all of them, its own too, and rings its own bells. One that is due later is kept by every
process, so that none is lost with a process that is killed; when its time has come it is sent again, to ring now.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from alisio.contract.base import utc_now
from alisio_server.adapters.laptop.bells import Bells
from alisio_server.adapters.laptop.delays import Delays
from alisio_server.adapters.laptop.notices import CHANNEL, Notifier, read_payload, take_number
from alisio_server.database.engine import Database
from alisio_server.ports import WakeUp

_LISTEN_AGAIN_SECONDS = (0.1, 0.5, 1.0, 2.0)
# A connection that has broken without a word is noticed after this many seconds of silence.
_PROBE_SECONDS = 30.0
# They are due by this process's clock, whatever the database's may say.
_AT_ONCE = datetime.min.replace(tzinfo=UTC)
_log = logging.getLogger(__name__)


class SharedBells:
    """The `WakeUps` port of a server process that shares PostgreSQL with others.

    Args:
        url: The database's address.
        bells: What this process's long polls wait on; of the shared kind.
    """

    def __init__(self, url: str, bells: Bells) -> None:
        # Connections of its own: a bell must not wait until requests are done with theirs.
        self._database = Database(url, pool_size=2)
        self._notifier = Notifier(self._database)
        self._bells = bells
        self._delays = Delays(self._send_now)
        self._told, self._tell = socket.socketpair()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="alisio-listen", daemon=True)
        self._thread.start()

    def send(self, wake_ups: Iterable[WakeUp]) -> None:
        """Tell every server process, this one too.

        Raises:
            OSError: The database cannot be reached.
        """
        self._notifier.send(wake_ups)

    def keep(self, wake_ups: Iterable[WakeUp]) -> None:
        """Keep wake-ups that were sent before this process was there, until they are due."""
        self._delays.keep(wake_ups)

    def close(self) -> None:
        """Stop listening, and forget what is due later."""
        self._closed.set()
        self._tell.send(b"!")
        self._thread.join()
        self._delays.close()
        self._database.dispose()
        self._told.close()
        self._tell.close()

    def _send_now(self, due: list[WakeUp]) -> None:
        one_a_queue = {wake_up.work_queue_id: replace(wake_up, due=_AT_ONCE) for wake_up in due}
        self._notifier.send(one_a_queue.values())

    def _listen(self) -> None:
        failures = 0
        while not self._closed.is_set():
            try:
                with closing(self._open()) as connection:
                    if failures:
                        _log.warning("wake-ups are heard again")
                    failures = 0
                    self._hear(connection)
            # The driver's own errors: it is an extra, and not there to be named where SQLite is used.
            except Exception as error:
                if not failures:
                    _log.error("wake-ups cannot be heard, and it is tried again: %s", str(error).partition("\n")[0])
                pause = _LISTEN_AGAIN_SECONDS[min(failures, len(_LISTEN_AGAIN_SECONDS) - 1)]
                failures += 1
                self._closed.wait(pause)

    def _open(self) -> Any:
        """Open a connection that listens, and have all look who waited while there was none."""
        pooled = self._database.engine.raw_connection()
        pooled.detach()
        connection: Any = pooled.dbapi_connection
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        with self._database.write() as other:
            # Whoever has a smaller number has committed, so all that come after are heard by the LISTEN above.
            first = take_number(other)
        self._bells.interrupt(first)
        return connection

    def _hear(self, connection: Any) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            selector.register(self._told, selectors.EVENT_READ)
            while not self._closed.is_set():
                if not selector.select(_PROBE_SECONDS):
                    with connection.cursor() as cursor:
                        cursor.execute("SELECT 1")
                connection.poll()
                heard, connection.notifies[:] = list(connection.notifies), []
                for notification in heard:
                    self._take(notification.payload)

    def _take(self, payload: str) -> None:
        number, wake_ups = read_payload(payload, utc_now())
        due = [wake_up.work_queue_id for wake_up, later in wake_ups if not later]
        if due:
            self._bells.ring(due, number)
        self._delays.keep(wake_up for wake_up, later in wake_ups if later)
