"""Schedules: which runs they make, exactly once, and what stops them."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.e2e.flows import QUICK, RECORDED
from tests.e2e.stack import Deployed, Json, Stack


def _scheduled(stack: Stack) -> list[Json]:
    return sorted(stack.runs(created_by="schedule", state_types=["SCHEDULED"]), key=lambda run: str(run["occurrence"]))


def _times(runs: list[Json]) -> list[datetime]:
    return [datetime.fromisoformat(run["occurrence"]) for run in runs]


def _identities(stack: Stack) -> dict[str, str]:
    return {run["occurrence"]: run["id"] for run in _scheduled(stack)}


def _schedule(stack: Stack, deployed: Deployed) -> Json:
    [schedule] = stack.api.get(f"/deployments/{deployed.id}")["schedules"]
    return dict(schedule)


def _last_tick(stack: Stack) -> str:
    return str(stack.api.get("/health")["last_tick"])


def _has_ticked_since(stack: Stack, moment: str) -> bool:
    return _last_tick(stack) != moment


def _wait_for_ticks(stack: Stack, count: int) -> None:
    """Wait until the clockwork has gone round some times more."""
    for _ in range(count):
        last = _last_tick(stack)
        stack.until(partial(_has_ticked_since, stack, last), "the next tick")


def test_an_interval_makes_runs_that_agents_execute(stack: Stack) -> None:
    """A deployment with an interval of seconds runs by itself: each due time once, at its time."""
    record = stack.folder / "record"
    stack.start_agent()
    options = ("--interval", "1", "--param", f"record={record}", "--param", "mark=ran")
    stack.deploy(RECORDED, *options)

    def three() -> list[Json]:
        done = stack.runs(created_by="schedule", state_types=["COMPLETED"])
        return done if len(done) >= 3 else []

    done = stack.until(three, "three scheduled runs", timeout=80)

    occurrences = sorted(_times(done))
    assert len(set(occurrences)) == len(occurrences)
    assert {0} == {moment.microsecond for moment in occurrences}
    for run in done:
        assert datetime.fromisoformat(run["occurrence"]) <= datetime.fromisoformat(run["started"])
    assert len(done) <= len(record.read_text().split())


def test_a_cron_line_is_read_as_wall_time_of_its_zone(stack: Stack) -> None:
    """`--cron` with `--timezone` falls due at those hours there, whatever the server's own zone is."""
    deployed = stack.deploy(QUICK, "--cron", "30 9 * * *", "--timezone", "Europe/Madrid")

    due = datetime.fromisoformat(_schedule(stack, deployed)["next_due"]).astimezone(ZoneInfo("Europe/Madrid"))

    assert (9, 30, 0) == (due.hour, due.minute, due.second)
    now = datetime.now(ZoneInfo("Europe/Madrid"))
    assert now < due <= now + timedelta(days=1, hours=1)


def test_a_cron_line_makes_the_runs_of_the_next_minutes(stack: Stack) -> None:
    """Runs of the near future are there to be seen, one for each time, before they are due."""
    stack.deploy(QUICK, "--cron", "* * * * *")

    times = _times(_scheduled(stack))

    assert len(times) >= 5
    assert {timedelta(minutes=1)} == {later - earlier for earlier, later in pairwise(times)}
    assert {0} == {moment.second for moment in times}


def test_a_recurrence_rule_makes_runs(stack: Stack) -> None:
    """`--rrule` takes a rule of RFC 5545."""
    stack.deploy(QUICK, "--rrule", "FREQ=MINUTELY;INTERVAL=2")

    times = _times(_scheduled(stack))

    assert len(times) >= 3
    assert {timedelta(minutes=2)} == {later - earlier for earlier, later in pairwise(times)}


def test_deploying_again_makes_no_doubles(stack: Stack) -> None:
    """A run is one deployment, schedule and time: deploying again, and more ticks, leave the runs as they are."""
    schedule = ("--interval", "120")
    deployed = stack.deploy(QUICK, *schedule, name="same")
    before = _identities(stack)

    again = stack.deploy(QUICK, *schedule, name="same")
    _wait_for_ticks(stack, 2)

    assert deployed == again
    after = _identities(stack)
    assert len(before) >= 5
    shared = before.keys() & after.keys()
    assert len(shared) >= len(before) - 1  # the first may have fallen due
    assert {moment: before[moment] for moment in shared} == {moment: after[moment] for moment in shared}
    assert len(after) == len(_scheduled(stack))


def test_a_changed_schedule_takes_its_runs_along(stack: Stack) -> None:
    """When the rule changes, the waiting runs of the old rule go, and those of the new one come, in one step."""
    stack.deploy(QUICK, "--cron", "*/2 * * * *", name="same")
    assert all(moment.minute % 2 == 0 for moment in _times(_scheduled(stack)))

    stack.deploy(QUICK, "--cron", "1-59/2 * * * *", name="same")

    times = _times(_scheduled(stack))
    assert len(times) >= 3
    assert all(moment.minute % 2 == 1 for moment in times)


def test_a_paused_deployment_makes_no_runs(stack: Stack) -> None:
    """`deployment pause` takes the waiting scheduled runs away and makes none; `resume` brings them back."""
    deployed = stack.deploy(QUICK, "--cron", "* * * * *")
    assert _scheduled(stack)

    stack.cli("deployment", "pause", deployed.address)

    assert [] == _scheduled(stack)
    _wait_for_ticks(stack, 1)
    assert [] == _scheduled(stack)
    assert stack.cli("deployment", "inspect", deployed.address, "--output", "json").json["paused"]
    stack.cli("deployment", "resume", deployed.address)
    assert len(_scheduled(stack)) >= 5


def test_a_schedule_of_a_project_file_is_deployed(stack: Stack) -> None:
    """`alisio deploy --all` makes the deployments of `alisio.yaml` with their schedules, parameters and tags."""
    stack.write("flow.py", QUICK)
    project = f"""
        work_pool: {{name: {stack.pool}}}
        deployments:
          - name: first
            entrypoint: flow.py:main
            parameters: {{word: first}}
            tags: [nightly]
            schedules:
              - cron: "0 3 * * *"
                timezone: America/Los_Angeles
              - interval: 90s
          - name: second
            entrypoint: flow.py:main
    """
    path = stack.write("alisio.yaml", project)

    stack.cli("deploy", "--all", cwd=path.parent)

    query = {"filter": {"work_pool_names": [stack.pool]}}
    first, second = stack.api.post("/deployments/filter", query)["items"]
    assert ("first", {"word": "first"}, ["nightly"]) == (first["name"], first["parameters"], first["tags"])
    assert {("0 3 * * *", None), (None, 90)} == {
        (item["cron"], item["interval_seconds"]) for item in first["schedules"]
    }
    assert ("second", []) == (second["name"], second["schedules"])


def test_a_bad_schedule_is_refused(stack: Stack) -> None:
    """A cron line, zone or rule that cannot be read is told in one line, and the deployment is not made."""
    path: Path = stack.write("flow.py", QUICK)
    entrypoint = f"{path}:main"
    common = ("deploy", entrypoint, "--name", "bad", "-p", stack.pool)

    assert "61" in stack.refused(*common, "--cron", "61 * * * *")
    assert "Mars" in stack.refused(*common, "--cron", "0 9 * * *", "--timezone", "Mars/Olympus")
    assert "rrule" in stack.refused(*common, "--rrule", "FREQ=NEVER")
    assert [] == stack.api.post("/deployments/filter", {"filter": {"work_pool_names": [stack.pool]}})["items"]
