"""A database of its own for each test, a clock that the test moves, and a bell that only remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Row, Select, func, select

from alisio.contract.deployments import DeploymentSpec, ScheduleSpec
from alisio.contract.ids import new_id
from alisio.contract.reports import Origin, Report, ReportAnswer, RunFacts
from alisio.contract.runs import FlowRunCreate
from alisio.contract.state_record import StateRecord
from alisio.contract.states import DEFAULT_NAMES, StateType
from alisio.contract.work_pools import (
    AgentBeat,
    BeatAnswer,
    ClaimRequest,
    Holding,
    Job,
    StartFailure,
    WorkPoolCreate,
)
from alisio_server.adapters.laptop.objects import FileObjectStore
from alisio_server.database import migrate
from alisio_server.database.engine import Database
from alisio_server.database.tables import concurrency_slot, flow_run, flow_run_state, work_queue
from alisio_server.errors import ConflictError
from alisio_server.orchestration.agents import beat, fail_start
from alisio_server.orchestration.claims import claim_runs
from alisio_server.orchestration.deployments import apply_deployment
from alisio_server.orchestration.flow_runs import AskedRun, cancel_run, create_run, retry_run
from alisio_server.orchestration.reports import apply_report
from alisio_server.orchestration.tick import TickSummary, tick
from alisio_server.orchestration.work_pools import create_work_pool
from alisio_server.ports import WakeUp
from alisio_server.services import Services, Transaction

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TICK_SECONDS = 5.0


class ClockedDatabase(Database):
    """A database whose clock stands still until the test moves it."""

    time = START

    def now(self, connection: Connection) -> datetime:
        """Tell the test's time."""
        return self.time

    def one_and_now(
        self, connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]
    ) -> tuple[Row[Any] | None, datetime]:
        """Read a row, and tell the test's time."""
        row, _ = super().one_and_now(connection, statement, parameters)
        return row, self.time


@dataclass
class Bell:
    """A bell that remembers what was rung, and can be away."""

    rung: list[WakeUp] = field(default_factory=list)
    away: bool = False

    def send(self, wake_ups: Iterable[WakeUp]) -> None:
        """Remember wake-ups."""
        if self.away:
            raise ConnectionRefusedError("the bell is away")
        self.rung += wake_ups

    def take(self) -> list[WakeUp]:
        """Give what was rung since the last time."""
        rung, self.rung = self.rung, []
        return rung


def url_of(sha256: str) -> str:
    """Tell where a bundle is fetched."""
    return f"/api/bundles/{sha256}/content"


