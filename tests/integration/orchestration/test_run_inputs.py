"""What runs are given while they run, and subflows that are runs of deployments."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete

from alisio.contract.control import (
    FlowRunInputCreate,
    FlowRunInputQuery,
    PauseAnswer,
    PauseStatus,
)
from alisio.contract.ids import new_id
from alisio.contract.runs import FlowRunFilter, FlowRunsDelete
from alisio.contract.states import StateType
from alisio_server.database.queries.control import filter_inputs, list_pauses
from alisio_server.database.tables import flow_run
from alisio_server.errors import ConflictError, InvalidInputError, NotFoundError
from alisio_server.orchestration import linked_runs
from alisio_server.orchestration import tick as ticking
from alisio_server.orchestration.children import live_linked_runs
from alisio_server.orchestration.linked_runs import BITE, go_on_cancelling
from alisio_server.orchestration.removal import delete_run, delete_runs
from alisio_server.orchestration.run_inputs import delete_input, send_input
from alisio_server.services import Transaction
from tests.integration.orchestration.pausing import COMPLETED, PAUSED, RUNNING, resume, stand
from tests.integration.orchestration.test_report_rows import a_subflow
from tests.integration.orchestration.world import World

SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


def test_input_is_checked_and_a_wrong_one_leaves_the_run_paused(world: World) -> None:
    """The field at fault is named; what fits is handed to the code."""
    run_id = world.started()
    stand(world, run_id, input_schema=SCHEMA, description="**How old?**")
    for given, field in ((None, "input"), ({"age": "x"}, "input.age"), ({}, "input")):
        with pytest.raises(InvalidInputError) as caught:
            resume(world, run_id, given)
        assert field == caught.value.field
    assert PAUSED == world.read(run_id).state_type
    with world.database.read() as connection:
        [pause] = list_pauses(connection, run_id)
    assert (SCHEMA, "**How old?**") == (pause.input_schema, pause.description)

    resume(world, run_id, {"age": 7})

    assert PauseAnswer(status=PauseStatus.RESUMED, input={"age": 7}) == stand(world, run_id)


def test_a_schema_that_is_none_is_refused(world: World) -> None:
    """It would fail whoever wants to resume the run."""
    run_id = world.started()
    with pytest.raises(InvalidInputError, match="the input schema is not valid JSON Schema") as caught:
        stand(world, run_id, input_schema={"properties": 3})
    assert "input_schema" == caught.value.field
    assert RUNNING == world.read(run_id).state_type


def test_input_that_nobody_waits_for_is_refused(world: World) -> None:
    """It would be lost without a word."""
    run_id = world.started()
    stand(world, run_id)
    with pytest.raises(InvalidInputError, match="waits for no input"):
        resume(world, run_id, {"age": 7})


def test_what_is_sent_to_a_run_comes_in_order_and_once(world: World) -> None:
    """A page is followed by what has come since; prefixes and keys narrow it; it goes with its run."""
    run_id = world.started()
    for key in ("int-1", "str-1", "int-2", "int-1"):
        world.do(send_input, run_id, FlowRunInputCreate(key=key, value="7", sender="me"))

    def keys(**more: Any) -> tuple[list[str], str | None]:
        with world.database.read() as connection:
            page = filter_inputs(connection, run_id, FlowRunInputQuery(**more))
        return [item.key for item in page.items], page.next_cursor

    found, cursor = keys(prefix="int-", limit=10)
    assert ["int-1", "int-2"] == found
    assert ["str-1"] == keys(exclude_keys=["int-1", "int-2"])[0]
    assert [] == keys(prefix="int%")[0]
    world.do(send_input, run_id, FlowRunInputCreate(key="int-3", value="8"))
    assert ["int-3"] == keys(prefix="int-", cursor=cursor)[0]
    world.do(delete_input, run_id, "int-3")
    with pytest.raises(NotFoundError):
        world.do(delete_input, run_id, "int-3")
    with pytest.raises(NotFoundError):
        world.do(send_input, new_id(), FlowRunInputCreate(key="k", value="1"))
    world.report(run_id, 2, COMPLETED)
    world.do(delete_run, run_id)
    assert [] == keys()[0]


def test_what_two_send_at_once_is_read_in_the_order_of_its_numbers(world: World) -> None:
    """Who reads on from the last number misses nothing: the second sender waits until the first one has committed."""
    run_id = world.started()

    def keys() -> list[str]:
        with world.database.read() as connection:
            return [item.key for item in filter_inputs(connection, run_id, FlowRunInputQuery()).items]

    second = Thread(target=world.do, args=(send_input, run_id, FlowRunInputCreate(key="b", value="2")))
    with world.transaction() as tx:
        send_input(tx, run_id, FlowRunInputCreate(key="a", value="1"))
        second.start()
        second.join(0.2)
        assert [] == keys()
    second.join()
    assert ["a", "b"] == keys()


def test_a_prefix_minds_capitals(world: World) -> None:
    """On either database `A` is not `a`."""
    run_id = world.started()
    for key in ("Approval-1", "approval-2"):
        world.do(send_input, run_id, FlowRunInputCreate(key=key, value="7"))
    with world.database.read() as connection:
        page = filter_inputs(connection, run_id, FlowRunInputQuery(prefix="approval-"))
    assert ["approval-2"] == [item.key for item in page.items]


def test_a_subflow_of_a_deployment_is_cancelled_with_its_parent(world: World) -> None:
    """It has a lease of its own; a parent that ends otherwise, or is deleted, leaves it alone."""
    parent = world.started()
    deployment_id = world.deploy(name="child")
    waiting = world.run(deployment_id, parent_flow_run_id=parent)
    running = world.run(deployment_id, parent_flow_run_id=parent, idempotency_key="k")
    assert {waiting, running} == {job.flow_run_id for job in world.claim()}
    world.report(running, 1, RUNNING)
    assert parent == world.read(running).parent_flow_run_id

    world.cancel(parent)

    assert StateType.CANCELLING == world.read(running).state_type
    assert StateType.CANCELLED == world.read(waiting).state_type
    with pytest.raises(ConflictError, match="starts no more subflows"):
        world.run(deployment_id, parent_flow_run_id=parent)
    with pytest.raises(NotFoundError):
        world.run(deployment_id, parent_flow_run_id=new_id())


def test_many_subflows_are_cancelled_in_bites(world: World) -> None:
    """No transaction cancels them all: what the first one leaves the ticks do, with what these have started."""
    parent = world.started()
    deployment_id = world.deploy(name="child")
    children = [world.run(deployment_id, parent_flow_run_id=parent) for _ in range(BITE + 10)]
    world.report(parent, 2)
    world.cancel(parent)

    def left() -> int:
        return sum(world.read(child).ended is None for child in children)

    assert 10 == left()
    world.do(go_on_cancelling)
    assert 0 == left()
    assert 1 == world.tick().cancelled
    assert 0 == world.tick().cancelled


def test_a_subflow_that_is_deleted_meanwhile_is_no_reason_not_to_cancel(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL it can go between being found and being locked: the others are cancelled all the same."""
    parent = world.started()
    deployment_id = world.deploy(name="child")
    gone, other = (world.run(deployment_id, parent_flow_run_id=parent) for _ in range(2))

    def find(tx: Transaction, run_id: UUID, limit: int) -> Sequence[UUID]:
        found = live_linked_runs(tx, run_id, limit)
        tx.connection.execute(delete(flow_run).where(flow_run.c.id == gone))
        return found

    monkeypatch.setattr(linked_runs, "live_linked_runs", find)
    world.cancel(parent)

    assert (StateType.CANCELLING, StateType.CANCELLED) == (
        world.read(parent).state_type, world.read(other).state_type
    )  # fmt: skip


