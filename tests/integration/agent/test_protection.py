"""Task protection: the agent, and a server that answers as the container agent of ECS does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from alisio_agent import protection as protection_module
from alisio_agent.protection import EXPIRES_MINUTES, TaskProtection
from alisio_agent.roster import Held, Roster
from tests.jobs import make_job
from tests.waiting import wait_until

ON = {"ProtectionEnabled": True, "ExpiresInMinutes": EXPIRES_MINUTES}
OFF = {"ProtectionEnabled": False}
BLOCKED = {"failure": {"Arn": "arn:task", "Reason": "DEPLOYMENT_BLOCKED", "Detail": "too many are protected"}}


class ContainerAgent:
    """What ECS_AGENT_URI leads to.

    Attributes:
        asked: What it was asked, in order.
        refusal: Status and body of its answers, where it does not do what it is asked.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.refusal: tuple[int, Any] | None = None
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                owner.asked.append({"path": self.path, **asked})
                granted = {"protection": {"ProtectionEnabled": asked["ProtectionEnabled"], "TaskArn": "arn:task"}}
                status, body = owner.refusal or (200, granted)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.uri = f"http://127.0.0.1:{self._server.server_address[1]}/api/container-id"

    def states(self) -> list[dict[str, Any]]:
        """What was asked, without the path."""
        return [{name: value for name, value in asked.items() if name != "path"} for asked in self.asked]

    def close(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def ecs() -> Iterator[ContainerAgent]:
    """The container agent of ECS."""
    ecs = ContainerAgent()
    yield ecs
    ecs.close()


@pytest.fixture
def roster(ecs: ContainerAgent, monkeypatch: pytest.MonkeyPatch) -> Iterator[Roster]:
    """What an agent holds, whose protection is looked after with short waits."""
    for name, seconds in {"LOOK_SECONDS": 0.01, "IDLE_SECONDS": 0.1, "RETRY_SECONDS": 0.05}.items():
        monkeypatch.setattr(protection_module, name, seconds)
    roster, ended = Roster(None), threading.Event()
    thread = threading.Thread(target=TaskProtection(ecs.uri, roster).run, args=(ended,))
    thread.start()
    yield roster
    ended.set()
    thread.join()


def hold(roster: Roster, name: str = "run-1") -> None:
    """Let the agent hold a run."""
    roster.add(name, Held(make_job()))


def test_protects_while_it_holds_runs(ecs: ContainerAgent, roster: Roster) -> None:
    """The task is protected with the first run, and no longer once the last has ended; runs between change nothing."""
    hold(roster, "run-1")
    wait_until(lambda: ecs.asked)
    hold(roster, "run-2")
    roster.remove("run-1")
    hold(roster, "run-3")
    roster.remove("run-2")
    assert [ON] == ecs.states()
    roster.remove("run-3")
    wait_until(lambda: len(ecs.asked) == 2)
    assert [ON, OFF] == ecs.states()
    assert {"/api/container-id/task-protection/v1/state"} == {asked["path"] for asked in ecs.asked}
    hold(roster, "run-4")
    wait_until(lambda: len(ecs.asked) == 3)
    assert ON == ecs.states()[-1]


def test_renews(ecs: ContainerAgent, roster: Roster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that lasts has its protection renewed again and again."""
    monkeypatch.setattr(protection_module, "RENEW_SECONDS", 0.05)
    hold(roster)
    wait_until(lambda: len(ecs.asked) >= 3)
    assert all(asked == ON for asked in ecs.states())


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ((200, BLOCKED), "DEPLOYMENT_BLOCKED"),
        ((400, {"error": {"Code": "AccessDenied"}}), "AccessDenied"),
        ((200, []), "[]"),
    ],
    ids=["failure", "error", "nonsense"],
)
def test_refused(
    ecs: ContainerAgent, roster: Roster, caplog: pytest.LogCaptureFixture, refusal: tuple[int, Any], reason: str
) -> None:
    """That ECS does not protect the task is said once, with its reason; it is asked again until it does."""
    ecs.refusal = refusal
    with caplog.at_level("INFO", logger="alisio.agent"):
        hold(roster)
        wait_until(lambda: len(ecs.asked) >= 4)
        ecs.refusal = None
        wait_until(lambda: len(caplog.messages) == 2)
    said, over = caplog.messages
    assert said.startswith(f"ECS does not protect this task as asked: {refusal[0]} ")
    assert reason in said
    assert "task protection of ECS answers again" == over


def test_not_reached(roster: Roster, ecs: ContainerAgent, caplog: pytest.LogCaptureFixture) -> None:
    """A container agent that is not there is one line, and no end of the agent's."""
    ecs.close()
    hold(roster)
    wait_until(lambda: caplog.messages)
    assert 1 == len(caplog.messages)
    assert "trying until it answers" in caplog.messages[0]
