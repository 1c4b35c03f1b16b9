"""`alisio deploy` and `alisio deployment`, on the embedded backend."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from alisio.client import open_client
from tests.unit.cli.conftest import Commands

FLOW = '''\
from alisio import flow

@flow(retries=2, retry_delay_seconds=[1, 2])
def weather(city: str = "Seattle", days: int = 3) -> None:
    """Tell the weather."""
'''


@pytest.fixture
def project(commands: Commands) -> Commands:
    """A project with one flow, and a work pool."""
    (commands.folder / "flow.py").write_text(FLOW)
    assert 0 == commands.run("work-pool", "create", "local").code
    return commands


def inspected(commands: Commands, address: str) -> dict[str, Any]:
    """Read a deployment."""
    found: dict[str, Any] = json.loads(commands.run("deployment", "inspect", address, "-o", "json").out)
    return found


def test_a_flow_is_deployed_from_options(project: Commands) -> None:
    """What the flow says and what the options say are both in the deployment."""
    result = project.run(
        "deploy", "flow.py:weather", "--name", "hourly", "--pool", "local", "--param", "city=Seattle", "--tag", "a",
        "--cron", "0 * * * *", "--interval", "90s", "--rrule", "FREQ=DAILY", "--timezone", "Europe/Madrid",
    )  # fmt: skip

    assert 0 == result.code
    assert "deployed weather/hourly (1 files" in result.out
    found = inspected(project, "weather/hourly")
    assert ("flow.py:weather", {"city": "Seattle"}, ["a"], "Tell the weather.", 2, [1, 2]) == tuple(
        found[key] for key in ("entrypoint", "parameters", "tags", "description", "retries", "retry_delays")
    )
    assert {("0 * * * *", None, None), (None, 90, None), (None, None, "FREQ=DAILY")} == {
        (schedule["cron"], schedule["interval_seconds"], schedule["rrule"]) for schedule in found["schedules"]
    }
    assert {"Europe/Madrid"} == {schedule["timezone"] for schedule in found["schedules"]}
    assert {"city", "days"} == set(found["parameter_schema"]["properties"])


def test_the_bundle_holds_the_project(project: Commands) -> None:
    """What an agent gets is the folder of the flow's file."""
    (project.folder / "tools.py").write_text("")
    project.run("deploy", "flow.py:weather", "--name", "hourly", "--pool", "local")

    with open_client() as client:
        content = client.download_bundle(inspected(project, "weather/hourly")["bundle"])

    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert ["flow.py", "tools.py"] == archive.getnames()


def test_the_project_file_is_the_root_of_the_bundle(project: Commands) -> None:
    """A flow in a folder below `alisio.yaml` is bundled with the whole project."""
    (project.folder / "alisio.yaml").write_text("deployments: [{name: a, entrypoint: 'flow.py:weather'}]\n")
    (project.folder / "flows").mkdir()
    (project.folder / "flows" / "deep.py").write_text(FLOW)

    project.run("deploy", "flows/deep.py:weather", "--name", "deep", "--pool", "local")

    assert "flows/deep.py:weather" == inspected(project, "weather/deep")["entrypoint"]


def test_a_project_file_is_deployed(project: Commands) -> None:
    """One deployment needs no option; of several one is named, or all are wanted; options go over the file."""
    (project.folder / "alisio.yaml").write_text(
        "work_pool: {name: local}\n"
        "deployments:\n"
        "  - {name: a, entrypoint: 'flow.py:weather', schedules: [{interval: 1h}]}\n"
        "  - {name: b, entrypoint: 'flow.py:weather', tags: [own]}\n"
    )

    assert "a, b; choose one with --name, or --all" in project.refused("deploy")
    assert "did you mean 'a'?" not in project.refused("deploy", "--name", "zzz")
    assert 0 == project.run("deploy", "--name", "b", "--tag", "other").code
    assert ["other"] == inspected(project, "weather/b")["tags"]

    deployed = json.loads(project.run("deploy", "--all", "-o", "json").out)
    assert [("a", 3_600), ("b", None)] == [
        (item["name"], item["schedules"][0]["interval_seconds"] if item["schedules"] else None) for item in deployed
    ]
    assert ["own"] == inspected(project, "weather/b")["tags"]


def test_a_schedule_that_left_the_file_is_removed(project: Commands) -> None:
    """The project file is the whole truth about the schedules of its deployments."""
    path = project.folder / "alisio.yaml"
    one = "work_pool: {name: local}\ndeployments:\n  - {name: a, entrypoint: 'flow.py:weather'"
    path.write_text(one + ", schedules: [{interval: 1h}]}\n")
    project.run("deploy")
    path.write_text(one + "}\n")
    project.run("deploy")

    assert [] == inspected(project, "weather/a")["schedules"]


