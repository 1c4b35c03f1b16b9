"""Background tasks on the embedded back end: what is stored when one is asked for, and what a worker's process does."""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Iterator
from os import utime
from pathlib import Path
from typing import Any

import pytest

from alisio import State, Task, allow_failure, background_runs, flow, tags, task_worker
from alisio.background import BackgroundFuture, load_task
from alisio.background_runs import run_task
from alisio.contract.limits import ConcurrencyLimitCreate
from alisio.deployments import serving
from alisio.deployments.failures import ProjectError
from alisio.exceptions import (
    AlisioError,
    ApiError,
    ApiUnreachableError,
    CancelledRunError,
    EntrypointError,
    FailedRunError,
    MissingResultError,
    ParameterError,
    TaskTimeoutError,
    UnfinishedRunError,
    VisualizationError,
)
from alisio.results.background import Arguments, read_arguments
from alisio.results.store import ResultStore
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


@pytest.fixture
def project(person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project; this process works in its folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    yield Project(person, tmp_path)
    sys.modules.pop(NAME, None)


def test_a_task_is_asked_for_at_once(project: Project) -> None:
    """Its run waits in a queue of its own, with the key of its arguments, the tags that hold, and its retries."""
    with tags("around"):
        future = project.task("patient").delay()

    run = project.person.client.read_flow_run(future.flow_run_id)

    name = f"background {FILE}:patient"
    assert ("patient", name, "served", f"patient {name}") == (
        run.flow_name, run.deployment_name, run.work_pool_name, run.work_queue_name
    )  # fmt: skip
    assert {"entrypoint": f"{FILE}:patient", "arguments": run.idempotency_key} == run.parameters
    assert ({"around", "red"}, 3) == (set(run.tags), run.retries)
    assert future.state.is_scheduled()
    with pytest.raises(TimeoutError, match="has not ended within 0 s"):
        future.result(timeout=0)


@pytest.mark.parametrize("name", ["add", "add_async"])
def test_its_arguments_go_when_it_has_ended_well(project: Project, name: str) -> None:
    """They are stored until then; the result is found by who has asked, and by a later attempt."""
    future = project.task(name).delay(1, b=2)
    assert 1 == len(project.stored())

    assert 3 == project.performed(future).result()

    assert [] == project.stored()


def test_a_failed_task_raises_what_it_has_raised(project: Project) -> None:
    """Its exception is kept with its arguments, so a person can have it run again."""
    future = project.task("odd").delay()
    failed = project.performed(future)

    with pytest.raises(Exception, match=r"^it is odd$") as raised:
        failed.result()

    assert "Odd" == type(raised.value).__name__
    assert "Odd: it is odd" == failed.state.message
    assert "Odd" == type(failed.result(raise_on_failure=False)).__name__
    assert 2 == len(project.stored())
    assert project.perform(future).is_failed()


def test_an_exception_that_cannot_be_stored_is_told_by_its_text(project: Project) -> None:
    """Who has asked gets an error of ours that says it."""
    with pytest.raises(FailedRunError, match="Held: it is held"):
        project.outcome("held")


def test_futures_are_waited_for_by_the_worker(project: Project) -> None:
    """In whatever they lie, their results take their places; who asks does not wait."""
    three = project.performed(project.add.delay(1, 2))
    pair = project.module.Pair(three, second=4)

    assert 10 == project.outcome("add", three, 7)
    assert 13 == project.outcome("total", pair, more=[three, 3])
    later = project.add.delay(project.add.delay(1, 1), 1)
    assert later.state.is_scheduled()


def test_a_server_that_is_in_trouble_does_not_fail_what_waits(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that waits for another task asks again later: what has not failed is not to be given up."""
    first = project.performed(project.add.delay(1, 1))
    troubles = [ApiError(503, "away", "a deploy"), ApiUnreachableError("no answer"), ApiError(429, "slow", "down")]
    look = BackgroundFuture.wait

    def wait(future: BackgroundFuture[Any], timeout: float | None = None) -> None:
        if troubles:
            raise troubles.pop()
        look(future, timeout)

    monkeypatch.setattr(BackgroundFuture, "wait", wait)
    monkeypatch.setattr(background_runs, "_AWAY_SECONDS", 0)

    assert 3 == project.outcome("add", first, 1)
    assert [] == troubles


def test_a_store_that_is_in_trouble_does_not_fail_what_has_not_begun(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arguments are asked for again, and not for ever: such a failure would cost all retries of the task."""
    troubles: list[Exception] = [OSError("S3 cannot be used")] * 2

    def read(key: str) -> Arguments:
        if troubles:
            raise troubles.pop()
        return read_arguments(key)

    monkeypatch.setattr(background_runs, "read_arguments", read)
    monkeypatch.setattr(background_runs, "_AWAY_SECONDS", 0)
    assert 3 == project.outcome("add", 1, 2)

    troubles.extend([OSError("S3 cannot be used")] * 100)
    with pytest.raises(OSError, match="S3 cannot be used"):
        project.outcome("add", 1, 2)
    assert 100 - background_runs._STORE_TRIES - 1 == len(troubles)


def test_a_task_whose_input_has_failed_is_not_run(project: Project) -> None:
    """Be that an argument or in `wait_for`; unless its failure is allowed: then the exception is the argument."""
    failed = project.performed(project.task("odd").delay())

    for given, wait_for in ((failed, []), (1, [failed])):
        asked = project.add.apply_async((given,), wait_for=wait_for)
        with pytest.raises(UnfinishedRunError, match="a task it depends on ended as Failed"):
            project.performed(asked).result()

    assert "add" not in project.calls()
    assert "Odd" == project.outcome("kind_of", allow_failure(failed))


@pytest.mark.parametrize("where", ["argument 'b'", "wait_for"])
def test_futures_of_this_process_are_refused(project: Project, where: str) -> None:
    """No other process can wait for them; nothing is asked for."""
    add = project.add

    @flow
    def asks() -> None:
        future = add.submit(1)
        if where == "wait_for":
            add.apply_async((1,), wait_for=[future])
        add.delay(1, [future])

    with pytest.raises(ParameterError, match=rf"{where} of task 'add' has a future of a task of this process.*result"):
        asks()
    assert [] == project.stored()


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("third", (), "third"),
        ("counting", (), [0, 1, 2]),
        ("counting_async", (), [0, 1, 2]),
        ("size", (bytes(10_000_000),), 10_000_000),
    ],
)
def test_tasks_of_every_kind_run(project: Project, name: str, args: tuple[Any, ...], result: Any) -> None:
    """Retried ones, generators, and those with arguments of ten megabytes."""
    assert result == project.outcome(name, *args)


