"""Named limits, limits on tags, and limits of deployments, on the command line and in the project file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alisio.deployments.failures import ProjectError
from alisio.deployments.project_file import read_project
from tests.unit.cli.conftest import Commands


def test_a_named_limit(commands: Commands) -> None:
    """A limit is made, shown, changed, switched off and on, reset and deleted by its name."""
    made = commands.run("gcl", "create", "api", "--limit", "5", "--slot-decay-per-second", "0.5").out
    assert "created concurrency limit api with 5 slots, 0.5 back a second\n" == made
    commands.run("gcl", "update", "api", "--limit", "7", "--disable")
    found = json.loads(commands.run("gcl", "inspect", "api", "-o", "json").out)
    assert (7, 0.5, False, 0) == tuple(
        found[key] for key in ("limit", "slot_decay_per_second", "active", "active_slots")
    )
    assert "enabled concurrency limit api\n" == commands.run("gcl", "enable", "api").out
    assert "reset concurrency limit api\n" == commands.run("gcl", "reset", "api").out
    [listed] = json.loads(commands.run("gcl", "ls", "-o", "json").out)
    assert ("api", True) == (listed["name"], listed["active"])
    assert "deleted concurrency limit api\n" == commands.run("gcl", "delete", "api", "--yes").out
    assert "alisio gcl create api --limit N" in commands.refused("gcl", "inspect", "api")


def test_a_limit_on_a_tag(commands: Commands) -> None:
    """It is a named limit of its own kind, and the commands take the tag."""
    commands.run("gcl", "create", "api", "--limit", "5")
    commands.run("concurrency-limit", "create", "heavy", "1")

    [listed] = json.loads(commands.run("concurrency-limit", "ls", "-o", "json").out)
    assert ("tag:heavy", 1) == (listed["name"], listed["limit"])
    assert "tag:heavy" in commands.run("concurrency-limit", "inspect", "heavy").out
    assert "reset the concurrency limit of tag heavy\n" == commands.run("concurrency-limit", "reset", "heavy").out
    commands.run("concurrency-limit", "delete", "heavy")
    assert "alisio concurrency-limit create heavy N" in commands.refused("concurrency-limit", "inspect", "heavy")


def test_what_cannot_be_said_of_limits(commands: Commands) -> None:
    """A mistake is one line that says what to do."""
    assert "a name has none of / % & < >" in commands.refused("gcl", "create", "a/b", "--limit", "1")
    assert "give --limit" in commands.refused("gcl", "update", "api")
    assert "not both" in commands.refused("gcl", "update", "api", "--enable", "--disable")
    assert "Invalid value for 'N'" in commands.refused("concurrency-limit", "create", "heavy", "none", code=2)
    deploy = ("deploy", "flow.py:main", "--name", "d", "-p", "local")
    assert "goes with --concurrency-limit" in commands.refused(*deploy, "--collision-strategy", "ENQUEUE")
    wrong = (*deploy, "--concurrency-limit", "1", "--collision-strategy", "shrug")
    assert "'shrug' must be ENQUEUE or CANCEL_NEW" in commands.refused(*wrong)


def project(folder: Path, limit: str) -> Path:
    """Write a project file whose deployment has a limit."""
    path = folder / "alisio.yaml"
    path.write_text(f"deployments:\n  - name: d\n    entrypoint: flow.py:main\n    concurrency_limit: {limit}\n")
    return path


@pytest.mark.parametrize(
    ("limit", "spec"),
    [
        ("3", {"concurrency_limit": 3, "collision_strategy": "ENQUEUE"}),
        (
            "{limit: 1, collision_strategy: CANCEL_NEW, grace_period_seconds: 120}",
            {"concurrency_limit": 1, "collision_strategy": "CANCEL_NEW", "grace_period_seconds": 120},
        ),
    ],
)
def test_a_project_file_limits_a_deployment(tmp_path: Path, limit: str, spec: dict[str, object]) -> None:
    """It says a number, or the number with what becomes of runs beyond it."""
    [entry] = read_project(project(tmp_path, limit))

    assert entry.concurrency_limit is not None
    assert spec == entry.concurrency_limit.to_spec()


@pytest.mark.parametrize(
    ("limit", "fault"),
    [("0", "concurrency_limit.limit"), ("{limit: 1, collision: x}", "did you mean 'collision_strategy'")],
)
def test_a_wrong_limit_in_a_project_file_is_told_by_its_line(tmp_path: Path, limit: str, fault: str) -> None:
    """The line of the file is named."""
    with pytest.raises(ProjectError, match=rf"alisio.yaml:4: .*{fault}"):
        read_project(project(tmp_path, limit))
