"""Knowing, of an object passed to a task, which task run made it: by the object's identity."""

from __future__ import annotations

import sys
import threading
import weakref
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

LEAVES: frozenset[type] = frozenset(
    {bool, int, float, complex, str, bytes, type(None), datetime, date, time, timedelta, Decimal, UUID}
)
"""Values that hold nothing, and that the interpreter shares freely: their identity says nothing."""

MAX_HELD = 64
_OUR_REFERENCES = 2
"""What `getrefcount` counts for an object that nobody but we hold: the entry's, and that of the call itself."""


class Provenance:
    """The makers of the objects that the tasks of one flow run returned.

    Objects are known through weak references. Of those that cannot have one (lists, dicts), the latest few are
    held, and let go when nobody else has them any more: an identity is only good while the object lives.
    """

    __slots__ = ("_held", "_lock", "_weak")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._weak: dict[int, tuple[weakref.ref[Any], UUID]] = {}
        self._held: dict[int, tuple[Any, UUID]] = {}

    def remember(self, value: Any, task_run_id: UUID) -> None:
        """Note that a task run made this object, and, of a short tuple, what is in it."""
        if type(value) in LEAVES:
            return
        if type(value) is tuple and len(value) <= 16:
            for element in value:
                if type(element) is not tuple:
                    self.remember(element, task_run_id)
            return
        key = id(value)
        try:
            reference = weakref.ref(value, lambda _: self._weak.pop(key, None))
        except TypeError:
            self._hold(key, value, task_run_id)
        else:
            self._weak[key] = (reference, task_run_id)

    def source_of(self, value: Any) -> UUID | None:
        """Tell which task run made this object, or None where that is not known."""
        key = id(value)
        known = self._weak.get(key)
        if known is not None and known[0]() is value:
            return known[1]
        held = self._held.get(key)
        return held[1] if held is not None and held[0] is value else None

    def _hold(self, key: int, value: Any, task_run_id: UUID) -> None:
        with self._lock:
            for old in [k for k, entry in self._held.items() if sys.getrefcount(entry[0]) <= _OUR_REFERENCES]:
                del self._held[old]
            self._held[key] = (value, task_run_id)
            if len(self._held) > MAX_HELD:
                del self._held[next(iter(self._held))]
