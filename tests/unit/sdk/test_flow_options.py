"""What `@flow` is given: tags, versions, options; and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from alisio import flow, tags, task
from tests.unit.sdk.conftest import MemoryServer


def test_tags(server: MemoryServer) -> None:
    """Tags of the block around it go on a flow run and on the tasks in it, besides the task's own."""

    @task(tags=["own"])
    def tagged() -> None: ...

    @flow
    def outer() -> None:
        tagged()
        with tags("inner"):
            tagged()

    with tags("outer"):
        outer()

    run = server.only_run()
    assert ["outer"] == run.facts["tags"]
    assert ["outer", "own"] == run.tasks["tagged-0"].tags
    assert ["inner", "outer", "own"] == run.tasks["tagged-1"].tags


def test_version(server: MemoryServer) -> None:
    """The version is what was given, else a hash of the flow's file: the same for all flows of the file."""

    @flow(version="v7")
    def given() -> None: ...

    @flow
    def hashed() -> None: ...

    @flow
    def hashed_as_well() -> None: ...

    assert "v7" == given.version
    assert 16 == len(hashed.version)
    assert hashed.version == hashed_as_well.version


def test_with_options() -> None:
    """`with_options` changes what is given, and leaves the flow it is called on as it was."""

    @flow(name="first", retries=3, retry_delay_seconds=[1, 2, 3], timeout_seconds=9, version="v1")
    def original(n: int) -> int:
        return n

    other = original.with_options(name="second", retries=1, timeout_seconds=0)

    assert ("first", 3, 9) == (original.name, original.retries, original.timeout_seconds)
    assert ("second", 1, None) == (other.name, other.retries, other.timeout_seconds)
    assert (1.0, 2.0, 3.0) == other.retry_delays
    assert "v1" == other.version


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "a/b"}, "'a/b' cannot be a flow's name"),
        ({"name": 3}, "its name must be a text"),
        ({"retries": -1}, "retries must be a number from 0 to 1000, not -1"),
        ({"retries": "3"}, "retries must be a number from 0 to 1000, not '3'"),
        ({"retries": 1, "retry_delay_seconds": -1}, "retry delays must be seconds, 0 or more, not -1"),
        ({"retries": 1, "retry_delay_seconds": ["a"]}, "retry delays must be seconds"),
        ({"retries": 1, "retry_delay_seconds": None}, "retry delays must be seconds, 0 or more, not None"),
        ({"retries": 1, "retry_delay_seconds": lambda _: None}, "retry delays must be seconds"),
        ({"timeout_seconds": -5}, "timeout_seconds must be more than 0, not -5"),
        ({"timeout_seconds": "5"}, "timeout_seconds must be more than 0, not '5'"),
        ({"flow_run_name": "{m}"}, "flow_run_name has 'm', which is no parameter; there are: n"),
        ({"flow_run_name": "{}"}, "flow_run_name has '', which is no parameter"),
        ({"flow_run_name": "{n"}, "flow_run_name '{n' is no template"),
        ({"flow_run_name": 3}, "flow_run_name must be a text or a function"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    """An option that cannot be used is refused where the flow is made, in one line."""

    def count(n: int) -> None: ...

    with pytest.raises(ValueError, match=message) as caught:
        flow(**options)(count)
    assert "\n" not in str(caught.value)


def test_reserved_parameter() -> None:
    """A function whose parameter has a name that calls use themselves is refused."""
    with pytest.raises(ValueError, match="'wait_for' cannot be the name of a parameter"):

        @flow
        def waits(wait_for: int) -> None: ...


def test_method(server: MemoryServer) -> None:
    """A flow or task can be a method."""

    class Counter:
        step = 5

        @task
        def add(self, n: int) -> int:
            return n + self.step

        @flow
        def count(self, n: int) -> int:
            return self.add(n)

    assert 6 == Counter().count(1)


@pytest.mark.parametrize("bad", ["text", [""], ["x" * 201], [5]])
def test_bad_tags(bad: Any) -> None:
    """What cannot be tags is refused where it is given."""
    with pytest.raises(ValueError, match="tag"):
        task(tags=bad)(lambda: None)
    with pytest.raises(ValueError, match="cannot be a tag"), tags(""):
        raise AssertionError("must not run")
