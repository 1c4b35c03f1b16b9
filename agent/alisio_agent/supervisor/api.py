"""HTTP to the API, one request at a time, each in a thread of its own so that the supervisor's loop goes on."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

_KEPT_ALIVE_SECONDS = 4.0  # servers commonly close an idle connection after 5 s
_MAX_ANSWER_BYTES = 10_000_000


class Reply(NamedTuple):
    """What came of a request.

    Attributes:
        status: The HTTP status; 0 where there was no answer.
        body: The answer, or the reason why there was none.
    """

    status: int
    body: bytes


def open_connection(address: SplitResult, timeout: float) -> http.client.HTTPConnection:
    """Make a connection to the host of an address, over TLS where its scheme is https.

    Args:
        address: A parsed http or https URL.
        timeout: Seconds that connecting, or any read, may take.
    """
    secure = address.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    return kind(address.hostname or "", address.port, timeout=timeout)


def authorization(key: str | None) -> dict[str, str]:
    """Make the headers that show an API key; none where there is no key."""
    return {"Authorization": f"Bearer {key}"} if key else {}


class Api:
    """Posts to the API.

    Attributes:
        authorization: The headers that show the API key.

    Args:
        url: The API's address, such as `http://127.0.0.1:4200/api`.
        key: The API key to show it, where there is one.
        timeout: Seconds that connecting, or any read, may take.
        wake: Called, in the request's thread, once there is a reply to collect.
    """

    def __init__(self, url: str, key: str | None, timeout: float, wake: Callable[[], None]) -> None:
        self._address = urlsplit(url.rstrip("/"))
        self.authorization = authorization(key)
        self._timeout = timeout
        self._wake = wake
        self._connection: http.client.HTTPConnection | None = None
        self._last_used = 0.0
        self._thread: threading.Thread | None = None
        self._reply: Reply | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way, or its reply not collected: the process must not fork now."""
        return self._thread is not None

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        """Begin to post; only while no other request is under way."""
        arguments = (self._address.path + path, body, headers)
        self._thread = threading.Thread(target=self._run, args=arguments, daemon=True)
        self._thread.start()

    def collect(self) -> Reply | None:
        """Give the reply if there is one; its thread has ended then."""
        if self._reply is None or self._thread is None:
            return None
        self._thread.join()
        reply, self._reply, self._thread = self._reply, None, None
        return reply

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        try:
            self._reply = self._exchange(path, body, headers)
        except Exception as error:  # a thread that died without a word would leave the run to its lease
            self.close()
            self._reply = Reply(0, f"{type(error).__name__}: {error}".encode())
        finally:
            self._wake()

    def _exchange(self, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        if time.monotonic() - self._last_used > _KEPT_ALIVE_SECONDS:
            self.close()
        if self._connection is None:
            self._connection = open_connection(self._address, self._timeout)
        self._connection.request("POST", path, body, self.authorization | headers)
        response = self._connection.getresponse()
        reply = Reply(response.status, response.read(_MAX_ANSWER_BYTES))
        if response.will_close:
            self.close()
        self._last_used = time.monotonic()
        return reply
