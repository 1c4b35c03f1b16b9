"""`with_context`: functions that belong to a run in the threads and processes that user code starts."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import AuthenticationError, get_context
from multiprocessing.connection import Client
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from alisio import flow, get_run_logger, tags, task
from alisio.context import FlowRunContext, TagsContext, TaskRunContext, with_context
from alisio.engine.remote.carried import _arrived, _Post
from alisio.exceptions import MissingContextError, TransferError
from tests.unit.sdk.conftest import MemoryServer


@task
def half(n: int) -> float:
    """Be a task that is called in another process."""
    return n / 2


def told(n: int) -> tuple[int, Any, Any, frozenset[str]]:
    """Log a line, and tell where it was logged."""
    get_run_logger().info("item %d", n)
    flow_context, task_context = FlowRunContext.get(), TaskRunContext.get()
    return (
        os.getpid(),
        flow_context and flow_context.flow_run.id,
        task_context and task_context.task_run_id,
        TagsContext.get().current_tags,
    )


def failing(n: int) -> float:
    """Log a line, call a task, and fail."""
    get_run_logger().warning("half is %s", half(n))
    raise ValueError("no more")


@task
def in_processes(method: str) -> list[Any]:
    """Call a function in two processes of one's own."""
    with tags("nightly"), ProcessPoolExecutor(2, get_context(method)) as pool:
        return list(pool.map(with_context(told), [1, 2]))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_a_task(server: MemoryServer, method: str) -> None:
    """In both kinds of processes the code is the task's: its lines are kept with it, before the task can end."""

    @flow
    def main() -> Any:
        context = FlowRunContext.get()
        assert context is not None
        return context.flow_run.id, in_processes(method)

    flow_run_id, found = main()
    run = server.only_run()
    task_run = run.tasks["in_processes-0"]
    assert {(flow_run_id, task_run.id, frozenset({"nightly"}))} == {each[1:] for each in found}
    assert os.getpid() not in {each[0] for each in found}
    assert {"item 1": task_run.id, "item 2": task_run.id} == {
        line.message: line.task_run_id for line in run.logs if line.message.startswith("item")
    }


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_a_flow(server: MemoryServer, method: str) -> None:
    """Code of a flow is carried as well; a task that is called there is one of the run's; errors come back."""

    @flow
    def main() -> None:
        with ProcessPoolExecutor(1, get_context(method)) as pool:
            assert pool.submit(with_context(told), 3).result()[2] is None
            with pytest.raises(ValueError, match="no more"):
                pool.submit(with_context(failing), 4).result()

    main()
    run = server.only_run()
    assert {"item 3": None, "half is 2.0": None} == {
        line.message: line.task_run_id for line in run.logs if line.message[:4] in ("item", "half")
    }
    assert ["Completed"] == [news.states[-1].name for news in run.task_runs.values()]


def test_threads(server: MemoryServer) -> None:
    """In threads the same function is called within the run, by several at once."""

    @flow
    def main() -> list[Any]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(with_context(told), range(5)))

    assert {os.getpid()} == {each[0] for each in main()}
    assert 5 == sum(message.startswith("item") for message in server.only_run().messages)


def test_outside_of_runs() -> None:
    """Where no flow runs it is the plain function, in threads and in processes."""
    assert 2 == with_context(len)("ab")
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert 3 == pool.submit(with_context(len), "abc").result()
        with pytest.raises(MissingContextError):
            pool.submit(with_context(told), 1).result()


def test_a_run_that_cannot_be_reached(server: MemoryServer) -> None:
    """Elsewhere the call fails in one line, and nothing is run."""

    @flow
    def main() -> Any:
        return with_context(told)

    carried = main()
    home = carried._home._replace(address="/nowhere/socket")
    with pytest.raises(TransferError, match="with_context carries a run to processes of the same machine"):
        _arrived(told, home)(1)


class Watched:
    """A run in whose place another thread is told of one of its own, while it is asked whether it has ended."""

    def __init__(self, post: _Post) -> None:
        self.id = uuid4()
        self.other: Any = SimpleNamespace(id=uuid4(), closed=False)
        self.thread = Thread(target=post.expect, args=(self.other,))

    @property
    def closed(self) -> bool:
        """Tell that it has not, once the other thread has had its time."""
        if self.thread.ident is None:
            self.thread.start()
            self.thread.join(0.2)
        return False


def test_several_runs_are_expected_at_once() -> None:
    """Tasks in threads carry functions at the same time: none of their runs is forgotten, and its news with it."""
    post = _Post()
    watched: Any = Watched(post)
    post.expect(watched)
    post.expect(last := cast(Any, SimpleNamespace(id=uuid4(), closed=False)))
    watched.thread.join()

    assert {str(each.id) for each in (watched, watched.other, last)} == set(post._runs)


def test_one_that_connects_and_says_nothing() -> None:
    """It holds up nobody else: a process may be stopped at any time. Without the password nothing is heard."""
    post = _Post()

    def connect() -> None:
        with Client(post.address, authkey=post.password) as connection:
            connection.send(str(uuid4()))
            with pytest.raises(EOFError):
                connection.recv()
        done.append(True)

    done: list[bool] = []
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(post.address)
        thread = Thread(target=connect, daemon=True)
        thread.start()
        thread.join(10)
    assert [True] == done
    with pytest.raises(AuthenticationError):
        Client(post.address, authkey=b"guessed")


def test_asynchronous_functions() -> None:
    """They are refused."""
    with pytest.raises(ValueError, match="with_context takes a function that is not asynchronous"):
        with_context(asyncio.sleep)


SCRIPT = """
import multiprocessing, sys
from alisio import flow, get_run_logger
from alisio.context import with_context

def told(n):
    get_run_logger().info("item %d", n)

@flow
def main():
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        pool.map(with_context(told), [1, 2])

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_console(tmp_path: Path, method: str) -> None:
    """Each line is shown once: by a fork itself, and else by the process of the run."""
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "ALISIO_HOME": str(tmp_path)}
    command = [sys.executable, "script.py", method]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert (1, 1) == (done.stderr.count("item 1"), done.stderr.count("item 2")), done.stderr
