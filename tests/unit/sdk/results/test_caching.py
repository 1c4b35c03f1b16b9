"""Caching: which runs of a task take the result of another."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alisio import flow, task
from alisio.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    RUN_ID,
    TASK_SOURCE,
    CacheKeyFnPolicy,
    CachePolicy,
)
from alisio.locking.memory import MemoryLockManager
from alisio.results.records import unpack
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.results.counted import HIT, NEW, Counted
from tests.unit.sdk.results.folders import files_in
from tests.unit.sdk.results.shelf import Shelf


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        # Whether a second flow run with the same inputs, then with another x, with another debug, takes the result.
        pytest.param(INPUTS, [HIT, NEW, NEW], id="INPUTS"),
        pytest.param(INPUTS - "debug", [HIT, NEW, HIT], id="INPUTS - debug"),
        pytest.param(INPUTS - "debug" - "x", [HIT, HIT, HIT], id="INPUTS without any"),
        pytest.param(TASK_SOURCE, [HIT, HIT, HIT], id="TASK_SOURCE"),
        pytest.param(TASK_SOURCE - "x", [HIT, HIT, HIT], id="TASK_SOURCE - x"),
        pytest.param(TASK_SOURCE + INPUTS, [HIT, NEW, NEW], id="TASK_SOURCE + INPUTS"),
        pytest.param(TASK_SOURCE + INPUTS - "debug", [HIT, NEW, HIT], id="a sum - debug"),
        pytest.param(FLOW_PARAMETERS, [NEW, NEW, NEW], id="FLOW_PARAMETERS of a flow without any"),
        pytest.param(RUN_ID, [NEW, NEW, NEW], id="RUN_ID"),
        pytest.param(DEFAULT, [NEW, NEW, NEW], id="DEFAULT"),
        pytest.param(NO_CACHE, [NEW, NEW, NEW], id="NO_CACHE"),
        pytest.param(NONE + INPUTS, [HIT, NEW, NEW], id="NONE + INPUTS"),
        pytest.param(INPUTS + NONE, [HIT, NEW, NEW], id="INPUTS + NONE"),
        pytest.param(CacheKeyFnPolicy(cache_key_fn=lambda _c, a: str(a["x"])) + INPUTS, [HIT, NEW, NEW], id="a key"),
        pytest.param(CachePolicy.from_cache_key_fn(lambda _c, _a: "k"), [HIT, HIT, HIT], id="one key for all"),
        pytest.param(CachePolicy.from_cache_key_fn(lambda _c, _a: None), [NEW, NEW, NEW], id="no key"),
    ],
)
def test_policies_look_at_what_they_say(
    server: MemoryServer, style: Style, policy: CachePolicy, expected: list[str]
) -> None:
    """Each policy takes a result of an earlier flow run where what it looks at is the same, and only there."""
    counted = Counted(style, cache_policy=policy)
    assert (NEW, 1) == counted(1)
    assert expected == [counted(1)[0], counted(2)[0], counted(1, debug=True)[0]]
    assert 1 + expected.count(NEW) == counted.runs


def test_within_one_flow_run(server: MemoryServer, style: Style) -> None:
    """`DEFAULT` takes a result within one flow run: the second call with the same inputs is not run."""
    counted = Counted(style, cache_policy=DEFAULT)

    async def body_async() -> list[str]:
        return [(await counted.task(n, return_state=True)).name for n in (1, 1, 2)]

    def body() -> list[str]:
        return [counted.task(n, return_state=True).name for n in (1, 1, 2)]

    main = flow(name="main")(body_async if style.is_async else body)
    assert [[NEW, HIT, NEW]] * 2 == [style.run(main), style.run(main)]


def test_flow_parameters(server: MemoryServer) -> None:
    """`FLOW_PARAMETERS` takes the result of a flow run with the same parameters."""
    counted = Counted(Style(False), cache_policy=FLOW_PARAMETERS)

    @flow
    def main(town: str) -> str:
        return counted.task(return_state=True).name

    assert [NEW, HIT, NEW] == [main("Lugo"), main("Lugo"), main("Vigo")]


def test_tasks_share_keys_and_their_source_tells_them_apart(server: MemoryServer) -> None:
    """Two tasks with the same inputs share a result by `INPUTS`; with `TASK_SOURCE` they don't."""
    for policy, expected in ((INPUTS, ["one", "one"]), (INPUTS + TASK_SOURCE, ["one", "two"])):
        options: dict[str, Any] = {"cache_policy": policy, "result_storage": Shelf()}

        @task(**options)
        def one(x: int) -> str:
            return "one"

        @task(**options)
        def two(x: int) -> str:
            return "two"

        @flow
        def main(one: Any = one, two: Any = two) -> list[str]:
            return [one(1), two(1)]

        assert expected == main.with_options(validate_parameters=False)()


