"""Random lives of slots in a real database: taken, given back, renewed, left behind, in any order."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alisio.contract.ids import new_id
from alisio.contract.limits import ConcurrencyLimitCreate, SlotRequest
from alisio.contract.states import StateType
from alisio_server.database.queries.concurrency_limits import get_limit
from alisio_server.errors import ConflictError
from alisio_server.orchestration.named_limits import create_limit
from alisio_server.orchestration.slot_leases import acquire_slots, give_back, renew_lease
from tests.integration.orchestration.world import World

LIMITS = {"a": 1, "b": 3, "c": 5}
RATE = 2


class Slots(RuleBasedStateMachine):
    """Three limits, one limit of rate, a run that may hold slots, and people who come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.world = World(f"sqlite:///{self.folder}/alisio.db", self.folder / "objects")
        self.held: dict[UUID, tuple[tuple[str, ...], int]] = {}
        self.waiting: dict[UUID, SlotRequest] = {}
        self.rate_taken: list[float] = []
        self.elapsed = 0.0

    @initialize()
    def set_up(self) -> None:
        """Make the limits, and a run that is executed."""
        self.world.pool()
        self.run_id = self.world.started()
        self.sequence = 1
        for name, slots in LIMITS.items():
            self.world.do(create_limit, ConcurrencyLimitCreate(name=name, limit=slots))
        rate = ConcurrencyLimitCreate(name="rate", limit=RATE, slot_decay_per_second=1)
        self.world.do(create_limit, rate)

    @rule(names=st.sets(st.sampled_from(sorted(LIMITS)), min_size=1), slots=st.integers(1, 3), in_run=st.booleans())
    def come(self, names: set[str], slots: int, in_run: bool) -> None:
        """Let somebody ask for slots for the first time."""
        where = {"flow_run_id": self.run_id, "attempt": 1} if in_run else {}
        slots = min(slots, *(LIMITS[name] for name in names))
        self._ask(new_id(), SlotRequest(names=sorted(names), slots=slots, lease_seconds=60, **where))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        """Let somebody who waits ask again."""
        lease = data.draw(st.sampled_from(sorted(self.waiting)))
        self._ask(lease, self.waiting[lease])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Let a holder give its slots back."""
        lease = data.draw(st.sampled_from(sorted(self.held)))
        del self.held[lease]
        self.world.do(give_back, lease)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        """Let a holder say that it lives; it may be too late."""
        lease = data.draw(st.sampled_from(sorted(self.held)))
        try:
            self.world.do(renew_lease, lease)
        except ConflictError:
            del self.held[lease]

    @rule(seconds=st.sampled_from([1, 10, 35]), reports=st.booleans())
    def pass_time(self, seconds: int, reports: bool) -> None:
        """Let time pass with its clockwork; the run's executor may fall silent and come back."""
        self.world.pass_time(seconds)
        self.elapsed += seconds
        if reports:
            self.sequence += 1
            self.world.report(self.run_id, self.sequence)
        self.world.tick()

    @rule(slots=st.integers(1, RATE))
    def hurry(self, slots: int) -> None:
        """Take of the rate at once, or not at all."""
        lease = new_id()
        request = SlotRequest(names=["rate"], slots=slots, mode="rate_limit")
        if self.world.do(acquire_slots, lease, request).granted:
            self.rate_taken += [self.elapsed] * slots
        self.world.do(give_back, lease)

    @invariant()
    def never_more_than_the_limit(self) -> None:
        """What is held of a limit is not more than it has, unless a run that was believed dead came back."""
        if not hasattr(self, "run_id") or self._came_back():
            return
        for name, slots in LIMITS.items():
            assert self._active(name) <= slots

    @invariant()
    def never_faster_than_the_rate(self) -> None:
        """In any span of time no more was taken of the rate than its slots and what came back in that time."""
        for place, since in enumerate(self.rate_taken):
            span = self.elapsed - since
            assert len(self.rate_taken) - place <= RATE + span * 1 + 1e-6

    def teardown(self) -> None:
        """When all are gone, every slot is free, and those who waited get theirs in the order they came."""
        try:
            for lease in list(self.held):
                self.world.do(give_back, lease)
            self.world.pass_time(200)
            for _ in range(15):
                self.world.pass_time(5)
                self.world.tick()
            if StateType(self.world.read(self.run_id).state_type) is StateType.CRASHED:
                assert [0, 0, 0] == [self._active(name) for name in LIMITS]
        finally:
            self.world.close()
            shutil.rmtree(self.folder)

    def _ask(self, lease: UUID, request: SlotRequest) -> None:
        try:
            answer = self.world.do(acquire_slots, lease, request)
        except ConflictError:
            # The run has lost its lease.
            self.waiting.pop(lease, None)
            return
        if answer.granted:
            self.waiting.pop(lease, None)
            self.held[lease] = (tuple(request.names), request.slots)
        else:
            self.waiting[lease] = request

    def _came_back(self) -> bool:
        return "Its executor came back" in " ".join(str(row.state_message) for row in [self.world.read(self.run_id)])

    def _active(self, name: str) -> int:
        with self.world.database.read() as connection:
            return get_limit(self.world.database, connection, name).active_slots


TestSlots = Slots.TestCase
TestSlots.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
