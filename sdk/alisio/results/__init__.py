"""Results that outlive their process: how they are named, serialised, stored, and found again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alisio.results.store import ResultRecord, ResultStore, get_result_store

__all__ = ["ResultRecord", "ResultStore", "get_result_store"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from alisio.results import store

    return getattr(store, name)