class World:
    """What a test does to a server, one transaction a call, as requests do."""

    def __init__(self, url: str, folder: Path) -> None:
        self.database = ClockedDatabase(url)
        migrate.upgrade(self.database)
        self.bell = Bell()
        self.services = Services(self.database, self.bell, FileObjectStore(folder))
        self.agent_id = new_id()

    @property
    def now(self) -> datetime:
        """The time."""
        return self.database.time

    def pass_time(self, seconds: float) -> None:
        """Move the clock."""
        self.database.time += timedelta(seconds=seconds)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction as a request does."""
        with self.services.transaction() as tx:
            yield tx

    def do(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """Call an action of the rules in a transaction of its own."""
        with self.transaction() as tx:
            return action(tx, *arguments)

    # --- setting up

    def pool(self, name: str = "shore", **more: Any) -> None:
        """Make a work pool, with this world's agent on it."""
        self.do(create_work_pool, WorkPoolCreate(name=name, **more))
        self.beat(pool=name)

    def deploy(self, *schedules: ScheduleSpec, name: str = "daily", **more: Any) -> UUID:
        """Make a deployment."""
        values: dict[str, Any] = {
            "flow_name": "tide",
            "name": name,
            "entrypoint": "tide.py:tide",
            "work_pool_name": "shore",
            "schedules": list(schedules),
        }
        deployment_id: UUID = self.do(apply_deployment, DeploymentSpec(**{**values, **more}))
        return deployment_id

    def run(self, deployment_id: UUID, **wanted: Any) -> UUID:
        """Ask for a run."""
        asked: AskedRun = self.do(create_run, deployment_id, FlowRunCreate(**wanted))
        return asked.id

    # --- agents and executors

    def beat(self, *holding: Job, agent_id: UUID | None = None, pool: str = "shore", **more: Any) -> BeatAnswer:
        """Let an agent tell of itself."""
        held = [Holding(flow_run_id=job.flow_run_id, attempt=job.attempt) for job in holding]
        told = AgentBeat(name="gull", work_pool_name=pool, host="cape", pid=7, version="1", holding=held, **more)
        answer: BeatAnswer = self.do(beat, agent_id or self.agent_id, told)
        return answer

    def claim(
        self,
        slots: int = 10,
        *,
        claim_id: UUID | None = None,
        agent_id: UUID | None = None,
        pool: str = "shore",
        queues: list[str] | None = None,
    ) -> list[Job]:
        """Claim runs."""
        request = ClaimRequest(
            claim_id=claim_id or new_id(), agent_id=agent_id or self.agent_id, slots=slots, queues=queues
        )
        jobs: list[Job] = self.do(claim_runs, pool, request, url_of).jobs
        return jobs

    def fail_start(self, job: Job, *, final: bool, message: str = "no such file") -> None:
        """Let the agent say that it could not start a job."""
        failure = StartFailure(attempt=job.attempt, agent_id=self.agent_id, message=message, final=final)
        self.do(fail_start, job.flow_run_id, failure)

    def hand_back(self, *jobs: Job, agent_id: UUID | None = None) -> None:
        """Let an agent that is stopping say that it will not start what it claimed."""
        returned = [Holding(flow_run_id=job.flow_run_id, attempt=job.attempt) for job in jobs]
        self.beat(agent_id=agent_id, returned=returned, stopping=True)

    def state(self, type_: StateType, message: str | None = None, name: str | None = None) -> StateRecord:
        """Make a state as an executor reports it."""
        return StateRecord(type=type_, name=name or DEFAULT_NAMES[type_], message=message, timestamp=self.now)

    def report(self, run_id: UUID, sequence: int, *states: StateType, attempt: int = 1, **more: Any) -> ReportAnswer:
        """Report as the supervisor of a claimed run."""
        more.setdefault("origin", Origin.SUPERVISOR)
        more.setdefault("states", [self.state(type_) for type_ in states])
        answer: ReportAnswer = self.do(apply_report, run_id, Report(attempt=attempt, sequence=sequence, **more))
        return answer

    def started(self, **deployed: Any) -> UUID:
        """Make a run, claim it and let its supervisor begin."""
        run_id = self.run(self.deploy(**deployed))
        self.claim()
        self.report(run_id, 1, StateType.RUNNING)
        return run_id

    def cancel(self, run_id: UUID) -> None:
        """Cancel a run."""
        self.do(cancel_run, run_id)

    def retry(self, run_id: UUID) -> None:
        """Retry a run."""
        self.do(retry_run, run_id)

    def tick(self) -> TickSummary:
        """Let the clockwork pass once; nothing in it may fail."""
        summary = tick(self.services, TICK_SECONDS)
        assert {} == summary.failed
        return summary

    def tick_for(self, seconds: float) -> None:
        """Let time pass, with ticks as they come on a laptop."""
        for _ in range(int(seconds // TICK_SECONDS)):
            self.pass_time(TICK_SECONDS)
            self.tick()

    # --- looking

    def rows(self, table: Any, *conditions: Any) -> list[Row[Any]]:
        """Read rows of a table."""
        with self.database.read() as connection:
            statement = select(table).where(*conditions).order_by(*table.primary_key.columns)
            return list(connection.execute(statement).all())

    def read(self, run_id: UUID) -> Row[Any]:
        """Read a run."""
        (row,) = self.rows(flow_run, flow_run.c.id == run_id)
        return row

    def history(self, run_id: UUID) -> list[str]:
        """Read the names of the states that a run was in."""
        return [row.name for row in self.rows(flow_run_state, flow_run_state.c.flow_run_id == run_id)]

    def slots(self) -> int:
        """Count the slots in use, of pools and queues."""
        with self.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(concurrency_slot)).scalar_one())

    def queue_id(self, name: str = "default") -> UUID:
        """Find a queue."""
        (row,) = self.rows(work_queue, work_queue.c.name == name)
        found: UUID = row.id
        return found

    def close(self) -> None:
        """Close the database."""
        self.database.dispose()


def by_hand(world: World, run_id: UUID, sequence: int, *states: StateType, **more: Any) -> ReportAnswer:
    """Report as a script does."""
    facts = RunFacts(flow_name="tide", name="high-tide") if sequence == 1 else None
    return world.report(run_id, sequence, *states, origin=Origin.SCRIPT, **{"facts": facts, **more})


def code_of(world: World, run_id: UUID, sequence: int, *states: StateType, **more: Any) -> str:
    """Send a report that must be refused; give back why."""
    with pytest.raises(ConflictError) as caught:
        world.report(run_id, sequence, *states, **more)
    return caught.value.code
