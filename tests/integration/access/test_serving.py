"""Serving tasks on a server with API keys: what an admin has made once, a key of an agent serves from then on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.access.test_secrets import Site

CODE = """
import sys
from alisio import task

@task
def double(number):
    return 2 * number

if __name__ == "__main__":
    if sys.argv[1] == "serve":
        double.serve(timeout=float(sys.argv[2]))
    else:
        print(double.delay(21).result(timeout=60))
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A server in the background that has keys, and a project with a task."""
    site = Site(tmp_path / "home", tmp_path / "work", "")
    site.work.mkdir()
    started = site.run("server", "start", "--background", "--port", "0", "--create-admin-key")
    assert (0, "") == (started.returncode, started.stderr)
    site.key = started.stdout.splitlines()[0].rpartition(" ")[2]
    (site.work / "doubling.py").write_text(CODE)
    yield site
    assert 0 == site.run("server", "stop").returncode


def script(site: Site, key: str, *arguments: str) -> subprocess.Popen[str]:
    """Start the project's file with a key."""
    return subprocess.Popen(
        [sys.executable, "doubling.py", *arguments],
        cwd=site.work,
        env=site.environment(key),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a script: how it has ended, its last line, and its last line of errors."""
    out, errors = process.communicate(timeout=90)
    return process.returncode, (out.splitlines() or [""])[-1], (errors.splitlines() or [""])[-1]


def new_key(site: Site, role: str) -> str:
    """Make a key."""
    made = site.run("api-key", "create", role, "--role", role)
    assert 0 == made.returncode, made.stderr
    return made.stdout.splitlines()[0].rpartition(" ")[2]


def test_a_key_of_an_agent_serves_what_an_admin_has_served_once(site: Site) -> None:
    """Before that, and once the task is another one, it says so in one line and changes nothing."""
    agent = new_key(site, "agent")
    status, _, why = said(script(site, agent, "serve", "60"))
    assert 1 == status
    assert "ProjectError: serving needs the work pool 'served', which an admin makes" in why

    assert 0 == said(script(site, site.key, "serve", "0.5"))[0]
    worker = script(site, agent, "serve", "60")
    try:
        assert (0, "42") == said(script(site, agent, "ask"))[:2]
    finally:
        worker.terminate()
        assert 0 == said(worker)[0]

    code = site.work / "doubling.py"
    code.write_text(code.read_text().replace("@task\n", "@task(retries=3)\n"))
    status, _, why = said(script(site, agent, "serve", "60"))
    assert 1 == status
    assert "has other retries, and this API key may not change it: serve it once as it is now with a key of" in why
