"""The CDK's command line: what is missing is said in one line, and what it prints is told from what it means."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from alisio.cloud import cdk
from alisio.cloud.cdk import Cdk, CdkFailedError, last_word
from alisio.cloud.errors import CloudError

VERSION = "2.1148.1"


def _program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app whose lock file names a version of the CDK, on a machine with Node.js and nothing else."""
    folder = tmp_path / "app"
    (folder / "cdk").mkdir(parents=True)
    package = {"devDependencies": {"aws-cdk": VERSION}}
    (folder / "cdk" / "package.json").write_text(json.dumps(package), encoding="utf-8")
    _program(tmp_path / "bin", "node", "echo v20.1.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    monkeypatch.setattr(cdk, "find_app", lambda: folder)
    monkeypatch.setattr(cdk, "find_spec", lambda _: object())
    return folder


def _install(app: Path, version: str, script: str = "exit 0") -> None:
    modules = app / "cdk" / "node_modules"
    (modules / "aws-cdk").mkdir(parents=True, exist_ok=True)
    (modules / "aws-cdk" / "package.json").write_text(json.dumps({"version": version}), encoding="utf-8")
    _program(modules / ".bin", "cdk", script)


def _refusal() -> str:
    with pytest.raises(CloudError) as caught:
        Cdk({}, lambda _: None)
    assert "\n" not in str(caught.value)
    return caught.value.code


def test_a_machine_without_node_is_told_so(app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback of a program that is not found, but what to install."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    assert "node_missing" == _refusal()


def test_a_node_that_is_too_old_is_refused(app: Path, tmp_path: Path) -> None:
    """Before the CDK fails in a way of its own."""
    _program(tmp_path / "bin", "node", "echo v16.20.2")

    assert "node_too_old" == _refusal()


def test_missing_libraries_of_the_app_are_named(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who installed Alisio without its extra `cloud` learns of that extra."""
    monkeypatch.setattr(cdk, "find_spec", lambda _: None)

    assert "cdk_libraries_missing" == _refusal()


def test_a_machine_without_npm_is_told_so(app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some packages of Node.js come without npm, which installs the CDK."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    assert "npm_missing" == _refusal()


def test_the_wrong_cdk_is_replaced_by_the_one_that_the_lock_file_names(app: Path, tmp_path: Path) -> None:
    """Another version in `node_modules` is not used: npm is asked for the locked one."""
    _install(app, "3.0.0")
    wanted = app / "cdk" / "node_modules" / "aws-cdk" / "package.json"
    _program(tmp_path / "bin", "npm", f"""echo '{{"version": "{VERSION}"}}' > '{wanted}'""")
    said: list[str] = []

    Cdk({}, said.append)

    assert [f"installing aws-cdk {VERSION} …"] == said


def test_a_cdk_that_cannot_be_installed_is_one_line(app: Path, tmp_path: Path) -> None:
    """The line holds npm's reason."""
    _program(tmp_path / "bin", "npm", "echo 'npm error code ENOTFOUND' >&2; exit 1")

    with pytest.raises(CloudError, match=r"aws-cdk 2\.1148\.1 cannot be installed with npm: code ENOTFOUND"):
        Cdk({}, lambda _: None)


def test_what_the_cdk_prints_is_shown_and_its_error_is_one_line(app: Path) -> None:
    """The app's own refusal is found among the CDK's lines about it."""
    script = "echo 'Synthesizing'; echo 'error: there is no stage qa'; echo 'Subprocess exited with error 1'; exit 1"
    _install(app, VERSION, script)
    said: list[str] = []

    with pytest.raises(CdkFailedError, match="`cdk deploy` failed: there is no stage qa"):
        Cdk({"stage": "qa"}, said.append).run("deploy", "--all")

    assert ["Synthesizing", "error: there is no stage qa", "Subprocess exited with error 1"] == said


def test_the_app_is_told_its_context_and_runs_on_this_python(app: Path) -> None:
    """The CDK gets the context as options, and the Python that has the app's libraries."""
    _install(app, VERSION, 'for part in "$@"; do echo "$part"; done')
    said: list[str] = []

    Cdk({"stage": "dev"}, said.append).run("synth")

    assert ["stage=dev"] == [line for before, line in pairwise(said) if before == "--context"]
    assert said[1].endswith('" -m cdk.app')


@pytest.mark.parametrize(
    ("script", "differs"), [("exit 0", False), ("echo 'Number of stacks with differences: 2'; exit 1", True)]
)
def test_a_difference_is_told_from_none(app: Path, script: str, differs: bool) -> None:
    """`cdk diff --fail` ends with 1 for both a difference and a failure."""
    _install(app, VERSION, script)

    assert differs is Cdk({}, lambda _: None).differs()


def test_a_failed_comparison_is_no_difference(app: Path) -> None:
    """It is an error, with the CDK's reason."""
    _install(app, VERSION, "echo 'error: no such app'; exit 1")

    with pytest.raises(CdkFailedError, match="`cdk diff` failed: no such app"):
        Cdk({}, lambda _: None).differs()


def test_the_last_word_of_a_program_is_its_last_error() -> None:
    """Colours and stops are left out; where there is no error, the last line stands for it."""
    assert "second" == last_word(["error: first.", "Error: second.", "see the log"])
    assert "see the log" == last_word(["Synthesizing", "see the log."])
    assert "it said nothing" == last_word([])


def test_the_last_word_of_npm_is_what_failed() -> None:
    """What it advises after that, and where it keeps its log, explain nothing."""
    advice = [
        "npm error network This is a problem related to network connectivity.",
        "npm error A complete log of this run",
    ]
    failed = "network request to https://npm.example/aws-cdk failed, reason: getaddrinfo ENOTFOUND npm.example"
    assert failed == last_word(["npm error code ENOTFOUND", f"npm error {failed}", *advice])
    assert "code EUSAGE" == last_word(["npm error code EUSAGE", advice[1]])


def test_npm_is_let_say_why_it_fails(app: Path, tmp_path: Path) -> None:
    """It is asked for its errors and for nothing else: told to be silent, it would not even give those."""
    _program(
        tmp_path / "bin", "npm", 'case "$*" in *--silent*) ;; *--loglevel=error*) echo "npm error why" ;; esac; exit 1'
    )

    with pytest.raises(CloudError, match="cannot be installed with npm: why"):
        Cdk({}, lambda _: None)
