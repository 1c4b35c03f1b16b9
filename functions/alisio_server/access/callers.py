"""Who asks. Part of every script that works on the database itself, so it imports little."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from alisio.contract.roles import ANONYMOUS, LOCAL, Role


@dataclass(frozen=True)
class Caller:
    """Who makes a request.

    Attributes:
        name: The name of the API key, or one of the contract's `LOCAL` and `ANONYMOUS`.
        role: What it may do.
        api_key_id: The API key, where there is one.
        source: The address that the request came from, where there is one.
    """

    name: str
    role: Role
    api_key_id: UUID | None = None
    source: str | None = None


def local_caller() -> Caller:
    """Give the caller who works on the database itself: whoever can write its file has all rights."""
    return Caller(LOCAL, Role.ADMIN)


def anonymous_caller(source: str) -> Caller:
    """Give the caller on this machine of a server on which no key was made yet."""
    return Caller(ANONYMOUS, Role.ADMIN, source=source)
