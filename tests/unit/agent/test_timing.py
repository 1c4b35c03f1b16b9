"""The waits of executors fit the lease that they are to keep."""

from __future__ import annotations

from alisio.client.calls.runs import REPORT_SECONDS
from alisio.engine.recording import HEARTBEAT_SECONDS
from alisio_agent.supervisor.timing import Timing, back_off
from alisio_server.orchestration.leases import LEASE_SECONDS

ANSWER_SECONDS = 5.0
"""What the next report gets to arrive in."""


def test_a_report_that_is_lost_costs_no_lease() -> None:
    """Where a request hangs until it is given up, the one after it comes before the lease ends."""
    timing = Timing()

    assert LEASE_SECONDS > timing.heartbeat + timing.request + back_off(1, 1.0) + ANSWER_SECONDS
    assert LEASE_SECONDS > HEARTBEAT_SECONDS + REPORT_SECONDS + back_off(1, 1.0) + ANSWER_SECONDS
