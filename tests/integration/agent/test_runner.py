"""The process runner: fork server and single starts, with real processes."""

from __future__ import annotations

import json
import os
import queue
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from alisio_agent.runners.leftovers import remove_leftovers
from alisio_agent.runners.process import ProcessRunner
from alisio_agent.runners.starters import StartError
from alisio_agent.runners.warm import WarmStarter, wait_for_process
from alisio_agent.supervisor.outcomes import Outcome
from alisio_agent.supervisor.places import run_name
from tests.integration.agent.conftest import MakeJob
from tests.integration.agent.processes import environment
from tests.integration.agent.report_server import ReportServer
from tests.waiting import wait_until

Exits = queue.Queue[tuple[str, int | None]]
MakeRunner = Callable[..., ProcessRunner]


@pytest.fixture
def exits() -> Exits:
    """The ends that a runner has told of."""
    return queue.Queue()


@pytest.fixture
def make_runner(
    server: ReportServer, home: Path, exits: Exits, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeRunner]:
    """Makes runners. Supervisors that still live when the test ends are killed."""
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    runners: list[ProcessRunner] = []

    def make(*, warm: bool = True) -> ProcessRunner:
        runner = ProcessRunner(home, lambda name, status: exits.put((name, status)), warm=warm)
        runner.open()
        runners.append(runner)
        return runner

    yield make
    for runner in runners:
        runner.close()
    for report in server.reports:
        if report["sequence"] == 1:
            with suppress(ProcessLookupError):
                os.kill(int(report["facts"]["infrastructure"].split(":")[2]), signal.SIGKILL)


def fork_server_of(runner: ProcessRunner) -> int:
    """The process id of a runner's fork server."""
    starter = runner._starter
    assert isinstance(starter, WarmStarter)
    assert starter.pid is not None
    return starter.pid


def supervisor_of(server: ReportServer) -> int:
    """The process id of the supervisor that reports."""
    wait_until(lambda: server.reports)
    return int(server.reports[0]["facts"]["infrastructure"].split(":")[2])


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_starts(
    server: ReportServer, make_job: MakeJob, make_runner: MakeRunner, exits: Exits, home: Path, warm: bool
) -> None:
    """A job is executed, and its end is told with its outcome; nothing is left on disk."""
    job = make_job("complete")
    make_runner(warm=warm).start(run_name(job["flow_run_id"], 1), job)
    assert (run_name(job["flow_run_id"], 1), Outcome.COMPLETED) == exits.get(timeout=60)
    assert ["RUNNING", "COMPLETED"] == server.states()
    assert [] == [*(home / "runs").iterdir()]


def test_starts_once(server: ReportServer, make_job: MakeJob, make_runner: MakeRunner, exits: Exits) -> None:
    """A job that is delivered twice is started once, even when it has ended by then."""
    runner = make_runner()
    job = make_job("complete")
    runner.start("run-1", job)
    runner.start("run-1", job)
    exits.get(timeout=60)
    runner.start("run-1", job)
    runner.start("run-2", make_job("exit_three"))
    assert ("run-2", Outcome.CRASHED) == exits.get(timeout=60)
    assert ["RUNNING", "COMPLETED", "RUNNING", "CRASHED"] == server.states()


def test_supervisor_is_detached(server: ReportServer, make_job: MakeJob, make_runner: MakeRunner) -> None:
    """A supervisor has a session of its own and no terminal, and its child leads a group of its own."""
    make_runner().start("run-1", make_job("sleep"))
    wait_until(lambda: len(server.reports) > 1)
    pid = supervisor_of(server)
    assert pid == os.getsid(pid)
    assert psutil.Process(pid).terminal() is None
    children = {child.pid for child in psutil.Process(pid).children()}
    (group,) = {os.getpgid(child) for child in children}
    assert group in children