def test_what_holds_itself_can_be_an_argument(project: Project) -> None:
    """Futures are looked for in it, and that comes to an end."""
    assert 1 == project.outcome("size", project.module.itself)


def test_a_time_limit_holds(project: Project) -> None:
    """The task is FAILED, and its exception says why."""
    with pytest.raises(TaskTimeoutError, match="'slow' took longer than"):
        project.outcome("slow")


def test_the_hooks_of_a_task_are_called(project: Project) -> None:
    """In the process that runs it."""
    assert 1 == project.outcome("hooked")
    assert ["hooked Completed"] == project.calls()


def test_a_cached_result_is_taken(project: Project) -> None:
    """Another run with the same inputs has it from the store."""
    assert 5 == project.outcome("cached", 5)
    assert ["cached"] == project.calls()
    assert 5 == project.outcome("cached", 5)
    assert [] == project.calls()


def test_a_limit_of_a_tag_holds(project: Project) -> None:
    """As for any task: one whose tag is switched off is CANCELLED."""
    project.person.client.create_global_concurrency_limit(ConcurrencyLimitCreate(name="tag:red", limit=0))

    with pytest.raises(CancelledRunError, match=r"the limit of one of its tags \(red\) is 0"):
        project.outcome("patient")


def test_a_worker_whose_code_lacks_the_task_says_so(project: Project) -> None:
    """The run is FAILED in one line, which those who wait for it are told."""
    future = project.task("add").delay(1)
    (project.folder / FILE).write_text(CODE.replace("def add(", "def plus("))

    with pytest.raises(EntrypointError, match=f"there is no task 'add' in {FILE}"):
        project.performed(future).result()


def test_a_file_that_asks_when_it_is_loaded_is_refused(project: Project) -> None:
    """Each run that a worker begins would make another one."""
    future = project.add.delay(1)
    (project.folder / FILE).write_text(f"{CODE}\nadd.delay(1)\n")

    with pytest.raises(
        EntrypointError, match="task 'add' would be asked for whenever its file is loaded; put the call"
    ):
        project.performed(future).result()
    assert 2 == len(project.stored())  # the arguments, and the exception


def test_a_flow_that_is_drawn_asks_for_nothing(project: Project) -> None:
    """Drawing it runs its code."""

    @flow
    def asks() -> None:
        project.add.delay(1)

    with pytest.raises(VisualizationError, match="task 'add' is asked for with delay"):
        asks.to_mermaid()
    assert [] == project.stored()


