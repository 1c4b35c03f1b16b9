"""Caching where something goes wrong: the run goes on, and says what it was."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alisio import task
from alisio.cache_policies import DEFAULT, INPUTS, TASK_SOURCE, CachePolicy
from alisio.locking.memory import MemoryLockManager
from alisio.tasks import task_input_hash
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.results.counted import HIT, NEW, Counted
from tests.unit.sdk.results.folders import files_in
from tests.unit.sdk.results.shelf import Shelf


def _raise(_context: Any, _arguments: dict[str, Any]) -> str:
    raise RuntimeError("no key today")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (_raise, "RuntimeError: no key today"),
        (lambda _c, _a: 5, "ResultError: a cache key must be a text that is not empty, or None, not 5"),
        (lambda _c, _a: "", "ResultError: a cache key must be a text that is not empty, or None, not ''"),
        (task_input_hash, "TypeError: cannot pickle"),
    ],
)
def test_a_key_that_fails(server: MemoryServer, style: Style, key: Callable[..., Any], reason: str) -> None:
    """The task runs, its result is stored, and its state says why it is not cached."""
    counted = Counted(style, cache_key_fn=key)
    lock = threading.Lock()
    assert [(NEW, 1), (NEW, 2)] == [counted(lock), counted(lock)]
    for run in server.all_runs():
        state = run.tasks["add-0"].states[-1]
        assert state.message is not None
        assert state.message.startswith(f"not cached, as its cache key could not be made: {reason}")
        assert state.result is not None


@pytest.mark.parametrize("key", ["../out", "/etc/passwd", "x" * 3_000])
def test_a_key_that_cannot_be_a_name(server: MemoryServer, tmp_path: Path, key: str) -> None:
    """A key that names no file in the folder costs the stored result, and nothing else."""
    counted = Counted(Style(False), cache_key_fn=lambda _c, _a: key, result_storage=tmp_path / "inner")
    assert [(NEW, 1), (NEW, 2)] == [counted(1), counted(1)]
    message = server.all_runs()[0].tasks["add-0"].states[-1].message
    assert message is not None and "its result is not stored: " in message
    assert [] == files_in(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda content: content[:-2], "damaged"),
        (lambda content: b"", "this is no stored result"),
        (lambda content: content.replace(b'"pickle"', b'"gone:X"'), "the serializer 'gone:X' cannot be made here"),
    ],
)
def test_a_result_that_cannot_be_read(
    server: MemoryServer, style: Style, spoil: Callable[[bytes], bytes], reason: str
) -> None:
    """What is half written, or cannot be read here, is not used: the task runs again, and its state says why."""
    shelf = Shelf()
    counted = Counted(style, cache_key_fn=lambda _c, _a: "k", result_storage=shelf)
    assert (NEW, 1) == counted()
    shelf.content["k"] = spoil(shelf.content["k"])
    assert [(NEW, 2), (HIT, 2)] == [counted(), counted()]
    message = server.all_runs()[1].tasks["add-0"].states[-1].message
    assert message is not None
    assert message.startswith("its stored result could not be used, so it ran again: ResultError: ")
    assert reason in message


def test_a_lock_that_fails_is_told(server: MemoryServer, style: Style) -> None:
    """A lock manager that is away costs the lock, not the run."""

    class Away(MemoryLockManager):
        def acquire_lock(self, *args: Any, **kwargs: Any) -> bool:
            raise ConnectionError("no locks today")

        async def aacquire_lock(self, *args: Any, **kwargs: Any) -> bool:
            raise ConnectionError("no locks today")

    policy = INPUTS.configure(lock_manager=Away(), isolation_level="SERIALIZABLE")
    assert (NEW, 1) == Counted(style, cache_policy=policy)(1)
    message = server.only_run().tasks["add-0"].states[-1].message
    assert "its cache key could not be locked: ConnectionError: no locks today" == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cache_policy": "INPUTS"}, "cache_policy must be a policy of alisio.cache_policies"),
        ({"cache_policy": CachePolicy}, "cache_policy must be a policy of alisio.cache_policies"),
        (
            {"cache_policy": INPUTS.configure(isolation_level="SERIALIZABLE")},
            "cache_policy must be configured with a lock_manager too",
        ),
        ({"cache_policy": INPUTS.configure(lock_manager=5)}, "a lock_manager that has acquire_lock"),  # type: ignore[arg-type]
        ({"cache_key_fn": "key"}, "cache_key_fn must be a function of a context and a dict of arguments, not 'key'"),
        ({"cache_expiration": 5}, "cache_expiration must be a timedelta of more than 0, not 5"),
        ({"cache_expiration": timedelta(0)}, "cache_expiration must be a timedelta of more than 0"),
        ({"refresh_cache": "yes"}, "refresh_cache must be True or False, not 'yes'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    """What cannot be used fails where the task is made, with the option and its rule."""
    with pytest.raises(ValueError, match="task 'main'") as caught:
        task(name="main", **options)(lambda: None)
    assert message in str(caught.value)


def test_wrong_policies_are_named() -> None:
    """Policies that don't go together, and things that are none, are refused where they are put together."""
    with pytest.raises(ValueError, match="cache policies of different key_storage cannot be added"):
        INPUTS.configure(key_storage="a") + TASK_SOURCE.configure(key_storage="b")
    with pytest.raises(ValueError, match="isolation_level must be one of READ_COMMITTED, SERIALIZABLE, not 'NONE'"):
        INPUTS.configure(isolation_level="NONE")
    with pytest.raises(ValueError, match="key_storage must be a folder"):
        INPUTS.configure(key_storage=5)  # type: ignore[arg-type]
    for wrong in (lambda: INPUTS + "x", lambda: INPUTS - 5, lambda: DEFAULT - 5):  # type: ignore[operator]
        with pytest.raises(TypeError, match="unsupported operand"):
            wrong()
    kept = INPUTS.configure(key_storage="/keys") + TASK_SOURCE
    assert "/keys" == (kept - "x").key_storage
