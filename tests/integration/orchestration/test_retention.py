"""Retention: what is over goes after its time, in small bites; and runs that people delete by a filter."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert

from alisio.contract.deployments import BundleAnnounce, ScheduleSpec
from alisio.contract.ids import new_id
from alisio.contract.reports import LogLine, SubflowNews, TaskRunNews
from alisio.contract.runs import FlowRunFilter, FlowRunsDelete, FlowRunsDeleted
from alisio.contract.states import StateType
from alisio_server.database.access_tables import audit_log
from alisio_server.database.tables import bundle, flow_run, flow_run_state, log, task_run
from alisio_server.orchestration import removal
from alisio_server.orchestration.bundles import announce_bundle, bundle_key, store_bundle
from alisio_server.orchestration.database_stats import read_stats, vacuum
from alisio_server.orchestration.removal import delete_runs
from alisio_server.orchestration.retention import purge
from tests.integration.orchestration.world import World, by_hand

DAY = 86_400.0
SHA = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def script(world: World, *states: StateType, lines: int = 2) -> UUID:
    """Record a run by hand with a task run, a subflow run and log lines."""
    run_id, child = new_id(), new_id()
    done = [world.state(StateType.COMPLETED)]
    task = {"task_key": "a.b", "name": "b-0", "index": 0, "states": done}
    rows: dict[str, Any] = {
        "subflows": [SubflowNews(id=child, flow_name="ebb", name="low-tide", states=done)],
        "task_runs": [TaskRunNews(id=new_id(), flow_run_id=of, **task) for of in (run_id, child)],
        "logs": [
            LogLine(flow_run_id=of, timestamp=world.now, level=20, logger="tide", message="wet")
            for of in (run_id, child)
            for _ in range(lines)
        ],
    }
    by_hand(world, run_id, 1, StateType.RUNNING, *states, **rows)
    return run_id


def counts(world: World) -> tuple[int, ...]:
    """Count flow runs, states, task runs and log lines."""
    return tuple(len(world.rows(table)) for table in (flow_run, flow_run_state, task_run, log))


def test_logs_task_runs_and_runs_go_in_turn(world: World) -> None:
    """By default log lines go 30 days after their run ended, task runs after 90, and after 365 all of the run."""
    script(world, StateType.COMPLETED)
    whole = counts(world)
    assert (2, 2, 4) == (whole[0], *whole[2:])
    world.pass_time(30 * DAY - 1)
    world.tick()
    assert whole == counts(world)
    world.pass_time(1)
    assert 4 == world.tick().purged
    assert (*whole[:3], 0) == counts(world)
    world.pass_time(60 * DAY)
    world.tick()
    assert (*whole[:2], 0, 0) == counts(world)
    world.pass_time(275 * DAY)
    world.tick()
    assert (0, 0, 0, 0) == counts(world)


def test_what_has_not_ended_stays(world: World) -> None:
    """A run that goes on for two years, or waits for as long, keeps everything."""
    run_id = script(world)
    waits = world.run(world.deploy(), due=world.now + timedelta(days=1_000))
    for sequence in (2, 3):
        world.pass_time(365 * DAY)
        by_hand(world, run_id, sequence)
        world.tick()
    assert {run_id, waits} <= {row.id for row in world.rows(flow_run)}
    assert 2 == len(world.rows(log, log.c.flow_run_id == run_id))


def test_forever_is_forever(world: World) -> None:
    """What has no time stays, whatever else goes."""
    kept = replace(world.services.retention, flow_runs=None, task_runs=None, logs=timedelta(days=1))
    world.services = replace(world.services, retention=kept)
    script(world, StateType.FAILED)
    world.pass_time(4_000 * DAY)
    world.tick()
    assert (2, 2, 0) == (counts(world)[0], *counts(world)[2:])


def test_a_retried_run_counts_from_its_last_end(world: World) -> None:
    """The log lines of a second attempt go 30 days after that one ended, though the first one's have gone."""
    run_id = world.started()
    world.report(run_id, 2, StateType.COMPLETED)
    world.pass_time(31 * DAY)
    world.tick()
    world.retry(run_id)
    world.beat()
    world.claim()
    line = LogLine(flow_run_id=run_id, timestamp=world.now, level=20, logger="tide", message="again")
    world.report(run_id, 1, StateType.RUNNING, attempt=2, logs=[line])
    world.report(run_id, 2, StateType.COMPLETED, attempt=2)
    world.pass_time(29 * DAY)
    world.tick()
    assert 1 == len(world.rows(log))
    world.pass_time(DAY)
    world.tick()
    assert [] == world.rows(log)


