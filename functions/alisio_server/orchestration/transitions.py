"""Who may move a flow run from which state to which: one pure function, and the only place with such rules.

Executors speak with their attempt, the fencing token; people cancel and retry; the clockwork ends leases and
marks lateness; agents claim, and say when they could not start what they claimed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from alisio.contract.overlap import Overlap
from alisio.contract.retries import delay_before
from alisio.contract.states import StateName, StateType
from alisio_server.orchestration import pause_rules
from alisio_server.orchestration.leases import (
    EARLY_CLAIM,
    IN_PLACE_RETRY_SECONDS,
    LATE_AFTER,
    MAX_UNSTARTED_CLAIMS,
)
from alisio_server.orchestration.proposals import (
    Accept,
    AgentClaims,
    Blocked,
    Delay,
    ExecutorSays,
    HandedBack,
    LeaseEnded,
    LimitReached,
    NewState,
    OthersEnded,
    Overdue,
    PauseExpired,
    PersonCancels,
    PersonPauses,
    PersonResumes,
    PersonRetries,
    Proposal,
    Reject,
    RunView,
    StartFailed,
    Verdict,
    accept,
    unchanged,
)

_MAX_START_DELAY_SECONDS = 60.0


def propose(run: RunView, proposal: Proposal, now: datetime) -> Verdict:  # noqa: C901, PLR0912  # a flat table
    """Decide what a proposal does to a run.

    Args:
        run: Where the run stands.
        proposal: Who wants what.
        now: The database's time.

    Returns:
        The state it goes to, how long it waits to be executed again, or why nothing changes.
    """
    match proposal:
        case ExecutorSays():
            return _executor_says(run, proposal)
        case AgentClaims():
            return _agent_claims(run, proposal, now)
        case StartFailed():
            return _start_failed(run, proposal)
        case HandedBack():
            return _handed_back(run, proposal, now)
        case PersonCancels():
            return _person_cancels(run, proposal)
        case PersonRetries():
            return _person_retries(run)
        case PersonPauses():
            return pause_rules.person_pauses(run, proposal)
        case PersonResumes():
            return pause_rules.person_resumes(run)
        case PauseExpired():
            return pause_rules.pause_expired(run)
        case OthersEnded():
            return pause_rules.others_ended(run, now)
        case LeaseEnded():
            return _lease_ended(run)
        case Overdue():
            return _overdue(run, now)
        case Blocked():
            return _blocked(run, proposal, now)
        case LimitReached():
            return _limit_reached(run, proposal, now)


# --- executors


def _executor_says(run: RunView, said: ExecutorSays) -> Verdict:
    if said.attempt != run.attempt:
        return Reject("stale_attempt", f"attempt {said.attempt} is over: the run is at attempt {run.attempt}")
    if run.state.is_terminal and not run.provisional:
        return Reject("run_ended", f"the run has ended: it is {run.name}")
    if not run.leased and not run.provisional:
        return Reject("stale_attempt", f"attempt {said.attempt} is over: the run waits to be claimed again")
    if run.provisional and run.state is StateType.SCHEDULED:
        # The retry that its silence had cost is given back.
        run = replace(run, retries_used=run.retries_used - 1)
    if said.state is None:
        return _alive(run)
    if run.state is StateType.CANCELLING:
        return _while_cancelling(run, said.state)
    return _while_executing(run, said.state)


def _alive(run: RunView) -> Verdict:
    """Let a sign of life open the gate of a claimed run, or bring back one that was given up."""
    waits_by_hand = run.by_hand and not run.provisional
    is_paused = run.state is StateType.PAUSED and run.leased
    if run.state in (StateType.RUNNING, StateType.CANCELLING) or is_paused or waits_by_hand:
        return unchanged(run)
    message = "Its executor came back after its lease had ended." if run.provisional else None
    return pause_rules.begins_asked(run) or accept(run, StateType.RUNNING, StateName.RUNNING, message)


def _while_cancelling(run: RunView, state: NewState) -> Verdict:
    if state.type is StateType.CRASHED or state.name == StateName.SUSPENDED:
        message = f"Its process ended while it was being cancelled: {state.message or state.name}"
        return accept(run, StateType.CANCELLED, StateName.CANCELLED, message)
    if state.type.is_terminal:
        return Accept(state, run.attempt, run.retries_used)
    return unchanged(run)


def _while_executing(run: RunView, state: NewState) -> Verdict:
    if state.type is StateType.RUNNING and (asked := pause_rules.begins_asked(run)) is not None:
        return asked
    if state == NewState(run.state, run.name):
        return unchanged(run)
    if state.type in (StateType.FAILED, StateType.CRASHED):
        return _attempt_ended(run, state)
    waits_by_hand = run.by_hand and state.type in (StateType.SCHEDULED, StateType.PENDING)
    if state.type.is_terminal or state.type is StateType.RUNNING or waits_by_hand:
        return Accept(state, run.attempt, run.retries_used)
    if state.type is StateType.PAUSED:
        return pause_rules.executor_pauses(run, state)
    return Reject("state_not_allowed", f"an executor cannot set its run {state.type}")


def _attempt_ended(run: RunView, state: NewState, *, provisional: bool = False) -> Verdict:
    if run.by_hand or not run.claimable or run.retries_used >= run.retries:
        return Accept(state, run.attempt, run.retries_used, provisional)
    used = run.retries_used + 1
    delay = delay_before(used, run.retry_delays)
    in_place = state.type is StateType.FAILED and delay <= IN_PLACE_RETRY_SECONDS
    # Who is asked to stop still is in the next attempt, and is called so until then.
    message = f"Retry {used} of {run.retries} in {delay:g} s."
    waiting = pause_rules.scheduled(run, message, StateName.AWAITING_RETRY)
    attempt = run.attempt + 1 if in_place else run.attempt
    return Delay(state, waiting, delay, attempt, used, in_place=in_place, provisional=provisional)


# --- agents


def _agent_claims(run: RunView, claim: AgentClaims, now: datetime) -> Verdict:
    if run.state is not StateType.SCHEDULED or run.leased or not run.claimable:
        return Reject("not_claimable", f"the run is {run.name}")
    if run.due > now + EARLY_CLAIM:
        return Reject("not_due", f"the run is due at {run.due.isoformat()}")
    if claim.blocked and run.overlap is not None:
        return Reject("blocked", "another run of its schedule goes before it")
    pending = NewState(StateType.PENDING, pause_rules.named(run, StateName.PENDING))
    return Accept(pending, run.attempt + 1, run.retries_used)


def _start_failed(run: RunView, failure: StartFailed) -> Verdict:
    if not _waits_to_start(run, failure.attempt):
        return _not_waiting_to_start(run, failure.attempt)
    if failure.final:
        return _attempt_ended(run, NewState(StateType.CRASHED, StateName.CRASHED, failure.message))
    # What failed a moment ago mostly fails again at once: the wait doubles with each claim.
    delay = min(2.0 ** max(run.unstarted_claims, 1), _MAX_START_DELAY_SECONDS)
    return _never_started(run, failure.message, delay)


def _handed_back(run: RunView, back: HandedBack, now: datetime) -> Verdict:
    if not _waits_to_start(run, back.attempt):
        return _not_waiting_to_start(run, back.attempt)
    if not run.claimable:
        return _nowhere_to_run(run)
    waiting = pause_rules.scheduled(run, "Its agent stopped before it began.")
    # Nothing has failed: the claim does not count, and the run is due when it was.
    until_due = (run.due - now).total_seconds()
    return Delay(None, waiting, until_due, run.attempt, run.retries_used, max(run.unstarted_claims - 1, 0))


def _waits_to_start(run: RunView, attempt: int) -> bool:
    return attempt == run.attempt and run.state is StateType.PENDING


def _not_waiting_to_start(run: RunView, attempt: int) -> Reject:
    return Reject("stale_attempt", f"attempt {attempt} is not waiting to start: the run is {run.name}")


def _nowhere_to_run(run: RunView) -> Accept:
    return accept(run, StateType.CANCELLED, StateName.CANCELLED, "Its deployment or work pool was deleted.")


def _never_started(run: RunView, why: str, delay: float) -> Verdict:
    if not run.claimable:
        return _nowhere_to_run(run)
    if run.unstarted_claims >= MAX_UNSTARTED_CLAIMS:
        message = f"Claimed {run.unstarted_claims} times and never started; the last time: {why}"
        return accept(run, StateType.CRASHED, StateName.CRASHED, message)
    waiting = pause_rules.scheduled(run, f"It did not start: {why}")
    return Delay(None, waiting, delay, run.attempt, run.retries_used, run.unstarted_claims)


# --- people


def _person_cancels(run: RunView, asked: PersonCancels) -> Verdict:
    if run.state in (StateType.CANCELLING, StateType.CANCELLED):
        return unchanged(run)
    if run.state.is_terminal:
        return Reject("run_ended", f"the run has ended already: it is {run.name}")
    if run.is_subflow:
        return Reject("is_subflow", "a subflow run ends with the run that called it: cancel that one")
    if run.state is StateType.RUNNING or (run.leased and (run.by_hand or run.state is StateType.PAUSED)):
        return accept(run, StateType.CANCELLING, StateName.CANCELLING, asked.message)
    return accept(run, StateType.CANCELLED, StateName.CANCELLED, asked.message)


def _person_retries(run: RunView) -> Verdict:
    if not run.state.is_terminal:
        return Reject("run_active", f"the run has not ended: it is {run.name}; only ended runs can be retried")
    if run.is_subflow:
        return Reject("is_subflow", "a subflow run cannot be retried alone: retry the run that called it")
    if run.by_hand:
        return Reject("no_deployment", "a run by hand has no deployment to run it again: start its script again")
    if not run.claimable:
        return Reject("no_deployment", "its deployment or work pool was deleted: deploy the flow and run that")
    waiting = NewState(StateType.SCHEDULED, StateName.AWAITING_RETRY, "Retried by request.")
    return Delay(None, waiting, 0.0, run.attempt, 0)


# --- the clockwork


def _lease_ended(run: RunView) -> Verdict:
    if not run.leased:
        return Reject("not_leased", f"nobody holds the run: it is {run.name}")
    if run.state is StateType.CANCELLING:
        message = "Its executor fell silent while it was being cancelled."
        return accept(run, StateType.CANCELLED, StateName.CANCELLED, message)
    if run.state is StateType.PENDING and not run.by_hand:
        return _never_started(run, "its agent fell silent, or took too long", 0.0)
    if run.state is StateType.SCHEDULED and not run.by_hand:
        return _never_started(replace(run, unstarted_claims=0), "its supervisor fell silent before the retry", 0.0)
    crash = NewState(StateType.CRASHED, StateName.CRASHED, "Its executor fell silent: the lease ended.")
    return _attempt_ended(run, crash, provisional=True)


def _overdue(run: RunView, now: datetime) -> Verdict:
    waits = run.state is StateType.SCHEDULED and not run.leased and run.claimable
    if not waits or run.name in (StateName.LATE, *pause_rules.ASKED) or run.due + LATE_AFTER > now:
        return Reject("not_late", f"the run is {run.name}, due at {run.due.isoformat()}")
    return accept(run, StateType.SCHEDULED, StateName.LATE, "Nobody has claimed it yet.")


def _blocked(run: RunView, found: Blocked, now: datetime) -> Verdict:
    waits = run.state is StateType.SCHEDULED and not run.leased and run.claimable
    if not waits or run.overlap is None or run.due > now:
        return Reject("not_waiting", f"the run is {run.name}, due at {run.due.isoformat()}")
    if run.overlap is Overlap.SKIP and is_first_start(run):
        if not found.older_begun:
            return Reject("not_waiting", "the earlier run of its schedule has not begun either")
        message = "Skipped: an earlier run of its schedule had not ended."
        return accept(run, StateType.CANCELLED, StateName.CANCELLED, message)
    return pause_rules.kept_waiting(run, "It waits for another run of its schedule.")


def _limit_reached(run: RunView, reached: LimitReached, now: datetime) -> Verdict:
    waits = run.state is StateType.SCHEDULED and not run.leased and run.claimable
    if not waits or run.due > now:
        return Reject("not_waiting", f"the run is {run.name}, due at {run.due.isoformat()}")
    runs = "1 run" if reached.limit == 1 else f"{reached.limit} runs"
    # One that was executed before is not new: it waits, whatever becomes of others.
    if reached.cancels and run.attempt == 0:
        message = f"Cancelled: its deployment's limit of {runs} at once was reached."
        return accept(run, StateType.CANCELLED, StateName.CANCELLED, message)
    return pause_rules.kept_waiting(run, f"It waits for others of its deployment: the limit is {runs} at once.")


def is_first_start(run: RunView) -> bool:
    """Tell whether a run has only its schedule to thank for being about to start.

    A run that is retried, or has waited already, is neither skipped nor has earlier ones cancelled.
    """
    return run.attempt == 0 and run.name in (StateName.SCHEDULED, StateName.LATE)
