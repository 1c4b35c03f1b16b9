"""Caching judged by a model: a dict from what a policy looks at to the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alisio import flow
from alisio.cache_policies import FLOW_PARAMETERS, INPUTS, NO_CACHE, RUN_ID, TASK_SOURCE, CachePolicy
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.results.shelf import Shelf


class Call(NamedTuple):
    """A call of one of two tasks, which may refresh the cache."""

    which: int
    x: Any
    debug: bool
    refreshes: bool


class Run(NamedTuple):
    """A run of the flow, with its parameter and its calls."""

    parameter: str
    calls: list[Call]


_POLICIES: dict[str, tuple[CachePolicy, Callable[[int, str, Call], Any]]] = {
    "inputs": (INPUTS, lambda _run, _parameter, call: ("inputs", call.x, call.debug)),
    "x": (INPUTS - "debug", lambda _run, _parameter, call: ("x", call.x)),
    "source": (TASK_SOURCE, lambda _run, _parameter, call: ("source", call.which)),
    "parameters": (FLOW_PARAMETERS, lambda _run, parameter, _call: ("parameters", parameter)),
    "run": (RUN_ID, lambda run, _parameter, _call: ("run", run)),
    "none": (NO_CACHE, lambda _run, _parameter, _call: None),
}
_CALLS = st.builds(
    Call, st.integers(0, 1), st.sampled_from([1, 1.0, "1", (1,), {"a": [1]}]), st.booleans(), st.booleans()
)
_RUNS = st.builds(Run, st.sampled_from(["Lugo", "Vigo"]), st.lists(_CALLS, max_size=4))


def _tasks(style: Style, policy: CachePolicy, ran: list[int]) -> list[Any]:
    def one(x: Any, debug: bool) -> tuple[int, Any]:
        ran.append(1)
        return len(ran), x

    def other(x: Any, debug: bool) -> tuple[int, Any]:
        ran.append(2)
        return len(ran), x

    options: dict[str, Any] = {"cache_policy": policy, "result_storage": Shelf(), "persist_result": True}
    shared = style.task(**options)  # the two share a store
    return [shared(one), shared(other)]


class Judge:
    """The model: what lies in the cache, and how often tasks should have run."""

    def __init__(self, names: set[str]) -> None:
        self.runs = 0
        self._names = sorted(names)
        self._cache: dict[str, tuple[int, Any]] = {}

    def outcome(self, number: int, parameter: str, call: Call) -> tuple[int, Any]:
        """Tell what a call in the flow run of this number should give."""
        parts = [_POLICIES[name][1](number, parameter, call) for name in self._names]
        key = repr([part for part in parts if part is not None])
        if any(parts) and key in self._cache and not call.refreshes:
            return self._cache[key]
        self.runs += 1
        if any(parts):
            self._cache[key] = (self.runs, call.x)
        return self.runs, call.x


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(names=st.sets(st.sampled_from(sorted(_POLICIES)), min_size=1, max_size=3), runs=st.lists(_RUNS, max_size=3))
def test_results_are_those_of_the_model(server: MemoryServer, style: Style, names: set[str], runs: list[Run]) -> None:
    """Whatever policies are added and whatever is called, each call runs or takes what the model says."""
    policy = NO_CACHE
    for name in sorted(names):
        policy = policy + _POLICIES[name][0]
    ran: list[int] = []
    judge, tasks = Judge(names), _tasks(style, policy, ran)

    def body_of(run: Run) -> Callable[..., Any]:
        def call_all(parameter: str) -> list[Any]:
            return [_wanted(tasks, call)(call.x, call.debug) for call in run.calls]

        async def await_all(parameter: str) -> list[Any]:
            return [await _wanted(tasks, call)(call.x, call.debug) for call in run.calls]

        return await_all if style.is_async else call_all

    for number, run in enumerate(runs):
        expected = [judge.outcome(number, run.parameter, call) for call in run.calls]
        assert expected == style.run(flow(name="main")(body_of(run)), run.parameter)
    assert judge.runs == len(ran)


def _wanted(tasks: list[Any], call: Call) -> Any:
    return tasks[call.which].with_options(refresh_cache=call.refreshes)
