"""Background tasks on the embedded back end: what the process of a worker does about one, and what who asked hears."""

from __future__ import annotations

from typing import Any

import pytest

from alisio import allow_failure, background_runs
from alisio.background import BackgroundFuture
from alisio.contract.limits import ConcurrencyLimitCreate
from alisio.exceptions import (
    ApiError,
    ApiUnreachableError,
    CancelledRunError,
    EntrypointError,
    FailedRunError,
    MissingResultError,
    TaskTimeoutError,
    UnfinishedRunError,
)
from alisio.results.background import Arguments, read_arguments
from tests.unit.sdk.control.background_project import CODE, FILE, Project


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
    assert later.state.is_paused()


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


def test_arguments_that_are_gone_are_told_in_one_line(project: Project) -> None:
    """The worker has another store than who asks, or they were removed."""
    future = project.task("add").delay(1)
    project.stored()[0].unlink()

    with pytest.raises(MissingResultError, match=r"the arguments of the task, background-.*another store"):
        project.perform(future).result()
