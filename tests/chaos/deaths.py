"""Deaths that the storm has caused, and when the database knew of each: within the times of the architecture."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.chaos.ledger import AWAY, ENDED, Ledger, as_id

CHILD_SECONDS = 2.0
"""From the death of a flow's process to its being known."""

LEASE_SECONDS = 30.0
"""After the death or silence of a supervisor the next tick makes it known."""

MARGIN_SECONDS = 1.5
"""What a machine that does all this at once may take longer, with how often deaths are looked after."""

LONGEST_BACK_OFF_SECONDS = 10.0
REPORT_SECONDS = 2.0


class Executor(NamedTuple):
    """A supervisor and the attempt it executes; `after` is the last row of history before it was looked for."""

    run: str
    attempt: int
    pid: int
    after: int


@dataclass
class Trouble:
    """The `road` to the API, or the `server`, was not to be relied on, by the monotonic clock; open while it lasts."""

    what: str
    begun: float
    ended: float | None = None
    healed: bool = False

    def overlap(self, begun: float, ended: float) -> float:
        """Tell for how many seconds of a time it lasted."""
        return max(0.0, min(ended, self.ended or ended) - max(begun, self.begun))

    @property
    def felt_for(self) -> float:
        """Tell for how many seconds supervisors may feel it after it has ended.

        Their waits double, so none is much longer than all before it were together.
        """
        return min(LONGEST_BACK_OFF_SECONDS, (self.ended or time.monotonic()) - self.begun + 0.5) + REPORT_SECONDS


@dataclass
class Death:
    """An attempt lost its process, or its executor fell silent.

    Attributes:
        kind: `child` or `executor`.
        at: When, by the monotonic clock.
        after: The last row of history at that moment.
        known: When the database was first seen to know; None: not yet.
    """

    run: str
    attempt: int
    kind: str
    cause: str
    round: int
    at: float
    after: int
    known: float | None = None

    @property
    def seconds(self) -> float:
        """How long it took to be known."""
        return (self.known or time.monotonic()) - self.at


@dataclass
class Coroner:
    """Notes deaths and troubles, and looks after which deaths are known.

    Args:
        ledger: The database.
        tick_seconds: How often the clockwork ticks.

    Attributes:
        deaths: All deaths.
        troubles: All troubles.
    """

    ledger: Ledger
    tick_seconds: float
    deaths: list[Death] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    @property
    def executor_seconds(self) -> float:
        """From the death or silence of a supervisor to its being known, at most."""
        return LEASE_SECONDS + self.tick_seconds

    def note(self, executor: Executor, kind: str, cause: str, round_: int) -> None:
        """Note a death that is caused now."""
        run, attempt, _, after = executor
        self.deaths.append(Death(run, attempt, kind, cause, round_, time.monotonic(), after))

    def executors(self) -> list[Executor]:
        """List the supervisors of running attempts that were not hit yet.

        Raises:
            One of `AWAY`: The database is away.
        """
        after = self.ledger.one("SELECT coalesce(max(id), 0) FROM flow_run_state")
        rows = self.ledger.rows(
            "SELECT id, attempt, infrastructure FROM flow_run "
            "WHERE state_type = 'RUNNING' AND root_flow_run_id = id AND infrastructure IS NOT NULL ORDER BY id"
        )
        found = [Executor(as_id(run), attempt, int(place.rpartition(":")[2]), after) for run, attempt, place in rows]
        hit = {(death.run, death.attempt) for death in self.deaths}
        return [executor for executor in found if (executor.run, executor.attempt) not in hit]

    def begin_trouble(self, what: str) -> Trouble:
        """Note that something is not to be relied on from now on."""
        trouble = Trouble(what, time.monotonic())
        self.troubles.append(trouble)
        return trouble

    def look(self) -> None:
        """Look which deaths have become known."""
        unknown = [death for death in self.deaths if death.known is None]
        if not unknown:
            return
        after = min(death.after for death in unknown)
        try:
            rows = self.ledger.rows(
                "SELECT id, flow_run_id, attempt FROM flow_run_state "
                f"WHERE id > {after} AND (type IN {ENDED} OR type = 'SCHEDULED')"
            )
        except AWAY:
            return
        now = time.monotonic()
        ended = [(number, as_id(run), attempt) for number, run, attempt in rows]
        for death in unknown:
            if any(
                number > death.after and run == death.run and attempt >= death.attempt for number, run, attempt in ended
            ):
                death.known = now

    def allowance(self, death: Death, alarms: list[float]) -> float:
        """Tell how long a death may take to be known.

        Args:
            death: The death.
            alarms: When leases were moved on by a server that had been away, or saw them end in a mass.

        Returns:
            Seconds: the promise, longer by the troubles that fell into it, and by a lease where leases were moved on.
        """
        known = death.known or time.monotonic()
        promise = CHILD_SECONDS if death.kind == "child" else self.executor_seconds
        # Of a silent supervisor the server knows by itself; a child's death has to be told, over the road.
        told = death.kind == "child"
        felt = [
            trouble
            for trouble in self.troubles
            if (told or trouble.what == "server") and trouble.overlap(death.at - trouble.felt_for, known) > 0
        ]
        away = sum(trouble.overlap(death.at, known) for trouble in felt)
        recovery = max((trouble.felt_for for trouble in felt), default=0.0)
        spared = not told and any(death.at - LEASE_SECONDS <= alarm <= known for alarm in alarms)
        return promise + MARGIN_SECONDS + away + recovery + spared * self.executor_seconds
