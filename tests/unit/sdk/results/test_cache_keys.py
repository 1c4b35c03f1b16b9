"""Cache keys: what a key function is told, policies of one's own, and what counts of inputs and source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, model_serializer

from alisio import flow, task
from alisio.cache_policies import INPUTS, TASK_SOURCE, CachePolicy
from alisio.context import TaskRunContext
from alisio.tasks import task_input_hash
from tests.unit.sdk.conftest import MemoryServer, Style
from tests.unit.sdk.results.counted import HIT, NEW, Counted
from tests.unit.sdk.results.shelf import Shelf


def test_the_source_of_a_function_without_a_file(server: MemoryServer) -> None:
    """A function that was made of text has its compiled code looked at."""
    made: list[Any] = []
    for constant in (1, 2):
        names: dict[str, Any] = {}
        exec(f"def made(x):\n    return {constant}", names)
        made.append(names["made"])
    options: dict[str, Any] = {"cache_policy": TASK_SOURCE, "result_storage": Shelf()}
    tasks = [task(**options)(made[n]) for n in (0, 1, 0)]

    @flow
    def main() -> list[str]:
        return [each(1, return_state=True).name for each in tasks]

    assert [NEW, NEW, HIT] == main()


def test_methods_of_two_objects_do_not_share(server: MemoryServer) -> None:
    """The object that a method is bound to is an input."""

    class Town:
        def __init__(self, name: str) -> None:
            self.name = name

        @task(cache_policy=INPUTS, result_storage=Shelf())
        def greet(self) -> str:
            return f"hello {self.name}"

    @flow
    def main() -> list[str]:
        return [Town(name).greet() for name in ("Lugo", "Vigo", "Lugo")]

    assert ["hello Lugo", "hello Vigo", "hello Lugo"] == main()


def test_a_key_function_knows_the_run(server: MemoryServer, style: Style) -> None:
    """It is given the context of the task run, and all arguments by name; its text is what the result is stored as."""
    seen: list[Any] = []

    def key(context: Any, arguments: dict[str, Any]) -> str:
        assert isinstance(context, TaskRunContext)
        seen.append((context.task.name, context.task_run.name, context.parameters, arguments, context.flow_run_id))
        assert context.task_run_id == context.task_run.id
        return "by-hand"

    shelf = Shelf()
    counted = Counted(style, cache_key_fn=key, result_storage=shelf)
    assert [(NEW, 1), (HIT, 1)] == [counted(1), counted(2)]
    arguments = {"x": 1, "debug": False}
    assert ("add", "add-0", arguments, arguments, server.all_runs()[0].id) == seen[0]
    assert ["by-hand"] == list(shelf.content)


def test_the_older_style(server: MemoryServer) -> None:
    """`task_input_hash` takes the result of the same task with the same inputs, whatever the flow run."""
    counted = Counted(Style(False), cache_key_fn=task_input_hash, cache_expiration=timedelta(hours=1))
    assert [(NEW, 1), (HIT, 1), (NEW, 2)] == [counted(1), counted(1), counted(2)]


class Larger(CachePolicy):
    """A policy of a user's own, with state of its own."""

    def __init__(self, than: int) -> None:
        self.than = than

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        return "large" if inputs["x"] > self.than else None


@dataclass
class Constant(CachePolicy):
    """Another, as a dataclass."""

    key: str = "k"

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        return self.key


def test_a_policy_of_ones_own(server: MemoryServer, style: Style) -> None:
    """A subclass makes keys, is added to others, and is configured, as ours are."""
    counted = Counted(style, cache_policy=Larger(10))
    assert [NEW, NEW, NEW, HIT] == [counted(x)[0] for x in (1, 1, 11, 12)]
    together = Counted(style, cache_policy=Constant("c") + INPUTS)
    assert [NEW, HIT, NEW] == [together(x)[0] for x in (1, 1, 2)]
    assert Constant("c") == Constant("c").configure()


class Unpicklable:
    """What refuses to be pickled."""

    def __getstate__(self) -> Any:
        raise TypeError("not me")


class Job(BaseModel):
    """Says itself what counts of it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    name: str
    connection: Any

    @model_serializer
    def named(self) -> dict[str, str]:
        """Leave the connection out."""
        return {"name": self.name}


def test_a_model_says_what_counts(server: MemoryServer, style: Style) -> None:
    """Of a model that serialises itself only that is looked at."""
    counted = Counted(style, cache_policy=INPUTS)
    jobs = [Job(name=name, connection=Unpicklable()) for name in ("a", "a", "b")]
    assert [NEW, HIT, NEW] == [counted(job)[0] for job in jobs]
