"""What people notice: classic mistakes are told, waits show a bar, lines have colours on a terminal."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from alisio import colours, flow, progress, task
from alisio.contract.states import StateType
from alisio.futures import (
    FutureList,
    PrefectFuture,
    PrefectFutureList,
    as_completed,
    resolve_futures_to_results,
    resolve_futures_to_states,
    wait,
)
from alisio.logging import ConsoleFormatter
from alisio.logging.records import Note, note_of
from tests.unit.sdk.conftest import MemoryServer


@task
def good(n: int = 0) -> int:
    """Give the argument back."""
    return n


@task
def bad() -> None:
    """Fail."""
    raise ValueError("no")


def warnings_of(server: MemoryServer) -> list[str]:
    """Give the warnings in the log of the only run."""
    return [line.message for line in server.only_run().logs if line.level == logging.WARNING]


@pytest.mark.parametrize(
    ("use", "warned"),
    [
        (lambda future: None, True),
        (lambda future: future.wait(), True),
        (lambda future: wait([future]) and None, True),
        (lambda future: future.result(raise_on_failure=False), False),
        (lambda future: future.state.is_failed() if not future.wait() else None, False),
        (lambda future: [future, good.submit()], False),
        (lambda future: good(1, wait_for=[future], return_state=True) and None, False),
    ],
)
def test_failure_that_nobody_saw(server: MemoryServer, use: Any, warned: bool) -> None:
    """A flow that goes well though a task of it failed, and nobody asked for its result, says so in its log."""

    @flow
    def main() -> Any:
        return use(bad.submit())

    main(return_state=True)

    expected = "1 of its submitted tasks failed, and nobody asked for the result: bad-0; "
    assert warned == any(line.startswith(expected) for line in warnings_of(server))


def test_async_task_that_nobody_awaits(server: MemoryServer) -> None:
    """Python's warning of a coroutine that was never awaited names the task."""

    @task
    async def fetch() -> None: ...

    @flow
    def main() -> None:
        fetch()
        gc.collect()

    with pytest.warns(RuntimeWarning, match="coroutine 'task fetch' was never awaited"):
        main()


def test_coroutine_as_an_argument(server: MemoryServer) -> None:
    """A task that is given the coroutine of another one, which nobody awaited, is told of in the log."""

    @task
    async def fetch() -> int:
        return 1

    @flow
    async def main() -> None:
        coroutine = fetch()
        good(coroutine)
        await coroutine

    asyncio.run(main())
    [line] = warnings_of(server)
    assert line == ("an argument is the coroutine of task fetch: await it, or submit() it, and pass on what that gives")


@pytest.mark.parametrize("use", [lambda things: wait(things), lambda things: list(as_completed(things))])
def test_results_where_futures_belong(server: MemoryServer, use: Any) -> None:
    """Waiting for what a task returned, as it was called and not submitted, is refused in one line that says so."""

    @flow
    def main() -> None:
        use([good.submit(), good(5)])

    with pytest.raises(TypeError, match=r"takes futures, as task.submit\(…\) gives them, not int: 5"):
        main()


def test_names_that_users_of_prefect_import(server: MemoryServer) -> None:
    """`PrefectFuture` and `PrefectFutureList` are the classes of futures here."""

    @flow
    def main() -> Any:
        futures = good.map([1, 2])
        return isinstance(futures, PrefectFutureList), isinstance(futures[0], PrefectFuture)

    assert (True, True) == main()
    assert PrefectFutureList is FutureList


def test_resolving_futures(server: MemoryServer) -> None:
    """Futures anywhere in a value are waited for, and replaced by their results or their states."""

    @flow
    def main() -> Any:
        futures = good.map([1, 2])
        results = resolve_futures_to_results({"all": futures, "other": (futures[0], "x")})
        return results, [state.is_completed() for state in resolve_futures_to_states(list(futures))]

    assert ({"all": [1, 2], "other": (1, "x")}, [True, True]) == main()
    assert 5 == resolve_futures_to_results(5)


def test_the_first_failure_ends_the_wait(server: MemoryServer) -> None:
    """The results of a list raise when the first of its tasks fails, whatever the others still do."""
    go_on = threading.Event()

    @task
    def each(n: int) -> int:
        if n == 1:
            raise ValueError("no")
        go_on.wait(60)
        return n

    @flow
    def main() -> None:
        try:
            each.map([0, 1]).result()
        finally:
            go_on.set()

    with pytest.raises(ValueError, match="no"):
        main()


