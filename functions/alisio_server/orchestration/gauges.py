"""How much there is to do and how much is being done, by work pool: what alarms and the scaling of agents go by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, func, or_, select

from alisio.contract.states import LEASED, StateName, StateType
from alisio_server.database.engine import Database
from alisio_server.database.tables import flow_run, work_pool, work_queue


@dataclass(frozen=True)
class PoolGauge:
    """What one work pool has to do.

    Attributes:
        pool: Its name.
        due: Runs that nobody has claimed though they are due, where neither pool nor queue is paused.
        running: Runs that are claimed or running.
        late: Those of the due ones that are marked Late.
        oldest_due_seconds: How long the longest of the due ones waits; 0 where none does.
    """

    pool: str
    due: int
    running: int
    late: int
    oldest_due_seconds: float


def read_gauges(database: Database) -> list[PoolGauge]:
    """Read the gauges of every work pool, by name; of a pool without anything to do, too.

    Args:
        database: Where the runs are.
    """
    with database.read() as connection:
        now = database.now(connection)
        goes_on = and_(~work_pool.c.paused, ~work_queue.c.paused)
        is_due = and_(flow_run.c.state_type == StateType.SCHEDULED, flow_run.c.due <= now, goes_on)
        is_to_do = flow_run.c.state_type.in_([StateType.SCHEDULED, StateType.PAUSED, *LEASED])
        # A paused run has a process that waits; a suspended one has none, and no lease.
        waits = and_(flow_run.c.state_type == StateType.PAUSED, flow_run.c.lease_until.is_not(None))
        is_executed = or_(flow_run.c.state_type.in_(LEASED), waits)
        counted = (
            select(
                work_pool.c.name,
                func.count(case((is_due, 1))).label("due"),
                func.count(case((is_executed, 1))).label("running"),
                func.count(case((and_(is_due, flow_run.c.state_name == StateName.LATE), 1))).label("late"),
                func.min(case((is_due, flow_run.c.due))).label("oldest"),
            )
            .outerjoin(work_queue, work_queue.c.work_pool_id == work_pool.c.id)
            .outerjoin(flow_run, and_(flow_run.c.work_queue_id == work_queue.c.id, is_to_do))
            .group_by(work_pool.c.name)
            .order_by(work_pool.c.name)
        )
        rows = connection.execute(counted).all()
    return [PoolGauge(row.name, row.due, row.running, row.late, _seconds_since(row.oldest, now)) for row in rows]


def _seconds_since(oldest: datetime | None, now: datetime) -> float:
    return 0.0 if oldest is None else (now - oldest).total_seconds()