def test_much_goes_in_many_bites(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows beyond one bite go in further transactions of the same tick, or of later ones if its time is over."""
    monkeypatch.setattr(removal, "BITE", 3)
    for _ in range(4):
        script(world, StateType.COMPLETED, lines=5)
    world.pass_time(400 * DAY)
    purge(world.services, budget_seconds=0.0)
    assert 40 == len(world.rows(log))
    world.tick()
    assert (0, 0, 0, 0) == counts(world)


def test_ticks_at_once_purge_once(world: World) -> None:
    """Four ticks at the same moment remove everything, and none fails."""
    for _ in range(20):
        script(world, StateType.COMPLETED)
    world.pass_time(400 * DAY)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: world.tick(), range(4)))
    world.tick()
    assert (0, 0, 0, 0) == counts(world)


def test_a_deleted_time_to_come_stays(world: World) -> None:
    """A run that stands for a time to come is not purged before that, so nothing makes it again."""
    kept = replace(world.services.retention, flow_runs=timedelta(seconds=60))
    world.services = replace(world.services, retention=kept)
    world.deploy(ScheduleSpec(interval_seconds=600, slug="often"))
    first = min(world.rows(flow_run), key=lambda row: row.occurrence).id
    world.do(removal.delete_run, first)
    world.pass_time(120)
    world.tick()
    assert "CANCELLED" == world.read(first).state_type


def test_the_audit_log_goes_after_a_year(world: World) -> None:
    """Entries go 365 days after they were written."""
    entry = {"timestamp": world.now, "actor": "ann", "role": "admin", "action": "x", "target": "y", "fields": []}
    with world.transaction() as tx:
        tx.connection.execute(insert(audit_log).values(entry | {"refused": False}))
    world.pass_time(365 * DAY - 1)
    world.tick()
    assert 1 == len(world.rows(audit_log))
    world.pass_time(1)
    world.tick()
    assert [] == world.rows(audit_log)


def test_an_unused_bundle_goes_with_its_object(world: World) -> None:
    """A bundle that no deployment has for a day goes; one that is announced again, or deployed, stays."""
    key = bundle_key(SHA)
    store_bundle(world.services, SHA, b"hello")
    world.deploy(bundle=SHA)
    world.pass_time(3 * DAY)
    world.tick()
    world.deploy()
    world.tick()
    world.pass_time(0.9 * DAY)
    announce_bundle(world.services, BundleAnnounce(sha256=SHA, size=5))
    world.tick()
    world.pass_time(0.9 * DAY)
    world.tick()
    assert 5 == world.services.objects.size_of(key)
    world.pass_time(0.2 * DAY)
    world.tick()
    assert world.services.objects.size_of(key) is None
    assert [] == world.rows(bundle)


# --- by a filter


def delete(world: World, **wanted: Any) -> FlowRunsDeleted:
    """Delete runs by a filter."""
    more = {name: wanted.pop(name) for name in ("limit", "dry_run") if name in wanted}
    answer: FlowRunsDeleted = world.do(delete_runs, FlowRunsDelete(filter=FlowRunFilter(**wanted), **more))
    return answer


def test_runs_are_deleted_by_a_filter(world: World) -> None:
    """Those that match go with all that is of them; others stay."""
    script(world, StateType.FAILED)
    kept = script(world, StateType.COMPLETED)
    dry = delete(world, state_types=[StateType.FAILED], dry_run=True)
    assert (0, 1) == (dry.deleted, dry.remaining.count)
    answer = delete(world, state_types=[StateType.FAILED])
    assert (1, 0, 0) == (answer.deleted, answer.cancelled, answer.remaining.count)
    assert kept in {row.id for row in world.rows(flow_run)}
    assert 2 == counts(world)[0]


def test_one_request_goes_only_so_far(world: World) -> None:
    """At most `limit` runs go; the answer tells how many are left."""
    for _ in range(5):
        script(world, StateType.COMPLETED)
    answer = delete(world, is_subflow=False, limit=2)
    assert (2, 3) == (answer.deleted, answer.remaining.count)


def test_runs_that_are_executed_are_left_alone(world: World) -> None:
    """What is claimed or running neither goes nor counts as what is left."""
    run_id = world.started()
    answer = delete(world)
    assert (0, 0, 0) == (answer.deleted, answer.cancelled, answer.remaining.count)
    assert "RUNNING" == world.read(run_id).state_type


def test_times_of_schedules_stay_cancelled(world: World) -> None:
    """Waiting runs of schedules become CANCELLED, once, and stand for their time."""
    world.deploy(ScheduleSpec(interval_seconds=300, slug="often"))
    assert (0, 3, 0) == ((answer := delete(world)).deleted, answer.cancelled, answer.remaining.count)
    assert 0 == delete(world).cancelled
    assert ["CANCELLED"] * 3 == [row.state_type for row in world.rows(flow_run)]


def test_a_large_run_goes_in_bites(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with more log lines than a bite is gone after several requests, whole until the last one."""
    monkeypatch.setattr(removal, "BITE", 3)
    run_id = script(world, StateType.COMPLETED, lines=4)
    assert (0, 1) == ((answer := delete(world, ids=[run_id])).deleted, answer.remaining.count)
    for _ in range(10):
        if delete(world, ids=[run_id]).deleted:
            break
    assert (0, 0, 0, 0) == counts(world)


# --- telling of it


def test_the_stats_tell_what_will_go(world: World) -> None:
    """What is told to go is what the next tick removes; the sizes and the oldest row are told too."""
    script(world, StateType.COMPLETED)
    world.pass_time(100 * DAY)
    script(world, StateType.COMPLETED)
    going = {stats.table: stats for stats in read_stats(world.database, world.services.retention)}
    assert [(4, 0), (4, 2), (8, 4)] == [
        (going[name].rows, going[name].removable) for name in ("flow_run", "task_run", "log")
    ]
    assert world.now - timedelta(days=100) == going["flow_run"].oldest
    assert (going["log"].bytes or 1) > 0
    assert 6 == world.tick().purged - 1  # its agent has been silent for a week, too


def test_a_vacuum_leaves_everything(world: World) -> None:
    """Nothing but the space of removed rows goes."""
    script(world, StateType.COMPLETED)
    before = counts(world)
    vacuum(world.database)
    assert before == counts(world)