def test_a_subflow_of_a_run_that_is_cancelled_starts_nothing(world: World) -> None:
    """Its own state does not change before its root has ended, which can be by itself."""
    root = world.started()
    subflow = a_subflow(world, RUNNING)
    world.report(root, 2, subflows=[subflow])
    deployment_id = world.deploy(name="child")
    child = world.run(deployment_id, parent_flow_run_id=subflow.id)
    world.cancel(root)
    assert StateType.CANCELLED == world.read(child).state_type

    with pytest.raises(ConflictError, match="starts no more subflows"):
        world.run(deployment_id, parent_flow_run_id=subflow.id)


def test_a_tick_cancels_for_a_while_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of subflows do not keep the rest of a tick from being done: the next one goes on."""
    parent = world.started()
    deployment_id = world.deploy(name="child")
    for _ in range(3 * BITE):
        world.run(deployment_id, parent_flow_run_id=parent)
    world.report(parent, 2)
    world.cancel(parent)
    monkeypatch.setattr(ticking, "LINKED_SECONDS", 0.0)

    assert [BITE, BITE, 1, 0] == [world.tick().cancelled for _ in range(4)]


def test_a_run_is_not_deleted_while_it_cancels(world: World) -> None:
    """What it has started would be found by nobody any more, and would run on."""
    parent = world.started()
    deployment_id = world.deploy(name="child")
    # One bite goes with the wish to cancel, one with the end of the parent; the tick has the last one.
    children = [world.run(deployment_id, parent_flow_run_id=parent) for _ in range(2 * BITE + 1)]
    world.report(parent, 2)
    world.cancel(parent)
    world.report(parent, 3, StateType.CANCELLED)

    with pytest.raises(ConflictError, match="still being cancelled: try again"):
        world.do(delete_run, parent)
    assert 0 == world.do(delete_runs, FlowRunsDelete(filter=FlowRunFilter(ids=[parent]))).deleted
    world.tick()
    assert {StateType.CANCELLED} == {StateType(world.read(child).state_type) for child in children}

    world.do(delete_run, parent)


def test_what_subflows_have_started_is_cancelled_too(world: World) -> None:
    """However deep, a bite for each."""
    parent = world.started()
    child = world.run(world.deploy(name="child"), parent_flow_run_id=parent)
    grandchild = world.run(world.deploy(name="grandchild"), parent_flow_run_id=child)
    world.cancel(parent)
    assert (StateType.CANCELLED, StateType.SCHEDULED) == (
        world.read(child).state_type, world.read(grandchild).state_type
    )  # fmt: skip

    world.tick()

    assert StateType.CANCELLED == world.read(grandchild).state_type


def test_a_run_that_is_retried_cancels_no_more(world: World) -> None:
    """What it starts in its next attempt is its own, whatever was left of those of the last one."""
    parent = world.started()
    deployment_id = world.deploy(name="child")
    for _ in range(BITE + 1):
        world.run(deployment_id, parent_flow_run_id=parent)
    world.cancel(parent)
    world.report(parent, 2, StateType.CANCELLED)
    world.retry(parent)
    child = world.run(deployment_id, parent_flow_run_id=parent)

    assert 0 == world.tick().cancelled

    assert StateType.SCHEDULED == world.read(child).state_type


def test_a_parent_that_is_deleted_leaves_its_subflows_behind(world: World) -> None:
    """Runs of deployments have lives of their own."""
    parent = world.started()
    child = world.run(world.deploy(name="child"), parent_flow_run_id=parent)
    world.report(parent, 2, COMPLETED)

    world.do(delete_run, parent)

    assert [(child, None)] == [(row.id, row.parent_flow_run_id) for row in world.rows(flow_run)]


def test_a_run_is_asked_for_in_another_queue(world: World) -> None:
    """Of the deployment's own pool; a queue that is not there is named."""
    deployment_id = world.deploy()
    assert world.queue_id() == world.read(world.run(deployment_id, work_queue_name="default")).work_queue_id
    with pytest.raises(NotFoundError, match="no queue 'none'"):
        world.run(deployment_id, work_queue_name="none")