def test_waiting_asynchronously(server: MemoryServer) -> None:
    """Futures can be awaited with a limit, and give results and exceptions as they do otherwise."""
    go_on = threading.Event()

    @task
    def waits() -> int:
        go_on.wait(60)
        return 7

    @flow
    async def main() -> Any:
        future = waits.submit()
        await future.wait_async(0.01)
        ended = future.done()
        with pytest.raises(TimeoutError):
            await future.result_async(0.01)
        go_on.set()
        return ended, await future.result_async(), await bad.submit().result_async(raise_on_failure=False)

    ended, result, error = asyncio.run(main())
    assert (False, 7, "no") == (ended, result, str(error))


class Terminal(io.StringIO):
    """A text file that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_progress_bar(server: MemoryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, a wait for many tasks shows how many have ended; it is gone afterwards."""
    terminal, begun = Terminal(), threading.Event()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0.0)

    @task
    def each(n: int) -> int:
        begun.wait(60)
        return n

    @flow
    def main() -> list[int]:
        futures = each.map([1, 2, 3])
        watcher = threading.Thread(target=lambda: (wait_for_bar(terminal), begun.set()))
        watcher.start()
        results = futures.result()
        watcher.join()
        return results

    assert [1, 2, 3] == main()
    assert "each" in terminal.getvalue()
    assert "0/3" in terminal.getvalue()


def wait_for_bar(terminal: Terminal) -> None:
    """Wait until a bar has been drawn."""
    from tests.waiting import wait_until

    wait_until(lambda: "0/3" in terminal.getvalue())


@pytest.mark.parametrize(("is_terminal", "term"), [(False, "xterm"), (True, "dumb")])
def test_no_progress_bar(server: MemoryServer, monkeypatch: pytest.MonkeyPatch, is_terminal: bool, term: str) -> None:
    """Where stderr is a file, or a terminal that can do nothing, no bar is shown."""
    shown = []
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stderr", Terminal() if is_terminal else io.StringIO())
    monkeypatch.setattr(progress, "_show", lambda *_: shown.append(1))

    @flow
    def main() -> list[int]:
        return good.map([1, 2]).result()

    main()
    assert [] == shown


@pytest.mark.parametrize(
    ("term", "no_color", "painted"), [("xterm", "", True), ("xterm", "1", False), ("dumb", "", False)]
)
def test_colours(
    server: MemoryServer, monkeypatch: pytest.MonkeyPatch, term: str, no_color: str, painted: bool
) -> None:
    """On a terminal that wants colours, the line that tells of a state has the state's, and levels have theirs."""
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("sys.stderr", Terminal())
    record = logging.LogRecord("alisio", logging.ERROR, "", 0, "ended: Failed", (), None)
    record.alisio_note = Note(state=StateType.FAILED)

    line = ConsoleFormatter().format(record)

    assert painted == ("\x1b[31mended: Failed\x1b[0m" in line)
    assert painted == ("\x1b[31mERROR" in line)
    assert colours.of_state("x", StateType.COMPLETED) != colours.of_state("x", StateType.CRASHED)


def test_lines_about_states_say_which(server: MemoryServer) -> None:
    """The line that tells how a run ended carries its state, by which it is painted."""
    told = []

    class Taker(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(note_of(record).state)

    logger, taker = logging.getLogger("alisio.flow_runs"), Taker()
    logger.addHandler(taker)

    @flow
    def main() -> None: ...

    main()
    logger.removeHandler(taker)
    assert told[-1] is StateType.COMPLETED


def test_traceback_of_a_script(tmp_path: Path) -> None:
    """The traceback with which a script ends has its own frames, and none of the engine's."""
    script = tmp_path / "script.py"
    script.write_text(
        "import json\nfrom alisio import flow, task\n\n"
        "@task\ndef parse(text):\n    return json.loads(text)\n\n"
        "@flow\ndef main():\n    return parse('{')\n\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], env=os.environ | {"ALISIO_HOME": str(tmp_path)}, capture_output=True, text=True
    )

    assert 1 == done.returncode
    trace = done.stderr[done.stderr.index("Traceback") :]
    places = re.findall(r'File "(.*?)", line \d+, in (.*)', trace)
    assert [("script.py", "<module>"), ("script.py", "main"), ("script.py", "parse")] == [
        (Path(file).name, function) for file, function in places[:3]
    ]
    assert [] == [file for file, _ in places if "alisio" in Path(file).parts]
