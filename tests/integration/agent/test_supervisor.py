"""How runs end: supervisors as real processes, with real children, against a server that speaks the protocol."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from alisio_agent.supervisor.outcomes import Outcome
from tests.integration.agent.conftest import Launch, MakeJob
from tests.integration.agent.processes import is_alive
from tests.integration.agent.report_server import ReportServer
from tests.waiting import wait_until


@pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
def test_completes(server: ReportServer, make_job: MakeJob, launch: Launch, home: Path, cold: bool) -> None:
    """A run that goes well: the gate first, output in the logs, news merged, the end last, nothing left behind."""
    assert Outcome.COMPLETED == launch(make_job("complete"), cold=cold).wait()
    gate = server.reports[0]
    assert ("RUNNING", 1, "supervisor") == (gate["states"][0]["type"], gate["sequence"], gate["origin"])
    assert gate["facts"]["infrastructure"].startswith("process:")
    assert "tidy-name" == server.reports[1]["facts"]["name"]
    assert ["RUNNING", "COMPLETED"] == server.states()
    assert "COMPLETED" == server.reports[-1]["states"][-1]["type"]
    assert ["hello from the flow"] == server.messages("stdout")
    assert ["and from stderr"] == server.messages("stderr")
    assert ["RUNNING", "COMPLETED"] == [state["type"] for state in server.all("task_runs")[-1]["states"]]
    assert [] == [*(home / "runs").iterdir()]
    assert "" == (home / "supervisors.log").read_text()


@pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
@pytest.mark.parametrize(
    ("do", "message"),
    [
        ("be_killed", "killed by signal SIGKILL (9)"),
        ("exit_three", "exited with code 3 before the flow finished"),
        ("call_exit", "exited with code 7 before the flow finished"),
        ("raise_error", "exited with code 1 before the flow finished"),
    ],
)
def test_child_dies(server: ReportServer, make_job: MakeJob, launch: Launch, do: str, message: str, cold: bool) -> None:
    """A child that ends without a final state is CRASHED, with the reason, at its end and after its last output."""
    assert Outcome.CRASHED == launch(make_job(do), cold=cold, heartbeat=3_600.0).wait()
    assert ("CRASHED", message) == (server.state["type"], server.state["message"])
    expected = {"be_killed": ["last words"], "exit_three": ["going"]}.get(do, [])
    assert expected == server.messages("stdout")
    assert (do == "raise_error") == any("the engine itself is broken" in m for m in server.messages("stderr"))


def test_gate_refused(server: ReportServer, make_job: MakeJob, launch: Launch, tmp_path: Path) -> None:
    """A late starter of an old attempt is refused at the gate, and nothing of the user's starts."""
    server.attempt = 2
    started = tmp_path / "started"
    job = make_job("complete", parameters={"started_file": str(started)})
    assert Outcome.SUPERSEDED == launch(job).wait()
    assert [] == server.reports
    assert not started.exists()


def test_gate_waits(server: ReportServer, make_job: MakeJob, launch: Launch, tmp_path: Path) -> None:
    """While the API is away nothing of the user's starts; once it is back the run goes its way."""
    server.away = True
    started = tmp_path / "started"
    launched = launch(make_job("complete", parameters={"started_file": str(started)}))
    wait_until(lambda: server.tries >= 3)
    assert not started.exists()
    server.away = False
    assert Outcome.COMPLETED == launched.wait()
    assert started.exists()


