"""What the checks look at, and what they say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from alisio.client import Client
from alisio.cloud.aws import Aws
from alisio.cloud.login import Access

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: Its name.
        outcome: `skipped` where the stage has no such part.
        found: One line: what was measured, or what is wrong.
    """

    check: str
    outcome: Outcome
    found: str


@dataclass(frozen=True)
class Subject:
    """A stage under test.

    Attributes:
        aws: The account, with the caller's rights.
        stage: Its name.
        outputs: What its stacks tell.
        access: Its API, and an admin key.
        client: Shows that key.
    """

    aws: Aws
    stage: str
    outputs: dict[str, str]
    access: Access
    client: Client


class CheckError(Exception):
    """A check failed. The text is one line."""


class SkippedError(Exception):
    """A stage has no part for a check. The text says why."""


Check = Callable[[Subject], str]
"""Returns what it found; raises `CheckError` or `SkippedError`."""
