"""Projects whose files and tasks have the same names: a name of their own keeps them apart."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from alisio import Task
from alisio.background import background_deployment, load_task
from alisio.contract.runs import FlowRun
from alisio.deployments.failures import ProjectError
from alisio.deployments.serving import register, tell_of_other_folder
from tests.unit.sdk.control.conftest import Person

CODE = "from alisio import task\n\n@task\ndef add(a, b=0):\n    return a + b\n"


class Projects:
    """Two folders that have the same file."""

    def __init__(self, person: Person, folder: Path) -> None:
        self.person = person
        self.folder = folder

    def write(self, project: str, text: str | None = None) -> Path:
        """Write a project, with this project file."""
        root = self.folder / project
        (root / "tasks").mkdir(parents=True, exist_ok=True)
        (root / "tasks" / "sums.py").write_text(CODE)
        if text is not None:
            (root / "alisio.yaml").write_text(text)
        return root

    def task(self, root: Path) -> Task[..., int]:
        """Load the task of a project, in place of that of another one."""
        return load_task("tasks/sums.py:add", root)

    def asked(self, root: Path) -> FlowRun:
        """Ask for the task of a project."""
        return self.person.client.read_flow_run(self.task(root).delay(1).flow_run_id)


@pytest.fixture
def projects(person: Person, tmp_path: Path) -> Iterator[Projects]:
    """Folders for projects."""
    yield Projects(person, tmp_path)


def test_projects_with_names_are_kept_apart(projects: Projects) -> None:
    """Each has a deployment and a queue of its own, by which no worker of the other one is given its tasks."""
    weather, tides = (projects.write(name, f"name: {name}\n") for name in ("weather", "tides"))

    first, second, again = projects.asked(weather), projects.asked(tides), projects.asked(weather)

    assert "background weather: tasks.sums.py:add" == first.deployment_name
    assert "add background tides: tasks.sums.py:add" == second.work_queue_name
    assert first.deployment_id == again.deployment_id != second.deployment_id


def test_a_project_is_one_wherever_it_lies(projects: Projects) -> None:
    """Who asks may have it in another folder, or on another machine, than the worker that serves it."""
    root = projects.write("weather", "name: weather\ndeployments: []  # not looked at\n")
    twin = projects.folder / "elsewhere"
    shutil.copytree(root, twin)

    assert projects.asked(root).deployment_id == projects.asked(twin).deployment_id


@pytest.mark.parametrize(
    ("text", "said"), [("tags: []\nname: a/b\n", r"alisio.yaml:2: name: a name has none of"), ("name: [\n", ":2: ")]
)
def test_a_name_that_cannot_be_used_is_refused(projects: Projects, text: str, said: str) -> None:
    """With its line, before anything is asked for."""
    with pytest.raises(ProjectError, match=said):
        projects.asked(projects.write("weather", text))


def test_who_serves_from_another_folder_is_told(projects: Projects, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be another project; where the folder is gone, the project was moved."""
    client = projects.person.client
    first, second = projects.write("first", ""), projects.write("second", "")
    deployment = background_deployment(projects.task(first))
    tell_of_other_folder(client, deployment)
    register(client, (deployment,))
    tell_of_other_folder(client, deployment)
    assert "" == capsys.readouterr().err

    other = background_deployment(projects.task(second))
    tell_of_other_folder(client, other)
    assert f"served from {first}, and its runs use {second} from now on" in capsys.readouterr().err
    shutil.rmtree(first)
    tell_of_other_folder(client, other)
    assert "" == capsys.readouterr().err
