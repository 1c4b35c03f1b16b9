"""Which release this is."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of


@cache
def version() -> str:
    """Read the release from the installed distribution; a source tree that is not installed says so."""
    try:
        return version_of("alisio")
    except PackageNotFoundError:
        return "0+source"
