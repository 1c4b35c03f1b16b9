"""Hooks of supervised runs: in the flow's own process, or in a fresh one where that was killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alisio.contract.ids import new_id
from alisio_agent.supervisor.outcomes import Outcome
from tests.integration.agent.conftest import Launch, MakeJob
from tests.integration.agent.report_server import ReportServer
from tests.waiting import wait_until

FLOWS = """
import json, os, signal, time
from pathlib import Path
from alisio import flow, get_run_logger

def hook(flow, run, state):
    told = [flow.name, run.name, state.name, state.message, run.parameters, str(run.flow_id), str(run.deployment_id)]
    with open("told", "a") as file:
        print(json.dumps([*told, os.getpid()]), file=file)
    get_run_logger().info("the hook was here")

def hangs(flow, run, state):
    time.sleep(600)

def dies(flow, run, state):
    os.kill(os.getpid(), signal.SIGKILL)

if Path("broken").exists():
    import atexit
    atexit.register(time.sleep, 1)
    raise RuntimeError("its code loads no more")

hooks = {option: [hook] for option in ("on_completion", "on_failure", "on_crashed", "on_cancellation")}

@flow(flow_run_name="run-{n}", **hooks)
def killed(n: int = 1, m: int = 2):
    Path("pid").write_text(str(os.getpid()))
    get_run_logger().info("going")
    os.kill(os.getpid(), signal.SIGKILL)

@flow(retries=1, **hooks)
def killed_again(n: int = 1):
    os.kill(os.getpid(), signal.SIGKILL)

@flow(retries=1, **hooks)
def fails(n: int = 1):
    raise ValueError("no")

@flow(**hooks)
def sleeps(n: int = 1):
    Path("ready").touch()
    time.sleep(600)

@flow(**hooks)
def stubborn(n: int = 1):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path("ready").touch()
    time.sleep(600)

@flow(on_crashed=[hangs])
def hangs_after_a_kill(n: int = 1):
    os.kill(os.getpid(), signal.SIGKILL)

@flow(**hooks)
def breaks(n: int = 1):
    Path("broken").touch()
    os.kill(os.getpid(), signal.SIGKILL)

@flow(on_completion=[dies])
def dies_in_a_hook(n: int = 1):
    return 5

@flow(on_completion=[hangs])
def hangs_in_a_hook(n: int = 1):
    return 5
