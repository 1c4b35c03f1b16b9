"""Subflows: runs of their own, told with their root."""

from __future__ import annotations

from typing import Any

import pytest

from alisio import task
from tests.unit.sdk.conftest import MemoryServer, Style


@pytest.mark.parametrize(("outer_is_async", "inner_is_async"), [(False, False), (True, False), (True, True)])
def test_subflow(server: MemoryServer, outer_is_async: bool, inner_is_async: bool) -> None:
    """A flow called in a flow is a run of its own, told with its root: sync in both, async in async."""
    style, inner_style = Style(outer_is_async), Style(inner_is_async)

    @task
    def twice(n: int) -> int:
        return 2 * n

    @inner_style.flow()
    def inner(n: int) -> int:
        return twice(n)

    @style.flow()
    def outer() -> Any:
        return inner(4)

    assert 8 == style.run(outer)
    run = server.only_run()
    (subflow,) = run.subflows.values()
    assert ("inner", {"n": 4}, None) == (subflow.flow_name, subflow.parameters, subflow.parent_flow_run_id)
    assert ["Running", "Completed"] == [state.name for state in subflow.states]
    assert subflow.id == run.tasks["twice-0"].flow_run_id


def test_subflow_of_a_subflow(server: MemoryServer, style: Style) -> None:
    """A subflow's subflow names its parent."""

    @style.flow()
    def innermost() -> None: ...

    @style.flow()
    def inner() -> Any:
        return innermost()

    @style.flow()
    def outer() -> Any:
        return inner()

    style.run(outer)

    subflows = {news.flow_name: news for news in server.only_run().subflows.values()}
    assert subflows["inner"].id == subflows["innermost"].parent_flow_run_id


def test_subflow_retries_in_its_process(server: MemoryServer, style: Style) -> None:
    """A subflow's waiting for a retry is in its history."""
    calls = []

    @style.flow(retries=1, retry_delay_seconds=0.01)
    def inner() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("once")

    @style.flow()
    def outer() -> Any:
        return inner()

    style.run(outer)

    (subflow,) = server.only_run().subflows.values()
    assert ["Running", "AwaitingRetry", "Retrying", "Completed"] == [state.name for state in subflow.states]
