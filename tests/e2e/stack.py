"""One scenario's view of an Alisio: commands, API, deployments and agents, in a work pool of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import textwrap
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.e2e.backends import ALISIO, Backend
from tests.waiting import wait_until

Answer = TypeVar("Answer")
Json = dict[str, Any]

TERMINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


class Api:
    """The HTTP API, whose answers are checked for their status.

    Args:
        api_url: Ends in `/api`.
        api_key: What is shown there, if anything is.
        timeout: Seconds that an answer may take.
    """

    def __init__(self, api_url: str, api_key: str | None = None, timeout: float = 30) -> None:
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._client = httpx.Client(base_url=api_url, headers=headers, timeout=timeout)

    def get(self, path: str, *, status: int = 200) -> Any:
        return self._send("GET", path, None, status)

    def post(self, path: str, body: Json | None = None, *, status: int = 200) -> Any:
        return self._send("POST", path, body, status)

    def delete(self, path: str, *, status: int = 204) -> Any:
        return self._send("DELETE", path, None, status)

    def close(self) -> None:
        self._client.close()

    def _send(self, method: str, path: str, body: Json | None, status: int) -> Any:
        response = self._client.request(method, path, json=body)
        assert status == response.status_code, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None


@dataclass(frozen=True)
class Deployed:
    """A deployment that a scenario made. `address` is `flow/deployment`."""

    id: str
    address: str


@dataclass
class Stack:
    """All that a scenario needs.

    Attributes:
        backend: Where it runs.
        folder: Its files; its flows are written here.
        pool: The name of its work pool. No other scenario uses it.
    """

    backend: Backend
    folder: Path
    api: Api
    pool: str = field(default_factory=lambda: f"pool-{uuid.uuid4().hex[:8]}")
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def open(self) -> None:
        """Make the scenario's work pool."""
        self.api.post("/work-pools", {"name": self.pool}, status=201)

    def close(self) -> None:
        """End all that the scenario started: schedules, runs, processes."""
        for deployment in self._deployments():
            self.api.delete(f"/deployments/{deployment['id']}")
        for run in self.runs(state_types=["SCHEDULED", "PENDING", "RUNNING"]):
            with suppress(AssertionError):  # it ended just now
                self.api.post(f"/flow-runs/{run['id']}/cancel")
        self.until(lambda: not self._unfinished(), "every run of the scenario to end", timeout=80)
        for process in self.processes:
            self.stop(process)
        self.api.close()

    def until(self, condition: Callable[[], Answer], what: str | Callable[[], str], *, timeout: float = 60) -> Answer:
        """Wait for a condition; see `wait_until`. Back ends that take longer are given longer."""
        return wait_until(condition, timeout * self.backend.patience, what)

    # Commands

    def cli(
        self, *arguments: str, code: int = 0, env: Mapping[str, str | None] | None = None, cwd: Path | None = None
    ) -> Result:
        """Run an `alisio` command to its end.

        Args:
            arguments: What stands after `alisio`.
            code: The exit code that it must have.
            env: Variables over those of the back end; None leaves one out.
            cwd: Where to run it; the scenario's folder where it is not given.
        """
        given = {**self.backend.environment, **(env or {})}
        done = subprocess.run(
            [*ALISIO, *arguments],
            env={name: value for name, value in given.items() if value is not None},
            cwd=cwd or self.folder,
            capture_output=True,
            text=True,
            timeout=110,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        assert code == result.code, f"alisio {' '.join(arguments)}: exit code {result.code}\n{result.out}{result.err}"
        return result

    def refused(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        """Run a command that must end as a mistake does: with code 1 and one line on stderr, which is returned."""
        result = self.cli(*arguments, code=1, env=env)
        lines = result.err.strip().splitlines()
        assert 1 == len(lines), result.err
        assert "" == result.out.strip()
        return lines[0]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start an `alisio` command that is ended with the scenario; its output goes to a file of the scenario."""
        number = len(self.processes)
        with (self.folder / f"process-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [*ALISIO, *arguments],
                env=self.backend.environment,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self.processes.append(process)
        return process

    def output(self, process: subprocess.Popen[str]) -> str:
        """Read what a command that was started has printed so far."""
        return (self.folder / f"process-{self.processes.index(process)}.log").read_text(encoding="utf-8")

    def stop(self, process: subprocess.Popen[str]) -> int:
        """End a command as `kill` does, and return its exit code."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise

    def start_agent(self, *options: str) -> subprocess.Popen[str]:
        """Start an agent on the scenario's pool, and wait until the server has heard of it."""
        name = f"agent-{uuid.uuid4().hex[:8]}"
        agent = self.start("agent", "start", "-p", self.pool, "--name", name, *options)

        def is_online() -> bool:
            assert agent.poll() is None, self.output(agent)
            agents = self.api.get(f"/agents?work_pool_name={self.pool}")["items"]
            return any(found["name"] == name and found["status"] == "online" for found in agents)

        self.until(is_online, f"{name} to be online")
        return agent

    # Deployments

    def write(self, name: str, text: str) -> Path:
        """Write a file of the scenario's project."""
        path = self.folder / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def deploy(self, source: str, *options: str, name: str | None = None) -> Deployed:
        """Deploy the flow `main` of a source text to the scenario's pool with `alisio deploy`.

        Args:
            source: The file; it is written to `project/flow.py`.
            options: More options of the command.
            name: The deployment's name; the same one again changes the deployment.
        """
        self.write("flow.py", source)
        name = name or f"d-{uuid.uuid4().hex[:8]}"
        self.cli("deploy", "flow.py:main", "--name", name, "-p", self.pool, *options, cwd=self.folder / "project")
        [found] = [deployment for deployment in self._deployments() if deployment["name"] == name]
        return Deployed(found["id"], f"{found['flow_name']}/{name}")

    def _deployments(self) -> list[Json]:
        query = {"filter": {"work_pool_names": [self.pool]}, "limit": 200}
        return list(self.api.post("/deployments/filter", query)["items"])

    # Runs

    def run(self, deployed: Deployed, *options: str) -> str:
        """Ask for a run with `alisio deployment run`, and return its id."""
        return str(self.cli("deployment", "run", deployed.address, *options, "--output", "json").json["id"])

    def create_runs(self, deployed: Deployed, *bodies: Json) -> list[str]:
        """Ask for several runs through the API, and return their ids in the same order."""
        path = f"/deployments/{deployed.id}/runs"
        return [self.api.post(path, body, status=201)["id"] for body in bodies]

    def runs(self, **narrowed: Any) -> list[Json]:
        """List the runs of the scenario's pool, the newest first."""
        query = {"filter": {"work_pool_names": [self.pool], **narrowed}, "limit": 200}
        return list(self.api.post("/flow-runs/filter", query)["items"])

    def read_run(self, run_id: str) -> Json:
        """Read one run."""
        return dict(self.api.get(f"/flow-runs/{run_id}"))

    def wait_for_run(self, run_id: str, *states: str, timeout: float = 80) -> Json:
        """Wait until a run's state has one of the types or names; with none given, until it has ended."""
        wanted = states or TERMINAL

        def arrived() -> Json:
            run = self.read_run(run_id)
            return run if {run["state"]["type"], run["state"]["name"]} & set(wanted) else {}

        def story() -> str:
            return f"{run_id} to be {' or '.join(wanted)}\n{self.history(run_id)}\n{self.logs(run_id)}"

        return self.until(arrived, story, timeout=timeout)

    def history(self, run_id: str) -> list[str]:
        """List the names of the states that a run was in, in order."""
        return [state["name"] for state in self.api.get(f"/flow-runs/{run_id}/states")]

    def running_time(self, run_id: str) -> tuple[datetime, datetime]:
        """Tell from when to when a run that has ended was running, by its states."""
        states = self.api.get(f"/flow-runs/{run_id}/states")
        began = next(state["timestamp"] for state in states if state["type"] == "RUNNING")
        return datetime.fromisoformat(began), datetime.fromisoformat(states[-1]["timestamp"])

    def most_at_once(self, run_ids: list[str]) -> int:
        """Tell how many of the runs, all ended, were running at the same time at most, by their states."""
        times = [self.running_time(run_id) for run_id in run_ids]
        return max(sum(began <= start < ended for began, ended in times) for start, _ in times)

    def logs(self, run_id: str) -> list[str]:
        """List the messages of a run's logs."""
        return [line["message"] for line in self.log_lines(run_id)]

    def log_lines(self, run_id: str) -> list[Json]:
        """List a run's log lines."""
        return list(self.api.post("/logs/filter", {"filter": {"flow_run_ids": [run_id]}, "limit": 1000})["items"])

    def task_runs(self, run_id: str) -> list[Json]:
        """List the task runs of a run, in the order in which they were made."""
        return list(self.api.post("/task-runs/filter", {"filter": {"flow_run_ids": [run_id]}, "limit": 200})["items"])

    def _unfinished(self) -> list[Json]:
        return self.runs(state_types=["SCHEDULED", "PENDING", "RUNNING", "CANCELLING"])
