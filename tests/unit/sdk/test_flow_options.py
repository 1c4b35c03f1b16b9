"""What `@flow` is given: tags, versions, options; and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from alisio import flow, tags, task
from tests.unit.sdk.conftest import MemoryServer, Style


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
        ({"retries": True}, "retries must be a number from 0 to 1000, not True"),
        ({"retries": 1, "retry_delay_seconds": -1}, "retry_delay_seconds must be seconds, 0 or more, not -1"),
        ({"retries": 1, "retry_delay_seconds": ["a"]}, "retry_delay_seconds must be seconds"),
        ({"retries": 1, "retry_delay_seconds": lambda _: None}, "retry_delay_seconds must be seconds"),
        (
            {"retries": 1, "retry_delay_seconds": lambda _: {}["no"]},
            "retry_delay_seconds must give delays, but it raised KeyError: 'no'",
        ),
        ({"timeout_seconds": -5}, "timeout_seconds must be seconds, 0 or more, not -5"),
        ({"timeout_seconds": "5"}, "timeout_seconds must be seconds, 0 or more, not '5'"),
        ({"log_prints": "yes"}, "flow 'count': log_prints must be True or False, not 'yes'"),
        ({"validate_parameters": 1}, "validate_parameters must be True or False, not 1"),
        ({"description": 5}, "description must be a text, not 5"),
        ({"version": 5}, "version must be a text, not 5"),
        ({"task_runner": "threads"}, "task_runner must be a task runner, not 'threads'"),
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retry_jitter_factor": -1}, "task 'count': retry_jitter_factor must be a number from 0 to 1000, not -1"),
        ({"retry_condition_fn": "always"}, "retry_condition_fn must be a function, not 'always'"),
        ({"task_run_name": "{m}"}, "task_run_name has 'm', which is no parameter; there are: n"),
    ],
)
def test_bad_task_options(options: dict[str, Any], message: str) -> None:
    """The same holds for tasks."""

    def count(n: int) -> None: ...

    with pytest.raises(ValueError, match=message):
        task(**options)(count)


@pytest.mark.parametrize(("decorate", "option"), [(flow, "tags"), (task, "on_crashed"), (task, "retrys")])
def test_unknown_option(decorate: Any, option: str) -> None:
    """An option that there is not, or that belongs to the other decorator, is refused with its name."""
    with pytest.raises(TypeError, match=f"has no option '{option}'"):
        decorate(**{option: []})(lambda: None)


def test_options_that_are_none() -> None:
    """An option that is None is one that was not given, as in files that pass them on."""
    options = {"name": None, "retries": None, "retry_delay_seconds": None, "timeout_seconds": None, "on_failure": None}

    @flow(**options)
    def my_flow() -> None: ...

    assert ("my-flow", 0, (), None, {}) == (
        my_flow.name, my_flow.retries, my_flow.retry_delays, my_flow.timeout_seconds, my_flow.hooks
    )  # fmt: skip
    assert my_flow.with_options(timeout_seconds=0).timeout_seconds is None


def test_what_cannot_be_decorated() -> None:
    """What is no function is refused."""
    with pytest.raises(TypeError, match="@flow goes on a function, not on 5"):
        flow(5)  # type: ignore[call-overload]


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


def test_kinds_of_methods(server: MemoryServer, style: Style) -> None:
    """Methods, class methods and static methods can be flows and tasks, and are given what Python gives them."""

    class Counter:
        step = 5

        def __init__(self, start: int) -> None:
            self.start = start

        @style.task()
        def add(self, n: int, m: int = 0) -> int:
            return self.start + n + m

        of_class = flow(name="of-class")(classmethod(style.styled(lambda cls, n: cls.step * n)))
        of_none = flow(name="of-none")(staticmethod(style.styled(lambda n: n)))

    assert [13, 23] == [style.run_task(Counter(start).add, 1, m=2) for start in (10, 20)]
    assert [10, 10] == [style.run(each.of_class, 2) for each in (Counter, Counter(1))]
    assert [3, 3] == [style.run(each.of_none, 3) for each in (Counter, Counter(1))]


def test_decorators_above_and_below(server: MemoryServer) -> None:
    """It does not matter whether `@classmethod` stands above or below."""

    class Either:
        @flow
        @classmethod
        def below(cls) -> str:
            return cls.__name__

        @classmethod
        @flow
        def above(cls) -> str:
            return cls.__name__

        @flow
        @staticmethod
        def static_below(n: int) -> int:
            return n

        @staticmethod
        @flow
        def static_above(n: int) -> int:
            return n

    class Derived(Either): ...

    assert ["Derived", "Derived"] == [Derived.below(), Derived.above()]
    assert [1, 1] == [Either().static_below(1), Either().static_above(1)]
    assert "below" == Derived.below.with_options(retries=1).name


def test_methods_can_be_submitted_and_mapped(server: MemoryServer) -> None:
    """`submit`, `map` and `with_options` of a bound task keep its instance."""

    class Counter:
        step = 5

        @task
        def add(self, n: int) -> int:
            return n + self.step

        @flow
        def all_of_them(self) -> list[int]:
            named = self.add.with_options(name="named")
            return [self.add.submit(1).result(), *self.add.map([2, 3]).result(), named(4)]

    assert [6, 7, 8, 9] == Counter().all_of_them()
    assert {"add-0", "add-1", "add-2", "named-3"} == set(server.only_run().tasks)


def test_run_name_of_a_function_with_parameters(server: MemoryServer) -> None:
    """A function that makes names may ask for the parameters."""

    @flow(flow_run_name=lambda parameters: f"of-{parameters['n']}-{parameters['m']}")
    def named(n: int, m: int = 2) -> None: ...

    named(1)
    assert "of-1-2" == server.only_run().facts["name"]


@pytest.mark.parametrize("bad", ["text", [""], ["x" * 201], [5], 5])
def test_bad_tags(bad: Any) -> None:
    """What cannot be tags is refused where it is given."""
    with pytest.raises(ValueError, match="tag"):
        task(tags=bad)(lambda: None)
    with pytest.raises(ValueError, match="cannot be a tag"), tags(""):
        raise AssertionError("must not run")
