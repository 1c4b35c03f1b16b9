"""A project with tasks for the background, and what a worker does about their runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alisio import State, Task
from alisio.background import BackgroundFuture, load_task
from alisio.background_runs import run_task

if TYPE_CHECKING:
    from tests.unit.sdk.control.conftest import Person

NAME = "background_work"
FILE = f"{NAME}.py"
CODE = """
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from alisio import task
from alisio.cache_policies import INPUTS

calls = []


@dataclass
class Pair:
    first: object
    second: object = 0


class Odd(Exception):
    pass


class Held(Exception):
    def __init__(self, text):
        super().__init__(text)
        self.generator = (each for each in ())


@task
def add(a, b=0):
    calls.append("add")
    return a + b


@task
async def add_async(a, b=0):
    return a + b


@task
def total(pair, more=()):
    return pair.first + pair.second + sum(more)


@task
def odd():
    raise Odd("it is odd")


@task
def held():
    raise Held("it is held")


@task
def kind_of(value):
    return type(value).__name__


@task
def size(content):
    return len(content)


@task(retries=2)
def third():
    calls.append("third")
    if calls.count("third") < 3:
        raise Odd("not yet")
    return "third"


@task(timeout_seconds=0.05)
def slow():
    time.sleep(5)


@task(cache_policy=INPUTS, persist_result=True)
def cached(n):
    calls.append("cached")
    return n


@task(on_completion=[lambda task, run, state: calls.append(f"{task.name} {state.name}")])
def hooked():
    return 1


@task
def counting() -> Iterator[int]:
    yield from range(3)


@task
async def counting_async() -> AsyncIterator[int]:
    for number in range(3):
        yield number


@task(name="a/b")
def badly_named():
    pass


@task(retries=3, retry_delay_seconds=7, tags=["red"])
def patient():
    pass


itself = []
itself.append(itself)
"""


class Project:
    """A project with tasks, those who ask for them, and a worker."""

    def __init__(self, person: Person, folder: Path) -> None:
        self.person = person
        self.folder = folder
        (folder / FILE).write_text(CODE)

    @property
    def module(self) -> Any:
        """The tasks' own: a worker loads it anew for each run."""
        if NAME not in sys.modules:
            load_task(f"{FILE}:add", self.folder)
        return sys.modules[NAME]

    @property
    def add(self) -> Task[..., Any]:
        """A task."""
        return self.task("add")

    def task(self, name: str) -> Task[..., Any]:
        """Give a task as those who ask for it import it."""
        found: Task[..., Any] = getattr(self.module, name)
        return found

    def perform(self, future: BackgroundFuture[Any]) -> State[Any]:
        """Do what the process of a worker does about a run."""
        parameters = self.person.client.read_flow_run(future.flow_run_id).parameters
        state: State[Any] = run_task(**parameters, return_state=True)
        return state

    def performed(self, future: BackgroundFuture[Any]) -> BackgroundFuture[Any]:
        """Give the future of a run that was asked for and that was executed here."""
        self.perform(future)
        return BackgroundFuture(self.person.last_run().id)

    def outcome(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Ask for a task, run it, and give its result, as those who have asked read it."""
        return self.performed(self.task(name).delay(*args, **kwargs)).result(timeout=0)

    def calls(self) -> list[str]:
        """Tell what the tasks have noted in the last run."""
        noted: list[str] = self.module.calls
        return noted

    def stored(self) -> list[Path]:
        """Find what is kept of background tasks."""
        return sorted((self.folder / "home" / "storage").glob("background-*"))