def test_options_without_schedules_leave_those_that_there_are(project: Commands) -> None:
    """Deploying new code from options does not stop what was scheduled."""
    common = ("deploy", "flow.py:weather", "--name", "a", "-p", "local")
    project.run(*common, "--interval", "1h")
    project.run(*common, "--tag", "new")

    assert 1 == len(inspected(project, "weather/a")["schedules"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.py:weather", "-n", "a", "-p", "local"], "names no file"),
        (["flow.py", "-n", "a", "-p", "local"], "must be path/to/file.py:function"),
        (["flow.py:wether", "-n", "a", "-p", "local"], "there is no 'wether' in flow.py"),
        (["flow.py:weather", "-p", "local"], "needs a name and a work pool"),
        (["flow.py:weather", "-n", "a"], "needs a name and a work pool"),
        (["flow.py:weather", "-n", "a", "-p", "locl"], "did you mean 'local'?"),
        (["flow.py:weather", "-n", "a", "-p", "local", "-q", "none"], "none"),
        (["flow.py:weather", "-n", "a/b", "-p", "local"], "name: "),
        (["flow.py:weather", "-n", "a", "-p", "local", "--cron", "61 * * * *"], "61"),
        (["flow.py:weather", "-n", "a", "-p", "local", "--interval", "soon"], "--interval: 'soon'"),
        (["flow.py:weather", "-n", "a", "-p", "local", "--timezone", "UTC"], "--timezone goes with"),
        (["flow.py:weather", "-n", "a", "-p", "local", "--param", "cty=x"], "cty"),
        ([], "there is no alisio.yaml"),
        (["--file", "other.yaml"], "there is no other.yaml"),
    ],
)
def test_what_cannot_be_deployed_is_one_line(project: Commands, arguments: list[str], said: str) -> None:
    """The line names what is wrong, and nothing is deployed."""
    assert said in project.refused("deploy", *arguments)

    assert "[]\n" == project.run("deployment", "ls", "-o", "json").out


def test_an_entrypoint_outside_of_the_project_is_refused(project: Commands) -> None:
    """A project file cannot send code that is not in its folder."""
    (project.folder.parent / "outside.py").write_text(FLOW)
    (project.folder / "alisio.yaml").write_text(
        "work_pool: {name: local}\ndeployments: [{name: a, entrypoint: '../outside.py:weather'}]\n"
    )

    assert "leaves the project" in project.refused("deploy")


def test_what_the_server_refuses_is_told_with_its_deployment(project: Commands) -> None:
    """Of several deployments the line names the one at fault."""
    (project.folder / "alisio.yaml").write_text(
        "work_pool: {name: local}\n"
        "deployments:\n"
        "  - {name: a, entrypoint: 'flow.py:weather'}\n"
        "  - {name: b, entrypoint: 'flow.py:weather', parameters: {days: many}}\n"
    )

    result = project.run("deploy", "--all")

    assert 1 == result.code
    assert "error: deployment weather/b: parameters.days: 'many' is not of type 'integer'\n" == result.err


def test_a_deployment_is_shown_to_people(project: Commands) -> None:
    """Its schedules and its parameters have a line each."""
    project.run("deploy", "flow.py:weather", "-n", "a", "-p", "local", "--cron", "0 * * * *", "--interval", "90m")

    shown = project.run("deployment", "inspect", "weather/a").out

    assert "{" not in shown
    assert 'city: string = "Seattle"' in shown
    assert "cron 0 * * * * (UTC), next " in shown
    assert "every 1h30m (UTC), next " in shown


def test_one_broken_flow_of_many_leaves_nothing_deployed(project: Commands) -> None:
    """All flows are loaded before the first is sent."""
    (project.folder / "broken.py").write_text("def broken(:\n")
    (project.folder / "alisio.yaml").write_text(
        "work_pool: {name: local}\n"
        "deployments:\n"
        "  - {name: a, entrypoint: 'flow.py:weather'}\n"
        "  - {name: b, entrypoint: 'broken.py:broken'}\n"
    )

    assert "broken.py" in project.refused("deploy", "--all")
    assert "[]\n" == project.run("deployment", "ls", "-o", "json").out


def test_a_deployment_is_run_paused_and_deleted(project: Commands) -> None:
    """The commands on one deployment take its address."""
    project.run("deploy", "flow.py:weather", "--name", "a", "--pool", "local", "--param", "city=Seattle")

    run = json.loads(
        project.run(
            "deployment", "run", "weather/a", "--param", "days=5", "--name", "mine", "--tag", "t", "--in", "1h",
            "--job-variable", "k=v", "--idempotency-key", "once", "-o", "json",
        ).out
    )  # fmt: skip
    again = json.loads(project.run("deployment", "run", "weather/a", "--idempotency-key", "once", "-o", "json").out)

    assert ("mine", {"city": "Seattle", "days": 5}, ["t"], {"k": "v"}) == tuple(
        run[key] for key in ("name", "parameters", "tags", "job_variables")
    )
    assert run["id"] == again["id"]
    assert "paused deployment weather/a\n" == project.run("deployment", "pause", "weather/a").out
    assert inspected(project, "weather/a")["paused"]
    assert "resumed deployment weather/a\n" == project.run("deployment", "resume", "weather/a").out
    assert not inspected(project, "weather/a")["paused"]
    assert "deleted deployment weather/a\n" == project.run("deployment", "delete", "weather/a").out
    assert "there is no deployment 'weather/a'" in project.refused("deployment", "inspect", "weather/a")


def test_a_run_that_cannot_be_is_one_line(project: Commands) -> None:
    """Wrong parameters and unknown deployments are named, and near names are told."""
    project.run("deploy", "flow.py:weather", "--name", "hourly", "--pool", "local")
    run = ("deployment", "run")

    assert "days" in project.refused(*run, "weather/hourly", "--param", "city=x", "--param", "days=many")
    assert "cty" in project.refused(*run, "weather/hourly", "--param", "cty=x")
    assert "did you mean 'weather/hourly'?" in project.refused(*run, "weather/hourl")
    assert "must be FLOW/DEPLOYMENT" in project.refused(*run, "weather")
    assert "[]\n" == project.run("flow-run", "ls", "-o", "json").out
