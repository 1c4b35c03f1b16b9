"""A state of a run, as it goes over the wire. It stands apart so that a script's reports load nothing more."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alisio.contract.base import Answer, Timestamp
from alisio.contract.states import StateType

MAX_LOCATION = 2_000
Message = Annotated[str, Field(max_length=10_000)]


class StateRecord(Answer):
    """A state that a run was in, from `timestamp` on.

    Attributes:
        result: Where the result is stored, if it is: the address of a file, or a key in a store of the flow's own.
    """

    type: StateType
    name: Annotated[str, Field(min_length=1, max_length=100)]
    message: Message | None = None
    timestamp: Timestamp
    result: Annotated[str, Field(max_length=MAX_LOCATION)] | None = None
