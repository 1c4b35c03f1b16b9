"""The rules of states: case by case, and what holds for all of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alisio.contract.states import DEFAULT_NAMES, TERMINAL, StateType
from alisio_server.orchestration.proposals import (
    Accept,
    AgentClaims,
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
)
from alisio_server.orchestration.transitions import propose

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
S = StateType


def view(state: StateType, **more: Any) -> RunView:
    """Make a run as it stands: leased where its state has an executor."""
    leased = state in (S.PENDING, S.RUNNING, S.CANCELLING)
    values: dict[str, Any] = {"name": DEFAULT_NAMES[state], "attempt": 1, "due": NOW, "leased": leased}
    return RunView(state, **{**values, **more})


def says(state: StateType | None, attempt: int = 1) -> ExecutorSays:
    """Make what an executor reports."""
    return ExecutorSays(attempt, None if state is None else NewState(state, DEFAULT_NAMES[state]))


def outcome(verdict: Verdict) -> str:
    """Sum a verdict up: the state or the code, with a mark where it is more than that."""
    if isinstance(verdict, Reject):
        return verdict.code
    if isinstance(verdict, Delay):
        return "retry in place" if verdict.in_place else f"back: {verdict.state.name}"
    if not verdict.recorded:
        return "unchanged"
    return f"{verdict.state.type}{'?' if verdict.provisional else ''}"


RETRIES = {"retries": 2, "retry_delays": (10.0, 60.0)}
BACK = view(S.CRASHED, provisional=True)
AWAITED = view(S.SCHEDULED, provisional=True, retries=1, retries_used=1)
IN_PLACE = view(S.SCHEDULED, leased=True, name="AwaitingRetry", attempt=2, retries=1, retries_used=1)
HAND = {"by_hand": True, "claimable": False}
PAUSED = view(S.PAUSED, leased=True)
SUSPENDED = view(S.PAUSED, name="Suspended")
SUSPENDS = ExecutorSays(1, NewState(S.PAUSED, "Suspended"))
CASES: list[tuple[RunView, Proposal, str]] = [
    # The gate
    (view(S.PENDING), says(S.RUNNING), "RUNNING"),
    (view(S.PENDING), says(None), "RUNNING"),
    (view(S.PENDING), says(S.RUNNING, attempt=2), "stale_attempt"),
    (view(S.SCHEDULED), says(S.RUNNING), "stale_attempt"),
    (view(S.CANCELLED), says(S.RUNNING), "run_ended"),
    (IN_PLACE, says(S.RUNNING, attempt=2), "RUNNING"),
    (IN_PLACE, says(S.RUNNING, attempt=1), "stale_attempt"),
    (IN_PLACE, PersonCancels(), "CANCELLED"),
    # Pausing
    (view(S.RUNNING), says(S.PAUSED), "PAUSED"),
    (view(S.RUNNING), SUSPENDS, "PAUSED"),
    (view(S.RUNNING, **HAND), says(S.PAUSED), "PAUSED"),
    (view(S.RUNNING, **HAND), SUSPENDS, "no_deployment"),
    (view(S.RUNNING, claimable=False), SUSPENDS, "no_deployment"),
    (view(S.CANCELLING), SUSPENDS, "CANCELLED"),
    (view(S.CANCELLING), says(S.PAUSED), "unchanged"),
    (PAUSED, says(None), "unchanged"),
    (PAUSED, says(S.RUNNING), "RUNNING"),
    (PAUSED, says(S.COMPLETED), "COMPLETED"),
    (PAUSED, says(S.PAUSED), "unchanged"),
    (PAUSED, PersonCancels(), "CANCELLING"),
    (PAUSED, PersonResumes(), "RUNNING"),
    (PAUSED, PersonRetries(), "run_active"),
    (PAUSED, LeaseEnded(), "CRASHED?"),
    (PAUSED, PauseExpired(), "not_suspended"),
    (PAUSED, AgentClaims(), "not_claimable"),
    (SUSPENDED, says(None), "stale_attempt"),
    (SUSPENDED, PersonCancels(), "CANCELLED"),
    (SUSPENDED, PersonResumes(), "back: Resuming"),
    (SUSPENDED, LeaseEnded(), "not_leased"),
    (SUSPENDED, PauseExpired(), "FAILED"),
    (SUSPENDED, AgentClaims(), "not_claimable"),
    (view(S.PAUSED, name="Suspended", claimable=False), PersonResumes(), "no_deployment"),
    (view(S.RUNNING), PersonPauses(), "RUNNING"),
    (view(S.RUNNING, name="Pausing"), PersonPauses(), "unchanged"),
    (view(S.RUNNING, name="Pausing"), PersonPauses(suspends=True), "RUNNING"),
    (view(S.RUNNING, name="Pausing"), PersonResumes(), "RUNNING"),
    (view(S.RUNNING, name="Pausing"), says(S.RUNNING), "unchanged"),
    (view(S.RUNNING, name="Suspending"), says(S.COMPLETED), "COMPLETED"),
    (view(S.RUNNING, **HAND), PersonPauses(), "RUNNING"),
    (view(S.RUNNING, **HAND), PersonPauses(suspends=True), "no_deployment"),
    (view(S.RUNNING, is_subflow=True), PersonPauses(), "is_subflow"),
    (PAUSED, PersonPauses(), "unchanged"),
    (view(S.PENDING), PersonPauses(), "not_running"),
    (view(S.COMPLETED), PersonPauses(), "run_ended"),
    # A wish to pause that is kept
    (view(S.RUNNING, name="Suspending", retries=1), LeaseEnded(), "back: Suspending"),
    (view(S.RUNNING, name="Pausing", retries=1), says(S.CRASHED), "back: Pausing"),
    (view(S.PAUSED, leased=True, stands_asked=True, retries=1), LeaseEnded(), "back: Pausing"),
    (view(S.PAUSED, leased=True, retries=1), LeaseEnded(), "back: AwaitingRetry"),
    (view(S.PENDING, name="Pausing"), LeaseEnded(), "back: Pausing"),
    (view(S.PENDING, name="Pausing"), StartFailed(1, "no fork", final=False), "back: Pausing"),
    (view(S.PENDING, name="Pausing"), HandedBack(1), "back: Pausing"),
    (view(S.PENDING, name="Pausing"), PersonResumes(), "PENDING"),
    (view(S.SCHEDULED, name="Pausing"), PersonResumes(), "SCHEDULED"),
    (view(S.SCHEDULED, name="Pausing", due=NOW - timedelta(hours=1)), Overdue(), "not_late"),
    (view(S.SCHEDULED, name="Pausing"), LimitReached(1, cancels=True), "unchanged"),
    (view(S.RUNNING), PersonResumes(), "not_paused"),
    (view(S.PAUSED, is_subflow=True), PersonResumes(), "is_subflow"),
    # Waiting for others before the first attempt
    (view(S.PAUSED, name="Suspended", attempt=0), OthersEnded(), "back: Scheduled"),
    (view(S.PAUSED, name="Suspended", attempt=0, claimable=False), OthersEnded(), "CANCELLED"),
    (view(S.PAUSED, name="Suspended", attempt=0), AgentClaims(), "not_claimable"),
    (SUSPENDED, OthersEnded(), "not_waiting"),
    (PAUSED, OthersEnded(), "not_waiting"),
    (view(S.SCHEDULED, name="Resuming", attempt=0), OthersEnded(), "not_waiting"),
    (view(S.CANCELLED, attempt=0), OthersEnded(), "not_waiting"),
    # Limits of deployments
    (view(S.SCHEDULED, attempt=0), LimitReached(1, cancels=True), "CANCELLED"),
    (view(S.SCHEDULED, attempt=1), LimitReached(1, cancels=True), "SCHEDULED"),
    (view(S.SCHEDULED, attempt=0), LimitReached(2, cancels=False), "SCHEDULED"),
    (view(S.SCHEDULED, name="Late", attempt=0), LimitReached(2, cancels=False), "SCHEDULED"),
    (view(S.SCHEDULED, name="AwaitingConcurrencySlot"), LimitReached(2, cancels=True), "unchanged"),
    (view(S.SCHEDULED, due=NOW + timedelta(seconds=1)), LimitReached(1, cancels=True), "not_waiting"),
    (IN_PLACE, LimitReached(1, cancels=True), "not_waiting"),
    (view(S.RUNNING), LimitReached(1, cancels=True), "not_waiting"),
    # Running
    (view(S.RUNNING), says(None), "unchanged"),
    (view(S.RUNNING), says(S.RUNNING), "unchanged"),
    (view(S.RUNNING), says(S.COMPLETED), "COMPLETED"),
    (view(S.RUNNING), says(S.CANCELLED), "CANCELLED"),
    (view(S.RUNNING), says(S.FAILED), "FAILED"),
    (view(S.RUNNING), says(S.CRASHED), "CRASHED"),
    (view(S.RUNNING), says(S.SCHEDULED), "state_not_allowed"),
    (view(S.RUNNING), says(S.CANCELLING), "state_not_allowed"),
    # Retries
    (view(S.RUNNING, **RETRIES), says(S.FAILED), "retry in place"),
    (view(S.RUNNING, **RETRIES, retries_used=1), says(S.FAILED), "back: AwaitingRetry"),
    (view(S.RUNNING, **RETRIES, retries_used=2), says(S.FAILED), "FAILED"),
    (view(S.RUNNING, **RETRIES), says(S.CRASHED), "back: AwaitingRetry"),
    (view(S.RUNNING, **RETRIES, claimable=False), says(S.CRASHED), "CRASHED"),
    (view(S.RUNNING, retries=1, retry_delays=(30.0,)), says(S.FAILED), "retry in place"),
    (view(S.RUNNING, retries=1, retry_delays=(30.1,)), says(S.FAILED), "back: AwaitingRetry"),
    # By hand
    (view(S.RUNNING, **RETRIES, **HAND), says(S.FAILED), "FAILED"),
    (view(S.RUNNING, **HAND), says(S.SCHEDULED), "SCHEDULED"),
    (view(S.SCHEDULED, **HAND, leased=True), says(None), "unchanged"),
    (view(S.SCHEDULED, **HAND, leased=True), says(S.RUNNING), "RUNNING"),
    (view(S.RUNNING, **RETRIES, **HAND), LeaseEnded(), "CRASHED?"),
    (view(S.SCHEDULED, **HAND, leased=True), LeaseEnded(), "CRASHED?"),
    (view(S.SCHEDULED, **HAND, leased=True), PersonCancels(), "CANCELLING"),
    (view(S.FAILED, **HAND), PersonRetries(), "no_deployment"),
    # Cancelling
    (view(S.CANCELLING), says(None), "unchanged"),
    (view(S.CANCELLING), says(S.RUNNING), "unchanged"),
    (view(S.CANCELLING), says(S.CANCELLED), "CANCELLED"),
    (view(S.CANCELLING), says(S.COMPLETED), "COMPLETED"),
    (view(S.CANCELLING, **RETRIES), says(S.FAILED), "FAILED"),
    (view(S.CANCELLING, **RETRIES), says(S.CRASHED), "CANCELLED"),
    (view(S.CANCELLING, **RETRIES), LeaseEnded(), "CANCELLED"),
    # Coming back
    (BACK, says(None), "RUNNING"),
    (BACK, says(S.RUNNING), "RUNNING"),
    (BACK, says(S.COMPLETED), "COMPLETED"),
    (BACK, says(S.RUNNING, attempt=2), "stale_attempt"),
    (AWAITED, says(None), "RUNNING"),
    (AWAITED, says(S.FAILED), "retry in place"),
    (replace(BACK, provisional=False), says(S.RUNNING), "run_ended"),
    # People
    (view(S.SCHEDULED), PersonCancels(), "CANCELLED"),
    (view(S.PENDING), PersonCancels(), "CANCELLED"),
    (view(S.PAUSED), PersonCancels(), "CANCELLED"),
    (view(S.RUNNING), PersonCancels(), "CANCELLING"),
    (view(S.CANCELLING), PersonCancels(), "unchanged"),
    (view(S.CANCELLED), PersonCancels(), "unchanged"),
    (view(S.COMPLETED), PersonCancels(), "run_ended"),
    (view(S.RUNNING, is_subflow=True), PersonCancels(), "is_subflow"),
    (view(S.FAILED), PersonRetries(), "back: AwaitingRetry"),
    (view(S.COMPLETED), PersonRetries(), "back: AwaitingRetry"),
    (view(S.RUNNING), PersonRetries(), "run_active"),
    (view(S.FAILED, claimable=False), PersonRetries(), "no_deployment"),
    (view(S.FAILED, is_subflow=True), PersonRetries(), "is_subflow"),
    # Agents
    (view(S.SCHEDULED), AgentClaims(), "PENDING"),
    (view(S.SCHEDULED, due=NOW + timedelta(seconds=3)), AgentClaims(), "not_due"),
    (IN_PLACE, AgentClaims(), "not_claimable"),
    (view(S.PENDING), AgentClaims(), "not_claimable"),
    (view(S.PENDING), StartFailed(1, "no fork", final=False), "back: Scheduled"),
    (view(S.PENDING), StartFailed(1, "no image", final=True), "CRASHED"),
    (view(S.PENDING, **RETRIES), StartFailed(1, "no image", final=True), "back: AwaitingRetry"),
    (view(S.PENDING), StartFailed(2, "no fork", final=False), "stale_attempt"),
    (view(S.RUNNING), StartFailed(1, "no fork", final=False), "stale_attempt"),
    (view(S.PENDING, unstarted_claims=5), StartFailed(1, "no fork", final=False), "CRASHED"),
    (view(S.PENDING, unstarted_claims=5), HandedBack(1), "back: Scheduled"),
    (view(S.PENDING, claimable=False), HandedBack(1), "CANCELLED"),
    (view(S.PENDING), HandedBack(2), "stale_attempt"),
    (view(S.RUNNING), HandedBack(1), "stale_attempt"),
    (view(S.CANCELLED), HandedBack(1), "stale_attempt"),
    # The clockwork
    (view(S.PENDING, unstarted_claims=4), LeaseEnded(), "back: Scheduled"),
    (view(S.PENDING, unstarted_claims=5), LeaseEnded(), "CRASHED"),
    (view(S.PENDING, claimable=False), LeaseEnded(), "CANCELLED"),
    (view(S.RUNNING), LeaseEnded(), "CRASHED?"),
    (view(S.RUNNING, **RETRIES), LeaseEnded(), "back: AwaitingRetry"),
    (IN_PLACE, LeaseEnded(), "back: Scheduled"),
    (view(S.SCHEDULED), LeaseEnded(), "not_leased"),
    (view(S.SCHEDULED, due=NOW - timedelta(seconds=15)), Overdue(), "SCHEDULED"),
    (view(S.SCHEDULED, due=NOW - timedelta(seconds=14)), Overdue(), "not_late"),
    (view(S.SCHEDULED, name="Late", due=NOW - timedelta(seconds=60)), Overdue(), "not_late"),
    (view(S.RUNNING, due=NOW - timedelta(seconds=60)), Overdue(), "not_late"),
]


@pytest.mark.parametrize(("run", "proposal", "expected"), CASES)
def test_a_proposal_has_its_outcome(run: RunView, proposal: Proposal, expected: str) -> None:
    """Each of these moves is decided as the life of a run demands."""
    assert expected == outcome(propose(run, proposal, NOW))


def test_the_last_delay_serves_for_the_retries_beyond() -> None:
    """Delays are taken in turn, and the last one again."""
    delays = []
    for used in range(4):
        verdict = propose(view(S.RUNNING, retries=9, retries_used=used, retry_delays=(1.0, 2.0)), says(S.FAILED), NOW)
        assert isinstance(verdict, Delay)
        delays.append(verdict.delay_seconds)
    assert [1.0, 2.0, 2.0, 2.0] == delays


def test_a_start_that_fails_waits_longer_each_time() -> None:
    """What failed a moment ago mostly fails again: the wait doubles with each claim."""
    delays = []
    for claims in range(1, 5):
        verdict = propose(view(S.PENDING, unstarted_claims=claims), StartFailed(1, "no fork", final=False), NOW)
        assert isinstance(verdict, Delay)
        delays.append(verdict.delay_seconds)
    assert [2.0, 4.0, 8.0, 16.0] == delays


@pytest.mark.parametrize("due", [NOW - timedelta(seconds=9), NOW + timedelta(seconds=1.5)], ids=["overdue", "early"])
def test_what_is_handed_back_has_lost_nothing(due: datetime) -> None:
    """A run whose agent stopped before it began is due when it was; neither a retry nor one of its claims is used."""
    verdict = propose(view(S.PENDING, due=due, unstarted_claims=3, retries_used=1), HandedBack(1), NOW)
    assert isinstance(verdict, Delay)
    assert (due, 2, 1) == (
        NOW + timedelta(seconds=verdict.delay_seconds),
        verdict.unstarted_claims,
        verdict.retries_used,
    )


def test_coming_back_gives_the_retry_back() -> None:
    """An executor that comes back before its run is claimed again has cost no retry."""
    verdict = propose(AWAITED, says(None), NOW)
    assert isinstance(verdict, Accept)
    assert (0, False) == (verdict.retries_used, verdict.provisional)


STATES = st.sampled_from(list(StateType))
RUNS = st.builds(
    RunView,
    state=STATES,
    name=st.sampled_from(["Scheduled", "Late", "Running", "Custom"]),
    attempt=st.integers(0, 5),
    due=st.datetimes(datetime(2026, 5, 1), datetime(2026, 5, 8), timezones=st.just(UTC)),
    leased=st.booleans(),
    provisional=st.booleans(),
    by_hand=st.booleans(),
    is_subflow=st.booleans(),
    claimable=st.booleans(),
    retries=st.integers(0, 3),
    retries_used=st.integers(1, 3),
    retry_delays=st.lists(st.floats(0, 100), max_size=3).map(tuple),
    unstarted_claims=st.integers(0, 6),
).map(lambda run: replace(run, provisional=run.provisional and run.state in (S.CRASHED, S.SCHEDULED)))
REPORTED = st.builds(NewState, STATES, st.sampled_from(["Running", "Custom"])) | st.none()
EXECUTORS = st.builds(ExecutorSays, st.integers(0, 5), REPORTED)
PROPOSALS = (
    EXECUTORS
    | st.builds(StartFailed, st.integers(0, 5), st.just("why"), st.booleans())
    | st.sampled_from([AgentClaims(), PersonCancels(), PersonRetries(), LeaseEnded(), Overdue()])
)


@given(RUNS, EXECUTORS)
def test_no_executor_moves_what_has_ended(run: RunView, said: ExecutorSays) -> None:
    """Terminal states are final for executors, unless the run was given up provisionally."""
    verdict = propose(run, said, NOW)
    if run.state.is_terminal and not run.provisional:
        assert isinstance(verdict, Reject)


@given(RUNS, EXECUTORS)
def test_no_stale_attempt_is_heard(run: RunView, said: ExecutorSays) -> None:
    """Whatever an executor says under another attempt than the run's, nothing changes."""
    if said.attempt != run.attempt:
        assert "stale_attempt" == outcome(propose(run, said, NOW))


