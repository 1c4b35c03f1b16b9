"""Calling AWS: how clients are opened, and what becomes of their errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.config import Config


@cache
def quick() -> Config:
    """Give the settings of clients whose calls a request waits for: little time, and one more try."""
    from botocore.config import Config

    return Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})


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


def code_of(error: Any) -> str:
    """Take the code out of a `ClientError`."""
    code: str = error.response["Error"]["Code"]
    return code