"""

MakeFlowJob = Callable[..., dict[str, Any]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the flows above."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "flows.py").write_text(FLOWS)
    return folder


@pytest.fixture
def flow_job(make_job: MakeJob, project: Path) -> MakeFlowJob:
    """Makes a job that runs one of the flows above, with the real engine."""

    def make(name: str, **more: Any) -> dict[str, Any]:
        job = make_job("", path=str(project), entrypoint=f"flows.py:{name}", child_module="alisio.engine.supervised")
        return job | {
            "parameters": {"n": "7"},
            "tags": [],
            "flow_id": str(new_id()),
            "deployment_id": str(new_id()),
            **more,
        }

    return make


def told(project: Path) -> list[list[Any]]:
    """Give what the hooks have noted, a line each."""
    path = project / "told"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
def test_killed(server: ReportServer, flow_job: MakeFlowJob, launch: Launch, project: Path, cold: bool) -> None:
    """A fresh process calls the hooks of a flow whose own was killed; what they log is kept, the state stays."""
    job = flow_job("killed")

    assert Outcome.CRASHED == launch(job, cold=cold).wait()

    message = "killed by signal SIGKILL (9)"
    assert ("CRASHED", message) == (server.state["type"], server.state["message"])
    [[flow, run, state, said, parameters, flow_id, deployment_id, pid]] = told(project)
    assert ("killed", "run-7", "Crashed", message, {"n": 7, "m": 2}) == (flow, run, state, said, parameters)
    assert (job["flow_id"], job["deployment_id"]) == (flow_id, deployment_id)
    assert (project / "pid").read_text() != str(pid)
    messages = [line["message"] for line in server.all("logs")]
    assert "the hook was here" in messages
    assert f"CRASHED: {message}; the flow's hooks are called" in messages
    assert ["RUNNING", "CRASHED"] == server.states()
    assert "run-7" == [report["facts"]["name"] for report in server.reports if "name" in report.get("facts", {})][-1]


@pytest.mark.parametrize(("used", "expected"), [(0, []), (1, ["Crashed"])])
def test_hooks_wait_for_the_last_crash(
    server: ReportServer, flow_job: MakeFlowJob, launch: Launch, project: Path, used: int, expected: list[str]
) -> None:
    """While a retry is left, a crash calls no hooks."""
    launch(flow_job("killed_again", retries_used=used)).wait()
    assert expected == [state for _, _, state, *_ in told(project)]


def test_hooks_wait_for_the_last_failure(
    server: ReportServer, flow_job: MakeFlowJob, launch: Launch, project: Path
) -> None:
    """While a retry is left, a failure calls no hooks; the supervisor counts the attempts that it makes itself."""
    server.retries = 1
    launch(flow_job("fails")).wait()
    assert ["RUNNING", "FAILED", "RUNNING", "FAILED"] == server.states()
    assert ["Failed"] == [state for _, _, state, *_ in told(project)]


@pytest.mark.parametrize(
    ("name", "message"),
    [("sleeps", "cancelled on request"), ("stubborn", "its process did not end within 0.5 s and was killed")],
)
def test_cancelled(
    server: ReportServer, flow_job: MakeFlowJob, launch: Launch, project: Path, name: str, message: str
) -> None:
    """A cancelled run calls its hooks once: in its own process, or in a fresh one if that did not end in time."""
    launched = launch(flow_job(name, job_variables={"grace_seconds": 0.5 if name == "stubborn" else 20}), heartbeat=0.2)
    wait_until((project / "ready").exists)
    server.cancel = True
    assert Outcome.CANCELLED == launched.wait()
    assert [("Cancelled", message)] == [(state, said) for _, _, state, said, *_ in told(project)]
    assert ("CANCELLED", message) == (server.state["type"], server.state["message"])


def test_ended_elsewhere(server: ReportServer, flow_job: MakeFlowJob, launch: Launch, project: Path) -> None:
    """A run that somebody else has ended is no more this supervisor's: no hooks are called for its process's death."""
    launched = launch(flow_job("sleeps"), heartbeat=0.2)
    wait_until((project / "ready").exists)
    server.end = "CRASHED"
    assert Outcome.CRASHED == launched.wait()
    assert [] == told(project)


def test_host_stops(server: ReportServer, flow_job: MakeFlowJob, launch: Launch, project: Path) -> None:
    """Where the host stops the supervisor, the run has crashed, and is not cancelled: its hooks say the same."""
    launched = launch(flow_job("sleeps"))
    wait_until((project / "ready").exists)
    launched.process.send_signal(signal.SIGTERM)
    assert Outcome.CRASHED == launched.wait()
    assert ["Crashed"] == [state for _, _, state, *_ in told(project)]
    assert "supervisor was asked to stop (SIGTERM)" == server.state["message"]


@pytest.mark.parametrize(
    ("name", "outcome", "message"),
    [
        ("hangs_after_a_kill", Outcome.CRASHED, "killed by signal SIGKILL (9)"),
        ("breaks", Outcome.CRASHED, "killed by signal SIGKILL (9)"),
        ("dies_in_a_hook", Outcome.COMPLETED, None),
        ("hangs_in_a_hook", Outcome.COMPLETED, None),
    ],
)
def test_bad_hooks(
    server: ReportServer, flow_job: MakeFlowJob, launch: Launch, name: str, outcome: Outcome, message: str | None
) -> None:
    """Hooks that take too long, end their process, or cannot be loaded change nothing of how the run has ended."""
    assert outcome == launch(flow_job(name), hooks=1.0, linger=0.2).wait()
    assert message == server.state["message"]
