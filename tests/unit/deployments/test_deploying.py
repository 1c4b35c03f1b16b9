"""`flow.deploy()`: from the flow's own file, on the embedded backend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alisio import flow
from alisio.deployments.deploying import Source, source_in_project, source_of_entrypoint, source_of_flow
from alisio.deployments.failures import ProjectError


@flow
def at_the_top() -> None:
    """A flow that can be found again."""


class Project:
    """A folder with scripts, and a home with a work pool."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        settings = {name: value for name, value in os.environ.items() if not name.startswith("ALISIO_")}
        self._environment = settings | {"ALISIO_HOME": str(folder / "home"), "PYTHONPATH": ":".join(sys.path)}

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the folder."""
        return subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=self._environment, capture_output=True, text=True
        )

    def alisio(self, *arguments: str) -> str:
        """Run a command that must succeed."""
        done = self.python("-m", "alisio.cli", *arguments)
        assert 0 == done.returncode, done.stderr
        return done.stdout

    def deployment(self, address: str) -> dict[str, Any]:
        """Read a deployment."""
        found: dict[str, Any] = json.loads(self.alisio("deployment", "inspect", address, "-o", "json"))
        return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project and a pool named `local`."""
    made = Project(tmp_path)
    made.alisio("work-pool", "create", "local")
    return made


def script(options: str) -> str:
    """Write a file with a flow that deploys itself."""
    return (
        "from datetime import timedelta\n"
        "from alisio import flow\n"
        "@flow(name='the-flow', version='7', description='what it does')\n"
        "def main(word: str = 'a'): ...\n"
        "if __name__ == '__main__':\n"
        f"    print(main.deploy('mine', 'local', print_next_steps=False{options}))\n"
    )


def test_a_flow_deploys_itself(project: Project) -> None:
    """Its name, version, description and parameters are the flow's, the rest what the call says."""
    options = (
        ", parameters={'word': 'b'}, tags=['t'], interval=timedelta(minutes=1), timezone='Asia/Tokyo', "
        "job_variables={'k': 1}, paused=True"
    )
    (project.folder / "flow.py").write_text(script(options))

    done = project.python("flow.py")

    assert (0, "") == (done.returncode, done.stderr)
    found = project.deployment("the-flow/mine")
    assert done.stdout.strip() == found["id"]
    assert ("flow.py:main", "7", "what it does", {"word": "b"}, ["t"], {"k": 1}, True) == tuple(
        found[key] for key in ("entrypoint", "version", "description", "parameters", "tags", "job_variables", "paused")
    )
    assert [(60, "Asia/Tokyo")] == [
        (schedule["interval_seconds"], schedule["timezone"]) for schedule in found["schedules"]
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (", cron='* * * * *', schedules=[]", "give one of schedules and cron, not both"),
        (", cron='* * * * *', interval=60", "give one of cron and interval, not both"),
        (", cron='* * * *'", "it has 4 fields, not five"),
        (", triggers=['x']", "triggers cannot be used: automations are not there"),
        (", image='a/b:c'", "image cannot be used"),
        (", concurrency_limit='2'", "concurrency_limit must be a number or a ConcurrencyLimitConfig"),
        (", crom='* * * * *'", "there is no option 'crom'"),
        (", work_queue_name='none'", "none"),
        (", timezone='UTC'", "timezone goes with cron, interval or rrule"),
        (", tags='text'", "tags are several texts"),
        (", description='x' * 10_001", "description: String should have at most 10000 characters"),
    ],
)
def test_what_cannot_be_deployed_raises(project: Project, options: str, said: str) -> None:
    """The exception's text is one line that says what is wrong."""
    (project.folder / "flow.py").write_text(script(options))

    done = project.python("flow.py")

    assert 1 == done.returncode
    assert said in done.stderr.splitlines()[-1]


def test_a_file_that_always_deploys_itself_is_refused(project: Project) -> None:
    """A call without a guard would deploy again on every run; an agent that loads the file says where it belongs."""
    (project.folder / "flow.py").write_text(script("").replace("if __name__ == '__main__':\n    ", ""))

    done = project.python("-m", "alisio.cli", "deploy", "flow.py:main", "--name", "a", "-p", "local")

    assert 1 == done.returncode
    assert "if __name__ == '__main__':" in done.stderr


def test_a_flow_is_found_where_it_is_defined() -> None:
    """Its entrypoint is its file, relative to the project, and its name in the module."""
    assert Source(Path(__file__).parent, "test_deploying.py:at_the_top") == source_of_flow(at_the_top)


def test_a_flow_that_cannot_be_found_again_is_refused() -> None:
    """A flow inside a function cannot be loaded by an agent."""

    @flow
    def inside() -> None:
        """A flow that only this test knows."""

    with pytest.raises(ProjectError, match="is not at the top of its module"):
        source_of_flow(inside)


def test_the_nearest_project_file_is_the_root(tmp_path: Path) -> None:
    """Without a project file the root is the folder of the flow's file."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "f.py").touch()

    assert Source(tmp_path / "flows", "f.py:f") == source_of_entrypoint("flows/f.py:f", tmp_path)
    (tmp_path / "alisio.yaml").touch()
    assert Source(tmp_path, "flows/f.py:f") == source_of_entrypoint("flows/f.py:f", tmp_path)


@pytest.mark.parametrize("entrypoint", ["f.py", "f.py:", ":f", "f.py:not a name", "f.py:a.b"])
def test_an_entrypoint_of_another_form_is_refused(tmp_path: Path, entrypoint: str) -> None:
    """The line shows the form that is wanted."""
    (tmp_path / "f.py").touch()

    with pytest.raises(ProjectError, match=r"must be path/to/file\.py:function"):
        source_of_entrypoint(entrypoint, tmp_path)


@pytest.mark.parametrize("how", ["../outside.py:f", "link.py:f"])
def test_code_outside_of_the_project_is_refused(tmp_path: Path, how: str) -> None:
    """Neither `..` nor a link leads out of a project file's folder."""
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "outside.py").touch()
    (root / "link.py").symlink_to(tmp_path / "outside.py")

    with pytest.raises(ProjectError, match="leaves the project"):
        source_in_project(how, root)