@given(RUNS, PROPOSALS)
def test_attempts_only_grow_by_one(run: RunView, proposal: Proposal) -> None:
    """An attempt is opened by a claim or by a retry in place, and by nothing else; none is ever reused."""
    verdict = propose(run, proposal, NOW)
    if isinstance(verdict, Reject):
        return
    opens = isinstance(proposal, AgentClaims) or (isinstance(verdict, Delay) and verdict.in_place)
    assert run.attempt + opens == verdict.attempt


@given(RUNS, PROPOSALS)
def test_retries_are_never_used_beyond_the_policy(run: RunView, proposal: Proposal) -> None:
    """A run is sent round by policy only while retries are left."""
    verdict = propose(run, proposal, NOW)
    if isinstance(verdict, Delay) and verdict.ended is not None:
        assert 0 < verdict.retries_used <= run.retries


@given(RUNS, PROPOSALS)
def test_only_lost_leases_are_provisional(run: RunView, proposal: Proposal) -> None:
    """An end is provisional only when nobody said it but the clock."""
    verdict = propose(run, proposal, NOW)
    if isinstance(verdict, Accept | Delay) and verdict.provisional and not run.provisional:
        assert isinstance(proposal, LeaseEnded)


@given(RUNS, PROPOSALS)
def test_a_run_that_is_being_cancelled_never_runs_again(run: RunView, proposal: Proposal) -> None:
    """From CANCELLING a run goes to an end or stays."""
    verdict = propose(replace(run, state=S.CANCELLING), proposal, NOW)
    if not isinstance(verdict, Reject):
        assert isinstance(verdict, Accept)
        assert verdict.state.type in TERMINAL | {S.CANCELLING}


@given(RUNS, PROPOSALS)
def test_every_reason_is_one_line(run: RunView, proposal: Proposal) -> None:
    """A rejection has a code for programs and one line for people."""
    verdict = propose(run, proposal, NOW)
    if isinstance(verdict, Reject):
        assert verdict.code.isidentifier()
        assert 1 == len(verdict.message.splitlines())
