"""The words of the rules: how a run looks to them, what can be proposed, and what they can decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alisio.contract.overlap import Overlap
from alisio.contract.states import StateType


@dataclass(frozen=True, slots=True)
class NewState:
    """A state to be recorded."""

    type: StateType
    name: str
    message: str | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """What the rules look at.

    Attributes:
        leased: Somebody holds its lease. A SCHEDULED run that is leased waits to be retried by its executor.
        provisional: It was given up because its lease ended; its executor may come back.
        by_hand: A script executes it; the server never starts it.
        claimable: It has a deployment and a work queue, so an agent could execute it.
        overlap: What is to become of it while another run of its schedule has not ended; None: nothing.
        stands_asked: It is PAUSED because somebody outside has asked for it, and has not resumed it.
    """

    state: StateType
    name: str
    attempt: int
    due: datetime
    leased: bool = False
    provisional: bool = False
    by_hand: bool = False
    is_subflow: bool = False
    claimable: bool = True
    retries: int = 0
    retries_used: int = 0
    retry_delays: tuple[float, ...] = ()
    unstarted_claims: int = 0
    overlap: Overlap | None = None
    stands_asked: bool = False


@dataclass(frozen=True, slots=True)
class ExecutorSays:
    """The executor of an attempt reports a state of its run; None: nothing but that it is alive."""

    attempt: int
    state: NewState | None


@dataclass(frozen=True, slots=True)
class AgentClaims:
    """An agent takes the run; `blocked`: another run of its schedule goes before it."""

    blocked: bool = False


@dataclass(frozen=True, slots=True)
class StartFailed:
    """An agent could not start the attempt it claimed; `final`: nor ever will."""

    attempt: int
    message: str
    final: bool


@dataclass(frozen=True, slots=True)
class HandedBack:
    """An agent that is stopping will not begin the attempt it claimed."""

    attempt: int


@dataclass(frozen=True, slots=True)
class PersonCancels:
    """A person wants the run stopped."""

    message: str = "Cancelled by request."


@dataclass(frozen=True, slots=True)
class PersonRetries:
    """A person wants the run to be executed again."""


@dataclass(frozen=True, slots=True)
class PersonPauses:
    """A person wants the run to pause at its next task; `suspends`: to end its process there."""

    suspends: bool = False


@dataclass(frozen=True, slots=True)
class PersonResumes:
    """A person wants the run to go on."""


@dataclass(frozen=True, slots=True)
class PauseExpired:
    """Nobody has resumed the run in time."""


@dataclass(frozen=True, slots=True)
class OthersEnded:
    """The runs that the run was to wait for before its first attempt have ended."""


@dataclass(frozen=True, slots=True)
class LeaseEnded:
    """The run's lease was not renewed in time."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """The clockwork asks whether the run is late."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """The run is due, and another run of its schedule goes before it; `older_begun`: an earlier one has begun."""

    older_begun: bool


@dataclass(frozen=True, slots=True)
class LimitReached:
    """The run is due, and as many runs of its deployment are executed as may be; `cancels`: so it is cancelled."""

    limit: int
    cancels: bool


Proposal = (
    ExecutorSays
    | AgentClaims
    | StartFailed
    | HandedBack
    | PersonCancels
    | PersonRetries
    | PersonPauses
    | PersonResumes
    | PauseExpired
    | OthersEnded
    | LeaseEnded
    | Overdue
    | Blocked
    | LimitReached
)


@dataclass(frozen=True, slots=True)
class Accept:
    """The run goes to `state`.

    Attributes:
        attempt: The attempt it is at from now on.
        retries_used: How many of its retries are used from now on.
        provisional: Its executor may come back and say otherwise.
        recorded: Whether it is news; False when the run stays as it is.
        released: Its executor has ended, though the run has not: lease and slots are given back.
    """

    state: NewState
    attempt: int
    retries_used: int
    provisional: bool = False
    recorded: bool = True
    released: bool = False


@dataclass(frozen=True, slots=True)
class Delay:
    """The attempt is over, and the run is to be executed again.

    Attributes:
        ended: What became of the attempt, for the history; None where it never started.
        state: How the run waits.
        delay_seconds: How long from now; below 0 where it stays as overdue as it was.
        attempt: The attempt it is at from now on.
        retries_used: How many of its retries are used from now on.
        unstarted_claims: How many claims in a row never started.
        in_place: The same executor goes on, with the attempt named, keeping lease and slots.
        provisional: The executor of the attempt may come back before the run is claimed again.
    """

    ended: NewState | None
    state: NewState
    delay_seconds: float
    attempt: int
    retries_used: int
    unstarted_claims: int = 0
    in_place: bool = False
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Reject:
    """Nothing changes. `code` is for programs, `message` for people."""

    code: str
    message: str


Verdict = Accept | Delay | Reject


def accept(run: RunView, type_: StateType, name: str, message: str | None = None) -> Accept:
    """Let a run go to a state, in the attempt it is at."""
    return Accept(NewState(type_, name, message), run.attempt, run.retries_used)


def unchanged(run: RunView) -> Accept:
    """Leave a run as it is: what was proposed is nothing new."""
    return Accept(NewState(run.state, run.name), run.attempt, run.retries_used, run.provisional, recorded=False)
