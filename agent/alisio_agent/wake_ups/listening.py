"""Listening where the server says, and asking it anew whenever that may have changed."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from alisio.contract.work_pools import WakeUpKind, WakeUpSource
from alisio.exceptions import AlisioError, ApiError
from alisio_agent.claims import AgentApi, Claims
from alisio_agent.options import Identity
from alisio_agent.outage import Outage
from alisio_agent.roster import Roster
from alisio_agent.wake_ups import WakeUps
from alisio_agent.wake_ups.long_poll import LongPoll
from alisio_agent.wake_ups.sqs import SqsQueues


class Listening:
    """The agent's ear: it has claims made when there may be work.

    Args:
        api: The client.
        identity: Who the agent is.
        claims: What makes claims.
        roster: What the agent holds.
        outage: What is known of the API being away.
        stopping: Set once the agent is to hear no more.
    """

    def __init__(
        self,
        api: AgentApi,
        identity: Identity,
        claims: Claims,
        roster: Roster,
        outage: Outage,
        stopping: threading.Event,
    ) -> None:
        self._api = api
        self._pool = identity.work_pool_name
        self._outage = outage
        self._bell_outage = Outage("the server's bell")
        self._stopping = stopping
        self._ways: Mapping[WakeUpKind, WakeUps] = {
            WakeUpKind.LONG_POLL: LongPoll(api, identity, claims, outage, stopping),
            WakeUpKind.SQS: SqsQueues(identity.queues, claims, roster, outage, stopping),
        }

    def run(self) -> None:
        """Listen until the agent is stopping."""
        way: WakeUps | None = None
        while (source := self._ask()) is not None:
            before, way = way, self._ways[source.kind]
            if before is not None and before is not way:
                before.leave()
            way.listen(source)
        if way is not None:
            way.leave()

    def _ask(self) -> WakeUpSource | None:
        failures = 0
        while not self._stopping.is_set():
            try:
                source = self._api.read_wake_up_source(self._pool)
            except AlisioError as error:
                failures += 1
                is_answer = isinstance(error, ApiError) and error.code == "wake_ups_away"
                outage = self._bell_outage if is_answer else self._outage
                self._stopping.wait(outage.begin(error, failures))
            else:
                self._outage.end()
                self._bell_outage.end()
                return source
        return None
