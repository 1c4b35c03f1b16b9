"""The routes of named limits as methods, a part of `alisio.client.methods`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar
from uuid import UUID

from alisio.client.calls import limits
from alisio.client.calls.base import Call
from alisio.contract.base import Page
from alisio.contract.limits import (
    ConcurrencyLimit,
    ConcurrencyLimitCreate,
    ConcurrencyLimitPatch,
    LeaseAnswer,
    SlotAnswer,
    SlotRequest,
)

AnswerT = TypeVar("AnswerT")


class LimitMethods(ABC):
    """One method a route; what they raise is told in `RouteMethods`."""

    @abstractmethod
    def _send(self, call: Call[AnswerT]) -> AnswerT:
        """Carry a call to the server and read its answer."""

    def create_global_concurrency_limit(self, request: ConcurrencyLimitCreate) -> ConcurrencyLimit:
        """Create a named limit; `tag:` and a tag limits tasks with that tag."""
        return self._send(limits.create_limit(request))

    def list_global_concurrency_limits(
        self, prefix: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Page[ConcurrencyLimit]:
        """List named limits by name, or those whose names begin with `prefix`."""
        return self._send(limits.list_limits(prefix, limit, cursor))

    def read_global_concurrency_limit_by_name(self, name: str) -> ConcurrencyLimit:
        """Read a named limit, with those who hold slots of it."""
        return self._send(limits.read_limit(name))

    def update_global_concurrency_limit(self, name: str, patch: ConcurrencyLimitPatch) -> ConcurrencyLimit:
        """Change the given fields of a named limit."""
        return self._send(limits.change_limit(name, patch))

    def delete_global_concurrency_limit_by_name(self, name: str) -> None:
        """Delete a named limit."""
        return self._send(limits.delete_limit(name))

    def reset_global_concurrency_limit(self, name: str) -> ConcurrencyLimit:
        """Give all slots of a named limit back, though their holders go on."""
        return self._send(limits.reset_limit(name))

    def take_concurrency_slots(self, lease_id: UUID, request: SlotRequest) -> SlotAnswer:
        """Take slots of limits, all or none; the same lease takes them once."""
        return self._send(limits.take_slots(lease_id, request))

    def renew_concurrency_lease(self, lease_id: UUID) -> LeaseAnswer:
        """Say that the holder of slots lives."""
        return self._send(limits.renew_lease(lease_id))

    def give_concurrency_slots_back(self, lease_id: UUID) -> None:
        """Give slots, or a place in the queue for them, back."""
        return self._send(limits.give_back(lease_id))
