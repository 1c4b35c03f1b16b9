"""How long a supervisor waits for what, in seconds."""

from __future__ import annotations

from typing import NamedTuple


class Timing(NamedTuple):
    """The waits of a supervisor, in seconds.

    Attributes:
        report: Between two reports while there is news; a report that is full does not wait.
        heartbeat: Between two reports while there is none.
        grace: What a child gets to end after it was asked to, before it is killed.
        linger: What a child gets to exit after its final state, before that state is sent all the same.
        hooks: What the hooks of a flow that has ended get, before they are ended too.
        drain: How long output is read on after the child's death, where something else holds its pipes open.
        give_up: How long the API is tried after the end.
        request: The longest that one request may take. One that is lost on its way must not cost the run its lease of
            30 s: the next is to be there in time. The server answers within 10 s, or says that it cannot.
    """

    report: float = 0.5
    heartbeat: float = 10.0
    grace: float = 30.0
    linger: float = 2.0
    hooks: float = 60.0
    drain: float = 1.0
    give_up: float = 600.0
    request: float = 12.0


def back_off(failures: int, random: float) -> float:
    """Tell how long to wait before the next try.

    Args:
        failures: How many tries in a row have failed, from 1.
        random: From 0 to 1, so that many executors do not come back at the same instant.

    Returns:
        Seconds: about 0.25, 0.5, 1 … and at most 10.
    """
    longest: float = min(10.0, 0.25 * 2 ** min(failures - 1, 10))
    return longest * (0.5 + random / 2)
