"""Which tags have a limit, as the server has said with its last answer. Nobody asks it for that alone."""

from __future__ import annotations

import time
from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alisio.settings import Settings

FRESH_SECONDS = 15.0
"""How long what a server has said is relied on. While a run goes on there is an answer every ten seconds."""


class LimitedTags:
    """What is known of the tags that have a limit.

    Args:
        tags: Those that are known to have one; None: nothing is known yet.
        lasts: How many seconds that is relied on.
    """

    __slots__ = ("_lasts", "_tags", "_told")

    def __init__(self, tags: Iterable[str] | None = None, lasts: float = FRESH_SECONDS) -> None:
        self._tags: frozenset[str] = frozenset(tags or ())
        self._lasts = lasts
        self._told = -inf if tags is None else time.monotonic()

    @property
    def is_fresh(self) -> bool:
        """Whether it can be relied on."""
        return time.monotonic() - self._told < self._lasts

    @property
    def known(self) -> list[str]:
        """The tags that are known to have a limit."""
        return sorted(self._tags)

    def tell(self, tags: Iterable[str]) -> None:
        """Take note of what the server says."""
        self._tags = frozenset(tags)
        self._told = time.monotonic()

    def rely(self) -> None:
        """Go by what is known for a while, as the server does not answer."""
        self._told = time.monotonic()

    def among(self, tags: Iterable[str]) -> list[str]:
        """Choose those that have a limit."""
        return [tag for tag in tags if tag in self._tags]


_by_server: dict[tuple[str | None, str], LimitedTags] = {}


def limited_tags_of(settings: Settings) -> LimitedTags:
    """Give what this process knows of the server that the settings name."""
    key = (settings.api_url, settings.api_database_connection_url)
    return _by_server.setdefault(key, LimitedTags())
