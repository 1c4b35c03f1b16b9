"""Calling AWS: how clients are opened, and what becomes of their errors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.config import Config

_REST_SECONDS = 5.0
_LONGEST_REST_SECONDS = 60.0


@cache
def quick() -> Config:
    """Give the settings of clients whose calls a request waits for: little time, and one more try."""
    from botocore.config import Config

    return Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})


@contextmanager
def reached(service: str) -> Iterator[None]:
    """Turn what boto3 raises into `OSError`, which is what the ports promise.

    Args:
        service: What is called, for the message.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise OSError(f"{service} refuses: {error}") from error
    except BotoCoreError as error:
        raise OSError(f"{service} cannot be used: {error}") from error


class Reach:
    """How a service is called that requests wait for. Any thread may call it.

    While the service cannot be reached it is left alone, for 5 s at first and up to a minute at a time, so that neither
    requests nor the tick spend their time on waiting for it.

    Args:
        service: What is called, for the message.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._rests_until = 0.0
        self._rest_seconds = _REST_SECONDS
        self._reason = ""

    @contextmanager
    def tried(self) -> Iterator[None]:
        """Call it as `reached` does.

        Raises:
            OSError: It refuses, cannot be reached, or rests.
        """
        from botocore.exceptions import BotoCoreError

        if time.monotonic() < self._rests_until:
            raise OSError(self._reason)
        try:
            with reached(self._service):
                yield
        except OSError as error:
            if isinstance(error.__cause__, BotoCoreError):
                self._reason = str(error)
                self._rests_until = time.monotonic() + self._rest_seconds
                self._rest_seconds = min(2 * self._rest_seconds, _LONGEST_REST_SECONDS)
            raise
        self._rest_seconds = _REST_SECONDS


def code_of(error: Any) -> str:
    """Take the code out of a `ClientError`."""
    code: str = error.response["Error"]["Code"]
    return code