def test_arguments_that_are_gone_are_told_in_one_line(project: Project) -> None:
    """The worker has another store than who asks, or they were removed."""
    future = project.task("add").delay(1)
    project.stored()[0].unlink()

    with pytest.raises(MissingResultError, match=r"the arguments of the task, background-.*another store"):
        project.perform(future).result()


def test_old_arguments_are_removed_where_tasks_are_served(project: Project) -> None:
    """Those of runs that the server has removed too; others stay."""
    old, new = project.add.delay(1), project.add.delay(2)
    key = project.person.client.read_flow_run(old.flow_run_id).parameters["arguments"]
    long_ago = time.time() - 366 * 86_400
    utime(project.folder / "home" / "storage" / key, (long_ago, long_ago))

    task_worker._prepared((project.add,), None)

    assert 1 == len(project.stored())
    assert 2 == project.performed(new).result()


def test_old_arguments_that_are_needed_stay(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a task that still waits, a user's own results of like names, and all where no server says what waits."""
    gone, waiting = project.add.delay(1, 1), project.add.delay(2, 2)
    project.person.client.delete_flow_run(gone.flow_run_id)
    ResultStore().write("mine", "background-report")

    with monkeypatch.context() as away:
        away.setattr(type(project.person.client), "filter_flow_runs", _raises(ApiUnreachableError("no answer")))
        task_worker._forget_before(time.time() + 60)
        assert 3 == len(project.stored())
    task_worker._forget_before(time.time() + 60)

    key = project.person.client.read_flow_run(waiting.flow_run_id).parameters["arguments"]
    assert {"background-report", key} == {path.name for path in project.stored()}
    assert 4 == project.performed(waiting).result()


def test_a_refused_run_leaves_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server makes no run nobody needs its arguments."""
    project.add.delay(1)
    refusal = ApiError(403, "role_not_allowed", "the role viewer may not ask for runs")
    monkeypatch.setattr(type(project.person.client), "create_run", _raises(refusal))

    with pytest.raises(ApiError, match="the role viewer may not"):
        project.add.delay(2)
    assert 1 == len(project.stored())


@pytest.mark.parametrize("failure", [ApiError(504, "timeout", "too late"), ApiError(200, "unreadable_answer", "what?")])
def test_a_server_that_may_have_made_the_run_is_believed(
    project: Project, monkeypatch: pytest.MonkeyPatch, failure: ApiError
) -> None:
    """Its worker needs the arguments: without them it would fail, and nobody would have run the task."""
    monkeypatch.setattr(type(project.person.client), "create_run", _raises(failure))

    with pytest.raises(ApiError, match=failure.message.rstrip("?")):
        project.add.delay(2)
    assert 1 == len(project.stored())


def test_a_key_that_may_not_deploy_is_told_who_may(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one who asks for a task that was never served makes its deployment, which takes a role."""
    monkeypatch.setattr(serving, "register", _raises(ApiError(403, "role_not_allowed", "the role agent may not")))

    with pytest.raises(ProjectError, match="task 'add' was never served, and this API key may not make its deployment"):
        project.add.delay(1)
    assert [] == project.stored()


def test_a_name_that_no_flow_run_can_have_is_refused(project: Project) -> None:
    """As the run of a flow has the task's name."""
    with pytest.raises(ProjectError, match=r"task 'a/b' cannot run in the background.*none of / % & < >"):
        project.task("badly_named").delay()


def test_a_future_can_be_sent_to_another_process(project: Project) -> None:
    """It is the run's id; whoever has it asks the server."""
    future = project.add.delay(1)
    twin = pickle.loads(pickle.dumps(future))
    assert (future.flow_run_id, f"BackgroundFuture({future.flow_run_id})") == (twin.flow_run_id, repr(twin))
    assert twin.state.is_scheduled()


@pytest.mark.parametrize(
    ("tasks", "options", "error", "said"),
    [
        ((), {}, ValueError, "serve needs tasks"),
        ((print,), {}, TypeError, "put @task above the function"),
        ((None,), {"timeout": 0}, ValueError, "timeout must be more than 0 seconds, not 0"),
    ],
)
def test_what_cannot_be_served_is_refused(
    tasks: tuple[Any, ...], options: dict[str, Any], error: type[Exception], said: str
) -> None:
    """Before any server is asked."""
    with pytest.raises(error, match=said):
        task_worker.serve(*tasks, **options)


def test_a_limit_that_is_none_is_refused(project: Project) -> None:
    """As for flows that are served."""
    with pytest.raises((AlisioError, ValueError), match="limit must be a number from 1 on"):
        project.add.serve(limit=0)


def _raises(error: Exception) -> Any:
    def raises(*_args: object, **_kwargs: object) -> None:
        raise error

    return raises