def test_gate_given_up(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """A supervisor whose gate is not answered within the start timeout ends; its lease does the rest."""
    server.away = True
    assert Outcome.UNDELIVERED == launch(make_job("complete", start_timeout_seconds=0.5)).wait()


def test_cancel(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """A cancel directive reaches the child over its control pipe and by SIGTERM; its own last word counts."""
    launched = launch(make_job("wait_for_cancel"), heartbeat=0.2)
    wait_until(lambda: len(server.reports) > 1)
    server.cancel = True
    assert Outcome.CANCELLED == launched.wait()
    assert ['control said {"kind":"cancel"}'] == server.messages("stdout")
    assert "stopped by its own will" == server.state["message"]


def test_cancel_at_gate(server: ReportServer, make_job: MakeJob, launch: Launch, tmp_path: Path) -> None:
    """A run that was cancelled before its gate ends CANCELLED without its code being started."""
    server.cancel = True
    started = tmp_path / "started"
    job = make_job("complete", parameters={"started_file": str(started)})
    assert Outcome.CANCELLED == launch(job).wait()
    assert not started.exists()


def test_stubborn_child(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """A child that ignores the cancel is killed after its grace, with the processes it started."""
    job = make_job("be_stubborn", job_variables={"grace_seconds": 0.5})
    launched = launch(job, heartbeat=0.2)
    grandchild = int(wait_until(lambda: server.messages("stdout"))[0].split()[1])
    server.cancel = True
    assert Outcome.CANCELLED == launched.wait()
    assert "its process did not end within 0.5 s and was killed" == server.state["message"]
    wait_until(lambda: not is_alive(grandchild))


def test_grandchildren_are_killed(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """Processes that a flow leaves in its group are killed at the end, and do not hold up the end."""
    assert Outcome.COMPLETED == launch(make_job("leave_grandchild")).wait()
    grandchild = int(server.messages("stdout")[0].split()[1])
    wait_until(lambda: not is_alive(grandchild))


def test_retry(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """A retry directive runs the flow in a new child, as the next attempt, numbered from 1."""
    server.retries = 1
    assert Outcome.COMPLETED == launch(make_job("fail_first")).wait()
    assert ["RUNNING", "FAILED", "RUNNING", "COMPLETED"] == server.states()
    second = [report for report in server.reports if report["attempt"] == 2]
    assert (1, "Retrying") == (second[0]["sequence"], second[0]["states"][0]["name"])
    folders = {message.split(" in ")[1] for message in server.messages("stdout")}
    assert 2 == len(folders)


def test_superseded(server: ReportServer, make_job: MakeJob, launch: Launch, tmp_path: Path) -> None:
    """A run that another attempt has taken over is ended at once: 409 kills the child."""
    started = tmp_path / "started"
    job = make_job("sleep", parameters={"started_file": str(started)})
    launched = launch(job, heartbeat=0.2)
    wait_until(started.exists)
    server.attempt = 2
    assert Outcome.SUPERSEDED == launched.wait()
    assert not is_alive(int(started.read_text()))


def test_ended_elsewhere(server: ReportServer, make_job: MakeJob, launch: Launch, tmp_path: Path) -> None:
    """A run that somebody else ended, as an answer tells, is over: its child is killed."""
    started = tmp_path / "started"
    job = make_job("sleep", parameters={"started_file": str(started)})
    launched = launch(job, heartbeat=0.2)
    wait_until(started.exists)
    server.end = "CANCELLED"
    assert Outcome.CANCELLED == launched.wait()
    assert not is_alive(int(started.read_text()))


@pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
def test_supervisor_killed(server: ReportServer, make_job: MakeJob, launch: Launch, tmp_path: Path, cold: bool) -> None:
    """The child does not outlive its supervisor, even one that is killed."""
    started = tmp_path / "started"
    launched = launch(make_job("sleep", parameters={"started_file": str(started)}), cold=cold)
    child = int(wait_until(lambda: started.exists() and started.read_text()))
    launched.process.kill()
    launched.wait()
    wait_until(lambda: not is_alive(child))


@pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
def test_subprocesses_of_a_killed_supervisor(
    server: ReportServer, make_job: MakeJob, launch: Launch, cold: bool
) -> None:
    """What a flow has started does not outlive its supervisor either: it would run on beside the next attempt."""
    launched = launch(make_job("be_stubborn"), cold=cold)
    grandchild = int(wait_until(lambda: server.messages("stdout"))[0].split()[1])
    launched.process.kill()
    launched.wait()
    wait_until(lambda: not is_alive(grandchild))


def test_host_stops(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """SIGTERM to the supervisor: the child may clean up, and the run is CRASHED, not CANCELLED."""
    launched = launch(make_job("wait_for_cancel"))
    wait_until(lambda: len(server.reports) > 1)
    launched.process.send_signal(signal.SIGTERM)
    assert Outcome.CRASHED == launched.wait()
    assert "supervisor was asked to stop (SIGTERM)" == server.state["message"]
    assert ['control said {"kind":"stop"}'] == server.messages("stdout")


def test_a_wish_to_pause_that_comes_before_the_child(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """The answer that lets the child begin may say already that the run is to pause: the child is told."""
    server.asks = "pause"
    launched = launch(make_job("wait_for_cancel"))
    wait_until(lambda: len(server.reports) > 1)
    launched.process.send_signal(signal.SIGTERM)
    launched.wait()
    [said] = server.messages("stdout")
    assert said.startswith('control said {"kind":"pause"}')


def test_terminal_signals(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """A supervisor takes no notice of Ctrl-C and of a terminal that goes away."""
    launched = launch(make_job("count", parameters={"lines": 20, "pause": 0.02}))
    wait_until(lambda: server.reports)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        launched.process.send_signal(number)
    assert Outcome.COMPLETED == launched.wait()


def test_lingering_child(server: ReportServer, make_job: MakeJob, launch: Launch, tmp_path: Path) -> None:
    """A child that does not exit after its final state holds it up for the linger time only, and is killed."""
    started = tmp_path / "started"
    job = make_job("linger", parameters={"started_file": str(started)})
    assert Outcome.COMPLETED == launch(job, linger=0.2, grace=1.0).wait()
    assert "COMPLETED" == server.state["type"]
    assert not is_alive(int(started.read_text()))


def test_a_child_may_take_a_moment_to_exit(make_job: MakeJob, launch: Launch, tmp_path: Path) -> None:
    """What it does after its final state is not cut off before the linger time is over."""
    exited = tmp_path / "exited"
    job = make_job("linger", parameters={"seconds": 0.3, "exited_file": str(exited)})
    assert Outcome.COMPLETED == launch(job, linger=60.0).wait()
    assert exited.exists()


def test_code_lies_on_the_host(server: ReportServer, make_job: MakeJob, launch: Launch, tmp_path: Path) -> None:
    """A job with a path runs there, with the variables of its job; the folder is not touched."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "data.txt").write_text("x")
    job = make_job("show_place", path=str(tmp_path / "project"), job_variables={"env": {"COLOUR": "blue", "N": 1}})
    assert Outcome.COMPLETED == launch(job).wait()
    place, variables = map(json.loads, server.messages("stdout"))
    assert {"cwd": os.path.realpath(tmp_path / "project"), "files": ["data.txt"]} == place
    assert {"colour": "blue", "api": server.url} == variables


def test_code_is_missing(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """A job whose path is not on this host is CRASHED with one line that says so."""
    assert Outcome.CRASHED == launch(make_job("complete", path="/nowhere/at/all")).wait()
    expected = "the folder /nowhere/at/all, where the flow's code should lie, is not on this host"
    assert expected == server.state["message"]


def test_the_key_reaches_the_api_and_not_the_flow(
    server: ReportServer, make_job: MakeJob, launch: Launch, tmp_path: Path
) -> None:
    """Reports show it; the job that the flow's process gets has none."""
    told = tmp_path / "job.json"
    job = make_job("tell_job", parameters={"path": str(told)}, api_key="alisio_key")

    assert Outcome.COMPLETED == launch(job).wait()

    assert {"Bearer alisio_key"} == server.keys
    assert "alisio_key" not in told.read_text()
