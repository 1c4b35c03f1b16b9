"""Claiming runs, and having them started when they are due."""

from __future__ import annotations

import logging
import threading
from typing import Any, Protocol
from uuid import UUID

from alisio.contract.base import utc_now
from alisio.contract.ids import new_id
from alisio.contract.work_pools import (
    AgentBeat,
    BeatAnswer,
    ClaimAnswer,
    ClaimRequest,
    Job,
    StartFailure,
    WakeUpAnswer,
    WakeUpSource,
    WakeUpWait,
    WorkQueue,
)
from alisio.exceptions import AlisioError, ConflictError
from alisio_agent.options import Identity
from alisio_agent.outage import Outage
from alisio_agent.roster import Held, Roster
from alisio_agent.runners.starters import StartError
from alisio_agent.supervisor.outcomes import Outcome
from alisio_agent.supervisor.places import run_name

EVERY_SECONDS = 60.0
MAX_CLAIM = 20
"""Runs taken at a time, so that agents of one pool share what comes at once."""
_EARLIEST_SECONDS = 2.0
_PAUSE_AFTER_FAILURE_SECONDS = 1.0

logger = logging.getLogger("alisio.agent")


class AgentApi(Protocol):
    """What an agent needs of a client."""

    def claim(self, pool: str, request: ClaimRequest) -> ClaimAnswer:
        """Take due runs."""
        ...

    def read_wake_up_source(self, pool: str) -> WakeUpSource:
        """Ask how agents of a pool hear of work."""
        ...

    def wait_for_wake_up(self, pool: str, request: WakeUpWait) -> WakeUpAnswer:
        """Wait for a wake-up."""
        ...

    def beat(self, agent_id: UUID, request: AgentBeat) -> BeatAnswer:
        """Tell that the agent lives."""
        ...

    def fail_start(self, flow_run_id: UUID, failure: StartFailure) -> None:
        """Tell that a claimed run could not be started."""
        ...

    def read_work_queue(self, pool: str, name: str) -> WorkQueue:
        """Read a work queue."""
        ...


class Runner(Protocol):
    """What starts the infrastructure of a run."""

    def start(self, name: str, job: dict[str, Any]) -> None:
        """Start a run; nothing happens where one of this name was started before.

        Raises:
            StartError: It could not be started.
        """
        ...


class Claims:
    """Claims runs whenever there may be some and there is room for them.

    Args:
        api: The client.
        identity: Who the agent is.
        runner: What starts runs.
        roster: Where claimed runs are noted.
        outage: What is known of the API being away.
        stopping: Set once the agent is to claim no more.
    """

    def __init__(
        self,
        api: AgentApi,
        identity: Identity,
        runner: Runner,
        roster: Roster,
        outage: Outage,
        stopping: threading.Event,
    ) -> None:
        self._api = api
        self._identity = identity
        self._runner = runner
        self._roster = roster
        self._outage = outage
        self._stopping = stopping
        self._changed = threading.Condition()
        self._rung = 1  # for what is there when it starts
        self._answered = 0

    def ring(self) -> int:
        """Say that there may be work, or room for more. Any thread may call this.

        Returns:
            The number of the ring, for `wait_for_answer`.
        """
        with self._changed:
            self._rung += 1
            self._changed.notify_all()
            return self._rung

    def wait_for_answer(self, ring: int) -> bool:
        """Wait until claims that were made after a ring are answered.

        Args:
            ring: The number of the ring.

        Returns:
            Whether nothing more can be claimed for now; not so where the agent is full, or is stopping.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._answered >= ring or self._stopping.is_set())
        return not self._stopping.is_set() and self._roster.free_slots(1) > 0

    def run(self) -> None:
        """Claim until the agent is stopping."""
        while not self._stopping.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._rung > self._answered, EVERY_SECONDS)
                rung = self._rung
            while self._take_some():
                pass
            with self._changed:
                self._answered = rung
                self._changed.notify_all()

    def give_up(self, job: Job, reason: str) -> None:
        """Tell the server that a claimed run could not be started here, so that it soon goes to any agent."""
        failure = StartFailure(attempt=job.attempt, agent_id=self._identity.agent_id, message=reason, final=False)
        try:
            self._api.fail_start(job.flow_run_id, failure)
        except ConflictError:
            return  # it is not the agent's any more: its supervisor has reported, or its lease has ended
        except AlisioError as error:
            # Its lease ends soon, and then it is anybody's all the same.
            logger.warning("the server could not be told that run %s did not start: %s", job.flow_run_name, error)

    def note_exit(self, name: str, status: int | None) -> None:
        """Take note of a supervisor's end. Any thread may call this.

        Args:
            name: The run's name at the runner.
            status: The exit status; None where nobody knows it.
        """
        held = self._roster.remove(name)
        self.ring()
        if held is None:
            return
        try:
            ending = "ended" if status is None else Outcome(status).name
        except ValueError:
            ending = f"its supervisor ended with status {status}"
            if not held.is_reported:
                self.give_up(held.job, f"on this host {ending} before it reported")
        logger.info("run %s (%s): %s", held.job.flow_run_name, name, ending)

    def _take_some(self) -> bool:
        """Claim once, and tell whether there may be more to claim at once."""
        slots = self._roster.free_slots(MAX_CLAIM)
        if slots < 1:
            return False
        answer = self._claim(slots)
        if answer is None:
            return False
        for job in answer.jobs:
            self._take(job)
        return len(answer.jobs) >= slots

    def _claim(self, slots: int) -> ClaimAnswer | None:
        """Claim until there is an answer; the same id each time, so that jobs of a lost answer come again."""
        identity = self._identity
        request = ClaimRequest(claim_id=new_id(), agent_id=identity.agent_id, queues=identity.queues, slots=slots)
        failures = 0
        while not self._stopping.is_set():
            try:
                answer = self._api.claim(identity.work_pool_name, request)
            except AlisioError as error:
                failures += 1
                self._stopping.wait(self._outage.begin(error, failures))
            else:
                self._outage.end()
                return answer
        return None

    def _take(self, job: Job) -> None:
        name = run_name(job.flow_run_id, job.attempt)
        held = Held(job)
        if self._stopping.is_set():
            self._roster.add(name, held)  # to be handed back
            return
        wait = min((job.due - utc_now()).total_seconds(), _EARLIEST_SECONDS)
        if wait > 0:
            held.timer = threading.Timer(wait, self._start, (name, job))
            held.timer.daemon = True
        if not self._roster.add(name, held):
            return
        if held.timer is not None:
            held.timer.start()
        else:
            self._start(name, job)

    def _start(self, name: str, job: Job) -> None:
        if not self._roster.begin(name):
            return
        identity = self._identity
        extra = {
            "api_url": identity.api_url,
            "api_key": identity.api_key,
            "home": str(identity.home),
            "agent_name": identity.name,
        }
        try:
            self._runner.start(name, job.model_dump(mode="json") | extra)
        except StartError as error:
            self._roster.remove(name)
            logger.error("run %s (%s) could not be started: %s", job.flow_run_name, name, error)
            self.give_up(job, str(error))
            self._stopping.wait(_PAUSE_AFTER_FAILURE_SECONDS)
        else:
            logger.info("run %s (%s): started", job.flow_run_name, name)
