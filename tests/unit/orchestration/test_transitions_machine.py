"""The rules against a small model of their own: whatever is proposed in whatever order, no run is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alisio.contract.overlap import Overlap
from alisio.contract.states import DEFAULT_NAMES, StateName, StateType
from alisio_server.orchestration.leases import MAX_UNSTARTED_CLAIMS
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
)
from alisio_server.orchestration.transitions import propose

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SUSPENDED = NewState(StateType.PAUSED, StateName.SUSPENDED)
SAID = [
    StateType.RUNNING,
    StateType.PAUSED,
    StateType.COMPLETED,
    StateType.FAILED,
    StateType.CRASHED,
    StateType.CANCELLED,
]


class Rules(RuleBasedStateMachine):
    """One run, moved by the rules; beside it the model, which knows only who may be executing.

    Attributes:
        view: The run as the rules see it, kept as the server keeps it.
        executors: The attempts whose executor may still be there, told or not that it is over.
        begun: The attempts in which user code has run.
    """

    @initialize(
        retries=st.integers(0, 3),
        delays=st.lists(st.sampled_from([0.0, 5.0, 31.0, 600.0]), max_size=2),
        overlap=st.sampled_from([None, Overlap.SKIP, Overlap.QUEUE, Overlap.CANCEL_OLDER]),
        waits=st.booleans(),
    )
    def create(self, retries: int, delays: list[float], overlap: Overlap | None, waits: bool) -> None:
        """Begin with a run that is due, or that waits for others to end."""
        self.now = START
        type_, name = (SUSPENDED.type, SUSPENDED.name) if waits else (StateType.SCHEDULED, StateName.SCHEDULED)
        waiting = RunView(type_, name, attempt=0, due=START)
        self.view = replace(waiting, retries=retries, retry_delays=tuple(delays), overlap=overlap)
        self.executors: set[int] = set()
        self.begun: set[int] = set()

    # --- what can happen

    @rule(seconds=st.sampled_from([1, 10, 60, 700]))
    def pass_time(self, seconds: int) -> None:
        """Let the clock go on."""
        self.now += timedelta(seconds=seconds)

    @rule(blocked=st.booleans())
    def claim(self, blocked: bool) -> None:
        """Let an agent ask for the run."""
        before = self.view
        verdict = self._propose(AgentClaims(blocked))
        if isinstance(verdict, Reject):
            return
        assert not before.leased, "two agents hold it"
        assert not (blocked and before.overlap), "it overlaps"
        assert before.due <= self.now + timedelta(seconds=2), "it starts before its time"
        self.executors.add(self.view.attempt)

    @precondition(lambda self: self.executors)
    @rule(data=st.data(), type_=st.sampled_from([None, *SAID]))
    def say(self, data: st.DataObject, type_: StateType | None) -> None:
        """Let an executor, of this attempt or of an older one, report."""
        attempt = data.draw(st.sampled_from(sorted(self.executors)))
        state = None if type_ is None else NewState(type_, DEFAULT_NAMES[type_])
        before = self.view
        verdict = self._propose(ExecutorSays(attempt, state))
        if isinstance(verdict, Reject):
            # An executor that is refused ends itself.
            if verdict.code in ("stale_attempt", "run_ended"):
                self.executors.discard(attempt)
            return
        assert attempt == before.attempt, "a stale executor was heard"
        assert attempt >= max(self.begun, default=0), "an older attempt goes on after a newer one began"
        self.begun.add(attempt)
        if type_ is not None and type_.is_terminal:
            self.executors.discard(attempt)
            if isinstance(verdict, Delay) and verdict.in_place:
                self.executors.add(verdict.attempt)

    @rule(final=st.booleans())
    def fail_to_start(self, final: bool) -> None:
        """Let the agent say that it could not start what it holds."""
        attempt = self.view.attempt
        verdict = self._propose(StartFailed(attempt, "no such file", final))
        if not isinstance(verdict, Reject):
            self.executors.discard(attempt)

    @rule()
    def hand_back(self) -> None:
        """Let the agent say that it will not begin what it holds."""
        attempt = self.view.attempt
        verdict = self._propose(HandedBack(attempt))
        if not isinstance(verdict, Reject):
            self.executors.discard(attempt)

    @rule()
    def cancel(self) -> None:
        """Let a person cancel."""
        self._propose(PersonCancels())

    @rule()
    def retry(self) -> None:
        """Let a person retry."""
        ended = self.view.state.is_terminal
        verdict = self._propose(PersonRetries())
        assert ended == (not isinstance(verdict, Reject)), "only what has ended is retried"

    @precondition(lambda self: self.executors)
    @rule(data=st.data())
    def suspend(self, data: st.DataObject) -> None:
        """Let an executor say that its process has ended, and the run is to go on later."""
        attempt = data.draw(st.sampled_from(sorted(self.executors)))
        verdict = self._propose(ExecutorSays(attempt, SUSPENDED))
        if isinstance(verdict, Reject):
            return
        self.begun.add(attempt)
        self.executors.discard(attempt)
        assert not self.view.leased, "nobody is there, and yet it is held"

    @rule(suspends=st.booleans())
    def pause(self, suspends: bool) -> None:
        """Let a person want it to stop at its next task."""
        verdict = self._propose(PersonPauses(suspends))
        if isinstance(verdict, Accept) and verdict.recorded:
            assert StateType.RUNNING is self.view.state, "it stops when its executor says so"

    @rule()
    def resume(self) -> None:
        """Let a person want it to go on."""
        before = self.view
        verdict = self._propose(PersonResumes())
        if before.state is StateType.PAUSED:
            wanted = StateType.RUNNING if before.leased else StateType.SCHEDULED
            assert wanted is self.view.state
            assert before.retries_used == self.view.retries_used, "resuming costs no retry"
        else:
            assert isinstance(verdict, Reject) or StateType.RUNNING is before.state

    @rule()
    def end_others(self) -> None:
        """Let the last of those that it was to wait for end."""
        before = self.view
        verdict = self._propose(OthersEnded())
        assert isinstance(verdict, Reject) == (before.state is not StateType.PAUSED or before.attempt > 0)

    @rule()
    def expire(self) -> None:
        """Let the clockwork find that it is too late to resume it."""
        before = self.view
        verdict = self._propose(PauseExpired())
        assert (before.state is StateType.PAUSED and not before.leased) == (not isinstance(verdict, Reject))

    @rule()
    def end_lease(self) -> None:
        """Let the clockwork find the lease over; the executor may be there all the same."""
        leased = self.view.leased
        verdict = self._propose(LeaseEnded())
        assert leased == (not isinstance(verdict, Reject))

    @rule()
    def mark_late(self) -> None:
        """Let the clockwork ask whether it is late."""
        self._propose(Overdue())

    @rule(begun=st.booleans())
    def block(self, begun: bool) -> None:
        """Let the clockwork find another run of its schedule before it."""
        before = self.view
        verdict = self._propose(Blocked(begun))
        if isinstance(verdict, Accept) and verdict.state.type is StateType.CANCELLED:
            assert (Overlap.SKIP, 0, True) == (before.overlap, before.attempt, begun)

    @rule(cancels=st.booleans())
    def reach_limit(self, cancels: bool) -> None:
        """Let the clockwork find that as many runs of its deployment are executed as may be."""
        before = self.view
        verdict = self._propose(LimitReached(3, cancels))
        if isinstance(verdict, Accept) and verdict.state.type is StateType.CANCELLED:
            assert (0, True) == (before.attempt, cancels)

    # --- what must hold

    @invariant()
    def nobody_holds_what_has_ended(self) -> None:
        """A run that has ended, or that waits for an agent, has no lease; one that is executed has."""
        if self.view.state.is_terminal:
            assert not self.view.leased
        if self.view.state in (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING):
            assert self.view.leased

    @invariant()
    def it_can_go_on(self) -> None:
        """No run is lost: it has ended, or somebody holds it, or it can be claimed when it is due."""
        if self.view.state.is_terminal or self.view.leased:
            return
        if self.view.state is StateType.PAUSED:
            back = propose(self.view, PersonResumes(), self.now)
            assert isinstance(back, Delay), "it is suspended, and a person can resume it"
            return
        assert StateType.SCHEDULED is self.view.state
        verdict = propose(self.view, AgentClaims(), max(self.now, self.view.due))
        assert isinstance(verdict, Accept)
        assert StateType.PENDING is verdict.state.type

    @invariant()
    def retries_are_bounded(self) -> None:
        """No more retries are used than there are, and no more claims in a row that never started."""
        assert 0 <= self.view.retries_used <= self.view.retries
        assert self.view.unstarted_claims <= MAX_UNSTARTED_CLAIMS

    @invariant()
    def what_comes_back_was_given_up(self) -> None:
        """Only a crash that the clockwork called, or the retry after it, is provisional."""
        if self.view.provisional:
            assert not self.view.leased
            assert self.view.state in (StateType.CRASHED, StateType.SCHEDULED)

    # --- keeping the run as the server does

    def _propose(self, proposal: Proposal) -> Verdict:
        before = self.view
        verdict = propose(before, proposal, self.now)
        if isinstance(verdict, Reject):
            return verdict
        self._check(before, proposal, verdict)
        if isinstance(verdict, Accept) and not verdict.recorded:
            return verdict
        values: dict[str, Any] = {
            "state": verdict.state.type,
            "name": verdict.state.name,
            "attempt": verdict.attempt,
            "retries_used": verdict.retries_used,
            "provisional": verdict.provisional,
        }
        self.view = replace(before, **values, **self._lease(before, proposal, verdict))
        return verdict

    def _lease(self, before: RunView, proposal: Proposal, verdict: Accept | Delay) -> dict[str, Any]:
        if isinstance(verdict, Delay):
            due = self.now + timedelta(seconds=verdict.delay_seconds)
            return {"leased": verdict.in_place, "due": due, "unstarted_claims": verdict.unstarted_claims}
        if verdict.state.type.is_terminal or verdict.released:
            return {"leased": False}
        if isinstance(proposal, AgentClaims):
            return {"leased": True, "unstarted_claims": before.unstarted_claims + 1}
        if verdict.state.type in (StateType.RUNNING, StateType.PAUSED):
            return {"leased": True, "unstarted_claims": 0}
        return {}

    def _check(self, before: RunView, proposal: Proposal, verdict: Accept | Delay) -> None:
        by_claim, in_place = isinstance(proposal, AgentClaims), isinstance(verdict, Delay) and verdict.in_place
        assert before.attempt + (1 if by_claim or in_place else 0) == verdict.attempt, "attempts only grow, one by one"
        if before.state.is_terminal and not before.provisional:
            final = isinstance(proposal, PersonRetries) or (isinstance(verdict, Accept) and not verdict.recorded)
            assert final, "an end is final but for a person's retry"
        if isinstance(proposal, Overdue | Blocked | LimitReached) and isinstance(verdict, Accept):
            assert StateType.SCHEDULED is before.state


TestRules = Rules.TestCase
TestRules.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
