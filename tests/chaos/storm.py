"""The storm: rounds that each begin a fault and ask for runs, then calm, until every run has ended."""

from __future__ import annotations

import heapq
import os
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count

import psutil

from tests.chaos.creator import Creator, Order
from tests.chaos.deaths import Coroner
from tests.chaos.faults import KILLS, PROCESS_FAULTS, SERVER_FAULTS, Fault, WrongClock, WrongServerClock
from tests.chaos.function_faults import FUNCTION_FAULTS
from tests.chaos.kinds import KINDS
from tests.chaos.ledger import AWAY, ENDED
from tests.chaos.road_faults import BELL_FAULTS, ROAD_FAULTS, KillPostgres, LoseSqs
from tests.chaos.setups import POOL_LIMIT, Setup
from tests.waiting import wait_until

ROUND_SECONDS = 0.8
STUCK_SECONDS = 240.0
"""When no run has ended for so long, those that are left are stuck: leases, back-offs and claims are shorter."""
_LOOK_SECONDS = 0.2
_TRIES = 20


class Storm:
    """A storm over a set-up. Everything is drawn from the seed; what is hit also depends on what runs.

    Args:
        setup: What it rages over.
        seed: Of all that is drawn.
        kills_only: Kill flows and supervisors and harm nothing else, so that nothing excuses a death known late.

    Attributes:
        begun: How often each fault was begun.
        overfull: When more slots of the pool were taken than it has.
        paused_after: The schedule's runs that were due before then have ended when it was paused.
    """

    def __init__(self, setup: Setup, seed: int, *, kills_only: bool) -> None:
        self.setup = setup
        self.random = random.Random(seed)
        self.proxy, self.bell, self.wrong_clock = setup.proxy, setup.bell, setup.wrong_clock
        self.agents, self.servers = setup.agents, setup.servers
        self.coroner = Coroner(setup.ledger, setup.kind.tick_seconds)
        self.creator = Creator(setup.proxy.url, setup.headers, setup.deployments)
        self.round = 0
        self.begun: Counter[str] = Counter()
        self.overfull: list[str] = []
        self.paused_after = datetime.now(UTC)
        self._seed = seed
        self._healing: list[tuple[float, int, Fault]] = []
        self._numbers = count()
        self._kinds = [*KILLS] if kills_only else _faults_of(setup)

    def rage(self, rounds: int) -> None:
        """Go through the rounds."""
        end = time.monotonic()
        for self.round in range(1, rounds + 1):
            end = max(end, time.monotonic() - 5 * ROUND_SECONDS) + ROUND_SECONDS
            self._begin_fault()
            self._order_runs()
            self._watch_until(end)

    def calm(self) -> None:
        """Heal what still lasts, and wait until every run has ended."""
        while self._healing:
            self._heal_one()
            self.coroner.look()
        wait_until(self._answers_again, 60, "the API to answer after all was healed")
        wait_until(self._all_answered, 600, "every order to be answered")
        # A pause takes away what was not claimed yet, also what has been due for long.
        self.paused_after = datetime.now(UTC).replace(microsecond=0)
        self._settle(f"due < '{self.paused_after:%Y-%m-%d %H:%M:%S}'")
        self.setup.pause_schedules()
        self._settle("1 = 1")

    def close(self) -> None:
        """Ask for no more runs."""
        self.creator.close()

    def is_ours(self, process: psutil.Process) -> bool:
        """Tell whether a process, whose number the database gave, is of this storm."""
        return process.environ().get("ALISIO_HOME", "").startswith(str(self.setup.folder))

    @staticmethod
    def leads_group(pid: int) -> bool:
        """Tell whether a process leads its group."""
        with suppress(ProcessLookupError):
            return os.getpgid(pid) == pid
        return False

    def _begin_fault(self) -> None:
        for _ in range(_TRIES):
            [kind] = self.random.choices(self._kinds, [kind.weight for kind in self._kinds])
            fault = kind(self)
            if fault.place is not None and fault.place in {other.place for _, _, other in self._healing}:
                continue
            try:
                if not fault.inject():
                    continue
            except AWAY:
                continue
            self.begun[fault.name] += 1
            if fault.troubles is not None:
                fault.trouble = self.coroner.begin_trouble(fault.troubles)
            heal_at = time.monotonic() + self.random.uniform(*fault.seconds)
            heapq.heappush(self._healing, (heal_at, next(self._numbers), fault))
            return

    def _order_runs(self) -> None:
        names = [name for name, kind in KINDS.items() if kind.weight]
        for name in self.random.choices(names, [KINDS[name].weight for name in names], k=self.random.choice([1, 1, 2])):
            seconds = KINDS[name].seconds
            parameters = {} if seconds is None else {"seconds": round(self.random.uniform(*seconds), 2)}
            key = f"{self._seed}-{self.round}-{next(self._numbers)}"
            self.creator.order(Order(name, key, self.round, parameters))

    def _watch_until(self, end: float) -> None:
        while True:
            while self._healing and self._healing[0][0] <= time.monotonic():
                self._heal_one()
            self._start_again()
            self._settle_troubles()
            self.coroner.look()
            self._count_slots()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _LOOK_SECONDS))

    def _heal_one(self) -> None:
        _, _, fault = heapq.heappop(self._healing)
        fault.heal()
        if fault.trouble is not None:
            fault.trouble.healed = True

    def _answers_again(self) -> bool:
        self._watch_until(time.monotonic())
        return self.setup.answers()

    def _all_answered(self) -> bool:
        self._watch_until(time.monotonic())
        return self.creator.is_idle

    def _start_again(self) -> None:
        """Start what has ended by itself, as a service manager does: a server that was started without a database."""
        hit = {fault.place for _, _, fault in self._healing}
        for process in [*self.servers, *self.agents]:
            if not process.is_running and process.name not in hit:
                process.start()

    def _settle_troubles(self) -> None:
        """Call the troubles over that were healed, once the API answers again."""
        healed = [trouble for trouble in self.coroner.troubles if trouble.healed and trouble.ended is None]
        if healed and self.setup.answers():
            for trouble in healed:
                trouble.ended = time.monotonic()

    def _count_slots(self) -> None:
        # A run that was given up and came back takes its slot again, whoever has been given it meanwhile.
        query = (
            "SELECT count(*) FROM concurrency_slot WHERE limit_key LIKE 'work-pool:%' AND NOT EXISTS ("
            "SELECT 1 FROM flow_run_state AS past WHERE past.flow_run_id = concurrency_slot.flow_run_id "
            "AND past.attempt = concurrency_slot.attempt AND past.message LIKE 'Its executor came back%')"
        )
        with suppress(*AWAY):
            taken = self.setup.ledger.one(query)
            if taken > POOL_LIMIT:
                self.overfull.append(f"round {self.round}: {taken} slots of {POOL_LIMIT} are taken")

    def _settle(self, which: str) -> None:
        """Wait until the runs that a condition chooses have ended, or no more of them do."""
        least, deadline = sys.maxsize, time.monotonic() + STUCK_SECONDS
        while (left := self._unfinished(which)) and time.monotonic() < deadline:
            if left < least:
                least, deadline = left, time.monotonic() + STUCK_SECONDS
            self._watch_until(time.monotonic() + 1.0)

    def _unfinished(self, which: str) -> int:
        query = f"SELECT count(*) FROM flow_run WHERE state_type NOT IN {ENDED} AND {which}"
        with suppress(*AWAY):
            return int(self.setup.ledger.one(query))
        return sys.maxsize


def _faults_of(setup: Setup) -> list[type[Fault]]:
    """List the faults that a set-up can have."""
    missing: set[type[Fault]] = set()
    if setup.wrong_clock is None:
        missing |= {fault for fault in PROCESS_FAULTS if issubclass(fault, WrongClock)}
    if setup.postgres is None:
        missing |= {KillPostgres, WrongServerClock}
    if setup.sqs is None:
        missing.add(LoseSqs)
    if setup.functions is None:
        missing |= {*FUNCTION_FAULTS}
    else:
        # Functions send their wake-ups to SQS itself, which could not be away without the API: one process is both.
        missing |= {*SERVER_FAULTS, *BELL_FAULTS, LoseSqs}
    return [fault for fault in (*PROCESS_FAULTS, *ROAD_FAULTS, *FUNCTION_FAULTS) if fault not in missing]
