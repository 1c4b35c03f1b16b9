"""Random lives of runs in a real database: agents, executors, people and the clockwork, in any order."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Row

from alisio.contract.control import PauseAnswer, PauseReport, PauseStatus
from alisio.contract.deployments import ScheduleSpec
from alisio.contract.overlap import Overlap
from alisio.contract.reports import DirectiveKind
from alisio.contract.states import TERMINAL, StateName, StateType
from alisio_server.database.tables import concurrency_slot, flow_run, flow_run_state
from alisio_server.errors import ConflictError
from alisio_server.orchestration.pauses import pause_run, resume_run, stand_at_pause
from tests.integration.orchestration.world import World

POOL_LIMIT = 3
ENDS = (StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)
_IS_WAIT = concurrency_slot.c.limit_key.startswith("flow-run:")
_NAMES = {StateType.PAUSED: StateName.SUSPENDED}


@dataclass
class Executor:
    """A supervisor that may be there, whether or not the server still believes in it."""

    run_id: UUID
    attempt: int
    sequence: int = 0


class Lives(RuleBasedStateMachine):
    """A server with a pool of three slots, a deployment for runs by request, and a schedule of each policy."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.world = World(f"sqlite:///{self.folder}/alisio.db", self.folder / "objects")
        self.asked: list[UUID] = []
        self.executors: list[Executor] = []
        self.given: set[tuple[UUID, int]] = set()
        self.came_back: set[UUID] = set()

    @initialize()
    def deploy(self) -> None:
        """Set the server up."""
        self.world.pool(concurrency_limit=POOL_LIMIT)
        self.by_request = self.world.deploy(name="asked", retries=1, retry_delays=[5])
        for overlap in Overlap:
            name = overlap.replace("_", "-")
            self.world.deploy(ScheduleSpec(interval_seconds=300, slug=name, overlap=overlap), name=name, retries=1)

    # --- what can happen

    @rule(seconds=st.sampled_from([1, 7, 40, 150, 300]))
    def pass_time(self, seconds: int) -> None:
        """Let time pass, and its clockwork."""
        self.world.pass_time(seconds)
        self.world.tick()
        self.world.beat()

    @rule()
    def ask(self) -> None:
        """Ask for a run."""
        self.asked.append(self.world.run(self.by_request))

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def ask_after(self, data: st.DataObject) -> None:
        """Ask for a run that is to wait for some that were asked for."""
        others = data.draw(st.lists(st.sampled_from(self.asked), min_size=1, max_size=3))
        self.asked.append(self.world.run(self.by_request, after=others))

    @rule(slots=st.integers(1, 4))
    def claim(self, slots: int) -> None:
        """Let an agent claim."""
        for job in self.world.claim(slots):
            assert (job.flow_run_id, job.attempt) not in self.given, "an attempt is given twice"
            self._take(job.flow_run_id, job.attempt)

    @precondition(lambda self: self.executors)
    @rule(data=st.data(), end=st.sampled_from([None, None, *ENDS]))
    def report(self, data: st.DataObject, end: StateType | None) -> None:
        """Let an executor report that it lives, or how it ended."""
        self._report(data.draw(st.sampled_from(self.executors)), end)

    @precondition(lambda self: self.executors)
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        """Let an executor vanish without a word."""
        self.executors.remove(data.draw(st.sampled_from(self.executors)))

    @precondition(lambda self: any(executor.sequence for executor in self.executors))
    @rule(data=st.data(), key=st.sampled_from("ab"), suspends=st.booleans())
    def stand(self, data: st.DataObject, key: str, suspends: bool) -> None:
        """Let an executor come to a pause, where it waits, or ends as it was told."""
        executor = data.draw(st.sampled_from([executor for executor in self.executors if executor.sequence]))
        report = PauseReport(attempt=executor.attempt, key=key, suspends=suspends)
        given_up = self.world.read(executor.run_id).provisional
        try:
            answer: PauseAnswer = self.world.do(stand_at_pause, executor.run_id, report)
        except ConflictError:
            self.executors.remove(executor)
            return
        if given_up and self.world.read(executor.run_id).lease_until is not None:
            self.came_back.add(executor.run_id)
        if suspends and answer.status is PauseStatus.WAITING:
            self._report(executor, StateType.PAUSED)

    @rule(data=st.data(), resumes=st.booleans())
    def control(self, data: st.DataObject, resumes: bool) -> None:
        """Let a person resume a run, or want it to stop."""
        runs = self._runs()
        if not runs:
            return
        run_id = data.draw(st.sampled_from(runs)).id
        try:
            if resumes:
                self.world.do(resume_run, run_id, None)
            else:
                with self.world.transaction() as tx:
                    pause_run(tx, run_id, suspends=False)
        except ConflictError:
            return

    @rule(data=st.data(), retry=st.booleans())
    def interfere(self, data: st.DataObject, retry: bool) -> None:
        """Let a person cancel or retry a run."""
        runs = self.world.rows(flow_run)
        if not runs:
            return
        run_id = data.draw(st.sampled_from(runs)).id
        try:
            (self.world.retry if retry else self.world.cancel)(run_id)
        except ConflictError:
            return

    # --- what must hold

    @invariant()
    def slots_go_with_leases(self) -> None:
        """A slot of the pool and of the queue for each run that is leased, and for no other."""
        leased = {(row.id, row.attempt) for row in self._runs() if row.lease_until is not None}
        held = self.world.rows(concurrency_slot, ~_IS_WAIT)
        slots = [(row.flow_run_id, row.attempt) for row in held]
        assert leased == set(slots)
        assert 2 * len(leased) == len(slots)
        assert len(leased - {pair for pair in leased if pair[0] in self.came_back}) <= POOL_LIMIT

    @invariant()
    def who_waits_waits_for_somebody(self) -> None:
        """A run that was made to wait does so for runs that have not ended, and it has not begun."""
        live = {f"flow-run:{row.id}" for row in self._runs() if row.state_type not in TERMINAL}
        waits = self.world.rows(concurrency_slot, _IS_WAIT)
        assert {wait.limit_key for wait in waits} <= live
        suspended = {row.id for row in self._runs() if row.state_type == StateType.PAUSED and row.attempt == 0}
        assert suspended <= {wait.flow_run_id for wait in waits}

    @invariant()
    def what_waits_is_rung_for(self) -> None:
        """A run that can be claimed, or will be, has a wake-up to come; no other one has."""
        for row in self._runs():
            waits = row.state_type == StateType.SCHEDULED and row.lease_until is None
            assert waits == (row.wake_at is not None), row.state_name

    @invariant()
    def schedules_do_not_overlap(self) -> None:
        """Of a schedule with a policy one run is executed at a time, but for one that was believed dead."""
        live = [row for row in self._runs() if row.lease_until is not None and row.id not in self.came_back]
        serial = [row.schedule_slug for row in live if row.overlap is not None]
        assert len(serial) == len(set(serial))

    @invariant()
    def history_ends_where_the_run_is(self) -> None:
        """The last state of the history is the state of the run, and attempts only grow in it."""
        histories: dict[UUID, list[Row[tuple[object, ...]]]] = {}
        for entry in self.world.rows(flow_run_state):
            histories.setdefault(entry.flow_run_id, []).append(entry)
        for row in self._runs():
            entries = histories[row.id]
            assert (row.state_type, row.state_name) == (entries[-1].type, entries[-1].name)
            attempts = [entry.attempt for entry in entries]
            assert sorted(attempts) == attempts

    def teardown(self) -> None:
        """In the end everything ends: what waits is claimed, and what is executed completes."""
        try:
            for _ in range(25):
                self.world.beat()
                for row in self._runs():
                    if row.state_type == StateType.PAUSED and row.attempt > 0:
                        self.world.do(resume_run, row.id, None)
                self.claim(10)
                for executor in list(self.executors):
                    self._report(executor, StateType.COMPLETED)
                self.world.tick()
                self.world.pass_time(25)
            # Schedules go on making runs: only those of the last minute may still wait, and those of later times, which
            # wait for the earlier ones though they were retried before their own.
            overdue = self.world.now - timedelta(minutes=1)
            live = [row for row in self._runs() if row.state_type not in TERMINAL]
            assert [] == [row for row in live if max(row.due, row.occurrence or row.due) < overdue]
        finally:
            self.world.close()
            shutil.rmtree(self.folder)

    # --- how

    def _runs(self) -> list[Row[tuple[object, ...]]]:
        return self.world.rows(flow_run)

    def _take(self, run_id: UUID, attempt: int) -> None:
        self.given.add((run_id, attempt))
        self.executors.append(Executor(run_id, attempt))

    def _report(self, executor: Executor, end: StateType | None) -> None:
        told = [StateType.RUNNING] if executor.sequence == 0 else []
        told += [] if end is None else [end]
        states = [self.world.state(type_, name=_NAMES.get(type_)) for type_ in told]
        given_up = self.world.read(executor.run_id).provisional
        try:
            answer = self.world.report(executor.run_id, executor.sequence + 1, attempt=executor.attempt, states=states)
        except ConflictError:
            self.executors.remove(executor)
            return
        executor.sequence += 1
        if given_up:
            self.came_back.add(executor.run_id)
        if end is not None:
            self.executors.remove(executor)
            for directive in answer.directives:
                if directive.kind is DirectiveKind.RETRY and directive.attempt is not None:
                    self._take(executor.run_id, directive.attempt)


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=8, stateful_step_count=30, deadline=None)
