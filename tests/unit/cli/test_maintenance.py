"""Backfills, deleting runs by what they are, and the size of the database, on the embedded backend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from alisio.client import Client, open_client
from alisio.contract.deployments import DeploymentSpec, ScheduleSpec
from alisio.contract.ids import new_id
from alisio.contract.work_pools import WorkPoolCreate
from tests.unit.cli.conftest import Commands


@pytest.fixture
def client(commands: Commands) -> Iterator[Client]:
    """A client, with a deployment `tide/daily` that is due each day at noon."""
    with open_client() as client:
        client.create_work_pool(WorkPoolCreate(name="shore"))
        noon = ScheduleSpec(cron="0 12 * * *", slug="noon")
        spec = {"flow_name": "tide", "name": "daily", "entrypoint": "tide.py:tide", "work_pool_name": "shore"}
        client.apply_deployment(DeploymentSpec(**spec, schedules=[noon]))
        yield client


def script(client: Client, state: str) -> None:
    """Record a run by hand."""
    now = datetime.now(UTC).isoformat()
    report = {
        "attempt": 1,
        "sequence": 1,
        "origin": "script",
        "facts": {"flow_name": "ebb", "name": "low-tide"},
        "states": [{"type": state, "name": state.capitalize(), "timestamp": now, "message": None}],
    }
    client.send_report(new_id(), report)


BACKFILL = ("deployment", "backfill", "tide/daily", "--from", "2026-03-01T00:00+00:00", "--to", "2026-03-03T13:00Z")


def test_a_backfill_is_shown_and_made_once(commands: Commands, client: Client) -> None:
    """The times are shown; with --yes their runs are made; a second time there is nothing to do."""
    dry = json.loads(commands.run(*BACKFILL, "--dry-run", "-o", "json").out)
    assert (0, 3) == (dry["created"], len(dry["times"]))
    made = commands.run(*BACKFILL, "--yes").out
    assert 3 == made.count("to be made")
    assert made.endswith("made 3 runs of tide/daily\n")
    assert commands.run(*BACKFILL).out.endswith("every time has its run already\n")


def test_a_backfill_that_nobody_confirms_makes_nothing(commands: Commands, client: Client) -> None:
    """Without --yes and without a person to ask, the command ends and no run is there."""
    assert 0 != commands.run(*BACKFILL).code
    assert "[]\n" == commands.run("flow-run", "ls", "--deployment", "tide/daily", "--state", "Late", "-o", "json").out
    assert 0 == json.loads(commands.run(*BACKFILL, "--dry-run", "-o", "json").out)["created"]


def test_a_dry_backfill_says_what_would_be_made(commands: Commands, client: Client) -> None:
    """It makes no run, and does not say that it made some; a span without times is no span with all its runs."""
    assert commands.run(*BACKFILL, "--dry-run").out.endswith("3 runs of tide/daily would be made\n")
    assert "no time of schedule 'noon' lies there\n" == commands.run(*BACKFILL[:-1], "2026-03-01T01:00Z").out


def test_a_backfill_against_time_is_refused(commands: Commands, client: Client) -> None:
    """The line says both ends, as one of them may be the present."""
    line = commands.refused(*BACKFILL[:-1], "2026-02-01T00:00Z")
    assert "start: 2026-03-01T00:00:00+00:00 comes after the end, 2026-02-01T00:00:00+00:00" == line


def test_a_time_that_cannot_be_read_is_named(commands: Commands, client: Client) -> None:
    """The line names the option and shows how to write it."""
    line = commands.refused("deployment", "backfill", "tide/daily", "--from", "yesterday")
    assert "--from 'yesterday' is not a time; write it like 2026-03-01T09:30 or with +01:00" == line


def test_runs_are_deleted_by_what_they_are(commands: Commands, client: Client) -> None:
    """Options narrow what goes; it is counted first with --dry-run."""
    for state in ("FAILED", "FAILED", "COMPLETED"):
        script(client, state)
    which = ("flow-run", "delete", "--state", "FAILED", "--flow", "ebb")
    assert "2 flow runs would be deleted\n" == commands.run(*which, "--dry-run").out
    assert "no flow run is there to be deleted\n" == commands.run(*which, "--before", "1h", "--yes").out
    assert "deleted 2 flow runs\n" == commands.run(*which, "--yes").out
    assert ["COMPLETED"] == [
        run["state"]["type"] for run in json.loads(commands.run("flow-run", "ls", "--flow", "ebb", "-o", "json").out)
    ]


def test_nothing_is_deleted_for_want_of_a_filter(commands: Commands, client: Client) -> None:
    """Neither a run nor an option, or both, is refused."""
    assert "name a flow run, or say which ones" in commands.refused("flow-run", "delete", "--yes")
    assert "name a flow run" in commands.refused("flow-run", "delete", str(new_id()), "--flow", "ebb")


def test_the_database_tells_its_size(commands: Commands, client: Client) -> None:
    """Each table has its rows, what of them goes, and where known its bytes."""
    script(client, "COMPLETED")
    tables = {row["table"]: row for row in json.loads(commands.run("server", "database", "stats", "-o", "json").out)}
    runs = len(json.loads(commands.run("flow-run", "ls", "-o", "json").out))
    assert (runs, 0) == (tables["flow_run"]["rows"], tables["flow_run"]["removable"])
    assert "flow_run" in commands.run("server", "database", "stats").out


def test_the_database_is_vacuumed(commands: Commands, client: Client) -> None:
    """The space of removed rows goes back to the disk."""
    client.close()
    result = commands.run("server", "database", "vacuum")
    assert (0, "") == (result.code, result.err)
    assert result.out.endswith("is vacuumed\n")


def test_a_database_that_cannot_be_vacuumed_is_named(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens on port 1: one line, without the password."""
    monkeypatch.setenv("ALISIO_API_DATABASE_CONNECTION_URL", "postgresql://me:hush@127.0.0.1:1/x")
    line = commands.refused("server", "database", "vacuum")
    assert line.startswith("cannot use the database postgres://127.0.0.1:1/x: ")
    assert "hush" not in line


@pytest.mark.parametrize(
    ("value", "why"),
    [("soon", "must be a duration such as 30d or 12h, or forever"), ("1s", "must lie between 1m and 100 years")],
)
def test_a_retention_that_cannot_be_read_is_refused(commands: Commands, value: str, why: str) -> None:
    """The line names the setting and what it may be; `forever` may be."""
    assert why in commands.refused("config", "set", f"ALISIO_RETENTION_LOGS={value}")
    assert 0 == commands.run("config", "set", "ALISIO_RETENTION_LOGS=forever").code
