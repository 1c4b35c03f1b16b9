"""The states that a run was in, as its process keeps them and tells them to the server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from alisio.contract.states import StateName, StateType

MAX_STATES = 1_000


class StateEntry(NamedTuple):
    """A line of a run's history. `at` is in seconds since 1970; `result` is where the result is stored."""

    type: StateType
    name: str
    message: str | None
    at: float
    result: str | None = None

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after it in this process."""
        return self.type.is_terminal or self.name == StateName.SUSPENDED

    def to_record(self) -> dict[str, Any]:
        """Give it as a `StateRecord` of the contract."""
        record = {
            "type": self.type.value,
            "name": self.name,
            "message": self.message,
            "timestamp": datetime.fromtimestamp(self.at, UTC).isoformat(),
        }
        return record if self.result is None else record | {"result": self.result}


def to_records(history: list[StateEntry]) -> list[dict[str, Any]]:
    """Give a history as the contract wants it; of a very long one, the first and the latest states."""
    if len(history) > MAX_STATES:
        history = history[:1] + history[1 - MAX_STATES :]
    return [entry.to_record() for entry in history]
