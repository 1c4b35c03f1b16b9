"""`alisio flow-run`, on the embedded backend, with runs that are reported by the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from alisio.client import Client, open_client
from alisio.contract.ids import new_id
from tests.unit.cli.conftest import Commands


@dataclass
class HandRun:
    """A run of a script that the test reports on."""

    client: Client
    id: UUID = field(default_factory=new_id)
    sequence: int = 0

    def report(self, state: str | None = None, *lines: str, message: str | None = None) -> None:
        """Report a state and log lines."""
        now = datetime.now(UTC).isoformat()
        self.sequence += 1
        report: dict[str, Any] = {"attempt": 1, "sequence": self.sequence, "origin": "script"}
        if self.sequence == 1:
            report["facts"] = {"flow_name": "by-hand", "name": "a-run"}
        if state is not None:
            record = {"type": state, "name": state.capitalize(), "timestamp": now, "message": message}
            report["states"] = [record]
        report["logs"] = [{"timestamp": now, "level": 20, "logger": "alisio.flow", "message": line} for line in lines]
        self.client.send_report(self.id, report)


@pytest.fixture
def run(commands: Commands) -> Iterator[HandRun]:
    """A run that is going on."""
    with open_client() as client:
        hand_run = HandRun(client)
        hand_run.report("RUNNING", "first line")
        yield hand_run


def test_runs_are_listed_by_their_state(commands: Commands, run: HandRun) -> None:
    """A state may be told by its type or its name, in any case."""
    for state in ("RUNNING", "running", "Running"):
        assert [str(run.id)] == [
            found["id"] for found in json.loads(commands.run("flow-run", "ls", "--state", state, "-o", "json").out)
        ]
    assert "[]\n" == commands.run("flow-run", "ls", "--state", "Late", "-o", "json").out
    assert "did you mean 'FAILED'?" in commands.refused("flow-run", "ls", "--state", "FALED")


def test_runs_are_counted_over_time(commands: Commands, run: HandRun) -> None:
    """The last line of the table is the present one; JSON has every bucket."""
    commands.set("COLUMNS", "100")
    heading, *_, last = commands.run("flow-run", "history", "--last", "2h", "--flow", "by-hand").out.splitlines()
    buckets = json.loads(commands.run("flow-run", "history", "--last", "2d", "--every", "1d", "-o", "json").out)

    assert (["from", "running"], "1") == (heading.split(), last.split()[-1])
    assert {"RUNNING": 1} == buckets[-1]["runs"]
    assert {3} == {len(buckets)}
    for wrong, why in (("1s", "make them"), ("2y", "--every"), ("900d", "bucket_seconds")):
        assert why in commands.refused("flow-run", "history", "--every", wrong)


def test_runs_are_listed_by_their_flow(commands: Commands, run: HandRun) -> None:
    """Only runs of that flow are shown, and no more than wanted."""
    second = HandRun(run.client)
    second.report("RUNNING")

    assert 2 == len(json.loads(commands.run("flow-run", "ls", "--flow", "by-hand", "-o", "json").out))
    assert [str(second.id)] == [
        found["id"] for found in json.loads(commands.run("flow-run", "ls", "--limit", "1", "-o", "json").out)
    ]
    assert "[]\n" == commands.run("flow-run", "ls", "--flow", "other", "-o", "json").out


def test_a_run_is_shown_with_its_history(commands: Commands, run: HandRun) -> None:
    """For people with the states that it went through; as JSON as the API has it."""
    run.report("FAILED", message="it broke")

    shown = commands.run("flow-run", "inspect", str(run.id)).out
    assert "Running" in shown
    assert "Failed: it broke" in shown
    assert json.loads(run.client.read_flow_run(run.id).model_dump_json()) == json.loads(
        commands.run("flow-run", "inspect", str(run.id), "-o", "json").out
    )


def test_the_logs_of_a_run_are_shown(commands: Commands, run: HandRun) -> None:
    """Each line with its time, level, logger and text; as JSON an array."""
    run.report(None, "second line")

    lines = commands.run("flow-run", "logs", str(run.id)).out.splitlines()
    assert ["first line", "second line"] == [line.split(" | ")[2].removeprefix("alisio.flow - ") for line in lines]
    assert ["INFO    ", "INFO    "] == [line.split(" | ")[1] for line in lines]
    records = json.loads(commands.run("flow-run", "logs", str(run.id), "-o", "json").out)
    assert ["first line", "second line"] == [record["message"] for record in records]


def test_more_lines_than_a_page_are_shown(commands: Commands, run: HandRun) -> None:
    """Logs are read to their end."""
    for page in range(3):
        run.report(None, *(f"line {page} {number}" for number in range(900)))

    assert 2_701 == len(commands.run("flow-run", "logs", str(run.id)).out.splitlines())


@pytest.mark.parametrize(("end", "code"), [("COMPLETED", 0), ("FAILED", 1)])
def test_a_run_is_watched_to_its_end(commands: Commands, run: HandRun, end: str, code: int) -> None:
    """States and logs come in their order, each once, and the exit code says whether the run completed."""

    def go_on() -> None:
        run.report(None, "second line")
        run.report(end, "last line", message="the end")

    reporting = threading.Timer(0.5, go_on)
    reporting.start()

    result = commands.run("flow-run", "watch", str(run.id))

    reporting.join()
    assert code == result.code
    shown = [line.split(" | ", 1)[1] for line in result.out.splitlines()]
    assert "Running" == shown[0]
    assert f"{end.capitalize()}: the end" in shown
    for text in ("first line", "second line", "last line"):
        assert 1 == sum(text in line for line in shown)


def test_a_watched_run_is_given_to_programs_as_it_ended(commands: Commands, run: HandRun) -> None:
    """As JSON stdout has the run alone; its states and logs go to stderr."""
    run.report("FAILED", "last line")

    result = commands.run("flow-run", "watch", str(run.id), "-o", "json")

    assert (1, "FAILED") == (result.code, json.loads(result.out)["state"]["type"])
    assert "last line" in result.err


def test_a_cancelled_run_is_given_to_programs(commands: Commands, run: HandRun) -> None:
    """As JSON the whole run is printed."""
    shown = json.loads(commands.run("flow-run", "cancel", str(run.id), "-o", "json").out)

    assert (str(run.id), "CANCELLING") == (shown["id"], shown["state"]["type"])


def test_logs_are_followed_to_the_end_of_the_run(commands: Commands, run: HandRun) -> None:
    """As JSON each line is one object, so a program can read them as they come."""
    reporting = threading.Timer(0.5, lambda: run.report("COMPLETED", "last line"))
    reporting.start()

    result = commands.run("flow-run", "logs", str(run.id), "--follow", "-o", "json")

    reporting.join()
    assert ["first line", "last line"] == [json.loads(line)["message"] for line in result.out.splitlines()]


def test_a_run_is_cancelled_and_deleted(commands: Commands, run: HandRun) -> None:
    """Cancelling asks; the executor answers; what has ended may be deleted."""
    assert "Cancelling" in commands.run("flow-run", "cancel", str(run.id)).out
    run.report("CANCELLED")
    assert f"deleted flow run {run.id}\n" == commands.run("flow-run", "delete", str(run.id)).out
    assert str(run.id) in commands.refused("flow-run", "inspect", str(run.id))


def test_a_run_is_paused_and_resumed(commands: Commands, run: HandRun) -> None:
    """Pausing asks; until its executor comes to a task the run can be let go on. A run by hand is never suspended."""
    assert "Pausing" in commands.run("flow-run", "pause", str(run.id)).out
    assert "Running" in commands.run("flow-run", "resume", str(run.id)).out
    assert "only a paused or suspended one can be resumed" in commands.refused("flow-run", "resume", str(run.id))
    assert "nothing starts a run by hand again" in commands.refused("flow-run", "suspend", str(run.id))


@pytest.mark.parametrize(
    "command", ["inspect", "logs", "watch", "cancel", "pause", "suspend", "resume", "retry", "delete"]
)
def test_a_run_that_nobody_knows_is_named(commands: Commands, command: str) -> None:
    """Each command says that there is no such run, with its id."""
    unknown = "0199c5a0-0000-7000-8000-000000000000"

    assert unknown in commands.refused("flow-run", command, unknown)


def test_flows_are_listed(commands: Commands, run: HandRun) -> None:
    """A flow is known from its first run on."""
    assert ["by-hand"] == [flow["name"] for flow in json.loads(commands.run("flow", "ls", "-o", "json").out)]
    assert "by-hand" in commands.run("flow", "ls").out


def test_agents_need_a_server(commands: Commands) -> None:
    """With none running the line says how to start one; and none are listed."""
    assert "alisio server start" in commands.refused("agent", "start", "-p", "local")
    assert "[]\n" == commands.run("agent", "ls", "-o", "json").out
