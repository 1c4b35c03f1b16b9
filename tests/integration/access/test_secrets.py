"""A closed server, an agent and a run of it as real processes: the key opens everything, and is seen nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.waiting import wait_until

FLOW = """
    import json, sys, time
    from pathlib import Path
    from alisio import flow

    @flow
    def shown() -> None:
        print("the flow runs", flush=True)
        Path("../../../seen").write_text("x")
        while not Path("../../../go").exists():
            time.sleep(0.05)
        raise RuntimeError("a traceback for the logs")
"""


@dataclass
class Site:
    """A closed server and what it takes to run commands at it."""

    home: Path
    work: Path
    key: str

    def run(self, *arguments: str, key: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command with a key, by default the admin's."""
        return subprocess.run(
            [sys.executable, "-m", "alisio.cli", *arguments],
            cwd=self.work, env=self.environment(key, **more), capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def environment(self, key: str | None = None, **more: str) -> dict[str, str]:
        """Make the environment of a command; a key of `""` leaves the variable out, and the profile's holds."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ALISIO_")}
        shown = self.key if key is None else key
        return {**kept, "ALISIO_HOME": str(self.home), **({"ALISIO_API_KEY": shown} if shown else {}), **more}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A server in the background, closed by its first key."""
    site = Site(tmp_path / "home", tmp_path / "work", "")
    site.work.mkdir()
    started = site.run("server", "start", "--background", "--port", "0", "--create-admin-key")
    assert 0 == started.returncode, started.stderr
    first, _ = started.stdout.splitlines()
    site.key = first.rpartition(" ")[2]
    yield site
    site.run("server", "stop")


def command_lines() -> str:
    """Read the command line of every process of this machine, as `ps` shows them."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue  # it has ended meanwhile
    return "\n".join(lines)


def test_a_run_needs_the_key_and_shows_it_nowhere(site: Site) -> None:
    """Deploying, the agent, the supervisor and the download of the bundle all show it to the server, and to nobody."""
    (site.work / "shown.py").write_text(textwrap.dedent(FLOW))
    assert 0 == site.run("work-pool", "create", "pool").returncode
    made = site.run("api-key", "create", "agent", "--role", "agent")
    agent_key = made.stdout.strip()
    deployed = site.run("deploy", "shown.py:shown", "--name", "d", "--pool", "pool")
    assert 0 == deployed.returncode, deployed.stderr
    log = site.home / "agent.log"
    with log.open("w") as output:
        agent = subprocess.Popen(
            [sys.executable, "-m", "alisio.cli", "agent", "start", "--pool", "pool"],
            cwd=site.work, env=site.environment(agent_key, ALISIO_LOGGING_LEVEL="DEBUG"), stdout=output, stderr=output,
        )  # fmt: skip
    try:
        asked = site.run("deployment", "run", "shown/d", "--output", "json")
        assert 0 == asked.returncode, asked.stderr
        wait_until((site.home / "seen").exists, timeout=60, what=log.read_text)
        lines = command_lines()
        (site.home / "go").touch()
        wait_until(lambda: "FAILED" in site.run("flow-run", "ls", "--output", "json").stdout, timeout=60)
    finally:
        agent.terminate()
        agent.wait(timeout=30)
    run_id = httpx.Response(200, text=asked.stdout).json()["id"]
    said = [
        site.run(*command).stdout
        for command in (
            ("flow-run", "logs", run_id), ("flow-run", "inspect", run_id, "--output", "json"), ("audit", "ls"),
            ("api-key", "ls", "--output", "json"), ("config", "view"), ("server", "status"),
        )
    ]  # fmt: skip

    assert "a traceback for the logs" in said[0]
    for key in (site.key, agent_key):
        secret = key.split("_", 2)[2]
        assert secret not in lines
        assert all(secret not in text for text in said)
        for path in site.home.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_without_a_key_every_program_says_what_to_do(site: Site) -> None:
    """A command and an agent end with one line; a script runs, and says that it is not recorded."""
    (site.work / "flow.py").write_text(
        "from alisio import flow\n\n@flow\ndef by_hand():\n    return 1\n\nprint(by_hand())\n"
    )
    for arguments in (("flow", "ls"), ("agent", "start", "--pool", "p")):
        done = site.run(*arguments, key="")
        assert 1 == done.returncode
        (line,) = done.stderr.strip().splitlines()
        assert "wants an API key" in line and "ALISIO_API_KEY" in line

    script = subprocess.run(
        [sys.executable, "flow.py"],
        cwd=site.work, env=site.environment(""), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (0, "1\n") == (script.returncode, script.stdout)
    assert "wants an API key" in script.stderr
    assert "Traceback" not in script.stderr


def test_a_script_is_recorded_with_the_key(site: Site) -> None:
    """Its own run, by its own reports."""
    (site.work / "flow.py").write_text("from alisio import flow\n\n@flow\ndef by_hand():\n    return 1\n\nby_hand()\n")
    subprocess.run([sys.executable, "flow.py"], cwd=site.work, env=site.environment(), check=True, timeout=60)

    assert "by-hand" in (listed := site.run("flow-run", "ls").stdout) or "by_hand" in listed


def test_a_profile_that_holds_a_key_is_its_owners(site: Site) -> None:
    """Nobody else reads the file, and what shows settings masks the secret."""
    site.run("config", "set", f"ALISIO_API_KEY={site.key}")

    assert 0o600 == (site.home / "profiles.toml").stat().st_mode & 0o777
    shown = site.run("config", "view", key="").stdout
    assert site.key not in shown
    assert f"{site.key[:39]}_***" in shown
    assert 0 == site.run("flow", "ls", key="").returncode
