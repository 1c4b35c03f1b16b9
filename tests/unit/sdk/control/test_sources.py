"""Flows from folders and Git repositories."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from alisio import Flow
from alisio import flow as decorator
from alisio.deployments.deploying import source_of_flow
from alisio.deployments.failures import ProjectError
from alisio.runner.storage import GitRepository, LocalStorage

SOURCE = "from alisio import flow\n\n@flow(name='{name}')\ndef main(): ...\n"


def git(folder: Path, *arguments: str) -> str:
    """Run Git as somebody."""
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a flow on its branch, and another one on the branch `next`."""
    monkeypatch.setenv("ALISIO_HOME", str(tmp_path / "home"))
    folder = tmp_path / "origin.git"
    (folder / "flows").mkdir(parents=True)
    git(folder, "init", "--quiet")
    for branch, name in (("main", "first"), ("next", "second")):
        git(folder, "checkout", "--quiet", "-B", branch)
        (folder / "flows" / "f.py").write_text(SOURCE.format(name=name))
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", name)
    git(folder, "checkout", "--quiet", "main")
    return folder


def test_a_flow_is_loaded_from_a_folder(tmp_path: Path) -> None:
    """It is deployed with all of that folder, also with other options; the entrypoint does not leave it."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "f.py").write_text(SOURCE.format(name="x"))
    for source in (tmp_path, str(tmp_path), LocalStorage(tmp_path)):
        flow = Flow.from_source(source, "sub/f.py:main")
        assert "x" == flow.name
        described = flow.with_options(retries=2).to_deployment("d", work_pool_name="p")
        assert (tmp_path, "sub/f.py:main") == (described.source.root, described.entrypoint)
    with pytest.raises(ProjectError, match="there is no folder"):
        Flow.from_source(tmp_path / "none", "f.py:main")
    with pytest.raises(ProjectError, match="there is no"):
        Flow.from_source(tmp_path, "none.py:main")


async def _loaded(folder: Path) -> Flow[..., Any]:
    return await decorator.afrom_source(folder, "f.py:main")


def test_the_decorator_loads_flows_too(tmp_path: Path) -> None:
    """`flow.from_source` is `Flow.from_source`, as those write who come from Prefect; `flow` still makes flows."""
    (tmp_path / "f.py").write_text(SOURCE.format(name="x"))
    assert "x" == decorator.from_source(source=str(tmp_path), entrypoint="f.py:main").name
    assert "x" == asyncio.run(_loaded(tmp_path)).name
    assert "y" == decorator(name="y")(git).name


def test_a_flow_is_loaded_from_a_repository(repository: Path) -> None:
    """Of its own branch, of another one, or of a commit; loaded again, with what is there then."""
    address = f"file://{repository}"
    flow = Flow.from_source(address, "flows/f.py:main")
    assert "first" == flow.name
    assert "flows/f.py:main" == source_of_flow(flow).entrypoint
    assert "second" == Flow.from_source(GitRepository(address, branch="next"), "flows/f.py:main").name
    commit = git(repository, "rev-parse", "main")
    (repository / "flows" / "f.py").write_text(SOURCE.format(name="third"))
    git(repository, "commit", "--quiet", "-am", "third")

    assert "third" == Flow.from_source(address, "flows/f.py:main").name
    pinned = GitRepository(address, commit_sha=commit, directories=["flows"])
    assert "first" == Flow.from_source(pinned, "flows/f.py:main").name


def test_a_repository_that_cannot_be_fetched_is_named_without_its_secret(repository: Path) -> None:
    """Git's own reason is told, on one line."""
    with pytest.raises(ProjectError, match="cannot be fetched") as caught:
        Flow.from_source(GitRepository(f"file://{repository}", branch="none"), "flows/f.py:main")
    assert 1 == len(str(caught.value).splitlines())
    secret = GitRepository("https://127.0.0.1:1/a.git", credentials={"access_token": "sesame"})
    with pytest.raises(ProjectError, match="cannot be fetched") as caught:
        secret.pull_code()
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"branch": "a", "commit_sha": "b"}, "not both"),
        ({"branch": "--upload-pack=x"}, "branch cannot be"),
        ({"credentials": {"access_token": "x"}}, "credentials go with an address that begins with https"),
    ],
)
def test_wrong_options_of_a_repository_are_refused(options: dict[str, Any], said: str) -> None:
    """What Git would take as an option of its own is none."""
    with pytest.raises(ValueError, match=said):
        GitRepository("git@host:a/b.git", **options)
