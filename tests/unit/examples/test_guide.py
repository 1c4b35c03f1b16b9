"""The guide's examples run as they stand, as a reader would run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from alisio import State
from alisio.client import open_client
from alisio.contract.artifacts import ArtifactQuery
from alisio.contract.assets import AssetQuery
from alisio.contract.runs import FlowRun, FlowRunQuery, TaskRun, TaskRunFilter, TaskRunQuery
from alisio.contract.states import StateType
from alisio.contract.user_events import EventQuery

GUIDE = Path(__file__).resolve().parents[3] / "examples" / "guide"
FACT = "Cats sleep for most of the day."


@pytest.fixture
def fact_url() -> Iterator[str]:
    """A local server in place of the public one of the guide."""

    class Facts(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"fact": FACT, "length": len(FACT)}).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing on stderr."""

    with HTTPServer(("127.0.0.1", 0), Facts) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/fact"
        server.shutdown()
        thread.join()


class Reader:
    """Runs examples with a home of its own, and looks at what they left in the database there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, *command: str, **variables: str) -> str:
        """Run Python with these arguments; return all that it printed."""
        done = subprocess.run(
            [sys.executable, *command],
            env=os.environ | variables,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout + done.stderr

    def last_run(self) -> FlowRun:
        """Read the latest flow run, which must have completed."""
        with open_client() as client:
            [run] = client.filter_flow_runs(FlowRunQuery(limit=1)).items
        assert StateType.COMPLETED == run.state.type
        return run

    def task_runs(self) -> list[TaskRun]:
        """Read the task runs of the latest flow run."""
        which = TaskRunFilter(flow_run_ids=[self.last_run().id])
        with open_client() as client:
            return client.filter_task_runs(TaskRunQuery(filter=which)).items


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Somebody who tries the examples in an empty folder, with no settings of their own."""
    for name in [name for name in os.environ if name.startswith("ALISIO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path / "home"))
    return Reader(tmp_path)


def test_call_api(reader: Reader, fact_url: str) -> None:
    """The flow asks the API and prints status and fact; what it prints is logged."""
    printed = reader.run(str(GUIDE / "call_api.py"), fact_url)

    assert "200" in printed
    assert FACT in printed
    run = reader.last_run()
    assert ("api-flow", {"url": fact_url}) == (run.flow_name, run.parameters)
    assert 2 == len(reader.task_runs())


def test_options(reader: Reader) -> None:
    """Name and version are those given; without the variable the version is the hash of the file."""
    assert "42" in reader.run(str(GUIDE / "options.py"), GIT_COMMIT_SHA="abc123")
    run = reader.last_run()
    assert ("My Example Flow", "abc123") == (run.flow_name, run.flow_version)

    reader.run(str(GUIDE / "options.py"))
    assert reader.last_run().flow_version not in (None, "", "abc123")


def test_names(reader: Reader) -> None:
    """Run names are filled in from the parameters, dates by their format."""
    assert "hello marvin, today is Thursday" in reader.run(str(GUIDE / "names.py"))

    assert "marvin-on-Thursday" == reader.last_run().name
    assert ["hello-marvin-on-Thursday"] == [run.name for run in reader.task_runs()]


def test_tags(reader: Reader) -> None:
    """The tags of a task are on its runs, those of the block besides."""
    assert "['PLAIN', 'LATE']" in reader.run(str(GUIDE / "tags.py"))

    tagged = [set(run.tags) for run in reader.task_runs()]
    assert 2 == len(tagged)
    assert {"tutorial", "tag-test"} in tagged
    assert {"tutorial", "tag-test", "evening"} in tagged


def test_elevator(reader: Reader) -> None:
    """All floors are set out for before the highest is reached, and the lowest floor is reached first."""
    printed = reader.run(str(GUIDE / "elevator.py"), "0.05")

    assert 10 == printed.count("elevator moving to floor")
    stops = [line for line in printed.splitlines() if "elevator stops on floor" in line]
    assert 10 == len(stops)
    assert stops[0].endswith(" 1")
    assert stops[-1].endswith(" 10")


def test_results(reader: Reader) -> None:
    """The second attempt does not measure again, and the flow's state leads to the stored result."""
    printed = reader.run(str(GUIDE / "results.py"))

    assert "Lugo: 17.5 degrees" in printed
    assert 1 == printed.count("measuring in Lugo")
    run = reader.last_run()
    assert f"stored in {run.state.result}" in printed
    assert "Lugo: 17.5 degrees" == State.from_record(run.state).result()


def test_variables(reader: Reader) -> None:
    """The first run finds no variable and takes the default; the second one finds what was set between them."""
    printed = reader.run(str(GUIDE / "variables.py"))

    assert "Mars: nobody" in printed
    assert "Mars: Zaphod, Trillian" in printed
    with open_client() as client:
        assert ["crew"] == client.read_variable("crew_members").tags


def test_artifacts(reader: Reader) -> None:
    """The run reads back its report; table, report and progress are in the database when it has ended."""
    assert "2 towns were measured." in reader.run(str(GUIDE / "artifacts.py"))

    with open_client() as client:
        found = client.filter_artifacts(ArtifactQuery(with_data=True)).items
    assert {"table": "temperatures", "markdown": "weather-report", "progress": None} == {
        each.type: each.key for each in found
    }
    [progress] = [each.data for each in found if each.type == "progress"]
    assert 100.0 == progress


def test_assets(reader: Reader) -> None:
    """Both files are known as assets, with what the second one was made from and the rows it has."""
    reader.run(str(GUIDE / "assets.py"))

    with open_client() as client:
        clean, raw, _ = client.filter_assets(AssetQuery()).items
    assert ["file://weather/raw.csv", "sftp://provider/stations.csv"] == clean.upstream
    assert clean.last is not None
    assert {"rows": 1} == clean.last.metadata
    assert ("Raw weather", ["file://weather/clean.csv"]) == (raw.properties.name, raw.downstream)


def test_events(reader: Reader) -> None:
    """Both events are in the database, and the second one follows the first."""
    reader.run(str(GUIDE / "events.py"))

    with open_client() as client:
        checked, arrived = client.filter_events(EventQuery()).items
    assert ("file.arrived", {"rows": 12}) == (arrived.event, arrived.payload)
    assert ("file.checked", arrived.id) == (checked.event, checked.follows)


def test_limits(reader: Reader) -> None:
    """The example runs with its limits made as it says: all slots come back, and tagged tasks wait for each other."""
    for command in ("gcl create database --limit 2", "gcl create weather-api --limit 1 --slot-decay-per-second 5"):
        reader.run("-m", "alisio.cli", *command.split())
    reader.run("-m", "alisio.cli", "concurrency-limit", "create", "heavy", "1")

    printed = reader.run(str(GUIDE / "limits.py"))
    for line in ("rows of towns", "large is trained", "the weather in Vigo"):
        assert line in printed
    assert 8 == len(reader.task_runs())
    with open_client() as client:
        limits = client.list_global_concurrency_limits().items
    assert {"database": 0, "tag:heavy": 0} == {
        each.name: each.active_slots for each in limits if "api" not in each.name
    }


def test_processes(reader: Reader) -> None:
    """Four ranges are searched in processes, whose log lines are the flow's, and the sum is printed."""
    printed = reader.run(str(GUIDE / "processes.py"), "2000")

    assert "303 primes" in printed
    assert 4 == printed.count(" primes from ")
    assert 4 == len(reader.task_runs())


def test_every_example_of_the_guide_is_tested() -> None:
    """No example is added without a test here."""
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in GUIDE.glob("*.py")} <= tested
