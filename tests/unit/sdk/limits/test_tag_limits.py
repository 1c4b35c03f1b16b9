"""Limits on tasks with a tag: they wait for a slot before they run."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest

from alisio import flow, get_run_logger, runtime, task
from alisio.client import shared
from alisio.contract.runs import TaskRunFilter, TaskRunQuery
from alisio.engine.reporter import current_reporter
from alisio.exceptions import CancelledRunError
from tests.unit.sdk.conftest import Style
from tests.unit.sdk.conftest import style as style
from tests.unit.sdk.limits.conftest import Backend
from tests.waiting import wait_until


class Crowd:
    """Counts who is there at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = self.most = 0

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


def histories(backend: Backend, run_id: str) -> list[list[str]]:
    """Read what became of the task runs of a flow run."""
    assert current_reporter().flush(60)
    which = TaskRunFilter(flow_run_ids=[UUID(run_id)])
    runs = backend.client.filter_task_runs(TaskRunQuery(filter=which)).items
    return [[state.name for state in run.states] for run in runs]


def test_tasks_with_a_limited_tag_take_turns(backend: Backend, style: Style) -> None:
    """No more of them run at once than the limit of each of their tags allows; the others wait under that name."""
    backend.limit("tag:db", 1)
    backend.limit("tag:wide", 5)
    crowd = Crowd()

    def others_wait() -> bool:
        return any("AwaitingConcurrencySlot" in told for told in histories(backend, str(runtime.flow_run.id)))

    @style.task(tags=["db", "wide", "plain"])
    def query() -> int:
        with crowd:
            wait_until(others_wait)
            return backend.active("tag:db")

    @flow
    def etl() -> tuple[str, list[int]]:
        futures = [query.submit() for _ in range(4)]
        return str(runtime.flow_run.id), [future.result() for future in futures]

    run_id, active = etl()
    assert (1, [1] * 4) == (crowd.most, active)
    assert (0, 0) == (backend.active("tag:db"), backend.active("tag:wide"))
    told = histories(backend, run_id)
    assert ["Pending", "Running", "Completed"] in told
    assert ["Pending", "AwaitingConcurrencySlot", "Running", "Completed"] in told
    assert 4 == len(told)


def test_tags_without_a_limit_cost_nothing(backend: Backend, style: Style) -> None:
    """Where no tag of a task has a limit nobody is asked for slots."""
    backend.limit("tag:other", 1)

    @style.task(tags=["db"])
    def query() -> str:
        return "rows"

    assert "rows" == style.run_task(query)
    assert {} == shared._clients


def test_a_limit_of_zero_lets_no_task_run(backend: Backend, style: Style) -> None:
    """A tag whose limit is 0 is switched off: its tasks are CANCELLED, at once."""
    backend.limit("tag:db", 0)

    @style.task(tags=["db"])
    def query() -> None:
        raise AssertionError("it runs")

    with pytest.raises(CancelledRunError, match=r"the limit of one of its tags \(db\) is 0"):
        style.run_task(query)


def test_a_retry_waits_without_its_slot(backend: Backend, style: Style) -> None:
    """Between two attempts a task holds nothing, and takes a slot again for the next one."""
    backend.limit("tag:db", 1)
    seen: list[int] = []

    def may_retry(*_: Any) -> bool:
        seen.append(backend.active("tag:db"))
        return True

    @style.task(tags=["db"], retries=1, retry_condition_fn=may_retry)
    def query() -> str:
        seen.append(backend.active("tag:db"))
        if len(seen) == 1:
            raise ConnectionError("try again")
        return "rows"

    assert "rows" == style.run_task(query)
    assert [1, 0, 1] == seen


def test_a_limit_made_while_a_run_goes_on_holds(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers to its reports tell a run of limits that were made since it began."""
    monkeypatch.setattr("alisio_server.orchestration.limited_tags._KEPT_SECONDS", 0.0)

    @task(tags=["late"])
    def query() -> int:
        return backend.active("tag:late")

    @flow
    def etl() -> int:
        assert current_reporter().flush(60)
        backend.limit("tag:late", 1)
        get_run_logger().info("there is a limit now")
        assert current_reporter().flush(60)
        return query()

    assert 1 == etl()


def test_what_stops_a_task_before_its_first_attempt_gives_its_slot_back(backend: Backend) -> None:
    """A hook that ends the run has it hold nothing, though its code has not begun."""
    backend.limit("tag:db", 1)
    seen: list[int] = []

    def leaves(*_: Any) -> None:
        seen.append(backend.active("tag:db"))
        raise SystemExit(3)

    @task(tags=["db"], on_running=[leaves])
    def query() -> None:
        raise AssertionError("it runs")

    @flow
    def etl() -> int:
        with pytest.raises(SystemExit):
            query()
        return backend.active("tag:db")

    assert 0 == etl()
    assert [1] == seen
