"""What reaches the API, and in what order, when the API is away, answers are lost, or a child says too much."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from alisio_agent.supervisor.outcomes import Outcome
from tests.integration.agent.conftest import Launch, MakeJob
from tests.integration.agent.processes import is_alive
from tests.integration.agent.report_server import ReportServer
from tests.waiting import wait_until


def test_api_away(server: ReportServer, make_job: MakeJob, launch: Launch, tmp_path: Path) -> None:
    """While nobody listens the flow runs on; once the API is back all is delivered, once and in order."""
    gate, started = tmp_path / "gate", tmp_path / "started"
    parameters = {"lines": 200, "pause": 0.005, "gate": str(gate), "started_file": str(started)}
    launched = launch(make_job("count", parameters=parameters), report=0.05)
    wait_until(lambda: server.messages("stdout"))
    server.close()
    gate.touch()
    wait_until(lambda: not is_alive(int(started.read_text())))
    assert launched.process.poll() is None
    server.open()
    assert Outcome.COMPLETED == launched.wait()
    assert [f"line {number}" for number in range(200)] == server.messages("stdout")
    assert ["RUNNING", "COMPLETED"] == server.states()


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_unavailable(server: ReportServer, make_job: MakeJob, launch: Launch, tmp_path: Path, status: int) -> None:
    """What may pass is tried again; so are refusals of the key, which an admin may have replaced too early."""
    gate = tmp_path / "gate"
    launched = launch(make_job("count", parameters={"lines": 50, "pause": 0.005, "gate": str(gate)}), report=0.05)
    wait_until(lambda: server.reports)
    server.away = status
    gate.touch()
    wait_until(lambda: server.tries > len(server.reports) + 2)
    server.away = 0
    assert Outcome.COMPLETED == launched.wait()
    assert [f"line {number}" for number in range(50)] == server.messages("stdout")


def test_never_back(server: ReportServer, make_job: MakeJob, launch: Launch, home: Path, tmp_path: Path) -> None:
    """An API that stays away is given up some time after the end; the spool is removed."""
    gate = tmp_path / "gate"
    launched = launch(make_job("flood", parameters={"lines": 40_000, "gate": str(gate)}), give_up=1.0)
    wait_until(lambda: server.reports)
    server.close()
    gate.touch()
    assert Outcome.UNDELIVERED == launched.wait()
    assert [] == [*(home / "spool").iterdir()]


def test_lost_answers(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """A report whose answer was lost is sent again with its number, and is not applied twice."""
    server.lose_answers = 3
    job = make_job("count", parameters={"lines": 50, "pause": 0.005})
    assert Outcome.COMPLETED == launch(job, report=0.05).wait()
    assert 3 == server.tries - len(server.reports)
    assert [f"line {number}" for number in range(50)] == server.messages("stdout")
    assert [*range(1, len(server.reports) + 1)] == [report["sequence"] for report in server.reports]


def test_heartbeat(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """A run without news reports all the same, so that its lease lives."""
    launched = launch(make_job("sleep"), heartbeat=0.1)
    wait_until(lambda: len(server.reports) >= 5)
    launched.process.kill()
    assert {"attempt", "sequence", "origin"} == set(server.reports[-1])


def test_flood(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """A flood of output arrives whole, in reports within the limits, and does not fill the memory."""
    lines = 100_000
    launched = launch(make_job("flood", parameters={"lines": lines}))
    supervisor = psutil.Process(launched.process.pid)
    peak = 0
    while launched.process.poll() is None:
        try:
            peak = max(peak, supervisor.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    assert Outcome.COMPLETED == launched.wait()
    assert max(len(report.get("logs", ())) for report in server.reports) <= 1_000
    numbers = [int(message.split()[0]) for message in server.messages("stdout")]
    assert [*range(lines)] == numbers
    assert peak < 60_000_000


def test_flood_while_away(server: ReportServer, make_job: MakeJob, launch: Launch, tmp_path: Path) -> None:
    """A flood while the API is away does not block the child: it ends, and its lines wait on disk."""
    ended = tmp_path / "ended"
    job = make_job("flood_then_touch", parameters={"lines": 100_000, "ended_file": str(ended)})
    launched = launch(job)
    wait_until(lambda: server.reports)
    server.away = True
    wait_until(ended.exists)
    server.away = False
    assert Outcome.COMPLETED == launched.wait()
    assert 100_000 == len(server.messages("stdout"))


def test_rubbish(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """What is no frame is told in the logs, and the frames after it count."""
    assert Outcome.COMPLETED == launch(make_job("write_rubbish")).wait()
    reasons = [message.split(": ")[1].split(";")[0] for message in server.messages("alisio.supervisor")]
    expected = [
        "it is not JSON",
        "it is not a JSON object",
        "it is not JSON",
        "'nonsense' is not a part of a frame, or not of its type",
        "'logs' is not a part of a frame, or not of its type",
    ]
    assert expected == reasons[:5]
    assert {"it is not JSON"} == set(reasons[5:])


def test_odd_output(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """Undecodable bytes are replaced, long lines are cut between characters, a last line needs no end."""
    assert Outcome.COMPLETED == launch(make_job("write_odd_output")).wait()
    first, *pieces, last = server.messages("stdout")
    assert ("\ufffd\ufffd undecodable", "without an end") == (first, last)
    assert "ñ" * 50_000 == "".join(pieces)
    assert [65_536, 34_464] == [len(piece.encode()) for piece in pieces]


def test_refused_row(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """A row that the API refuses is left out and told of; all others arrive."""
    assert Outcome.COMPLETED == launch(make_job("send_bad_row")).wait()
    assert [f"line {number}" for number in range(40)] == server.messages("alisio.flow")
    (message,) = server.messages("alisio.supervisor")
    assert message.startswith("the API refused a row of `logs`, which was left out: logs.level is no number")


def test_refused_end(server: ReportServer, make_job: MakeJob, launch: Launch) -> None:
    """A final state that the API refuses does not leave the run without one."""
    assert Outcome.CRASHED == launch(make_job("send_bad_end")).wait()
    assert "the API refused the flow's final state; the run's logs say why" == server.state["message"]
