"""EventBridge and the schedules: entries fire, may fire twice, and may all be lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.cloud.place import CloudPlace
from tests.e2e.flows import QUICK, RECORDED
from tests.e2e.stack import Deployed, Stack

HORIZON = timedelta(minutes=15)
"""How far ahead runs are made."""


def _deploy_once(stack: Stack, due: datetime) -> Deployed:
    """Deploy a flow that a schedule runs once."""
    deployed = stack.deploy(QUICK)
    project = f"""
        deployments:
          - name: {deployed.address.partition("/")[2]}
            entrypoint: flow.py:main
            work_pool: {{name: {stack.pool}}}
            schedules:
              - at: "{due.isoformat()}"
    """
    stack.write("alisio.yaml", project)
    stack.cli("deploy", "--all", cwd=stack.folder / "project")
    return deployed


def _entry_of(place: CloudPlace, deployed: Deployed) -> str:
    name = deployed.address.partition("/")[2]
    [entry] = [found for found in place.entries() if name in found]
    return entry


def _scheduled(stack: Stack) -> list[str]:
    return [run["occurrence"] for run in stack.runs(created_by="schedule")]


def test_an_active_schedule_has_an_entry_and_a_deleted_one_none(stack: Stack, place: CloudPlace) -> None:
    """It bears the deployment's name, waits until 5 minutes before the next new run, and goes with its schedule."""
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    deployed = _deploy_once(stack, due)

    entry = _entry_of(place, deployed)

    found = place.client("scheduler").get_schedule(Name=entry, GroupName="alisio-local")
    assert f"at({due - timedelta(minutes=5):%Y-%m-%dT%H:%M:%S})" == found["ScheduleExpression"]
    stack.cli("deployment", "pause", deployed.address)
    assert entry not in place.entries()
    stack.cli("deployment", "resume", deployed.address)
    assert entry in place.entries()
    stack.cli("deployment", "delete", deployed.address)
    assert entry not in place.entries()


def test_eventbridge_makes_the_runs_of_a_schedule(stack: Stack, place: CloudPlace) -> None:
    """With the minute's tick switched off, an entry that fires has the tick function make the run that is near."""
    with place.stopped_clockwork():
        due = datetime.now(UTC).replace(microsecond=0) + HORIZON + timedelta(seconds=20)
        entry = _entry_of(place, _deploy_once(stack, due))
        assert [] == _scheduled(stack)

        # Sooner than the entry would by itself, but not before the run is near enough to be made.
        fires = due - HORIZON + timedelta(seconds=2)
        place.change_entry(entry, ScheduleExpression=f"at({fires:%Y-%m-%dT%H:%M:%S})")

        stack.until(lambda: _scheduled(stack), "EventBridge to have the run made")
        assert [due] == [datetime.fromisoformat(occurrence) for occurrence in _scheduled(stack)]


def test_a_schedule_runs_by_itself_from_its_entry_to_its_end(stack: Stack) -> None:
    """The minute's tick, called by EventBridge, makes runs that agents execute at their time, each of them once."""
    record = stack.folder / "record"
    stack.start_agent()
    stack.deploy(RECORDED, "--interval", "15s", "--param", f"record={record}", "--param", "mark=ran")

    def ended() -> list[str]:
        done = stack.runs(created_by="schedule", state_types=["COMPLETED"])
        return [run["occurrence"] for run in done] if len(done) >= 3 else []

    occurrences = stack.until(ended, "three scheduled runs to complete")

    assert len(set(occurrences)) == len(occurrences)
    assert len(occurrences) <= len(record.read_text().split())


@pytest.mark.alone
def test_without_any_entry_nothing_is_missed(stack: Stack, place: CloudPlace) -> None:
    """All entries of schedules deleted, the minute's tick makes the run as soon as it is near."""
    due = datetime.now(UTC).replace(microsecond=0) + HORIZON + timedelta(seconds=15)
    _deploy_once(stack, due)
    scheduler = place.client("scheduler")
    for entry in place.entries():
        scheduler.delete_schedule(Name=entry, GroupName="alisio-local")
    assert [] == place.entries()

    stack.until(lambda: _scheduled(stack), "the tick to make the run")

    assert [due] == [datetime.fromisoformat(occurrence) for occurrence in _scheduled(stack)]


def test_what_fires_twice_makes_one_run(stack: Stack, place: CloudPlace) -> None:
    """EventBridge may deliver an entry, and the minute's tick, more than once and at the same time."""
    due = datetime.now(UTC).replace(microsecond=0) + HORIZON + timedelta(seconds=5)
    deployed = _deploy_once(stack, due)
    entry = _entry_of(place, deployed)
    [schedule] = stack.api.get(f"/deployments/{deployed.id}")["schedules"]
    event = {"source": "schedule", "deployment_id": deployed.id, "slug": schedule["slug"], "timer": entry}
    stack.until(lambda: datetime.now(UTC) > due - HORIZON, "the run to be near enough to be made")

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(place.call, "tick", event) for _ in range(4)] + [pool.submit(place.tick) for _ in range(2)]
        for call in calls:
            call.result()

    assert [due] == [datetime.fromisoformat(occurrence) for occurrence in _scheduled(stack)]
