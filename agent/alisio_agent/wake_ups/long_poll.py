"""Hearing of work by long polls of the API, one after another."""

from __future__ import annotations

import threading

from alisio.contract.work_pools import WakeUpSource, WakeUpWait
from alisio.exceptions import AlisioError
from alisio_agent.claims import AgentApi, Claims
from alisio_agent.options import Identity
from alisio_agent.outage import Outage

LISTEN_SECONDS = 30.0


class LongPoll:
    """Waits in the server until one of the agent's queues rings.

    Args:
        api: The client.
        identity: Who the agent is.
        claims: What makes claims.
        outage: What is known of the API being away.
        stopping: Set once the agent is to hear no more.
    """

    def __init__(
        self, api: AgentApi, identity: Identity, claims: Claims, outage: Outage, stopping: threading.Event
    ) -> None:
        self._api = api
        self._identity = identity
        self._claims = claims
        self._outage = outage
        self._stopping = stopping
        self._after = 0

    def listen(self, source: WakeUpSource) -> None:
        """Listen until a poll fails: the server may be another one then, and say otherwise."""
        identity = self._identity
        while not self._stopping.is_set():
            wait = WakeUpWait(queues=identity.queues, after=self._after, timeout_seconds=LISTEN_SECONDS)
            try:
                answer = self._api.wait_for_wake_up(identity.work_pool_name, wait)
            except AlisioError as error:
                self._stopping.wait(self._outage.begin(error, 1))
                self._claims.ring()  # what rang while nobody listened may not ring again soon
                return
            self._outage.end()
            self._after = answer.sequence
            if answer.rang:
                self._claims.ring()

    def leave(self) -> None:
        """Begin from the start next time: the numbers of the rings may be others."""
        self._after = 0
