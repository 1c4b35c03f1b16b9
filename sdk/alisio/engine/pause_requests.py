"""That somebody wants a run to stop at its next task, as its process hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alisio.contract.control import REQUESTED_PREFIX
from alisio.contract.ids import new_id

if TYPE_CHECKING:
    from alisio.engine.runs import FlowRun

PAUSES = ("pause", "suspend")
"""The words by which a run is asked to."""


def ask_to_pause(root: FlowRun, how: str) -> None:
    """Note it on a root run; asked again, that is the same pause."""
    asked = root.pause_request
    if asked is None or asked[0] != how:
        root.pause_request = (how, f"{REQUESTED_PREFIX}{new_id()}" if asked is None else asked[1])
