"""The rules of pausing, which `transitions.propose` asks: who may stop a run on its way, and how it goes on.

A paused run keeps its lease: its process waits. A suspended one has given lease and slots back: its process has
ended, and once it is resumed it is claimed as if it were new.
"""

from __future__ import annotations

from datetime import datetime

from alisio.contract.states import StateName, StateType
from alisio_server.orchestration.proposals import (
    Accept,
    Delay,
    NewState,
    PersonPauses,
    Reject,
    RunView,
    Verdict,
    accept,
    unchanged,
)

ASKED = (StateName.PAUSING, StateName.SUSPENDING)
"""What a run is called that was asked to stop, and has not come to where it can: it runs, or is on its way to that."""


KEPT_WAITING = (StateName.AWAITING_CONCURRENCY_SLOT, *ASKED)
"""What a run is called that others go before, and that need not be told so: it was, or its name says more already."""


def named(run: RunView, name: str) -> str:
    """Name a run on its way to its next attempt: as is given, or after the wish of somebody that it stop there.

    One that has stopped for such a wish, and was not resumed, is to stop again: its next process knows nothing of it.
    """
    if run.name in ASKED:
        return run.name
    return StateName.PAUSING if run.stands_asked else name


def scheduled(run: RunView, message: str, name: str = StateName.SCHEDULED) -> NewState:
    """Let a run wait for its next attempt, named so unless somebody wants it to stop there."""
    return NewState(StateType.SCHEDULED, named(run, name), message)


def kept_waiting(run: RunView, message: str) -> Accept:
    """Say of a run which is due that others go before it."""
    if run.name in KEPT_WAITING:
        return unchanged(run)
    return accept(run, StateType.SCHEDULED, StateName.AWAITING_CONCURRENCY_SLOT, message)


def begins_asked(run: RunView) -> Verdict | None:
    """Keep the wish of somebody that a run stop when its executor says that it runs; None: nobody has asked."""
    if run.name not in ASKED:
        return None
    if run.state is StateType.RUNNING:
        return unchanged(run)
    return accept(run, StateType.RUNNING, run.name, "Asked to stop: it does so at its next task.")


def executor_pauses(run: RunView, state: NewState) -> Verdict:
    """Let the executor of a run stop: its process waits, or has ended where the state is Suspended."""
    if state.name != StateName.SUSPENDED:
        return Accept(state, run.attempt, run.retries_used)
    if run.by_hand or not run.claimable:
        return _cannot_suspend()
    return Accept(state, run.attempt, run.retries_used, released=True)


def person_pauses(run: RunView, asked: PersonPauses) -> Verdict:
    """Have a running run stop where it can; its executor hears of it with its next report."""
    name = StateName.SUSPENDING if asked.suspends else StateName.PAUSING
    if run.state.is_terminal:
        return Reject("run_ended", f"the run has ended already: it is {run.name}")
    if run.is_subflow:
        return Reject("is_subflow", "a subflow run pauses with the run that called it: pause that one")
    if run.state is StateType.PAUSED or run.name == name:
        return unchanged(run)
    if asked.suspends and (run.by_hand or not run.claimable):
        return _cannot_suspend()
    if run.state is not StateType.RUNNING:
        return Reject("not_running", f"the run is {run.name}: only a running one can be paused")
    what = "suspend" if asked.suspends else "pause"
    return accept(run, StateType.RUNNING, name, f"Asked to {what}: it does so at its next task.")


def person_resumes(run: RunView) -> Verdict:
    """Let a paused run go on, and a suspended one be claimed again; its retries are not touched."""
    if run.state is StateType.RUNNING and run.name in ASKED:
        return accept(run, StateType.RUNNING, StateName.RUNNING, "Not to pause after all.")
    if run.state is StateType.SCHEDULED and run.name in ASKED:
        return accept(run, StateType.SCHEDULED, StateName.AWAITING_RETRY, "Not to pause after all.")
    if run.state is StateType.PENDING and run.name in ASKED:
        return accept(run, StateType.PENDING, StateName.PENDING, "Not to pause after all.")
    if run.is_subflow:
        return Reject("is_subflow", "a subflow run goes on with the run that called it: resume that one")
    if run.state is not StateType.PAUSED:
        return Reject("not_paused", f"the run is {run.name}: only a paused or suspended one can be resumed")
    if run.leased:
        return accept(run, StateType.RUNNING, StateName.RUNNING, "Resumed.")
    if not run.claimable:
        return Reject("no_deployment", "its deployment or work pool was deleted: nothing can run it")
    waiting = NewState(StateType.SCHEDULED, StateName.RESUMING, "Resumed: it goes on in a new process.")
    return Delay(None, waiting, 0.0, run.attempt, run.retries_used)


def pause_expired(run: RunView) -> Verdict:
    """End a suspended run that nobody has resumed in time. One whose process waits ends by itself."""
    if run.state is not StateType.PAUSED or run.leased:
        return Reject("not_suspended", f"the run is {run.name}")
    return accept(run, StateType.FAILED, StateName.FAILED, "It was suspended and not resumed in time.")


def others_ended(run: RunView, now: datetime) -> Verdict:
    """Let a run be claimed that was made suspended, to wait for others. A person may have resumed it before."""
    if run.state is not StateType.PAUSED or run.leased or run.attempt > 0:
        return Reject("not_waiting", f"the run is {run.name}")
    if not run.claimable:
        return accept(run, StateType.CANCELLED, StateName.CANCELLED, "Its deployment or work pool was deleted.")
    waiting = NewState(StateType.SCHEDULED, StateName.SCHEDULED, "What it waited for has ended.")
    return Delay(None, waiting, max(0.0, (run.due - now).total_seconds()), run.attempt, run.retries_used)


def _cannot_suspend() -> Reject:
    message = "only a run of a deployment can be suspended: nothing starts a run by hand again"
    return Reject("no_deployment", message)