def test_an_expiration(server: MemoryServer, style: Style, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that is older than `cache_expiration` is not taken, and is replaced."""
    from alisio.results import records

    counted = Counted(style, cache_policy=INPUTS, cache_expiration=timedelta(minutes=5))
    assert [(NEW, 1), (HIT, 1)] == [counted(1), counted(1)]
    now = records.time.time()
    monkeypatch.setattr(records.time, "time", lambda: now + 301)
    assert [(NEW, 2), (HIT, 2)] == [counted(1), counted(1)]


def test_refreshing(server: MemoryServer, style: Style, monkeypatch: pytest.MonkeyPatch) -> None:
    """`refresh_cache` runs the task and replaces the result; so does the setting where a task says nothing."""
    counted = Counted(style, cache_policy=INPUTS)
    assert (NEW, 1) == counted(1)
    plain, counted.task = counted.task, counted.task.with_options(refresh_cache=True)
    assert (NEW, 2) == counted(1)
    counted.task = plain
    assert (HIT, 2) == counted(1)
    monkeypatch.setenv("ALISIO_TASKS_REFRESH_CACHE", "true")
    assert (NEW, 3) == counted(1)
    counted.task = plain.with_options(refresh_cache=False)
    assert (HIT, 3) == counted(1)


def test_persist_result_false_goes_before(server: MemoryServer, style: Style) -> None:
    """What is not stored is not cached."""
    shelf = Shelf()
    counted = Counted(style, cache_policy=INPUTS, persist_result=False, result_storage=shelf)
    assert [(NEW, 1), (NEW, 2)] == [counted(1), counted(1)]
    assert {} == shelf.content


def test_no_cache_holds_in_later_attempts_too(server: MemoryServer) -> None:
    """A task with `NO_CACHE` runs in each attempt of its flow, though its results are stored."""
    counted = Counted(Style(False), cache_policy=NO_CACHE, cache_key_fn=lambda _c, _a: "k", persist_result=True)

    @flow(retries=1)
    def main() -> int:
        if counted.task() == 1:
            raise ValueError("once")
        return counted.runs

    assert 2 == main()


def test_a_storage_key_goes_before_policies(server: MemoryServer, tmp_path: Path) -> None:
    """With `result_storage_key` neither key function nor policy is asked."""
    counted = Counted(Style(False), cache_policy=INPUTS, cache_key_fn=lambda _c, _a: 1 / 0, result_storage_key="k")
    counted.task = counted.task.with_options(result_storage=tmp_path)
    assert [(NEW, 1), (HIT, 1)] == [counted(1), counted(2)]
    assert [tmp_path / "k"] == files_in(tmp_path)


def test_keys_of_their_own_place(server: MemoryServer, tmp_path: Path, style: Style) -> None:
    """With `key_storage` the keys lie there, and the results elsewhere; a key whose result is lost is told."""
    policy = INPUTS.configure(key_storage=tmp_path / "keys")
    counted = Counted(style, cache_policy=policy, result_storage=tmp_path / "results")
    assert [(NEW, 1), (HIT, 1)] == [counted(1), counted(1)]
    [key], [result] = files_in(tmp_path / "keys"), files_in(tmp_path / "results")
    assert 1 == unpack(result.read_bytes()).value()
    assert result.as_uri() == server.all_runs()[1].tasks["add-0"].states[-1].result
    result.unlink()
    assert (NEW, 2) == counted(1)
    message = server.all_runs()[2].tasks["add-0"].states[-1].message
    assert message is not None and "No such file" in message
    key.unlink()
    assert [(NEW, 3), (HIT, 3)] == [counted(1), counted(1)]


def test_serializable_policies_compute_once(server: MemoryServer, style: Style) -> None:
    """Of many runs with one key at once one runs, and the others take its result; different keys don't wait."""
    options: dict[str, Any] = {"lock_manager": MemoryLockManager(), "isolation_level": "SERIALIZABLE"}
    counted = Counted(style, cache_policy=INPUTS.configure(**options))

    async def body_async() -> list[int]:
        return await asyncio.gather(*(counted.task(n % 2) for n in range(20)))

    def body() -> list[int]:
        return counted.task.map([n % 2 for n in range(20)]).result()

    results = style.run(flow(name="main")(body_async if style.is_async else body))
    assert (2, 2) == (counted.runs, len(set(results)))