def test_folder_is_held(server: ReportServer, make_job: MakeJob, make_runner: MakeRunner, home: Path) -> None:
    """However old the folder of a live run is, no other agent on the host takes it for a leftover."""
    job = make_job("sleep")
    name = run_name(job["flow_run_id"], 1)
    make_runner().start(name, job)
    wait_until(lambda: len(server.reports) > 1)
    os.utime(home / "runs" / name, (0, 0))
    remove_leftovers(home)
    assert (home / "runs" / name).is_dir()


def test_outlives_the_agent(server: ReportServer, make_job: MakeJob, make_runner: MakeRunner, tmp_path: Path) -> None:
    """When the agent lets go, the fork server ends, and the run goes on to its end."""
    runner, gate = make_runner(), tmp_path / "gate"
    runner.start("run-1", make_job("wait", parameters={"gate": str(gate)}))
    supervisor = supervisor_of(server)
    fork_server = fork_server_of(runner)
    runner.close()
    wait_for_process(fork_server)
    assert psutil.pid_exists(supervisor)
    gate.touch()
    wait_until(lambda: server.state["type"] == "COMPLETED")


def test_fork_server_dies(
    server: ReportServer, make_job: MakeJob, make_runner: MakeRunner, exits: Exits, tmp_path: Path
) -> None:
    """A fork server that dies takes no run with it, the ends of its runs are told, and another takes its place."""
    runner, gate = make_runner(), tmp_path / "gate"
    runner.start("run-1", make_job("wait", parameters={"gate": str(gate)}))
    wait_until(lambda: server.reports)
    first = fork_server_of(runner)
    os.kill(first, signal.SIGKILL)
    gate.touch()
    assert ("run-1", None) == exits.get(timeout=60)
    assert "COMPLETED" == server.state["type"]
    server.attempt = 7
    runner.start("run-2", make_job("complete", attempt=7))
    assert ("run-2", Outcome.COMPLETED) == exits.get(timeout=60)
    assert first != fork_server_of(runner)


def test_fork_server_hangs(
    server: ReportServer, make_job: MakeJob, make_runner: MakeRunner, exits: Exits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork server that does not answer is killed, and another takes its place at the next start."""
    runner = make_runner()
    first = fork_server_of(runner)
    os.kill(first, signal.SIGSTOP)
    with monkeypatch.context() as patched, pytest.raises(StartError, match="did not answer"):
        patched.setattr("alisio_agent.runners.warm._ANSWER_SECONDS", 0.2)
        runner.start("run-1", make_job("complete"))
    runner.start("run-1", make_job("complete"))
    assert ("run-1", Outcome.COMPLETED) == exits.get(timeout=60)
    assert first != fork_server_of(runner)


def test_large_job(server: ReportServer, make_job: MakeJob, make_runner: MakeRunner, exits: Exits) -> None:
    """Parameters of half a megabyte reach the child."""
    job = make_job("complete", parameters={"text": "ñ" * 500_000})
    make_runner().start("run-1", job)
    assert ("run-1", Outcome.COMPLETED) == exits.get(timeout=60)


def test_no_room_on_disk(make_job: MakeJob, make_runner: MakeRunner, home: Path) -> None:
    """Where a run's folder cannot be made, one line says so, and the name may be tried again."""
    runner = make_runner(warm=False)
    (home / "runs").write_text("a file where the folder should be")
    for _ in range(2):
        with pytest.raises(StartError, match=r"the folder .* cannot be made"):
            runner.start("run-1", make_job("complete"))


def test_many_at_once(server: ReportServer, make_job: MakeJob, make_runner: MakeRunner, exits: Exits) -> None:
    """Several runs at once do not disturb each other."""
    runner = make_runner()
    names = [f"run-{number}" for number in range(8)]
    for name in names:
        runner.start(name, make_job("complete"))
    assert {(name, Outcome.COMPLETED) for name in names} == {exits.get(timeout=60) for _ in names}
    assert len(names) == json.dumps(server.all("logs")).count("hello from the flow")
